"""Cancelling jobs: each is tried, whatever becomes of the others.

What the verb `cancel` does, without what it prints.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from typing import Any

from qrsession.errors import QrsessionError, RequestRefusedError
from qrsession.names import joint_failure
from qrsession.protocol.status import FINAL_JOB_STATUSES, JobStatus
from qrsession.state.entries import SessionEntry
from qrsession.verbs.finding import FoundJob
from qrsession.verbs.reports import MOST_JOBS_READ
from qrsession.verbs.workspace import Workspace


@dataclass(frozen=True)
class CancelledJob:
    """What became of a job that was to be cancelled.

    Attributes:
        job_id: Its id.
        session_id: Its session, None in job mode.
        status: Its state now; one that runs may take a while to end.
        had_ended: Whether it had ended before, so that nothing was cancelled.
    """

    job_id: str
    session_id: str | None
    status: str
    had_ended: bool = False

    def document(self) -> dict[str, Any]:
        """Return what the envelope has."""
        return asdict(self)

    def sentence(self) -> str:
        """Say what became of it."""
        if self.had_ended:
            was_cancelled = self.status == JobStatus.CANCELLED
            how = "was cancelled already" if was_cancelled else f"had ended: {self.status}"
            return f"Job {self.job_id} {how}."
        if self.status in FINAL_JOB_STATUSES:
            return f"Job {self.job_id} is {self.status.lower()}."
        return f"Job {self.job_id} is being cancelled; it is {self.status.lower()} still."


@dataclass(slots=True)
class Cancellations:
    """What became of jobs that were to be cancelled.

    Attributes:
        jobs: Those that are, or had ended before, in order.
        failures: The ids of the others, and why.
    """

    jobs: list[CancelledJob] = field(default_factory=list)
    failures: list[tuple[str, QrsessionError]] = field(default_factory=list)

    def raise_failures(self) -> None:
        """Raise where one could not be cancelled.

        Raises:
            QrsessionError: The first failure, which names the others. ``details`` has
                ``cancelled`` and ``not_cancelled``, ids both.
        """
        if not self.failures:
            return
        error = joint_failure("Not cancelled", self.failures, is_part=bool(self.jobs))
        error.details["cancelled"] = [job.job_id for job in self.jobs if not job.had_ended]
        error.details["not_cancelled"] = [job_id for job_id, _ in self.failures]
        raise error from self.failures[0][1]


def cancel_jobs(workspace: Workspace, jobs: Iterable[FoundJob]) -> Cancellations:
    """Cancel jobs, each at the service that it is at. One that has ended is no failure."""
    outcome = Cancellations()
    for job in jobs:
        try:
            outcome.jobs.append(_cancel(workspace, job))
        except QrsessionError as error:
            outcome.failures.append((job.job_id, error))
    return outcome


def cancel_all(workspace: Workspace, entry: SessionEntry) -> Cancellations:
    """Cancel all jobs of a session that have not ended, whoever submitted them.

    The session itself takes more jobs; `close --cancel` is what ends both.

    Raises:
        ServiceUnavailableError: Its service is out of reach.
    """
    from qrsession.job import RuntimeJob  # noqa: PLC0415 - the help needs none of it

    service = workspace.service_of(entry)
    known = {job.job_id: job for job in workspace.records.jobs(entry.session_id)}
    # Newest first, as they are listed: what is cancelled next has not begun to run meanwhile.
    pending = [
        FoundJob(
            record.job_id,
            record.session_id,
            entry=known.get(record.job_id),
            job=RuntimeJob(service, record),
        )
        for record in service.client.list_jobs(
            session_id=entry.session_id, limit=MOST_JOBS_READ, is_pending=True
        )
        if record.status not in FINAL_JOB_STATUSES
    ]
    return cancel_jobs(workspace, pending)


def _cancel(workspace: Workspace, job: FoundJob) -> CancelledJob:
    from qrsession.verbs.job_ends import note_end  # noqa: PLC0415 - the help needs none of it

    client, had_ended = job.service(workspace).client, False
    try:
        client.cancel_job(job.job_id)
    except RequestRefusedError as error:
        if error.details.get("http_status") != HTTPStatus.CONFLICT:
            raise
        had_ended = True
    record = client.get_job(job.job_id)
    if record.status in FINAL_JOB_STATUSES:
        note_end(job.service(workspace), record, is_known=job.entry is not None)
        # A service may answer the same to who cancels what has completed.
        had_ended = had_ended or record.status != JobStatus.CANCELLED
    return CancelledJob(job.job_id, record.session_id, record.status, had_ended)
