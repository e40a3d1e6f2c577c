"""Round numbers for axes, and numbers as axes and tables show them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

# How much of a step may lie beyond the last number.
_MOST_BEYOND = 0.4
_STEPS = (1, 2, 2.5, 5, 10)
# Smaller errors, and greater ones, have an exponent.
_MOST_DECIMALS = 10
# Beyond these powers of ten numbers are written with an exponent.
_SMALLEST_POWER, _LARGEST_POWER = -4, 6


@dataclass(frozen=True)
class Scale:
    """An axis: where it begins and ends, and where it bears numbers."""

    low: float
    high: float
    ticks: Sequence[float]
    labels: Sequence[str]

    def place(self, value: float) -> float:
        """Return where a value lies: 0 at the beginning, 1 at the end."""
        return (value - self.low) / (self.high - self.low)


def scale_of(low: float, high: float, most_ticks: int, *, is_widened: bool = False) -> Scale:
    """Return an axis with round numbers.

    Args:
        low: The least value.
        high: The greatest one, above it; their difference is finite.
        most_ticks: How many numbers there may be, about.
        is_widened: Whether the axis begins and ends with round numbers, where that costs no room.
    """
    rough = (high - low) / max(most_ticks - 1, 1)
    power = math.floor(math.log10(rough))
    step = next(m for m in _STEPS if m * 10.0**power >= rough * (1 - 1e-9)) * 10.0**power
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    if is_widened:
        # An end that is hardly beyond a number stays where it is: a step for it would be empty.
        is_single = first >= last
        first -= is_single or first - low / step > _MOST_BEYOND
        last += is_single or high / step - last > _MOST_BEYOND
    ticks = [number * step for number in range(first, last + 1)]
    if is_widened:
        low, high = min(low, ticks[0]), max(high, ticks[-1])
    largest = max(abs(low), abs(high))
    if not 10.0**_SMALLEST_POWER <= largest < 10.0**_LARGEST_POWER:
        written = ([f"{tick:.{digits}g}" for tick in ticks] for digits in range(4, 18))
        labels = next((one for one in written if len(set(one)) == len(one)), [])
        labels = labels or [repr(tick) for tick in ticks]
    else:
        exact = (d for d in range(12) if math.isclose(round(step, d), step, rel_tol=1e-6))
        decimals = next(exact, 12)
        # Rounded first: there is no -0.
        labels = [f"{round(tick, decimals) + 0.0:.{decimals}f}" for tick in ticks]
    return Scale(low, high, ticks, labels)


def short(value: float) -> str:
    """Return a number with as many digits as a person reads."""
    return f"{value:.4g}"


def measured(value: float, error: float) -> tuple[str, str]:
    """Return a value and its standard error: two digits of the error, and no digit beyond them.

    Values without an error, or with one too small for decimals, have six digits.
    """
    digits = f"{error:.1e}"
    power = int(digits.partition("e")[2]) if math.isfinite(error) and error else _MOST_DECIMALS
    if not 1 - _MOST_DECIMALS <= power < _MOST_DECIMALS or abs(value) >= 10.0**_MOST_DECIMALS:
        return f"{value:.6g}", f"{error:.2g}"
    decimals = max(1 - power, 0)
    # Rounded first: there is no -0.
    return f"{round(value, decimals) + 0.0:.{decimals}f}", f"{float(digits):.{decimals}f}"


def aligned(numbers: Sequence[str]) -> list[str]:
    """Return numbers with blanks behind them, so that flush right their points are in a column.

    Where one is written with an exponent, they stay as they are.
    """
    if any("e" in number for number in numbers):
        return list(numbers)
    behind = [len(number) - len(number.partition(".")[0]) for number in numbers]
    most = max(behind, default=0)
    return [number + " " * (most - own) for number, own in zip(numbers, behind, strict=True)]


def alike(values: Sequence[float], digits: int = 4) -> list[str]:
    """Return numbers with as many decimals each, no more than they need.

    The largest has so many digits at most; the zero before its point is one.
    """
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    if largest and not 10.0**_SMALLEST_POWER <= largest < 10.0**_LARGEST_POWER:
        return [f"{value:.{digits - 1}g}" for value in values]
    power = math.floor(math.log10(largest)) if largest else 0
    decimals = max(digits - 1 - power - (largest < 1), 0)
    shown = [round(value, decimals) for value in values if math.isfinite(value)]
    while decimals and all(round(value, decimals - 1) == value for value in shown):
        decimals -= 1
    # Rounded first: there is no -0.
    return [f"{round(value, decimals) + 0.0:.{decimals}f}" for value in values]


def span(values: Sequence[float], number: str = "{:.4g}") -> str:
    """Return the least and the greatest of values, ``"0.1 to 0.5"``; one if they are equal."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return "no number"
    low, high = number.format(min(finite)), number.format(max(finite))
    return low if low == high else f"{low} to {high}"


def number_of(number: int, noun: str) -> str:
    """Return a number of things: ``"1,024 shots"``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
