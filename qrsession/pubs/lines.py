"""Values of parameters in a line of JSON, as a program writes them. Standard library only.

``[0.1, 0.2]`` are the values of one point in the order of the parameters, and a list of such lists
is a sweep: the last axis runs over the parameters, the others are the shape, as in an array of
Qiskit's. ``{"theta": 0.1, "phi": [0, 1]}`` gives them by name, a list for each point; a number
holds for all points. A vector may be named as a whole: ``{"theta": [0.1, 0.2]}`` is ``theta[0]``
and ``theta[1]``.
"""

import math
from array import array
from codecs import BOM_UTF8
from collections.abc import Mapping, Sequence
from itertools import filterfalse
from typing import Any, TypeAlias

from qrsession.errors import InvalidValueError
from qrsession.pubs.nested import Numbers, kind_of, parse_document, read_numbers
from qrsession.pubs.values import ParameterValues

# 10,000 points of 40 parameters, with all digits of their values.
LARGEST_LINE_BYTES = 8 * 2**20
_MOST_NAMES_SHOWN = 6
_ADVICE = 'Write a list of numbers, such as [0.1, 0.2], or an object, such as {"theta": 0.1}.'

_Columns: TypeAlias = "tuple[dict[str, Sequence[float]], tuple[int, ...]]"


def read_values(
    line: bytes, order: Sequence[str] | None, fixed: ParameterValues
) -> ParameterValues:
    """Read the values of parameters.

    Args:
        line: A line of JSON.
        order: The parameters whose values a list gives, in order; None where they have none.
        fixed: Values that hold for each line, of one point.

    Returns:
        The values of the line, and the fixed ones at each of its points.

    Raises:
        InvalidValueError: It is something else, too long, holds a number that is not finite, or
            lists of unequal lengths; or it names a parameter whose value is fixed.
    """
    document = _parse(line)
    if isinstance(document, dict):
        columns, shape = _named(document, order or (), fixed)
    elif isinstance(document, list):
        columns, shape = _listed(document, order)
    else:
        raise InvalidValueError(
            f"It is {kind_of(document)}, not a list or an object.", advice=_ADVICE
        )
    num_points = math.prod(shape)
    constant = {name: array("d", column) * num_points for name, column in fixed.columns.items()}
    return ParameterValues(columns | constant, shape)


def names_in_short(names: Sequence[str]) -> str:
    """Name parameters for people: all of a few, and of many the first and the last."""
    if len(names) > _MOST_NAMES_SHOWN:
        return f"{names[0]} to {names[-1]} ({len(names)} parameters)"
    return ", ".join(names)


def _parse(line: bytes) -> Any:
    if len(line) > LARGEST_LINE_BYTES:
        raise InvalidValueError(
            f"The line has more than {LARGEST_LINE_BYTES // 2**20} MiB.",
            advice="Give its points in several lines.",
        )
    try:
        # Some programs put a mark of the encoding before the first line.
        text = line.removeprefix(BOM_UTF8).decode()
    except UnicodeDecodeError:
        raise InvalidValueError("The line is not UTF-8.", advice=_ADVICE) from None
    try:
        return parse_document(text)
    except ValueError as problem:
        raise _wrong(problem) from None


def _listed(document: list[Any], order: Sequence[str] | None) -> _Columns:
    if order is None:
        raise InvalidValueError(
            "The parameters have no order that is known here, so a list cannot give their values.",
            advice='Name them: {"theta": 0.1}.',
        )
    # An empty list has no rows either: it is the one point of a circuit without parameters.
    numbers, shape = _flat(document) if document else (array("d"), (0,))
    *points, width = shape
    if width != len(order):
        names = f", of {names_in_short(order)}" if order else ""
        raise InvalidValueError(
            f"A point takes {_counted(len(order))}{names}; the line has lists of {width}.",
            advice="Give as many in a list; of several points, a list of lists.",
        )
    columns: dict[str, Sequence[float]] = {
        name: numbers[place::width] for place, name in enumerate(order)
    }
    return columns, tuple(points)


def _named(document: Mapping[str, Any], order: Sequence[str], fixed: ParameterValues) -> _Columns:
    found: dict[str, Numbers] = {}
    for name, value in document.items():
        elements = [one for one in order if one.startswith(f"{name}[")]
        if name in order or not elements:
            found |= {name: _flat(value)}
            continue
        numbers, shape = _flat(value)
        if shape[-1:] != (len(elements),):
            raise InvalidValueError(
                f"{name!r} is a vector of {len(elements)} parameters.", advice=_ADVICE
            )
        # Its elements stand in order, `theta[10]` after `theta[9]`.
        for place, element in enumerate(elements):
            if element in document:
                raise InvalidValueError(
                    f"{element!r} is given twice, by {name!r} too.", advice=_ADVICE
                )
            found[element] = (numbers[place :: len(elements)], shape[:-1])
    for name in found:
        if name in fixed.columns:
            raise InvalidValueError(
                f"{name!r} has a value for all lines already.", advice="Give it in one place."
            )
    shapes = {shape for _, shape in found.values() if shape}
    if len(shapes) > 1:
        sizes = " and ".join(str(list(shape)) for shape in sorted(shapes))
        raise InvalidValueError(
            f"The lists have different shapes: {sizes}.",
            advice="Give each parameter a value for each point, or one number for all points.",
        )
    (shape,) = shapes or {()}
    num_points = math.prod(shape)
    columns: dict[str, Sequence[float]] = {
        name: numbers if own else numbers * num_points for name, (numbers, own) in found.items()
    }
    return columns, shape


def _flat(value: Any) -> Numbers:
    try:
        numbers, shape = read_numbers(value)
    except ValueError as problem:
        raise _wrong(problem) from None
    strange = next(filterfalse(math.isfinite, numbers), None)
    if strange is not None:
        what = "NaN in place of a number" if math.isnan(strange) else "a number that is too large"
        raise _wrong(f"has {what}")
    return numbers, shape


def _counted(number: int) -> str:
    return {0: "no values", 1: "one value"}.get(number, f"{number} values")


def _wrong(problem: object) -> InvalidValueError:
    return InvalidValueError(f"The line {problem}.", advice=_ADVICE)
