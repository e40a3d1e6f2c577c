"""Gates that are Clifford whatever they are called, in the gates that Aer's stabilizer knows."""

import math

from qiskit import QuantumCircuit
from qiskit.circuit import CircuitInstruction, ControlFlowOp, Gate
from qiskit.circuit.controlflow import WhileLoopOp
from qiskit.exceptions import QiskitError
from qiskit.quantum_info import Clifford, Operator

_PLAIN = frozenset(
    ("id", "x", "y", "z", "h", "s", "sdg", "sx", "sxdg", "cx", "cy", "cz", "swap", "ecr")
)
_WIDEST = 2
# Angles are told apart to this: what is nearer has less effect than a million shots can show.
_DIGITS = 9


class CliffordGates:
    """Rewrites gates, and remembers those that it has met. For one circuit."""

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


def _as_circuit(gate: Gate) -> QuantumCircuit | None:
    try:
        if not all(math.isfinite(float(angle)) for angle in gate.params):
            return None
        return Clifford.from_matrix(Operator(gate).data).to_circuit()
    except QiskitError:
        return None
