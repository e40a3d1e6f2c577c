"""Reading typed fields out of JSON that the other end sent.

Every reader raises `WireFormatError` with the field's name when the field is missing or of
another type, so that neither end goes on with half a record.
"""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

from qrsession.errors import WireFormatError

T = TypeVar("T")

# IBM's are letters and digits with "-" and "_" between them. No more than these may be: an id goes
# into URLs, file names, and commands that people copy from a message into their shell.
_IDENTIFIER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:=+~-]{0,127}", re.ASCII)

# JSON bounds no number, and Python reads one of thousands of digits; what counts seconds or jobs
# with it would fail far from here. So much a signed 64-bit integer holds.
_BEYOND_ALL_INTEGERS = 2**63


def as_object(value: Any, what: str) -> dict[str, Any]:
    """Return a JSON object as it is."""
    if not isinstance(value, dict):
        raise WireFormatError(f"{what} is not a JSON object.")
    return value


def required(record: Mapping[str, Any], name: str, kind: type[T]) -> T:
    """Return a field that must be there. A boolean does not pass for a number."""
    value = optional(record, name, kind)
    if value is None:
        raise WireFormatError(f"The field {name!r} is missing.", details={"field": name})
    return value


def identifier(record: Mapping[str, Any], name: str) -> str:
    """Return an id that a service gave, which must look like one."""
    value = required(record, name, str)
    if not _IDENTIFIER.fullmatch(value):
        # Not quoted: it may be made up to do harm wherever it is shown.
        raise WireFormatError(f"The field {name!r} is no identifier.", details={"field": name})
    return value


def optional(record: Mapping[str, Any], name: str, kind: type[T]) -> T | None:
    """Return a field that may be absent or null.

    Numbers are finite, integers have 64 bits, and half of a character in a text is a question mark:
    JSON can write one, and no file or stream takes it.
    """
    value = record.get(name)
    if value is None:
        return None
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = _as_float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise WireFormatError(
            f"The field {name!r} must be of type {kind.__name__}, not {type(value).__name__}.",
            details={"field": name},
        )
    if (isinstance(value, float) and not math.isfinite(value)) or (
        isinstance(value, int) and abs(value) >= _BEYOND_ALL_INTEGERS
    ):
        raise WireFormatError(f"The field {name!r} is beyond all numbers.", details={"field": name})
    if isinstance(value, str) and not value.isascii():
        return cast("T", _whole(value))
    return value


def _whole(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _as_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def strings(record: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Return a list of strings, empty where the field is absent or null."""
    values = optional(record, name, list) or []
    if not all(isinstance(value, str) for value in values):
        raise WireFormatError(f"The field {name!r} must hold strings.", details={"field": name})
    return tuple(value if value.isascii() else _whole(value) for value in values)


def objects(record: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """Return a list of JSON objects, empty where the field is absent or null."""
    values = optional(record, name, list) or []
    # A device's properties hold a hundred thousand of them: no call for each.
    if not all(isinstance(value, dict) for value in values):
        raise WireFormatError(f"An entry of {name!r} is not a JSON object.")
    return values


def moment(record: Mapping[str, Any], name: str) -> datetime | None:
    """Return an RFC 3339 time in UTC; a time without an offset is taken as UTC."""
    text = optional(record, name, str)
    if not text:
        return None
    try:
        parsed = datetime.fromisoformat(text)
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        raise WireFormatError(
            f"The field {name!r} is not a time.", details={"field": name}
        ) from None


def required_moment(record: Mapping[str, Any], name: str) -> datetime:
    """Return an RFC 3339 time in UTC, as `moment`, which must be there."""
    found = moment(record, name)
    if found is None:
        raise WireFormatError(f"The field {name!r} is missing.", details={"field": name})
    return found


def write_moment(value: datetime | None) -> str | None:
    """Write a time as IBM does: UTC, milliseconds, ``Z``."""
    if value is None:
        return None
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def without_nulls(record: Mapping[str, Any]) -> dict[str, Any]:
    """Drop the fields that are None, as the wire wants optional fields."""
    return {name: value for name, value in record.items() if value is not None}
