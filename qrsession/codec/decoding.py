"""From typed JSON to Qiskit's objects, by a closed table of types."""

import json
import math
from collections.abc import Callable
from datetime import datetime
from typing import Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.exceptions import QiskitError
from qiskit.primitives import BitArray, DataBin, PrimitiveResult, PubResult, SamplerPubResult
from qiskit.primitives.containers.bindings_array import BindingsArray
from qiskit.primitives.containers.observables_array import ObservablesArray
from qiskit.quantum_info import PauliList, SparsePauliOp

from qrsession.codec.qpy import circuits_from_qpy
from qrsession.errors import CircuitError, WireFormatError
from qrsession.protocol.fields import as_object, optional, required
from qrsession.protocol.typed import Array, inflate

_DEEPEST = 64
# What a circuit's QPY may grow to when it is decompressed: far above IBM's 50 MB of input.
_LARGEST_QPY_BYTES = 2**28


def decode(value: Any) -> Any:
    """Turn parsed JSON into Qiskit's, numpy's and Python's objects.

    Objects of types that are not known here stay as they are, as IBM's decoder leaves them.

    Raises:
        WireFormatError: A typed value is damaged, too large or nested too deeply.
        CircuitError: A circuit cannot be read.
    """
    return _decode(value, 0)


def _decode(value: Any, depth: int) -> Any:
    if depth > _DEEPEST:
        raise WireFormatError(f"The data is nested more than {_DEEPEST} levels deep.")
    if isinstance(value, list):
        return [_decode(entry, depth + 1) for entry in value]
    if not isinstance(value, dict):
        return value
    reader = _READERS.get(value.get("__type__", ""))
    if reader is None:
        return {key: _decode(entry, depth + 1) for key, entry in value.items()}
    if value["__type__"] in _RAW:
        return reader(value)
    try:
        return reader(_decode(value.get("__value__"), depth + 1))
    except (QiskitError, ValueError, TypeError, KeyError, OverflowError) as error:
        if isinstance(error, CircuitError):
            raise
        raise WireFormatError(f"A value of type {value['__type__']} is damaged: {error}") from error


def _decode_circuit(typed: dict[str, Any]) -> QuantumCircuit:
    circuits = circuits_from_qpy(inflate(typed.get("__value__"), _LARGEST_QPY_BYTES))
    if len(circuits) != 1:
        raise CircuitError(f"One circuit was expected in the QPY data, not {len(circuits)}.")
    return circuits[0]


def _decode_array(typed: dict[str, Any]) -> np.ndarray:
    value = typed.get("__value__")
    if not isinstance(value, str):
        # An array of objects travels as a nested list.
        return np.array(decode(value), dtype=object)
    array = Array.from_wire(typed)
    return np.frombuffer(array.data, dtype=np.dtype(array.dtype)).reshape(array.shape).copy()


def _decode_settings(typed: dict[str, Any]) -> Any:
    module, name = typed.get("__module__"), typed.get("__class__")
    kind = _OPERATORS.get(str(name))
    if kind is None or not str(module).startswith("qiskit.quantum_info.operators"):
        raise WireFormatError(f"Objects of class {name!r} are not taken.")
    settings = as_object(decode(typed.get("__value__")), "The settings of an operator")
    try:
        return kind(**settings)
    except (QiskitError, TypeError, ValueError) as error:
        raise WireFormatError(f"An operator cannot be read: {error}") from error


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
    if not isinstance(array, np.ndarray) or array.dtype != np.uint8:
        raise WireFormatError("A bit array must hold bytes.")
    return BitArray(array, num_bits)


def _decode_data_bin(value: Any) -> DataBin:
    record = as_object(value, "A data bin")
    fields = as_object(record.get("fields"), "The fields of a data bin")
    shape = tuple(optional(record, "shape", list) or ())
    names = optional(record, "field_names", list) or list(fields)
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
    if math.isnan(real) or math.isnan(imaginary):
        raise WireFormatError("A complex number is not a number.")
    return complex(real, imaginary)


_OPERATORS: dict[str, Any] = {"SparsePauliOp": SparsePauliOp, "PauliList": PauliList}

# Readers of these want the typed object as it came, not its decoded value.
_RAW = frozenset({"QuantumCircuit", "ndarray", "settings"})

_READERS: dict[str, Callable[[Any], Any]] = {
    "QuantumCircuit": _decode_circuit,
    "ndarray": _decode_array,
    "settings": _decode_settings,
    "ObservablesArray": ObservablesArray.coerce,
    "BindingsArray": _decode_bindings,
    "BitArray": _decode_bit_array,
    "DataBin": _decode_data_bin,
    "SamplerPubResult": _decode_pub_result(SamplerPubResult),
    "PubResult": _decode_pub_result(PubResult),
    "EstimatorPubResult": _decode_pub_result(PubResult),
    "PrimitiveResult": _decode_result,
    "complex": _decode_complex,
    "datetime": datetime.fromisoformat,
    "set": set,
}
