"""Typed JSON that is damaged, forged or a bomb: one kind of error, and no memory taken."""

import base64
import io
import pickle
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from qiskit import QuantumCircuit, qpy

from qrsession.codec import circuits_from_qpy, circuits_to_qpy, decode, encode
from qrsession.errors import CircuitError, WireFormatError
from qrsession.protocol.bounds import MOST_CLBITS
from qrsession.protocol.qpy import MOST_QUBITS

pytestmark = pytest.mark.fast

OURS = (WireFormatError, CircuitError)


def circuit() -> QuantumCircuit:
    made = QuantumCircuit(2, 2)
    made.h(0)
    made.measure([0, 1], [0, 1])
    return made


def dumped(version: int, circuits: int = 1) -> bytes:
    buffer = io.BytesIO()
    qpy.dump([circuit()] * circuits, buffer, version=version)
    return buffer.getvalue()


def typed(name: str, value: Any) -> dict[str, Any]:
    return {"__type__": name, "__value__": value}


def packed(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data)).decode()


def settings(
    value: Any, name: str = "SparsePauliOp", module: str = "qiskit.quantum_info.operators"
) -> Any:
    return {"__type__": "settings", "__module__": module, "__class__": name, "__value__": value}


def nest(value: Any, levels: int, name: str | None = None) -> Any:
    for _ in range(levels):
        value = typed(name, value) if name else [value]
    return value


DAMAGED: dict[str, Any] = {
    "an array that is a pickle": typed("ndarray", packed(pickle.dumps([1]))),
    "an array of pickled objects": typed(
        "ndarray",
        packed(
            b"\x93NUMPY\x01\x00\x3b\x00"
            b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }   \n" + pickle.dumps([1])
        ),
    ),
    "an array that is an object": typed("ndarray", {"a": 1}),
    "an array that is nothing": typed("ndarray", None),
    "a circuit that is nothing": typed("QuantumCircuit", None),
    "a circuit that is a list": typed("QuantumCircuit", []),
    "a circuit that is text": typed("QuantumCircuit", "OPENQASM 3.0;"),
    "a circuit that is no QPY": typed("QuantumCircuit", packed(b"something else entirely")),
    "a circuit without compression": typed("QuantumCircuit", base64.b64encode(dumped(17)).decode()),
    "two circuits in one": typed("QuantumCircuit", packed(dumped(17, 2))),
    "no circuit in one": typed(
        "QuantumCircuit", packed(b"QISKIT\x11" + bytes(3) + bytes(8) + b"pq")
    ),
    "bits that are no array": typed("BitArray", {"array": 5, "num_bits": 1}),
    "bits without a width": typed("BitArray", {"array": encode(np.zeros((2, 1), np.uint8))}),
    "bits of no dimension": typed(
        "BitArray", {"array": encode(np.array(3, np.uint8)), "num_bits": 1}
    ),
    "bits of another width": typed(
        "BitArray", {"array": encode(np.zeros((2, 1), np.uint8)), "num_bits": 9}
    ),
    "bits of a negative width": typed(
        "BitArray", {"array": encode(np.zeros((2, 0), np.uint8)), "num_bits": -3}
    ),
    "bits that are floats": typed("BitArray", {"array": encode(np.zeros((2, 1))), "num_bits": 1}),
    "a bin without fields": typed("DataBin", {"shape": []}),
    "a bin of another shape": typed(
        "DataBin", {"shape": [3], "fields": {"a": encode(np.zeros(2))}}
    ),
    "a bin with a name of its own": typed("DataBin", {"fields": {"shape": 1}}),
    "a bin that names what it lacks": typed("DataBin", {"fields": {}, "field_names": ["a"]}),
    "a result without pubs": typed("PrimitiveResult", {"metadata": {}}),
    "a pub without data": typed("SamplerPubResult", {"metadata": {}}),
    "a pub with another's data": typed("PubResult", {"data": {"a": 1}}),
    "observables that are none": typed("ObservablesArray", {"QQ": 1}),
    "observables of two widths": typed("ObservablesArray", ["ZZ", "Z"]),
    "bindings of two shapes": typed(
        "BindingsArray", {"shape": [2], "data": {'["a"]': encode(np.zeros(3))}}
    ),
    "bindings by no name": typed("BindingsArray", {"shape": [1], "data": {"a": [1]}}),
    "bindings by a deep name": typed("BindingsArray", {"shape": [1], "data": {"[" * 100_000: 1}}),
    "a number with three parts": typed("complex", [1, 2, 3]),
    "a number of words": typed("complex", ["a", "b"]),
    "no time": typed("datetime", "yesterday"),
    "a number for a time": typed("datetime", 5),
    "a set of lists": typed("set", [[1]]),
    "an operator of another module": settings({"data": ["X"]}, module="os"),
    "an operator by another name": settings({"data": ["X"]}, name="Operator"),
    "an operator of other letters": settings({"data": ["XQ"]}),
    "an operator of two widths": settings({"data": ["XX", "X"]}),
    "an operator without settings": settings(None),
    "an operator with other settings": settings({"command": "x"}),
    "an operator with too many factors": settings({"data": ["XX"], "coeffs": [1, 2]}),
    "deep lists": nest(1, 100),
    "lists deeper than Python": nest(1, 20_000),
    "deep objects": nest(1, 20_000, "set"),
    "deep arrays": nest(1, 20_000, "ndarray"),
    "deep operators": nest(1, 20_000, "settings"),
    "deep strangers": nest(1, 20_000, "stranger"),
}


@pytest.mark.parametrize("document", DAMAGED.values(), ids=DAMAGED)
def test_damage_is_one_kind_of_error(document: Any) -> None:
    with pytest.raises(OURS):
        decode(document)
    with pytest.raises(OURS):
        decode({"pubs": [document]})


NAMES = st.sampled_from(
    [
        "ndarray", "BitArray", "DataBin", "PubResult", "SamplerPubResult", "PrimitiveResult",
        "ObservablesArray", "BindingsArray", "complex", "datetime", "set", "settings",
        "QuantumCircuit",
    ]
)  # fmt: skip
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-3, 2**70)
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from([encode(np.zeros((2, 1), np.uint8)), encode(np.zeros(2)), encode(circuit())])
)
KEYS = st.sampled_from(
    [
        "array",
        "num_bits",
        "fields",
        "shape",
        "field_names",
        "data",
        "metadata",
        "pub_results",
        "coeffs",
        "ZZ",
        '["a"]',
    ]
)
FORGED = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(KEYS, inner, max_size=4)
        | st.fixed_dictionaries(
            {"__type__": NAMES, "__value__": inner},
            optional={
                "__module__": st.just("qiskit.quantum_info.operators"),
                "__class__": st.sampled_from(["SparsePauliOp", "PauliList"]),
            },
        )
    ),
    max_leaves=10,
)


@given(FORGED)
def test_whatever_is_forged_is_read_or_is_one_kind_of_error(document: Any) -> None:
    try:
        decode(document)
    except OURS as error:
        assert error.message  # noqa: PT017 - that nothing else is raised is what is shown


# QPY


@pytest.mark.parametrize("version", [13, 14, 15, 16, 17])
def test_the_versions_that_are_read(version: int) -> None:
    assert circuits_from_qpy(dumped(version)) == [circuit()]
    assert circuits_from_qpy(dumped(version, 3)) == [circuit()] * 3
    assert decode(typed("QuantumCircuit", packed(dumped(version)))) == circuit()


def test_the_version_that_is_written_is_one_that_ibm_reads() -> None:
    assert circuits_to_qpy([circuit()])[6] == min(17, qpy.QPY_VERSION)


@pytest.mark.parametrize("version", [0, 1, 5, 10, 11, 12, qpy.QPY_VERSION + 1, 99, 255])
def test_the_versions_that_are_refused(version: int) -> None:
    data = bytearray(dumped(13))
    data[6] = version
    with pytest.raises(CircuitError, match=f"of version {version};") as caught:
        circuits_from_qpy(bytes(data))
    assert "newer" in caught.value.advice


# Where the header of the first circuit has its counts, after 20 bytes of the file's own header.
COUNTS = {"qubits": (5, "!I", MOST_QUBITS), "bits": (9, "!I", MOST_CLBITS)}
SIZES = {
    "metadata": (13, "!Q"),
    "registers": (21, "!I"),
    "instructions": (25, "!Q"),
    "variables": (33, "!I"),
}


def claiming(version: int, at: int, form: str, number: int, circuits: int = 1) -> bytes:
    data = bytearray(dumped(version, circuits))
    start = 20 + (8 * circuits if version >= 16 else 0)
    struct.pack_into(form, data, start + at, number)
    return bytes(data)


@pytest.mark.parametrize("version", [13, 15, 16, 17])
@pytest.mark.parametrize("name", COUNTS)
def test_a_claim_of_ten_million_is_refused(version: int, name: str) -> None:
    at, form, most = COUNTS[name]
    for number in (most + 1, 10_000_000, 2**32 - 1):
        with pytest.raises(CircuitError, match="claims a circuit of"):
            circuits_from_qpy(claiming(version, at, form, number))


@pytest.mark.parametrize("version", [13, 15, 16, 17])
@pytest.mark.parametrize("name", SIZES)
def test_a_claim_beyond_the_file_is_refused(version: int, name: str) -> None:
    at, form = SIZES[name]
    with pytest.raises(CircuitError, match="no room for"):
        circuits_from_qpy(claiming(version, at, form, 10_000_000))


def test_every_circuit_of_a_file_is_looked_at() -> None:
    data = bytearray(dumped(17, 2))
    second = int.from_bytes(data[28:36])
    struct.pack_into("!I", data, second + 5, 20_000_000)
    with pytest.raises(CircuitError, match="20000000 qubits"):
        circuits_from_qpy(bytes(data))


@pytest.mark.parametrize("number", [0, 2, 2**40, 2**64 - 1])
def test_circuits_that_are_not_there(number: int) -> None:
    data = bytearray(dumped(17))
    struct.pack_into("!Q", data, 10, number)
    with pytest.raises(CircuitError):
        circuits_from_qpy(bytes(data))


@pytest.mark.parametrize("version", [13, 17])
def test_a_file_that_is_cut_off(version: int) -> None:
    data = dumped(version)
    for length in range(len(data)):
        with pytest.raises(CircuitError):
            circuits_from_qpy(data[:length])


def test_an_offset_beyond_the_file() -> None:
    data = bytearray(dumped(17))
    struct.pack_into("!Q", data, 20, 2**63)
    with pytest.raises(CircuitError, match="cut off"):
        circuits_from_qpy(bytes(data))
