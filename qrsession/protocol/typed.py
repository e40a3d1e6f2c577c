"""The typed JSON of IBM's encoder, as far as it needs no Qiskit: arrays and bit arrays.

An array travels as zlib-compressed ``.npy`` bytes in base64. Here it is bytes with a shape and a
dtype, so that a program which only counts bits imports neither numpy nor Qiskit.
Source: ``RuntimeEncoder`` of qiskit-ibm-runtime, and numpy's "NPY format".
"""

import base64
import binascii
import math
import struct
import zlib
from ast import literal_eval
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from qrsession.errors import WireFormatError
from qrsession.protocol.fields import as_object, required

# 2^30 bytes: the samples of a hundred million shots on 80 bits. More is an attack, or an accident.
LARGEST_ARRAY_BYTES = 2**30
_NPY_MAGIC = b"\x93NUMPY"
_NPY_ALIGNMENT = 64
_LONGEST_NPY_HEADER = 10_000


@dataclass(frozen=True, slots=True)
class Array:
    """An n-dimensional array in C order: little-endian ``data``, ``shape``, numpy's ``dtype``."""

    data: bytes
    shape: tuple[int, ...]
    dtype: str

    def to_wire(self) -> dict[str, Any]:
        """Write ``{"__type__": "ndarray", "__value__": base64(zlib(npy))}``."""
        # To the letter as numpy writes it, so that equal arrays are equal on the wire.
        header = f"{{'descr': '{self.dtype}', 'fortran_order': False, 'shape': {self.shape}, }}"
        # Magic, version and length take ten bytes; spaces and a newline fill up to the alignment.
        padding = -(len(_NPY_MAGIC) + 4 + len(header) + 1) % _NPY_ALIGNMENT
        text = f"{header}{' ' * padding}\n".encode("latin-1")
        npy = b"".join((_NPY_MAGIC, b"\x01\x00", struct.pack("<H", len(text)), text, self.data))
        return {"__type__": "ndarray", "__value__": base64.b64encode(zlib.compress(npy)).decode()}

    @classmethod
    def from_wire(cls, body: Any) -> "Array":
        """Read a typed array. Pickled (object) arrays and arrays over 1 GiB are refused."""
        return cls._from_npy(inflate(typed_value(body, "ndarray")))

    @classmethod
    def _from_npy(cls, npy: bytes) -> "Array":
        if npy[:6] != _NPY_MAGIC or len(npy) < len(_NPY_MAGIC) + 6:
            raise WireFormatError("An array is not in NPY format.")
        width = 2 if npy[6] == 1 else 4
        start = 8 + width
        header_bytes = int.from_bytes(npy[8:start], "little")
        if header_bytes > _LONGEST_NPY_HEADER:
            raise WireFormatError("The header of an array is too long.")
        start += header_bytes
        try:
            header = literal_eval(npy[8 + width : start].decode("latin-1").strip())
            dtype, fortran, shape = header["descr"], header["fortran_order"], header["shape"]
            size_bytes = int(dtype[2:]) * math.prod(shape)
        except (ValueError, SyntaxError, KeyError, TypeError, RecursionError, MemoryError):
            raise WireFormatError("The header of an array cannot be read.") from None
        if dtype[0] not in "<|" or dtype[1] not in "biufc" or (fortran and len(shape) > 1):
            raise WireFormatError(f"Arrays of type {dtype!r} are not taken.")
        if size_bytes != len(npy) - start:
            raise WireFormatError("An array does not hold as much as its header says.")
        return cls(npy[start:], tuple(shape), dtype)


@dataclass(frozen=True, slots=True)
class BitSamples:
    """The samples of one classical register.

    ``packed`` has ``ceil(num_bits / 8)`` bytes for each shot, most significant first, as Qiskit's
    ``BitArray``; ``shape`` is the pub's, so there are ``prod(shape) * shots`` samples.
    """

    packed: bytes
    num_bits: int
    shots: int
    shape: tuple[int, ...] = ()

    @classmethod
    def from_wire(cls, body: Any) -> "BitSamples":
        """Read a typed ``BitArray``: uint8, shape ``(…, shots, ceil(num_bits / 8))``."""
        value = as_object(typed_value(body, "BitArray"), "A bit array")
        num_bits = required(value, "num_bits", int)
        array = Array.from_wire(value.get("array"))
        num_bytes = -(-num_bits // 8)
        if array.dtype != "|u1" or len(array.shape) < 2 or array.shape[-1] != num_bytes:  # noqa: PLR2004
            raise WireFormatError("A bit array does not have the shape that its width asks for.")
        return cls(array.data, num_bits, array.shape[-2], array.shape[:-2])

    def ints(self) -> Iterable[int]:
        """Iterate over the samples as integers; bit 0 of the register is bit 0 of the integer."""
        num_bytes = -(-self.num_bits // 8)
        if num_bytes == 1:
            return self.packed
        if num_bytes == 0:
            return [0] * (self.shots * math.prod(self.shape))
        steps = range(0, len(self.packed), num_bytes)
        return (int.from_bytes(self.packed[at : at + num_bytes]) for at in steps)

    def counts(self) -> dict[str, int]:
        """Count the samples by bitstring, most frequent first, bit 0 on the right."""
        return _as_bitstrings(Counter(self.ints()), self.num_bits)


def join_counts(registers: Mapping[str, BitSamples]) -> dict[str, int]:
    """Count the samples of several registers together.

    The registers are in the order of declaration; in a bitstring the last declared comes first,
    and a space stands between two, as in Qiskit: ``{"a": 1 bit, "b": 2 bits}`` gives ``"01 1"``.
    """
    parts = list(registers.values())[::-1]
    if len(parts) == 1:
        return parts[0].counts()
    joint = Counter(zip(*(part.ints() for part in parts), strict=True))
    return {
        " ".join(
            _bitstring(value, part.num_bits) for value, part in zip(values, parts, strict=True)
        ): count
        for values, count in _most_frequent_first(joint)
    }


def _as_bitstrings(counter: Counter[int], num_bits: int) -> dict[str, int]:
    return {_bitstring(value, num_bits): count for value, count in _most_frequent_first(counter)}


def _bitstring(value: int, num_bits: int) -> str:
    return f"{value:0{num_bits}b}" if num_bits else ""


def _most_frequent_first(counter: Counter[Any]) -> list[tuple[Any, int]]:
    # Ties in the order of the values, so that equal results print equally.
    return sorted(counter.items(), key=lambda item: (-item[1], item[0]))


def typed_value(body: Any, name: str) -> Any:
    """Return ``__value__`` of an object whose ``__type__`` is ``name``."""
    record = as_object(body, f"A typed {name}")
    if record.get("__type__") != name:
        raise WireFormatError(f"A typed {name} was expected, not {record.get('__type__')!r}.")
    return record.get("__value__")


def inflate(text: Any, largest_bytes: int = LARGEST_ARRAY_BYTES) -> bytes:
    """Undo base64 and zlib, and refuse what would grow beyond a size.

    Raises:
        WireFormatError: Not base64, not zlib, cut off, or larger than ``largest_bytes``.
    """
    if not isinstance(text, str):
        raise WireFormatError("Compressed data must be a base64 string.")
    try:
        decompressor = zlib.decompressobj()
        data = decompressor.decompress(base64.b64decode(text, validate=True), largest_bytes + 1)
    except (binascii.Error, ValueError, zlib.error):
        raise WireFormatError("Compressed data is damaged.") from None
    if len(data) > largest_bytes:
        raise WireFormatError(f"Compressed data holds more than {largest_bytes} bytes.")
    if not decompressor.eof:
        raise WireFormatError("Compressed data is cut off.")
    return data


def deflate(data: bytes) -> str:
    """Compress with zlib and encode as base64."""
    return base64.b64encode(zlib.compress(data)).decode()
