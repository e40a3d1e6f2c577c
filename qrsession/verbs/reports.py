"""What commands say of sessions and jobs: the records of the envelope, field by field."""

from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from qrsession.money.spending import Spent, idle_s
from qrsession.processes.mark import ProcessMark
from qrsession.protocol.status import SessionMode, SessionState
from qrsession.state.entries import JobEntry, SessionEntry
from qrsession.tags import without_own_tag

if TYPE_CHECKING:
    from qrsession.money.budgets import Budget
    from qrsession.protocol.models import JobRecord

# Of a job whose state nobody has asked for yet.
UNKNOWN_STATUS = "Unknown"
# Of the jobs of one session; the oldest of more are not looked at.
MOST_JOBS_READ = 2000
# A session with less of its time left is nearly over.
NEARLY_OVER = 0.1


@dataclass(frozen=True)
class SessionReport:
    """A session, with the fields of the envelope; durations in seconds, times in UTC.

    ``time_left_s`` is None until the first job has started, which is when the time begins.

    ``usage_s`` is the service's word, None until it has settled it. What is known before is
    ``usage_estimate_s``: of a dedicated session the time for which it held its backend, of a batch
    what its jobs used. ``jobs_usage_s`` is what those of its jobs used that have ended; ``idle_s``
    is the rest of a dedicated session's usage, None while a job of it has not ended.

    ``closes_with`` is the process with whose end it is closed, if any.

    ``was_open`` tells commands that it was found, and not opened; it is no field of the envelope.
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
    budget_s: int | None = None
    usage_estimate_s: float | None = None
    jobs_usage_s: float | None = None
    idle_s: float | None = None
    closes_with: ProcessMark | None = None
    was_open: bool = field(default=False, compare=False)

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
            budget_s=entry.budget_s,
            closes_with=entry.closes_with,
        )

    @property
    def known_usage_s(self) -> float | None:
        """What it has used, as far as is known: settled, or else the estimate."""
        return self.usage_estimate_s if self.usage_s is None else self.usage_s

    @property
    def is_nearly_over(self) -> bool:
        """Whether less than a tenth of its time is left."""
        if self.state == SessionState.CLOSED or not self.max_time_s or self.time_left_s is None:
            return False
        return self.time_left_s < NEARLY_OVER * self.max_time_s

    def held_for(self, held_s: float) -> "SessionReport":
        """Add how long it has held its backend, where its usage is not settled."""
        if self.mode == SessionMode.BATCH or self.usage_s is not None:
            return self
        return replace(self, usage_estimate_s=held_s)

    def with_jobs(self, jobs: Spent) -> "SessionReport":
        """Add what its jobs used."""
        if self.mode == SessionMode.BATCH:
            estimate_s = jobs.usage_s if self.usage_s is None else None
            return replace(self, jobs_usage_s=jobs.usage_s, usage_estimate_s=estimate_s)
        idle = idle_s(self.known_usage_s, jobs)
        return replace(self, jobs_usage_s=jobs.usage_s, idle_s=idle)

    def document(self) -> dict[str, Any]:
        """Return the fields by name."""
        fields = asdict(self)
        del fields["was_open"]
        mark = self.closes_with
        fields["closes_with"] = None if mark is None else {"pid": mark.pid, "host": mark.host}
        return fields

    def closed_document(self) -> dict[str, Any]:
        """Return what is said of a session that was closed, by name."""
        told = ("name", "session_id", "state")
        used = ("usage_s", "usage_estimate_s", "jobs_usage_s", "idle_s")
        return {name: getattr(self, name) for name in (*told, *used)}


@dataclass(frozen=True)
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
            status=entry.status or UNKNOWN_STATUS,
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


@dataclass(frozen=True)
class BudgetReport:
    """A session's budget, in QPU seconds, and who sees to it that it holds.

    ``enforced_by_service``: ``job_cost``, each job's own maximum, and of a dedicated session
    ``max_time``, at which the service closes it. ``enforced_here``: ``reservations``, that the
    jobs that are sent from this machine do not exceed it together.
    """

    budget_s: int
    spent_s: float
    reserved_s: int
    left_s: float
    enforced_by_service: tuple[str, ...]
    enforced_here: tuple[str, ...] = ("reservations",)

    @classmethod
    def of(cls, budget: "Budget", used_s: float = 0.0) -> "BudgetReport":
        """Report on a budget, where the session itself is known to have used so much."""
        by_service = ("job_cost", "max_time") if budget.is_dedicated else ("job_cost",)
        return cls(
            budget_s=budget.budget_s,
            spent_s=budget.spent_with(used_s),
            reserved_s=budget.reserved_s,
            left_s=budget.left_s(used_s),
            enforced_by_service=by_service,
        )

    def document(self) -> dict[str, Any]:
        """Return the fields by name."""
        return asdict(self)
