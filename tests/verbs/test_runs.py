"""What goes into a job: parameters, values, bounds. What comes out is tested end to end."""

import math
import struct
from array import array
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from qiskit.primitives.containers.bindings_array import BindingsArray
from qiskit.primitives.containers.observables_array import ObservablesArray
from qiskit.quantum_info import SparsePauliOp

from qrsession.circuits.sources import PreparedCircuit
from qrsession.errors import CircuitError, InvalidValueError
from qrsession.options import Options
from qrsession.protocol.typed import Array
from qrsession.pubs.assignments import parse_values
from qrsession.pubs.observable_lists import read_observables
from qrsession.pubs.values import ParameterValues
from qrsession.pubs.wanted import WantedObservables
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


def test_of_many_parameters_a_few_are_named() -> None:
    names = tuple(f"theta[{number}]" for number in range(1000))
    circuit = replace(CIRCUIT, parameters=names, source_parameters=names)
    with pytest.raises(CircuitError, match=r"theta\[5\] and 994 more") as missing:
        params_of([circuit], RunRequest([]))
    assert missing.value.details == {"parameters": list(names)}
    wrong = ParameterValues.single({"theta": 1.0})
    with pytest.raises(CircuitError, match="'theta'") as unknown:
        params_of([circuit], RunRequest([], values=wrong))
    # By number, not by letter.
    assert "theta[1], theta[2], theta[3]" in unknown.value.advice
    for error in (missing.value, unknown.value):
        assert len(f"{error.message}{error.advice}") < 300


def test_advice_about_a_parameter_is_ready_for_a_shell() -> None:
    circuit = replace(CIRCUIT, parameters=("a b", "theta[0]"))
    with pytest.raises(CircuitError, match="a b") as caught:
        params_of([circuit], RunRequest([]))
    assert caught.value.advice.endswith("--param 'a b=0.5' --param 'theta[0]=0.5'")


def test_shots_have_bounds() -> None:
    assert check_shots(None) is None
    assert check_shots(1) == 1
    for shots in (0, -1, MOST_SHOTS + 1):
        with pytest.raises(InvalidValueError, match="1 to"):
            check_shots(shots)


# Two qubits on the third and the first of three.
LAID_OUT = replace(CIRCUIT, layouts=((2, 0),), num_wire_qubits=3)
SWEEP = parse_values(["alpha=0:1:5", "beta=0,1,2"])


def estimating(*texts: str, **fields: Any) -> RunRequest:
    return RunRequest([], primitive="estimator", observables=read_observables(texts), **fields)


def test_a_sweep_is_one_pub_with_an_array() -> None:
    ((_, values, _),) = params_of([CIRCUIT], RunRequest([], values=SWEEP))["pubs"]
    array = Array.from_wire(values)
    assert array.shape == (5, 3, 2)
    sent = np.frombuffer(array.data).reshape(array.shape)
    grid = np.meshgrid(np.linspace(0, 1, 5), [0.0, 1.0, 2.0], indexing="ij")
    assert np.array_equal(sent, np.stack(grid, axis=-1))


def test_text_has_the_values_of_a_sweep_by_name() -> None:
    text = replace(CIRCUIT, wire="OPENQASM 3.0;", parameters=("beta", "alpha"))
    ((_, values, _),) = params_of([text], RunRequest([], values=SWEEP))["pubs"]
    assert values == {"beta": SWEEP.nested("beta"), "alpha": SWEEP.nested("alpha")}


@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 1), (1, 1), (1, 3)])
def test_values_by_name_keep_the_shape_of_the_sweep(shape: tuple[int, ...]) -> None:
    """As the service reads them: by Qiskit's own rules."""
    column = array("d", range(math.prod(shape)))
    text = replace(CIRCUIT, wire="OPENQASM 3.0;", parameters=("a",), source_parameters=("a",))
    request = RunRequest([], values=ParameterValues({"a": column}, shape))
    ((_, values, _),) = params_of([text], request)["pubs"]
    found = BindingsArray(values)
    assert found.shape == shape
    assert found.as_array(["a"]).ravel().tolist() == list(column)


def test_a_circuit_without_the_parameters_of_a_sweep_is_run_once() -> None:
    plain = replace(CIRCUIT, parameters=(), source_parameters=())
    lost = replace(CIRCUIT, parameters=())
    pubs = params_of([CIRCUIT, plain, lost], RunRequest([], values=SWEEP))["pubs"]
    shapes = [Array.from_wire(values).shape for _, values, _ in pubs]
    # What the transpiler lost makes no difference, and has its place in the result all the same.
    assert shapes == [(5, 3, 2), (0,), (5, 3, 0)]


def test_one_observable_has_no_axis_and_several_are_the_first() -> None:
    one = params_of([LAID_OUT], estimating("0.5*ZX + XI", values=SWEEP, precision=0.1))
    ((wire, observable, values, precision),) = one["pubs"]
    assert (wire, precision) == (CIRCUIT.wire, 0.1)
    assert observable == {"XIZ": 0.5, "IIX": 1.0}
    assert Array.from_wire(values).shape == (5, 3, 2)
    assert "resilience_level" not in one
    several = params_of(
        [LAID_OUT], estimating("ZZ", "XX", values=SWEEP, options=Options(resilience_level=2))
    )
    ((_, observables, _, precision),) = several["pubs"]
    assert observables == [[[{"ZIZ": 1.0}]], [[{"XIX": 1.0}]]]
    assert ObservablesArray.coerce(observables).shape == (2, 1, 1)
    assert (precision, several["resilience_level"]) == (None, 2)
    point = parse_values(["alpha=1", "beta=1"])
    ((_, observables, _, _),) = params_of([LAID_OUT], estimating("ZZ", "XX", values=point))["pubs"]
    assert observables == [{"ZIZ": 1.0}, {"XIX": 1.0}]


def test_an_observable_of_another_width_is_told_by_both_names() -> None:
    point = parse_values(["alpha=1", "beta=1"])
    request = estimating("ZZ", "ZZZ", values=point)
    with pytest.raises(CircuitError) as caught:
        params_of([LAID_OUT], request, ["mine.qasm"])
    assert caught.value.message == "'ZZZ' has 3 letters, and mine.qasm has 2 qubits."
    assert caught.value.details == {"path": "mine.qasm", "observable": "ZZZ"}


@pytest.mark.parametrize(
    "text", ["0*ZZ", "ZZ - ZZ", "1e-8*ZZ", "0.5*ZZ + 0*XI - 0.5*ZZ", "1.1e-8*ZZ"]
)
def test_what_qiskit_takes_for_zero_is_not_sent(text: str) -> None:
    circuit = replace(CIRCUIT, layouts=((0, 1),), num_wire_qubits=2)
    values = ParameterValues.single({"alpha": 1, "beta": 1})
    wanted = read_observables([text])
    request = RunRequest([], "estimator", values=values, observables=wanted)
    terms = [(term.letters, term.coefficient) for term in wanted.items[0].terms]
    try:
        ObservablesArray(SparsePauliOp.from_list(terms))
    except ValueError:
        with pytest.raises(CircuitError, match="is zero"):
            params_of([circuit], request)
    else:
        assert params_of([circuit], request)["pubs"]


def test_nothing_is_estimated_of_a_sampler() -> None:
    assert not RunRequest([]).is_estimated
    assert not WantedObservables()
