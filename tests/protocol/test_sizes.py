"""Large results: what they take beside themselves, and that they are counted as small ones are.

The size of a result is that of the arrays that it consists of. Memory is what Python and numpy
asked for at most, which is the same each time.
"""

import json
import tracemalloc
from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from qiskit.primitives import BitArray, DataBin, PrimitiveResult, PubResult, SamplerPubResult

from qrsession.codec import decode, encode
from qrsession.protocol.tallies import tally
from qrsession.protocol.typed import Array, BitSamples, deflate, inflate, join_counts
from qrsession.results.pubs import read_pubs

T = TypeVar("T")

MOST = 4
MILLION = 1_000_000


def held_by(work: Callable[[], T]) -> tuple[T, int]:
    """Return what work returns, and how many bytes it held at most."""
    tracemalloc.start()
    try:
        result = work()
        return result, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def samples(shots: int, num_bits: int, shape: tuple[int, ...] = ()) -> BitArray:
    rng = np.random.default_rng(17)
    num_bytes = -(-num_bits // 8)
    bits = rng.integers(0, 2, size=(*shape, shots, num_bytes * 8), dtype=np.uint8)
    bits[..., : num_bytes * 8 - num_bits] = 0
    return BitArray(np.packbits(bits, axis=-1), num_bits)


def sampled(bits: BitArray) -> PrimitiveResult[Any]:
    return PrimitiveResult([SamplerPubResult(DataBin(c=bits, shape=bits.shape), {})], {})


def estimated(shape: tuple[int, ...]) -> PrimitiveResult[Any]:
    rng = np.random.default_rng(17)
    data = DataBin(evs=rng.normal(size=shape), stds=rng.random(shape), shape=shape)
    return PrimitiveResult([PubResult(data, {})], {})


RESULTS = {
    "shots": lambda: sampled(samples(MILLION, 20)),
    "sweep": lambda: sampled(samples(100, 20, (10_000,))),
    "estimates": lambda: estimated((200, 500)),
}


def arrays_of(field: BitArray | np.ndarray) -> np.ndarray:
    return field.array if isinstance(field, BitArray) else field


def check_decoding(result: PrimitiveResult[Any], own_bytes: int) -> None:
    """Decode a result as a job does: from the text of a reply, which counts."""
    text = json.dumps(encode(result))

    def work() -> Any:
        # A copy, since what there was before is not traced.
        copy = text[:-1] + text[-1]
        document = json.loads(copy)
        return decode(document)

    decoded, held_bytes = held_by(work)
    for name, field in result[0].data.items():
        assert np.array_equal(arrays_of(decoded[0].data[name]), arrays_of(field))
    assert held_bytes < MOST * own_bytes


def test_a_result_is_decoded_in_four_times_its_size() -> None:
    """As with a million shots, with 100,000: a result of 300 kB."""
    check_decoding(sampled(samples(100_000, 20)), 300_000)


def test_a_result_is_read_without_qiskit_in_four_times_its_size() -> None:
    """What is counted is four outcomes, so the counts take nothing."""
    array = np.zeros((100_000, 3), dtype=np.uint8)
    array[:, 2] = np.random.default_rng(17).integers(0, 4, 100_000)
    text = json.dumps(encode(sampled(BitArray(array, 20))))
    (pub,), held_bytes = held_by(lambda: read_pubs(text))
    assert pub.document()["counts"] == BitArray(array, 20).get_counts()
    assert held_bytes + len(text) < MOST * array.nbytes


def test_an_array_is_encoded_without_a_copy_of_it() -> None:
    """What is held is the compressed bytes and their text, piece by piece and then joined."""
    array = np.random.default_rng(17).integers(0, 256, size=300_000, dtype=np.uint8)
    typed, held_bytes = held_by(lambda: encode(array))
    assert held_bytes < 2.1 * len(typed["__value__"]) + 2**18
    assert np.array_equal(decode(typed), array)


@pytest.mark.deep
@pytest.mark.parametrize("name", RESULTS)
def test_large_results_are_decoded_in_four_times_their_size(name: str) -> None:
    result = RESULTS[name]()
    check_decoding(result, sum(arrays_of(field).nbytes for field in result[0].data.values()))


@pytest.mark.deep
@pytest.mark.parametrize("num_bits", [8, 20, 64, 127])
def test_a_million_shots_are_counted_as_qiskit_counts_them(num_bits: int) -> None:
    """In the memory that the counts themselves take, and that of the sorted samples."""
    bits = samples(MILLION, num_bits)
    counts, held_bytes = held_by(BitSamples(bits.array.tobytes(), num_bits, MILLION).counts)
    expected, expected_bytes = held_by(bits.get_counts)
    assert counts == expected
    assert held_bytes < expected_bytes + MOST * MILLION * max(8, bits.array.shape[-1])


@given(st.data())
def test_many_samples_are_tallied_as_few_are_counted(data: st.DataObject) -> None:
    shots = data.draw(st.integers(1, 30))
    widths = data.draw(st.lists(st.integers(0, 140), min_size=1, max_size=3).filter(any))
    registers = {}
    for place, width in enumerate(widths):
        num_bytes = -(-width // 8)
        packed = data.draw(st.binary(min_size=shots * num_bytes, max_size=shots * num_bytes))
        registers[str(place)] = BitSamples(packed, width, shots)
    tallied = [pair for block in tally([*registers.values()][::-1]) for pair in block]
    assert tallied == list(join_counts(registers).items())


def test_samples_beyond_the_bound_are_tallied() -> None:
    """Where numpy counts, all is as elsewhere: the order, and the registers together."""
    shots = 2**17
    values = np.random.default_rng(17).integers(0, 700, size=shots, dtype=np.uint16)
    wide = BitSamples(values.astype(">u2").tobytes(), 10, shots)
    narrow = BitSamples((values % 2).astype(np.uint8).tobytes(), 1, shots)
    expected = Counter(values.tolist())
    counts = wide.counts()
    assert counts == {f"{value:010b}": number for value, number in expected.items()}
    assert list(counts.items()) == sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    joined = join_counts({"wide": wide, "narrow": narrow})
    assert joined == {f"{v % 2:b} {v:010b}": number for v, number in expected.items()}


@pytest.mark.parametrize("repeats", [True, False])
@pytest.mark.parametrize("size_bytes", [2**15, 2**15 + 1, 3 * 2**14 + 1, 200_001])
def test_what_is_packed_in_pieces_is_unpacked(size_bytes: int, repeats: bool) -> None:
    data = np.random.default_rng(17).integers(0, 256, size=size_bytes, dtype=np.uint8).tobytes()
    data = data[:100] * -(-size_bytes // 100) if repeats else data
    assert inflate(deflate(data[:7], data[7:])) == data
    array = Array(data, (len(data),), "|u1")
    assert Array.from_wire(array.to_wire()).data == data
