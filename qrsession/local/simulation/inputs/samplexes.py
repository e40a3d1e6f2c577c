"""Samplexes: descriptions of random circuits, from which parameters are drawn.

What they are and how they are drawn from is the library samplomatic's. It is an extra: circuits
without a samplex run without it.
"""

import base64
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qrsession.codec.tensors import tensor_to_array
from qrsession.errors import CircuitError, QrsessionError
from qrsession.local.simulation.failures import not_valid, one_line
from qrsession.protocol.qpy import read_header
from qrsession.protocol.tensors import Tensor, is_tensor
from qrsession.protocol.typed import LARGEST_ARRAY_BYTES

_VALUES = "parameter_values"
# The tables of parameters are QPY of this version; newer ones there are not.
_NEWEST_QPY = 18
_LARGEST_SHAPE = 10_000_000
# Drawn in single precision, run in double.
_WIDENED = 2


@dataclass(frozen=True, slots=True)
class Draws:
    """What was drawn from a samplex.

    Attributes:
        shape: The shape of the item.
        values: Parameters of the circuit: float64, shape ``(points, parameters)``, points in C
            order of ``shape``.
        extras: What else it gave, such as the bits that measurements are flipped by: arrays of
            shape ``(*shape, ...)``.
    """

    shape: tuple[int, ...]
    values: NDArray[np.float64]
    extras: Mapping[str, NDArray[Any]]


def draw(item: Mapping[str, Any], where: str, seed: int, *, is_compressed: bool = True) -> Draws:
    """Draw the parameters of a samplex item.

    Axes of the item's shape along which its arguments do not vary count randomizations, each of
    which is drawn independently of the others.

    Raises:
        JobFailedError: samplomatic is not installed, or the samplex cannot be drawn from.
    """
    samplex = _read_samplex(item["samplex"], where)
    try:
        inputs = samplex.inputs().make_broadcastable()
        inputs.bind(**_arguments(item["samplex_arguments"], is_compressed=is_compressed))
        shape = np.broadcast_shapes(tuple(item["shape"]), inputs.shape)
        _check_inputs(inputs, where)
        _check_size(samplex, shape, where)
        return _draw_all(samplex, inputs, shape, np.random.default_rng(seed))
    except (QrsessionError, MemoryError):
        raise
    except Exception as error:
        # Its interface does not say what it raises on bad input.
        raise not_valid(f"{where}: the samplex cannot be sampled: {one_line(error)}.") from error


def _read_samplex(record: Mapping[str, Any], where: str) -> Any:
    try:
        # Imported here: an extra, which costs time to load.
        from samplomatic.serialization import samplex_from_json  # noqa: PLC0415
    except ImportError:
        raise not_valid(
            f"{where} is a samplex, and this runtime lacks the library that draws from it.",
            "Install it: pip install 'qrsession[executor]'. Then restart the local runtime.",
        ) from None
    try:
        return samplex_from_json(_checked_json(record)).finalize()
    except MemoryError:
        raise
    except Exception as error:
        # The library raises whatever a damaged text leads it to.
        raise not_valid(f"{where}: the samplex cannot be read: {one_line(error)}.") from error


def _checked_json(record: Mapping[str, Any]) -> str:
    """Return a samplex's text, after a look at the QPY within it, which samplomatic reads.

    It is written anew, so that what is read there is what was looked at here.
    """
    tree = json.loads(record["samplex_json"])
    attributes = tree["attrs"]
    if attributes["ssv"] != str(record["ssv"]):
        raise ValueError(f"it is of version {attributes['ssv']}, and ssv is {record['ssv']}")
    table = json.loads(attributes["param_table"])
    try:
        read_header(base64.b64decode(table["circuit_base64"], validate=True), _NEWEST_QPY, 1)
    except CircuitError as error:
        raise ValueError(f"its parameters: {error.message}") from error
    attributes["param_table"] = json.dumps(table)
    return json.dumps(tree)


def _arguments(record: Mapping[str, Any], *, is_compressed: bool) -> dict[str, Any]:
    # Imported here: one in many samplexes has such an argument.
    from qiskit.quantum_info import PauliLindbladMap  # noqa: PLC0415

    arguments: dict[str, Any] = {}
    for name, value in record.items():
        if is_tensor(value):
            arguments[name] = tensor_to_array(Tensor.from_wire(value, is_compressed=is_compressed))
        elif isinstance(value, Mapping):
            terms = [(str(p), list(q), float(rate)) for p, q, rate in value["sparse_terms"]]
            arguments[name] = PauliLindbladMap.from_sparse_list(terms, value["num_qubits"])
        else:
            arguments[name] = value
    return arguments


def _check_inputs(inputs: Any, where: str) -> None:
    if inputs.fully_bound:
        return
    missing = [spec.name for spec in inputs.specs if spec.name not in inputs and not spec.optional]
    raise not_valid(
        f"{where}: the samplex has arguments without a value: {', '.join(missing)}.",
        "Give a value for each argument.",
    )


def _check_size(samplex: Any, shape: tuple[int, ...], where: str) -> None:
    points = math.prod(shape)
    outputs = samplex.outputs()
    if points > _LARGEST_SHAPE or (
        outputs.num_bytes(num_randomizations=points) * _WIDENED > LARGEST_ARRAY_BYTES
    ):
        raise not_valid(
            f"{where}: the samplex gives too much for {points} points to be kept.",
            "Use fewer randomizations or parameter values in a job.",
        )


def _draw_all(samplex: Any, inputs: Any, shape: tuple[int, ...], rng: np.random.Generator) -> Draws:
    points = math.prod(shape)
    # Which arguments each point has, by their position among all the arguments.
    positions = np.arange(math.prod(inputs.shape)).reshape(inputs.shape)
    arguments_of = np.broadcast_to(positions, shape).ravel()
    outputs: dict[str, NDArray[Any]] = {}
    for argument in np.unique(arguments_of):
        own = np.flatnonzero(arguments_of == argument)
        at = tuple(int(index) for index in np.unravel_index(argument, inputs.shape))
        drawn = samplex.sample(inputs[at], num_randomizations=len(own), rng=rng, max_workers=1)
        for name, array in drawn.items():
            if name not in outputs:
                outputs[name] = np.empty((points, *array.shape[1:]), dtype=array.dtype)
            outputs[name][own] = array
    values = outputs.pop(_VALUES, np.empty((points, 0)))
    return Draws(
        shape=shape,
        values=values.astype(np.float64),
        extras={name: array.reshape(shape + array.shape[1:]) for name, array in outputs.items()},
    )
