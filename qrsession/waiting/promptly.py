"""Waiting for one job after another, each of them short: one request a job where that is possible.

What is told of such a job is its result alone, so nobody asks how far it has come.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from qrsession.errors import QrsessionError, StorageError
from qrsession.job import RuntimeJob
from qrsession.money.paying import has_budget, settle
from qrsession.protocol.status import JobStatus
from qrsession.results.captioning import with_captions
from qrsession.results.outcomes import Outcome, keep_result
from qrsession.results.pubs import read_pubs
from qrsession.verbs.reports import JobReport
from qrsession.waiting.awaiting import await_jobs
from qrsession.waiting.errors import interruption
from qrsession.waiting.terms import Terms

if TYPE_CHECKING:
    from qrsession.waiting.events import Tell

Watching = Callable[[Sequence[RuntimeJob]], AbstractContextManager["Tell"]]


def await_promptly(job: RuntimeJob, terms: Terms, watching: Watching) -> Outcome:
    """Wait for a job that is likely to end soon, and keep its result.

    Args:
        job: The job.
        terms: What ends the wait.
        watching: Shows the wait where it takes longer, and gives what is told of it.

    Raises:
        JobFailedError: It failed.
        JobCancelledError: It was cancelled.
        WaitTimeoutError: The time ran out.
        WaitInterruptedError: The user interrupted the waiting; the job goes on.
        QrsessionError: The result cannot be read.
    """
    timeout_s = None if terms.deadline.timeout_s is None else terms.deadline.left_s
    try:
        text = job.held_result_text(timeout_s)
        if text is not None:
            return _keep(job, text)
    except KeyboardInterrupt:
        ids = [job.job_id()]
        outcomes = [Outcome(JobReport.of_record(job.record()))]
        raise interruption(outcomes, ids, terms.resume(ids)) from None
    with watching([job]) as tell:
        (outcome,) = await_jobs([job], terms, tell).checked()
    return outcome


def _keep(job: RuntimeJob, text: str) -> Outcome:
    record = replace(job.record(), status=JobStatus.COMPLETED)
    if has_budget(job.service, record.session_id):
        # What it used has to be known before the next one is sent.
        with suppress(QrsessionError):
            record = job.refresh()
            settle(job.service, record)
    report = JobReport.of_record(record)
    # Nobody waits for our own copy, nor for the disk: the service has one for days.
    with suppress(StorageError):
        keep_result(job, text, report, durable=False)
    pubs = read_pubs(text, report.job_id)
    return Outcome(report, with_captions(pubs, job.service.records, report.job_id))
