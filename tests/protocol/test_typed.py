"""Arrays and samples without numpy and Qiskit, held against both."""

import base64
import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from qiskit.primitives import BitArray, DataBin, SamplerPubResult

from qrsession.errors import WireFormatError
from qrsession.protocol.typed import (
    DTYPES,
    Array,
    BitSamples,
    deflate,
    inflate,
    join_counts,
    typed_value,
)

pytestmark = pytest.mark.fast

ARRAYS = st_numpy.arrays(
    dtype=st.sampled_from(sorted(DTYPES)).map(np.dtype),
    shape=st_numpy.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
)


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def typed(npy_bytes: bytes) -> dict[str, str]:
    return {
        "__type__": "ndarray",
        "__value__": base64.b64encode(zlib.compress(npy_bytes)).decode(),
    }


@given(ARRAYS)
def test_an_array_is_written_as_numpy_writes_it(array: np.ndarray) -> None:
    ours = Array(array.tobytes(), array.shape, array.dtype.str)
    assert ours.to_wire() == typed(npy(array))


@pytest.mark.parametrize("first", [0, 12345])
def test_the_header_is_as_long_as_numpys(first: int) -> None:
    """Whatever the length of a shape leaves of the alignment."""
    for ones in range(16):
        for digits in range(4):
            shape = (first, *(1,) * ones, 0, 10**digits)
            assert Array(b"", shape, "<f8").to_wire() == typed(npy(np.zeros(shape)))


@given(ARRAYS, st.booleans())
def test_an_array_is_read_as_numpy_reads_it(array: np.ndarray, by_columns: bool) -> None:
    if by_columns:
        array = np.asfortranarray(array)
    read = Array.from_wire(typed(npy(array)))
    assert (read.shape, read.dtype) == (array.shape, array.dtype.str)
    assert read.data == array.tobytes(order="C")


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_all_versions_of_the_format_are_read(version: tuple[int, int]) -> None:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.arange(6.0).reshape(2, 3), version=version)
    assert Array.from_wire(typed(buffer.getvalue())).shape == (2, 3)


def forged(header: str, data: bytes = b"", version: int = 1) -> dict[str, str]:
    text = header.encode("latin-1")
    length = struct.pack("<H" if version == 1 else "<I", len(text))
    return typed(b"\x93NUMPY" + bytes([version, 0]) + length + text + data)


def described(descr: str = "'<f8'", shape: str = "(1,)", order: str = "False") -> str:
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}}}"


GOOD = typed(npy(np.arange(10.0)))["__value__"]
DAMAGED_ARRAYS: dict[str, Any] = {
    "none": None,
    "a number": 5,
    "a list": [],
    "another type": {"__type__": "BitArray", "__value__": ""},
    "no value": {"__type__": "ndarray"},
    "no text": {"__type__": "ndarray", "__value__": 5},
    "no base64": {"__type__": "ndarray", "__value__": "???"},
    "base64 of nothing": {"__type__": "ndarray", "__value__": ""},
    "not ASCII": {"__type__": "ndarray", "__value__": "é"},
    "cut base64": {"__type__": "ndarray", "__value__": GOOD[:-5]},
    "cut zlib": {"__type__": "ndarray", "__value__": GOOD[:40]},
    "cut checksum": {
        "__type__": "ndarray",
        "__value__": base64.b64encode(base64.b64decode(GOOD)[:-2]).decode(),
    },
    "no zlib": {"__type__": "ndarray", "__value__": base64.b64encode(b"abcdefgh").decode()},
    "no NPY": typed(b"PK\x03\x04 and something else"),
    "magic alone": typed(b"\x93NUMPY"),
    "a pickle": typed(b"\x80\x04\x95\x00"),
    "objects": forged(described("'|O'")),
    "text": forged(described("'<U4'"), b"\0" * 16),
    "a record": forged(described("[('a', '<f8')]"), b"\0" * 8),
    "another order of no type": forged(described("'>u1'"), b"\0" * 8),
    "a width that is none": forged(described("'<f3'"), b"\0" * 3),
    "no width": forged(described("'<f0'")),
    "bytes for a type": forged(described("b'<f8'"), b"\0" * 8),
    "a long header": forged(" " * 20_000),
    "a longer header than data": typed(b"\x93NUMPY\x01\x00\xff\x7f{}"),
    "no header": forged(""),
    "a list for a header": forged("[1]"),
    "a call in the header": forged("__import__('os').abort()"),
    "a deep header": forged("(" * 5_000),
    "a missing key": forged("{'descr': '<f8'}"),
    "negative sizes": forged(described(shape="(-1, -1)"), b"\0" * 8),
    "a fraction": forged(described(shape="(1.0,)"), b"\0" * 8),
    "true for a size": forged(described(shape="(True,)"), b"\0" * 8),
    "a word for a shape": forged(described(shape="''"), b"\0" * 8),
    "one number for a shape": forged(described(shape="1"), b"\0" * 8),
    "too many dimensions": forged(described(shape="(" + "1," * 100 + ")"), b"\0" * 8),
    "an empty axis beside a huge one": forged(described(shape=f"(0, {2**70})")),
    "less than it says": forged(described(shape="(2,)"), b"\0" * 8),
    "more than it says": forged(described(shape="(1,)"), b"\0" * 16),
    "a terabyte": forged(described(shape=f"({2**37},)")),
}


@pytest.mark.parametrize("body", DAMAGED_ARRAYS.values(), ids=DAMAGED_ARRAYS)
def test_a_damaged_array_is_one_error(body: Any) -> None:
    with pytest.raises(WireFormatError):
        Array.from_wire(body)


@given(st.binary(max_size=200))
def test_inflate_undoes_deflate(data: bytes) -> None:
    assert inflate(deflate(data)) == data
    assert inflate(deflate(data), len(data)) == data
    if data:
        with pytest.raises(WireFormatError):
            inflate(deflate(data), len(data) - 1)


@given(st.text(max_size=50))
def test_inflate_of_anything_else_is_one_error(text: str) -> None:
    with pytest.raises(WireFormatError):
        inflate(text)


def test_typed_value() -> None:
    assert typed_value({"__type__": "a", "__value__": 5}, "a") == 5
    others: list[Any] = [None, [], {"__type__": "b", "__value__": 5}, {"__value__": 5}]
    for body in others:
        with pytest.raises(WireFormatError):
            typed_value(body, "a")


# Samples


def wire_of(bits: BitArray) -> dict[str, Any]:
    array = Array(bits.array.tobytes(), bits.array.shape, "|u1").to_wire()
    return {"__type__": "BitArray", "__value__": {"array": array, "num_bits": bits.num_bits}}


@st.composite
def bit_arrays(
    draw: Callable[..., Any], shape: tuple[int, ...] = (), shots: int | None = None
) -> BitArray:
    num_bits = draw(
        st.one_of(st.integers(1, 20), st.sampled_from([31, 32, 33, 63, 64, 65, 127, 200]))
    )
    shots = draw(st.integers(1, 12)) if shots is None else shots
    few = draw(st.lists(st.integers(0, 2**num_bits - 1), min_size=1, max_size=3))
    count = shots * int(np.prod(shape, dtype=int))
    samples = draw(st.lists(st.sampled_from(few), min_size=count, max_size=count))
    num_bytes = -(-num_bits // 8)
    data = b"".join(sample.to_bytes(num_bytes) for sample in samples)
    array = np.frombuffer(data, np.uint8).reshape(*shape, shots, num_bytes)
    return BitArray(array, num_bits)


@given(bit_arrays())
def test_counts_are_qiskits(bits: BitArray) -> None:
    samples = BitSamples.from_wire(wire_of(bits))
    counts = samples.counts()
    assert counts == bits.get_counts()
    assert list(counts.values()) == sorted(counts.values(), reverse=True)
    assert list(samples.ints()) == [int(word, 2) for word in bits.get_bitstrings()]
    assert (samples.shots, samples.shape, samples.num_bits) == (bits.num_shots, (), bits.num_bits)


@pytest.mark.parametrize("shape", [(1,), (3,), (2, 3)])
def test_counts_of_a_sweep_are_those_of_all_its_points(shape: tuple[int, ...]) -> None:
    points = int(np.prod(shape))
    array = np.arange(points * 4, dtype=np.uint8).reshape(*shape, 4, 1) % 8
    bits = BitArray(array, 3)
    samples = BitSamples.from_wire(wire_of(bits))
    assert samples.counts() == bits.get_counts()
    assert (samples.shape, samples.shots) == (shape, 4)
    assert samples.num_samples == 4 * points


def test_bit_0_is_on_the_right() -> None:
    """Of nine bits, bit 0 is set in three shots and bit 8 in one."""
    array = np.array([[0, 1], [0, 1], [0, 1], [1, 0]], dtype=np.uint8)
    samples = BitSamples.from_wire(wire_of(BitArray(array, 9)))
    assert list(samples.counts().items()) == [("000000001", 3), ("100000000", 1)]


@pytest.mark.parametrize("num_bits", [1, 3, 7, 9, 15])
def test_bits_that_fill_up_the_first_byte_do_not_count(num_bits: int) -> None:
    array = np.full((2, -(-num_bits // 8)), 255, dtype=np.uint8)
    bits = BitArray(array, num_bits)
    assert BitSamples.from_wire(wire_of(bits)).counts() == bits.get_counts() == {"1" * num_bits: 2}


@given(st.data())
def test_registers_are_joined_as_in_qiskit(data: Any) -> None:
    """The last declared register comes first: `join_data` puts it at the most significant end."""
    registers = {
        name: data.draw(bit_arrays(shots=5)) for name in data.draw(st.permutations(["a", "b", "c"]))
    }
    joined = join_counts({name: BitSamples.from_wire(wire_of(b)) for name, b in registers.items()})
    qiskits = SamplerPubResult(DataBin(**registers)).join_data().get_counts()
    assert {key.replace(" ", ""): count for key, count in joined.items()} == qiskits
    widths = [bits.num_bits for bits in registers.values()][::-1]
    for key in joined:
        assert [len(word) for word in key.split(" ")] == widths


def test_a_space_stands_between_registers() -> None:
    a = BitSamples(bytes([1, 1, 0]), 1, 3)
    b = BitSamples(bytes([2, 2, 1]), 2, 3)
    assert list(join_counts({"a": a, "b": b}).items()) == [("10 1", 2), ("01 0", 1)]
    assert join_counts({"b": b, "a": a}) == {"1 10": 2, "0 01": 1}
    assert join_counts({"b": b}) == {"10": 2, "01": 1}


def empty(shots: int) -> dict[str, Any]:
    array = Array(b"", (shots, 0), "|u1").to_wire()
    return {"__type__": "BitArray", "__value__": {"array": array, "num_bits": 0}}


def test_a_register_without_bits() -> None:
    none = BitSamples.from_wire(empty(5))
    one = BitSamples(bytes([1, 0, 1, 1, 1]), 1, 5)
    assert none.counts() == {"": 5}
    assert list(none.ints()) == [0] * 5
    assert join_counts({"a": one, "none": none}) == {" 1": 4, " 0": 1}
    assert BitSamples.from_wire(empty(0)).counts() == {}


def test_ties_are_in_the_order_of_the_values() -> None:
    assert list(BitSamples(bytes([3, 1, 2, 0]), 2, 4).counts()) == ["00", "01", "10", "11"]


def bits_of(array: np.ndarray, num_bits: Any) -> dict[str, Any]:
    inner = Array(array.tobytes(), array.shape, array.dtype.str).to_wire()
    return {"__type__": "BitArray", "__value__": {"array": inner, "num_bits": num_bits}}


@pytest.mark.parametrize(
    "body",
    [
        None,
        {"__type__": "BitArray", "__value__": None},
        {"__type__": "BitArray", "__value__": {"num_bits": 1}},
        bits_of(np.zeros((4, 1), np.uint8), None),
        bits_of(np.zeros((4, 1), np.uint8), "1"),
        bits_of(np.zeros((4, 1), np.uint8), 9),
        bits_of(np.zeros((4, 2), np.uint8), 8),
        bits_of(np.zeros((4, 1), np.int8), 8),
        bits_of(np.zeros(4, np.uint8), 8),
        bits_of(np.array(1, np.uint8), 1),
        bits_of(np.zeros((4, 0), np.uint8), -3),
        empty(2**31),
    ],
    ids=range(12),
)
def test_damaged_samples_are_one_error(body: Any) -> None:
    with pytest.raises(WireFormatError):
        BitSamples.from_wire(body)


def test_registers_of_different_lengths_are_an_error() -> None:
    with pytest.raises(WireFormatError, match="different numbers"):
        join_counts({"a": BitSamples(bytes(3), 1, 3), "b": BitSamples(bytes(4), 1, 4)})
