"""A tree of options with attributes, over the tables of both primitives.

Only what is set is kept: a nested dict. A `Branch` is a view of one table of it; the tree itself is
`qrsession.options.Options`.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from qrsession.errors import InvalidTypeError
from qrsession.option_spellings import (
    GONE,
    RENAMED,
    SKIP_TRANSPILATION,
    TRANSPILATION,
    Path,
    as_today,
    no_longer,
)
from qrsession.protocol.bounds import LONGEST_COST_S
from qrsession.protocol.options import (
    ESTIMATOR_OPTIONS,
    RESILIENCE_LEVELS,
    SAMPLER_OPTIONS,
    Field,
    Table,
    unknown_option,
)

if TYPE_CHECKING:
    from qrsession.options import Options

OPTIMIZATION_LEVELS = (0, 1, 2, 3)
LOG_LEVELS = ("CRITICAL", "ERROR", "WARNING", "INFO", "DEBUG")
ENVIRONMENT: Table = {
    "job_tags": Field(str, many="list", nullable=True),
    "private": Field(bool, nullable=True),
    "log_level": Field(str, choices=LOG_LEVELS),
}
# What is about the job, whichever its primitive: it goes beside the primitive's own options.
OWN: Table = {
    "optimization_level": Field(
        int, low=OPTIMIZATION_LEVELS[0], high=OPTIMIZATION_LEVELS[-1], nullable=True
    ),
    "resilience_level": Field(
        int, low=RESILIENCE_LEVELS[0], high=RESILIENCE_LEVELS[-1], nullable=True
    ),
    "seed_transpiler": Field(int, low=0, high=2**63 - 1, nullable=True),
    "max_execution_time": Field(int, low=1, high=LONGEST_COST_S, nullable=True),
    "environment": ENVIRONMENT,
}


def _joined(one: Table, other: Table) -> Table:
    joined = dict(one)
    for name, entry in other.items():
        before = joined.get(name)
        if isinstance(before, dict) and isinstance(entry, dict):
            joined[name] = _joined(before, entry)
        else:
            joined.setdefault(name, entry)
    return joined


# All that either primitive has, for its names; its bounds are those of the primitives' own tables.
ALL = _joined(_joined(OWN, SAMPLER_OPTIONS), ESTIMATOR_OPTIONS)


def entry_at(path: Path) -> Any:
    """Return what the tables have at a path: a `Field`, or a table of them.

    Raises:
        UnknownOptionError: Nothing; the message has the nearest name.
    """
    entry: Any = ALL
    for depth, name in enumerate(path):
        if isinstance(entry, Field) and entry.kind is object:
            # What is in there has no table.
            return entry
        found = entry.get(name) if isinstance(entry, dict) and isinstance(name, str) else None
        if found is None:
            raise unknown_option(
                ".".join(("options", *map(str, path[: depth + 1]))),
                str(name),
                entry if isinstance(entry, dict) else (),
            )
        entry = found
    return entry


def is_table(path: Path) -> bool:
    """Tell whether a path leads to a table, one that older programs had among them."""
    return path == TRANSPILATION or (path not in RENAMED and isinstance(entry_at(path), dict))


def assignments(path: Path, value: Any) -> Iterator[tuple[Path, Any]]:
    """Take a table of values apart: each option that it sets, by the path of today.

    Raises:
        InvalidValueError: A name is unknown, or has no equal today.
        InvalidTypeError: A table is expected where something else is given.
    """
    if isinstance(value, Mapping) and path not in GONE and is_table(path):
        for name, part in value.items():
            yield from assignments((*path, name), part)
        return
    if path == TRANSPILATION:
        if value is not None:
            raise InvalidTypeError("options.transpilation must be a table of options.")
        return
    today = as_today(path, value)
    if today is not None:
        entry_at(today[0])
        yield today


def copied(value: Any) -> Any:
    """Return a value of its own, so that no two trees share tables or lists.

    What is neither, such as a noise model, is passed on as it is.
    """
    if isinstance(value, Mapping):
        return {name: copied(part) for name, part in value.items()}
    if isinstance(value, list):
        return [copied(part) for part in value]
    return value


def as_plain(path: Path, value: Any) -> Any:
    """Return numbers of numpy as Python's own, where an option takes numbers or words."""
    entry = entry_at(path)
    if isinstance(entry, Field) and entry.kind is not object:
        to_list = getattr(value, "tolist", None)
        if callable(to_list):
            return to_list()
        if isinstance(value, list | tuple):
            return type(value)(as_plain(path, part) for part in value)
    return copied(value)


def found_at(values: Mapping[str, Any], path: Path) -> Any:
    """Return what is set at a path, None where nothing is."""
    found: Any = values
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def put(values: dict[str, Any], path: Path, value: Any) -> None:
    """Set a value at a path, and make the tables that lead there."""
    for name in path[:-1]:
        values = values.setdefault(name, {})
    values[path[-1]] = value


def drop(values: dict[str, Any], path: Path) -> None:
    """Take out what is set at a path, and the tables that are empty then."""
    if len(path) > 1:
        inner = values.get(path[0])
        if isinstance(inner, dict):
            drop(inner, path[1:])
            if not inner:
                del values[path[0]]
    else:
        values.pop(path[0], None)


class Branch(Mapping[str, Any]):
    """One table of a tree of options, such as ``options.twirling``: a view, not a copy.

    As a mapping it has what is set. As attributes, and by ``[...]``, it has all options of the
    table; what is not set is None, or the default where this package itself acts on it.

    Args:
        options: The tree.
        path: Where the table is in it.
    """

    _options: "Options"
    _path: Path

    def __init__(self, options: "Options", path: Path) -> None:
        vars(self).update(_options=options, _path=path)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self._options.read((*self._path, name))

    def __setattr__(self, name: str, value: Any) -> None:
        self._options.write((*self._path, name), value)

    def __delattr__(self, name: str) -> None:
        self._options.unset((*self._path, name))

    __getitem__ = __getattr__
    __setitem__ = __setattr__
    __delitem__ = __delattr__

    def __iter__(self) -> Iterator[str]:
        return iter(self.to_dict())

    def __len__(self) -> int:
        return len(self.to_dict())

    def __contains__(self, name: object) -> bool:
        return name in self.to_dict()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mapping):
            return NotImplemented
        return self.to_dict() == dict(other)

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __repr__(self) -> str:
        return repr(self.to_dict())

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *names_at(self._path)]

    def get(self, name: str, default: Any = None) -> Any:
        """Return what an option is set to, else the default that is given."""
        return self.to_dict().get(name, default)

    def update(self, others: Mapping[str, Any] | None = None, /, **fields: Any) -> None:
        """Set several options of this table, and keep the rest; all of them or none."""
        changes: Any = {**(others or {}), **fields}
        for name in reversed(self._path):
            changes = {name: changes}
        self._options.update(changes)

    def to_dict(self) -> dict[str, Any]:
        """Return what is set, as a dict that is the caller's own."""
        found: dict[str, Any] = copied(self._options.to_dict_at(self._path))
        return found


def names_at(path: Path) -> list[str]:
    """Return the names of the options of a table."""
    return [] if path == TRANSPILATION else list(entry_at(path))


def read_old(options: "Options", path: Path) -> tuple[bool, Any]:
    """Return whether a path is of older programs, and what is there.

    Raises:
        InvalidValueError: It has no equal today.
    """
    if path in RENAMED:
        return True, options.read(RENAMED[path])
    if path == SKIP_TRANSPILATION:
        return True, options.read(("optimization_level",)) is None
    if path == TRANSPILATION:
        return True, Branch(options, path)
    if path in GONE:
        raise no_longer(path)
    return False, None
