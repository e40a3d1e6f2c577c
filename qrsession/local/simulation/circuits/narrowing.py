"""Circuits of a whole device, cut down to the few qubits that they use.

A qubit that nothing but measurements, resets, delays and barriers touch stays in state 0: it is
left out, and what it would be measured into stays 0 as it was. Registers and clbits are kept, so
outcomes look the same.
"""

from collections import Counter
from collections.abc import Iterator

from qiskit import QuantumCircuit
from qiskit.circuit import Barrier, CircuitInstruction, ControlFlowOp, Qubit

from qrsession.local.simulation.circuits.bits import Clbits, clbits_of

_TOUCHES_NOTHING = frozenset({"barrier", "delay"})
_LEAVES_ZERO = frozenset({"barrier", "delay", "measure", "reset"})


def narrowed(circuit: QuantumCircuit) -> QuantumCircuit:
    """Return a circuit on the used qubits alone, in their order; the same one if it uses all.

    Args:
        circuit: What `prepared` returned.
    """
    kept = _used(circuit)
    if len(kept) == circuit.num_qubits:
        return circuit
    return _without_others(circuit, kept)


def _used(circuit: QuantumCircuit) -> set[Qubit]:
    """Return the qubits that matter to the outcomes."""
    writers: Clbits = Counter(clbit for one in circuit.data for clbit in clbits_of(one))
    used: set[Qubit] = set()
    for instruction in circuit.data:
        operation = instruction.operation
        if isinstance(operation, ControlFlowOp):
            used.update(_used_in_blocks(operation, instruction.qubits))
        elif instruction.name not in _LEAVES_ZERO or _writes_over(instruction, writers):
            used.update(instruction.qubits)
    return used


def _writes_over(instruction: CircuitInstruction, writers: Clbits) -> bool:
    # A bit that something else writes or reads needs its 0 at the right moment.
    return any(writers[clbit] > 1 for clbit in instruction.clbits)


def _used_in_blocks(operation: ControlFlowOp, qubits: tuple[Qubit, ...]) -> Iterator[Qubit]:
    """Yield the qubits, of those that blocks are put on, to which something is done there."""
    for block in operation.blocks:
        outer = dict(zip(block.qubits, qubits, strict=True))
        for instruction in block.data:
            inner = instruction.operation
            if isinstance(inner, ControlFlowOp):
                yield from (outer[q] for q in _used_in_blocks(inner, instruction.qubits))
            elif instruction.name not in _TOUCHES_NOTHING:
                yield from (outer[qubit] for qubit in instruction.qubits)


def _append(target: QuantumCircuit, instruction: CircuitInstruction, kept: set[Qubit]) -> None:
    """Append what is left of an instruction on the kept qubits."""
    operation = instruction.operation
    qubits = [qubit for qubit in instruction.qubits if qubit in kept]
    if len(qubits) < len(instruction.qubits):
        if isinstance(operation, ControlFlowOp):
            operation = operation.replace_blocks(
                [_cut(block, instruction.qubits, kept) for block in operation.blocks]
            )
        elif instruction.name == "barrier" and qubits:
            operation = Barrier(len(qubits))
        else:
            # Of what is neither, either all qubits are kept or nothing happens.
            return
    target._append(operation, qubits, instruction.clbits)  # noqa: SLF001 - checked before


def _cut(block: QuantumCircuit, qubits: tuple[Qubit, ...], kept: set[Qubit]) -> QuantumCircuit:
    """Return a block, put on these qubits, without those that are not kept."""
    inner = {own for own, outer in zip(block.qubits, qubits, strict=True) if outer in kept}
    return _without_others(block, inner)


def _without_others(circuit: QuantumCircuit, kept: set[Qubit]) -> QuantumCircuit:
    """Return a circuit on these of its qubits alone, with all of its classical bits."""
    narrow = QuantumCircuit(
        [qubit for qubit in circuit.qubits if qubit in kept],
        circuit.clbits,
        global_phase=circuit.global_phase,
    )
    for register in circuit.cregs:
        narrow.add_register(register)
    for instruction in circuit.data:
        _append(narrow, instruction, kept)
    return narrow
