"""Which measurements are at the end of a circuit."""

import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Parameter
from qiskit.circuit.classical import expr

from qrsession.circuits.final_measurements import without_final_measurements
from qrsession.circuits.reading import read_circuits
from qrsession.circuits.sources import read_source

pytestmark = pytest.mark.fast


def counted(circuit: QuantumCircuit) -> tuple[int, int]:
    """Return how many measurements and classical bits are left."""
    left = without_final_measurements(circuit)
    return left.count_ops().get("measure", 0), left.num_clbits


def test_what_ends_with_measurements_loses_them_and_its_bits() -> None:
    circuit = QuantumCircuit(QuantumRegister(2, "mine"), global_phase=0.5, metadata={"a": 1})
    circuit.rx(Parameter("theta"), 0)
    whole = circuit.copy()
    circuit.measure_all()
    left = without_final_measurements(circuit)
    assert left == whole
    assert left.metadata == {"a": 1}
    assert left.qregs == whole.qregs


def test_without_any_it_is_the_circuit_itself() -> None:
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    assert without_final_measurements(circuit) is circuit
    circuit.measure(0, 0)
    circuit.x(0)
    assert without_final_measurements(circuit) is circuit


@pytest.mark.parametrize(("name", "left"), [("dynamic", 1), ("teleportation", 2), ("bell", 0)])
def test_what_decides_something_stays(name: str, left: int) -> None:
    (circuit,) = read_circuits(read_source(f"@{name}"))
    measurements, bits = counted(circuit)
    assert measurements == left
    assert bool(bits) is bool(left)


def test_what_a_variable_is_made_of_stays() -> None:
    circuit = QuantumCircuit(2, 2)
    circuit.measure(0, 0)
    circuit.add_var("v", expr.lift(circuit.clbits[0]))
    circuit.measure(1, 1)
    assert counted(circuit) == (1, 2)


def test_barriers_within_the_measurements_are_no_hindrance() -> None:
    circuit = QuantumCircuit(QuantumRegister(3), ClassicalRegister(1))
    circuit.h(0)
    circuit.barrier()
    circuit.h(1)
    circuit.measure(0, 0)
    circuit.barrier()
    circuit.measure(1, 0)
    left = without_final_measurements(circuit)
    assert left.count_ops() == {"h": 2, "barrier": 1}
    assert left.num_clbits == 0
