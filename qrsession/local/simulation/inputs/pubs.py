"""Pubs as they are sent, with and without Qiskit, and as Qiskit has them."""

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.exceptions import QiskitError
from qiskit.primitives.containers.bindings_array import BindingsArray
from qiskit.primitives.containers.observables_array import ObservablesArray

from qrsession.codec import decode
from qrsession.codec.panics import PanicError, without_panics
from qrsession.local.devices.device import MAX_SHOTS
from qrsession.local.simulation.failures import (
    failed,
    not_valid,
    one_line,
)
from qrsession.local.simulation.inputs.reading import read_circuit
from qrsession.protocol import faults
from qrsession.protocol.options import DEFAULT_PRECISION, DEFAULT_SHOTS
from qrsession.protocol.treatment import treatment_of

_SAMPLER_PARTS = 3
_ESTIMATOR_PARTS = 4
_LARGEST_SHAPE = 10_000_000
_FINEST = 1e-9
# numpy broadcasts no more, though its arrays may have twice as many.
_MOST_DIMENSIONS = 32
# What numpy and Qiskit raise on values that they can make nothing of.
_UNFIT = (
    *(ValueError, TypeError, ArithmeticError, AttributeError, LookupError, RuntimeError),
    *(QiskitError, PanicError),
)


@dataclass(frozen=True, slots=True)
class SamplerPub:
    """A circuit to sample.

    Attributes:
        circuit: The circuit as it was sent.
        shape: The shape of the sweep.
        values: Parameter values: float64, shape ``(points, parameters)``, points in C order of
            ``shape``, parameters in the order of ``circuit.parameters``.
        shots: Shots for each point.
    """

    circuit: QuantumCircuit
    shape: tuple[int, ...]
    values: NDArray[np.float64]
    shots: int


@dataclass(frozen=True, slots=True)
class EstimatorPub:
    """A circuit and observables to estimate.

    Attributes:
        circuit: The circuit as it was sent.
        shape: The shape of the result: values and observables broadcast against each other.
        values: As in `SamplerPub`, one row for each distinct point.
        observables: The distinct observables, each a table from labels to coefficients. In a
            label the last character belongs to qubit 0.
        point_of: For each element of the result, in C order, its row of ``values``.
        observable_of: For each element of the result, its position in ``observables``.
        precision: The target precision.
        shots: Shots for each point and basis.
    """

    circuit: QuantumCircuit
    shape: tuple[int, ...]
    values: NDArray[np.float64]
    observables: list[Mapping[str, float]]
    point_of: NDArray[np.intp]
    observable_of: NDArray[np.intp]
    precision: float
    shots: int


def read_sampler_pub(pub: Any, index: int, params: Mapping[str, Any]) -> SamplerPub:
    """Read ``circuit``, ``[circuit]``, ``[circuit, values]`` or ``[circuit, values, shots]``.

    Raises:
        JobFailedError: It has another form, or its parts do not fit each other.
    """
    where = f"Pub {index}"
    circuit_part, values, shots = _parts(pub, _SAMPLER_PARTS, where)
    circuit = read_circuit(circuit_part, where)
    if not circuit.cregs:
        raise not_valid(
            f"{where}: the circuit has no classical register, so there is nothing to sample.",
            "Add measurements, such as `measure_all()`.",
        )
    shape, table = _read_values(values, circuit, where)
    if shots is None:
        shots = params.get("shots")
    if shots is None:
        shots = treatment_of("sampler", params).twirling.own_shots
    if shots is None:
        shots = (params.get("options") or {}).get("default_shots", DEFAULT_SHOTS)
    return SamplerPub(circuit, shape, table, _checked_shots(shots, where))


def read_estimator_pub(pub: Any, index: int, params: Mapping[str, Any]) -> EstimatorPub:
    """Read ``[circuit, observables]``, with values and precision if they are there.

    Raises:
        JobFailedError: It has another form, or its parts do not fit each other.
    """
    where = f"Pub {index}"
    circuit_part, observables_part, values, precision = _parts(pub, _ESTIMATOR_PARTS, where)
    circuit = read_circuit(circuit_part, where)
    values_shape, table = _read_values(values, circuit, where)
    observables = _read_observables(observables_part, circuit, where)
    if max(len(values_shape), observables.ndim) > _MOST_DIMENSIONS:
        raise not_valid(f"{where}: more than {_MOST_DIMENSIONS} dimensions are too many.")
    try:
        shape = np.broadcast_shapes(values_shape, observables.shape)
    except ValueError:
        raise not_valid(
            f"{where}: parameter values of shape {values_shape} and observables of shape "
            f"{observables.shape} do not broadcast.",
        ) from None
    if math.prod(shape) > _LARGEST_SHAPE:
        raise not_valid(f"{where}: more than {_LARGEST_SHAPE} expectation values are asked for.")
    precision, shots = _precision_and_shots(precision, params, where)
    rows = np.arange(len(table)).reshape(values_shape)
    positions = np.arange(observables.size).reshape(observables.shape)
    return EstimatorPub(
        circuit=circuit,
        shape=shape,
        values=table,
        observables=list(observables.ravel().tolist()),
        point_of=np.broadcast_to(rows, shape).ravel(),
        observable_of=np.broadcast_to(positions, shape).ravel(),
        precision=precision,
        shots=shots,
    )


def _parts(pub: Any, most: int, where: str) -> list[Any]:
    parts = pub if isinstance(pub, list) else [pub]
    if not 1 <= len(parts) <= most:
        raise not_valid(f"{where}: a pub has one to {most} parts, not {len(parts)}.")
    return parts + [None] * (most - len(parts))


def _read_values(
    value: Any, circuit: QuantumCircuit, where: str
) -> tuple[tuple[int, ...], NDArray[np.float64]]:
    """Return the shape of a sweep, and its values with shape ``(points, parameters)``."""
    names = [parameter.name for parameter in circuit.parameters]
    try:
        bindings = _bind(decode(value), circuit)
        if names and bindings.num_parameters == 0:
            raise not_valid(
                f"{where}: the circuit has parameters without a value: {', '.join(names)}.",
                "Give a value for each parameter.",
            )
        if bindings.num_parameters != len(names):
            raise not_valid(
                f"{where}: the circuit has {len(names)} parameters, and values are given for "
                f"{bindings.num_parameters}.",
            )
        if bindings.size > _LARGEST_SHAPE:
            raise not_valid(f"{where}: the sweep has more than {_LARGEST_SHAPE} points.")
        array = np.asarray(bindings.as_array(circuit.parameters), dtype=np.float64)
    except _UNFIT as error:
        raise not_valid(
            f"{where}: the parameter values do not fit the circuit: {one_line(error)}"
        ) from error
    if not np.isfinite(array).all():
        raise not_valid(f"{where}: a parameter's value is not a finite number.")
    return bindings.shape, array.reshape(bindings.size, len(names))


def _bind(values: Any, circuit: QuantumCircuit) -> BindingsArray:
    if isinstance(values, BindingsArray):
        return values
    if isinstance(values, dict):
        return BindingsArray(values)
    array = np.asarray([] if values is None else values)
    if array.dtype.kind == "c":
        raise TypeError("they are complex numbers")
    array = array.astype(np.float64, copy=False)
    if array.shape == (0,):
        return BindingsArray({})
    return BindingsArray({tuple(circuit.parameters): array})


def _read_observables(value: Any, circuit: QuantumCircuit, where: str) -> ObservablesArray:
    if value is None:
        raise not_valid(f"{where}: there are no observables.")
    try:
        observables = without_panics(ObservablesArray.coerce, decode(value))
    except _UNFIT as error:
        raise not_valid(f"{where}: the observables cannot be read: {one_line(error)}") from error
    if observables.size and observables.num_qubits != circuit.num_qubits:
        raise not_valid(
            f"{where}: the observables have {observables.num_qubits} qubits and the circuit "
            f"{circuit.num_qubits}.",
            "Write each observable for all qubits of the circuit, identities included.",
        )
    for observable in observables.ravel().tolist():
        if not all(map(math.isfinite, observable.values())):
            raise not_valid(f"{where}: a coefficient of an observable is not a finite number.")
    return observables


def _checked_shots(shots: Any, where: str) -> int:
    if not isinstance(shots, int) or isinstance(shots, bool):
        raise not_valid(f"{where}: the number of shots must be a whole number.")
    if shots < 1:
        raise failed(
            faults.TOO_FEW_SHOTS, f"{where}: {shots} shots are too few.", "Use at least 1 shot."
        )
    if shots > MAX_SHOTS:
        raise failed(
            faults.TOO_MANY_SHOTS,
            f"{where}: {shots} shots are too many.",
            f"Use at most {MAX_SHOTS} shots, or several jobs.",
        )
    return shots


def _precision_and_shots(
    precision: Any, params: Mapping[str, Any], where: str
) -> tuple[float, int]:
    options = params.get("options") or {}
    if precision is None:
        precision = params.get("precision")
    own_shots = treatment_of("estimator", params).twirling.own_shots
    if precision is None and (own_shots or options.get("default_shots")):
        shots = _checked_shots(own_shots or options["default_shots"], where)
        return 1 / math.sqrt(shots), shots
    if precision is None:
        precision = options.get("default_precision") or DEFAULT_PRECISION
    if not isinstance(precision, int | float) or isinstance(precision, bool):
        raise not_valid(f"{where}: the precision must be a number.")
    if not 0 < precision <= sys.float_info.max:
        raise not_valid(
            f"{where}: the precision must be a number above 0, not {str(precision)[:20]}.",
            "Give the standard error that is wanted; an exact value would take endless shots.",
        )
    # Rounded first, so that 0.015625, which is exact, asks for 4096 shots and never for 4097.
    # What is coarser than 1 takes one shot; the square of less than 1e-9 may be no divisor.
    wanted = math.inf if precision < _FINEST else round(1 / min(precision, 1) ** 2, 6)
    if wanted > MAX_SHOTS:
        raise failed(
            faults.TOO_MANY_SHOTS,
            f"{where}: a precision of {precision:g} takes more than {MAX_SHOTS} shots.",
            f"Ask for a precision of at least {1 / math.sqrt(MAX_SHOTS):g}.",
        )
    return float(precision), math.ceil(wanted)
