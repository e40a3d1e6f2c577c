"""The items of a quantum program: circuits, each with the parameters of all its points."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit, qpy

from qrsession.codec.qpy import circuits_from_qpy
from qrsession.codec.tensors import tensor_to_array
from qrsession.errors import WireFormatError
from qrsession.local.devices.device import MAX_SHOTS
from qrsession.local.simulation.failures import failed, not_valid
from qrsession.local.simulation.inputs.fitting import check_size
from qrsession.local.simulation.inputs.reading import check_width, read_circuit
from qrsession.local.simulation.inputs.samplexes import draw
from qrsession.local.simulation.outcomes import derive_seed
from qrsession.protocol import faults
from qrsession.protocol.options import AUTO
from qrsession.protocol.qpy import read_header
from qrsession.protocol.quantum_programs import CLASSIFIED, UNCOMPRESSED_SCHEMAS
from qrsession.protocol.tensors import Tensor, packed_bytes
from qrsession.protocol.typed import LARGEST_ARRAY_BYTES

_LARGEST_SHAPE = 10_000_000
_BYTES_OF_FLOAT = 8
# What circuits may grow to when they are decompressed: far above IBM's 50 MB of input.
_LARGEST_QPY_BYTES = 2**28
# Of one measured bit in a result: a complex number at the levels that are not classified.
_BYTES_OF_BIT = 1
_BYTES_OF_POINT = 16


@dataclass(frozen=True, slots=True)
class Item:
    """A circuit to run at each point of a shape.

    Attributes:
        circuit: The circuit as it was sent.
        shape: The shape of the item.
        values: Parameter values: float64, shape ``(points, parameters)``, points in C order of
            ``shape``, parameters in the order of ``circuit.parameters``.
        is_drawn: Whether the values were drawn at random, in single precision.
        extras: What else was drawn with them: arrays of shape ``(*shape, ...)``.
        chunk_size: The most points that are run at once; None where that is left to us.
    """

    circuit: QuantumCircuit
    shape: tuple[int, ...]
    values: NDArray[np.float64]
    is_drawn: bool
    extras: Mapping[str, NDArray[Any]]
    chunk_size: int | None


@dataclass(frozen=True, slots=True)
class QuantumProgram:
    """What the program ``executor`` runs.

    Attributes:
        items: Its items.
        shots: Shots for each point of each item.
        meas_level: The form in which measurements are returned.
        is_compressed: Whether its schema has compressed tensors.
    """

    items: list[Item]
    shots: int
    meas_level: str
    is_compressed: bool


def read_quantum_program(params: Mapping[str, Any], seed: int) -> QuantumProgram:
    """Read a program, and draw what is to be drawn.

    Args:
        params: What `check_quantum_program` let pass.
        seed: What all randomness comes from.

    Raises:
        JobFailedError: A part cannot be read, is too large, or does not fit the others.
    """
    record = params["quantum_program"]
    is_compressed = params["schema_version"] not in UNCOMPRESSED_SCHEMAS
    shots = int(record["shots"])
    if shots > MAX_SHOTS:
        raise failed(
            faults.TOO_MANY_SHOTS,
            f"{shots} shots are too many.",
            f"Use at most {MAX_SHOTS} shots, or several items.",
        )
    circuits = _read_circuits(record["circuits"], is_compressed=is_compressed)
    if len(circuits) != len(record["items"]):
        raise not_valid(
            f"There are {len(circuits)} circuits for {len(record['items'])} items.",
            "Send one circuit for each item.",
        )
    items = [
        _read_item(item, circuit, f"Item {index}", derive_seed(seed, index, "draw"), is_compressed)
        for index, (item, circuit) in enumerate(zip(record["items"], circuits, strict=True))
    ]
    program = QuantumProgram(items, shots, record.get("meas_level", CLASSIFIED), is_compressed)
    _check_size(program)
    return program


def _read_circuits(record: Mapping[str, Any], *, is_compressed: bool) -> list[QuantumCircuit]:
    if "data" in record:
        return [read_circuit(text, f"Circuit {index}") for index, text in enumerate(record["data"])]
    data = packed_bytes(record["b64_data"], _LARGEST_QPY_BYTES, is_compressed=is_compressed)
    version = read_header(data, qpy.QPY_VERSION).version
    if version != record["qpy_version"]:
        raise not_valid(
            f"The circuits are QPY of version {version}, and qpy_version is "
            f"{record['qpy_version']}.",
        )
    circuits = circuits_from_qpy(data)
    for index, circuit in enumerate(circuits):
        check_width(circuit, f"Circuit {index}")
    return circuits


def _read_item(
    record: Mapping[str, Any],
    circuit: QuantumCircuit,
    where: str,
    seed: int,
    is_compressed: bool,  # noqa: FBT001 - it goes with the record
) -> Item:
    if not circuit.cregs:
        raise not_valid(
            f"{where}: the circuit has no classical register, so there is nothing to return.",
            "Add measurements, such as `measure_all()`.",
        )
    extras: Mapping[str, NDArray[Any]] = {}
    is_drawn = record["item_type"] == "samplex"
    if is_drawn:
        draws = draw(record, where, seed, is_compressed=is_compressed)
        shape, values, extras = draws.shape, draws.values, draws.extras
    else:
        shape, values = _read_arguments(record, where, is_compressed=is_compressed)
    if values.shape[1] != circuit.num_parameters:
        raise not_valid(
            f"{where}: the circuit has {circuit.num_parameters} parameters, and there are values "
            f"for {values.shape[1]}.",
        )
    if not np.isfinite(values).all():
        raise not_valid(f"{where}: a parameter's value is not a finite number.")
    chunk_size = record.get("chunk_size", AUTO)
    return Item(
        circuit=circuit,
        shape=shape,
        values=values,
        is_drawn=is_drawn,
        extras=extras,
        chunk_size=None if chunk_size == AUTO else chunk_size,
    )


def _read_arguments(
    record: Mapping[str, Any], where: str, *, is_compressed: bool
) -> tuple[tuple[int, ...], NDArray[np.float64]]:
    """Return the shape of an item, and its values with shape ``(points, parameters)``."""
    tensor = Tensor.from_wire(record["circuit_arguments"], is_compressed=is_compressed)
    if tensor.dtype != "f64" or not tensor.shape:
        raise WireFormatError(f"{where}: circuit_arguments must be a tensor of f64 with an axis.")
    array = tensor_to_array(tensor)
    try:
        shape = np.broadcast_shapes(tuple(record["shape"]), array.shape[:-1])
    except ValueError:
        raise not_valid(
            f"{where}: the shape {record['shape']} does not extend that of circuit_arguments, "
            f"{list(array.shape[:-1])}.",
        ) from None
    points, parameters = math.prod(shape), array.shape[-1]
    if points > _LARGEST_SHAPE or points * parameters * _BYTES_OF_FLOAT > LARGEST_ARRAY_BYTES:
        raise not_valid(f"{where}: the item has too many points.", "Use several jobs.")
    return shape, np.broadcast_to(array, (*shape, parameters)).reshape(points, parameters)


def _check_size(program: QuantumProgram) -> None:
    width = _BYTES_OF_BIT if program.meas_level == CLASSIFIED else _BYTES_OF_POINT
    size_bytes = sum(
        len(item.values) * program.shots * register.size * width
        for item in program.items
        for register in item.circuit.cregs
    )
    check_size(size_bytes, "results", "points or items")
