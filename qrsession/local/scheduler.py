"""Puts jobs on lanes: claims what is next, assigns it, records how it ended.

It is woken by what happens (a submission, an ending, a timer) and never polls. A submission that
meets an idle lane is claimed and handed over before its request is answered.
"""

import asyncio
import hashlib
import logging
import time
from collections import deque
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from qrsession.errors import StorageError
from qrsession.local.alarm import Alarm
from qrsession.local.bookkeeping import Books, Claim
from qrsession.local.clock import Clock, face_of
from qrsession.local.devices import Device
from qrsession.local.job_rows import Ending, Job
from qrsession.local.lanes import Interruption, JobLane, LaneJob, LaneOutcome
from qrsession.local.queue_rows import Held
from qrsession.local.stage import Stage
from qrsession.protocol import faults
from qrsession.protocol.status import JobStatus

_LOGGER = logging.getLogger(__name__)
# How long to wait before a database that refused a write is tried again; real time.
_STORAGE_RETRY_S = 1.0

_CANCELLED_BY_USER = "The job was cancelled by its user."
_LANE_FAILED = Ending(
    JobStatus.FAILED,
    reason="The job could not be run.",
    reason_code=faults.JOB_FAILED_TO_RUN,
    reason_solution="Submit it again; see the runtime's log if it fails again.",
)


class Scheduler:
    """The lanes of one runtime and what runs on them. For one event loop."""

    def __init__(
        self,
        books: Books,
        lanes: Sequence[JobLane],
        clock: Clock,
        devices: Mapping[str, Device],
        stage: Stage,
    ) -> None:
        self._books = books
        self._lanes = lanes
        self._devices = devices
        self._stage = stage
        self._idle: deque[JobLane] = deque()
        self._running: dict[str, tuple[JobLane, float]] = {}
        self._killed: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._said: set[str] = set()
        self._is_ending = False
        self._retry: asyncio.TimerHandle | None = None
        self._next_due: asyncio.TimerHandle | None = None
        self._clock = clock
        self._alarm = Alarm(clock, self.dispatch)

    def start(self) -> None:
        """Warm the lanes up; each takes jobs as soon as it is ready."""
        self._books.ring(self._alarm.set)
        self._books.recover()
        for lane in self._lanes:
            self._spawn(self._warm_up(lane))

    async def stop(self) -> None:
        """Stop the lanes; jobs that run go back to the queue and run when a runtime is next up."""
        self._is_ending = True
        self._alarm.clear()
        for timer in (self._retry, self._next_due):
            if timer is not None:
                timer.cancel()
        try:
            self._books.give_back()
        except StorageError:
            # The next runtime finds them running, and takes them for orphans as it should.
            _LOGGER.exception("Running jobs were not given back to the queue")
        await asyncio.gather(*(lane.stop() for lane in self._lanes))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def dispatch(self) -> None:
        """Give each idle lane the job that is next, and settle sessions whose time has come."""
        if self._is_ending:
            return
        try:
            self._books.now()
            while self._idle:
                claim = self._books.claim_next(self._held())
                if claim is None:
                    self._look_again_in(self._stage.next_due_s())
                    return
                lane = self._idle.popleft()
                self._running[claim.job.job_id] = (lane, time.monotonic())
                self._spawn(self._run(lane, claim))
        except StorageError as error:
            self._complain("No job can be taken from the queue", error)
            if self._retry is None:
                loop = asyncio.get_running_loop()
                self._retry = loop.call_later(_STORAGE_RETRY_S, self._dispatch_again)

    def drop_running(self) -> None:
        """End what runs, and record nothing of it: its rows are gone."""
        for job_id, (lane, _) in self._running.items():
            self._killed.add(job_id)
            self._stage.cast.drop(job_id)
            lane.kill()

    def _held(self) -> Held:
        return Held(self._stage.outages.holds, self._stage.cast.waiting())

    def _look_again_in(self, seconds: float | None) -> None:
        """Look once more when what a scenario holds back is let go."""
        if self._next_due is not None:
            self._next_due.cancel()
            self._next_due = None
        if seconds is not None:
            loop = asyncio.get_running_loop()
            self._next_due = loop.call_later(max(seconds, 0.0), self.dispatch)

    def _dispatch_again(self) -> None:
        self._retry = None
        self.dispatch()

    def cancel(self, job: Job) -> bool:
        """Cancel a queued or running job; the lane's process dies under a running one.

        Returns whether the job was still there to be cancelled.
        """
        running = self._running.get(job.job_id)
        # The lane's time is real time whatever the clock's rate is, as the job's limit is.
        held_s = 0.0 if running is None else min(time.monotonic() - running[1], job.cost_s)
        ending = Ending(JobStatus.CANCELLED, reason=_CANCELLED_BY_USER, qpu_s=held_s)
        if not self._books.end(job, ending):
            return False
        if running is not None:
            self._killed.add(job.job_id)
            running[0].kill()
        self._stage.cast.drop(job.job_id)
        self.dispatch()
        return True

    async def _warm_up(self, lane: JobLane) -> None:
        try:
            await lane.start()
        except Exception:
            # It starts its process anew for the next job, which then says what is wrong.
            _LOGGER.exception("A lane did not start")
        self._idle.append(lane)
        self.dispatch()

    async def _run(self, lane: JobLane, claim: Claim) -> None:
        job = claim.job
        ending: Ending | Interruption | None = None
        if job.job_id not in self._killed:
            try:
                ending = await self._ending(lane, claim)
            except Exception:
                # A fault of the lane's own must cost neither the lane nor the job's final state.
                _LOGGER.exception("The lane of job %s failed", job.job_id)
                ending = _LANE_FAILED
            if not self._is_ending:
                try:
                    await self._record(job, ending)
                except Exception:
                    # The next runtime takes it for an orphan. The lane is needed now.
                    _LOGGER.exception("The end of job %s was not recorded", job.job_id)
        del self._running[job.job_id]
        if isinstance(ending, Interruption):
            self._killed.discard(job.job_id)
            # It takes jobs again once there is a way to it.
            self._spawn(self._warm_up(lane))
            return
        if job.job_id in self._killed:
            # Its process has to start anew, so another idle lane is the better choice.
            self._killed.discard(job.job_id)
            self._idle.append(lane)
        else:
            self._idle.appendleft(lane)
        self.dispatch()

    async def _ending(self, lane: JobLane, claim: Claim) -> Ending | Interruption:
        job = claim.job
        device = self._devices.get(job.backend)
        if device is None:
            # It was queued in another runtime's life. To run it on anything else would be a lie.
            return _not_offered(job.backend)
        lane_job = LaneJob(
            job_id=job.job_id,
            program_id=job.program_id,
            params_json=claim.params_json,
            backend=job.backend,
            seed=_seed(job.job_id),
            cost_s=job.cost_s,
            snapshot=device.snapshot,
            is_noisy=device.is_noisy,
            clock=face_of(self._clock, time.time()),
        )

        async def run() -> Ending | Interruption:
            outcome = await lane.run(lane_job)
            return outcome if isinstance(outcome, Interruption) else ending_of(outcome)

        return await self._stage.cast.perform(job, run)

    async def _record(self, job: Job, ending: Ending | Interruption) -> None:
        while True:
            try:
                if isinstance(ending, Interruption):
                    self._books.interrupt(job, is_counted=ending.has_begun)
                else:
                    self._books.end(job, ending)
            except StorageError as error:
                # A full disk: the outcome is kept here, and the lane with it, until it fits.
                self._complain(f"The outcome of job {job.job_id} is not recorded yet", error)
                await asyncio.sleep(_STORAGE_RETRY_S)
            except Exception:
                if ending is _LANE_FAILED:
                    raise
                # A lane may say what no database holds. It must cost its job alone.
                _LOGGER.exception("The outcome of job %s cannot be recorded", job.job_id)
                ending = _LANE_FAILED
            else:
                self._said.clear()
                return

    def _complain(self, what: str, error: StorageError) -> None:
        """Log what cannot be written, once: it is tried each second, and the log is on a disk."""
        if what not in self._said:
            self._said.add(what)
            _LOGGER.error("%s: %s", what, error)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _not_offered(backend: str) -> Ending:
    return Ending(
        JobStatus.FAILED,
        reason=f"The backend {backend} is not offered any more.",
        reason_code=faults.JOB_FAILED_TO_RUN,
        reason_solution="Start the runtime with its snapshots (--twins where it was used), "
        "or submit the job to another backend.",
    )


def ending_of(outcome: LaneOutcome) -> Ending:
    """Say what a lane's outcome makes of its job."""
    failure = outcome.failure
    if failure is None:
        status = JobStatus.COMPLETED
    elif failure.code == faults.RAN_TOO_LONG:
        status = JobStatus.CANCELLED
    else:
        status = JobStatus.FAILED
    return Ending(
        status=status,
        reason=None if failure is None else failure.reason,
        reason_code=None if failure is None else failure.code,
        reason_solution=None if failure is None else failure.solution,
        result_json=outcome.result_json,
        logs=outcome.logs,
        qpu_s=outcome.qpu_s,
        circuits_execution_time_ns=outcome.circuits_execution_time_ns,
        qiskit_version=outcome.qiskit_version,
    )


def _seed(job_id: str) -> int:
    # Aer seeds each shot by adding one, so seeds of two jobs must not be neighbours.
    return int.from_bytes(hashlib.sha256(job_id.encode()).digest()[:6], "big")
