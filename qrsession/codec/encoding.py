"""From Qiskit's objects to typed JSON."""

import json
from collections.abc import Callable, Mapping
from datetime import date
from math import isfinite
from typing import Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.primitives import BitArray, DataBin, PrimitiveResult, PubResult, SamplerPubResult
from qiskit.primitives.containers.bindings_array import BindingsArray
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.primitives.containers.observables_array import ObservablesArray
from qiskit.primitives.containers.sampler_pub import SamplerPub
from qiskit.quantum_info import PauliList, SparsePauliOp
from qiskit.transpiler import CouplingMap

from qrsession.codec.observables import write_observables
from qrsession.codec.qpy import circuits_to_qpy
from qrsession.codec.spans import ExecutionSpan, ExecutionSpans
from qrsession.errors import InvalidTypeError, InvalidValueError
from qrsession.protocol.typed import DTYPES, Array, deflate


def encode(value: Any) -> Any:
    """Turn a tree of Qiskit, numpy and Python objects into what ``json.dumps`` takes.

    Pubs become lists as the primitives' schemas want them: ``[circuit, parameters, shots]`` and
    ``[circuit, observables, parameters, precision]``, parameters in the order of
    ``circuit.parameters`` with shape ``(…, num_parameters)``.

    Raises:
        InvalidTypeError: There is an object with no place on the wire.
        InvalidValueError: A parameter's value or a coefficient in a pub is no finite number.
        CircuitError: A circuit cannot be written as QPY.
    """
    if value is None or isinstance(value, bool | int | float | str):
        # A subclass, such as an enum, is written as the plain value it is.
        return value
    if isinstance(value, Mapping):
        return {str(key): encode(entry) for key, entry in value.items()}
    for kind, writer in _WRITERS.items():
        if isinstance(value, kind):
            return writer(value)
    if isinstance(value, list | tuple):
        return [encode(entry) for entry in value]
    if _is_noise_model(value):
        return _typed("NoiseModel", encode(value.to_dict()))
    raise InvalidTypeError(
        f"An object of type {type(value).__name__} cannot be sent to the service.",
        advice="Send numbers, strings, arrays, circuits, observables, and lists or dicts of them.",
    )


def _is_noise_model(value: Any) -> bool:
    # By its name: importing Aer takes a quarter of a second, and few send one.
    kind = type(value)
    return kind.__name__ == "NoiseModel" and kind.__module__.startswith("qiskit_aer.")


def _typed(name: str, value: Any) -> dict[str, Any]:
    return {"__type__": name, "__value__": value}


class _MetadataEncoder(json.JSONEncoder):
    """Writes the metadata of a circuit, which people fill with arrays and times too."""

    def default(self, o: Any) -> Any:
        return encode(o)


def _encode_circuit(circuit: QuantumCircuit) -> dict[str, Any]:
    return _typed("QuantumCircuit", deflate(circuits_to_qpy([circuit], _MetadataEncoder)))


def _encode_array(array: np.ndarray) -> dict[str, Any]:
    if array.dtype == object:
        return _typed("ndarray", encode(array.tolist()))
    array = array.astype(array.dtype.newbyteorder("<"), copy=False)
    if array.dtype.str not in DTYPES:
        raise InvalidTypeError(
            f"An array of type {array.dtype} cannot be sent to the service.",
            advice="Send arrays of numbers or of true and false.",
        )
    # Its own memory where that has the right order already, so that a large one is not copied.
    data = np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
    return Array(data, array.shape, array.dtype.str).to_wire()


def _encode_sampler_pub(pub: SamplerPub) -> list[Any]:
    return [encode(pub.circuit), encode(_values(pub)), encode(pub.shots)]


def _encode_estimator_pub(pub: EstimatorPub) -> list[Any]:
    observables = write_observables(pub.observables)
    _check_coefficients(observables)
    return [encode(pub.circuit), observables, encode(_values(pub)), encode(pub.precision)]


def _values(pub: SamplerPub | EstimatorPub) -> np.ndarray:
    """Return the values of a pub's parameters, of shape ``(…, num_parameters)``."""
    names = [parameter.name for parameter in pub.circuit.parameters]
    values = pub.parameter_values
    _check_finite(values)
    if values.num_parameters == len(names):
        array: np.ndarray = values.as_array(pub.circuit.parameters)
        return array
    # The transpiler took away gates that make no difference, and their parameters with them.
    columns = {
        name: array[..., column]
        for group, array in values.data.items()
        for column, name in enumerate(group)
    }
    kept = [columns[name] for name in names]
    return np.stack(kept, axis=-1) if kept else np.empty((*values.shape, 0))


def _check_coefficients(observables: Any) -> None:
    if isinstance(observables, list):
        for part in observables:
            _check_coefficients(part)
    elif isinstance(observables, dict) and not all(map(isfinite, observables.values())):
        raise InvalidValueError(
            "A coefficient of an observable is infinite, or no number at all.",
            advice="Give each term a finite number.",
        )


def _check_finite(values: BindingsArray) -> None:
    for group, array in values.data.items():
        # Every service fails such a job, once it has waited for its turn.
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            finite = np.isfinite(array.reshape(-1, len(group))).all(axis=0)
            names = [str(name) for name, is_fine in zip(group, finite, strict=True) if not is_fine]
            raise InvalidValueError(
                f"A value of {', '.join(names)} is infinite, or no number at all.",
                advice="Give each parameter a finite number at every point.",
                details={"parameters": names},
            )


def _encode_bindings(bindings: BindingsArray) -> dict[str, Any]:
    data = {json.dumps(list(names)): encode(values) for names, values in bindings.data.items()}
    return _typed("BindingsArray", {"shape": list(bindings.shape), "data": data})


def _encode_data_bin(data: DataBin) -> dict[str, Any]:
    fields = {name: encode(value) for name, value in data.items()}
    shape = list(data.shape)
    return _typed("DataBin", {"field_names": list(fields), "shape": shape, "fields": fields})


def _encode_pub_result(result: PubResult) -> dict[str, Any]:
    name = "SamplerPubResult" if isinstance(result, SamplerPubResult) else "PubResult"
    return _typed(name, {"data": encode(result.data), "metadata": encode(result.metadata)})


def _encode_result(result: PrimitiveResult[Any]) -> dict[str, Any]:
    pubs = [encode(pub) for pub in result]
    return _typed("PrimitiveResult", {"pub_results": pubs, "metadata": encode(result.metadata)})


def _encode_settings(value: Any) -> dict[str, Any]:
    return {
        "__type__": "settings",
        "__module__": type(value).__module__,
        "__class__": type(value).__name__,
        "__value__": encode(value.settings),
    }


def _encode_span(span: ExecutionSpan) -> Any:
    wire = span.to_wire()
    times = {"start": encode(span.start), "stop": encode(span.stop)}
    return _typed(wire["kind"], {**times, "data_slices": wire["data_slices"]})


_WRITERS: dict[type | tuple[type, ...], Callable[[Any], Any]] = {
    QuantumCircuit: _encode_circuit,
    np.ndarray: _encode_array,
    np.bool_: bool,
    np.integer: int,
    np.floating: float,
    np.complexfloating: lambda number: encode(complex(number)),
    SamplerPub: _encode_sampler_pub,
    EstimatorPub: _encode_estimator_pub,
    ObservablesArray: lambda array: _typed("ObservablesArray", write_observables(array)),
    BindingsArray: _encode_bindings,
    BitArray: lambda bits: _typed(
        "BitArray", {"array": encode(bits.array), "num_bits": bits.num_bits}
    ),
    DataBin: _encode_data_bin,
    PubResult: _encode_pub_result,
    PrimitiveResult: _encode_result,
    (SparsePauliOp, PauliList): _encode_settings,
    ExecutionSpan: _encode_span,
    ExecutionSpans: lambda spans: _typed("ExecutionSpans", {"spans": [encode(s) for s in spans]}),
    CouplingMap: lambda coupling: [list(edge) for edge in coupling.get_edges()],
    complex: lambda number: _typed("complex", [number.real, number.imag]),
    date: lambda when: _typed("datetime", when.isoformat()),
    set: lambda values: _typed("set", [encode(value) for value in values]),
}
