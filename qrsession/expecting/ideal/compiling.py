"""From a circuit to steps: matrices on numbered qubits, measurements, branches and loops."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.circuit import (
    Barrier,
    BreakLoopOp,
    ContinueLoopOp,
    ControlFlowOp,
    Delay,
    ForLoopOp,
    Gate,
    IfElseOp,
    Instruction,
    Measure,
    Reset,
    SwitchCaseOp,
    WhileLoopOp,
)
from qiskit.circuit.controlflow import CASE_DEFAULT, BoxOp
from qiskit.exceptions import QiskitError
from qiskit.quantum_info import Operator

from qrsession.expecting.ideal.conditions import Reading, reading_of
from qrsession.expecting.ideal.limits import MOST_STEPS, refuse

# A gate of more qubits is taken apart where it can be: its matrix has no limit.
_WIDEST_MATRIX = 4
_WIDEST_OF_ALL = 12
_DEEPEST = 100
# What devices call their variants of these two; they come without a definition.
_VARIANT = re.compile(r"(measure|reset)_\d+", re.ASCII)


@dataclass(frozen=True, eq=False)
class Unitary:
    """A matrix on qubits: complex, shape ``(2^k, 2^k)``, the first qubit least significant."""

    matrix: NDArray[np.complex128]
    qubits: tuple[int, ...]


@dataclass(frozen=True)
class Measurement:
    """A qubit measured into a classical bit."""

    qubit: int
    clbit: int


@dataclass(frozen=True)
class Resetting:
    """A qubit put into state 0."""

    qubit: int


@dataclass(frozen=True, eq=False)
class Choice:
    """One of several blocks, or none: that whose values have what is read, else the default."""

    reading: Reading
    blocks: Sequence[tuple[frozenset[int] | None, "Block"]]
    bits: "Bits"


@dataclass(frozen=True, eq=False)
class Repetition:
    """A block again and again, as long as a condition is met."""

    reading: Reading
    block: "Block"
    bits: "Bits"


@dataclass(frozen=True, eq=False)
class Rounds:
    """The rounds of a loop, one block each."""

    blocks: Sequence["Block"]
    bits: "Bits"


@dataclass(frozen=True)
class Leaving:
    """The end of a loop, or of one of its rounds."""

    is_break: bool


@dataclass(frozen=True)
class Bits:
    """The qubits and classical bits of an instruction."""

    qubits: tuple[int, ...]
    clbits: tuple[int, ...]


Step: TypeAlias = Unitary | Measurement | Resetting | Choice | Repetition | Rounds | Leaving
Block: TypeAlias = Sequence[Step]


def compile_circuit(circuit: QuantumCircuit) -> list[Step]:
    """Return the steps of a circuit.

    Raises:
        CircuitError: It has variables, an instruction without a definition, or too many operations.
    """
    bits = {bit: index for index, bit in enumerate(circuit.qubits)}
    bits |= {bit: index for index, bit in enumerate(circuit.clbits)}
    return _Compiler().block(circuit, bits, 0)


class _Compiler:
    """Counts the operations of one circuit while it writes them out."""

    def __init__(self) -> None:
        self._steps = 0

    def block(self, circuit: QuantumCircuit, bits: Mapping[Any, int], depth: int) -> list[Step]:
        if circuit.num_vars or circuit.num_stretches:
            raise refuse("the circuit has classical variables")
        if depth > _DEEPEST:
            raise refuse(f"its gates or blocks are nested more than {_DEEPEST} levels deep")
        steps: list[Step] = []
        for instruction in circuit.data:
            self._steps += 1
            if self._steps > MOST_STEPS:
                raise refuse(f"it has more than {MOST_STEPS} operations when written out")
            place = Bits(
                tuple(bits[qubit] for qubit in instruction.qubits),
                tuple(bits[clbit] for clbit in instruction.clbits),
            )
            steps += self._steps_of(instruction.operation, place, bits, depth)
        return steps

    def _steps_of(
        self, operation: Any, place: Bits, bits: Mapping[Any, int], depth: int
    ) -> Iterator[Step]:
        if isinstance(operation, Barrier | Delay):
            return
        variant = _variant_of(operation)
        if isinstance(operation, Measure) or variant == "measure":
            yield Measurement(place.qubits[0], place.clbits[0])
        elif isinstance(operation, Reset) or variant == "reset":
            yield Resetting(place.qubits[0])
        elif isinstance(operation, BreakLoopOp | ContinueLoopOp):
            yield Leaving(isinstance(operation, BreakLoopOp))
        elif isinstance(operation, ControlFlowOp):
            yield from self._flow(operation, place, bits, depth)
        elif isinstance(operation, Gate) and operation.num_qubits <= _WIDEST_MATRIX:
            yield Unitary(_matrix_of(operation), place.qubits)
        elif isinstance(definition := getattr(operation, "definition", None), QuantumCircuit):
            yield from self._inner(definition, place, depth)
        elif not place.clbits and operation.num_qubits <= _WIDEST_OF_ALL:
            yield Unitary(_matrix_of(operation), place.qubits)
        else:
            raise refuse(f"the instruction {operation.name!r} has no definition")

    def _flow(
        self, operation: Any, place: Bits, bits: Mapping[Any, int], depth: int
    ) -> Iterator[Step]:
        # A condition is in the bits of the circuit around it, a block in its own.
        if isinstance(operation, BoxOp):
            yield from self._inner(operation.body, place, depth)
        elif isinstance(operation, ForLoopOp):
            yield Rounds(self._rounds(operation, place, depth), place)
        elif isinstance(operation, WhileLoopOp):
            block = self._inner(operation.blocks[0], place, depth)
            yield Repetition(reading_of(operation.condition, bits), block, place)
        elif isinstance(operation, IfElseOp):
            values = (frozenset({1}), None)
            blocks = [self._inner(block, place, depth) for block in operation.blocks]
            pairs = list(zip(values, blocks, strict=False))
            yield Choice(_truth(reading_of(operation.condition, bits)), pairs, place)
        elif isinstance(operation, SwitchCaseOp):
            cases = [
                (
                    None if CASE_DEFAULT in labels else frozenset(map(int, labels)),
                    self._inner(block, place, depth),
                )
                for labels, block in operation.cases_specifier()
            ]
            yield Choice(reading_of(operation.target, bits), cases, place)
        else:
            raise refuse(f"the instruction {operation.name!r} is not known")

    def _rounds(self, loop: ForLoopOp, place: Bits, depth: int) -> list[Block]:
        indices, parameter, body = loop.params
        if isinstance(indices, range) and (indices[MOST_STEPS:] or None):
            raise refuse(f"it has more than {MOST_STEPS} operations when written out")
        if not hasattr(indices, "__iter__"):
            raise refuse("a loop counts over something that is not known beforehand")
        if parameter is None or parameter not in body.parameters:
            block: Block = self._inner(body, place, depth)
            self._steps += len(block) * len(indices)
            return [block] * len(indices)
        return [
            self._inner(body.assign_parameters({parameter: index}), place, depth)
            for index in indices
        ]

    def _inner(self, circuit: QuantumCircuit, place: Bits, depth: int) -> list[Step]:
        inner = dict(zip(circuit.qubits, place.qubits, strict=True))
        inner |= dict(zip(circuit.clbits, place.clbits, strict=True))
        return self.block(circuit, inner, depth + 1)


def _truth(reading: Reading) -> Reading:
    return lambda bits: int(bool(reading(bits)))


def _variant_of(operation: Any) -> str:
    match = _VARIANT.fullmatch(operation.name)
    if match is None or type(operation) is not Instruction or operation.definition is not None:
        return ""
    return match[1] if (operation.num_qubits, operation.num_clbits) in {(1, 1), (1, 0)} else ""


def _matrix_of(operation: Any) -> NDArray[np.complex128]:
    try:
        matrix: NDArray[np.complex128] = Operator(operation).data
    except QiskitError as error:
        raise refuse(f"the instruction {operation.name!r} has no matrix") from error
    return matrix
