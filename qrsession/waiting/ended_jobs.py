"""What a job that has ended came to: its result is fetched, kept on disk, and then read."""

from qrsession.errors import (
    JobCancelledError,
    JobFailedError,
    QrsessionError,
    UsageError,
)
from qrsession.job import RuntimeJob
from qrsession.protocol.status import JobStatus
from qrsession.results.captioning import with_captions
from qrsession.results.outcomes import Outcome, keep_result, result_command
from qrsession.results.pubs import read_pubs
from qrsession.verbs.job_ends import note_end
from qrsession.verbs.reports import JobReport
from qrsession.waiting.events import Note, NoteKind, ResultKept, Tell
from qrsession.waiting.single import Deadline, Waiting
from qrsession.waiting.terms import Terms

# What has ended in time is fetched, though the time be over meanwhile.
_LEAST_FETCHING_S = 10.0


def read_ended(job: RuntimeJob, report: JobReport, terms: Terms, tell: Tell) -> Outcome:
    """Return what a job that has ended came to; its result is on disk before it is read."""
    is_completed = report.status == JobStatus.COMPLETED
    if is_completed and job.record().private and not terms.takes_private:
        tell(
            Note(
                NoteKind.INFO,
                f"Job {report.job_id} is private: its result can be read once, by "
                f"{result_command([report.job_id])}",
            )
        )
        return Outcome(report)
    try:
        text = _fetch(job, terms, tell)
        path = keep_result(job, text)
    except QrsessionError as error:
        if isinstance(error, JobFailedError | JobCancelledError):
            note_end(job.service, job.record(), is_known=True)
        return Outcome(report, error=error)
    if path is not None:
        tell(ResultKept(report.job_id, str(path)))
    return _with_pubs(job, report, text, terms)


def _fetch(job: RuntimeJob, terms: Terms, tell: Tell) -> str:
    left_s = terms.deadline.left_s
    waiting = Waiting(
        Deadline(None if left_s == float("inf") else max(left_s, _LEAST_FETCHING_S)),
        in_session=job.session_id is not None,
        on_lost=lambda sentence: tell(Note(NoteKind.SERVICE_LOST, sentence)),
        on_back=lambda: tell(Note.back()),
    )
    return waiting.ask(job.result_text, job.service.reconnect)


def _with_pubs(job: RuntimeJob, report: JobReport, text: str, terms: Terms) -> Outcome:
    try:
        pubs = read_pubs(text, report.job_id)
        return Outcome(report, with_captions(pubs, job.service.records, report.job_id))
    except UsageError as error:
        # Raw data of another program, which is kept as it is.
        return Outcome(report, error=error if terms.needs_pubs else None)
    except QrsessionError as error:
        return Outcome(report, error=error)
