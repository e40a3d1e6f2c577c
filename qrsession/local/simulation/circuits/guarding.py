"""Circuits that branch and loop, in the one form that Aer reads rightly."""

from qiskit import QuantumCircuit
from qiskit.circuit import CircuitInstruction, Clbit, ControlFlowOp, Qubit


def is_dynamic(circuit: QuantumCircuit) -> bool:
    """Tell whether a circuit branches or loops."""
    return any(isinstance(instruction.operation, ControlFlowOp) for instruction in circuit.data)


def active_qubits(circuit: QuantumCircuit) -> list[Qubit]:
    """Return the qubits that something is done to, in the circuit's order."""
    used: set[Qubit] = set()
    for instruction in circuit.data:
        if instruction.name not in {"barrier", "delay"}:
            used.update(instruction.qubits)
    return [qubit for qubit in circuit.qubits if qubit in used]


def guarded(circuit: QuantumCircuit) -> QuantumCircuit:
    """Return a dynamic circuit in the one form that Aer reads rightly.

    It is narrowed to the qubits in use, which Aer itself does wrongly where there are loops; its
    blocks use the circuit's own bits, since Aer takes a condition within a block as it is written,
    whatever bits the block was put on; and it begins with a measurement that changes nothing, into
    one more clbit at the end, since Aer searches only what follows a measurement for the jumps
    that forbid to sample all shots at once.
    """
    qubits = active_qubits(circuit) or circuit.qubits[:1] or [Qubit()]
    scratch = Clbit()
    narrow = QuantumCircuit(qubits, circuit.clbits, global_phase=circuit.global_phase)
    for register in circuit.cregs:
        narrow.add_register(register)
    narrow.add_bits([scratch])
    narrow.measure(qubits[0], scratch)
    for instruction in circuit.data:
        if instruction.name not in {"barrier", "delay"}:
            _append_on_own_bits(narrow, instruction)
    return narrow


def _append_on_own_bits(target: QuantumCircuit, instruction: CircuitInstruction) -> None:
    operation = instruction.operation
    if isinstance(operation, ControlFlowOp):
        blocks = []
        for block in operation.blocks:
            mapped = QuantumCircuit([*instruction.qubits], [*instruction.clbits])
            mapped.compose(block, inplace=True)
            inner = mapped.copy_empty_like()
            for part in mapped.data:
                _append_on_own_bits(inner, part)
            blocks.append(inner)
        operation = operation.replace_blocks(blocks)
    target._append(operation, instruction.qubits, instruction.clbits)  # noqa: SLF001 - checked before
