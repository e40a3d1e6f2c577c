"""What is expected of results, and whether it holds.

An expectation is about each circuit by itself. It holds where the value that was seen meets its
bound, as it was asked for; the value's error stands beside it and decides nothing.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from qrsession.errors import CircuitError, ExpectationError, InvalidValueError
from qrsession.expectations import (
    Distribution,
    Measured,
    average,
    fidelity,
    perfect_fidelity,
    perfect_total_variation,
    total_variation,
)
from qrsession.observables import Observable, parse_observable, reader_of

# 1 - 0.95 is a little more than 0.05 in binary, and a perfect fidelity a little less than 1.
ROUNDING = 1e-12
_MOST_DECIMALS = 12
_COMPARISON = re.compile(r"\s*(>=|<=|≥|≤|==?)\s*")
_TOLERANCE = re.compile(r"\s*(?:±|\+/-|\+-)\s*")
_ADVICE = 'Write "ZZ=1±0.05" (or +- for ±), "ZZ>=0.9" or "ZZ<=0.1".'


class Kind(StrEnum):
    """What is looked at."""

    FIDELITY = "fidelity"
    TOTAL_VARIATION = "tvd"
    VALUE = "value"


_TITLES = {Kind.FIDELITY: "fidelity", Kind.TOTAL_VARIATION: "TVD"}


@dataclass(frozen=True, slots=True)
class Expectation:
    """What is expected of each circuit.

    Attributes:
        kind: What is looked at.
        at_least: The least value that holds, None where there is none.
        at_most: The largest value that holds, None where there is none.
        expected: The value that is expected, where a tolerance was given in place of bounds.
        tolerance: How far from it the value may be.
        observable: What the value is of.
    """

    kind: Kind
    at_least: float | None = None
    at_most: float | None = None
    expected: float | None = None
    tolerance: float | None = None
    observable: Observable | None = None

    @property
    def name(self) -> str:
        """What it is about: ``fidelity``, ``tvd``, or the observable as it was written."""
        return self.kind.value if self.observable is None else self.observable.text

    @property
    def title(self) -> str:
        """What it is about, in words."""
        return _TITLES.get(self.kind, self.name)

    @property
    def needs_distribution(self) -> bool:
        """Whether a distribution is needed to compare with."""
        return self.observable is None

    @property
    def range(self) -> tuple[float, float]:
        """The least and the largest value for which it holds; infinite where there is no bound."""
        if self.expected is not None and self.tolerance is not None:
            return self.expected - self.tolerance, self.expected + self.tolerance
        low = -math.inf if self.at_least is None else self.at_least
        return low, math.inf if self.at_most is None else self.at_most

    def holds_for(self, value: float) -> bool:
        """Return whether a value meets it."""
        low, high = self.range
        return low - ROUNDING <= value <= high + ROUNDING

    def wish(self, plus_minus: str = "±") -> str:
        """Return what is asked for, in words: ``at least 0.9``."""
        if self.expected is not None:
            return f"expected {self.expected:.12g} {plus_minus} {self.tolerance:.12g}"
        if self.at_least is not None:
            return f"at least {self.at_least:.12g}"
        return f"at most {self.at_most:.12g}"

    def document(self) -> dict[str, Any]:
        """Return its fields as the envelope has them: the bounds that were given."""
        bounds = {
            "at_least": self.at_least,
            "at_most": self.at_most,
            "expected": self.expected,
            "tolerance": self.tolerance,
        }
        given = {name: value for name, value in bounds.items() if value is not None}
        return {"kind": self.kind.value, "name": self.name, **given}


@dataclass(frozen=True, slots=True)
class Ground:
    """What a circuit's result is held against, known before it runs.

    Attributes:
        circuit: What the circuit is called.
        widths: The widths of the registers in its bitstrings, from left to right.
        num_qubits: How many qubits it has.
        positions: For each qubit, where its final bit is in a bitstring, counted from the right
            without spaces; None where it is not measured at the end.
        distribution: What is to come out, None where nobody asks.
    """

    circuit: str
    widths: Sequence[int]
    num_qubits: int
    positions: Sequence[int | None]
    distribution: Distribution | None = None


@dataclass(frozen=True, slots=True)
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
    """

    expectation: Expectation
    circuit: str
    pub: int
    seen: Measured
    perfect: float | None = None
    job_id: str | None = None

    @property
    def holds(self) -> bool:
        """Whether the value meets the expectation."""
        return self.expectation.holds_for(self.seen.value)

    @property
    def is_close(self) -> bool:
        """Whether a bound is within the value's error: other shots might decide otherwise."""
        bounds = self.expectation.range
        return any(abs(self.seen.value - bound) <= self.seen.error for bound in bounds)

    def claim(self, plus_minus: str = "±") -> str:
        """Return what was seen and what was asked for, in words, without the circuit."""
        seen = f"{self.figures(plus_minus)}, {self.expectation.wish(plus_minus)}"
        return f"{self.expectation.title} {seen}"

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
            **self.expectation.document(),
            "value": self.seen.value,
            "error": self.seen.error,
            "perfect_value": self.perfect,
            "within_error": self.is_close,
            "holds": self.holds,
        }


def parse_value_expectation(text: str) -> Expectation:
    """Read what is expected of an observable: ``ZZ=1±0.05``, ``ZZ>=0.9`` or ``ZZ<=0.1``.

    Raises:
        InvalidValueError: It has another form, no bits could tell, or it can never hold.
    """
    match = _COMPARISON.search(text)
    if match is None:
        raise _wrong(text, "it compares nothing")
    observable = parse_observable(text[: match.start()])
    if not observable.is_diagonal:
        raise InvalidValueError(
            f"{observable.text!r} has an X or a Y, which no counts of the circuit tell.",
            advice="Add the change of basis to the circuit (h for X; sdg, h for Y) and expect Z.",
        )
    bound, *tolerance = _TOLERANCE.split(text[match.end() :])
    sign = match[1]
    if sign.startswith("="):
        if len(tolerance) != 1:
            raise _wrong(text, "it has no tolerance, and counts never meet a value exactly")
        found = Expectation(
            Kind.VALUE,
            expected=_number(text, bound),
            tolerance=_number(text, tolerance[0]),
            observable=observable,
        )
        if (found.tolerance or 0.0) < 0:
            raise _wrong(text, "its tolerance is negative")
    elif tolerance:
        raise _wrong(text, "a bound has no tolerance")
    elif sign in {">=", "≥"}:
        found = Expectation(Kind.VALUE, at_least=_number(text, bound), observable=observable)
    else:
        found = Expectation(Kind.VALUE, at_most=_number(text, bound), observable=observable)
    low, high = observable.bounds
    if found.range[0] > high + ROUNDING or found.range[1] < low - ROUNDING:
        raise _wrong(text, f"it can never hold, for values are {low:.12g} to {high:.12g}")
    return found


def bound_of(kind: Kind, bound: float) -> Expectation:
    """Return the expectation of a fidelity that is large enough, or a distance that is small.

    Raises:
        InvalidValueError: The bound is not 0 to 1.
    """
    if not 0 <= bound <= 1:
        raise InvalidValueError(f"The bound of the {_TITLES[kind]} is {bound}; it must be 0 to 1.")
    if kind is Kind.FIDELITY:
        return Expectation(kind, at_least=bound)
    return Expectation(kind, at_most=bound)


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
            raise CircuitError(
                f"{observable.text!r} has {observable.num_qubits} letters, and {ground.circuit} "
                f"has {ground.num_qubits} qubits.",
                advice="Give each qubit a letter, qubit 0 on the right; I for those left out.",
                details=details,
            )
        for qubit in observable.qubits:
            if ground.positions[qubit] is None:
                raise CircuitError(
                    f"{observable.text!r} asks for qubit {qubit}, and {ground.circuit} does not "
                    "end with its measurement.",
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


def _number(text: str, number: str) -> float:
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise _wrong(text, f"{number.strip() or 'nothing'!r} is no number")
    return value


def _decimals(error: float) -> int:
    """Return the decimals of two significant digits of an error."""
    if error <= 0:
        return 3
    return min(max(1 - math.floor(math.log10(error)), 0), _MOST_DECIMALS)


def _decimal(value: float, error: float) -> str:
    return f"{value:.{_decimals(error)}f}"


def _wrong(text: str, problem: str) -> InvalidValueError:
    return InvalidValueError(f"{text!r} is no expectation: {problem}.", advice=_ADVICE)
