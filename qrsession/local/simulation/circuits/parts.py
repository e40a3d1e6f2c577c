"""Circuits taken apart: what shares no gate and no bit is simulated by itself.

A program that measures all qubits of a device, each in a basis of its own, looks as wide as the
device; most of its qubits have nothing to do with each other. Noise belongs to single gates, so
with noise, too, the outcomes of parts are independent of each other.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from qiskit import QuantumCircuit
from qiskit.circuit import CircuitInstruction, Clbit, ControlFlowOp, Qubit, Store

from qrsession.local.simulation.circuits.bits import clbits_of


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Qubits and bits of a circuit that nothing joins with others.

    Attributes:
        whole: The circuit that it is a part of.
        instructions: What is done to them, in order.
        qubits: The positions of its qubits in the whole circuit.
        clbits: The positions of its clbits in the whole circuit.
    """

    whole: QuantumCircuit
    instructions: Sequence[CircuitInstruction]
    qubits: Sequence[int]
    clbits: Sequence[int]

    def circuit(self) -> tuple[QuantumCircuit, list[int]]:
        """Return a circuit that does this alone, and where in it the part's clbits are.

        It has all qubits of the whole circuit, so that qubit i is still the device's qubit i.
        """
        if any(isinstance(one.operation, ControlFlowOp | Store) for one in self.instructions):
            # Conditions and assignments may be about whole registers.
            circuit, clbits = self.whole.copy_empty_like(), list(self.clbits)
        else:
            own = [self.whole.clbits[position] for position in self.clbits]
            circuit, clbits = QuantumCircuit(self.whole.qubits, own), list(range(len(own)))
        for instruction in self.instructions:
            circuit._append(instruction)  # noqa: SLF001 - checked when it was appended first
        return circuit, clbits


def parts_of(circuit: QuantumCircuit) -> list[Part]:
    """Take a circuit apart. What writes no bit is left out: nobody would see it.

    Args:
        circuit: What `prepared` returned.
    """
    joined = _Joined()
    joining = []
    for instruction in circuit.data:
        bits = (*instruction.qubits, *clbits_of(instruction))
        if instruction.name != "barrier" and bits:
            joining.append((bits[0], instruction))
            joined.join(bits)
    parts: dict[Qubit | Clbit, list[CircuitInstruction]] = {}
    for bit, instruction in joining:
        parts.setdefault(joined.root(bit), []).append(instruction)
    place_of_qubit = {bit: place for place, bit in enumerate(circuit.qubits)}
    place_of_clbit = {bit: place for place, bit in enumerate(circuit.clbits)}
    found = (
        Part(
            whole=circuit,
            instructions=own,
            qubits=_places((one.qubits for one in own), place_of_qubit),
            clbits=_places((clbits_of(one) for one in own), place_of_clbit),
        )
        for own in parts.values()
    )
    return [part for part in found if part.clbits]


def _places(
    bits: Iterable[Sequence[Qubit | Clbit]], place_of: dict[Qubit | Clbit, int]
) -> list[int]:
    return sorted({place_of[bit] for some in bits for bit in some})


class _Joined:
    """Sets of bits that are joined as they are met with each other."""

    def __init__(self) -> None:
        self._parents: dict[Qubit | Clbit, Qubit | Clbit] = {}

    def root(self, bit: Qubit | Clbit) -> Qubit | Clbit:
        """Return the bit that stands for all that are joined with this one."""
        parents = self._parents
        while (parent := parents.setdefault(bit, bit)) is not bit:
            parents[bit] = parents[parent]
            bit = parent
        return bit

    def join(self, bits: Sequence[Qubit | Clbit]) -> None:
        """Join these bits with each other."""
        first = self.root(bits[0])
        for bit in bits[1:]:
            self._parents[self.root(bit)] = first
