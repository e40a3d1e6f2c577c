"""Tables: drawn by rich on a terminal, lines of tab-separated values elsewhere."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

from qrsession.duration import format_seconds
from qrsession.render.terminal import Style, Terminal, clean


@dataclass(frozen=True, slots=True)
class Cell:
    """A piece of text in a table, with what it means."""

    text: str
    style: Style = Style.PLAIN


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        title: Its title.
        is_quantity: Whether it holds quantities, which are aligned on the right.
        can_fold: Whether its values may go over several lines where a terminal is narrow.
    """

    title: str
    is_quantity: bool = False
    can_fold: bool = False


_LEAST_WIDTH = 8
Row = Sequence[str | Cell]

_RICH_STYLES = {
    Style.PLAIN: "",
    Style.STRONG: "bold",
    Style.FAINT: "dim",
    Style.GOOD: "green",
    Style.BUSY: "cyan",
    Style.WARNING: "yellow",
    Style.BAD: "red",
}


def table_text(columns: Sequence[Column], rows: Sequence[Row], terminal: Terminal) -> str:
    """Return a table as text.

    Elsewhere than on a terminal it has a line with the titles and one for each row, the values
    in full with a tab between two: for ``cut`` and ``awk``, and legible in a log.
    """
    cells = [[_as_cell(value) for value in row] for row in rows]
    if terminal.is_terminal:
        return _drawn(columns, cells, terminal)
    lines = [[column.title for column in columns], *([cell.text for cell in row] for row in cells)]
    return "".join("\t".join(line) + "\n" for line in lines)


def seconds_text(quantity_s: float | None) -> str:
    """Return a quantity of seconds as a table has it, empty where it is not known."""
    return "" if quantity_s is None else format_seconds(quantity_s)


def _as_cell(value: str | Cell) -> Cell:
    return Cell(clean(value)) if isinstance(value, str) else Cell(clean(value.text), value.style)


def _drawn(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], terminal: Terminal) -> str:
    # Imported here because only a terminal needs it, and it takes longer than all the rest.
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(
        box=box.SIMPLE_HEAD if terminal.has_unicode else box.ASCII2,
        header_style="bold",
        border_style="dim",
        padding=(0, 1, 0, 0),
        pad_edge=False,
        show_edge=False,
    )
    for column in columns:
        table.add_column(
            Text(column.title),
            justify="right" if column.is_quantity else "left",
            overflow="fold",
            no_wrap=not column.can_fold,
            min_width=_LEAST_WIDTH if column.can_fold else None,
        )
    for row in rows:
        # Text objects are not searched for markup.
        table.add_row(*(Text(cell.text, _RICH_STYLES[cell.style]) for cell in row))
    console = Console(
        file=io.StringIO(),
        width=terminal.width,
        force_terminal=True,
        color_system="standard" if terminal.has_colour else None,
        legacy_windows=False,
        emoji=False,
        highlight=False,
        markup=False,
    )
    with console.capture() as capture:
        console.print(table)
    return "".join(f"{line.rstrip()}\n" for line in capture.get().splitlines())
