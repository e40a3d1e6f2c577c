"""Gates that are Clifford whatever they are called, in the gates that Aer's stabilizer knows."""

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.circuit import CircuitInstruction, ControlFlowOp, Gate
from qiskit.circuit.controlflow import WhileLoopOp
from qiskit.circuit.library import get_standard_gate_name_mapping
from qiskit.exceptions import QiskitError
from qiskit.quantum_info import Clifford, Operator, Pauli

_PLAIN = frozenset(
    ("id", "x", "y", "z", "h", "s", "sdg", "sx", "sxdg", "cx", "cy", "cz", "swap", "ecr")
)
_WIDEST = 2
# Angles are told apart to this: what is nearer has less effect than a million shots can show.
_DIGITS = 9


_Images = tuple[tuple[int, int], tuple[int, int]]


@cache
def conjugations(name: str) -> tuple[_Images, ...]:
    """Return what X and Z of each qubit become behind a gate: masks of X and Z by qubit.

    Args:
        name: The name of a standard gate that turns Paulis into Paulis.
    """
    gate = get_standard_gate_name_mapping()[name]
    images = []
    for place in range(gate.num_qubits):
        pair = []
        for letter in "XZ":
            label = ["I"] * gate.num_qubits
            label[-1 - place] = letter
            image = Pauli("".join(label)).evolve(gate, frame="s")
            pair.append((_mask(image.x), _mask(image.z)))
        images.append((pair[0], pair[1]))
    return tuple(images)


def _mask(bits: NDArray[np.bool_]) -> int:
    return sum(1 << place for place, bit in enumerate(bits) if bit)


class CliffordGates:
    """Rewrites gates, and remembers those that it has met."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, tuple[float, ...]], QuantumCircuit | None] = {}

    def rewritten(self, instruction: CircuitInstruction) -> list[CircuitInstruction] | None:
        """Return what stands for a gate, on its own qubits; None if it is not Clifford."""
        gate = instruction.operation
        if instruction.name in _PLAIN:
            return [instruction]
        if not isinstance(gate, Gate) or gate.num_qubits > _WIDEST:
            return None
        angles = tuple(round(float(angle), _DIGITS) for angle in gate.params)
        key = (instruction.name, angles)
        if key not in self._known:
            self._known[key] = _as_circuit(gate)
        circuit = self._known[key]
        if circuit is None:
            return None
        outer = dict(zip(circuit.qubits, instruction.qubits, strict=True))
        return [part.replace(qubits=[outer[qubit] for qubit in part.qubits]) for part in circuit]

    def accept(self, circuit: QuantumCircuit) -> bool:
        """Tell whether a circuit without parameters runs as a stabilizer with noise."""
        for instruction in circuit.data:
            operation = instruction.operation
            if isinstance(operation, WhileLoopOp):
                # Aer draws the errors of a shot before it, so each turn would have the same ones.
                return False
            if isinstance(operation, ControlFlowOp):
                if not all(self.accept(block) for block in operation.blocks):
                    return False
            elif isinstance(operation, Gate) and self.rewritten(instruction) is None:
                return False
        return True

    def plain(self, circuit: QuantumCircuit) -> QuantumCircuit:
        """Return a circuit, which was accepted and does not branch, in the stabilizer's gates."""
        target = circuit.copy_empty_like()
        for instruction in circuit.data:
            if instruction.name == "delay":
                continue
            for part in self.rewritten(instruction) or [instruction]:
                target._append(part)  # noqa: SLF001 - checked before
        return target


def _as_circuit(gate: Gate) -> QuantumCircuit | None:
    try:
        if not all(math.isfinite(float(angle)) for angle in gate.params):
            return None
        return Clifford.from_matrix(Operator(gate).data).to_circuit()
    except QiskitError:
        return None
