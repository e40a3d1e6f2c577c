"""The sections of the page about options: the tables in the code, with words."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from docs.option_notes import NOTES
from qrsession.option_spellings import GONE, RENAMED, SKIP_TRANSPILATION
from qrsession.option_tree import ALL, OWN
from qrsession.protocol.options import OPTIONS_OF, Field, Table

WriteTable = Callable[[Sequence[str], Iterable[Sequence[str]]], str]

_TITLES = ("option", "type", "default", "of", "does")


def paths(table: Table, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path of each option of a table, at any depth."""
    for name, entry in table.items():
        if isinstance(entry, Field):
            yield (*before, name)
        else:
            yield from paths(entry, (*before, name))


def option_tables(write_table: WriteTable) -> str:
    """Return a table of options for each table in the code."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for path in paths(ALL):
        found.setdefault(".".join(path[:-1]), []).append(_row(path))
    sections = []
    for group, rows in sorted(found.items(), key=lambda one: bool(one[0])):
        title = [f"### {group}", ""] if group else []
        sections += [*title, write_table(_TITLES, rows), ""]
    return "\n".join(sections).rstrip()


def older_options(write_table: WriteTable) -> str:
    """Return a table of what older programs write, and what it is today."""
    rows = [(_code(old), f"`{'.'.join(new)}`") for old, new in RENAMED.items()]
    rows.append((_code(SKIP_TRANSPILATION), "`optimization_level=None`"))
    rows += [(_code(old), f"Refused. {advice}") for old, advice in GONE.items()]
    return write_table(("written", "means"), sorted(rows))


def _code(path: tuple[str, ...]) -> str:
    return f"`{'.'.join(path)}`"


def _row(path: tuple[str, ...]) -> tuple[str, ...]:
    default, does = NOTES[".".join(path)]
    # Bare numbers and words, as JSON has them, since the same goes for files of options.
    shown = "" if default is None else f"`{json.dumps(default)}`"
    return f"`{path[-1]}`", _types(path), shown, _primitives(path), does


def _primitives(path: tuple[str, ...]) -> str:
    if path == ("resilience_level",):
        return "estimator"
    found = [name for name, table in OPTIONS_OF.items() if path[0] in OWN or _entry(table, path)]
    return "both" if len(found) == len(OPTIONS_OF) else found[0]


def _types(path: tuple[str, ...]) -> str:
    entries = {name: _entry(table, path) for name, table in ({"": OWN} | OPTIONS_OF).items()}
    said = {name: _said(entry) for name, entry in entries.items() if entry}
    if len(set(said.values())) == 1:
        return next(iter(said.values()))
    return "; ".join(f"{name}: {words}" for name, words in said.items())


def _said(field: Field) -> str:
    return "anything" if field.kind is object else field.expected()


def _entry(table: Table, path: tuple[str, ...]) -> Any:
    entry: Any = table
    for name in path:
        entry = entry.get(name) if isinstance(entry, dict) else None
    return entry
