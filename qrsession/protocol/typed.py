"""The typed JSON of IBM's encoder, as far as it needs no Qiskit: arrays and bit arrays.

An array travels as zlib-compressed ``.npy`` bytes in base64. Here it is bytes with a shape and a
dtype, so that a program which only counts bits imports neither numpy nor Qiskit.
Source: ``RuntimeEncoder`` of qiskit-ibm-runtime, and numpy's "NPY format".
"""

import binascii
import json
import math
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any, TypeAlias

from qrsession.errors import WireFormatError
from qrsession.protocol import npy
from qrsession.protocol.bounds import MOST_CLBITS
from qrsession.protocol.fields import as_object, required

# Part of every cache key: what an older codec wrote is not found by a newer one.
TYPED_JSON_VERSION = 2

# 2^30 bytes: the samples of a hundred million shots on 80 bits. More is an attack, or an accident.
LARGEST_ARRAY_BYTES = 2**30
_LARGE_BYTES = 2**15
# Looking for repetitions takes three times as long: it should save a hundredth at least.
_LEAST_GAIN = 100
# What is packed and unpacked at once: of 4 letters of base64, and of 3 bytes.
_PIECE_LETTERS = 2**14
_PIECE_BYTES = 3 * 2**13
_UNPACKED_BYTES = 2**16
# Of a long text larger pieces are a small part too, and fewer are sooner done.
_LONG_LETTERS = 2**19
_TIMES_FOR_LONG = 8
# Zlib shrinks nothing by more than 1032 to 1, so a claim beyond it is no reason to make room.
_MOST_SHRUNK = 1100
# So many samples of several bytes are counted by numpy sooner than without, its import included.
_MANY_SAMPLES = 2**17
_LONGEST_NAME = 40
# Characters of base64 that hold any header: a multiple of four.
_LONGEST_HEAD = 2 * npy.LONGEST_HEADER
_WIDTH_OF_DTYPE = {
    **dict.fromkeys(("|b1", "|i1", "|u1"), 1),
    **dict.fromkeys(("<i2", "<u2", "<f2"), 2),
    **dict.fromkeys(("<i4", "<u4", "<f4"), 4),
    **dict.fromkeys(("<i8", "<u8", "<f8", "<c8"), 8),
    "<c16": 16,
}
DTYPES = frozenset(_WIDTH_OF_DTYPE)
# Numbers of a machine with the other order of bytes, which `numpy.save` writes as they are.
_WIDTH_OF_DTYPE |= {
    dtype.replace("<", ">"): width for dtype, width in _WIDTH_OF_DTYPE.items() if width > 1
}
Data: TypeAlias = bytes | bytearray | memoryview


@dataclass(frozen=True)
class Array:
    """An n-dimensional array in C order: little-endian ``data``, ``shape``, numpy's ``dtype``.

    What is read is a `bytearray` of its own, so that numpy may write to it without a copy.
    """

    data: Data
    shape: tuple[int, ...]
    dtype: str

    def to_wire(self) -> dict[str, Any]:
        """Write ``{"__type__": "ndarray", "__value__": base64(zlib(npy))}``."""
        return {"__type__": "ndarray", "__value__": deflate(self.npy_header(), self.data)}

    def npy_header(self) -> bytes:
        """Return what stands before ``data`` in a file of the NPY format."""
        return npy.header_of(self.dtype, self.shape)

    @classmethod
    def from_wire(cls, body: Any) -> "Array":
        """Read a typed array. Pickled (object) arrays and arrays over 1 GiB are refused."""
        stream = _Stream(typed_value(body, "ndarray"))
        dtype, is_fortran, shape = _read_npy_header(stream)
        width = _WIDTH_OF_DTYPE[dtype]
        size_bytes = width * math.prod(shape)
        if size_bytes > LARGEST_ARRAY_BYTES:
            raise WireFormatError(f"An array holds more than {LARGEST_ARRAY_BYTES} bytes.")
        data = stream.read_exactly(size_bytes)
        if data is None or not stream.is_at_end():
            raise WireFormatError("An array does not hold as much as its header says.")
        if is_fortran and len(shape) > 1:
            data = npy.in_c_order(data, shape, width)
        if dtype.startswith(">"):
            # A complex number is two, and each is turned round by itself.
            data = npy.turned_round(data, width // 2 if dtype[1] == "c" else width)
            dtype = f"<{dtype[1:]}"
        return cls(data, shape, dtype)


def read_array_shape(body: Any) -> tuple[int, ...]:
    """Return the shape of a typed array, as its header says; the rest is not read."""
    return _read_npy_header(_head_of(body))[2]


def array_bytes(body: Any) -> int:
    """Return how many bytes a typed array claims, as its header says; the rest is not read."""
    dtype, _, shape = _read_npy_header(_head_of(body))
    return _WIDTH_OF_DTYPE[dtype] * math.prod(shape)


def _head_of(body: Any) -> "_Stream":
    text = typed_value(body, "ndarray")
    # The header is shorter than that however little it is compressed.
    is_long = isinstance(text, str) and len(text) > _LONGEST_HEAD
    return _Stream(text[:_LONGEST_HEAD] if is_long else text)


def _read_npy_header(stream: "_Stream") -> tuple[str, bool, tuple[int, ...]]:
    try:
        dtype, is_fortran, shape = npy.read_header(stream.read, "an array")
    except ValueError as error:
        words = str(error)
        raise WireFormatError(f"{words[0].upper()}{words[1:]}.") from None
    if not isinstance(dtype, str) or dtype not in _WIDTH_OF_DTYPE:
        raise WireFormatError(f"Arrays of type {_quoted(dtype)} are not taken.")
    return dtype, is_fortran, shape


@dataclass(frozen=True)
class BitSamples:
    """The samples of one classical register.

    ``packed`` has ``ceil(num_bits / 8)`` bytes for each shot, most significant first, as Qiskit's
    ``BitArray``; ``shape`` is the pub's, so there are ``prod(shape) * shots`` samples.
    """

    packed: Data
    num_bits: int
    shots: int
    shape: tuple[int, ...] = ()

    @classmethod
    def from_wire(cls, body: Any) -> "BitSamples":
        """Read a typed ``BitArray``: uint8, shape ``(…, shots, ceil(num_bits / 8))``."""
        value = as_object(typed_value(body, "BitArray"), "A bit array")
        num_bits = required(value, "num_bits", int)
        array = Array.from_wire(value.get("array"))
        *_, shots, num_bytes = (0, 0, *array.shape)
        if num_bits > MOST_CLBITS:
            raise WireFormatError(f"A bit array has more than {MOST_CLBITS} bits.")
        if num_bits < 0 or array.dtype != "|u1" or num_bytes != -(-num_bits // 8):
            raise WireFormatError("A bit array does not have the shape that its width asks for.")
        if math.prod(array.shape[:-1]) > LARGEST_ARRAY_BYTES:
            # A register of no bits takes no space, however many shots it claims.
            raise WireFormatError(f"A bit array holds more than {LARGEST_ARRAY_BYTES} samples.")
        return cls(array.data, num_bits, shots, array.shape[:-2])

    @property
    def num_samples(self) -> int:
        """The samples of all points of the pub together."""
        return self.shots * math.prod(self.shape)

    def ints(self) -> Iterable[int]:
        """Iterate over the samples as integers; bit 0 of the register is bit 0 of the integer."""
        num_bytes = -(-self.num_bits // 8)
        if self.num_bits == 8:  # noqa: PLR2004 - a byte
            return self.packed
        if num_bytes == 0:
            return repeat(0, self.num_samples)
        # The bits that fill up the first byte say nothing, whatever they are.
        mask = (1 << self.num_bits) - 1
        if num_bytes == 1:
            return bytes(self.packed).translate(bytes(value & mask for value in range(256)))
        steps = range(0, len(self.packed), num_bytes)
        return (int.from_bytes(self.packed[at : at + num_bytes]) & mask for at in steps)

    def counts(self) -> dict[str, int]:
        """Count the samples by bitstring, most frequent first, bit 0 on the right."""
        if self.num_bits == 0:
            return {"": self.num_samples} if self.num_samples else {}
        if are_many([self]):
            return _tallied([self])
        return _as_bitstrings(Counter(self.ints()), self.num_bits)


def join_counts(registers: Mapping[str, BitSamples]) -> dict[str, int]:
    """Count the samples of several registers together.

    The registers are in the order of declaration; in a bitstring the last declared comes first,
    and a space stands between two, as in Qiskit: ``{"a": 1 bit, "b": 2 bits}`` gives ``"01 1"``.

    Raises:
        WireFormatError: The registers hold different numbers of samples.
    """
    parts = list(registers.values())[::-1]
    if len({part.num_samples for part in parts}) > 1:
        raise WireFormatError("The registers of a result hold different numbers of samples.")
    if not any(part.num_bits for part in parts):
        # They take no space, so there may be more samples than anybody could look at.
        return {" " * (len(parts) - 1): parts[0].num_samples} if parts[0].num_samples else {}
    if len(parts) == 1:
        return parts[0].counts()
    if are_many(parts):
        return _tallied(parts)
    joint = Counter(zip(*(part.ints() for part in parts), strict=True))
    return {
        " ".join(
            _bitstring(value, part.num_bits) for value, part in zip(values, parts, strict=True)
        ): count
        for values, count in _most_frequent_first(joint)
    }


def are_many(parts: Sequence[BitSamples]) -> bool:
    """Tell whether samples of registers, counted together, are better counted by `tallies`."""
    # A byte has few values, however often each was seen.
    is_wide = sum(part.num_bits for part in parts) > 8  # noqa: PLR2004
    return is_wide and parts[0].num_samples >= _MANY_SAMPLES


def _tallied(parts: Sequence[BitSamples]) -> dict[str, int]:
    # Imported here because few results are so large.
    from qrsession.protocol.tallies import tally  # noqa: PLC0415

    counts: dict[str, int] = {}
    for block in tally(parts):
        counts.update(block)
    return counts


def _as_bitstrings(counter: Counter[int], num_bits: int) -> dict[str, int]:
    return {_bitstring(value, num_bits): count for value, count in _most_frequent_first(counter)}


def _bitstring(value: int, num_bits: int) -> str:
    return f"{value:0{num_bits}b}" if num_bits else ""


def _most_frequent_first(counter: Counter[Any]) -> list[tuple[Any, int]]:
    # Ties in the order of the values, so that equal results print equally.
    return sorted(counter.items(), key=lambda item: (-item[1], item[0]))


def parse_result(text: str) -> Any:
    """Parse the text of a result.

    Raises:
        WireFormatError: It is no JSON, or nested too deeply for it.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise WireFormatError("The result is no JSON.") from None


def is_program_result(document: Any) -> bool:
    """Tell whether a result is a quantum program's, which bears a version in place of types."""
    return isinstance(document, Mapping) and "schema_version" in document


def typed_value(body: Any, name: str) -> Any:
    """Return ``__value__`` of an object whose ``__type__`` is ``name``."""
    record = as_object(body, f"A typed {name}")
    if record.get("__type__") != name:
        raise WireFormatError(
            f"A typed {name} was expected, not {_quoted(record.get('__type__'))}."
        )
    return record.get("__value__")


def _quoted(name: Any) -> str:
    """Return a name for a message; in its place there may be anything, of any length."""
    if not isinstance(name, str):
        return "one without a name"
    return repr(name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…")


def inflate(text: Any, largest_bytes: int = LARGEST_ARRAY_BYTES) -> bytes:
    """Undo base64 and zlib, and refuse what would grow beyond a size.

    Raises:
        WireFormatError: Not base64, not zlib, cut off, or larger than ``largest_bytes``.
    """
    stream = _Stream(text)
    data = stream.read_whole(largest_bytes + 1)
    if len(data) > largest_bytes:
        raise WireFormatError(f"Compressed data holds more than {largest_bytes} bytes.")
    if not stream.is_at_end():
        raise WireFormatError("Compressed data is cut off.")
    return data


class _Stream:
    """Base64 and zlib undone piece by piece: what a header claims is read before there is room.

    So nothing is held beside the text and what comes of it.
    """

    def __init__(self, text: Any) -> None:
        if not isinstance(text, str):
            raise WireFormatError("Compressed data must be a base64 string.")
        self._text = text
        self._at = 0
        self._times = _TIMES_FOR_LONG if len(text) > _LONG_LETTERS else 1
        self._compressed = b""
        self._zlib = zlib.decompressobj()

    def read(self, most_bytes: int) -> bytes:
        """Return so many bytes, or fewer where the data ends."""
        return b"".join(self._pieces(most_bytes))

    def read_whole(self, most_bytes: int) -> bytes:
        """Return what `read` does, sooner where the text is short: of which there may be many."""
        if len(self._text) > _PIECE_LETTERS:
            return self.read(most_bytes)
        self._compressed = self._next_piece()
        try:
            data = self._zlib.decompress(self._compressed, most_bytes)
        except zlib.error:
            raise WireFormatError("Compressed data is damaged.") from None
        self._compressed = self._zlib.unconsumed_tail
        return data

    def read_exactly(self, size_bytes: int) -> bytearray | None:
        """Return so many bytes, which can be written to; None where the data ends before."""
        if size_bytes > _MOST_SHRUNK * (len(self._text) + _MOST_SHRUNK):
            return None
        data = bytearray(size_bytes)
        end = 0
        for piece in self._pieces(size_bytes):
            start, end = end, end + len(piece)
            data[start:end] = piece
        return data if end == size_bytes else None

    def is_at_end(self) -> bool:
        """Return whether all was read and the checksum holds."""
        is_at_end = self._zlib.eof or (not self.read(1) and self._zlib.eof)
        while self._at < len(self._text):
            # What stands behind the end is of no use, and has to be base64 all the same.
            self._next_piece()
        return is_at_end

    def _pieces(self, most_bytes: int) -> Iterator[bytes]:
        largest_bytes = self._times * _UNPACKED_BYTES
        while most_bytes and not self._zlib.eof:
            if not self._compressed:
                self._compressed = self._next_piece()
            # Without more to take in there may yet be something that did not fit before.
            is_last = not self._compressed
            try:
                piece = self._zlib.decompress(self._compressed, min(most_bytes, largest_bytes))
            except zlib.error:
                raise WireFormatError("Compressed data is damaged.") from None
            self._compressed = self._zlib.unconsumed_tail
            most_bytes -= len(piece)
            if piece:
                yield piece
            elif is_last:
                return

    def _next_piece(self) -> bytes:
        letters = self._text[self._at : self._at + self._times * _PIECE_LETTERS]
        self._at += len(letters)
        try:
            piece = binascii.a2b_base64(letters, strict_mode=True)
        except ValueError:
            raise WireFormatError("Compressed data is not base64.") from None
        if self._at < len(self._text) and letters.endswith("="):
            raise WireFormatError("Compressed data is not base64.")
        return piece


def deflate(*parts: Data) -> str:
    """Compress parts, one behind the other, with zlib, and encode them as base64.

    What is large is samples or floating-point numbers. These hardly shrink, so the quickest level
    gains most, and where a first piece shows nothing that repeats, nothing is looked for.
    """
    if sum(len(part) for part in parts) <= _LARGE_BYTES:
        return _as_base64(zlib.compress(b"".join(parts)))
    largest = max(parts, key=len)
    strategy = _strategy_for(memoryview(largest)[:_PIECE_BYTES])
    compressor = zlib.compressobj(zlib.Z_BEST_SPEED, strategy=strategy)
    letters: list[str] = []
    rest = b""
    for piece in _in_pieces(parts):
        packed = rest + compressor.compress(piece)
        # Three bytes make four letters; what is over waits for the next.
        whole = len(packed) - len(packed) % 3
        letters.append(_as_base64(packed[:whole]))
        rest = packed[whole:]
    letters.append(_as_base64(rest + compressor.flush()))
    return "".join(letters)


def _in_pieces(parts: Iterable[Data]) -> Iterator[memoryview]:
    for part in parts:
        view = memoryview(part)
        yield from (view[at : at + _PIECE_BYTES] for at in range(0, len(view), _PIECE_BYTES))


def _strategy_for(sample: memoryview) -> int:
    """Return the strategy of zlib that suits data which begin so."""
    searching, plain = zlib.Z_DEFAULT_STRATEGY, zlib.Z_RLE
    gained = _packed_bytes(sample, plain) - _packed_bytes(sample, searching)
    return searching if gained > len(sample) // _LEAST_GAIN else plain


def _packed_bytes(data: memoryview, strategy: int) -> int:
    compressor = zlib.compressobj(zlib.Z_BEST_SPEED, strategy=strategy)
    return len(compressor.compress(data)) + len(compressor.flush())


def _as_base64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode("ascii")
