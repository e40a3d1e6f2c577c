"""What instances and sessions have used, as people see it: a card or a table, and a table."""

from typing import TYPE_CHECKING

from qrsession.render.tables import Cell, Column, Row, seconds_text, table_text
from qrsession.render.terminal import Style, Terminal, clean, cut
from qrsession.render.views import card_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from qrsession.money.usage import UsageReport
    from qrsession.verbs.reports import SessionReport

_USAGE_COLUMNS = (
    Column("INSTANCE", can_fold=True),
    Column("PLAN", yields=2),
    Column("USED", is_quantity=True),
    Column("LIMIT", is_quantity=True),
    Column("LEFT", is_quantity=True),
    Column("STATE"),
    Column("PERIOD", yields=1),
)
_SESSION_COLUMNS = (
    Column("SESSION"),
    Column("MODE", yields=1),
    Column("STATE", yields=2),
    Column("USED", is_quantity=True),
    Column("IN JOBS", is_quantity=True, yields=4),
    Column("IDLE", is_quantity=True, yields=3),
)
_WIDEST_BAR = 40
_BAR_MARGIN = 40
_MINUTE_S = 60
_LONGEST_NAME = 24


def usage_text(
    usages: "Sequence[UsageReport]", sessions: "Sequence[SessionReport]", terminal: Terminal
) -> str:
    """Return the usage of instances, and below it that of the sessions that are open.

    Of one instance on a terminal a card, else a table.
    """
    if len(usages) == 1 and terminal.is_terminal:
        head = _card(usages[0], terminal)
    else:
        head = table_text(_USAGE_COLUMNS, [_row(usage, terminal) for usage in usages], terminal)
    if not sessions:
        return head
    rows = [_session_row(session, terminal) for session in sessions]
    text = f"{head}\n{table_text(_SESSION_COLUMNS, rows, terminal)}"
    if terminal.is_terminal and any(map(_is_estimate, sessions)):
        note = "~ so far, worked out here: the service has not settled it."
        text += f"{terminal.paint(note, Style.FAINT)}\n"
    return text


def _card(usage: "UsageReport", terminal: Terminal) -> str:
    limit = "none" if usage.limit_s is None else _with_minutes(usage.limit_s)
    allocation = ""
    if usage.allocation_s is not None and usage.allocation_s != usage.limit_s:
        allocation = _with_minutes(usage.allocation_s)
    facts = [
        ("plan", usage.plan),
        ("instance", usage.instance if usage.name else ""),
        ("used", _with_minutes(usage.consumed_s)),
        ("limit", limit),
        ("allotted", allocation),
        ("left", "" if usage.remaining_s is None else _with_minutes(usage.remaining_s)),
        ("period", _period(usage.period_start, usage.period_end)),
    ]
    shown = [(label, value) for label, value in facts if value]
    card = card_text(usage.name or usage.instance, _state(usage), shown, terminal)
    return f"{card}{_bar(usage, terminal)}"


def _bar(usage: "UsageReport", terminal: Terminal) -> str:
    """Draw how much of the limit is used, where there is one."""
    if not usage.limit_s:
        return ""
    full, empty = ("█", "░") if terminal.has_unicode else ("#", ".")
    width = max(min(_WIDEST_BAR, terminal.width - _BAR_MARGIN), 10)
    share = min(usage.consumed_s / usage.limit_s, 1.0)
    filled = min(round(share * width), width)
    painted = terminal.paint(full * filled, _state(usage).style)
    return f"  {painted}{terminal.paint(empty * (width - filled), Style.FAINT)} {share:.0%} used\n"


def _row(usage: "UsageReport", terminal: Terminal) -> Row:
    period = _period(usage.period_start, usage.period_end)
    return [
        Cell(usage.name or clean(usage.instance), Style.STRONG),
        usage.plan,
        seconds_text(usage.consumed_s),
        seconds_text(usage.limit_s) or (Cell("none", Style.FAINT) if terminal.is_terminal else ""),
        seconds_text(usage.remaining_s),
        _state(usage),
        period,
    ]


def _session_row(session: "SessionReport", terminal: Terminal) -> Row:
    used = seconds_text(session.known_usage_s)
    is_estimate = _is_estimate(session) and bool(used)
    name = cut(session.name, _LONGEST_NAME, terminal) if terminal.is_terminal else session.name
    return [
        Cell(name, Style.STRONG),
        session.mode,
        session.state,
        f"~{used}" if is_estimate else used,
        seconds_text(session.jobs_usage_s),
        seconds_text(session.idle_s),
    ]


def _is_estimate(session: "SessionReport") -> bool:
    """Whether what a session has used is worked out here; one in which nothing ran used none."""
    return session.usage_s is None and session.state != "open"


def _state(usage: "UsageReport") -> Cell:
    if usage.limit_reached:
        return Cell("limit reached", Style.BAD)
    if usage.is_nearly_reached:
        return Cell("limit near", Style.WARNING)
    return Cell("in use" if usage.consumed_s else "unused", Style.GOOD)


def _with_minutes(quantity_s: float) -> str:
    """Write seconds, and minutes beside them where that is easier to grasp."""
    if quantity_s < _MINUTE_S:
        return seconds_text(quantity_s)
    return f"{seconds_text(quantity_s)} ({quantity_s / _MINUTE_S:.3g} min)"


def _period(start: "datetime | None", end: "datetime | None") -> str:
    """Write a period by its days."""
    return " to ".join(f"{moment:%Y-%m-%d}" for moment in (start, end) if moment is not None)
