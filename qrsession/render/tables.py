"""Tables: drawn by rich on a terminal, lines of tab-separated values elsewhere."""

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from qrsession.duration import format_seconds
from qrsession.render.terminal import Style, Terminal, clean


@dataclass(frozen=True)
class Cell:
    """A piece of text in a table, with what it means."""

    text: str
    style: Style = Style.PLAIN


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        title: Its title.
        is_quantity: Whether it holds quantities, which are aligned on the right.
        can_fold: Whether its values may go over several lines where a terminal is narrow.
        yields: In which order columns are left out where a terminal is too narrow for all of
            them: 1 goes first; 0 stays.
        room: How wide its values may be in a moment. What is left out must not depend on that.
    """

    title: str
    is_quantity: bool = False
    can_fold: bool = False
    yields: int = 0
    room: int = 0


_LEAST_WIDTH = 8
# Names of backends are whole in it, so columns are left out before values are folded further.
_FOLDED_WIDTH = 20
_GAP = 2
# A line below the titles, and nothing else.
_ASCII_BOX = "    \n    \n -- \n    \n    \n    \n    \n    \n"
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
    in full with a tab between two: for ``cut`` and ``awk``, and legible in a log. On a terminal
    that is too narrow columns that yield are left out; what then remains is never cut.
    """
    cells = [[_as_cell(value) for value in row] for row in rows]
    if terminal.is_terminal:
        return _drawn(*_fitting(columns, cells, terminal.width), terminal)
    lines = [[column.title for column in columns], *([cell.text for cell in row] for row in cells)]
    return "".join("\t".join(line) + "\n" for line in lines)


def seconds_text(quantity_s: float | None) -> str:
    """Return a quantity of seconds as a table has it, empty where it is not known."""
    return "" if quantity_s is None else format_seconds(quantity_s)


def _as_cell(value: str | Cell) -> Cell:
    return Cell(clean(value)) if isinstance(value, str) else Cell(clean(value.text), value.style)


def _fitting(
    columns: Sequence[Column], rows: Sequence[Sequence[Cell]], width: int
) -> tuple[list[Column], list[list[Cell]]]:
    """Leave out columns until the table fits, or none is left that yields."""
    widths = _widths(columns, rows)
    kept = list(range(len(columns)))
    for at in sorted((at for at in kept if columns[at].yields), key=lambda at: columns[at].yields):
        if _total(widths[index] for index in kept) <= width:
            break
        kept.remove(at)
    return [columns[at] for at in kept], [[row[at] for at in kept] for row in rows]


def _widths(
    columns: Sequence[Column], rows: Sequence[Sequence[Cell]], folded: int = _FOLDED_WIDTH
) -> list[int]:
    """Return the room that each column needs, those that fold no more than so much."""
    from rich.cells import cell_len

    found = []
    for at, column in enumerate(columns):
        widest = max((cell_len(row[at].text) for row in rows), default=0)
        widest = min(widest, folded) if column.can_fold else max(widest, column.room)
        found.append(max(widest, cell_len(column.title)))
    return found


def _total(widths: Iterable[int]) -> int:
    each = list(widths)
    return sum(each) + _GAP * (len(each) - 1)


def _drawn(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], terminal: Terminal) -> str:
    # Imported here because only a terminal needs it, and it takes longer than all the rest.
    from rich.box import SIMPLE_HEAD, Box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(
        box=SIMPLE_HEAD if terminal.has_unicode else Box(_ASCII_BOX, ascii=True),
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
    # Rather too wide than cut: a terminal breaks a line, and what is cut is lost.
    least = _total(_widths(columns, rows, _LEAST_WIDTH))
    console = Console(
        file=io.StringIO(),
        width=max(terminal.width, least),
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
