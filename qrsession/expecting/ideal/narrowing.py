"""What of a program decides its outcomes: which steps, which qubits, and what is measured last."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from qrsession.expecting.ideal.compiling import (
    Bits,
    Choice,
    Measurement,
    Repetition,
    Resetting,
    Rounds,
    Step,
    Unitary,
)

T = TypeVar("T", Unitary, Measurement, Resetting)


@dataclass(frozen=True)
class Program:
    """The steps that matter, on qubits that are numbered from 0.

    Attributes:
        steps: All but the final measurements.
        final: The measurements after which nothing happens to their qubits and bits.
        num_qubits: How many qubits there are.
    """

    steps: Sequence[Step]
    final: Sequence[Measurement]
    num_qubits: int

    @property
    def gates(self) -> list[Unitary]:
        """Its gates, in order."""
        return [step for step in self.steps if isinstance(step, Unitary)]

    @property
    def has_branches(self) -> bool:
        """Whether anything but gates comes before the final measurements."""
        return len(self.gates) < len(self.steps)


def narrow(steps: Sequence[Step]) -> Program:
    """Leave out gates that no measurement sees, and qubits that are then left alone.

    A gate is seen where one of its qubits is, in the steps after it, measured, or in a gate that is
    seen; not if it is reset in between.
    """
    kept: list[Step] = []
    final: list[Measurement] = []
    seen: set[int] = set()
    touched: set[int] = set()
    used_clbits: set[int] = set()
    for step in reversed(steps):
        bits = _bits_of(step)
        if isinstance(step, Unitary | Resetting) and seen.isdisjoint(bits.qubits):
            continue
        is_free = touched.isdisjoint(bits.qubits) and used_clbits.isdisjoint(bits.clbits)
        if isinstance(step, Measurement) and is_free:
            final.append(step)
        else:
            kept.append(step)
        touched.update(bits.qubits)
        used_clbits.update(bits.clbits)
        seen.update(bits.qubits)
        if isinstance(step, Resetting):
            seen.discard(step.qubit)
    qubits = sorted({qubit for step in (*kept, *final) for qubit in _bits_of(step).qubits})
    numbers = {qubit: number for number, qubit in enumerate(qubits)}
    return Program(
        [_renumbered(step, numbers) for step in reversed(kept)],
        [replace(step, qubit=numbers[step.qubit]) for step in reversed(final)],
        len(qubits),
    )


def _bits_of(step: Step) -> Bits:
    if isinstance(step, Unitary):
        return Bits(step.qubits, ())
    if isinstance(step, Measurement):
        return Bits((step.qubit,), (step.clbit,))
    if isinstance(step, Resetting):
        return Bits((step.qubit,), ())
    if isinstance(step, Choice | Repetition | Rounds):
        return step.bits
    return Bits((), ())


def _renumbered(step: Step, numbers: dict[int, int]) -> Step:
    if isinstance(step, Unitary):
        return replace(step, qubits=tuple(numbers[qubit] for qubit in step.qubits))
    if isinstance(step, Measurement | Resetting):
        return replace(step, qubit=numbers[step.qubit])
    if isinstance(step, Choice):
        blocks = [(values, _all(block, numbers)) for values, block in step.blocks]
        return replace(step, blocks=blocks)
    if isinstance(step, Repetition):
        return replace(step, block=_all(step.block, numbers))
    if isinstance(step, Rounds):
        # Rounds that are one block stay one.
        known: dict[int, list[Step]] = {}
        for block in step.blocks:
            if id(block) not in known:
                known[id(block)] = _all(block, numbers)
        return replace(step, blocks=[known[id(block)] for block in step.blocks])
    return step


def _all(block: Sequence[Step], numbers: dict[int, int]) -> list[Step]:
    return [_renumbered(step, numbers) for step in block]
