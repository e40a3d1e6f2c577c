"""An estimate as people see it: what it comes to, the formula, and the source of each number."""

from typing import TYPE_CHECKING

from qrsession.duration import format_seconds, format_short
from qrsession.render.tables import Cell, Column, Row, table_text
from qrsession.render.terminal import Style, Terminal, clean

if TYPE_CHECKING:
    from qrsession.money.estimating import CircuitEstimate, Estimate

_COLUMNS = (
    Column("QUANTITY", can_fold=True),
    Column("VALUE", is_quantity=True),
    Column("SOURCE", can_fold=True),
)
# Of so many circuits each is listed by itself.
_MOST_LISTED = 20


def estimate_text(estimate: "Estimate", terminal: Terminal) -> str:
    """Return an estimate: what it comes to and how, then a table of the numbers."""
    rows = [*_common_rows(estimate)]
    for circuit in estimate.circuits[:_MOST_LISTED]:
        rows += _circuit_rows(circuit, is_named=len(estimate.circuits) > 1)
    if not terminal.is_terminal:
        total: Row = ("total", format_seconds(estimate.total_s), formula_of(estimate))
        rows = [total, *rows, *_budget_rows(estimate)]
        return _plain(table_text(_COLUMNS, rows, terminal), terminal)
    where = f"on {clean(estimate.backend)}"
    lines = [
        f"{terminal.paint(format_seconds(estimate.total_s), Style.STRONG)} of QPU time {where}",
        f"  = {formula_of(estimate)}",
        *(f"  {terminal.paint(text, style)}" for text, style in _verdicts(estimate)),
    ]
    more = len(estimate.circuits) - _MOST_LISTED
    table = table_text(_COLUMNS, rows, terminal)
    end = f"and {more} circuits more\n" if more > 0 else ""
    return _plain("".join(f"{line}\n" for line in lines) + f"\n{table}{end}", terminal)


def _plain(text: str, terminal: Terminal) -> str:
    """Write text with the letters that its reader has."""
    return text if terminal.has_unicode else text.replace("µ", "u")


def formula_of(estimate: "Estimate") -> str:
    """Write the formula with its numbers."""
    jobs = (
        format_seconds(estimate.overhead_s)
        if estimate.jobs == 1
        else f"{estimate.jobs} x {estimate.overhead_s:g} s"
    )
    delay = _time(estimate.rep_delay_s)
    if len(estimate.circuits) == 1:
        (circuit,) = estimate.circuits
        return f"{jobs} + {circuit.executions:,.0f} x ({delay} + {_time(circuit.circuit_s)})"
    executions = sum(circuit.executions for circuit in estimate.circuits)
    run_s = sum(map(estimate.run_s, estimate.circuits))
    return (
        f"{jobs} + {format_seconds(run_s)} for {executions:,.0f} executions of "
        f"{len(estimate.circuits)} circuits, each ({delay} + its length)"
    )


def _verdicts(estimate: "Estimate") -> list[tuple[str, Style]]:
    found = []
    if estimate.budget_left_s is not None:
        left = f"the {format_seconds(estimate.budget_left_s)} that are left of the session's budget"
        fits = (f"It fits into {left}.", Style.GOOD)
        found.append(fits if estimate.fits else (f"It does not fit into {left}.", Style.BAD))
    if estimate.max_execution_time_s is not None:
        limit = f"The service ends each job at {estimate.max_execution_time_s} s."
        is_short = estimate.total_s / estimate.jobs > estimate.max_execution_time_s
        found.append((limit, Style.WARNING if is_short else Style.FAINT))
    if estimate.is_simulated:
        words = "A simulator takes as long as it takes; this is what a device would."
        found.append((words, Style.FAINT))
    return found


def _budget_rows(estimate: "Estimate") -> list[Row]:
    if estimate.budget_left_s is None:
        return []
    fits = "it fits" if estimate.fits else "it does not fit"
    return [("left of the budget", format_seconds(estimate.budget_left_s), fits)]


def _common_rows(estimate: "Estimate") -> list[Row]:
    return [
        ("jobs", f"{estimate.jobs}", "--separate" if estimate.jobs > 1 else "all circuits in one"),
        ("overhead of a job", format_seconds(estimate.overhead_s), 'IBM\'s guide "Workload usage"'),
        ("rep_delay", _time(estimate.rep_delay_s), estimate.rep_delay_source),
    ]


def _circuit_rows(circuit: "CircuitEstimate", *, is_named: bool) -> list[Row]:
    rows: list[Row] = [(Cell(circuit.file, Style.STRONG), "", "")] if is_named else []
    sets = (
        "points of the sweep"
        if circuit.settings == 1
        else f"points, each in {circuit.settings:g} settings"
    )
    return [
        *rows,
        ("shots", f"{circuit.shots:,.0f}", "of each parameter set"),
        ("parameter sets", f"{circuit.parameter_sets:,.0f}", sets),
        ("executions", f"{circuit.executions:,.0f}", "all of these multiplied"),
        ("circuit length", _time(circuit.circuit_s), circuit.circuit_source),
    ]


def _time(time_s: float) -> str:
    return format_short(time_s, digits=4)
