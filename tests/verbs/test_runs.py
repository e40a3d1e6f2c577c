"""What goes into a job: parameters, values, bounds. What comes out is tested end to end."""

import struct

import pytest

from qrsession.circuits.sources import PreparedCircuit
from qrsession.errors import CircuitError, InvalidValueError
from qrsession.protocol.typed import Array
from qrsession.pubs.values import ParameterValues
from qrsession.verbs.runs import MOST_SHOTS, RunRequest, check_shots, params_of

pytestmark = pytest.mark.fast

CIRCUIT = PreparedCircuit(
    wire={"__type__": "QuantumCircuit", "__value__": "…"},
    parameters=("alpha", "beta"),
    source_parameters=("alpha", "beta", "gone"),
    has_measurement=True,
)


def test_values_are_sent_in_the_circuits_order() -> None:
    request = RunRequest([], shots=7, values=ParameterValues.single({"beta": 2.0, "alpha": 1.0}))
    params = params_of([CIRCUIT], request)
    ((wire, values, shots),) = params["pubs"]
    assert (wire, shots) == (CIRCUIT.wire, 7)
    array = Array.from_wire(values)
    assert (array.shape, array.dtype) == ((2,), "<f8")
    assert struct.unpack("<2d", array.data) == (1.0, 2.0)
    assert {key: params[key] for key in ("options", "version", "support_qiskit")} == {
        "options": {},
        "version": 2,
        "support_qiskit": True,
    }


def test_a_value_that_transpiling_made_superfluous_is_taken() -> None:
    params = params_of(
        [CIRCUIT], RunRequest([], values=ParameterValues.single({"alpha": 1, "beta": 2, "gone": 3}))
    )
    assert Array.from_wire(params["pubs"][0][1]).shape == (2,)


def test_a_parameter_without_a_value_is_named() -> None:
    with pytest.raises(CircuitError, match="beta") as caught:
        params_of([CIRCUIT], RunRequest([], values=ParameterValues.single({"alpha": 1.0})))
    assert caught.value.details == {"parameters": ["beta"]}


def test_a_value_without_a_parameter_is_an_error() -> None:
    with pytest.raises(CircuitError, match="gamma"):
        params_of(
            [CIRCUIT],
            RunRequest([], values=ParameterValues.single({"alpha": 1, "beta": 1, "gamma": 1})),
        )


def test_shots_have_bounds() -> None:
    assert check_shots(None) is None
    assert check_shots(1) == 1
    for shots in (0, -1, MOST_SHOTS + 1):
        with pytest.raises(InvalidValueError, match="1 to"):
            check_shots(shots)
