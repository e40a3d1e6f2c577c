"""What commands say of sessions and jobs: the records of the envelope, field by field."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from qrsession.entries import JobEntry, SessionEntry
from qrsession.protocol.status import SessionState
from qrsession.tags import without_own_tag

if TYPE_CHECKING:
    from qrsession.protocol.models import JobRecord


@dataclass(frozen=True, slots=True)
class SessionReport:
    """A session, with the fields of the envelope; durations in seconds, times in UTC.

    ``time_left_s`` is None until the first job has started, which is when the time begins.
    """

    name: str
    session_id: str
    backend: str | None
    mode: str
    account: str
    instance: str | None
    state: str
    accepting_jobs: bool
    max_time_s: int | None
    time_left_s: float | None
    usage_s: float | None
    opened_at: datetime

    @classmethod
    def of(cls, entry: SessionEntry, now: datetime) -> "SessionReport":
        """Report on a session as the ledger knows it."""
        is_closed = entry.state == SessionState.CLOSED
        left_s = None
        if entry.expires_at is not None:
            left_s = 0.0 if is_closed else max((entry.expires_at - now).total_seconds(), 0.0)
        return cls(
            name=entry.name,
            session_id=entry.session_id,
            backend=entry.backend,
            mode=entry.mode,
            account=entry.account,
            instance=entry.instance,
            state=entry.state,
            accepting_jobs=entry.accepting_jobs and not is_closed,
            max_time_s=entry.max_time_s,
            time_left_s=left_s,
            usage_s=entry.usage_s,
            opened_at=entry.opened_at,
        )

    def document(self) -> dict[str, Any]:
        """Return the fields by name."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class JobReport:
    """A job, with the fields of the envelope; usage in QPU seconds, None while not settled."""

    job_id: str
    session_id: str | None
    backend: str | None
    primitive: str
    status: str
    usage_s: float | None
    reason: str | None = None
    reason_code: int | None = None
    created: datetime | None = None
    tags: tuple[str, ...] = ()

    @classmethod
    def of_record(cls, record: "JobRecord") -> "JobReport":
        """Report on a job as the service knows it."""
        usage = record.usage
        return cls(
            job_id=record.job_id,
            session_id=record.session_id,
            backend=record.backend,
            primitive=record.program_id,
            status=record.status,
            usage_s=usage.qpu_charge_time_s if usage and usage.is_complete else None,
            reason=record.reason,
            reason_code=record.reason_code,
            created=record.created,
            tags=without_own_tag(record.tags),
        )

    @classmethod
    def of_entry(cls, entry: JobEntry) -> "JobReport":
        """Report on a job as our own records know it."""
        return cls(
            job_id=entry.job_id,
            session_id=entry.session_id,
            backend=entry.backend,
            primitive=entry.primitive,
            status=entry.status or "Unknown",
            usage_s=entry.usage_s,
            created=entry.submitted_at,
            tags=entry.tags,
        )

    def document(self) -> dict[str, Any]:
        """Return what ``run`` and ``result`` say of a job."""
        return {
            "job_id": self.job_id,
            "session_id": self.session_id,
            "backend": self.backend,
            "primitive": self.primitive,
            "status": self.status,
            "usage_s": self.usage_s,
            "reason": self.reason,
            "reason_code": self.reason_code,
        }

    def to_row(self) -> dict[str, Any]:
        """Return what ``status`` says of a job."""
        return {
            "job_id": self.job_id,
            "primitive": self.primitive,
            "status": self.status,
            "created": self.created,
            "usage_s": self.usage_s,
            "tags": list(self.tags),
        }
