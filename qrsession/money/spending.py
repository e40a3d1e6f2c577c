"""What a session has used, and how much of that was idle: from what the service says of it. Pure.

The usage of a dedicated session is the time for which it held its backend, that of a batch what
its jobs used. Source: IBM's guide "Workload usage". The service gives the number once it is
settled; until then it is worked out here, and called an estimate wherever it is shown.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from qrsession.protocol.status import FINAL_JOB_STATUSES, SessionMode, SessionState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qrsession.protocol.models import JobRecord, SessionRecord

# The states in which a dedicated session holds its backend.
_HOLDING = frozenset(
    {SessionState.ACTIVE, SessionState.PENDING_INACTIVE, SessionState.PENDING_CLOSED}
)


@dataclass(frozen=True)
class Spent:
    """What the jobs of a session used, in QPU seconds.

    Attributes:
        usage_s: Of all that have ended.
        is_all: Whether that is all: every job has ended, and its usage is final.
    """

    usage_s: float
    is_all: bool

    @classmethod
    def by(cls, jobs: "Iterable[JobRecord]") -> "Spent":
        """Add up what jobs used."""
        usage_s, is_all = 0.0, True
        for job in jobs:
            settled_s = final_usage_s(job)
            usage_s += settled_s or 0.0
            is_all = is_all and settled_s is not None
        return cls(usage_s, is_all)


def final_usage_s(job: "JobRecord") -> float | None:
    """Return what a job used, None until it has ended and that is settled."""
    if job.status not in FINAL_JOB_STATUSES or job.usage is None or not job.usage.is_complete:
        return None
    return job.usage.qpu_charge_time_s


def held_s(record: "SessionRecord", now: datetime) -> float:
    """Return for how long a session has held its backend, in seconds: 0 for a batch.

    What the service gives, where it is settled; else the time that the session was active, by the
    service's list of its states; else all the time since its first job.
    """
    if record.mode == SessionMode.BATCH:
        return 0.0
    if record.elapsed_time_s is not None:
        return record.elapsed_time_s
    windows = _windows(record, now)
    if not windows and record.started_at is not None:
        windows = [(record.started_at, record.closed_at or now)]
    return sum(max((end - start).total_seconds(), 0.0) for start, end in windows)


def idle_s(usage_s: float | None, jobs: Spent) -> float | None:
    """Return how much of a dedicated session's usage was spent on no job.

    None while that cannot be told: a job that runs has used what nobody knows yet.
    """
    if usage_s is None or not jobs.is_all:
        return None
    return max(usage_s - jobs.usage_s, 0.0)


def _windows(record: "SessionRecord", now: datetime) -> list[tuple[datetime, datetime]]:
    windows: list[tuple[datetime, datetime]] = []
    began: datetime | None = None
    for state, when in record.timestamps:
        if state in _HOLDING:
            began = began or when
        elif began is not None:
            windows.append((began, when))
            began = None
    if began is not None:
        windows.append((began, now))
    return windows
