"""Delays in seconds become time steps of the backend, before they are written."""

import pytest
from qiskit import QuantumCircuit

from qrsession.backend import Backend
from qrsession.circuits.delays import in_steps
from tests.documents import parsed

pytestmark = pytest.mark.fast
SIMULATOR = {
    "backend_name": "aer_simulator",
    "n_qubits": 2,
    "basis_gates": ["x"],
    "simulator": True,
}


def lengths(circuit: QuantumCircuit) -> list[tuple[float, str]]:
    found = []
    for instruction in circuit.data:
        if instruction.is_control_flow():
            found += [each for block in instruction.operation.blocks for each in lengths(block)]
        elif instruction.name == "delay":
            found.append((instruction.operation.duration, instruction.operation.unit))
    return found


def test_a_device_counts_in_its_own_steps() -> None:
    """Of 4 ns; they end where operations may start, and what is in steps stays."""
    backend = Backend(*parsed("fez"))
    circuit = QuantumCircuit(1, 1)
    circuit.delay(100, 0, unit="us")
    circuit.delay(13, 0, unit="dt")
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.delay(8e-6, 0, unit="s")
    changed = in_steps(circuit, lambda: backend)
    assert lengths(changed) == [(25_000, "dt"), (13, "dt"), (2_000, "dt")]
    assert lengths(circuit) == [(100, "us"), (13, "dt"), (8e-6, "s")]


def test_a_simulator_without_steps_gets_nanoseconds() -> None:
    circuit = QuantumCircuit(1)
    circuit.delay(2.5, 0, unit="us")
    assert lengths(in_steps(circuit, lambda: Backend(SIMULATOR))) == [(2500, "dt")]


def test_other_circuits_stay_as_they_are() -> None:
    circuit = QuantumCircuit(1)
    circuit.delay(circuit.add_stretch("rest"), 0)
    circuit.delay(5, 0, unit="dt")

    def unneeded() -> Backend:
        raise AssertionError

    assert in_steps(circuit, unneeded) is circuit
