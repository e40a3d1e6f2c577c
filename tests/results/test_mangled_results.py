"""Results that were forged or damaged: plain numbers, or one kind of error, in little memory."""

import json
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit.primitives import BitArray, DataBin, PrimitiveResult, PubResult, SamplerPubResult

from qrsession.codec import encode
from qrsession.codec.tensors import array_to_tensor
from qrsession.errors import UsageError, WireFormatError
from qrsession.protocol import claims
from qrsession.protocol.typed import Array
from qrsession.results.pubs import EstimatedPub, SampledPub, read_pubs
from tests.mangling import ANY_JSON, bomb, mangled, nested, npy, packed
from tests.sandbox import End, Outcome, Sandbox, told

ROOM_BYTES = 128 * 2**20
READ, REFUSED = Outcome(End.RETURNED, "read"), Outcome(End.RETURNED, "wire_format")
# Of a program that measures nothing there is nothing to show.
OUTCOMES = [READ, REFUSED, Outcome(End.RETURNED, "usage")]


def typed(name: str, value: Any) -> dict[str, Any]:
    return {"__type__": name, "__value__": value}


def result(fields: dict[str, Any], shape: tuple[int, ...] = ()) -> dict[str, Any]:
    data = typed("DataBin", {"shape": list(shape), "fields": fields})
    pub = typed("PubResult", {"data": data, "metadata": {}})
    return typed("PrimitiveResult", {"pub_results": [pub], "metadata": {}})


def program(**tensors: Any) -> dict[str, Any]:
    return {"schema_version": "v2.0", "data": [{"results": tensors}], "metadata": {}}


def bits(width: Any, array: Any) -> dict[str, Any]:
    return typed("BitArray", {"num_bits": width, "array": array})


def array(descr: str, shape: str, data: bytes = b"") -> dict[str, Any]:
    return npy(f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}}}", data)


def tensor(shape: list[int], data: str) -> dict[str, Any]:
    return {"data": data, "shape": shape, "dtype": "bool"}


TWO_REGISTERS = DataBin(
    a=BitArray.from_samples([1, 2, 3], num_bits=3), b=BitArray.from_samples([1, 0, 1], num_bits=1)
)
ESTIMATES = DataBin(evs=np.zeros((2, 3)), stds=np.ones((2, 3)), shape=(2, 3))
VALID = [
    encode(PrimitiveResult([SamplerPubResult(TWO_REGISTERS, metadata={"shots": 3})])),
    encode(PrimitiveResult([PubResult(ESTIMATES)])),
    result({"evs": [1, 2.5], "stds": [0, None]}, (2,)),
    program(
        **{
            "c": array_to_tensor(np.zeros((2, 3, 4), dtype=bool)).to_wire(),
            "measurement_flips.c": array_to_tensor(np.zeros((2, 1, 4), dtype=bool)).to_wire(),
        }
    ),
]


@pytest.fixture(scope="module")
def reader() -> Iterator[Sandbox]:
    """A process that reads results with little room to spare."""
    with Sandbox(told(read_pubs), memory_bytes=ROOM_BYTES) as running:
        yield running


@pytest.mark.parametrize("examples", [80, pytest.param(5000, marks=pytest.mark.deep)])
def test_a_mangled_result_is_read_or_is_one_kind_of_error(reader: Sandbox, examples: int) -> None:
    @settings(max_examples=examples, deadline=None)
    @given(mangled(VALID) | ANY_JSON)
    def look(document: Any) -> None:
        assert reader.run(json.dumps(document)) in OUTCOMES

    look()


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=40) | st.sampled_from([json.dumps(one) for one in VALID]), st.integers())
def test_text_that_is_cut_off_is_one_kind_of_error(reader: Sandbox, text: str, at: int) -> None:
    assert reader.run(text[: at % (len(text) + 1)]) in OUTCOMES


GIB = 2**30
BOMBS = {
    "lists that hold nothing": result({"evs": array("<f8", "(2147483648, 0)"), "stds": 0}),
    "more lists that hold nothing": result({"evs": array("<f8", "(3, 2147483648, 0)"), "stds": 0}),
    "a register of 17 thousand million bits": result(
        {"c": bits(2**34, array("|u1", "(0, 2147483648)"))}
    ),
    "samples of no bits": result({"c": bits(0, array("|u1", "(2147483648, 1, 0)"))}),
    "shots that are not there": result({"c": bits(1, array("|u1", "(1073741824, 1)"))}),
    "shots behind a header of few": result(
        {"c": bits(1, typed("ndarray", bomb(b"\x93NUMPY\x01\x00", 300)))}
    ),
    "values that are not there": result({"evs": array("<f8", "(100000000,)"), "stds": 0}),
    "a number of 4000 digits": result({"evs": 10**4000, "stds": 0}),
    "a tensor of nothing": program(c=tensor([3, 2**31], bomb(b"", 300))),
}


@pytest.mark.parametrize("document", BOMBS.values(), ids=BOMBS)
def test_what_claims_more_than_it_holds_is_refused(reader: Sandbox, document: Any) -> None:
    assert reader.run(json.dumps(document)) == REFUSED


@pytest.mark.parametrize("levels", [70, 400, 900, 5000])
def test_values_that_are_nested_without_end(reader: Sandbox, levels: int) -> None:
    text = json.dumps(result({"evs": "HERE", "stds": 0})).replace('"HERE"', nested(levels, "1"))
    assert reader.run(text) == REFUSED


def test_arrays_that_are_too_large_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is within its bound, and the headers tell before any of them is unpacked."""
    monkeypatch.setattr(claims, "LARGEST_DOCUMENT_BYTES", 10 * 2**20)
    samples = np.zeros((2**20, 1), dtype=np.uint8)
    random = np.random.default_rng(1).integers(0, 256, (2**20, 1), dtype=np.uint8)
    fields = {f"r{at}": encode(BitArray(samples, 8)) for at in range(9)}
    few, many = result(fields), result(fields | {"z": encode(BitArray(random, 8))} | {"zz": 1})
    many["more"] = [encode(random) for _ in range(2)]
    assert isinstance(read_pubs(json.dumps(few))[0], SampledPub)
    with pytest.raises(WireFormatError, match="hold more than 10485760 bytes together"):
        read_pubs(json.dumps(many))


def test_samples_of_no_bits_are_counted_and_not_looked_at(reader: Sandbox) -> None:
    shots = 2**30
    empty = bits(0, array("|u1", f"({shots}, 0)"))
    text = json.dumps(result({"a": empty, "b": empty}))
    assert reader.run(text) == READ
    (pub,) = read_pubs(text)
    assert isinstance(pub, SampledPub)
    assert (pub.shots, pub.counts) == (shots, {" ": shots})
    (item,) = read_pubs(json.dumps(program(c=tensor([shots, 0], bomb(b"", 0)))))
    assert isinstance(item, SampledPub)
    assert item.counts == {"": shots}


def test_a_sweep_of_no_points_is_a_result() -> None:
    nothing = array("<f8", "(3, 0)")
    (pub,) = read_pubs(json.dumps(result({"evs": nothing, "stds": nothing})))
    assert isinstance(pub, EstimatedPub)
    assert pub.document()["evs"] == [[], [], []]
    none = np.zeros((0, 5, 2), dtype=bool)
    (item,) = read_pubs(json.dumps(program(c=array_to_tensor(none).to_wire())))
    assert isinstance(item, SampledPub)
    assert (item.shots, item.counts, item.registers) == (0, {}, {"c": {}})


@pytest.mark.parametrize("name", ["evs", "stds", "class", "a b", "", "é", "keys", "shape", "self"])
def test_counts_can_be_had_whatever_the_register_is_called(name: str) -> None:
    """Qiskit's own result cannot hold some of these names; what a job measured is not lost."""
    samples = encode(BitArray.from_samples([1, 0, 1], num_bits=1))
    (pub,) = read_pubs(json.dumps(result({name: samples})))
    assert isinstance(pub, SampledPub)
    assert (pub.counts, pub.registers) == ({"1": 2, "0": 1}, {name: {"1": 2, "0": 1}})


def test_of_two_registers_of_one_name_the_last_counts() -> None:
    """JSON lets a name stand twice; whoever reads it sees the last."""
    one, two = (encode(BitArray.from_samples([at], num_bits=1)) for at in (0, 1))
    text = json.dumps(result({"a": one, "b": two})).replace('"b":', '"a":')
    (pub,) = read_pubs(text)
    assert isinstance(pub, SampledPub)
    assert pub.counts == {"1": 1}


@pytest.mark.parametrize(
    "dtype", ["|b1", "|u1", "<i2", "<u4", "<f8", "<c8", "<c16", ">f8", ">c16", ">c8", ">i2"]
)
@pytest.mark.parametrize("shape", [(2, 3), (3, 1, 2), (1, 1), (2, 2, 2, 2), (0, 3), (5, 1)])
def test_columns_become_rows_in_any_type(dtype: str, shape: tuple[int, ...]) -> None:
    """What numpy saves by columns is read without numpy."""
    values = np.arange(int(np.prod(shape))).astype(dtype).reshape(shape)
    buffer = BytesIO()
    np.save(buffer, np.asfortranarray(values))
    read = Array.from_wire(typed("ndarray", packed(buffer.getvalue())))
    little = values.astype(values.dtype.newbyteorder("<"))
    assert (read.data, read.shape) == (little.tobytes(), shape)
    assert read.dtype == little.dtype.str


def test_raw_data_is_no_result_of_a_sampler() -> None:
    with pytest.raises(UsageError, match="no samples"):
        read_pubs(json.dumps(program()))
