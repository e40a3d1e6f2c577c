"""How help is laid out: sections for what is long, lines that end between words.

Typer writes options and commands as one list each, and ends lines within words at hyphens, so that
``--older-than`` stands on two of them. An option's name must be one word, to be found and copied.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import typer

# Up to so many options are a list that can be read through.
_MOST_IN_ONE_LIST = 20
# Of the options that several commands have, and of those of `run`: where they belong in a long
# list. What is not named here comes first, in a section of its own.
_OPTION_SECTIONS = {
    "What is measured": ("primitive", "shots", "precision", "observable"),
    "Values of parameters": ("param", "zip", "params", "stdin-params"),
    "Options of the job": ("options", "set"),
    "Where it runs": ("session", "backend", "account", "instance", "local", "state"),
    "Transpiling": (
        "optimization-level",
        "seed-transpiler",
        "fractional-gates",
        "no-transpile",
    ),
    "Submitting": (
        "tag",
        "private",
        "max-execution-time",
        "estimate",
        "separate",
        "once",
        "no-wait",
    ),
    "Waiting": ("detach", "timeout", "on-timeout", "fail-fast"),
    "Expectations": ("min-fidelity", "max-tvd", "reference", "expect-value", "junit"),
    "Output": ("format", "output", "events", "json", "quiet", "verbose", "help"),
}
_FIRM_HYPHEN = "\u2011"
_WIDEST_NAME = 30
Record = tuple[str, str]


# Typer does not name the base.
class Formatter(typer.Context.formatter_class):  # type: ignore[misc, valid-type]
    """Writes help as Typer does, with firm hyphens while lines are broken."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """Write how a command is called."""
        # Newer releases put what is required in braces, which in a shell mean something else.
        super().write_usage(prog, args.replace("{", "").replace("}", ""), prefix)

    def write_text(self, text: str) -> None:
        """Write paragraphs."""
        super().write_text(_firm(text))

    def write_dl(self, rows: Sequence[Record], *arguments: Any, **named: Any) -> None:
        """Write a list of names and what they mean."""
        super().write_dl([(_firm(name), _firm(text)) for name, text in rows], *arguments, **named)

    def getvalue(self) -> str:
        """Return what was written."""
        return str(super().getvalue()).replace(_FIRM_HYPHEN, "-")


class HelpContext(typer.Context):
    """The context of a command whose help is laid out here."""

    formatter_class = Formatter


def write_options(command: Any, context: Any, formatter: Any) -> None:
    """Write a command's arguments and options, in sections where there are many."""
    shown = [(each, each.get_help_record(context)) for each in command.get_params(context)]
    arguments = [row for each, row in shown if row and each.param_type_name == "argument"]
    options = {
        max(each.opts, key=len).removeprefix("--"): row
        for each, row in shown
        if row and each.param_type_name == "option"
    }
    if arguments:
        _write_section("Arguments", arguments, formatter)
    if len(options) <= _MOST_IN_ONE_LIST:
        _write_section("Options", list(options.values()), formatter)
        return
    width = _width_of(options.values())
    for title, names in _sections_of(options):
        _write_section(title, [options[name] for name in names], formatter, width)


def write_commands(
    sections: Mapping[str, Sequence[str]], summaries: Mapping[str, str], formatter: Any
) -> None:
    """Write commands in sections, all with their summaries in one column."""
    width = max(map(len, summaries))
    for title, names in sections.items():
        rows = [(name, summaries[name]) for name in names]
        _write_section(title, rows, formatter, width)


def _sections_of(options: Mapping[str, Record]) -> Iterator[tuple[str, list[str]]]:
    placed = {name for names in _OPTION_SECTIONS.values() for name in names}
    unplaced = [name for name in options if name not in placed]
    if unplaced:
        yield "Options", unplaced
    for title, names in _OPTION_SECTIONS.items():
        found = [name for name in names if name in options]
        if found:
            yield title, found


def _width_of(rows: Iterable[Record]) -> int:
    return min(max(len(name) for name, _ in rows), _WIDEST_NAME)


def _write_section(title: str, rows: Sequence[Record], formatter: Any, width: int = 0) -> None:
    with formatter.section(title):
        # The blanks make the columns of all sections equally wide.
        formatter.write_dl([(name.ljust(width), text) for name, text in rows])


def _firm(text: str) -> str:
    return text.replace("-", _FIRM_HYPHEN)
