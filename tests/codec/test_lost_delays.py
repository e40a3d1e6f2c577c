"""Delays on their way to a service: QPY keeps their length and loses its unit."""

import io
from typing import Any

import pytest
from qiskit import QuantumCircuit, qpy
from qiskit.circuit import Parameter

from qrsession.codec import circuits_from_qpy, circuits_to_qpy
from qrsession.errors import CircuitError

pytestmark = pytest.mark.fast


def waiting(length: Any, unit: str, *, in_branch: bool = False) -> QuantumCircuit:
    circuit = QuantumCircuit(1, 1)
    circuit.measure(0, 0)
    if in_branch:
        with circuit.if_test((circuit.clbits[0], 1)):
            circuit.delay(length, 0, unit=unit)
    else:
        circuit.delay(length, 0, unit=unit)
    return circuit


@pytest.mark.parametrize("in_branch", [False, True])
@pytest.mark.parametrize(
    ("length", "unit"), [(3, "us"), (2.5, "ns"), (Parameter("t"), "dt"), (Parameter("t") * 2, "s")]
)
def test_what_would_be_lost_is_not_written(length: Any, unit: str, in_branch: bool) -> None:
    with pytest.raises(CircuitError, match="QPY loses"):
        circuits_to_qpy([waiting(length, unit, in_branch=in_branch)])


@pytest.mark.parametrize("in_branch", [False, True])
@pytest.mark.parametrize(("length", "unit"), [(2.5, "ns"), (Parameter("t"), "dt")])
def test_what_was_lost_is_told_by_the_reader(length: Any, unit: str, in_branch: bool) -> None:
    """A whole number of microseconds is not told from time steps any more."""
    buffer = io.BytesIO()
    qpy.dump(waiting(length, unit, in_branch=in_branch), buffer, version=17)
    with pytest.raises(CircuitError, match="QPY has lost"):
        circuits_from_qpy(buffer.getvalue())


def test_time_steps_and_expressions_go_through() -> None:
    circuit = waiting(100, "dt", in_branch=True)
    circuit.delay(circuit.add_stretch("rest"), 0)
    assert circuits_from_qpy(circuits_to_qpy([circuit])) == [circuit]
