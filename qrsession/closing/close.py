"""Closing sessions: which ones are meant, the close, the wait until they have drained.

What the verb `close` does, and `exec` at its end, without what they print.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from qrsession.duration import format_seconds
from qrsession.errors import (
    LimitReachedError,
    ServiceUnavailableError,
    SessionNotFoundError,
    UsageError,
    WaitInterruptedError,
    WaitTimeoutError,
)
from qrsession.protocol.status import SessionState
from qrsession.state.entries import SessionEntry
from qrsession.verbs.reports import SessionReport
from qrsession.verbs.workspace import Workspace

if TYPE_CHECKING:
    from qrsession.protocol.models import SessionRecord
    from qrsession.waiting.single import Deadline


def select_to_close(
    workspace: Workspace, keys: Iterable[str], *, everything: bool, interactive: bool
) -> list[SessionEntry]:
    """Return the sessions that ``close`` is to close.

    Raises:
        SessionNotFoundError: One is not known, or none was named and none is open.
        UsageError: Names and ``--all`` contradict each other, or none can be told.
    """
    named = list(dict.fromkeys(keys))
    if everything:
        if named:
            raise UsageError("Name sessions or give --all, not both.")
        return list(workspace.ledger.read().sessions.values())
    if not named:
        return [workspace.find_any(None, interactive=interactive)]
    return [workspace.find_any(key, interactive=interactive) for key in named]


def close(workspace: Workspace, entry: SessionEntry, *, cancel: bool = False) -> SessionReport:
    """Close a session, by draining it or by dropping its queued jobs. Twice is no error.

    Raises:
        SessionNotFoundError: The service has none of that id; from now on neither have we.
    """
    from qrsession.submission.opening import close_session, seen  # noqa: PLC0415 - the help needs none of it

    service = workspace.service_of(entry)
    try:
        if entry.state != SessionState.CLOSED:
            close_session(service, entry.session_id, cancel=cancel)
    except SessionNotFoundError:
        workspace.forget(entry)
        raise
    record = service.client.get_session(entry.session_id)
    if cancel and entry.state == SessionState.CLOSED != record.state:
        # We closed it before, and its jobs run on.
        close_session(service, entry.session_id, cancel=True)
        record = service.client.get_session(entry.session_id)
    last_seen = seen(entry, record, workspace.now())
    workspace.ledger.update(last_seen)
    workspace.ledger.remove([entry.session_id])
    return workspace.report(last_seen, record, service)


def wait_until_closed(
    workspace: Workspace, report: SessionReport, deadline: "Deadline"
) -> SessionReport:
    """Wait until a session that was closed has drained; one that has is not asked for again.

    A service that is out of reach meanwhile does not end the waiting.

    Raises:
        WaitTimeoutError: The time ran out; the session drains on.
        WaitInterruptedError: The user interrupted the waiting; the session drains on.
    """
    from qrsession.waiting.single import Waiting  # noqa: PLC0415 - only for those who wait

    if report.state == SessionState.CLOSED:
        return report
    service = workspace.service(report.account, report.instance, is_known=True)
    lost = f"The service of {report.name} is out of reach; it drains on, and so does the wait."
    waiting = Waiting(deadline, in_session=True, on_lost=lambda _: workspace.say(lost))
    state = report.state
    try:
        while True:
            record = waiting.ask(
                lambda: service.client.get_session(report.session_id), service.reconnect
            )
            state = record.state
            if state == SessionState.CLOSED:
                return _drained(report, record)
            if deadline.left_s <= 0:
                raise _not_drained(report, state, deadline)
            waiting.pause()
    except (ServiceUnavailableError, LimitReachedError) as error:
        if deadline.left_s > 0:
            raise
        raise _not_drained(report, state, deadline) from error
    except KeyboardInterrupt:
        raise WaitInterruptedError(
            f"Interrupted; {report.name} takes no more jobs, and drains on.",
            advice=f"Take it up again: qrsession close {report.name} --wait",
            details={"session_id": report.session_id, "state": state},
        ) from None


def _drained(report: SessionReport, record: "SessionRecord") -> SessionReport:
    return replace(
        report,
        state=record.state,
        accepting_jobs=False,
        usage_s=record.elapsed_time_s,
        usage_estimate_s=None,
        time_left_s=None if report.time_left_s is None else 0.0,
    )


def _not_drained(report: SessionReport, state: str, deadline: "Deadline") -> WaitTimeoutError:
    return WaitTimeoutError(
        f"The session {report.name} has not drained after {deadline.whole_s:g} s.",
        advice=f"It drains on; take it up again: qrsession close {report.name} --wait",
        details={"session_id": report.session_id, "state": state},
    )


def closed_text(report: SessionReport) -> str:
    """Say what a session that was closed, or drains, has spent."""
    is_closed = report.state == SessionState.CLOSED
    head = f"Closed {report.name}" if is_closed else f"Closing {report.name}, whose jobs still run"
    used_s = report.known_usage_s
    if used_s is None:
        return f"{head}."
    if not used_s and is_closed:
        return f"{head}: nothing was used."
    so_far = "" if report.usage_s is not None else " so far (an estimate)"
    idle = "" if report.idle_s is None else f", {format_seconds(report.idle_s)} of it idle"
    return f"{head}: {format_seconds(used_s)} used{so_far}{idle}."
