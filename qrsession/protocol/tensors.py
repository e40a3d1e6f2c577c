"""Tensors as the program ``executor`` has them on the wire, as bytes: numpy is not needed here.

A tensor is ``{"data", "shape", "dtype"}``: little-endian, in C order, in base64, and compressed by
zlib from version 2.0 of the schema on. Booleans take a bit each, the first of eight in the least
significant. Source: schemas "executor" v1.0 to v2.0 of ibm-quantum-schemas.
"""

import base64
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qrsession.errors import WireFormatError
from qrsession.protocol.fields import as_object
from qrsession.protocol.typed import LARGEST_ARRAY_BYTES, deflate, inflate

_BITS_OF = {
    "bool": 1,
    **dict.fromkeys(("i8", "u8"), 8),
    **dict.fromkeys(("f16", "i16", "u16"), 16),
    **dict.fromkeys(("f32", "i32", "u32"), 32),
    **dict.fromkeys(("f64", "i64", "u64", "c64"), 64),
    "c128": 128,
}
# Of the schemas before 2.0.
_UNCOMPRESSED_DTYPES = ("f64", "bool", "u8", "c128")
_KEYS = {"data", "shape", "dtype"}
_BITS_OF_BYTE = 8
# numpy's own bound, before its version 2.
_MOST_DIMENSIONS = 32
_LARGEST_DIMENSION = 2**31


@dataclass(frozen=True)
class Tensor:
    """An n-dimensional array.

    Attributes:
        data: Its elements: little-endian, C order; booleans packed eight to a byte.
        shape: Its shape.
        dtype: The type of its elements, such as ``f64``.
    """

    data: bytes
    shape: tuple[int, ...]
    dtype: str

    def to_wire(self, *, is_compressed: bool = True) -> dict[str, Any]:
        """Write ``{"data", "shape", "dtype"}``."""
        data = deflate(self.data) if is_compressed else base64.b64encode(self.data).decode()
        return {"data": data, "shape": list(self.shape), "dtype": self.dtype}

    @classmethod
    def from_wire(cls, body: Any, *, is_compressed: bool = True) -> "Tensor":
        """Read a tensor. No room is made for what it claims before that is held against bounds.

        Raises:
            WireFormatError: It is damaged, of another form, or larger than 1 GiB.
        """
        shape = read_tensor_shape(body)
        dtype = body.get("dtype")
        known = _BITS_OF if is_compressed else _UNCOMPRESSED_DTYPES
        if not isinstance(dtype, str) or dtype not in known:
            raise WireFormatError(f"Tensors of type {str(dtype)[:20]!r} are not taken.")
        # Each element counts for a byte at least: that is what a boolean takes once it is used.
        num_bits = _BITS_OF[dtype]
        if math.prod(shape) * max(num_bits // _BITS_OF_BYTE, 1) > LARGEST_ARRAY_BYTES:
            raise WireFormatError(f"A tensor holds more than {LARGEST_ARRAY_BYTES} bytes.")
        size_bytes = -(-math.prod(shape) * num_bits // _BITS_OF_BYTE)
        data = packed_bytes(body.get("data"), size_bytes, is_compressed=is_compressed)
        if len(data) != size_bytes:
            raise WireFormatError("A tensor does not hold as much as its shape says.")
        return cls(data, shape, dtype)

    def bits(self) -> bytes:
        """Return a tensor of booleans as one byte for each, 0 or 1."""
        return b"".join(map(_UNPACKED.__getitem__, self.data))[: math.prod(self.shape)]


# The eight booleans of each byte.
_UNPACKED = [bytes(byte >> bit & 1 for bit in range(_BITS_OF_BYTE)) for byte in range(256)]


def is_tensor(body: Any) -> bool:
    """Tell whether a part of a document is a tensor."""
    return isinstance(body, Mapping) and body.keys() == _KEYS and isinstance(body["data"], str)


def read_tensor_shape(body: Any) -> tuple[int, ...]:
    """Return the shape of a tensor; the rest is not read.

    Raises:
        WireFormatError: It has none that a tensor can have.
    """
    shape = as_object(body, "A tensor").get("shape")
    if (
        not isinstance(shape, list)
        or len(shape) > _MOST_DIMENSIONS
        or not all(type(size) is int and 0 <= size <= _LARGEST_DIMENSION for size in shape)
    ):
        raise WireFormatError("A tensor has no shape that a tensor can have.")
    return tuple(shape)


def packed_bytes(text: Any, largest_bytes: int, *, is_compressed: bool) -> bytes:
    """Return what is packed into a string of base64.

    Raises:
        WireFormatError: It is damaged, or would grow beyond ``largest_bytes``.
    """
    return inflate(text, largest_bytes) if is_compressed else _plain(text)


def _plain(text: Any) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (TypeError, ValueError):
        raise WireFormatError("The data of a tensor is not base64.") from None
