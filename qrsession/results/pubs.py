"""Results of primitives as plain numbers, from the service's text. Standard library only.

A program that prints counts needs neither numpy nor Qiskit. Samples stay packed as they came: what
is not shown is not counted. Source: "PrimitiveResult", "DataBin" and "BitArray" in Qiskit's API
reference; the typed JSON of qiskit-ibm-runtime.
"""

import math
import struct
import sys
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain, islice, takewhile
from typing import TYPE_CHECKING, Any, TypeAlias

from qrsession.errors import UsageError, WireFormatError
from qrsession.protocol.claims import check_claims
from qrsession.protocol.fields import as_object, required
from qrsession.protocol.typed import (
    Array,
    BitSamples,
    are_many,
    is_program_result,
    join_counts,
    parse_result,
    typed_value,
)
from qrsession.results.lazily import LazyCounts, list_lazily, nest_lazily

if TYPE_CHECKING:
    from qrsession.protocol.tallies import Tally
    from qrsession.pubs.captions import Caption

Floats: TypeAlias = tuple[Sequence[float], tuple[int, ...]]

_FLOATS = {"<f8": "d", "<f4": "f"}
_MOST_EMPTY_LISTS = 100_000


@dataclass(frozen=True)
class SampledPub:
    """What the sampler saw of one pub.

    Points are numbered in C order: the last axis of the pub's shape runs fastest.

    Attributes:
        samples: The samples of each register, in order of declaration. There is at least one, and
            all have the same shape and number of shots.
        fields: Other arrays of the result, by name.
        caption: What the pub is of, where that was kept.
    """

    samples: Mapping[str, BitSamples]
    fields: Mapping[str, Array] = field(default_factory=dict)
    caption: "Caption | None" = field(default=None, compare=False)

    @property
    def shape(self) -> tuple[int, ...]:
        """The pub's shape; ``()`` is a single point."""
        return self._any.shape

    @property
    def num_points(self) -> int:
        """How many points there are; 1 without a sweep."""
        return math.prod(self.shape)

    @property
    def shots_at_point(self) -> int:
        """The number of samples at each point."""
        return self._any.shots

    @property
    def shots(self) -> int:
        """The number of samples, over all points."""
        return self._any.num_samples

    @cached_property
    def counts(self) -> Mapping[str, int]:
        """Samples over all points by bitstring, most frequent first.

        Bit 0 is on the right; several registers are joined by a space, the last declared first.
        """
        return join_counts(self.samples)

    @cached_property
    def registers(self) -> Mapping[str, Mapping[str, int]]:
        """The same for each register by itself."""
        if len(self.samples) == 1:
            return dict.fromkeys(self.samples, self.counts)
        return {name: register.counts() for name, register in self.samples.items()}

    def outcomes(self) -> Iterable[tuple[str, int]]:
        """Return what `counts` has as pairs, of which there are never many at a time."""
        return (
            self.counts.items()
            if self._tally is None
            else chain.from_iterable(self._tally.blocks())
        )

    def first_outcomes(self, number: int) -> list[tuple[str, int]]:
        """Return so many of the most frequent outcomes with their counts."""
        if self._tally is None:
            return list(islice(self.counts.items(), number))
        return self._tally.first(number)

    @property
    def num_outcomes(self) -> int:
        """How many different outcomes there are, over all points."""
        return len(self.counts if self._tally is None else self._tally)

    @cached_property
    def _tally(self) -> "Tally | None":
        """Counts of very many samples, None where there are fewer."""
        parts = list(self.samples.values())[::-1]
        if not are_many(parts):
            return None
        # Imported here because few results are so large.
        from qrsession.protocol.tallies import Tally  # noqa: PLC0415

        return Tally(parts)

    @property
    def parameters(self) -> Mapping[str, Sequence[float]]:
        """The values of each parameter at all points, where they are known."""
        return {} if self.caption is None else self.caption.values.columns

    def between(self, first: int, last: int) -> "SampledPub":
        """Return the points from ``first`` up to, and without, ``last``, as one axis."""
        return replace(
            self,
            samples={name: _between(one, first, last) for name, one in self.samples.items()},
            fields={},
            caption=None,
        )

    def points(self) -> Iterator["SampledPub"]:
        """Yield each point by itself, in C order."""
        if not self.shape:
            yield self
            return
        for point in range(self.num_points):
            yield self.between(point, point + 1)

    def document(self) -> dict[str, Any]:
        """Return the pub as the envelope has it."""
        shown = _counts_document(self)
        if self.shape:
            shown["shape"] = list(self.shape)
            shown["points"] = list_lazily(
                self.num_points, self._point_document, self.shots_at_point
            )
        return shown | _parameters_document(self.caption)

    def _point_document(self, point: int) -> dict[str, Any]:
        return _counts_document(self.between(point, point + 1))

    @property
    def _any(self) -> BitSamples:
        return next(iter(self.samples.values()))


@dataclass(frozen=True)
class EstimatedPub:
    """What the estimator found for one pub.

    Attributes:
        evs: Expectation values, in C order of the shape.
        stds: Their standard errors, in the same order; NaN where there are none.
        shape: The pub's shape; ``()`` is a single value.
        fields: Other arrays of the result, by name, such as ``ensemble_standard_error``.
        caption: What the pub is of, where that was kept.
    """

    evs: Sequence[float]
    stds: Sequence[float]
    shape: tuple[int, ...] = ()
    fields: Mapping[str, Array] = field(default_factory=dict)
    caption: "Caption | None" = field(default=None, compare=False)

    @property
    def has_observable_axis(self) -> bool:
        """Whether the first axis is known to run over observables."""
        return self.caption is not None and self.caption.has_observable_axis

    @property
    def sweep_shape(self) -> tuple[int, ...]:
        """The shape without the axis of observables; ``()`` is no sweep."""
        return self.shape[1:] if self.has_observable_axis else self.shape

    @property
    def num_points(self) -> int:
        """How many points each observable was estimated at."""
        return math.prod(self.sweep_shape)

    @property
    def num_observables(self) -> int:
        """How many observables are told apart."""
        return self.shape[0] if self.has_observable_axis else 1

    @property
    def parameters(self) -> Mapping[str, Sequence[float]]:
        """The values of each parameter at all points of the sweep, where they are known."""
        return {} if self.caption is None else self.caption.values.columns

    def observable(self, number: int) -> str:
        """Return an observable as the user wrote it; empty where that is not known."""
        known = () if self.caption is None else self.caption.observables
        return known[number] if number < len(known) else ""

    def estimates(self) -> Iterator[tuple[int, int, float, float]]:
        """Yield observable and point, by number, with value and standard error, in C order."""
        points = self.num_points
        for at, (ev, std) in enumerate(zip(self.evs, self.stds, strict=True)):
            yield *divmod(at, points), ev, std

    def document(self) -> dict[str, Any]:
        """Return the pub as the envelope has it."""
        shown: dict[str, Any] = {
            "evs": nest_lazily(self.evs, self.shape),
            "stds": nest_lazily(self.stds, self.shape),
            "shape": list(self.shape),
        }
        if self.caption is not None and self.caption.observables:
            shown["observables"] = list(self.caption.observables)
        return shown | _parameters_document(self.caption)


Pub: TypeAlias = SampledPub | EstimatedPub


def _counts_document(pub: SampledPub) -> dict[str, Any]:
    if not are_many([*pub.samples.values()]):
        return {"shots": pub.shots, "counts": pub.counts, "registers": pub.registers}
    registers = {
        name: _counts_lazily(pub if len(pub.samples) == 1 else replace(pub, samples={name: one}))
        for name, one in pub.samples.items()
    }
    return {"shots": pub.shots, "counts": _counts_lazily(pub), "registers": registers}


def _counts_lazily(pub: SampledPub) -> Mapping[str, int]:
    tally = pub._tally  # noqa: SLF001 - of a class beside it
    return pub.counts if tally is None else LazyCounts(tally.blocks)


def _parameters_document(caption: "Caption | None") -> dict[str, Any]:
    if caption is None or not caption.values:
        return {}
    values = caption.values
    columns = values.columns.items()
    return {"parameters": {name: nest_lazily(column, values.shape) for name, column in columns}}


def _between(samples: BitSamples, first: int, last: int) -> BitSamples:
    size_bytes = samples.shots * -(-samples.num_bits // 8)
    return replace(
        samples,
        packed=samples.packed[first * size_bytes : last * size_bytes],
        shape=(last - first,),
    )


def read_pubs(text: str, job_id: str = "JOB") -> list[Pub]:
    """Read the pubs of a primitive's result, or the items of a quantum program's as pubs.

    Args:
        text: The result: JSON.
        job_id: The job that it is of, for the advice where it cannot be read as pubs.

    Raises:
        WireFormatError: It is neither.
        UsageError: It is raw data that is not meant to be read here.
    """
    document, num_characters = parse_result(text), len(text)
    # It may be megabytes, and so is what is made of it.
    del text
    check_claims(document, num_characters)
    if is_program_result(document):
        # Imported here, as below, because few jobs are another client's.
        from qrsession.results.programs import read_items  # noqa: PLC0415

        return [SampledPub(samples) for samples in read_items(document, job_id)]
    if isinstance(document, dict) and "results" in document and "__type__" not in document:
        from qrsession.results.plain import read_plain  # noqa: PLC0415

        return [_pub_of(*parts, job_id) for parts in read_plain(document)]
    result = as_object(typed_value(document, "PrimitiveResult"), "The result")
    pubs = required(result, "pub_results", list)
    return [_read_pub(pub, job_id) for pub in pubs]


def _read_pub(typed: Any, job_id: str) -> Pub:
    pub = as_object(as_object(typed, "A pub's result").get("__value__"), "A pub's result")
    data = as_object(typed_value(pub.get("data"), "DataBin"), "The data of a pub")
    bodies = as_object(data.get("fields"), "The data of a pub")
    estimates = {
        name: _read_floats(body)
        for name, body in bodies.items()
        if name in {"evs", "stds"} and not _is_register(body)
    }
    samples: dict[str, BitSamples] = {}
    fields: dict[str, Array] = {}
    for name, body in bodies.items():
        kind = body.get("__type__") if isinstance(body, dict) else None
        if kind == "BitArray":
            samples[name] = BitSamples.from_wire(body)
        elif kind == "ndarray" and name not in estimates:
            fields[name] = Array.from_wire(body)
    return _pub_of(samples, estimates, fields, job_id)


def _pub_of(
    samples: Mapping[str, BitSamples],
    estimates: Mapping[str, Floats],
    fields: Mapping[str, Array],
    job_id: str,
) -> Pub:
    if "evs" in estimates:
        evs, shape = estimates["evs"]
        stds, shape_of_stds = estimates.get("stds", (array("d", [math.nan]) * len(evs), shape))
        if shape_of_stds != shape:
            raise WireFormatError("Expectation values and their errors have different shapes.")
        return EstimatedPub(evs, stds, shape, fields)
    if samples:
        if len({(one.shape, one.shots) for one in samples.values()}) > 1:
            raise WireFormatError("The registers of a result hold different numbers of samples.")
        return SampledPub(samples, fields)
    if any(one.dtype.startswith("<c") for one in fields.values()):
        raise UsageError(
            f"The result of job {job_id} is raw measurement data, which nobody has classified.",
            advice=f'Read it in Python: RuntimeService().job("{job_id}").result()',
            details={"fields": sorted(fields)},
        )
    raise WireFormatError("A pub's result holds neither samples nor expectation values.")


def _is_register(value: Any) -> bool:
    # A register of a circuit may have the name of an estimator's field.
    return isinstance(value, dict) and value.get("__type__") == "BitArray"


def _read_floats(value: Any) -> Floats:
    """Read a typed array of floats, or a number; float64 in C order, and the shape."""
    if isinstance(value, int | float):
        try:
            return array("d", [value]), ()
        except OverflowError:
            raise WireFormatError("An expectation value is beyond all numbers.") from None
    if isinstance(value, list):
        from qrsession.results.plain import read_numbers  # noqa: PLC0415 - IBM writes arrays

        return read_numbers(value)
    found = Array.from_wire(value)
    code = _FLOATS.get(found.dtype)
    if code is None:
        raise WireFormatError(f"Expectation values of type {found.dtype!r} are not taken.")
    if not found.data and math.prod(takewhile(bool, found.shape)) > _MOST_EMPTY_LISTS:
        # Lists without an entry take room, which an array without one does not.
        raise WireFormatError("Expectation values are lists that hold nothing, and too many.")
    if code == "d" and sys.byteorder == "little":
        numbers = array("d")
        numbers.frombytes(found.data)
        return numbers, found.shape
    width = struct.calcsize(f"<{code}")
    unpacked = struct.unpack(f"<{len(found.data) // width}{code}", found.data)
    return array("d", unpacked), found.shape
