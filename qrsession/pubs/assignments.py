"""Values of parameters as people write them: ``theta=0.3``, ``theta=0:pi:50``, ``theta=0,1``.

Several sweeps make a product, whose axes are in the order in which they are given, or go along with
each other as one axis.
"""

import math
import re
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, repeat

from qrsession.errors import InvalidValueError
from qrsession.pubs.numbers import evenly_spaced, parse_number
from qrsession.pubs.values import MOST_VALUES, ParameterValues, check_size

_ADVICE = "Write --param theta=0.3, a sweep theta=0:pi:50 (ends included), or a list theta=0,0.5,1."
_COUNT = re.compile(r"\s*\d{1,18}\s*", re.ASCII)
_RANGE_PARTS = 3
_MOST_SHOWN = 80


@dataclass(frozen=True)
class _Assignment:
    """What a parameter is given: one number for all points, or the numbers of an axis."""

    name: str
    numbers: "array[float]"
    is_axis: bool


def parse_values(
    assignments: Sequence[str],
    points: ParameterValues | None = None,
    *,
    zipped: bool = False,
) -> ParameterValues:
    """Read values of parameters, and put them over the points of a file, if there is one.

    A single value holds for all points. A sweep or a list is an axis of the points: each one is a
    further axis, after those of the file, and the last one runs fastest. Or, zipped, all of them
    and the file's points are one axis together.

    Args:
        assignments: ``name=0.3``, ``name=0:pi:50`` or ``name=0,0.5,1``, each.
        points: The points of a file. A parameter that is given here, too, has none of its values.
        zipped: Whether axes go along with each other.

    Raises:
        InvalidValueError: One is of another form, or not finite; a name is given twice; axes that
            are zipped differ in length, or there are none; or there are too many points.
    """
    given = [_read(assignment) for assignment in assignments]
    _check_names(given)
    names = [one.name for one in given]
    base = points or ParameterValues()
    base = base.of([name for name in base.columns if name not in names])
    axes = [one for one in given if one.is_axis]
    if zipped:
        shape = _common_shape(base, axes)
    else:
        shape = (*base.shape, *(len(axis.numbers) for axis in axes))
    check_size(shape, len(base.columns) + len(given))
    columns = _spread(base, axes, math.prod(shape), zipped=zipped)
    for one in given:
        if not one.is_axis:
            columns[one.name] = one.numbers * math.prod(shape)
    order = [*base.columns, *names]
    return ParameterValues({name: columns[name] for name in order}, shape)


def _spread(
    base: ParameterValues, axes: Sequence[_Assignment], num_points: int, *, zipped: bool
) -> dict[str, Sequence[float]]:
    """Return the numbers of a file and of axes at all points."""
    if zipped:
        return {**base.columns, **{axis.name: axis.numbers for axis in axes}}
    columns: dict[str, Sequence[float]] = {}
    inner = num_points // base.num_points
    for name, column in base.columns.items():
        columns[name] = _each_repeated(column, inner)
    for axis in axes:
        size = len(axis.numbers)
        inner //= size
        columns[axis.name] = _each_repeated(axis.numbers, inner) * (num_points // (inner * size))
    return columns


def _each_repeated(numbers: Sequence[float], times: int) -> "array[float]":
    if times == 1:
        return array("d", numbers)
    return array("d", chain.from_iterable(repeat(number, times) for number in numbers))


def _common_shape(base: ParameterValues, axes: Sequence[_Assignment]) -> tuple[int, ...]:
    lengths = [(axis.name, len(axis.numbers)) for axis in axes]
    if base.shape:
        if len(base.shape) > 1 and axes:
            raise InvalidValueError(
                f"The file's points have the shape {base.shape}, and --zip takes one axis.",
                advice="Leave --zip out, or give all values in the file.",
            )
        lengths.insert(0, ("the file", base.num_points))
    if not lengths:
        raise InvalidValueError(
            "--zip takes sweeps, and there is none.",
            advice="Leave it out, or write --param theta=0:pi:50.",
        )
    first, length = lengths[0]
    for name, other in lengths[1:]:
        if other != length:
            raise InvalidValueError(
                f"--zip takes sweeps of one length: {first} has {_points(length)}, {name} "
                f"{_points(other)}.",
                advice="Give as many to each, or leave --zip out for every combination.",
            )
    return base.shape or (length,)


def _read(assignment: str) -> _Assignment:
    # A name may have an equals sign in it, and no value has one.
    name, equals, text = assignment.rpartition("=")
    name = name.strip()
    if not name or not equals:
        raise _wrong(assignment, "it is not of the form NAME=VALUE")
    try:
        if ":" in text:
            return _Assignment(name, _read_range(text), is_axis=True)
        numbers = array("d", map(parse_number, text.split(",")))
    except ValueError as problem:
        if isinstance(problem, InvalidValueError):
            raise
        raise _wrong(assignment, str(problem)) from None
    return _Assignment(name, numbers, is_axis=len(numbers) > 1)


def _read_range(text: str) -> "array[float]":
    parts = text.split(":")
    if len(parts) != _RANGE_PARTS:
        raise ValueError("a sweep has a first value, a last one and a number of points")
    start, stop = parse_number(parts[0]), parse_number(parts[1])
    if not _COUNT.fullmatch(parts[2]):
        raise ValueError(f"{parts[2].strip()!r} is no number of points")
    number = int(parts[2])
    if number < 1:
        raise ValueError("a sweep has at least 1 point")
    if number > MOST_VALUES:
        raise ValueError(f"a sweep has at most {MOST_VALUES:,} points")
    return evenly_spaced(start, stop, number)


def _check_names(given: Sequence[_Assignment]) -> None:
    seen: set[str] = set()
    for one in given:
        if one.name in seen:
            raise InvalidValueError(
                f"--param gives {one.name!r} twice.",
                advice=f"Write a list: --param {one.name}=0,0.5,1",
            )
        seen.add(one.name)


def _points(number: int) -> str:
    return f"{number} point{'s' * (number != 1)}"


def _wrong(assignment: str, why: str) -> InvalidValueError:
    if len(assignment) > _MOST_SHOWN:
        assignment = f"{assignment[: _MOST_SHOWN - 1]}…"
    return InvalidValueError(f"{assignment!r} gives no parameter a value: {why}.", advice=_ADVICE)
