"""When the shots of a result ran: ``result.metadata["execution"]["execution_spans"]``.

Source: ``ExecutionSpans``, ``SliceSpan``, ``DoubleSliceSpan``, ``TwirledSliceSpan`` and its second
version in qiskit-ibm-runtime 0.51, which have these names and properties.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any

import numpy as np

from qrsession.errors import WireFormatError
from qrsession.protocol.fields import as_object, required

# The most shots of a pub that a mask has room for.
_LARGEST_MASK = 2**31


@dataclass(frozen=True)
class _Part:
    """Which of a pub's shots are in a span.

    Attributes:
        shape: That of all its shots; shots, or shots of a randomization, are the last axis.
        rows: Which of the others, flattened.
        shots: Which of the last axis; None: ``rows`` counts all axes together.
        randomizations: The axis of the randomizations, None where there are none.
        pub_shots: How many shots the pub has in all, where that may be fewer.
    """

    shape: tuple[int, ...]
    rows: slice
    shots: slice | None
    randomizations: int | None = None
    pub_shots: int | None = None

    @property
    def size(self) -> int:
        if self.shots is None:
            return len(range(math.prod(self.shape))[self.rows])
        rows = range(math.prod(self.shape[:-1]))[self.rows]
        return len(rows) * len(range(self.shape[-1])[self.shots])

    def mask(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        mask = np.zeros(self.shape, dtype=np.bool_)
        if self.shots is None:
            mask.reshape(-1)[self.rows] = True
            return mask
        flat = mask.reshape(math.prod(self.shape[:-1]), self.shape[-1])
        flat[self.rows, self.shots] = True
        if self.randomizations is None:
            return mask
        mask = np.moveaxis(mask, self.randomizations, -2)
        return mask.reshape(*mask.shape[:-2], -1)[..., : self.pub_shots]


@dataclass(frozen=True)
class ExecutionSpan:
    """A time in which shots ran, and which. Spans are ordered by their times.

    Attributes:
        start: When the first ran, UTC.
        stop: When the last had run, UTC.
    """

    start: datetime
    stop: datetime
    _parts: Mapping[int, _Part] = field(repr=False)
    _wire: Mapping[str, Any] = field(repr=False, compare=False)

    def __lt__(self, other: "ExecutionSpan") -> bool:
        return (self.start, self.stop) < (other.start, other.stop)

    @property
    def duration(self) -> float:
        """How long it was, in seconds."""
        return (self.stop - self.start).total_seconds()

    @property
    def pub_idxs(self) -> list[int]:
        """The pubs that have shots in it, by index."""
        return sorted(self._parts)

    @property
    def size(self) -> int:
        """How many shots ran in it, of all pubs together."""
        return sum(part.size for part in self._parts.values())

    def mask(self, pub_idx: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Return which shots of a pub ran in it: bool of shape ``(*pub.shape, shots)``.

        Raises:
            KeyError: None did.
        """
        return self._parts[pub_idx].mask()

    def contains_pub(self, pub_idx: int | Iterable[int]) -> bool:
        """Return whether a pub, or any of several, has shots in it."""
        return not _indices(pub_idx).isdisjoint(self._parts)

    def filter_by_pub(self, pub_idx: int | Iterable[int]) -> "ExecutionSpan":
        """Return it with the shots of a pub, or of several, alone."""
        kept = _indices(pub_idx)
        slices = self._wire["data_slices"]
        return replace(
            self,
            _parts={index: part for index, part in self._parts.items() if index in kept},
            _wire={
                **self._wire,
                "data_slices": {key: one for key, one in slices.items() if int(key) in kept},
            },
        )

    def to_wire(self) -> dict[str, Any]:
        """Return what it travels as, apart from its times."""
        return dict(self._wire)


class ExecutionSpans(Sequence[ExecutionSpan]):
    """The spans of a result: a sequence of `ExecutionSpan`, with the times of all together.

    Args:
        spans: The spans, in the order of the service.
    """

    def __init__(self, spans: Iterable[ExecutionSpan]) -> None:
        self._spans = list(spans)

    def __len__(self) -> int:
        return len(self._spans)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return ExecutionSpans(self._spans[index])
        if isinstance(index, list):
            return ExecutionSpans(self._spans[each] for each in index)
        return self._spans[index]

    def __iter__(self) -> Iterator[ExecutionSpan]:
        return iter(self._spans)

    def __eq__(self, other: object) -> bool:
        return self._spans == other._spans if isinstance(other, ExecutionSpans) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # it can be sorted

    def __repr__(self) -> str:
        return f"ExecutionSpans({self._spans!r})"

    @property
    def pub_idxs(self) -> list[int]:
        """The pubs that have shots in any of them, by index."""
        return sorted({index for span in self for index in span.pub_idxs})

    @property
    def start(self) -> datetime:
        """When the first shot ran, UTC."""
        return min(span.start for span in self)

    @property
    def stop(self) -> datetime:
        """When the last shot had run, UTC."""
        return max(span.stop for span in self)

    @property
    def duration(self) -> float:
        """The seconds from the first shot to the last."""
        return (self.stop - self.start).total_seconds()

    def filter_by_pub(self, pub_idx: int | Iterable[int]) -> "ExecutionSpans":
        """Return them with the shots of a pub, or of several, alone."""
        return ExecutionSpans(span.filter_by_pub(pub_idx) for span in self)

    def sort(self, *, inplace: bool = True) -> "ExecutionSpans":
        """Sort them by their times, or return a sorted copy."""
        ordered = sorted(self._spans)
        if not inplace:
            return ExecutionSpans(ordered)
        self._spans = ordered
        return self


def _indices(pub_idx: int | Iterable[int]) -> set[int]:
    return {pub_idx} if isinstance(pub_idx, int) else set(pub_idx)


def _whole(shape: list[int], first: int, last: int) -> _Part:
    return _Part(tuple(shape), slice(first, last), None)


def _double(shape: list[int], *bounds: int) -> _Part:
    return _Part(tuple(shape), slice(*bounds[:2]), slice(*bounds[2:]))


def _twirled(shape: list[int], at_front: bool, *bounds: int) -> _Part:  # noqa: FBT001 - as on the wire
    rows, shots = slice(*bounds[:2]), slice(*bounds[2:4])
    return _Part(tuple(shape), rows, shots, 0 if at_front else -2, *bounds[4:])


def _read(kind: str, part_of: Callable[..., _Part], value: Any) -> ExecutionSpan:
    record = as_object(value, "An execution span")
    slices = as_object(record.get("data_slices"), "The slices of an execution span")
    parts = {int(index): part_of(*entries) for index, entries in slices.items()}
    for part in parts.values():
        if math.prod(part.shape) > _LARGEST_MASK or any(size < 0 for size in part.shape):
            raise WireFormatError("An execution span is of more shots than a pub can have.")
    return ExecutionSpan(
        required(record, "start", datetime),
        required(record, "stop", datetime),
        parts,
        {"kind": kind, "data_slices": slices},
    )


def _read_all(value: Any) -> Any:
    spans = required(as_object(value, "The execution spans"), "spans", list)
    # A newer service may have kinds that nobody here knows: no result is lost for their sake.
    known = all(isinstance(span, ExecutionSpan) for span in spans)
    return ExecutionSpans(spans) if known else value


SPAN_READERS: Mapping[str, Callable[[Any], Any]] = {
    "ExecutionSpan": partial(_read, "ExecutionSpan", _whole),
    "DoubleSliceSpan": partial(_read, "DoubleSliceSpan", _double),
    "TwirledSliceSpan": partial(_read, "TwirledSliceSpan", _twirled),
    "TwirledSliceSpanV2": partial(_read, "TwirledSliceSpanV2", _twirled),
    "ExecutionSpans": _read_all,
    "ExecutionSpanCollection": _read_all,
}
