"""Backends as people see them: a table of all, and a card for one."""

from typing import TYPE_CHECKING

from qrsession.duration import format_short
from qrsession.render.tables import Cell, Column, Row, table_text
from qrsession.render.terminal import Style, Terminal
from qrsession.render.views import card_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qrsession.protocol.models import BackendSummary
    from qrsession.verbs.devices import DeviceOverview

_STATUS_STYLES = {"online": Style.GOOD, "paused": Style.WARNING, "offline": Style.BAD}
_COLUMNS = (
    Column("BACKEND"),
    Column("QUBITS", is_quantity=True),
    Column("KIND"),
    Column("STATUS"),
    Column("QUEUE", is_quantity=True),
    Column("2Q ERROR", is_quantity=True, yields=4),
    Column("2Q BEST", is_quantity=True, yields=2),
    Column("READOUT", is_quantity=True, yields=3),
    Column("CLOPS", is_quantity=True, yields=1),
)
_THOUSAND = 1000


def backends_text(backends: "Sequence[BackendSummary]", terminal: Terminal) -> str:
    """Return a table of backends: errors in per cent on a terminal, as probabilities elsewhere."""
    if not backends and terminal.is_terminal:
        return "There is no such backend.\n"
    columns = [*_COLUMNS]
    rows = [_row(backend, terminal) for backend in backends]
    # Where no backend says anything of itself, nothing is missing that a column could show.
    empty = [at for at in range(5, len(columns)) if not any(row[at] for row in rows)]
    if terminal.is_terminal:
        for at in reversed(empty):
            del columns[at]
            for row in rows:
                del row[at]
    return table_text(columns, rows, terminal)


def backend_text(
    backend: "BackendSummary", overview: "DeviceOverview", place: str, terminal: Terminal
) -> str:
    """Return one backend in detail: a card on a terminal, lines of name and value elsewhere."""
    facts = [(label, value) for label, value in _facts(backend, overview, place) if value]
    if not terminal.is_terminal:
        rows: list[Row] = [("name", backend.name), ("status", backend.status), *facts]
        return table_text((Column("FIELD"), Column("VALUE")), rows, terminal)
    return card_text(backend.name, _status(backend), facts, terminal)


def _facts(
    backend: "BackendSummary", overview: "DeviceOverview", place: str
) -> list[tuple[str, str]]:
    pairs = overview.coupled_pairs
    qubits = "" if backend.num_qubits is None else str(backend.num_qubits)
    if qubits and pairs is not None:
        qubits += f", {pairs} pairs coupled"
    elif qubits and not overview.t1_median_s:
        qubits += ", any with any other"
    two_q = overview.two_q_error_median or backend.two_q_error_median
    readout = overview.readout_error_median or backend.readout_error_median
    read_s = overview.readout_length_median_s
    calibrated = overview.calibrated_at
    return [
        ("reason", "" if backend.status == "online" else backend.status_reason or ""),
        ("kind", _kind(backend)),
        ("version", overview.version),
        ("instance", place),
        ("qubits", qubits),
        ("faulty", ", ".join(map(str, overview.faulty_qubits))),
        ("queue", f"{backend.queue_length} jobs" if backend.queue_length != 1 else "1 job"),
        ("T1", _with_median(_time(overview.t1_median_s))),
        ("T2", _with_median(_time(overview.t2_median_s))),
        ("2q error", _two_q_text(two_q, backend.two_q_error_best)),
        (
            "readout",
            _with_median(_percent(readout)) + (f", {_time(read_s)} long" if read_s else ""),
        ),
        ("CLOPS", _count(backend.clops)),
        ("dt", _time(overview.dt_s)),
        ("max shots", "" if overview.max_shots is None else f"{overview.max_shots:,}"),
        ("gates", " ".join(overview.basis_gates)),
        ("also", " ".join(overview.instructions)),
        ("calibrated", "" if calibrated is None else f"{calibrated:%Y-%m-%d %H:%M} UTC"),
    ]


def _row(backend: "BackendSummary", terminal: Terminal) -> list[str | Cell]:
    error = _percent if terminal.is_terminal else _plain
    return [
        Cell(backend.name, Style.STRONG),
        "" if backend.num_qubits is None else str(backend.num_qubits),
        _kind(backend),
        _status(backend),
        str(backend.queue_length),
        error(backend.two_q_error_median),
        error(backend.two_q_error_best),
        error(backend.readout_error_median),
        _count(backend.clops) if terminal.is_terminal else _plain(backend.clops),
    ]


def _status(backend: "BackendSummary") -> Cell:
    return Cell(backend.status, _STATUS_STYLES.get(backend.status, Style.PLAIN))


def _kind(backend: "BackendSummary") -> str:
    return "simulator" if backend.is_simulator else backend.processor or "QPU"


def _two_q_text(median: float | None, best: float | None) -> str:
    parts = [_with_median(_percent(median)), f"best {_percent(best)}" if best is not None else ""]
    return ", ".join(part for part in parts if part)


def _with_median(text: str) -> str:
    return f"median {text}" if text else ""


def _percent(probability: float | None) -> str:
    return "" if probability is None else f"{100 * probability:.2g}%"


def _plain(number: float | None) -> str:
    return "" if number is None else f"{number:.6g}"


def _count(number: float | None) -> str:
    if number is None:
        return ""
    return f"{number / _THOUSAND:,.0f}k" if number >= 10 * _THOUSAND else f"{number:,.0f}"


def _time(duration_s: float | None) -> str:
    if duration_s is None:
        return ""
    return format_short(duration_s)
