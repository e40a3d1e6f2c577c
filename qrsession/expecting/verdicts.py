"""Whether what is expected of results holds.

An expectation is about each circuit by itself. It holds where the value that was seen meets its
bound, as it was asked for; the value's error stands beside it and decides nothing.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from qrsession.errors import CircuitError, ExpectationError
from qrsession.expecting.agreement import (
    Distribution,
    Measured,
    average,
    fidelity,
    perfect_fidelity,
    perfect_total_variation,
    total_variation,
)
from qrsession.expecting.wanted import Expectation, Kind
from qrsession.pubs.observables import reader_of

_MOST_DECIMALS = 12


@dataclass(frozen=True)
class Ground:
    """What a circuit's result is held against, known before it runs.

    Attributes:
        circuit: What the circuit is called.
        widths: The widths of the registers in its bitstrings, from left to right.
        num_qubits: How many qubits it has.
        positions: For each qubit, where its final bit is in a bitstring, counted from the right
            without spaces; None where it is not measured at the end.
        distribution: What is to come out, None where nobody asks.
        unit: What a letter of an observable stands for.
    """

    circuit: str
    widths: Sequence[int]
    num_qubits: int
    positions: Sequence[int | None]
    distribution: Distribution | None = None
    unit: str = "qubit"


@dataclass(frozen=True)
class Verdict:
    """What was seen of an expectation.

    Attributes:
        expectation: What was expected.
        circuit: What the circuit is called.
        pub: Its index among all circuits of the command.
        seen: The value, with its standard error.
        perfect: What a perfect device comes to on average with as many shots; None where that is
            the exact value itself.
        job_id: The job that it was run in.
        point: The point of a sweep at which it was seen, in C order: that where it holds least.
    """

    expectation: Expectation
    circuit: str
    pub: int
    seen: Measured
    perfect: float | None = None
    job_id: str | None = None
    point: int | None = None

    @property
    def holds(self) -> bool:
        """Whether the value meets the expectation."""
        return self.expectation.holds_for(self.seen.value)

    @property
    def verb(self) -> str:
        """Say in a word whether the expectation holds."""
        return "holds" if self.holds else "fails"

    @property
    def is_close(self) -> bool:
        """Whether a bound is within the value's error: other shots might decide otherwise."""
        bounds = self.expectation.range
        return any(abs(self.seen.value - bound) <= self.seen.error for bound in bounds)

    def claim(self, plus_minus: str = "±") -> str:
        """Return what was seen and what was asked for, in words, without the circuit."""
        seen = f"{self.figures(plus_minus)}, {self.expectation.wish(plus_minus)}"
        at = "" if self.point is None else f" at point {self.point}:"
        return f"{self.expectation.title}{at} {seen}"

    def sentence(self, plus_minus: str = "±") -> str:
        """Return the claim, and in brackets what is to be thought of it."""
        words = self.claim(plus_minus)
        notes = []
        if self.is_close:
            notes.append("within error")
        if self.perfect is not None:
            notes.append(f"shot noise gives {_decimal(self.perfect, self.seen.error)}")
        return f"{words} ({'; '.join(notes)})" if notes else words

    def figures(self, plus_minus: str = "±") -> str:
        """Return the value and its error, with as many digits as say something."""
        value, error = self.seen.value, self.seen.error
        low, high = self.expectation.range
        decimals = _decimals(error)
        # A value just below its bound must not look like the bound.
        while decimals < _MOST_DECIMALS and not self.holds:
            shown = round(value, decimals)
            if not low <= shown <= high:
                break
            decimals += 1
        return f"{value:.{decimals}f} {plus_minus} {error:.{decimals}f}"

    def document(self) -> dict[str, Any]:
        """Return the record of the envelope."""
        return {
            "circuit": self.circuit,
            "pub": self.pub,
            "job_id": self.job_id,
            **({} if self.point is None else {"point": self.point}),
            **self.expectation.document(),
            "value": self.seen.value,
            "error": self.seen.error,
            "perfect_value": self.perfect,
            "within_error": self.is_close,
            "holds": self.holds,
        }


def ground_of_counts(circuit: str, counts: Mapping[str, int]) -> Ground:
    """Return what is known of a circuit by its counts alone: the bits of its bitstrings."""
    widths = [len(part) for part in next(iter(counts), "").split(" ")]
    num_bits = sum(widths)
    return Ground(circuit, widths, num_bits, range(num_bits), unit="bit")


def check_observables(expectations: Sequence[Expectation], ground: Ground) -> None:
    """Hold the observables of expectations against a circuit.

    Raises:
        CircuitError: One has another width, or a qubit of it is not measured at the end.
    """
    for expectation in expectations:
        observable = expectation.observable
        if observable is None:
            continue
        details = {"path": ground.circuit, "observable": observable.text}
        if observable.num_qubits != ground.num_qubits:
            letters = f"{observable.num_qubits} letter{'s' * (observable.num_qubits != 1)}"
            width = f"{ground.num_qubits} {ground.unit}{'s' * (ground.num_qubits != 1)}"
            raise CircuitError(
                f"{observable.short_text!r} has {letters}, and {ground.circuit} has {width}.",
                advice=f"Give each {ground.unit} a letter, {ground.unit} 0 on the right; "
                "I for those left out.",
                details=details,
            )
        for qubit in observable.qubits:
            if ground.positions[qubit] is None:
                raise CircuitError(
                    f"{observable.short_text!r} asks for qubit {qubit}, and {ground.circuit} does "
                    "not end with its measurement.",
                    advice="Measure it at the end, into a register; or give it the letter I.",
                    details={**details, "qubit": qubit},
                )


def judge(
    expectations: Sequence[Expectation],
    ground: Ground,
    counts: Mapping[str, int],
    *,
    pub: int = 0,
    job_id: str | None = None,
) -> list[Verdict]:
    """Hold the counts of a circuit against what is expected of it.

    Raises:
        InvalidValueError: There are no counts.
    """
    verdicts = []
    shots = sum(counts.values())
    for expectation in expectations:
        perfect = None
        if expectation.observable is not None:
            positions = {qubit: at for qubit, at in enumerate(ground.positions) if at is not None}
            seen = average(counts, reader_of(expectation.observable, positions))
        else:
            distribution = ground.distribution or Distribution({})
            seen = _measure(expectation.kind, counts, distribution)
            perfect = perfect_of(expectation.kind, distribution, shots)
        verdicts.append(Verdict(expectation, ground.circuit, pub, seen, perfect, job_id))
    return verdicts


def judge_values(
    expectation: Expectation,
    circuit: str,
    values: Sequence[Measured],
    *,
    pub: int = 0,
    job_id: str | None = None,
) -> Verdict:
    """Hold the values of an observable at all points of a sweep against what is expected of it.

    It is expected at each of them, so the point counts that is furthest off, or the nearest to be.

    Args:
        expectation: What is expected.
        circuit: What the circuit is called.
        values: The values with their errors, in C order; one where nothing is swept.
        pub: The circuit's index among all of the command.
        job_id: The job that it was run in.
    """
    low, high = expectation.range

    def excess(point: int) -> float:
        value = values[point].value
        # What is no number holds nowhere.
        return math.inf if math.isnan(value) else max(low - value, value - high)

    worst = max(range(len(values)), key=excess)
    return Verdict(
        expectation,
        circuit,
        pub,
        values[worst],
        job_id=job_id,
        point=worst if len(values) > 1 else None,
    )


def perfect_of(kind: Kind, distribution: Distribution, shots: int) -> float:
    """Return what a perfect device comes to on average with so many shots."""
    if kind is Kind.FIDELITY:
        return perfect_fidelity(distribution, shots)
    return perfect_total_variation(distribution, shots)


def failure_of(
    verdicts: Sequence[Verdict], details: Mapping[str, Any], *, is_kept: bool = True
) -> ExpectationError | None:
    """Return the error for the expectations that do not hold, None where all do.

    Args:
        verdicts: What was seen.
        details: What else the error tells a program: the job and its result.
        is_kept: Whether the result can be looked at later.
    """
    failed = [verdict for verdict in verdicts if not verdict.holds]
    if not failed:
        return None
    first = failed[0]
    what = (
        "What was expected does not hold"
        if len(verdicts) == 1
        else f"{len(failed)} of {len(verdicts)} expectations do not hold"
    )
    rest = f"; and {len(failed) - 1} more" if len(failed) > 1 else ""
    return ExpectationError(
        f"{what}: {first.circuit}: {first.claim()}{rest}.",
        advice=f"Look at the result again: qrsession result {first.job_id or '@last'}"
        if is_kept
        else "The result was not kept, since it is private.",
        details={**details, "expectations": [verdict.document() for verdict in verdicts]},
    )


def _measure(kind: Kind, counts: Mapping[str, int], distribution: Distribution) -> Measured:
    if kind is Kind.FIDELITY:
        return fidelity(counts, distribution)
    return total_variation(counts, distribution)


def _decimals(error: float) -> int:
    """Return the decimals of two significant digits of an error."""
    if error <= 0:
        return 3
    return min(max(1 - math.floor(math.log10(error)), 0), _MOST_DECIMALS)


def _decimal(value: float, error: float) -> str:
    return f"{value:.{_decimals(error)}f}"
