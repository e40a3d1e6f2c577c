"""Opening of sessions: at least once, at no cost, and none that the ledger does not know of.

And their close, which is kept where it cannot be sent.

A session bears no tag, so one whose reply was lost cannot be told from a neighbour's. Another one
is asked for: the first, unused, costs nothing and closes by itself. What may be open is kept as an
`Opening` until that is settled. See "Exactly once" in docs/explanation.md.
"""

import os
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from qrsession.clock import utc_now
from qrsession.errors import (
    InvalidValueError,
    QrsessionError,
    ServiceUnavailableError,
    WireFormatError,
)
from qrsession.money.budgets import Budget
from qrsession.money.purse import Purse
from qrsession.processes.mark import ProcessMark
from qrsession.protocol.models import SessionRecord, SessionRequest
from qrsession.protocol.status import SessionState
from qrsession.service import RuntimeService
from qrsession.state.entries import LIBRARY, SessionEntry
from qrsession.state.ledger import Ledger
from qrsession.state.pending import Closing, Opening, Pending, Sender
from qrsession.submission.patience import Patience, is_in_doubt

_FIRST_PAUSE_S = 0.5


@dataclass(frozen=True)
class Entering:
    """How a session is entered into the ledger.

    Attributes:
        name: Its name; empty for a word pair.
        make_current: Whether it becomes the current one.
        opened_by: ``command``, or ``library`` for a program's own, which no command takes unasked.
        once: The key by which the same session is found again.
        budget_s: What its jobs may spend, in QPU seconds, if that is limited.
        closes_with: The process with whose end it is to be closed, if any.
    """

    name: str = ""
    make_current: bool = False
    opened_by: str = LIBRARY
    once: str | None = None
    budget_s: int | None = None
    closes_with: ProcessMark | None = None


def open_session(
    service: RuntimeService,
    request: SessionRequest,
    ledger: Ledger,
    entering: Entering,
    patience: Patience,
) -> tuple[SessionRecord, SessionEntry]:
    """Open a session and enter it into the ledger before returning.

    Raises:
        ServiceUnavailableError: The service failed each time.
        QrsessionError: It refuses.
    """
    sender = Sender()
    opening = Opening(
        key=os.urandom(8).hex(),
        account=service.account.name,
        instance=service.instance,
        backend=request.backend or "",
        mode=request.mode,
        created_at=patience.now(),
        pid=sender.pid,
        host=sender.host,
    )
    service.pending.openings.put(opening)
    try:
        record, has_lost = _ask(service, request, opening, patience)
    except QrsessionError:
        kept = service.pending.openings.get(opening.key)
        if kept is not None and not kept.is_in_doubt:
            service.pending.openings.drop(opening.key)
        raise
    # A service may name the backend only once a job of the session runs.
    record = replace(record, backend=record.backend or request.backend)
    try:
        if entering.budget_s is not None:
            # First, so that no job can be sent in it that is not held to the budget.
            purse = Purse(service.settings.state_dir, record.session_id)
            purse.open(Budget(record.session_id, request.mode, entering.budget_s))
        entry = ledger.add(_entry_of(record, opening, entering), make_current=entering.make_current)
    except BaseException:
        # Nobody could name it, and so nobody would close it: not even who interrupted us.
        with suppress(QrsessionError):
            close_session(service, record.session_id)
            if not has_lost:
                service.pending.openings.drop(opening.key)
        raise
    if not has_lost:
        service.pending.openings.drop(opening.key)
    return record, entry


def close_session(service: RuntimeService, session_id: str, *, cancel: bool = False) -> None:
    """Close a session; where that cannot be sent, keep it for the next command to send.

    Raises:
        ServiceUnavailableError: The service is out of reach; the next command tries again.
    """
    try:
        send_close(service, session_id, cancel=cancel)
    except ServiceUnavailableError as error:
        keep_close(
            service.pending,
            session_id,
            account=service.account.name,
            instance=service.instance,
            cancel=cancel,
        )
        raise ServiceUnavailableError(
            f"The session {session_id} could not be closed: {error.message}",
            advice="The next command that reaches the service closes it.",
            details={**error.details, "session_id": session_id},
        ) from error
    service.pending.closings.drop(session_id)


def send_close(service: RuntimeService, session_id: str, *, cancel: bool) -> None:
    """Send a close, or with ``cancel`` the one that drops queued jobs, and keep nothing of it.

    Raises:
        SessionNotFoundError: The service knows no such session.
        ServiceUnavailableError: The service is out of reach.
    """
    if cancel:
        service.client.cancel_session(session_id)
    else:
        service.client.close_session(session_id)


def keep_close(
    pending: Pending, session_id: str, *, account: str, instance: str | None, cancel: bool
) -> None:
    """Keep a close that was not sent, or may not have been, for the next command to send."""
    pending.closings.put(
        Closing(
            session_id=session_id,
            account=account,
            instance=instance,
            created_at=utc_now(),
            is_cancelling=cancel,
        )
    )


def seen(entry: SessionEntry, record: SessionRecord, now: datetime) -> SessionEntry:
    """Return an entry with what the service said of its session."""
    expires_at = entry.expires_at
    if record.started_at is not None and record.max_ttl_s is not None:
        expires_at = record.started_at.astimezone(UTC) + timedelta(seconds=record.max_ttl_s)
    return replace(
        entry,
        backend=record.backend or entry.backend,
        state=record.state,
        accepting_jobs=record.accepting_jobs and record.state != SessionState.CLOSED,
        max_time_s=record.max_ttl_s or entry.max_time_s,
        expires_at=expires_at,
        usage_s=record.elapsed_time_s if record.elapsed_time_s is not None else entry.usage_s,
        seen_at=now,
    )


def _ask(
    service: RuntimeService, request: SessionRequest, opening: Opening, patience: Patience
) -> tuple[SessionRecord, bool]:
    """Ask for a session until one comes; return it, and whether another may have come before."""
    pause_s, error = _FIRST_PAUSE_S, None
    for attempt in range(patience.most_sends):
        try:
            record = patience.through_limits(
                "session", lambda: service.client.create_session(request)
            )
        except QrsessionError as caught:
            if not is_in_doubt(caught):
                raise
            error = caught
        else:
            return record, error is not None
        service.pending.openings.put(replace(opening, is_in_doubt=True))
        if isinstance(error, WireFormatError):
            # Who answers in another protocol will do so again.
            raise error
        if attempt < patience.most_sends - 1:
            patience.say("The reply was lost; the session is asked for again.")
            patience.sleep(pause_s)
            pause_s *= 2
            service.reconnect()
    raise ServiceUnavailableError(
        f"No session could be opened: {error.message if error else ''}",
        advice="One that was opened unseen costs nothing and closes by itself: qrsession list",
    ) from error


def _entry_of(record: SessionRecord, opening: Opening, entering: Entering) -> SessionEntry:
    entry = SessionEntry(
        name=entering.name,
        session_id=record.session_id,
        backend=record.backend,
        mode=opening.mode,
        account=opening.account,
        instance=opening.instance,
        opened_at=opening.created_at,
        max_time_s=record.max_ttl_s,
        opened_by=entering.opened_by,
        once=entering.once,
        budget_s=entering.budget_s,
        closes_with=entering.closes_with,
        opener=_this_program() if entering.opened_by == LIBRARY else None,
    )
    return seen(entry, record, opening.created_at)


def _this_program() -> ProcessMark | None:
    with suppress(InvalidValueError):
        return ProcessMark.of(os.getpid())
    # Windows does not tell.
    return None
