"""Objects of JSON, of which nothing is dropped. Standard library only."""

from collections.abc import Sequence
from typing import Any

from qrsession.errors import InvalidValueError

_MOST_SHOWN = 80


def unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of JSON; `json.loads` by itself keeps the last of what is given twice.

    Raises:
        InvalidValueError: A name is given twice.
    """
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            shown = name[:_MOST_SHOWN]
            raise InvalidValueError(f"{shown!r} is there twice.", details={"name": shown})
        found[name] = value
    return found
