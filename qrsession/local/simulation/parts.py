"""Circuits taken apart: what shares no gate and no bit is simulated by itself.

A program that measures all qubits of a device, each in a basis of its own, looks as wide as the
device; most of its qubits have nothing to do with each other. Noise belongs to single gates, so
with noise, too, the outcomes of parts are independent of each other.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.circuit import CircuitInstruction, Clbit, ControlFlowOp, Qubit

_JOINS_NOTHING = frozenset({"barrier"})


@dataclass(frozen=True, slots=True)
class Part:
    """Qubits and bits of a circuit that nothing joins with others.

    Attributes:
        circuit: What is done to them, on the whole circuit's qubits, so that qubit i is still the
            device's qubit i.
        clbits: The positions of its clbits in the whole circuit.
        columns: The positions of its parameters in those of the whole circuit.
        qubits: The positions of the qubits that something is done to.
    """

    circuit: QuantumCircuit
    clbits: NDArray[np.intp]
    columns: list[int]
    qubits: tuple[int, ...]


def parts_of(circuit: QuantumCircuit) -> list[Part]:
    """Take a circuit apart. What writes no bit is left out: nobody would see it.

    Args:
        circuit: What `prepared` returned.
    """
    joined = _Joined()
    for instruction in _joining(circuit):
        joined.join((*instruction.qubits, *instruction.clbits))
    instructions: dict[Qubit | Clbit, list[CircuitInstruction]] = {}
    for instruction in _joining(circuit):
        root = joined.root((*instruction.qubits, *instruction.clbits)[0])
        instructions.setdefault(root, []).append(instruction)
    positions = {parameter: index for index, parameter in enumerate(circuit.parameters)}
    parts = []
    for own in instructions.values():
        clbits = {bit for instruction in own for bit in instruction.clbits}
        if not clbits:
            continue
        part = _with_only(circuit, own, clbits)
        qubits = {qubit for instruction in own for qubit in instruction.qubits}
        parts.append(
            Part(
                circuit=part,
                clbits=np.array([circuit.find_bit(bit).index for bit in part.clbits]),
                columns=[positions[parameter] for parameter in part.parameters],
                qubits=tuple(sorted(circuit.find_bit(qubit).index for qubit in qubits)),
            )
        )
    return parts


def _joining(circuit: QuantumCircuit) -> Iterator[CircuitInstruction]:
    return (
        instruction
        for instruction in circuit.data
        if instruction.name not in _JOINS_NOTHING and (instruction.qubits or instruction.clbits)
    )


def _with_only(
    circuit: QuantumCircuit, instructions: list[CircuitInstruction], clbits: set[Clbit]
) -> QuantumCircuit:
    if any(isinstance(instruction.operation, ControlFlowOp) for instruction in instructions):
        # Conditions may be on whole registers.
        part = circuit.copy_empty_like()
    else:
        part = QuantumCircuit(circuit.qubits, [bit for bit in circuit.clbits if bit in clbits])
    for instruction in instructions:
        part._append(instruction)  # noqa: SLF001 - checked when it was appended first
    return part


class _Joined:
    """Sets of bits that are joined as they are met with each other."""

    def __init__(self) -> None:
        self._parents: dict[Qubit | Clbit, Qubit | Clbit] = {}

    def root(self, bit: Qubit | Clbit) -> Qubit | Clbit:
        """Return the bit that stands for all that are joined with this one."""
        parents = self._parents
        while (parent := parents.setdefault(bit, bit)) != bit:
            parents[bit] = parents[parent]
            bit = parent
        return bit

    def join(self, bits: tuple[Qubit | Clbit, ...]) -> None:
        """Join these bits with each other."""
        first = self.root(bits[0])
        for bit in bits[1:]:
            self._parents[self.root(bit)] = first
