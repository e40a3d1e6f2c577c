"""What happens to jobs and sessions, each event as one transaction over both.

Every method first settles the sessions whose time has come, so that nothing is decided on a state
that is out of date, however late a timer is.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from qrsession.local import lifecycle
from qrsession.local.changes import Changes
from qrsession.local.clock import Clock
from qrsession.local.config import MOST_ATTEMPTS
from qrsession.local.job_rows import Ending, Job, Submission
from qrsession.local.lifecycle import Session
from qrsession.local.metering import Meter
from qrsession.local.queue_rows import NOTHING_HELD, Held
from qrsession.local.refusals import bad_request, not_found
from qrsession.local.store import Store
from qrsession.protocol import faults
from qrsession.protocol.status import JobStatus, SessionMode

_SESSION_ENDED = Ending(
    JobStatus.FAILED,
    reason="The job's session ended before the job could run.",
    reason_code=faults.SESSION_CLOSED_BEFORE_RUN,
    reason_solution="Open a session with a longer maximum time, and submit the job to that.",
)
_SESSION_CANCELLED = Ending(
    JobStatus.CANCELLED,
    reason="The job's session was cancelled before the job ran.",
    reason_code=faults.SESSION_CLOSED_BEFORE_RUN,
    reason_solution="Open a new session, and submit the job to that.",
)
_LIMIT_REACHED = Ending(
    JobStatus.CANCELLED,
    reason="The instance reached its usage limit before the job could run.",
    reason_code=faults.USAGE_LIMIT_REACHED,
    reason_solution="Raise the limit, or submit the job again when older usage counts no more.",
)
_TOO_MANY_ATTEMPTS = Ending(
    JobStatus.FAILED,
    reason=f"The runtime ended while the job ran, {MOST_ATTEMPTS} times.",
    reason_code=faults.JOB_FAILED_TO_RUN,
    reason_solution="Make the job smaller: it may have taken all memory of the machine.",
)
_LANE_LOST = Ending(
    JobStatus.FAILED,
    reason=f"The way to the job's lane was lost while it ran, {MOST_ATTEMPTS} times.",
    reason_code=faults.JOB_FAILED_TO_RUN,
    reason_solution="Check the cluster that runs the jobs, and submit the job again.",
)


def _nobody_waits(_deadline: datetime) -> None:
    """Ring nowhere: sessions are settled when somebody asks."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A job that was taken to run: the job as it is since, and its params as they were sent."""

    job: Job
    params_json: bytes


class Books:
    """Jobs and sessions, and what happens to them."""

    def __init__(self, store: Store, clock: Clock, changes: Changes, meter: Meter) -> None:
        self._store = store
        self._meter = meter
        self._clock = clock
        self._changes = changes
        self._next_deadline: datetime | None = None
        self._on_deadline: Callable[[datetime], None] = _nobody_waits

    def ring(self, on_deadline: Callable[[datetime], None]) -> None:
        """Have a function called with each moment at which `now` is to be called again."""
        self._on_deadline = on_deadline

    def open_session(
        self, session_id: str, backend: str | None, mode: SessionMode, max_ttl_s: int
    ) -> Session:
        """Add a session."""
        session = lifecycle.open_session(session_id, backend, mode, max_ttl_s, self.now())
        self._store.sessions.add(session)
        self._watch(session)
        return session

    def session(self, session_id: str) -> Session:
        """Return a session as it is now; refuse an unknown one with 404."""
        self.now()
        return self._load(session_id)

    def submit(self, submission: Submission) -> None:
        """Queue a job; refuse one whose session is unknown, ended or elsewhere with 400.

        Once the instance has used all that it may, every job is refused with 409.
        """
        now = self.now()
        self._meter.check(now)
        request = submission.request
        with self._store.transaction():
            if request.session_id is not None:
                session = self._session_for(request.session_id, request.backend)
                self._save(session, lifecycle.job_queued(session, now, request.backend))
            self._store.jobs.add(submission, now)

    def claim_next(self, held: Held = NOTHING_HELD) -> Claim | None:
        """Take the job that is next, None where none may run now."""
        now = self.now()
        job = self._store.queue.next_job(held)
        if job is None:
            return None
        with self._store.transaction():
            if not self._store.jobs.claim(job, now):
                return None
            if job.session_id is not None:
                session = self._load(job.session_id)
                self._save(session, lifecycle.job_started(session, now))
            # Where they cannot be read, the job has not been taken either.
            params_json = self._store.jobs.params(job)
        self._changes.notify(job.job_id)
        claimed = replace(
            job,
            status=JobStatus.RUNNING,
            generation=job.generation + 1,
            attempts=job.attempts + 1,
            started_at=now,
        )
        # A queued job always has params; were they lost, the lane's refusal is the best there is.
        return Claim(claimed, params_json or b"{}")

    def end(self, job: Job, ending: Ending) -> bool:
        """Give a job its one final state, with result and charge.

        Returns False, with nothing changed, where the job is no longer what ``job`` says: it was
        cancelled, or deleted, or is being run by a later claim.
        """
        now = self.now()
        with self._store.transaction():
            has_ended = self._end(job, ending, now)
        if has_ended:
            self._changes.notify(job.job_id)
        return has_ended

    def set_accepting(self, session_id: str, *, accepting: bool) -> None:
        """Close a session to new jobs, or open it again where it has not ended."""
        now = self.now()
        with self._store.transaction():
            session = self._load(session_id)
            self._save(session, lifecycle.set_accepting(session, now, accepting=accepting))

    def cancel_session(self, session_id: str) -> None:
        """End a session: queued jobs are cancelled, running ones complete."""
        now = self.now()
        with self._store.transaction():
            dropped = self._drop_queued(session_id, _SESSION_CANCELLED, now)
            session = self._load(session_id)
            self._save(session, lifecycle.cancel(session, now))
        self._notify(dropped)

    def recover(self) -> None:
        """Put right what a runtime left behind that died: no job runs, whatever the rows say."""
        now = self._clock.now()
        with self._store.transaction():
            for job in self._store.jobs.running():
                self._stop_counting(job, None)
                if job.attempts >= MOST_ATTEMPTS:
                    self._end(job, _TOO_MANY_ATTEMPTS, now)
                else:
                    self._store.jobs.requeue(job, is_counted=True)
            for session in self._store.sessions.closed_with_queued():
                self._drop_queued(session.session_id, _SESSION_ENDED, now)
                left = self._load(session.session_id)
                self._save(left, lifecycle.jobs_dropped(left, now))
        self._next_deadline = self._store.sessions.earliest_deadline()
        self.now()
        if self._next_deadline is not None:
            self._on_deadline(self._next_deadline)

    def interrupt(self, job: Job, *, is_counted: bool) -> None:
        """Give a job back to the queue whose lane is out of reach, if it is still to be run.

        ``is_counted`` says whether this run of it counts as an attempt. After the last one, or
        where its session has closed, the job ends instead.
        """
        now = self.now()
        with self._store.transaction():
            if not self._is_same(job):
                # Cancelled, or gone with its session, while this could not be written.
                return
            if is_counted and job.attempts >= MOST_ATTEMPTS:
                self._end(job, _LANE_LOST, now)
            elif job.session_id is not None and self._load(job.session_id).is_closed:
                self._end(job, _SESSION_ENDED, now)
            else:
                self._store.jobs.requeue(job, is_counted=is_counted)
        self._changes.notify(job.job_id)

    def _is_same(self, job: Job) -> bool:
        found = self._store.jobs.get(job.job_id)
        return found is not None and (found.status, found.generation) == (
            job.status,
            job.generation,
        )

    def give_back(self) -> None:
        """Give the running jobs back to the queue: this runtime ends before they do."""
        now = self._clock.now()
        with self._store.transaction():
            for job in self._store.jobs.running():
                self._stop_counting(job, now)
                self._store.jobs.requeue(job, is_counted=False)

    def _stop_counting(self, job: Job, when: datetime | None) -> None:
        """Let a job that outlived its session use the backend no longer than its runtime was up.

        Of a runtime that died, None, it is known that it was when the session closed.
        """
        if job.session_id is not None:
            session = self._load(job.session_id)
            self._save(session, lifecycle.runtime_ended(session, when or session.updated_at))

    def now(self) -> datetime:
        """Return the time, after settling the sessions whose time, or whose money, has come."""
        now = self._clock.now()
        while True:
            limit_at = self._limit_reached_at(now)
            deadline = self._next_deadline
            if limit_at is not None and limit_at <= now and not _comes_first(deadline, limit_at):
                self._close_all(limit_at)
            elif deadline is not None and deadline <= now:
                # Where usage is limited, what a deadline ends decides about the limit after it.
                self._settle_until(now if self._meter.limit_s is None else deadline)
            else:
                break
        if limit_at is not None:
            self._on_deadline(limit_at)
        return now

    def _limit_reached_at(self, now: datetime) -> datetime | None:
        if self._meter.limit_s is None:
            return None
        return self._meter.ends_at(self._store.sessions.unclosed(), now)

    def _close_all(self, limit_at: datetime) -> None:
        """Close what is open, because the instance has nothing left to use."""
        for session in self._store.sessions.unclosed():
            dropped: list[Job] = []
            with self._store.transaction():
                self._save(session, lifecycle.reach_limit(session, limit_at))
                if session.has_queued:
                    dropped = self._drop_queued(session.session_id, _LIMIT_REACHED, limit_at)
            self._notify(dropped)
        self._next_deadline = self._store.sessions.earliest_deadline()

    def _settle_until(self, now: datetime) -> None:
        for session in self._store.sessions.unclosed():
            deadline = lifecycle.next_deadline(session)
            if deadline is not None and deadline <= now:
                self._settle(session, now)
        self._next_deadline = self._store.sessions.earliest_deadline()
        if self._next_deadline is not None:
            self._on_deadline(self._next_deadline)

    def _settle(self, session: Session, now: datetime) -> None:
        dropped: list[Job] = []
        with self._store.transaction():
            settled = lifecycle.expire(session, now)
            self._save(session, settled)
            if settled.is_closed and settled.has_queued:
                # At the moment of the deadline, however late the timer was.
                ended_at = settled.closed_at or now
                dropped = self._drop_queued(session.session_id, _SESSION_ENDED, ended_at)
        self._notify(dropped)

    def _load(self, session_id: str) -> Session:
        session = self._store.sessions.get(session_id)
        if session is None:
            raise not_found("Session", session_id)
        return session

    def _session_for(self, session_id: str, backend: str) -> Session:
        session = self._store.sessions.get(session_id)
        if session is None:
            raise bad_request(
                f"Session not found. Session ID: {session_id}",
                solution="Check the ID of the session and try again.",
            )
        if not session.accepting_jobs:
            raise bad_request(
                "Session has been closed.",
                code=faults.SESSION_CLOSED,
                solution="Open a session with a longer maximum time, or submit jobs sooner.",
            )
        if session.backend not in {None, backend}:
            raise bad_request(
                f"The session is on {session.backend}, the job is for {backend}.",
                solution="Submit the job to the session's backend.",
            )
        return session

    def _end(self, job: Job, ending: Ending, now: datetime) -> bool:
        if not self._store.jobs.end(job, ending, now):
            return False
        if job.session_id is None:
            self._store.listing.charge(now, ending.qpu_s)
            return True
        session = self._load(job.session_id)
        if session.mode is SessionMode.BATCH:
            self._store.listing.charge(now, ending.qpu_s)
        if job.status is JobStatus.RUNNING:
            self._save(session, lifecycle.job_ended(session, now, ending.qpu_s))
        else:
            self._save(session, lifecycle.jobs_dropped(session, now))
        return True

    def _drop_queued(self, session_id: str, ending: Ending, now: datetime) -> list[Job]:
        jobs = self._store.jobs.queued_in_session(session_id)
        return [job for job in jobs if self._store.jobs.end(job, ending, now)]

    def _notify(self, jobs: list[Job]) -> None:
        for job in jobs:
            self._changes.notify(job.job_id)

    def _save(self, before: Session, after: Session) -> None:
        self._store.sessions.save(after)
        if after.mode is SessionMode.DEDICATED:
            # A dedicated session is charged for its time, and its jobs are not charged beside it.
            self._store.listing.charge(after.updated_at, after.usage_s - before.usage_s)
        self._watch(after)

    def _watch(self, session: Session) -> None:
        deadline = lifecycle.next_deadline(session)
        if deadline is not None and (self._next_deadline is None or deadline < self._next_deadline):
            self._next_deadline = deadline
            self._on_deadline(deadline)


def _comes_first(deadline: datetime | None, moment: datetime) -> bool:
    return deadline is not None and deadline < moment
