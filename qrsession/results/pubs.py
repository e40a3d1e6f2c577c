"""Results of primitives as plain numbers, from the service's text. Standard library only.

A program that prints counts needs neither numpy nor Qiskit. Source: "PrimitiveResult", "DataBin"
and "BitArray" in Qiskit's API reference; the typed JSON of qiskit-ibm-runtime.
"""

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, TypeAlias

from qrsession.errors import WireFormatError
from qrsession.protocol.claims import check_claims
from qrsession.protocol.fields import as_object, required
from qrsession.protocol.typed import (
    Array,
    BitSamples,
    is_program_result,
    join_counts,
    parse_result,
    typed_value,
)

Nested: TypeAlias = "float | list[Nested]"

_FLOATS = {"<f8": "d", "<f4": "f"}
# As many as an array of numpy has.
_MOST_DIMENSIONS = 64
_MOST_EMPTY_LISTS = 100_000


@dataclass(frozen=True)
class SampledPub:
    """What the sampler saw of one pub.

    Attributes:
        shots: The number of samples, over all parameter values of the pub.
        counts: Samples by bitstring, most frequent first. Bit 0 is on the right; several
            registers are joined by a space, the last declared first.
        registers: The same for each register by itself.
    """

    shots: int
    counts: Mapping[str, int]
    registers: Mapping[str, Mapping[str, int]]

    def document(self) -> dict[str, Any]:
        """Return the pub as the envelope has it."""
        return {"shots": self.shots, "counts": self.counts, "registers": self.registers}


@dataclass(frozen=True)
class EstimatedPub:
    """What the estimator found for one pub: numbers, or nested lists in the pub's shape."""

    evs: Nested
    stds: Nested

    def document(self) -> dict[str, Any]:
        """Return the pub as the envelope has it."""
        return {"evs": self.evs, "stds": self.stds}


Pub: TypeAlias = SampledPub | EstimatedPub


def read_pubs(text: str, job_id: str = "JOB") -> list[Pub]:
    """Read the pubs of a primitive's result, or the items of a quantum program's as pubs.

    Args:
        text: The result: JSON.
        job_id: The job that it is of, for the advice where it cannot be read as pubs.

    Raises:
        WireFormatError: It is neither.
        UsageError: It is raw data that is not meant to be read here.
    """
    document = parse_result(text)
    check_claims(document, len(text))
    if is_program_result(document):
        # Imported here because few jobs are another client's.
        from qrsession.results.programs import read_items  # noqa: PLC0415

        items = read_items(document, job_id)
        return [SampledPub(sum(i.counts.values()), i.counts, i.registers) for i in items]
    result = as_object(typed_value(document, "PrimitiveResult"), "The result")
    return [_read_pub(pub) for pub in required(result, "pub_results", list)]


def _read_pub(typed: Any) -> Pub:
    pub = as_object(as_object(typed, "A pub's result").get("__value__"), "A pub's result")
    data = as_object(typed_value(pub.get("data"), "DataBin"), "The data of a pub")
    fields = as_object(data.get("fields"), "The data of a pub")
    if "evs" in fields and not _is_register(fields["evs"]):
        return EstimatedPub(_read_numbers(fields["evs"]), _read_numbers(fields.get("stds")))
    samples = {
        name: BitSamples.from_wire(value) for name, value in fields.items() if _is_register(value)
    }
    if not samples:
        raise WireFormatError("A pub's result holds neither samples nor expectation values.")
    joined = join_counts(samples)
    if len(samples) == 1:
        registers: dict[str, Mapping[str, int]] = dict.fromkeys(samples, joined)
    else:
        registers = {name: register.counts() for name, register in samples.items()}
    return SampledPub(sum(joined.values()), joined, registers)


def _is_register(value: Any) -> bool:
    # A register of a circuit may have the name of an estimator's field.
    return isinstance(value, dict) and value.get("__type__") == "BitArray"


def _read_numbers(value: Any, depth: int = 0) -> Nested:
    """Read an array of floats as nested lists, or a plain number, or a list of them."""
    if isinstance(value, int | float):
        try:
            return float(value)
        except OverflowError:
            raise WireFormatError("An expectation value is beyond all numbers.") from None
    if isinstance(value, list):
        if depth > _MOST_DIMENSIONS:
            raise WireFormatError("Expectation values are nested too deeply.")
        return [_read_numbers(entry, depth + 1) for entry in value]
    array = Array.from_wire(value)
    code = _FLOATS.get(array.dtype)
    if code is None:
        raise WireFormatError(f"Expectation values of type {array.dtype!r} are not taken.")
    width = struct.calcsize(f"<{code}")
    numbers = struct.unpack(f"<{len(array.data) // width}{code}", array.data)
    if not numbers and math.prod(takewhile(bool, array.shape)) > _MOST_EMPTY_LISTS:
        # Lists without an entry take room, which an array without one does not.
        raise WireFormatError("Expectation values are lists that hold nothing, and too many.")
    return _nest(list(numbers), array.shape)


def _nest(numbers: list[float], shape: tuple[int, ...]) -> Nested:
    if not shape:
        return numbers[0]
    if len(shape) == 1:
        return list(numbers)
    step = len(numbers) // shape[0] if shape[0] else 0
    return [_nest(numbers[at * step : (at + 1) * step], shape[1:]) for at in range(shape[0])]
