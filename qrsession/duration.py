"""Durations as people write and read them: ``"2h 30m 40s"``, ``"42.5 s"``, ``"68 ns"``."""

import re

from qrsession.errors import InvalidValueError

# The units of Qiskit's delays, beside ``dt``.
DELAY_UNITS_S = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "ps": 1e-12}
_UNIT_S = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_FORM = re.compile(
    r"\s*(?:(\d+)\s*d)?\s*(?:(\d+)\s*h)?\s*(?:(\d+)\s*m)?\s*(?:(\d+)\s*s)?\s*", re.IGNORECASE
)
# Longer numbers are typing errors, and `int` refuses to read some thousands of digits at all.
_MOST_DIGITS = 12
_LONGEST_SHOWN = 80
_SHORT_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
_NO_HUNDREDTHS_FROM_S = 100
_LEAST_SHOWN_S = 0.001


def parse_duration(text: str) -> int:
    """Read a duration in whole seconds from ``"2h 30m 40s"``, ``"25m"`` or plain ``"1500"``.

    Units are d, h, m and s, in that order, each at most once, in upper or lower case.

    Raises:
        InvalidValueError: The text has another form, or more than twelve digits in a number.
    """
    if re.fullmatch(rf"\s*\d{{1,{_MOST_DIGITS}}}\s*", text, re.ASCII):
        return int(text)
    match = _FORM.fullmatch(text) if text.isascii() else None
    numbers = match.groups() if match else ()
    if not any(numbers) or any(number and len(number) > _MOST_DIGITS for number in numbers):
        raise InvalidValueError(
            f"{text[:_LONGEST_SHOWN]!r} is not a duration.",
            advice='Write seconds, or hours, minutes and seconds like "2h 30m 40s".',
        )
    return sum(
        int(number) * unit_s
        for number, unit_s in zip(numbers, _UNIT_S.values(), strict=True)
        if number
    )


def format_duration(duration_s: float) -> str:
    """Write a duration the way `parse_duration` reads it, rounded to seconds: ``"2h 30m 40s"``."""
    left_s = round(duration_s)
    if left_s <= 0:
        return "0s"
    parts = []
    for unit, unit_s in _UNIT_S.items():
        count, left_s = divmod(left_s, unit_s)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts)


def format_seconds(quantity_s: float) -> str:
    """Write a quantity of seconds as people read it: ``"28800 s"``, ``"42.5 s"``, ``"0.007 s"``."""
    decimals = 1 if quantity_s >= _NO_HUNDREDTHS_FROM_S else 2 if quantity_s >= 1 else 3
    text = f"{quantity_s:.{decimals}f}"
    if 0 < quantity_s < _LEAST_SHOWN_S:
        text = f"{quantity_s:.1g}"
    elif "." in text:
        text = text.rstrip("0").rstrip(".")
    return f"{text} s"


def format_short(time_s: float, digits: int = 3) -> str:
    """Write a time of a device in the unit that suits it: ``"250 µs"``, ``"68 ns"``."""
    for factor_s, unit in _SHORT_UNITS:
        if time_s >= factor_s:
            return f"{time_s / factor_s:.{digits}g} {unit}"
    return f"{time_s:.3g} s"
