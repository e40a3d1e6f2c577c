"""The envelope of ``--json``: one object on stdout, on failure too."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from qrsession.errors import QrsessionError
from qrsession.protocol.fields import write_moment

SCHEMA_VERSION = 1


def envelope_of(command: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the envelope of a command that did what it was asked for."""
    return {
        "schema_version": SCHEMA_VERSION,
        "command": command,
        "status": "ok",
        "data": data,
        "error": None,
    }


def failure_of(command: str, error: QrsessionError) -> dict[str, Any]:
    """Return the envelope of a command that failed."""
    return {
        "schema_version": SCHEMA_VERSION,
        "command": command,
        "status": "error",
        "data": None,
        "error": error_document(error),
    }


def error_document(error: QrsessionError) -> dict[str, Any]:
    """Return what programs are told of an error."""
    return {
        "code": error.code,
        "message": error.message,
        "advice": error.advice,
        "details": error.details,
    }


def to_json(document: Mapping[str, Any], *, indent: int | None = None) -> str:
    """Write a document as JSON in ASCII, so that no stream's encoding can break it.

    Times are written as RFC 3339 in UTC. A number that is not finite has no place in JSON and
    becomes null.
    """
    return "".join(json_parts(document, indent=indent))


def json_parts(document: Mapping[str, Any], *, indent: int | None = None) -> Iterator[str]:
    """Yield what `to_json` returns: in one part, save where large results are made as they go."""
    if not _is_lazy(document):
        yield _dumped(document, indent)
        return
    from qrsession.render.large_json import large_json_parts  # noqa: PLC0415 - few are large

    yield from large_json_parts(document, _dumped, indent)


def _is_lazy(value: Any) -> bool:
    """Tell whether a part of a document is made when it is written. A list has one kind of part."""
    if isinstance(value, dict):
        return any(map(_is_lazy, value.values()))
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return any(map(_is_lazy, value))
    return isinstance(value, Mapping | Sequence) and not isinstance(value, str | list | tuple)


def _dumped(value: Any, indent: int | None) -> str:
    try:
        return json.dumps(value, default=_plain, allow_nan=False, indent=indent)
    except ValueError:
        return json.dumps(_finite(value), default=_plain, allow_nan=False, indent=indent)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return write_moment(value)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} has no place in an envelope")


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return value
