"""From typed JSON to Qiskit's objects, by a closed table of types."""

import json
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.primitives import BitArray, DataBin, PrimitiveResult, PubResult, SamplerPubResult
from qiskit.primitives.containers.bindings_array import BindingsArray
from qiskit.primitives.containers.observables_array import ObservablesArray
from qiskit.quantum_info import PauliList, SparsePauliOp

from qrsession.codec.panics import without_panics
from qrsession.codec.qpy import circuits_from_qpy
from qrsession.codec.spans import SPAN_READERS
from qrsession.errors import WireFormatError
from qrsession.protocol.claims import check_claims
from qrsession.protocol.fields import as_object, optional, required
from qrsession.protocol.options import EXTRAPOLATORS
from qrsession.protocol.register_names import reserved_name_problem
from qrsession.protocol.typed import Array, inflate

_DEEPEST = 64
# What holds nothing else stays as it is: tables of terms have tens of thousands of entries.
_PLAIN = frozenset({str, float, int, bool, type(None)})
# What a circuit's QPY may grow to when it is decompressed: far above IBM's 50 MB of input.
_LARGEST_QPY_BYTES = 2**28


def decode(value: Any) -> Any:
    """Turn parsed JSON into Qiskit's, numpy's and Python's objects.

    Objects of types that are not known here stay as they are, as IBM's decoder leaves them.

    Raises:
        WireFormatError: A typed value is damaged, too large or nested too deeply.
        CircuitError: A circuit cannot be read.
    """
    check_claims(value)
    return _decode(value, 0)


def _decode(value: Any, depth: int) -> Any:
    if depth > _DEEPEST:
        raise WireFormatError(f"The data is nested more than {_DEEPEST} levels deep.")
    if not isinstance(value, list | dict) or _is_plain(value):
        return value
    if isinstance(value, list):
        return [_decode(entry, depth + 1) for entry in value]
    name = value.get("__type__")
    if name == "QuantumCircuit":
        return _decode_circuit(value)
    if name == "ndarray" and isinstance(value.get("__value__"), str):
        return _decode_array(value)
    reader = _reader_of(value)
    if reader is None:
        return {key: e if type(e) in _PLAIN else _decode(e, depth + 1) for key, e in value.items()}
    content = _decode(value.get("__value__"), depth + 1)
    try:
        return without_panics(reader, content)
    except WireFormatError:
        raise
    except Exception as error:
        # What Qiskit's constructors raise on bad input is no part of their interface.
        raise WireFormatError(f"A value of type {name} is damaged: {error}") from error


def _is_plain(value: list[Any] | dict[str, Any]) -> bool:
    """Tell whether a list or an object has nothing in it that is to be decoded."""
    if isinstance(value, list):
        return _PLAIN.issuperset(map(type, value))
    return "__type__" not in value and _PLAIN.issuperset(map(type, value.values()))


def _reader_of(typed: dict[str, Any]) -> Callable[[Any], Any] | None:
    name = typed.get("__type__")
    if name == "settings":
        return partial(_decode_settings, typed.get("__module__"), typed.get("__class__"))
    return _READERS.get(name) if isinstance(name, str) else None


def _decode_circuit(typed: dict[str, Any]) -> QuantumCircuit:
    (circuit,) = circuits_from_qpy(
        inflate(typed.get("__value__"), _LARGEST_QPY_BYTES), most_circuits=1
    )
    return circuit


def _decode_array(typed: dict[str, Any]) -> np.ndarray | str:
    if typed["__value__"] in EXTRAPOLATORS:
        # The service puts the name of one where its figures have arrays.
        return str(typed["__value__"])
    array = Array.from_wire(typed)
    return np.frombuffer(array.data, dtype=np.dtype(array.dtype)).reshape(array.shape)


def _decode_list(value: Any) -> np.ndarray:
    """Read an array that travels as a nested list: one of objects, or of few numbers."""
    if not isinstance(value, list | int | float):
        raise WireFormatError("An array is neither compressed nor a list.")
    try:
        array = np.array(value)
    except ValueError:
        # Its rows are of different lengths.
        return np.array(value, dtype=object)
    return array if array.dtype.kind in "biufc" else np.array(value, dtype=object)


def _decode_settings(module: Any, name: Any, settings: Any) -> Any:
    kind = _OPERATORS.get(str(name))
    if kind is None or not str(module).startswith("qiskit.quantum_info.operators"):
        raise WireFormatError(f"Objects of class {name!r} are not taken.")
    return kind(**as_object(settings, "The settings of an operator"))


def _decode_bindings(value: Any) -> BindingsArray:
    record = as_object(value, "A bindings array")
    data = {}
    for key, values in as_object(record.get("data"), "The data of a bindings array").items():
        names = json.loads(key)
        data[tuple(names) if isinstance(names, list) else (names,)] = values
    return BindingsArray(data, shape=tuple(record["shape"]))


def _decode_bit_array(value: Any) -> BitArray:
    record = as_object(value, "A bit array")
    array = record.get("array")
    num_bits = required(record, "num_bits", int)
    if not isinstance(array, np.ndarray) or array.dtype != np.uint8 or num_bits < 0:
        raise WireFormatError("A bit array must hold bytes.")
    return BitArray(array, num_bits)


def _decode_data_bin(value: Any) -> DataBin:
    record = as_object(value, "A data bin")
    fields = as_object(record.get("fields"), "The fields of a data bin")
    shape = tuple(optional(record, "shape", list) or ())
    names = optional(record, "field_names", list) or list(fields)
    for name in names:
        problem = reserved_name_problem(str(name))
        if problem:
            raise WireFormatError(
                f"The result cannot be a DataBin of Qiskit's: {problem}.",
                advice="The counts can be had without Qiskit: qrsession result JOB",
            )
    return DataBin(shape=shape, **{str(name): fields[name] for name in names})


def _decode_pub_result(kind: type[PubResult]) -> Callable[[Any], PubResult]:
    def reader(value: Any) -> PubResult:
        record = as_object(value, "A pub's result")
        return kind(required(record, "data", DataBin), record.get("metadata"))

    return reader


def _decode_result(value: Any) -> PrimitiveResult[Any]:
    record = as_object(value, "A primitive's result")
    return PrimitiveResult(required(record, "pub_results", list), record.get("metadata"))


def _decode_complex(value: Any) -> complex:
    real, imaginary = (float(part) for part in value)
    return complex(real, imaginary)


_OPERATORS: dict[str, Any] = {"SparsePauliOp": SparsePauliOp, "PauliList": PauliList}

_READERS: dict[str, Callable[[Any], Any]] = {
    "ndarray": _decode_list,
    "ObservablesArray": ObservablesArray.coerce,
    "BindingsArray": _decode_bindings,
    "BitArray": _decode_bit_array,
    "DataBin": _decode_data_bin,
    "SamplerPubResult": _decode_pub_result(SamplerPubResult),
    "PubResult": _decode_pub_result(PubResult),
    "EstimatorPubResult": _decode_pub_result(PubResult),
    "PrimitiveResult": _decode_result,
    **SPAN_READERS,
    "complex": _decode_complex,
    "datetime": datetime.fromisoformat,
    "set": set,
}
