"""Values of parameters, for one point or for all points of a sweep. Standard library only."""

import math
import sys
from array import array
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from qrsession.errors import InvalidValueError
from qrsession.protocol.typed import Array

# Numbers of a job's parameters at all of its points: 80 MB as they are sent.
MOST_VALUES = 10_000_000


@dataclass(frozen=True)
class ParameterValues:
    """Values of parameters by name, at every point of a shape.

    Attributes:
        columns: For each parameter its values at all points, float64, in C order: the last axis of
            the shape runs fastest.
        shape: How the points are laid out; ``()`` is a single one.
    """

    columns: Mapping[str, Sequence[float]] = field(default_factory=dict)
    shape: tuple[int, ...] = ()

    @classmethod
    def single(cls, values: Mapping[str, float]) -> "ParameterValues":
        """Return the values of one point."""
        return cls({name: array("d", [value]) for name, value in values.items()})

    def __bool__(self) -> bool:
        return bool(self.columns)

    @property
    def num_points(self) -> int:
        """How many points there are; 1 without a sweep."""
        return math.prod(self.shape)

    def at(self, point: int) -> dict[str, float]:
        """Return the values at a point, by its number in C order."""
        return {name: column[point] for name, column in self.columns.items()}

    def of(self, names: Collection[str]) -> "ParameterValues":
        """Return the values of the parameters that are among names.

        Axes along which only the others vary are left out: a circuit that has some of a sweep's
        parameters is the same all along them. Without any there is a single point.
        """
        # Circuits have thousands of parameters, too.
        names = frozenset(names)
        columns = {name: column for name, column in self.columns.items() if name in names}
        if len(columns) == len(self.columns):
            return self
        shape = list(self.shape)
        for axis in reversed(range(len(shape))):
            others = (column for name, column in self.columns.items() if name not in columns)
            if any(_varies(column, shape, axis) for column in columns.values()):
                continue
            if columns and not any(_varies(column, self.shape, axis) for column in others):
                continue
            inner = math.prod(shape[axis + 1 :])
            columns = {
                name: _first_along(column, inner, shape[axis]) for name, column in columns.items()
            }
            del shape[axis]
        return ParameterValues(columns, tuple(shape))

    def to_array(self, names: Sequence[str]) -> Array:
        """Return the values as a pub has them: float64 of shape ``(*shape, len(names))``."""
        rows = array("d", bytes(8 * self.num_points * len(names)))
        for place, name in enumerate(names):
            rows[place :: len(names)] = array("d", self.columns[name])
        if sys.byteorder == "big":
            rows.byteswap()
        return Array(rows.tobytes(), (*self.shape, len(names)), "<f8")

    def nested(self, name: str) -> Any:
        """Return the values of one parameter in lists of the shape; a number for one point."""
        return nest(self.columns[name], self.shape)


def _varies(numbers: Sequence[float], shape: Sequence[int], axis: int) -> bool:
    """Tell whether numbers in C order differ along an axis of their shape."""
    inner = math.prod(shape[axis + 1 :])
    return any(
        numbers[at] != numbers[at + inner]
        for start in range(0, len(numbers), inner * shape[axis])
        for at in range(start, start + inner * (shape[axis] - 1))
    )


def _first_along(numbers: Sequence[float], inner: int, size: int) -> "array[float]":
    """Return the numbers that are first along an axis, in C order."""
    starts = range(0, len(numbers), inner * size)
    return array("d", (numbers[at] for start in starts for at in range(start, start + inner)))


def check_size(shape: tuple[int, ...], num_parameters: int) -> None:
    """Hold a sweep against its bounds, before there is room for its values.

    Raises:
        InvalidValueError: It has no point, or too many values.
    """
    num_points = math.prod(shape)
    if num_points == 0:
        raise InvalidValueError(
            f"Values of the shape {shape} have no point.", advice="Give at least one value."
        )
    if num_points * max(num_parameters, 1) > MOST_VALUES:
        raise InvalidValueError(
            f"The sweep has {num_points} points with {num_parameters} values each; at most "
            f"{MOST_VALUES} values are taken.",
            advice="Give fewer points, or several runs.",
        )


def check_finite(values: ParameterValues, where: str) -> None:
    """Refuse values that are no finite numbers.

    Raises:
        InvalidValueError: There is one; the message names the parameter and the point.
    """
    for name, column in values.columns.items():
        # A sum is finite only where all its parts are, and takes a tenth of the time.
        if math.isfinite(sum(column)):
            continue
        for point, value in enumerate(column):
            if not math.isfinite(value):
                at = f" at point {point}" if values.shape else ""
                raise InvalidValueError(
                    f"{where}: {name} is {value}{at}; it must be a finite number."
                )


def nest(numbers: Sequence[float], shape: tuple[int, ...]) -> Any:
    """Return numbers in C order as lists in lists of a shape, a number for the shape ``()``."""
    if not shape:
        return numbers[0]
    if len(shape) == 1:
        return list(numbers)
    step = math.prod(shape[1:])
    return [nest(numbers[at * step : (at + 1) * step], shape[1:]) for at in range(shape[0])]
