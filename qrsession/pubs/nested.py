"""Numbers in JSON: alone, or in lists in lists of one shape. Standard library only."""

import json
from array import array
from typing import Any, TypeAlias

from qrsession.errors import InvalidValueError
from qrsession.protocol.npy import MOST_DIMENSIONS
from qrsession.pubs.objects import unique

# Numbers in C order, and their shape.
Numbers: TypeAlias = "tuple[array[float], tuple[int, ...]]"


def parse_document(text: str) -> Any:
    """Parse JSON in which no object has a name twice.

    Raises:
        ValueError: It is something else. The message says in words what ``it`` is or has, and
            where it ceases to be JSON.
    """
    try:
        return json.loads(text, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        where = f"character {error.colno}"
        if "\n" in text:
            where = f"line {error.lineno}, {where}"
        raise ValueError(f"is no JSON: {error.msg} at {where}") from None
    except RecursionError:
        raise ValueError("has lists in too many lists") from None
    except InvalidValueError as error:
        raise ValueError(f"has {error.details['name']!r} twice") from None
    except ValueError:
        # Python reads no whole number of thousands of digits.
        raise ValueError("has a number that is too long") from None


def read_numbers(value: Any) -> Numbers:
    """Return the numbers that a value of JSON holds, in C order, and their shape.

    A single number has the shape ``()``. What JSON of Python's has beyond finite numbers stays.

    Raises:
        ValueError: It holds something else, or lists that have no shape. The message says in words
            what ``it`` has.
    """
    try:
        return _flatten(value, 0)
    except OverflowError:
        raise ValueError("has a number that is too large") from None


def _flatten(value: Any, depth: int) -> Numbers:
    if not isinstance(value, list):
        return _checked([value]), ()
    if depth == MOST_DIMENSIONS:
        raise ValueError("has lists in too many lists")
    if not value:
        raise ValueError("has an empty list, so no point")
    if not any(isinstance(part, list) for part in value):
        return _checked(value), (len(value),)
    parts = [_flatten(part, depth + 1) for part in value]
    shapes = {shape for _, shape in parts}
    if len(shapes) > 1:
        raise ValueError("has lists of unequal lengths")
    numbers = array("d")
    for part, _ in parts:
        numbers.extend(part)
    return numbers, (len(value), *shapes.pop())


def _checked(numbers: list[Any]) -> "array[float]":
    # `bool` is a number to Python, and none to JSON.
    if {int, float}.issuperset(map(type, numbers)):
        return array("d", numbers)
    strange = next(one for one in numbers if type(one) not in {int, float})
    raise ValueError(f"has {kind_of(strange)} in place of a number")


def kind_of(value: Any) -> str:
    """Return what a value of JSON is, in words."""
    kinds = {bool: "true or false", str: "text", list: "a list", dict: "an object"}
    return "null" if value is None else kinds.get(type(value), "a number")
