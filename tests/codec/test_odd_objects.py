"""Whatever Qiskit can hold comes back as it was, from our reader and from IBM's."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Parameter
from qiskit.primitives import BitArray, DataBin, PrimitiveResult, PubResult, SamplerPubResult
from qiskit.primitives.containers.observables_array import ObservablesArray
from qiskit_ibm_runtime.json import RuntimeDecoder, RuntimeEncoder

from qrsession.codec import decode, encode
from qrsession.errors import WireFormatError
from qrsession.protocol.register_names import (
    RESERVED_NAMES,
    register_name_problem,
    reserved_name_problem,
)
from qrsession.protocol.typed import DTYPES

# QPY writes names in UTF-8, which has no halves of characters.
TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
NAMES = TEXTS | st.sampled_from(["class", "a b", "", "é", "evs", "__len__", "0", "\n", "keys_"])
METADATA = st.dictionaries(
    TEXTS,
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
        max_leaves=6,
    ),
    max_size=4,
).filter(lambda entries: "__type__" not in json.dumps(entries))


def sent(value: Any) -> str:
    """Return what goes over the wire."""
    return json.dumps(encode(value))


@settings(max_examples=25, deadline=None)
@given(
    names=st.lists(NAMES, min_size=1, max_size=3, unique=True),
    sizes=st.lists(st.integers(0, 9), min_size=3, max_size=3),
    parameters=st.lists(TEXTS.filter(bool), max_size=3, unique=True),
    metadata=METADATA,
    title=TEXTS,
)
def test_circuits_come_back_whatever_their_names(
    names: list[str], sizes: list[int], parameters: list[str], metadata: Any, title: str
) -> None:
    circuit = QuantumCircuit(QuantumRegister(1, f"{names[0]}_"), name=title, metadata=metadata)
    for name, size in zip(names, sizes, strict=False):
        circuit.add_register(ClassicalRegister(size, name))
    for parameter in parameters:
        circuit.rx(2 * Parameter(parameter), 0)
    text = sent(circuit)
    for read in (decode(json.loads(text)), json.loads(text, cls=RuntimeDecoder)):
        assert read == circuit
        assert (read.name, read.metadata) == (title, metadata)
        assert [(one.name, one.size) for one in read.cregs] == [
            (one.name, one.size) for one in circuit.cregs
        ]
    assert decode(json.loads(json.dumps(circuit, cls=RuntimeEncoder))) == circuit


@st.composite
def views(draw: Any) -> np.ndarray:
    """Draw an array of any type and byte order that is a part of another, in any order."""
    dtype = np.dtype(draw(st.sampled_from(sorted(DTYPES))))
    dtype = draw(st.sampled_from([dtype, dtype.newbyteorder(">")]))
    shapes = st_numpy.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5)
    whole: np.ndarray = draw(st_numpy.arrays(dtype=dtype, shape=shapes))
    steps = tuple(slice(None, None, draw(st.sampled_from([1, 2, -1]))) for _ in whole.shape)
    part: np.ndarray = whole[steps] if steps else whole
    return part.transpose(draw(st.permutations(range(part.ndim))))


@settings(max_examples=40, deadline=None)
@given(views())
def test_arrays_come_back_whatever_their_order(array: np.ndarray) -> None:
    ours, ibms = sent(array), json.dumps(array, cls=RuntimeEncoder)
    for text in (ours, ibms):
        for read in (decode(json.loads(text)), json.loads(text, cls=RuntimeDecoder)):
            assert (read.shape, read.dtype.newbyteorder("=")) == (
                array.shape,
                array.dtype.newbyteorder("="),
            )
            np.testing.assert_array_equal(read, array)


@settings(max_examples=40, deadline=None)
@given(
    shape=st_numpy.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
    shots=st.integers(0, 4),
    num_bits=st.integers(0, 19),
    seed=st.integers(0, 2**32 - 1),
    name=NAMES.filter(lambda name: name not in RESERVED_NAMES),
)
def test_samples_come_back_whatever_their_size(
    shape: tuple[int, ...], shots: int, num_bits: int, seed: int, name: str
) -> None:
    """0 bits, 0 shots and 0 points among them, in a register of any name that Qiskit holds."""
    random = np.random.default_rng(seed)
    packed = random.integers(0, 256, (*shape, shots, -(-num_bits // 8)), dtype=np.uint8)
    data = DataBin(shape=shape, **{name: BitArray(packed, num_bits)})
    result = PrimitiveResult([SamplerPubResult(data, metadata={"shots": shots})], metadata={})
    text = sent(result)
    for read in (decode(json.loads(text)), json.loads(text, cls=RuntimeDecoder)):
        (pub,) = read
        assert list(pub.data) == [name]
        assert (pub.data.shape, pub.data[name].num_bits) == (shape, num_bits)
        np.testing.assert_array_equal(pub.data[name].array, packed)
        assert pub.metadata == {"shots": shots}


LETTERS = st.text("IXYZ01+-rl", min_size=2, max_size=2)
OBSERVABLES = st.dictionaries(LETTERS, st.floats(0.5, 1e6), min_size=1, max_size=4)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(OBSERVABLES, min_size=2, max_size=2), max_size=3))
def test_observables_come_back(rows: list[list[dict[str, float]]]) -> None:
    observables = ObservablesArray(rows)
    text = sent(observables)
    for read in (decode(json.loads(text)), json.loads(text, cls=RuntimeDecoder)):
        assert read.shape == observables.shape or not observables.size
        assert read.tolist() == observables.tolist()


@pytest.mark.parametrize("name", sorted(RESERVED_NAMES))
def test_names_that_a_result_keeps_for_itself_are_those_that_qiskit_refuses(name: str) -> None:
    bits = BitArray.from_samples([1], num_bits=1)
    with pytest.raises((ValueError, TypeError, AttributeError)):
        DataBin(**{"shape": (), name: bits} if name != "shape" else {name: bits})
    assert "needs another name" in register_name_problem(name)
    document = {
        "__type__": "DataBin",
        "__value__": {"shape": [], "fields": {name: encode(bits)}},
    }
    with pytest.raises(WireFormatError, match="cannot be a DataBin") as caught:
        decode(document)
    assert repr(name) in caught.value.message
    assert "qrsession result" in caught.value.advice


@pytest.mark.parametrize("name", sorted(set(dir(DataBin)) | {"evs", "stds", "data", "name", "é"}))
def test_every_other_name_is_held(name: str) -> None:
    if name in RESERVED_NAMES:
        assert reserved_name_problem(name)
        return
    bits = BitArray.from_samples([1], num_bits=1)
    assert DataBin(**{name: bits})[name] is bits
    assert decode(json.loads(sent(PubResult(DataBin(**{name: bits}))))).data[name] == bits


@pytest.mark.parametrize("name", ["class", "a b", "", "1a", "a-b", "None", "a\n", "x" * 5000 + " "])
def test_names_that_are_no_attribute(name: str) -> None:
    problem = register_name_problem(name)
    assert "must be a Python identifier and no keyword" in problem
    assert len(problem) < 250
