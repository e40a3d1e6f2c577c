"""Checks as people see them: a mark, what was looked at, and what to do about it."""

import textwrap
from collections.abc import Sequence
from typing import Protocol

from qrsession.render.tables import Column, table_text
from qrsession.render.terminal import Style, Terminal, clean

_COLUMNS = (Column("CHECK"), Column("VERDICT"), Column("MESSAGE"), Column("ADVICE"))
_MARKS = {"ok": ("✓", "+"), "warn": ("!", "!"), "fail": ("✗", "x")}
_STYLES = {"ok": Style.GOOD, "warn": Style.WARNING, "fail": Style.BAD}
_INDENT = 15


class Checked(Protocol):
    """One thing that was looked at."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def verdict(self) -> str:
        """How it came out: ok, warn or fail."""

    @property
    def message(self) -> str:
        """What was found."""

    @property
    def advice(self) -> str:
        """What to do about it; may be empty."""


def checks_text(title: str, checks: Sequence[Checked], terminal: Terminal) -> str:
    """Return checks as text: a list on a terminal, a table elsewhere."""
    if not terminal.is_terminal:
        rows = [(one.name, one.verdict, one.message, one.advice) for one in checks]
        return table_text(_COLUMNS, rows, terminal)
    lines = [terminal.paint(clean(title), Style.STRONG)]
    for one in checks:
        mark = _MARKS[one.verdict][0 if terminal.has_unicode else 1]
        painted = terminal.paint(mark, _STYLES[one.verdict])
        first, *more = _wrapped(one.message, terminal)
        lines.append(f"  {painted} {clean(one.name):<10} {first}")
        lines += [f"{'':<{_INDENT}}{line}" for line in more]
        lines += [
            f"{'':<{_INDENT}}{terminal.paint(line, Style.FAINT)}"
            for line in (_wrapped(one.advice, terminal) if one.advice else ())
        ]
    return "".join(f"{line}\n" for line in lines)


def _wrapped(text: str, terminal: Terminal) -> list[str]:
    width = max(terminal.width - _INDENT, 20)
    return textwrap.wrap(clean(text), width, break_on_hyphens=False) or [""]
