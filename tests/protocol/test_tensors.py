"""Tensors against IBM's own models of them, and against what nobody should send."""

import base64
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from ibm_quantum_schemas.common.tensor import CompressedTensorModel, TensorModel

from qrsession.codec.tensors import array_to_tensor, decode_program_result, tensor_to_array
from qrsession.errors import WireFormatError
from qrsession.protocol.tensors import Tensor, is_tensor
from qrsession.protocol.typed import LARGEST_ARRAY_BYTES

pytestmark = pytest.mark.fast

WIDE = ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "c8", "c16", "?"]
NARROW = ["f8", "u1", "c16", "?"]


def drawn(dtypes: list[str]) -> st.SearchStrategy[Any]:
    shapes = arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5)
    return st.sampled_from(dtypes).flatmap(lambda name: arrays.arrays(np.dtype(name), shapes))


@given(array=drawn(WIDE))
def test_tensors_are_those_of_the_schema(array: Any) -> None:
    written = array_to_tensor(array).to_wire()
    assert is_tensor(written)
    theirs = CompressedTensorModel.model_validate(written).to_numpy()
    assert (theirs.dtype, theirs.shape) == (array.dtype, array.shape)
    np.testing.assert_array_equal(theirs, array)
    sent = CompressedTensorModel.from_numpy(array).model_dump(mode="json")
    ours = tensor_to_array(Tensor.from_wire(sent))
    assert ours.dtype == array.dtype
    np.testing.assert_array_equal(ours, array)


@given(array=drawn(NARROW))
def test_older_schemas_do_not_compress(array: Any) -> None:
    sent = TensorModel.from_numpy(array).model_dump(mode="json")
    ours = Tensor.from_wire(sent, is_compressed=False)
    np.testing.assert_array_equal(tensor_to_array(ours), array)
    assert ours.to_wire(is_compressed=False) == sent


@given(array=drawn(["?"]))
def test_booleans_are_read_without_numpy(array: Any) -> None:
    assert list(array_to_tensor(array).bits()) == array.ravel().astype(int).tolist()


def packed(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data)).decode()


BOMB = base64.b64encode(zlib.compress(bytes(10_000_000))).decode()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"data": BOMB, "shape": [1], "dtype": "f64"}, "more than 8 bytes"),
        ({"data": packed(b""), "shape": [2**20, 2**20], "dtype": "bool"}, str(LARGEST_ARRAY_BYTES)),
        ({"data": packed(b""), "shape": [1] * 33, "dtype": "f64"}, "no shape"),
        ({"data": packed(b""), "shape": [-1], "dtype": "f64"}, "no shape"),
        ({"data": packed(b""), "shape": [True], "dtype": "f64"}, "no shape"),
        ({"data": packed(b""), "shape": "x", "dtype": "f64"}, "no shape"),
        ({"data": packed(b"1234"), "shape": [1], "dtype": "f64"}, "as much as its shape says"),
        ({"data": packed(b"12345678"), "shape": [1], "dtype": "object"}, "'object' are not taken"),
        ({"data": packed(b"12345678"), "shape": [1], "dtype": ["f64"]}, "are not taken"),
        ({"data": "*", "shape": [1], "dtype": "f64"}, "not base64"),
        ({"data": "AAAA", "shape": [1], "dtype": "f64"}, "damaged"),
        ({"data": None, "shape": [1], "dtype": "f64"}, "base64 string"),
        ([], "not a JSON object"),
    ],
)
def test_tensors_that_are_none_are_refused(body: Any, words: str) -> None:
    with pytest.raises(WireFormatError, match=words):
        Tensor.from_wire(body)


def test_documents_keep_what_is_no_tensor() -> None:
    tensor = array_to_tensor(np.array([True, False, True]))
    tree = {"schema_version": "v1.1", "a": [{"x": tensor.to_wire(is_compressed=False)}], "b": None}
    decoded = decode_program_result(tree)
    assert decoded["a"][0]["x"].tolist() == [True, False, True]
    assert decoded["schema_version"] == "v1.1"
    deep: Any = []
    for _ in range(100):
        deep = [deep]
    with pytest.raises(WireFormatError, match="nested"):
        decode_program_result({"schema_version": "v2.0", "deep": deep})
