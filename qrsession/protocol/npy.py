"""NPY, the format in which numpy writes an array: its header, and the order of its items.

Nothing in a header is believed before it was looked at. Source: "NPY format" in numpy's reference.
"""

import math
import struct
from array import array
from ast import literal_eval
from collections.abc import Callable

MAGIC = b"\x93NUMPY"
# numpy's own bound, before its version 2.
MOST_DIMENSIONS = 32
_LARGEST_DIMENSION = 2**31
LONGEST_HEADER = 10_000
_ALIGNMENT = 64
# Room that numpy leaves for the first dimension, so that an array can grow in its file.
_GROWTH = 21
_CODE_OF_WIDTH = {array(code).itemsize: code for code in "BHIQ"}
_WIDEST = 8


def header_of(dtype: str, shape: tuple[int, ...]) -> bytes:
    """Return what stands before the items of an array in C order."""
    # To the letter as numpy writes it, so that equal arrays are equal on the wire.
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}"
    if shape:
        header += " " * (_GROWTH - len(str(shape[0])))
    # Magic, version and length take ten bytes; spaces and a newline fill up to the alignment, and
    # where nothing is missing numpy fills up all the same.
    length = len(MAGIC) + 4 + len(header) + 1
    padding = _ALIGNMENT - length % _ALIGNMENT
    text = f"{header}{' ' * padding}\n".encode("latin-1")
    return b"".join((MAGIC, b"\x01\x00", struct.pack("<H", len(text)), text))


def read_header(read: Callable[[int], bytes], what: str) -> tuple[object, bool, tuple[int, ...]]:
    """Read what stands before the items of an array.

    Args:
        read: Returns so many bytes, or fewer where there are no more.
        what: What the array is called, for messages.

    Returns:
        What is said of its type, whether its first index runs fastest, and its shape.

    Raises:
        ValueError: It is damaged. The message says in words what is wrong, and ends without a dot.
    """
    start = read(len(MAGIC) + 2)
    if len(start) != len(MAGIC) + 2 or not start.startswith(MAGIC):
        raise ValueError(f"{what} is not in NPY format")
    length_bytes = 2 if start[-2] == 1 else 4
    header_bytes = int.from_bytes(read(length_bytes), "little")
    if header_bytes > LONGEST_HEADER:
        raise ValueError(f"the header of {what} is too long")
    try:
        header = literal_eval(read(header_bytes).decode("latin-1").strip())
        dtype, is_fortran, shape = header["descr"], header["fortran_order"], header["shape"]
    except (ValueError, SyntaxError, KeyError, TypeError, RecursionError, MemoryError):
        raise ValueError(f"the header of {what} cannot be read") from None
    if (
        not isinstance(shape, tuple)
        or len(shape) > MOST_DIMENSIONS
        or not all(type(size) is int and 0 <= size <= _LARGEST_DIMENSION for size in shape)
    ):
        raise ValueError(f"{what} has no shape that an array can have")
    return dtype, bool(is_fortran), shape


def in_c_order(data: bytes | bytearray, shape: tuple[int, ...], width: int) -> bytearray:
    """Put items, whose first index runs fastest, into the order in which the last one does.

    Items as numbers of their width, which no number of Python's is made of. A complex one of 16
    bytes is two such: its halves are put into order each by itself, and side by side again.

    Args:
        data: The items, as many as the shape has.
        shape: Their shape.
        width: The bytes of an item: 1, 2, 4, 8 or 16.
    """
    if not data:
        return bytearray()
    code = _CODE_OF_WIDTH[min(width, _WIDEST)]
    items = array(code)
    items.frombytes(data)
    num_parts = len(items) // math.prod(shape)
    ordered = array(code, bytes(len(data)))
    for part in range(num_parts):
        ordered[part::num_parts] = _columns_as_rows(items[part::num_parts], shape)
    return bytearray(ordered)


def turned_round(data: bytes | bytearray, width: int) -> bytearray:
    """Return numbers of so many bytes each with their bytes in the other order."""
    items = array(_CODE_OF_WIDTH[width])
    items.frombytes(data)
    items.byteswap()
    return bytearray(items)


def _columns_as_rows(items: "array[int]", shape: tuple[int, ...]) -> "array[int]":
    if len(shape) <= 1 or shape[0] == len(items):
        return items
    rows = array(items.typecode)
    for row in range(shape[0]):
        rows += _columns_as_rows(items[row :: shape[0]], shape[1:])
    return rows
