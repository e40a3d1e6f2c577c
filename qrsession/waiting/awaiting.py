"""Waiting for jobs: which end decides, and what each of them came to.

What `run`, `wait` and `result --wait` stand on. See "Waiting" in docs/explanation.md.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qrsession.errors import (
    QrsessionError,
    RequestRefusedError,
    WaitInterruptedError,
    WaitTimeoutError,
)
from qrsession.protocol.status import FINAL_JOB_STATUSES
from qrsession.results.outcomes import Outcome, recall_result
from qrsession.verbs.reports import UNKNOWN_STATUS, JobReport
from qrsession.waiting.errors import interruption, joint_error
from qrsession.waiting.events import JobLost, JobStatusSeen, Note, Tell, ignore
from qrsession.waiting.rounds import Happening, Lost, Sighting
from qrsession.waiting.terms import Terms

if TYPE_CHECKING:
    from qrsession.job import RuntimeJob


@dataclass(frozen=True)
class Awaited:
    """What a wait came to.

    Attributes:
        outcomes: What is known of each job, in the order in which they were given.
        error: What the wait as a whole failed by, None where all is well.
        decided_by: The id of the job whose end decided, where any was enough.
    """

    outcomes: Sequence[Outcome]
    error: QrsessionError | None = None
    decided_by: str | None = None

    def checked(self) -> Sequence[Outcome]:
        """Return what the jobs came to.

        Raises:
            JobFailedError: One failed.
            JobCancelledError: One was cancelled.
            WaitTimeoutError: The time ran out; the jobs go on, or were cancelled where asked for.
            QrsessionError: The service does not know one, or a result cannot be read or kept.
        """
        if self.error is not None:
            raise self.error
        return self.outcomes


def await_jobs(
    jobs: "Sequence[RuntimeJob | Outcome]", terms: Terms | None = None, tell: Tell = ignore
) -> Awaited:
    """Wait for jobs at whatever services, all at once, and keep each result on disk as it comes.

    A service that is out of reach, for less than a day, does not end the waiting.

    Args:
        jobs: The jobs, or what they came to where that is known; each once.
        terms: What ends the wait; None: that all jobs have ended.
        tell: Is told what happens, in this thread.

    Returns:
        What the jobs came to. A job that failed is no exception here: `Awaited.checked` raises it.

    Raises:
        WaitInterruptedError: The user interrupted the waiting; the jobs go on.
    """
    wait = _Wait(jobs, terms or Terms(), tell)
    try:
        return wait.run()
    except KeyboardInterrupt:
        raise wait.interruption() from None


class _Wait:
    """One wait: what its jobs came to so far, by their ids."""

    def __init__(self, jobs: "Sequence[RuntimeJob | Outcome]", terms: Terms, tell: Tell) -> None:
        self._jobs = {_report_of(job).job_id: job for job in jobs}
        self._terms = terms
        self._tell = tell
        self._outcomes: dict[str, Outcome] = {}
        self._said: dict[str, str] = {}
        self._decided_by: str | None = None

    def run(self) -> Awaited:
        """Wait."""
        self._recall()
        left = self._left()
        if left and not self._is_over():
            # Imported here: what was kept needs nobody to be asked.
            from qrsession.waiting.watching import Watch  # noqa: PLC0415

            with Watch(left, self._terms.deadline) as happenings:
                for happening in happenings:
                    self._take(happening)
                    if self._is_over():
                        break
        if self._is_over():
            self._catch_up()
        else:
            self._time_out()
        return self._awaited()

    def interruption(self) -> WaitInterruptedError:
        """Return the error for a wait that the user ended."""
        left = [job.job_id() for job in self._left()]
        return interruption(self._all(), left, self._terms.resume([*self._jobs]))

    def _recall(self) -> None:
        """Tell what is known already, in the order in which the user named the jobs."""
        for job in self._jobs.values():
            known = job if isinstance(job, Outcome) else recall_result(job)
            report = _report_of(known or job)
            if report.status != UNKNOWN_STATUS:
                self._say(report)
            if known is not None:
                self._end(known)

    def _catch_up(self) -> None:
        """See to the other jobs when some ended the wait, so that each is told of as it is."""
        left = self._left()
        if not left:
            return
        from qrsession.waiting.watching import look_once  # noqa: PLC0415 - as above

        for job in left:
            # It was seen to end, and that was not told of yet.
            if job.record().status in FINAL_JOB_STATUSES:
                self._take(Sighting(job, job.record()))
        for happening in look_once([job for job in left if job.record().status == UNKNOWN_STATUS]):
            self._take(happening)

    def _left(self) -> "list[RuntimeJob]":
        """Return the jobs that have not ended, as far as is known."""
        jobs = [job for job in self._jobs.values() if not isinstance(job, Outcome)]
        return [job for job in jobs if job.job_id() not in self._outcomes]

    def _is_over(self) -> bool:
        if len(self._outcomes) == len(self._jobs) or self._decided_by is not None:
            return True
        return self._terms.fail_fast and any(one.error for one in self._outcomes.values())

    def _take(self, happening: Happening) -> None:
        if isinstance(happening, Note):
            self._tell(happening)
            return
        report = JobReport.of_record(happening.job.record())
        if report.job_id in self._outcomes:
            return
        if isinstance(happening, Lost):
            self._tell(JobLost(report.job_id, happening.error.code, happening.error.message))
            self._end(Outcome(report, error=happening.error))
            return
        self._say(report)
        if report.status in FINAL_JOB_STATUSES:
            self._end(self._read(happening.job, report))

    def _read(self, job: "RuntimeJob", report: JobReport) -> Outcome:
        from qrsession.waiting.ended_jobs import read_ended  # noqa: PLC0415 - as above

        return read_ended(job, report, self._terms, self._tell)

    def _say(self, job: JobReport) -> None:
        """Tell of a job's state where it has changed."""
        before = self._said.get(job.job_id)
        if before != job.status:
            self._said[job.job_id] = job.status
            seen = JobStatusSeen(
                job.job_id, job.session_id, before, job.status, job.reason, job.reason_code
            )
            self._tell(seen)

    def _end(self, outcome: Outcome) -> None:
        self._outcomes[outcome.job.job_id] = outcome
        if self._terms.any_end and self._decided_by is None:
            self._decided_by = outcome.job.job_id

    def _time_out(self) -> None:
        """See to the jobs that are left when the time is over."""
        left, whole_s = self._left(), self._terms.deadline.whole_s
        if self._terms.cancel_on_timeout:
            left = [job for job in left if self._cancel(job)]
        ids = [job.job_id() for job in left]
        for job in left:
            report = JobReport.of_record(job.record())
            if self._terms.cancel_on_timeout:
                error = WaitTimeoutError(
                    f"The time ran out; cancelled: {', '.join(ids)}.",
                    advice="Give more time with --timeout.",
                    details={"job_ids": ids},
                )
            else:
                error = WaitTimeoutError(
                    f"Job {report.job_id} is still {report.status.lower()} after {whole_s:g} s.",
                    advice=f"It goes on; take it up again: {self._terms.resume([report.job_id])}",
                    details={"job_id": report.job_id, "status": report.status},
                )
            self._outcomes[report.job_id] = Outcome(report, error=error)

    def _cancel(self, job: "RuntimeJob") -> bool:
        """Cancel a job, and return whether that was not too late: then it counts as it ended."""
        try:
            job.cancel()
        except RequestRefusedError:
            with suppress(QrsessionError):
                job.look()
            report = JobReport.of_record(job.record())
            if report.status not in FINAL_JOB_STATUSES:
                return True
            self._say(report)
            self._outcomes[report.job_id] = self._read(job, report)
            return False
        except QrsessionError:
            # Out of reach: the message says what was tried.
            return True
        return True

    def _all(self) -> list[Outcome]:
        return [
            self._outcomes.get(job_id) or Outcome(_report_of(job))
            for job_id, job in self._jobs.items()
        ]

    def _awaited(self) -> Awaited:
        outcomes = self._all()
        if self._decided_by is not None:
            error = self._outcomes[self._decided_by].error
            return Awaited(outcomes, error, self._decided_by)
        ended = {one.job.job_id for one in outcomes if one.job.status in FINAL_JOB_STATUSES}
        left = [job_id for job_id in self._jobs if job_id not in ended]
        goes_on = left and not self._terms.cancel_on_timeout
        take_up = self._terms.resume(left) if goes_on else None
        return Awaited(outcomes, joint_error(outcomes, take_up))


def _report_of(job: "RuntimeJob | Outcome") -> JobReport:
    return job.job if isinstance(job, Outcome) else JobReport.of_record(job.record())
