"""Arrays of ``numpy.savez``, read without numpy: an NPZ file is a ZIP file of NPY files.

Nothing is believed before it is there: neither what the ZIP file's table says of sizes, nor what an
array's header says of its shape. Pickles are refused. Source: "NPY format" in numpy's reference.
"""

import io
import math
import re
import sys
import zipfile
import zlib
from array import array
from typing import IO

from qrsession.protocol.npy import in_c_order, read_header
from qrsession.pubs.values import MOST_VALUES

_SUFFIX = ".npy"
_MOST_ARRAYS = 10_000
# numpy's letters of numbers with a sign, without one, and with a fraction, by their width.
_CODES = {
    **{f"i{array(code).itemsize}": code for code in "bhiq"},
    **{f"u{array(code).itemsize}": code for code in "BHIQ"},
    "b1": "B",
    "f4": "f",
    "f8": "d",
}
_DTYPE = re.compile(r"([<>|=]?)([a-z]\d)")


def read_npz(data: bytes) -> dict[str, tuple["array[float]", tuple[int, ...]]]:
    """Read the arrays of an NPZ file by name: their numbers in C order as float64, their shapes.

    Raises:
        ValueError: It is damaged, holds something other than numbers, or too many of them. The
            message says in words what is wrong.
    """
    found: dict[str, tuple[array[float], tuple[int, ...]]] = {}
    left = MOST_VALUES
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            if len(members) > _MOST_ARRAYS:
                raise ValueError(f"it has more than {_MOST_ARRAYS} arrays")
            for member in members:
                name = member.filename.removesuffix(_SUFFIX)
                if name == member.filename:
                    raise ValueError(f"{name!r} in it is no array")
                if name in found:
                    raise ValueError(f"the array {name!r} is there twice")
                with archive.open(member) as stream:
                    found[name] = _read_npy(stream, name, left)
                left -= len(found[name][0])
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise ValueError(f"the ZIP file is damaged: {str(error).rstrip('.')}") from None
    except (NotImplementedError, RuntimeError) as error:
        # Encrypted, or compressed by a method that only others have.
        raise ValueError(f"the ZIP file cannot be read: {str(error).rstrip('.')}") from None
    return found


def _read_npy(stream: IO[bytes], name: str, most: int) -> tuple["array[float]", tuple[int, ...]]:
    code, swaps, is_fortran, shape = _read_header(stream, name)
    number = math.prod(shape)
    if number > most:
        raise ValueError(f"its arrays have more than {MOST_VALUES} numbers")
    numbers = array(code)
    size_bytes = number * numbers.itemsize
    content = stream.read(size_bytes + 1)
    if len(content) != size_bytes:
        raise ValueError(f"the array {name!r} does not hold as much as its header says")
    numbers.frombytes(content)
    if swaps:
        numbers.byteswap()
    floats = array("d", numbers)
    if not is_fortran:
        return floats, shape
    ordered = array("d")
    ordered.frombytes(in_c_order(floats.tobytes(), shape, floats.itemsize))
    return ordered, shape


def _read_header(stream: IO[bytes], name: str) -> tuple[str, bool, bool, tuple[int, ...]]:
    """Return the letter of `array` for the numbers, whether to swap bytes, the order, the shape."""
    dtype, is_fortran, shape = read_header(stream.read, f"the array {name!r}")
    match = _DTYPE.fullmatch(dtype) if isinstance(dtype, str) else None
    if match is None or match[2] not in _CODES:
        raise ValueError(f"the array {name!r} is of type {dtype!r}, and has no real numbers")
    is_big = match[1] == ">" or (match[1] == "=" and sys.byteorder == "big")
    return _CODES[match[2]], is_big != (sys.byteorder == "big"), is_fortran, shape
