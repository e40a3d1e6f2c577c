"""How to go on where a session, or what the instance may use, has come to its end."""

import shlex
from contextlib import suppress
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING

from qrsession.duration import format_duration
from qrsession.errors import (
    LimitReachedError,
    QrsessionError,
    SessionClosedError,
    SessionNotFoundError,
)
from qrsession.protocol import faults
from qrsession.protocol.fields import write_moment
from qrsession.protocol.models import JobRecord
from qrsession.protocol.status import SessionMode
from qrsession.service import RuntimeService
from qrsession.session_arguments import SHORTEST_SESSION_S
from qrsession.settings import LOCAL_ACCOUNT
from qrsession.state.entries import SessionEntry
from qrsession.state.ledger import Ledger

if TYPE_CHECKING:
    from qrsession.money.usage import UsageReport
    from qrsession.state.history import ClosedSession

_SOON = timedelta(minutes=1)


def reopening(entry: SessionEntry) -> str:
    """Return the command that opens a session like one that has ended, ready for a shell."""
    words = ["qrsession", "open"]
    if entry.account == LOCAL_ACCOUNT:
        words.append("--local")
    else:
        words += ["--account", entry.account]
        words += ["--instance", entry.instance] if entry.instance else []
    words += ["--backend", entry.backend] if entry.backend else []
    # Below the shortest that --max-time takes, it was a budget that made the session shorter.
    if entry.max_time_s is not None and entry.max_time_s >= SHORTEST_SESSION_S:
        words += ["--max-time", format_duration(entry.max_time_s)]
    words += ["--mode", entry.mode] if entry.mode != SessionMode.DEDICATED else []
    words += ["--budget", str(entry.budget_s)] if entry.budget_s is not None else []
    return shlex.join(words)


def advice_of(entry: SessionEntry | None) -> str:
    """Say how to go on after a session that has ended."""
    command = "qrsession open" if entry is None else reopening(entry)
    return f"Open another one: {command}"


def left_error(left: "ClosedSession") -> SessionClosedError | SessionNotFoundError:
    """Return the error for a session that is in the ledger no more."""
    if not left.was_forgotten:
        return closed_error(left.entry)
    entry = left.entry
    account = "--local" if entry.account == LOCAL_ACCOUNT else f"--account {entry.account}"
    words = shlex.join(["qrsession", "adopt", entry.session_id, *account.split(" ", 1)])
    return SessionNotFoundError(
        f"The session {entry.name} was forgotten at {left.closed_at:%Y-%m-%d %H:%M} UTC.",
        advice=f"Take it back: {words}",
        details={"session_id": entry.session_id},
    )


def closed_error(entry: SessionEntry) -> SessionClosedError:
    """Return the error for a session that is known to be closed."""
    return SessionClosedError(
        f"The session {entry.name} is closed.",
        advice=advice_of(entry),
        details={"session_id": entry.session_id},
    )


def at_session_end(
    service: RuntimeService, session_id: str | None, error: SessionClosedError
) -> SessionClosedError:
    """Say how to go on, by the session's own parameters, after it refused a job."""
    entry = _entry_of(service, session_id)
    name = entry.name if entry else session_id
    message = error.message if str(name) in error.message else f"{error.message} ({name})"
    details = {**error.details, "session_id": session_id}
    return SessionClosedError(message, advice=advice_of(entry), details=details)


def after_end(service: RuntimeService, job: JobRecord) -> str | None:
    """Say how to go on where a job did not run because its session, or its money, had ended."""
    if job.reason_code == faults.USAGE_LIMIT_REACHED:
        return "See what is left, and until when: qrsession usage"
    if job.reason_code != faults.SESSION_CLOSED_BEFORE_RUN:
        return None
    return advice_of(_entry_of(service, job.session_id))


def at_limit(service: RuntimeService, error: LimitReachedError) -> LimitReachedError:
    """Say what the instance has left, and when its period ends, after it refused a job for that.

    Too many requests (429), and a session's budget, say for themselves.
    """
    if error.details.get("http_status") != HTTPStatus.CONFLICT:
        return error
    from qrsession.money.usage import UsageReport  # noqa: PLC0415 - only after a refusal

    usage = None
    with suppress(QrsessionError):
        usage = UsageReport.of(service.usage())
    if usage is None:
        return LimitReachedError(error.message, details=error.details)
    return LimitReachedError(
        f"{error.message.rstrip('.')}: {usage.summary()}.",
        advice=period_text(usage, service.now()),
        details={
            **error.details,
            "consumed_s": usage.consumed_s,
            "limit_s": usage.limit_s,
            "remaining_s": usage.remaining_s,
            "period_end": write_moment(usage.period_end),
        },
    )


def period_text(usage: "UsageReport", now: datetime) -> str:
    """Say when there will be more to use."""
    if usage.period_end is None:
        return "See what is left: qrsession usage"
    if usage.period_end <= now + _SOON:
        # It ends at any time with now, so what was used longest ago is the next to count no more.
        began = usage.period_start
        days = "" if began is None else f" {round((usage.period_end - began).days)} days"
        return f"The period is that of the last{days}: wait until older usage counts no more."
    return f"The period ends at {usage.period_end:%Y-%m-%d %H:%M} UTC."


def _entry_of(service: RuntimeService, session_id: str | None) -> SessionEntry | None:
    if session_id is None:
        return None
    with suppress(QrsessionError):
        ledger = Ledger(service.settings)
        entries = ledger.read().sessions.values()
        found = next((entry for entry in entries if entry.session_id == session_id), None)
        if found is not None:
            return found
        closed = ledger.history.find(session_id)
        return closed.entry if closed is not None else None
    return None
