"""From the values of classical bits to bitstrings, and where each qubit ends up in them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.circuit import Barrier, Clbit, ControlFlowOp, Delay, Measure

_ZERO, _ONE, _SPACE = b"01 "


class Registers:
    """The classical registers of a circuit, as they stand in its bitstrings.

    Args:
        circuit: The circuit. A bit may be in several of its registers, or in none.
    """

    def __init__(self, circuit: QuantumCircuit) -> None:
        self.num_clbits = circuit.num_clbits
        # From left to right: the last register comes first, and in each the last bit.
        columns: list[int | None] = []
        for register in reversed(circuit.cregs):
            columns += [None] if columns else []
            columns += [circuit.find_bit(bit).index for bit in reversed(register)]
        self._columns = columns
        self.widths = [register.size for register in reversed(circuit.cregs)]

    def position_of(self, clbit: int) -> int | None:
        """Return where a bit is, counted from the right without spaces; None if in no register."""
        bits = [column for column in reversed(self._columns) if column is not None]
        return bits.index(clbit) if clbit in bits else None

    def bitstrings(self, fixed: int, values: Mapping[int, NDArray[np.bool_]]) -> list[str]:
        """Return the bitstrings of many outcomes.

        Args:
            fixed: The values of all bits, bit 0 of it for classical bit 0.
            values: For the bits that differ, their values: bool, shape ``(outcomes,)``.
        """
        size = len(next(iter(values.values()))) if values else 1
        text = np.full((size, len(self._columns)), _SPACE, np.uint8)
        for at, clbit in enumerate(self._columns):
            if clbit is None:
                continue
            text[:, at] = (
                np.where(values[clbit], _ONE, _ZERO)
                if clbit in values
                else (_ONE if fixed >> clbit & 1 else _ZERO)
            )
        width = len(self._columns)
        whole = text.tobytes().decode("ascii")
        return [whole[at * width : (at + 1) * width] for at in range(size)]


def final_positions(circuit: QuantumCircuit) -> Sequence[int | None]:
    """Return where in a bitstring the final measurement of each qubit is.

    It is counted from the right, without spaces; None for a qubit whose last operation is no
    measurement, or one whose bit is overwritten later or in no register. What stands in a branch or
    a loop, or in an instruction made of others, may not happen and counts as another operation.
    """
    registers = Registers(circuit)
    positions: list[int | None] = [None] * circuit.num_qubits
    settled: set[int] = set()
    written: set[int] = set()
    for instruction in reversed(circuit.data):
        if isinstance(instruction.operation, Barrier | Delay):
            continue
        qubits = [circuit.find_bit(qubit).index for qubit in instruction.qubits]
        clbits = [circuit.find_bit(clbit).index for clbit in instruction.clbits]
        if isinstance(instruction.operation, Measure):
            (qubit,), (clbit,) = qubits, clbits
            if qubit not in settled and clbit not in written:
                positions[qubit] = registers.position_of(clbit)
        settled.update(qubits)
        written.update(clbits[at] for at in _written(instruction.operation, len(clbits)))
    return positions


def _written(operation: Any, num_clbits: int) -> set[int]:
    """Return which of its bits an instruction may write; a branch reads others."""
    if not isinstance(operation, ControlFlowOp):
        return set(range(num_clbits))
    return {
        block.find_bit(clbit).index
        for block in operation.blocks
        for instruction in block.data
        for clbit in _written_bits(instruction)
    }


def _written_bits(instruction: Any) -> list[Clbit]:
    places = _written(instruction.operation, len(instruction.clbits))
    return [instruction.clbits[at] for at in places]
