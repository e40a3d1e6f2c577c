"""What becomes of jobs, and their results, which are on disk before all else.

A result that was kept is read without whatever asks services.
"""

import shlex
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from qrsession.duration import format_duration
from qrsession.errors import (
    QrsessionError,
    StorageError,
    WireFormatError,
)
from qrsession.protocol.status import JobStatus
from qrsession.results.captioning import with_captions
from qrsession.results.pubs import Pub, read_pubs
from qrsession.state.entries import JobEntry
from qrsession.state.records import Records
from qrsession.verbs.reports import JobReport

if TYPE_CHECKING:
    from qrsession.job import RuntimeJob


@dataclass(frozen=True)
class Outcome:
    """A job with its result, if it has one, or with what it, or the wait for it, failed by."""

    job: JobReport
    pubs: Sequence[Pub] = ()
    error: QrsessionError | None = None

    @property
    def is_done(self) -> bool:
        """Whether the job completed, and nothing went wrong since."""
        return self.error is None and self.job.status == JobStatus.COMPLETED


def result_command(job_ids: Sequence[str]) -> str:
    """Return the command that takes up the wait for results again, ready for a shell."""
    if len(job_ids) == 1:
        return f"qrsession result {shlex.quote(job_ids[0])} --wait"
    return shlex.join(["qrsession", "wait", *job_ids])


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


def read_outcome(job: "RuntimeJob") -> Outcome:
    """Return a finished job's result. Unless it is private, it is on disk before it is read.

    Raises:
        NotFinishedError: It is not finished yet.
        JobFailedError: It failed.
        JobCancelledError: It was cancelled.
    """
    text = job.result_text()
    keep_result(job, text)
    pubs = with_captions(read_pubs(text, job.job_id()), job.service.records, job.job_id())
    return Outcome(JobReport.of_record(job.record()), pubs)


def keep_result(
    job: "RuntimeJob", text: str, report: JobReport | None = None, *, durable: bool = True
) -> Path | None:
    """Keep a completed job's result, and what it used; return where, None for a private job's.

    Args:
        job: The job.
        text: Its result.
        report: What it came to; None: as it was last seen.
        durable: Whether it is on the disk when this returns.

    Raises:
        StorageError: It cannot be kept; the service has it still.
    """
    report, records = report or JobReport.of_record(job.record()), job.service.records
    path = None
    if not job.record().private:
        try:
            path = records.write_result(report.job_id, text.encode(), durable=durable)
        except StorageError as error:
            raise StorageError(
                f"The result of job {report.job_id} cannot be kept: {error.message}",
                advice="The service has it still. Make room, then: "
                f"qrsession result {report.job_id}",
                details={**error.details, "job_id": report.job_id},
            ) from error
    records.settle_job(
        report.session_id,
        report.job_id,
        status=report.status,
        usage_s=report.usage_s,
        durable=durable,
    )
    return path


def recall_outcome(records: Records, entry: JobEntry) -> Outcome | None:
    """Return a result that was kept on disk, None where there is none that can be read."""
    report = replace(JobReport.of_entry(entry), status=entry.status or JobStatus.COMPLETED)
    with suppress(WireFormatError, UnicodeDecodeError):
        # The text is in no variable here: it may be megabytes, and goes as soon as it is parsed.
        pubs = read_pubs(_kept_text(records, entry.job_id), entry.job_id)
        return Outcome(report, with_captions(pubs, records, entry.job_id))
    # It is damaged; the service may have it still.
    return None


def _kept_text(records: Records, job_id: str) -> str:
    data = records.read_result(job_id)
    if data is None:
        raise WireFormatError("No result was kept.")
    return data.decode()


def recall_result(job: "RuntimeJob") -> Outcome | None:
    """Return the result of a job that was submitted before, which we may be the last to have."""
    records = job.service.records
    with suppress(QrsessionError):
        if records.result_path(job.job_id()).exists():
            return recall_outcome(records, records.find_job(job.job_id()))
    return None
