"""Sessions that look forgotten, as people see them."""

from typing import TYPE_CHECKING

from qrsession.render.tables import Cell, Column, Row, table_text
from qrsession.render.terminal import Style, Terminal

if TYPE_CHECKING:
    from qrsession.tidying import Judged, Sifted

_COLUMNS = (
    Column("NAME"),
    Column("SESSION"),
    Column("ACCOUNT"),
    Column("STATE"),
    Column("REASON", can_fold=True),
)


def forgotten_line(judged: "Judged") -> str:
    """Say of one session why it looks forgotten."""
    report = judged.report
    return f"{report.name} ({report.session_id}) looks forgotten: {', '.join(judged.reasons)}."


def sifted_text(sifted: "Sifted", terminal: Terminal) -> str:
    """Return a table of the sessions that look forgotten, with the reasons."""
    if not sifted.forgotten and terminal.is_terminal:
        return "No session looks forgotten.\n"
    rows: list[Row] = [
        [
            Cell(judged.report.name, Style.STRONG),
            judged.report.session_id,
            judged.report.account,
            judged.report.state,
            Cell(", ".join(judged.reasons), Style.WARNING),
        ]
        for judged in sifted.forgotten
    ]
    return table_text(_COLUMNS, rows, terminal)
