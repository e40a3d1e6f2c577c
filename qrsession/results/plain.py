"""Results in plain JSON, as jobs have them that were sent without Qiskit. Standard library only.

Samples are hexadecimal numbers and values are numbers, both in lists nested in the pub's shape; in
a number bit 0 of the register is the least significant. Source: IBM Quantum's guide to the REST API
of the primitives.
"""

import sys
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from math import nan
from typing import Any, TypeVar

from qrsession.errors import WireFormatError
from qrsession.protocol.fields import as_object, objects, required
from qrsession.protocol.npy import MOST_DIMENSIONS
from qrsession.protocol.typed import Array, BitSamples

_T = TypeVar("_T")
_Floats = tuple[Sequence[float], tuple[int, ...]]
_Parts = tuple[dict[str, BitSamples], dict[str, _Floats], dict[str, Array]]

# Wider than any device by far; a width says how much room its samples take.
_MOST_BITS = 2**20


def read_plain(document: Mapping[str, Any]) -> Iterator[_Parts]:
    """Yield, for each pub, its registers, its expectation values and errors, and other arrays.

    Raises:
        WireFormatError: The result is damaged.
    """
    for result in objects(document, "results"):
        data = as_object(result.get("data"), "The data of a pub")
        samples = {
            name: _read_samples(body)
            for name, body in data.items()
            if isinstance(body, dict) and "samples" in body
        }
        estimates = {
            name: read_numbers(body) for name, body in data.items() if name in {"evs", "stds"}
        }
        fields = {
            name: _float_array(body)
            for name, body in data.items()
            if estimates and name not in estimates and isinstance(body, int | float | list)
        }
        yield samples, estimates, fields


def read_numbers(value: Any) -> tuple[Sequence[float], tuple[int, ...]]:
    """Read a number, or lists nested in a shape, where null is NaN.

    Returns:
        The numbers in C order, and the shape.

    Raises:
        WireFormatError: They are no numbers, or the lists have no shape.
    """
    flat, shape = _flatten(value, _number)
    return array("d", flat), shape


def _float_array(value: Any) -> Array:
    found, shape = read_numbers(value)
    numbers = array("d", found)
    if sys.byteorder == "big":
        numbers.byteswap()
    return Array(numbers.tobytes(), shape, "<f8")


def _number(value: Any) -> float:
    if value is None:
        return nan
    if isinstance(value, int | float):
        try:
            return float(value)
        except OverflowError:
            raise WireFormatError("A value of a result is beyond what a float holds.") from None
    raise WireFormatError("A value of a result is no number.")


def _read_samples(body: Mapping[str, Any]) -> BitSamples:
    num_bits = required(body, "num_bits", int)
    if not 0 <= num_bits <= _MOST_BITS:
        raise WireFormatError("A register has no width that a register can have.")
    num_bytes = -(-num_bits // 8)

    def pack(value: Any) -> bytes:
        try:
            number = int(value, 16)
        except (TypeError, ValueError):
            raise WireFormatError("A sample is no hexadecimal number.") from None
        if number < 0 or number.bit_length() > num_bits:
            raise WireFormatError("A sample does not fit its register.")
        return number.to_bytes(num_bytes)

    rows, shape = _flatten(body.get("samples"), pack)
    if not shape:
        raise WireFormatError("The samples of a register are no list.")
    return BitSamples(b"".join(rows), num_bits, shape[-1], shape[:-1])


def _flatten(value: Any, read: Callable[[Any], _T]) -> tuple[list[_T], tuple[int, ...]]:
    """Return what nested lists hold, in C order, and their shape."""
    level = [value]
    shape: tuple[int, ...] = ()
    while any(isinstance(one, list) for one in level):
        if len({len(one) if isinstance(one, list) else -1 for one in level}) > 1:
            raise WireFormatError("The lists of a result have no shape.")
        shape = (*shape, len(level[0]))
        if len(shape) > MOST_DIMENSIONS:
            raise WireFormatError("An array of a result has too many dimensions.")
        level = list(chain.from_iterable(level))
    return [read(one) for one in level], shape
