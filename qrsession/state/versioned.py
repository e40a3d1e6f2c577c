"""Records as JSON with the version of their schema: one object to a file or a line."""

import json
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any

from qrsession.errors import StorageError, WireFormatError
from qrsession.protocol.fields import as_object, required

SCHEMA_VERSION = 1


def to_line(record: Any) -> bytes:
    """Write a dataclass as one line of JSON, without the fields that have no value."""
    values = {field.name: getattr(record, field.name) for field in fields(record)}
    known = {name: value for name, value in values.items() if value is not None}
    return json.dumps({"schema_version": SCHEMA_VERSION, **known}, default=_as_text).encode()


def read_line(data: bytes, path: Path) -> dict[str, Any]:
    """Read one object, of this version or an older one.

    Raises:
        WireFormatError: It is no JSON object, or has no version.
        StorageError: A newer version of this program wrote it.
    """
    try:
        record = as_object(json.loads(data), "A record")
    except (ValueError, RecursionError):
        raise WireFormatError("A record is not JSON.") from None
    version = required(record, "schema_version", int)
    if version > SCHEMA_VERSION:
        raise StorageError(
            f"{path} was written by a newer qrsession (schema {version}).",
            advice="Update qrsession.",
            details={"path": str(path), "schema_version": version},
        )
    return record


def _as_text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in a record")
