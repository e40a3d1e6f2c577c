"""Where jobs run: a lane is one process that is warm before the first job needs it.

What users send is parsed there alone. A lane's process may be killed at any moment, by a cancel,
by a job's time limit or by the system for want of memory: its job fails alone, a new process is
started at once, and the next job runs.
"""

import asyncio
import os
import signal
import time
from dataclasses import dataclass, field
from typing import Protocol

from qrsession.errors import LocalRuntimeError
from qrsession.local.clock import REAL_TIME, ClockFace
from qrsession.local.devices.snapshots import Snapshot
from qrsession.local.lanes.lane_process import LaneProcess
from qrsession.local.lanes.memory import share_mb
from qrsession.protocol import faults
from qrsession.protocol.bounds import LONGEST_COST_S

_MOST_LANES = 4


@dataclass(frozen=True, slots=True)
class LaneJob:
    """One job for a lane.

    Attributes:
        job_id: The job's id, for its log.
        program_id: ``sampler``, ``estimator`` or ``executor``.
        params_json: The object ``params`` as it was sent.
        backend: The name of the backend.
        seed: What all of the job's randomness comes from, unless its options have a seed.
        cost_s: Seconds that it may take; None or 0 for as long as the API allows any job.
        snapshot: Where the documents of the backend are, if it is a device's twin.
        is_noisy: Whether that twin has the noise of its device.
        clock: What the runtime's clock shows, for the times in a result.
    """

    job_id: str
    program_id: str
    params_json: bytes = field(repr=False)
    backend: str
    seed: int
    cost_s: int | None
    snapshot: Snapshot | None = None
    is_noisy: bool = False
    clock: ClockFace = REAL_TIME


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job failed: IBM's numeric code, the reason, and what to do about it."""

    code: int
    reason: str
    solution: str


@dataclass(frozen=True, slots=True)
class LaneOutcome:
    """How a job ended in its lane.

    Attributes:
        result_json: The body of ``GET /jobs/{id}/results``; None for a failed job.
        failure: Why it failed; None for a job with a result.
        qpu_s: Seconds that its circuits took; for a killed job, seconds until it was killed.
        circuits_execution_time_ns: Nanoseconds that its circuits took.
        logs: What the program wrote: warnings, and the traceback of a failure.
        qiskit_version: The version of Qiskit that ran it, if it came so far.
    """

    result_json: bytes | None = field(repr=False)
    failure: Failure | None
    qpu_s: float
    circuits_execution_time_ns: int
    logs: str = field(repr=False)
    qiskit_version: str | None


@dataclass(frozen=True, slots=True)
class Interruption:
    """A job came back without an outcome: its lane is out of reach until it has started again.

    ``has_begun`` tells whether the job may have run.
    """

    has_begun: bool


_KILLED = Failure(faults.JOB_CANCELLED, "The job was ended while it ran.", "Submit it again.")


def ran_too_long(limit_s: float) -> Failure:
    """Say that a job did not end within its maximum execution time."""
    return Failure(
        faults.RAN_TOO_LONG,
        f"The job ran longer than its maximum execution time of {limit_s:g} seconds.",
        "Raise max_execution_time, or use fewer circuits, shots or qubits.",
    )


class JobLane(Protocol):
    """What a scheduler asks of a lane. One job at a time."""

    async def start(self) -> None:
        """Get warm. Raises `LocalRuntimeError` where that is not possible."""
        ...

    async def run(self, job: LaneJob) -> LaneOutcome | Interruption:
        """Run a job to its end; whatever goes wrong is a failure in the outcome."""
        ...

    def kill(self) -> None:
        """End the job that runs, if one does."""
        ...

    async def stop(self) -> None:
        """End everything; nothing is run afterwards."""
        ...


def default_num_lanes() -> int:
    """Return how many lanes suit this machine: as many as cores, at most four."""
    return max(1, min(os.cpu_count() or 1, _MOST_LANES))


def make_lanes(num_lanes: int) -> list["Lane"]:
    """Make lanes that share the machine's memory fairly; none is started yet."""
    memory_mb = share_mb(num_lanes)
    return [Lane(memory_mb) for _ in range(num_lanes)]


class Lane:
    """A lane on this machine. For one event loop."""

    def __init__(self, memory_mb: int) -> None:
        self._memory_mb = memory_mb
        self._process: LaneProcess | None = None
        self._start: asyncio.Task[None] | None = None
        self._qiskit_version: str | None = None
        self._is_running = False
        self._was_killed = False
        self._is_stopped = False

    @property
    def pid(self) -> int | None:
        """The process that runs jobs, once there is one."""
        return None if self._process is None else self._process.pid

    async def start(self) -> None:
        """Start the process and wait until it is warm, or until the lane is stopped.

        Raises:
            LocalRuntimeError: It did not get so far; the runtime's log says why.
        """
        if self._start is None:
            self._start = asyncio.get_running_loop().create_task(self._spawn())
        try:
            await asyncio.shield(self._start)
        except LocalRuntimeError:
            self._start = None
            if not self._is_stopped:
                raise

    async def _spawn(self) -> None:
        if self._is_stopped:
            raise LocalRuntimeError("The runtime is ending.")
        try:
            process = self._process = LaneProcess(self._memory_mb)
            head, _ = await process.connect()
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            await self._discard()
            raise LocalRuntimeError("A process to run jobs in could not be started.") from error
        self._qiskit_version = head["qiskit_version"]

    async def run(self, job: LaneJob) -> LaneOutcome:
        """Run a job to its end; whatever goes wrong is a failure in the outcome."""
        self._is_running, self._was_killed = True, False
        limit_s = min(job.cost_s or LONGEST_COST_S, LONGEST_COST_S)
        started_s = time.monotonic()
        try:
            await self.start()
            started_s = time.monotonic()
            failure = await self._ask(job, limit_s)
        except LocalRuntimeError as error:
            failure = Failure(faults.JOB_FAILED_TO_RUN, error.message, error.advice)
        finally:
            self._is_running = False
        if isinstance(failure, LaneOutcome):
            return failure
        return LaneOutcome(
            result_json=None,
            failure=failure,
            # A process that takes its time to end is not the job's to pay for.
            qpu_s=min(time.monotonic() - started_s, limit_s),
            circuits_execution_time_ns=0,
            logs="",
            qiskit_version=self._qiskit_version,
        )

    async def _ask(self, job: LaneJob, limit_s: float) -> LaneOutcome | Failure:
        process = self._process
        if process is None or self._was_killed:
            return _KILLED
        head: dict[str, object] = {
            "job_id": job.job_id,
            "program_id": job.program_id,
            "backend": job.backend,
            "seed": job.seed,
            "snapshot": None if job.snapshot is None else job.snapshot.to_json(),
            "is_noisy": job.is_noisy,
            "clock": list(job.clock),
        }
        try:
            async with asyncio.timeout(limit_s):
                outcome = _outcome_of(*await process.ask(head, job.params_json))
        except TimeoutError:
            await self._renew()
            return ran_too_long(limit_s)
        except (OSError, asyncio.IncompleteReadError):
            status = await self._renew()
            return self._how_it_died(status)
        except Exception:
            # What it says next could not be read either, or be taken for the next job's.
            await self._renew()
            raise
        if self._was_ended():
            # It had replied when the kill came; the next job must not meet a dead process.
            await self._renew()
            return _KILLED
        return outcome

    def _was_ended(self) -> bool:
        """Whether it was us who ended the process, while the job was in it."""
        return self._was_killed or self._is_stopped

    def _how_it_died(self, status: int) -> Failure:
        if self._was_ended():
            return _KILLED
        words = f"exit status {status}"
        if status < 0:
            words = f"signal {-status}, {signal.Signals(-status).name}"
        if status == -signal.SIGKILL:
            return Failure(
                faults.JOB_FAILED_TO_RUN,
                f"The process that ran the job was killed ({words}), as the system does when "
                "memory runs out.",
                "Use fewer qubits, shots or parameter values in a job; a runtime with fewer "
                "workers gives each more memory.",
            )
        return Failure(
            faults.JOB_FAILED_TO_RUN,
            f"The process that ran the job ended unexpectedly ({words}).",
            "Submit it again; if it happens again, the circuit may need too much memory.",
        )

    def kill(self) -> None:
        """End the job that runs, if one does, by killing its process."""
        if self._is_running:
            self._was_killed = True
            if self._process is not None and self._start is not None and self._start.done():
                self._process.kill()

    async def _renew(self) -> int:
        """Put a fresh process in the place of a dead or stuck one; it gets warm by itself."""
        status = await self._discard()
        if not self._is_stopped:
            self._start = asyncio.get_running_loop().create_task(self._spawn())
            # Whether it came up is asked by the next job.
            self._start.add_done_callback(_look_at)
        return status

    async def _discard(self) -> int:
        process, self._process = self._process, None
        return 0 if process is None else await process.end()

    async def stop(self) -> None:
        """Kill the process; nothing is run afterwards."""
        self._is_stopped = True
        start = self._start
        await self._discard()
        if start is not None:
            await asyncio.gather(start, return_exceptions=True)
            await self._discard()


def _look_at(task: asyncio.Task[None]) -> None:
    # An exception that nobody has looked at would be printed when the task is collected.
    if not task.cancelled():
        task.exception()


def _outcome_of(head: dict[str, object], body: bytes) -> LaneOutcome:
    failure = head["failure"]
    execution_ns = int(str(head["execution_ns"]))
    return LaneOutcome(
        result_json=body if failure is None else None,
        failure=Failure(**failure) if isinstance(failure, dict) else None,
        qpu_s=execution_ns / 1e9,
        circuits_execution_time_ns=execution_ns,
        logs=str(head["logs"]),
        qiskit_version=str(head["qiskit_version"]),
    )
