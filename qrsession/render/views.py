"""Sessions and jobs as people see them: tables, and a card for one session."""

import textwrap
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from qrsession.duration import format_duration
from qrsession.render.tables import Cell, Column, Row, seconds_text, table_text
from qrsession.render.terminal import Style, Terminal, clean, cut

if TYPE_CHECKING:
    from qrsession.verbs.overview import Overview, Stranger
    from qrsession.verbs.reports import BudgetReport, JobReport, SessionReport

_SHORT_ID = 8
_FACT_INDENT = 13
_LONGEST_NAME = 25
_LONGEST_NAME_IF_NARROW = 15
# Below this width names and ids are cut to their first letters, which are enough to name one.
_WIDTH_FOR_FULL_IDS = 140
_STATE_STYLES = {
    "open": Style.BUSY,
    "active": Style.GOOD,
    "inactive": Style.PLAIN,
    "closed": Style.FAINT,
    "Queued": Style.PLAIN,
    "Running": Style.BUSY,
    "Completed": Style.GOOD,
    "Cancelled": Style.WARNING,
    "Failed": Style.BAD,
}
_SESSION_COLUMNS = (
    Column("NAME"),
    Column("SESSION"),
    Column("BACKEND", can_fold=True, yields=3),
    Column("MODE", yields=2),
    Column("ACCOUNT", yields=1),
    Column("STATE"),
    Column("TIME LEFT", is_quantity=True),
    Column("USAGE", is_quantity=True, room=9),
)
_SPENDING_COLUMNS = (
    Column("ESTIMATE", is_quantity=True),
    Column("IN JOBS", is_quantity=True),
    Column("IDLE", is_quantity=True),
    Column("BUDGET", is_quantity=True),
    Column("BUDGET LEFT", is_quantity=True),
)
JOB_COLUMNS = (
    Column("JOB"),
    Column("PRIMITIVE"),
    Column("STATUS"),
    Column("CREATED", is_quantity=True),
    Column("USAGE", is_quantity=True),
    Column("TAGS", can_fold=True),
)


def sessions_text(
    sessions: "Sequence[SessionReport]", terminal: Terminal, *, current: str | None = None
) -> str:
    """Return a table of sessions; on a terminal the current one is marked."""
    if not sessions and terminal.is_terminal:
        return "No session is open.\n"
    rows = [_session_row(session, terminal, current) for session in sessions]
    return table_text(_SESSION_COLUMNS, rows, terminal)


def overview_text(overview: "Overview", terminal: Terminal) -> str:
    """Return a table of all sessions, known or not. Notes are a column, on a terminal lines below.

    There a session that is not in the ledger bears a question mark, and its full id stands below.
    """
    if not overview.sessions and not overview.strangers and terminal.is_terminal:
        return "No session is open.\n"
    columns = [*_SESSION_COLUMNS, Column("NOTE")]
    rows = [
        [*_session_row(listed.report, terminal, overview.current), listed.note or ""]
        for listed in overview.sessions
    ]
    rows += [_stranger_row(stranger, terminal) for stranger in overview.strangers]
    if not terminal.is_terminal:
        return table_text(columns, rows, terminal)
    table = table_text(_SESSION_COLUMNS, [row[:-1] for row in rows], terminal)
    notes = "".join(f"{line}\n" for line in _notes(overview, terminal))
    return f"{table}\n{notes}" if notes else table


def forgotten_text(found: "Sequence[tuple[SessionReport, str]]", terminal: Terminal) -> str:
    """Return a table of sessions that look forgotten, with why each does."""
    columns = (Column("NAME"), Column("SESSION"), Column("LOOKS FORGOTTEN", can_fold=True))
    rows = [[*_session_row(report, terminal, None)[:2], why] for report, why in found]
    return table_text(columns, rows, terminal)


def _notes(overview: "Overview", terminal: Terminal) -> Iterator[str]:
    last_forgotten = next((one for one in reversed(overview.sessions) if one.reasons), None)
    for listed in overview.sessions:
        if listed.note:
            style = Style.WARNING if listed.reasons else Style.PLAIN
            name = terminal.paint(clean(listed.report.name), Style.STRONG)
            yield f"{name}: {terminal.paint(clean(listed.note), style)}"
        if listed is last_forgotten:
            yield f"  {terminal.paint('qrsession gc', Style.BUSY)}"
    for stranger in overview.strangers:
        if stranger.session_id is None:
            yield f"{terminal.paint('?', Style.STRONG)}: {stranger.note}; unused, it costs nothing"
        else:
            session_id = clean(stranger.session_id)
            yield f"{terminal.paint(session_id, Style.STRONG)}: {stranger.note}"
            yield f"  {terminal.paint(f'qrsession adopt {session_id}', Style.BUSY)}"


def _stranger_row(stranger: "Stranger", terminal: Terminal) -> list[str | Cell]:
    session_id = stranger.session_id or ""
    return [
        Cell("? " if terminal.is_terminal else "", Style.WARNING),
        session_id[:_SHORT_ID] if _is_narrow(terminal) else session_id,
        stranger.backend or "",
        stranger.mode,
        stranger.account,
        _state("open" if session_id else "unknown"),
        "",
        "",
        stranger.note,
    ]


def _session_row(
    session: "SessionReport", terminal: Terminal, current: str | None
) -> list[str | Cell]:
    name, session_id = session.name or "", session.session_id
    if terminal.is_terminal:
        is_narrow = _is_narrow(terminal)
        longest = _LONGEST_NAME_IF_NARROW if is_narrow else _LONGEST_NAME
        name = f"{'*' if name and name == current else ' '} {cut(name, longest, terminal)}"
        session_id = session_id[:_SHORT_ID] if is_narrow else session_id
    return [
        Cell(name, Style.STRONG),
        session_id,
        session.backend or "",
        session.mode,
        session.account,
        _state(session.state),
        _duration(session.time_left_s, is_brief=terminal.is_terminal),
        seconds_text(session.usage_s) or (_so_far(session) if terminal.is_terminal else ""),
    ]


def _is_narrow(terminal: Terminal) -> bool:
    return terminal.is_terminal and terminal.width < _WIDTH_FOR_FULL_IDS


def session_text(
    session: "SessionReport",
    jobs: "Sequence[JobReport]",
    terminal: Terminal,
    *,
    now: datetime,
    budget: "BudgetReport | None" = None,
) -> str:
    """Return one session in full with its jobs: a card on a terminal, two tables elsewhere."""
    table = table_text(JOB_COLUMNS, [job_row(job, terminal, now) for job in jobs], terminal)
    if not terminal.is_terminal:
        row = [
            *_session_row(session, terminal, None),
            seconds_text(session.usage_estimate_s),
            seconds_text(session.jobs_usage_s),
            seconds_text(session.idle_s),
            "" if budget is None else f"{budget.budget_s} s",
            "" if budget is None else seconds_text(budget.left_s),
        ]
        head = table_text((*_SESSION_COLUMNS, *_SPENDING_COLUMNS), [row], terminal)
        return f"{head}\n{table}" if jobs else head
    facts = _facts(session, now)
    if budget is not None:
        facts += _budget_facts(budget)
    card = card_text(session.name or session.session_id, _state(session.state), facts, terminal)
    return f"{card}\n{table}" if jobs else card


def card_text(title: str, state: Cell, facts: Sequence[tuple[str, str]], terminal: Terminal) -> str:
    """Return what is known of one thing, for people: its name, its state, and a line a fact.

    What does not fit into a line goes on below where it began.
    """
    dot = "●" if terminal.has_unicode else "*"
    name = terminal.paint(clean(title), Style.STRONG)
    lines = [f"{name}  {terminal.paint(f'{dot} {clean(state.text)}', state.style)}"]
    width = max(terminal.width - _FACT_INDENT, 1)
    for label, value in facts:
        text = clean(value)
        # Between words; a word that is longer than a line, such as a CRN, is cut.
        parts = textwrap.wrap(text, width, break_on_hyphens=False) or [""]
        lines.append(f"  {terminal.paint(f'{label:<10}', Style.FAINT)} {parts[0]}")
        lines += [f"{'':<{_FACT_INDENT}}{part}" for part in parts[1:]]
    return "".join(f"{line}\n" for line in lines)


def _facts(session: "SessionReport", now: datetime) -> list[tuple[str, str]]:
    facts = [
        ("session", session.session_id),
        ("backend", f"{session.backend or 'not known'}, {session.mode}"),
        ("account", session.account),
        ("instance", session.instance or ""),
        ("opened", _ago(session.opened_at, now)),
        ("time left", _time_left_line(session)),
        ("usage", usage_line(session)),
        ("jobs", "" if session.accepting_jobs else "no new ones are taken"),
        ("closes", _closes_with(session)),
    ]
    return [(label, value) for label, value in facts if value]


def _time_left_line(session: "SessionReport") -> str:
    if session.state == "closed":
        return ""
    longest = "" if session.max_time_s is None else format_duration(session.max_time_s)
    left = _duration(session.time_left_s)
    if left:
        return f"{left} of {longest}" if longest else left
    return f"{longest} from its first job on" if longest else "not started"


def _closes_with(session: "SessionReport") -> str:
    if session.closes_with is None or session.state == "closed":
        return ""
    return f"with {session.closes_with}"


def _so_far(session: "SessionReport") -> str:
    used = seconds_text(session.usage_estimate_s) if session.state != "open" else ""
    return f"~{used}" if used else ""


def usage_line(session: "SessionReport") -> str:
    """Say what a session used, how much of that its jobs did, and how much nobody."""
    used_s = session.known_usage_s
    if used_s is None:
        return ""
    line = seconds_text(used_s)
    if session.usage_s is None and session.state != "open":
        is_batch = session.mode == "batch"
        line += " so far, in jobs that have ended" if is_batch else " so far, an estimate"
    if used_s and session.mode == "dedicated" and session.jobs_usage_s is not None:
        line += f": {seconds_text(session.jobs_usage_s)} in jobs"
        line += "" if session.idle_s is None else f", {seconds_text(session.idle_s)} idle"
    return line


def budget_line(budget: "BudgetReport") -> str:
    """Say what a budget is, and what became of it."""
    return (
        f"{budget.budget_s} s: {seconds_text(budget.spent_s)} spent, {budget.reserved_s} s "
        f"reserved by jobs, {seconds_text(budget.left_s)} left"
    )


def _budget_facts(budget: "BudgetReport") -> list[tuple[str, str]]:
    """Say what a budget is, what the service does for it, and what is done here."""
    by_time = ", and the session's time" if "max_time" in budget.enforced_by_service else ""
    return [
        ("budget", budget_line(budget)),
        ("", f"enforced by the service: each job's maximum{by_time}"),
        ("", "enforced here: that all jobs stay within it together"),
    ]


def job_row(job: "JobReport", terminal: Terminal, now: datetime) -> Row:
    """Return a job as a table has it, by `JOB_COLUMNS`."""
    created = "" if job.created is None else job.created.isoformat(timespec="seconds")
    return (
        job.job_id,
        job.primitive,
        _state(job.status),
        _ago(job.created, now) if terminal.is_terminal else created,
        seconds_text(job.usage_s),
        " ".join(job.tags),
    )


def state_cell(state: str) -> Cell:
    """Return a state of a job or a session, in its colour."""
    return _state(state)


def _state(state: str) -> Cell:
    return Cell(state, _STATE_STYLES.get(state, Style.PLAIN))


def _duration(duration_s: float | None, *, is_brief: bool = False) -> str:
    if duration_s is None:
        return ""
    # Two units tell enough: nobody counts the seconds of hours.
    units = format_duration(duration_s).split()
    return " ".join(units[:2] if is_brief else units)


def _ago(moment: datetime | None, now: datetime) -> str:
    if moment is None:
        return ""
    return f"{_duration((now - moment).total_seconds(), is_brief=True)} ago"
