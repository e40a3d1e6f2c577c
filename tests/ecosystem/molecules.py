"""The hydrogen molecule on two qubits, whose ground state is known."""

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.quantum_info import SparsePauliOp

# At 0.735 Å, in hartree without the repulsion of the nuclei, as Qiskit's tutorials have it.
HYDROGEN = SparsePauliOp.from_list(
    [
        ("II", -1.052373245772859),
        ("IZ", 0.39793742484318045),
        ("ZI", -0.39793742484318045),
        ("ZZ", -0.01128010425623538),
        ("XX", 0.18093119978423156),
    ]
)
GROUND_ENERGY = float(np.linalg.eigvalsh(HYDROGEN.to_matrix())[0])
# Its other eigenstate with two electrons that the ansatz reaches.
HIGHEST_REACHED = float(np.linalg.eigvalsh(HYDROGEN.to_matrix()[1:3, 1:3])[1])


def ansatz() -> QuantumCircuit:
    """Return a circuit with one angle that reaches the ground state."""
    circuit = QuantumCircuit(2)
    circuit.ry(Parameter("theta"), 0)
    circuit.x(1)
    circuit.cx(0, 1)
    return circuit


def ground_angle() -> float:
    """Return the angle at which the ansatz is the ground state."""
    _, states = np.linalg.eigh(HYDROGEN.to_matrix().real)
    return float(2 * np.arctan2(states[1, 0], states[2, 0]))


def largest_error(precision: float) -> float:
    """Return the most that the standard error of the energy can be, whatever the state.

    No term has more than the precision, and errors of terms that are measured together add up.
    """
    weights = [
        abs(weight)
        for term, weight in zip(HYDROGEN.paulis.to_labels(), HYDROGEN.coeffs, strict=True)
        if term != "II"
    ]
    return float(sum(weights)) * precision
