"""The rows of sessions: `lifecycle.Session` in, the same out."""

import json
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from qrsession.local.scheduling.lifecycle import Session, next_deadline
from qrsession.local.store.database import Database
from qrsession.protocol.status import SessionMode, SessionState

_MOMENTS = frozenset(
    {
        "created_at",
        "updated_at",
        "idle_since",
        "started_at",
        "activated_at",
        "closed_at",
        "last_job_started",
        "last_job_completed",
        "counting_since",
    }
)
# These two are what the jobs say, and kept nowhere else.
_FACTS = frozenset({"has_queued", "has_running"})
_RECORDED = tuple(field.name for field in fields(Session) if field.name not in _FACTS)

# The indexes are named because SQLite would choose that of all jobs of the session.
_SELECT = """
    SELECT record,
        EXISTS (
            SELECT 1 FROM jobs INDEXED BY jobs_queued_in_session
            WHERE session_id = s.session_id AND status = 'Queued'
        ),
        EXISTS (
            SELECT 1 FROM jobs INDEXED BY jobs_running
            WHERE session_id = s.session_id AND status = 'Running'
        )
    FROM sessions AS s
"""


class SessionRows:
    """The sessions of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, session: Session) -> None:
        """Insert a session."""
        self._database.execute(
            "INSERT INTO sessions VALUES (:session_id, :backend, :mode, :state, :is_cancelled,"
            " :accepting_jobs, :created_ms, :closed_ms, :usage_s, :record)",
            _columns(session),
        )

    def save(self, session: Session) -> None:
        """Update a session."""
        self._database.execute(
            "UPDATE sessions SET backend = :backend, state = :state, is_cancelled = :is_cancelled,"
            " accepting_jobs = :accepting_jobs, closed_ms = :closed_ms, usage_s = :usage_s,"
            " record = :record WHERE session_id = :session_id",
            _columns(session),
        )

    def get(self, session_id: str) -> Session | None:
        """Return a session with what its jobs say at this moment."""
        row = self._database.first(f"{_SELECT} WHERE session_id = ?", (session_id,))
        return None if row is None else _from_row(row)

    def unclosed(self) -> list[Session]:
        """Return the sessions that are not closed."""
        rows = self._database.all(f"{_SELECT} WHERE state <> 'closed'")
        return [_from_row(row) for row in rows]

    def has_unclosed(self) -> bool:
        """Return whether any session is not closed."""
        return self._database.first("SELECT 1 FROM sessions WHERE state <> 'closed'") is not None

    def earliest_deadline(self) -> datetime | None:
        """Return when the next of all sessions changes by itself."""
        deadlines = [next_deadline(session) for session in self.unclosed()]
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    def closed_with_queued(self) -> list[Session]:
        """Return closed sessions of which a job is queued: it was running when a runtime died."""
        rows = self._database.all(
            "SELECT DISTINCT session_id FROM jobs INDEXED BY jobs_queued_in_session"
            " CROSS JOIN sessions USING (session_id)"
            " WHERE status = 'Queued' AND state = 'closed'"
        )
        sessions = [self.get(session_id) for (session_id,) in rows]
        return [session for session in sessions if session is not None]


def to_ms(moment: datetime) -> int:
    """Return a time as milliseconds since the epoch."""
    return round(moment.timestamp() * 1000)


def from_ms(value: int) -> datetime:
    """Return milliseconds since the epoch as a time in UTC."""
    seconds, milliseconds = divmod(value, 1000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=milliseconds * 1000)


def _columns(session: Session) -> dict[str, Any]:
    record: dict[str, Any] = {}
    for name in _RECORDED:
        value = getattr(session, name)
        record[name] = to_ms(value) if isinstance(value, datetime) else value
    record["timestamps"] = [(state, to_ms(when)) for state, when in session.timestamps]
    return {
        "session_id": session.session_id,
        "backend": session.backend,
        "mode": str(session.mode),
        "state": str(session.state),
        "is_cancelled": session.is_cancelled,
        "accepting_jobs": session.accepting_jobs,
        "created_ms": record["created_at"],
        "closed_ms": record["closed_at"],
        "usage_s": session.usage_s,
        "record": json.dumps(record, separators=(",", ":")),
    }


def _from_row(row: tuple[Any, ...]) -> Session:
    record = json.loads(row[0])
    for name in _MOMENTS:
        if record[name] is not None:
            record[name] = from_ms(record[name])
    record["mode"] = SessionMode(record["mode"])
    record["state"] = SessionState(record["state"])
    record["timestamps"] = tuple(
        (SessionState(state), from_ms(when)) for state, when in record["timestamps"]
    )
    return Session(**record, has_queued=bool(row[1]), has_running=bool(row[2]))
