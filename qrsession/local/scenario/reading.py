"""What all parts of a scenario are read by: tables, how often, and errors that name a path."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from qrsession.errors import InvalidTypeError, InvalidValueError
from qrsession.protocol.options import Field, Table

T = TypeVar("T")

ALWAYS = "always"
LONGEST_DELAY_S = 3600
_MOST_ENTRIES = 1000

HOW_OFTEN: Table = {
    "name": Field(str),
    "skip": Field(int, low=0),
    "times": Field(object),
    "probability": Field(float, low=0, high=1),
}


def read_list(
    document: Mapping[str, Any], name: str, read: Callable[[Mapping[str, Any], str], T]
) -> tuple[T, ...]:
    """Read a list of tables, each by its path.

    Raises:
        InvalidTypeError: It is no list, too long, or has something else than tables.
    """
    listed = document.get(name, [])
    if not isinstance(listed, list) or len(listed) > _MOST_ENTRIES:
        raise InvalidTypeError(
            f"scenario.{name} must be a list of at most {_MOST_ENTRIES} {name}.",
            details={"path": name},
        )
    return tuple(
        read(as_table(entry, f"{name}[{index}]"), f"{name}[{index}]")
        for index, entry in enumerate(listed)
    )


def as_table(entry: Any, path: str) -> Mapping[str, Any]:
    """Return what must be a table.

    Raises:
        InvalidTypeError: It is something else.
    """
    if not isinstance(entry, Mapping):
        raise InvalidTypeError(f"{path} must be a table.", details={"path": path})
    return entry


def read_times(value: Any, path: str) -> int | None:
    """Read how often something happens; None for always.

    Raises:
        InvalidValueError: It is neither a number of at least 1 nor ``"always"``.
    """
    if value == ALWAYS:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InvalidValueError(
            f'{path} is {value!r}; it must be a whole number of at least 1, or "{ALWAYS}".',
            details={"path": path},
        )
    return value


def write_times(times: int | None) -> int | str:
    """Write how often something happens, as it is read."""
    return ALWAYS if times is None else times


def check_meaning(
    entry: Mapping[str, Any], known: Table, allowed: Table, path: str, what: str
) -> None:
    """Refuse a field that such tables have, but not one of this kind: ``what`` says which.

    Raises:
        InvalidValueError: There is such a field.
    """
    for name in entry:
        if name in known and name not in allowed:
            raise InvalidValueError(
                f"{path}.{name} has no meaning for {what}.",
                advice=f"It may have: {', '.join(allowed)}.",
                details={"path": f"{path}.{name}"},
            )


def missing(path: str, name: str) -> InvalidValueError:
    """Say that a field is not there."""
    return InvalidValueError(f"{path}.{name} is missing.", details={"path": f"{path}.{name}"})


def contradiction(path: str, one: str, other: str) -> InvalidValueError:
    """Say that two fields cannot stand together."""
    return InvalidValueError(
        f"{path}.{one} and {path}.{other} contradict each other.",
        details={"path": f"{path}.{other}"},
    )
