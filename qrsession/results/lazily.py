"""Parts of a document that are made when they are written, a few at a time.

As objects of Python, counts and values take ten times the room of the text that they become.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, overload

from qrsession.pubs.values import nest

# Numbers that are made into objects at once; fewer are made straight away.
_AT_ONCE = 2**12


class LazyCounts(Mapping[str, int]):
    """Counts by bitstring, made anew each time that they are gone through.

    Args:
        blocks: Returns the bitstrings with their counts, in blocks, each time the same.
    """

    def __init__(self, blocks: Callable[[], Iterable[Iterable[tuple[str, int]]]]) -> None:
        self._blocks = blocks

    def blocks(self) -> Iterable[Iterable[tuple[str, int]]]:
        """Return the bitstrings with their counts, in blocks."""
        return self._blocks()

    @cached_property
    def _whole(self) -> dict[str, int]:
        return {bits: count for block in self._blocks() for bits, count in block}

    def __getitem__(self, bits: str) -> int:
        """Return the count of a bitstring."""
        return self._whole[bits]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the bitstrings."""
        return iter(self._whole)

    def __len__(self) -> int:
        """Return how many bitstrings there are."""
        return len(self._whole)


class LazyList(Sequence[Any]):
    """A list whose entries are made when they are asked for.

    Args:
        length: How many there are.
        make: Makes those from one number up to, and without, another.
        at_once: How many are made at once where all are gone through.
    """

    def __init__(self, length: int, make: Callable[[int, int], list[Any]], at_once: int) -> None:
        self._length = length
        self._make = make
        self._at_once = max(at_once, 1)

    def slices(self) -> Iterator[list[Any]]:
        """Yield all entries, a few at a time."""
        for start in range(0, self._length, self._at_once):
            yield self._make(start, min(start + self._at_once, self._length))

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the entries."""
        for part in self.slices():
            yield from part

    @overload
    def __getitem__(self, at: int) -> Any: ...

    @overload
    def __getitem__(self, at: slice) -> list[Any]: ...

    def __getitem__(self, at: int | slice) -> Any:
        """Return an entry, or several as a list."""
        numbers = range(self._length)[at]
        if isinstance(numbers, int):
            return self._make(numbers, numbers + 1)[0]
        return [self._make(number, number + 1)[0] for number in numbers]

    def __len__(self) -> int:
        """Return how many entries there are."""
        return self._length


def nest_lazily(numbers: Sequence[float], shape: tuple[int, ...]) -> Any:
    """Return numbers in C order as lists in lists of a shape, a number for the shape ``()``."""
    if not shape or len(numbers) <= _AT_ONCE:
        return nest(numbers, shape)
    inner = math.prod(shape[1:])

    def rows(first: int, last: int) -> list[Any]:
        part = numbers[first * inner : last * inner]
        nested: list[Any] = nest(part, (last - first, *shape[1:]))
        return nested

    return LazyList(shape[0], rows, _AT_ONCE // inner)


def list_lazily(length: int, make: Callable[[int], Any], size: int) -> Sequence[Any]:
    """Return a list of what is made by number, all at once where it is small.

    Args:
        length: How many entries there are.
        make: Makes one.
        size: About how many objects one is.
    """

    def some(first: int, last: int) -> list[Any]:
        return [make(number) for number in range(first, last)]

    is_small = length * size <= _AT_ONCE
    return some(0, length) if is_small else LazyList(length, some, _AT_ONCE // max(size, 1))
