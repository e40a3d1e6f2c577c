"""Sessions as a state machine: events and times in, a new state out. No clock, no I/O.

Sources: "Introduction to execution modes", "Maximum execution time" and the sessions page of the
API reference. Every event takes ``now``; what became due before it is applied first by `expire`,
at the moment when it became due, so that a late timer costs nobody usage.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from qrsession.protocol.status import SessionMode, SessionState

# How long a session keeps its priority while it has nothing to run.
INTERACTIVE_TTL_S = {SessionMode.DEDICATED: 60, SessionMode.BATCH: 1}
UNUSED_TTL_S = 1800

CLOSED_BY_USER = "The session was closed, and its jobs have ended."
CANCELLED_BY_USER = "The session was cancelled."
CLOSED_UNUSED = f"No job was submitted for {UNUSED_TTL_S} seconds."
CLOSED_BY_MAX_TTL = "The session's maximum time has passed."
CLOSED_BY_USAGE_LIMIT = "The instance has reached its usage limit."
INACTIVE_REASON = "No job was submitted within the interactive time to live."


@dataclass(frozen=True, slots=True)
class Session:
    """A session at one moment.

    Attributes:
        idle_since: Since when it has had nothing to run; None while it has.
        updated_at: The time of the last event; no later event counts as earlier than this.
        counting_since: Since when a dedicated session has been using its backend.
        usage_s: What it has used before ``counting_since``, in seconds: wall-clock time of a
            dedicated session, QPU time of the jobs of a batch.
        has_queued: Whether jobs of it are queued, as the jobs say after the event.
        has_running: Whether jobs of it run, likewise.
    """

    session_id: str
    backend: str | None
    mode: SessionMode
    max_ttl_s: int
    created_at: datetime
    updated_at: datetime
    idle_since: datetime | None
    timestamps: tuple[tuple[SessionState, datetime], ...]
    state: SessionState = SessionState.OPEN
    state_reason: str | None = None
    accepting_jobs: bool = True
    is_cancelled: bool = False
    started_at: datetime | None = None
    activated_at: datetime | None = None
    closed_at: datetime | None = None
    last_job_started: datetime | None = None
    last_job_completed: datetime | None = None
    counting_since: datetime | None = None
    usage_s: float = 0.0
    has_queued: bool = False
    has_running: bool = False

    @property
    def is_closed(self) -> bool:
        """Whether it is closed for good. A job that ran at that moment may still be running."""
        return self.state is SessionState.CLOSED

    @property
    def has_pending(self) -> bool:
        """Whether anything is left to run."""
        return self.has_queued or self.has_running

    @property
    def interactive_ttl_s(self) -> int:
        """How long it stays active with nothing to run."""
        return INTERACTIVE_TTL_S[self.mode]

    @property
    def max_ttl_ends_at(self) -> datetime | None:
        """When its time is up; None before its first job has started."""
        if self.started_at is None:
            return None
        return self.started_at + timedelta(seconds=self.max_ttl_s)


def open_session(
    session_id: str, backend: str | None, mode: SessionMode, max_ttl_s: int, now: datetime
) -> Session:
    """Make a new session: open, and waiting for its first job."""
    return Session(
        session_id=session_id,
        backend=backend,
        mode=mode,
        max_ttl_s=max_ttl_s,
        created_at=now,
        updated_at=now,
        idle_since=now,
        timestamps=((SessionState.OPEN, now),),
    )


def next_deadline(session: Session) -> datetime | None:
    """Return when the session next changes by itself, None where only an event changes it."""
    if session.is_closed:
        return None
    deadlines = [session.max_ttl_ends_at]
    if session.idle_since is not None and session.state is not SessionState.INACTIVE:
        is_open = session.state is SessionState.OPEN
        patience_s = UNUSED_TTL_S if is_open else session.interactive_ttl_s
        deadlines.append(session.idle_since + timedelta(seconds=patience_s))
    return min((deadline for deadline in deadlines if deadline is not None), default=None)


def expire(session: Session, now: datetime) -> Session:
    """Apply the deadlines that have passed.

    Where this closes a session that ``has_queued``, those jobs are the caller's to fail.
    """
    while (deadline := next_deadline(session)) is not None and deadline <= now:
        when = max(deadline, session.updated_at)
        if deadline == session.max_ttl_ends_at:
            session = _close(session, when, CLOSED_BY_MAX_TTL)
        elif session.state is SessionState.OPEN:
            session = _close(session, when, CLOSED_UNUSED)
        else:
            idle = _enter(session, SessionState.INACTIVE, when, INACTIVE_REASON)
            session = _stop_counting(idle, when)
    return session


def job_queued(session: Session, now: datetime, backend: str) -> Session:
    """Note a submission. A session without a backend takes that of its first job."""
    now = max(now, session.updated_at)
    return replace(session, backend=session.backend or backend, idle_since=None, updated_at=now)


def job_started(session: Session, now: datetime) -> Session:
    """Note that a job of the session runs: it is active from now, and its time counts."""
    now = max(now, session.updated_at)
    if session.state is not SessionState.ACTIVE:
        session = _enter(session, SessionState.ACTIVE, now, None)
        session = replace(session, activated_at=now, started_at=session.started_at or now)
        if session.mode is SessionMode.DEDICATED:
            session = replace(session, counting_since=now)
    return replace(session, last_job_started=now, idle_since=None, updated_at=now)


def job_ended(session: Session, now: datetime, qpu_s: float) -> Session:
    """Note that a running job reached its final state, after ``qpu_s`` seconds on the backend."""
    now = max(now, session.updated_at)
    if session.mode is SessionMode.BATCH:
        session = replace(session, usage_s=session.usage_s + qpu_s)
    return _rest(replace(session, last_job_completed=now, updated_at=now), now)


def jobs_dropped(session: Session, now: datetime) -> Session:
    """Note that queued jobs reached a final state without having run."""
    now = max(now, session.updated_at)
    return _rest(replace(session, updated_at=now), now)


def set_accepting(session: Session, now: datetime, *, accepting: bool) -> Session:
    """Close to new jobs, letting those that are there run; or take jobs again while not closed."""
    now = max(now, session.updated_at)
    if session.is_closed or accepting == session.accepting_jobs or session.is_cancelled:
        return session
    session = replace(session, accepting_jobs=accepting, updated_at=now)
    if accepting or session.has_pending:
        return session
    return _close(session, now, CLOSED_BY_USER)


def cancel(session: Session, now: datetime) -> Session:
    """End the session. Queued jobs have been dropped by the caller; running ones complete."""
    now = max(now, session.updated_at)
    if session.is_closed:
        return session
    session = replace(
        session,
        accepting_jobs=False,
        is_cancelled=True,
        state_reason=CANCELLED_BY_USER,
        updated_at=now,
    )
    return session if session.has_pending else _close(session, now, CANCELLED_BY_USER)


def runtime_ended(session: Session, when: datetime) -> Session:
    """Note that nothing of a closed session runs any more, because its runtime ended.

    The time until the next runtime is up is nobody's use of the backend.
    """
    return _stop_counting(session, when) if session.is_closed else session


def reach_limit(session: Session, now: datetime) -> Session:
    """Close the session because its instance has nothing left to use; running jobs complete.

    Where it ``has_queued``, those jobs are the caller's to cancel.
    """
    if session.is_closed:
        return session
    return _close(session, max(now, session.updated_at), CLOSED_BY_USAGE_LIMIT)


def usage_at(session: Session, now: datetime) -> float:
    """Return what the session has used until now, in seconds."""
    if session.counting_since is None:
        return session.usage_s
    counted = max(now, session.updated_at) - session.counting_since
    return session.usage_s + counted.total_seconds()


def active_time_left_s(session: Session, now: datetime) -> int:
    """Return how long the session may still run jobs, in whole seconds."""
    if session.is_closed:
        return 0
    ends_at = session.max_ttl_ends_at
    if ends_at is None:
        return session.max_ttl_s
    # A clock that was set back gives nobody more time than there was.
    left = ends_at - max(now, session.updated_at)
    return max(int(left.total_seconds()), 0)


def _rest(session: Session, now: datetime) -> Session:
    """Decide what a session does once nothing of it is left to run."""
    if session.has_pending:
        return session
    if session.is_closed:
        return _stop_counting(session, now)
    if not session.accepting_jobs:
        return _close(session, now, CANCELLED_BY_USER if session.is_cancelled else CLOSED_BY_USER)
    return replace(session, idle_since=now)


def _close(session: Session, when: datetime, reason: str) -> Session:
    closed = replace(
        _enter(session, SessionState.CLOSED, when, reason),
        accepting_jobs=False,
        closed_at=when,
        idle_since=None,
    )
    # A job that outlives its session still holds the backend, and that is charged.
    return closed if closed.has_running else _stop_counting(closed, when)


def _enter(session: Session, state: SessionState, when: datetime, reason: str | None) -> Session:
    return replace(
        session,
        state=state,
        state_reason=reason,
        timestamps=(*session.timestamps, (state, when)),
        updated_at=when,
    )


def _stop_counting(session: Session, when: datetime) -> Session:
    return replace(session, usage_s=usage_at(session, when), counting_since=None)
