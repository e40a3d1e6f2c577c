"""What can be expected of a result, and how it is written: ``ZZ=1±0.05``."""

import math
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from qrsession.errors import InvalidValueError
from qrsession.pubs.observables import Observable, parse_observable

# 1 - 0.95 is a little more than 0.05 in binary, and a perfect fidelity a little less than 1.
ROUNDING = 1e-12
_COMPARISON = re.compile(r"\s*(>=|<=|≥|≤|==?)\s*")
_TOLERANCE = re.compile(r"\s*(?:±|\+/-|\+-)\s*")
_ADVICE = 'Write "ZZ=1±0.05" (or +- for ±), "ZZ>=0.9" or "ZZ<=0.1".'


class Kind(StrEnum):
    """What is looked at."""

    FIDELITY = "fidelity"
    TOTAL_VARIATION = "tvd"
    VALUE = "value"


_TITLES = {Kind.FIDELITY: "fidelity", Kind.TOTAL_VARIATION: "TVD"}


@dataclass(frozen=True)
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


def parse_value_expectation(text: str, *, is_estimated: bool = False) -> Expectation:
    """Read what is expected of an observable: ``ZZ=1±0.05``, ``ZZ>=0.9`` or ``ZZ<=0.1``.

    Args:
        text: What is expected.
        is_estimated: Whether the observable itself is measured, in whatever basis it needs; else
            its value is read off bits.

    Raises:
        InvalidValueError: It has another form, no bits could tell, or it can never hold.
    """
    match = _COMPARISON.search(text)
    if match is None:
        raise _wrong(text, "it compares nothing")
    observable = parse_observable(text[: match.start()])
    if not observable.is_diagonal and not is_estimated:
        raise InvalidValueError(
            f"{observable.short_text!r} has an X or a Y, which no counts of the circuit tell.",
            advice="Add --primitive estimator, or the change of basis to the circuit (h for X; "
            "sdg, h for Y) and expect Z.",
        )
    bound, *tolerance = _TOLERANCE.split(text[match.end() :])
    sign = match[1]
    if sign.startswith("="):
        if len(tolerance) != 1:
            raise _wrong(
                text, "it has no tolerance, and what is measured never meets a value exactly"
            )
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


def _number(text: str, number: str) -> float:
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        why = f"{number.strip()!r} is no number" if number.strip() else "a number is missing"
        raise _wrong(text, why)
    return value


def _wrong(text: str, problem: str) -> InvalidValueError:
    return InvalidValueError(f"{text!r} is no expectation: {problem}.", advice=_ADVICE)
