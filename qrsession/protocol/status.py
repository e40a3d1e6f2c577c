"""The states of jobs and sessions, as data."""

from enum import StrEnum


class JobStatus(StrEnum):
    """A job's ``state.status``, as the wire spells it. Source: API reference, jobs."""

    QUEUED = "Queued"
    RUNNING = "Running"
    COMPLETED = "Completed"
    CANCELLED = "Cancelled"
    FAILED = "Failed"

    @property
    def is_final(self) -> bool:
        """Whether the job stays in this state for good."""
        return self in FINAL_JOB_STATUSES


FINAL_JOB_STATUSES = frozenset({JobStatus.COMPLETED, JobStatus.CANCELLED, JobStatus.FAILED})

# Running -> Queued happens when a runtime dies under a job and the job is run again.
JOB_TRANSITIONS: dict[JobStatus, frozenset[JobStatus]] = {
    JobStatus.QUEUED: frozenset({JobStatus.RUNNING, JobStatus.CANCELLED, JobStatus.FAILED}),
    JobStatus.RUNNING: FINAL_JOB_STATUSES | {JobStatus.QUEUED},
    JobStatus.COMPLETED: frozenset(),
    JobStatus.CANCELLED: frozenset(),
    JobStatus.FAILED: frozenset(),
}

# The job's top-level `status` where `state.status` is Cancelled and the reason is code 1305.
RAN_TOO_LONG_STATUS = "Cancelled - Ran too long"


class SessionState(StrEnum):
    """A session's ``state``. Source: API reference, sessions.

    ``pending_inactive`` and ``pending_closed`` are known to IBM's client alone.
    """

    OPEN = "open"
    ACTIVE = "active"
    INACTIVE = "inactive"
    PENDING_INACTIVE = "pending_inactive"
    PENDING_CLOSED = "pending_closed"
    CLOSED = "closed"


SESSION_TRANSITIONS: dict[SessionState, frozenset[SessionState]] = {
    SessionState.OPEN: frozenset({SessionState.ACTIVE, SessionState.CLOSED}),
    SessionState.ACTIVE: frozenset({SessionState.INACTIVE, SessionState.CLOSED}),
    SessionState.INACTIVE: frozenset({SessionState.ACTIVE, SessionState.CLOSED}),
    SessionState.CLOSED: frozenset(),
}


class SessionMode(StrEnum):
    """How a session uses its backend. Source: guide "Introduction to execution modes"."""

    DEDICATED = "dedicated"
    BATCH = "batch"

    @property
    def workload(self) -> str:
        """What ``GET /workloads`` calls a session of this mode."""
        return "batch" if self is SessionMode.BATCH else "session"
