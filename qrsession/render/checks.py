"""Checks as people see them: a mark, what was looked at, and what to do about it."""

import textwrap
from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from qrsession.render.tables import Column, table_text
from qrsession.render.terminal import Style, Terminal, clean

_COLUMNS = (Column("CHECK"), Column("VERDICT"), Column("MESSAGE"), Column("ADVICE"))
_GROUPED_COLUMNS = (Column("STATUS"), Column("NAME"), Column("MESSAGE"), Column("ADVICE"))
_OK, _WARNING = ("✓", "+"), ("!", "!")
_FAILED, _SKIPPED = ("✗", "x"), ("·", "-")
_MARKS = {
    "ok": _OK,
    "warn": _WARNING,
    "warning": _WARNING,
    "fail": _FAILED,
    "failed": _FAILED,
    "skipped": _SKIPPED,
}
_STYLES = {
    _OK: Style.GOOD,
    _WARNING: Style.WARNING,
    _FAILED: Style.BAD,
    _SKIPPED: Style.FAINT,
}
_NAME_WIDTH = 10
# What stands beside the name: the margin, the mark, and a blank after each.
_BESIDE_NAME = 5
_WIDEST_NAME = 20
_LEAST_TEXT = 20


class Checked(Protocol):
    """One thing that was looked at."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def verdict(self) -> str:
        """How it came out: ok, warn or warning, fail or failed, skipped."""

    @property
    def message(self) -> str:
        """What was found."""

    @property
    def advice(self) -> str:
        """What to do about it; may be empty."""


class Grouped(Protocol):
    """Things that were looked at and belong together."""

    @property
    def title(self) -> str:
        """What they have in common."""

    @property
    def findings(self) -> Sequence[Checked]:
        """What was found of each."""


def groups_text(groups: Sequence[Grouped], terminal: Terminal) -> str:
    """Return groups of checks as text: lists on a terminal, one table elsewhere."""
    found = [one for group in groups for one in group.findings]
    if not terminal.is_terminal:
        rows = [(one.verdict, one.name, one.message, one.advice) for one in found]
        return table_text(_GROUPED_COLUMNS, rows, terminal)
    widest = max((len(clean(one.name)) for one in found), default=_NAME_WIDTH)
    width = min(max(widest, _NAME_WIDTH), _WIDEST_NAME)
    blocks = [
        "\n".join(
            [
                terminal.paint(clean(group.title), Style.STRONG),
                *(line for one in group.findings for line in _lines(one, width, terminal)),
            ]
        )
        for group in groups
    ]
    return "\n\n".join([*blocks, _summary(found, terminal)]) + "\n"


def _summary(found: Sequence[Checked], terminal: Terminal) -> str:
    """Say how many came out how, and name those with something to do: they may be out of sight."""
    numbers = Counter(one.verdict for one in found)
    plural = "warning" if numbers["warning"] == 1 else "warnings"
    words = {
        "ok": ("ok", Style.PLAIN),
        "skipped": ("skipped", Style.FAINT),
        "warning": (plural, Style.WARNING),
        "failed": ("failed", Style.BAD),
    }
    parts = []
    for verdict, (word, style) in words.items():
        if numbers[verdict] or verdict == "ok":
            names = dict.fromkeys(clean(one.name) for one in found if one.verdict == verdict)
            which = f" ({', '.join(names)})" if verdict in {"warning", "failed"} else ""
            parts.append(terminal.paint(f"{numbers[verdict]} {word}{which}", style))
    return ", ".join(parts)


def checks_text(title: str, checks: Sequence[Checked], terminal: Terminal) -> str:
    """Return checks as text: a list on a terminal, a table elsewhere."""
    if not terminal.is_terminal:
        rows = [(one.name, one.verdict, one.message, one.advice) for one in checks]
        return table_text(_COLUMNS, rows, terminal)
    lines = [terminal.paint(clean(title), Style.STRONG)]
    for one in checks:
        lines += _lines(one, _NAME_WIDTH, terminal)
    return "".join(f"{line}\n" for line in lines)


def _lines(one: Checked, name_width: int, terminal: Terminal) -> list[str]:
    """Return a check as lines: its mark, its name, what was found; below, what to do."""
    marks = _MARKS[one.verdict]
    painted = terminal.paint(marks[0 if terminal.has_unicode else 1], _STYLES[marks])
    margin = " " * (name_width + _BESIDE_NAME)
    width = max(terminal.width - len(margin), _LEAST_TEXT)
    first, *more = _wrapped(one.message, width)
    return [
        f"  {painted} {clean(one.name):<{name_width}} {first}",
        *(f"{margin}{line}" for line in more),
        *(
            f"{margin}{terminal.paint(line, Style.FAINT)}"
            for line in (_wrapped(one.advice, width) if one.advice else ())
        ),
    ]


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(clean(text), width, break_on_hyphens=False) or [""]
