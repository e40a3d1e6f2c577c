"""Values of parameters, for one point or for all points of a sweep. Standard library only."""

import math
import sys
from array import array
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from qrsession.protocol.typed import Array


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
        """Return the values of the parameters that are among names."""
        columns = {name: column for name, column in self.columns.items() if name in names}
        return ParameterValues(columns, self.shape)

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


def nest(numbers: Sequence[float], shape: tuple[int, ...]) -> Any:
    """Return numbers in C order as lists in lists of a shape, a number for the shape ``()``."""
    if not shape:
        return numbers[0]
    if len(shape) == 1:
        return list(numbers)
    step = math.prod(shape[1:])
    return [nest(numbers[at * step : (at + 1) * step], shape[1:]) for at in range(shape[0])]
