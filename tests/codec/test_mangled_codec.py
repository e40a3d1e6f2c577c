"""Typed JSON that was forged or damaged: Qiskit's objects, or one kind of error."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from qiskit import QuantumCircuit, qpy
from qiskit.circuit import Parameter
from qiskit.primitives import BitArray, DataBin, PrimitiveResult, PubResult, SamplerPubResult
from qiskit.primitives.containers.bindings_array import BindingsArray
from qiskit.primitives.containers.observables_array import ObservablesArray
from qiskit.quantum_info import PauliList, SparsePauliOp

from qrsession.codec import circuits_from_qpy, decode, decode_program_result, encode
from qrsession.codec.panics import PanicError, without_panics
from qrsession.codec.tensors import array_to_tensor
from qrsession.errors import CircuitError, WireFormatError
from qrsession.protocol import claims
from tests.mangling import ANY_JSON, mangled
from tests.sandbox import End, Sandbox, told

SAMPLES = DataBin(
    a=BitArray.from_samples([1, 2, 3], num_bits=3), b=BitArray.from_samples([1, 0, 1], num_bits=1)
)
ESTIMATES = DataBin(evs=np.zeros((2, 3)), stds=np.ones((2, 3)), shape=(2, 3))
TREES: list[Any] = [
    encode(PrimitiveResult([SamplerPubResult(SAMPLES, metadata={"shots": 3})])),
    encode(PrimitiveResult([PubResult(ESTIMATES)])),
    encode(ObservablesArray([{"XX": 1.0, "ZZ": 0.5}, "YY"])),
    encode(SparsePauliOp(["XX", "ZZ"], [1, 0.5j])),
    encode(PauliList(["XY", "-ZI"])),
    encode(BindingsArray({"a": [1, 2], ("b", "c"): [[1, 2], [3, 4]]})),
    encode([datetime(2026, 1, 2, tzinfo=UTC), 1j, {1, 2}, np.asfortranarray(np.eye(3))]),
]
TENSORS = {
    "schema_version": "v2.0",
    "data": [{"results": {"c": array_to_tensor(np.ones((2, 3, 4), dtype=bool)).to_wire()}}],
}


@pytest.mark.parametrize("examples", [60, pytest.param(5000, marks=pytest.mark.deep)])
def test_a_mangled_tree_is_read_or_is_one_kind_of_error(examples: int) -> None:
    @settings(max_examples=examples, deadline=None)
    @given(mangled(TREES) | ANY_JSON)
    def look(document: Any) -> None:
        with suppress(WireFormatError, CircuitError):
            decode(document)

    look()


@settings(max_examples=40, deadline=None)
@given(mangled([TENSORS]))
def test_a_mangled_program_is_read_or_is_one_kind_of_error(document: Any) -> None:
    if not isinstance(document, dict):
        return
    try:
        decode_program_result(document)
    except WireFormatError as error:
        assert error.message  # noqa: PT017 - as above


def circuit() -> QuantumCircuit:
    made = QuantumCircuit(2, 2, metadata={"a": 1})
    made.rx(2 * Parameter("angle"), 0)
    with made.if_test((made.clbits[0], 1)):
        made.x(1)
    made.measure([0, 1], [0, 1])
    return made


@pytest.mark.deep
def test_a_mangled_circuit_is_read_or_is_one_kind_of_error() -> None:
    """Qiskit's reader may abort its process: a block of a circuit may claim millions of qubits.

    So what users send is parsed in a lane, or in a child.
    """
    seen: set[str] = set()
    with Sandbox(told(decode)) as reader:

        @settings(max_examples=300, deadline=None)
        @given(mangled([encode(circuit())], times=6))
        def look(document: Any) -> None:
            outcome = reader.run(document)
            assert outcome.end in {End.RETURNED, End.DIED}, outcome.words
            seen.add(outcome.value)

        look()
    assert seen <= {"read", "wire_format", "invalid_circuit", None}
    assert "invalid_circuit" in seen


def test_a_panic_of_compiled_code_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python sees it as an exception that is no Exception, of a class that cannot be imported."""
    panic: type[BaseException] = type("PanicException", (BaseException,), {})

    def load(*_arguments: object, **_options: object) -> None:
        raise panic("index out of bounds")

    monkeypatch.setattr(qpy, "load", load)
    with pytest.raises(PanicError, match="out of bounds"):
        without_panics(load)
    buffer = json.loads(json.dumps(encode(QuantumCircuit(1))))
    with pytest.raises(CircuitError, match="cannot be read: index out of bounds"):
        decode(buffer)


def test_an_interrupt_is_no_panic() -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        without_panics(interrupted)


def test_arrays_that_are_too_large_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "LARGEST_DOCUMENT_BYTES", 2**20)
    random = np.random.default_rng(1).bytes(2**18)
    one = encode(np.frombuffer(random, dtype=np.uint8))
    assert len(decode([one, one, one])) == 3
    with pytest.raises(WireFormatError, match="1048576 bytes together"):
        decode([one, [one, {"a": one}], one, one])


@pytest.mark.parametrize("version", [qpy.QPY_VERSION + 1, 200])
def test_a_newer_qpy_is_named_with_what_helps(version: int) -> None:
    data = bytearray(b"QISKIT" + bytes([version]) + bytes(40))
    with pytest.raises(CircuitError, match=f"of version {version};") as caught:
        circuits_from_qpy(bytes(data))
    assert "read it with a newer" in caught.value.advice
