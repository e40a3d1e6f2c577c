"""What becomes of jobs: waiting for them, and their results, which are on disk before all else.

A result that was kept is read without whatever asks services.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from qrsession.duration import format_duration
from qrsession.entries import JobEntry
from qrsession.errors import (
    QrsessionError,
    StorageError,
    WaitInterruptedError,
    WaitTimeoutError,
    WireFormatError,
)
from qrsession.protocol.status import JobStatus
from qrsession.records import Records
from qrsession.reports import JobReport
from qrsession.results import Pub, read_pubs

if TYPE_CHECKING:
    from qrsession.job import OnChange, RuntimeJob
    from qrsession.waiting import OnLost


@dataclass(frozen=True, slots=True)
class Outcome:
    """A job with its result, if it has one."""

    job: JobReport
    pubs: Sequence[Pub] = ()


def collect(
    jobs: "Sequence[RuntimeJob]",
    *,
    timeout_s: float | None = None,
    cancel_on_timeout: bool = False,
    on_change: "OnChange | None" = None,
    on_lost: "OnLost | None" = None,
) -> Iterator[Outcome]:
    """Wait for jobs, one after another, and yield their results as they were kept on disk.

    Args:
        jobs: The jobs.
        timeout_s: The longest to wait for all of them together.
        cancel_on_timeout: Whether those that are left are cancelled then.
        on_change: Called with what is known of the first job at once, and of each at every change.
        on_lost: Called with a sentence when the service goes out of reach; the wait goes on.

    Raises:
        JobFailedError: One failed.
        JobCancelledError: One was cancelled.
        WaitTimeoutError: The time ran out; the jobs go on, or were cancelled where asked for.
        WaitInterruptedError: The user interrupted the waiting; the jobs go on.
    """
    waiting = _TimeLeft(timeout_s)
    for job in jobs:
        try:
            if on_change is not None and job is jobs[0]:
                on_change(job.record())
            kept = _recall(job)
            if kept is not None:
                yield kept
                continue
            text = job.await_result_text(waiting.left_s(), on_change=on_change, on_lost=on_lost)
        except WaitTimeoutError:
            if cancel_on_timeout:
                raise _cancelled(jobs) from None
            raise
        except KeyboardInterrupt:
            raise WaitInterruptedError(
                f"Interrupted; job {job.job_id()} goes on.",
                advice=f"Take it up again: qrsession result {job.job_id()} --wait",
                details={"job_id": job.job_id()},
            ) from None
        yield read_outcome(job, text)


def outlook_of(job: "RuntimeJob") -> tuple[str, str]:
    """Ask what is to be told of a job that is waited for: its state, and what it waits behind."""
    client = job.service.client
    record = client.get_job(job.job_id())
    words = []
    if record.backend is not None:
        words.append(f"queue {client.get_queue_length(record.backend)}")
    if record.session_id is not None:
        left_s = client.get_session(record.session_id).active_ttl_s
        if left_s is not None:
            words.append(f"{' '.join(format_duration(left_s).split()[:2])} left")
    return record.status, ", ".join(words)


def read_outcome(job: "RuntimeJob", text: str | None = None) -> Outcome:
    """Return a finished job's result. Unless it is private, it is on disk before it is read.

    Args:
        job: The job.
        text: Its result, where it is here already; None: it is asked for.

    Raises:
        NotFinishedError: It is not finished yet.
        JobFailedError: It failed.
        JobCancelledError: It was cancelled.
    """
    text = job.result_text() if text is None else text
    report = JobReport.of_record(job.record())
    records = job.service.records
    if not job.record().private:
        try:
            records.write_result(job.job_id(), text.encode())
        except StorageError as error:
            raise StorageError(
                f"The result of job {job.job_id()} cannot be kept: {error.message}",
                advice="The service has it still. Make room, then: "
                f"qrsession result {job.job_id()}",
                details={**error.details, "job_id": job.job_id()},
            ) from error
    records.settle_job(
        report.session_id, report.job_id, status=report.status, usage_s=report.usage_s
    )
    return Outcome(report, read_pubs(text, job.job_id()))


def recall_outcome(records: Records, entry: JobEntry) -> Outcome | None:
    """Return a result that was kept on disk, None where there is none that can be read."""
    data = records.read_result(entry.job_id)
    if data is None:
        return None
    report = replace(JobReport.of_entry(entry), status=entry.status or JobStatus.COMPLETED)
    with suppress(WireFormatError, UnicodeDecodeError):
        return Outcome(report, read_pubs(data.decode(), entry.job_id))
    # It is damaged; the service may have it still.
    return None


def _recall(job: "RuntimeJob") -> Outcome | None:
    """Return the result of a job that was submitted before, which we may be the last to have."""
    records = job.service.records
    with suppress(QrsessionError):
        if records.result_path(job.job_id()).exists():
            return recall_outcome(records, records.find_job(job.job_id()))
    return None


def _cancelled(jobs: "Sequence[RuntimeJob]") -> WaitTimeoutError:
    ids = [job.job_id() for job in jobs]
    for job in jobs:
        try:
            job.cancel()
        except QrsessionError:
            # Finished in the meantime, or out of reach: the message says what was tried.
            continue
    return WaitTimeoutError(
        f"The time ran out; cancelled: {', '.join(ids)}.",
        advice="Give more time with --timeout.",
        details={"job_ids": ids},
    )


class _TimeLeft:
    """What is left of a time-out that several waits share."""

    def __init__(self, timeout_s: float | None) -> None:
        self._ends_at = None if timeout_s is None else time.monotonic() + timeout_s

    def left_s(self) -> float | None:
        """Return the seconds left, None where there is no end."""
        return None if self._ends_at is None else max(self._ends_at - time.monotonic(), 0.0)
