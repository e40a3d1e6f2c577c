"""Dates of a device's properties in UTC, as the service sends them.

Snapshots have some with another offset. IBM's client takes what it reads for UTC whatever offset it
has, and would be hours off.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

_DATES = ("last_update_date", "date")


def in_utc(value: Any) -> Any:
    """Return a document with its dates in UTC; what is no date stays as it is."""
    if isinstance(value, list):
        return [in_utc(entry) for entry in value]
    if isinstance(value, Mapping):
        return {
            name: _moved(entry) if name in _DATES else in_utc(entry)
            for name, entry in value.items()
        }
    return value


def _moved(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            # Nobody says where it is from; the service means UTC.
            moment = moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError):
        return value
