"""Numbers as people write them, ``pi/2`` among them, and numbers evenly apart."""

import math
import re
from array import array

_MOST_SHOWN = 80
_UNSIGNED = r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_SIGN = re.compile(r"\s*([+\-\u2212]?)")
_FACTOR = re.compile(rf"\s*(?:({_UNSIGNED})|pi|π)\s*")


def parse_number(text: str) -> float:
    """Read a number: ``0.3``, ``-1e-3``, ``pi``, ``2*pi/3``, ``-pi/4``.

    Numbers and pi are multiplied and divided from left to right, as Python does.

    Raises:
        ValueError: It is something else, or not finite. The message says in words what is wrong.
    """
    if not text.strip():
        raise ValueError("a number is missing")
    sign = _SIGN.match(text)
    at = 0 if sign is None else sign.end()
    total: float | None = None
    operator = "*"
    while total is None or at < len(text):
        if total is not None:
            operator, at = text[at], at + 1
        factor = _FACTOR.match(text, at)
        if factor is None or operator not in "*/":
            raise ValueError(f"{_shown(text)} is no number")
        value = math.pi if factor[1] is None else float(factor[1])
        if operator == "/" and value == 0:
            raise ValueError(f"{_shown(text)} divides by zero")
        total = value if total is None else total * value if operator == "*" else total / value
        at = factor.end()
    if not math.isfinite(total):
        raise ValueError(f"{_shown(text)} is not finite")
    return total if sign is None or sign[1] in {"", "+"} else -total


def _shown(text: str) -> str:
    """Return a number as it was written, or its beginning, for a line of a message."""
    text = text.strip()
    if len(text) > _MOST_SHOWN:
        text = f"{text[: _MOST_SHOWN - 1]}…"
    return repr(text) if text else "nothing"


def evenly_spaced(start: float, stop: float, number: int) -> "array[float]":
    """Return so many numbers from ``start`` to ``stop``, both included; a single one is ``start``.

    To the last bit they are those of ``numpy.linspace``, so that a sweep from the shell measures
    what the same sweep measures from Python.

    Raises:
        ValueError: The ends are so far apart that the numbers between them are not finite.
    """
    span, parts = stop - start, number - 1
    if number == 1:
        return array("d", [start])
    step = span / parts
    if step:
        numbers = array("d", (at * step + start for at in range(number)))
    else:
        # So close to each other that the step between them is too small for a float.
        numbers = array("d", (at / parts * span + start for at in range(number)))
    numbers[-1] = stop
    if not all(map(math.isfinite, numbers)):
        raise ValueError("its ends are too far apart")
    return numbers
