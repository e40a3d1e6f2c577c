"""JSON of large results, written as they are made; byte for byte what ``json.dumps`` writes."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, TypeAlias

from qrsession.results.lazily import LazyCounts, LazyList

Dump: TypeAlias = Callable[[Any, int | None], str]

_COUNTS_AT_ONCE = 2**12


def large_json_parts(document: Any, dump: Dump, indent: int | None) -> Iterator[str]:
    """Yield a document as JSON.

    Args:
        document: Objects and lists, some of whose parts are made when they are asked for.
        dump: Writes what is none of these, with an indent.
        indent: By how much each level is indented; None: all is in a line.
    """
    return _Writing(dump, indent).parts(document, 0)


class _Writing:
    def __init__(self, dump: Dump, indent: int | None) -> None:
        self._dump = dump
        self._indent = indent

    def parts(self, value: Any, depth: int) -> Iterator[str]:
        if isinstance(value, LazyCounts):
            yield from self._within("{}", self._counts(value, depth + 1), depth)
        elif isinstance(value, LazyList):
            yield from self._within("[]", self._entries(value, depth + 1), depth)
        elif isinstance(value, Mapping) and value:
            yield from self._within("{}", self._fields(value, depth + 1), depth)
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            parts = (self.parts(entry, depth + 1) for entry in value)
            yield from self._within("[]", parts, depth)
        else:
            yield self._text(value, depth)

    def _text(self, value: Any, depth: int) -> str:
        text = self._dump(value, self._indent)
        # Within texts JSON writes a new line as \n, so those that stand there are between lines.
        return text if self._indent is None else text.replace("\n", self._line(depth))

    def _line(self, depth: int) -> str:
        return "" if self._indent is None else "\n" + " " * (self._indent * depth)

    def _separator(self, depth: int) -> str:
        return ", " if self._indent is None else f",{self._line(depth)}"

    def _within(self, ends: str, entries: Iterable[Iterable[str]], depth: int) -> Iterator[str]:
        before = ends[0] + self._line(depth + 1)
        for entry in entries:
            yield before
            yield from entry
            before = self._separator(depth + 1)
        yield ends if before.startswith(ends[0]) else self._line(depth) + ends[1]

    def _fields(self, value: Mapping[str, Any], depth: int) -> Iterator[Iterable[str]]:
        for key, field in value.items():
            yield self._field(key, field, depth)

    def _field(self, key: str, value: Any, depth: int) -> Iterator[str]:
        yield f"{json.dumps(key)}: "
        yield from self.parts(value, depth)

    def _counts(self, value: LazyCounts, depth: int) -> Iterator[Iterable[str]]:
        separator = self._separator(depth)
        for block in value.blocks():
            # Bitstrings need no escapes.
            pairs = (f'"{bits}": {count}' for bits, count in block)
            while some := separator.join(islice(pairs, _COUNTS_AT_ONCE)):
                yield (some,)

    def _entries(self, value: LazyList, depth: int) -> Iterator[Iterable[str]]:
        for some in value.slices():
            if self._indent is None:
                yield (self._dump(some, None)[1:-1],)
            else:
                yield from ((self._text(entry, depth),) for entry in some)
