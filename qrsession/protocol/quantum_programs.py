"""What the program ``executor`` is asked to run: the names and bounds of its input.

A quantum program has one circuit for each of its items. An item runs its circuit for each element
of its shape, with the parameters that it lists (``circuit``) or that are drawn at random
(``samplex``). Circuits, samplexes and tensors are left to whoever runs them.
Source: schemas "executor" v1.0 to v2.0 of ibm-quantum-schemas.
"""

import math
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from qrsession.errors import InvalidTypeError, InvalidValueError, WireFormatError
from qrsession.protocol.options import AUTO, Field, Table, check_options
from qrsession.protocol.tensors import read_tensor_shape

# The name of the program that runs these.
EXECUTOR = "executor"
NEWEST_SCHEMA = "v2.0"
# What they differ in: before 2.0 tensors and circuits are not compressed.
SCHEMAS = ("v1.0", "v1.1", NEWEST_SCHEMA)
UNCOMPRESSED_SCHEMAS = SCHEMAS[:2]
CLASSIFIED = "classified"
MEAS_LEVELS = (CLASSIFIED, "kerneled", "avg_kerneled", "both")
SAMPLER_ROLE = "sampler_v2"

_MOST_DIMENSIONS = 32
_LARGEST_DIMENSION = 2**31
_PARAMS: Table = {
    "schema_version": Field(str, choices=SCHEMAS),
    "quantum_program": Field(object),
    "options": {
        "init_qubits": Field(bool),
        "rep_delay": Field(float, low=0, nullable=True),
        "scheduler_timing": Field(bool),
        "stretch_values": Field(bool),
        "experimental": Field(object),
    },
}
_PROGRAM: Table = {
    "shots": Field(int, low=1),
    "circuits": Field(object),
    "items": Field(object),
    "semantic_role": Field(str, nullable=True),
    "meas_level": Field(str, choices=MEAS_LEVELS),
    "passthrough_data": Field(object),
}
_QPY: Table = {
    "b64_data": Field(str),
    "qpy_version": Field(int, low=10),
    "num_programs": Field(int, low=1),
}
_QASM: Table = {"data": Field(str, many="list")}
_SAMPLEX: Table = {"ssv": Field(int, low=1), "samplex_json": Field(str)}
_COMMON: Table = {
    "item_type": Field(str, choices=("circuit", "samplex")),
    "shape": Field(int, low=0, high=_LARGEST_DIMENSION, many="list"),
    "chunk_size": Field(int, low=1, auto=True),
}
_ITEMS: dict[str, Table] = {
    "circuit": {**_COMMON, "circuit_arguments": Field(object)},
    "samplex": {
        **_COMMON,
        "samplex": _SAMPLEX,
        "samplex_arguments": Field(object),
    },
}
_NEEDED_OF_ITEM = {
    "circuit": ("shape", "circuit_arguments"),
    "samplex": ("shape", "samplex", "samplex_arguments"),
}


def check_quantum_program(params: Mapping[str, Any]) -> None:
    """Hold the params of a submission against the names, types and bounds of the schema.

    Raises:
        InvalidValueError: A field is unknown, missing, of another type or out of its bounds; the
            message has its path.
    """
    version = params.get("schema_version")
    if version not in SCHEMAS:
        raise InvalidValueError(
            f"params.schema_version is {str(version)[:20]!r}; it must be one of "
            f"{', '.join(SCHEMAS)}.",
            advice="Use a client that sends one of these.",
            details={"path": "params.schema_version"},
        )
    _check(params, _PARAMS, "params", ("quantum_program", "options"))
    path = "params.quantum_program"
    program = _table(params["quantum_program"], path)
    _check(program, _PROGRAM, path, ("shots", "circuits", "items"))
    _table(params["options"].get("experimental", {}), "params.options.experimental")
    num_circuits = _check_circuits(program["circuits"], f"{path}.circuits", version)
    items = program["items"]
    if not isinstance(items, list):
        raise _wrong(f"{path}.items", "must be a list of items")
    for index, item in enumerate(items):
        _check_item(item, f"{path}.items[{index}]")
    if num_circuits != len(items):
        raise _wrong(
            f"{path}.items",
            f"has {len(items)} entries, and there are {num_circuits} circuits: there must be one "
            "circuit for each item",
        )
    chunk_sizes = {item.get("chunk_size", AUTO) for item in items}
    if AUTO in chunk_sizes and len(chunk_sizes) > 1:
        raise _wrong(f"{path}.items", 'must all have the chunk_size "auto", or none of them')


def item_points(item: Mapping[str, Any]) -> int:
    """Return how many times an item's circuit is bound, as far as that can be seen from outside.

    An item of a form that nothing takes counts for one.
    """
    shapes = [_shape(item.get("shape"))]
    arguments = item.get("circuit_arguments")
    samplex_arguments = item.get("samplex_arguments")
    if arguments is None and isinstance(samplex_arguments, Mapping):
        arguments = samplex_arguments.get("parameter_values")
    with suppress(WireFormatError):
        shapes.append(read_tensor_shape(arguments)[:-1])
    width = max(map(len, shapes))
    padded = [(1,) * (width - len(shape)) + shape for shape in shapes]
    sizes = (0 if 0 in axis else max(axis) for axis in zip(*padded, strict=True))
    return math.prod(sizes)


def _shape(value: Any) -> tuple[int, ...]:
    if not isinstance(value, list) or len(value) > _MOST_DIMENSIONS:
        return ()
    return tuple(value) if all(type(size) is int and size >= 0 for size in value) else ()


def _check_circuits(circuits: Any, path: str, version: str) -> int:
    """Return how many circuits there are."""
    table = _table(circuits, path)
    if "data" in table and version not in UNCOMPRESSED_SCHEMAS:
        _check(table, _QASM, path, ("data",))
        return len(table["data"])
    _check(table, _QPY, path, tuple(_QPY))
    return int(table["num_programs"])


def _check_item(item: Any, path: str) -> None:
    kind = _table(item, path).get("item_type")
    table = _ITEMS.get(kind) if isinstance(kind, str) else None
    if table is None:
        raise _wrong(f"{path}.item_type", f"must be one of {', '.join(_ITEMS)}")
    _check(item, table, path, _NEEDED_OF_ITEM[str(kind)])
    if kind == "samplex":
        _check(item["samplex"], _SAMPLEX, f"{path}.samplex", tuple(_SAMPLEX))
    given = f"{kind}_arguments"
    _table(item[given], f"{path}.{given}")
    if len(item["shape"]) > _MOST_DIMENSIONS:
        raise _wrong(f"{path}.shape", f"must have at most {_MOST_DIMENSIONS} dimensions")


def _check(record: Mapping[str, Any], table: Table, path: str, needed: tuple[str, ...]) -> None:
    for name in needed:
        if name not in record:
            raise _wrong(f"{path}.{name}", "is missing")
    check_options(record, table, path)


def _table(value: Any, path: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidTypeError(f"{path} must be a table.", details={"path": path})
    return value


def _wrong(path: str, words: str) -> InvalidValueError:
    return InvalidValueError(f"{path} {words}.", details={"path": path})
