"""Lanes on a Dask cluster, as the scheduler of a runtime sees them.

A lane here is no process but one place on the cluster: so many jobs of this runtime are on it at
once. Dask chooses the worker, and another one where a worker is lost while it runs the job.
"""

import time

from qrsession.errors import InvalidValueError, QrsessionError
from qrsession.local.cluster.address import scheduler_address
from qrsession.local.cluster.connection import Cluster, ClusterLostError, Task
from qrsession.local.cluster.inspection import inspect
from qrsession.local.lanes.lane import Failure, Interruption, LaneJob, LaneOutcome
from qrsession.protocol import faults

_KILLED = Failure(faults.JOB_CANCELLED, "The job was ended while it ran.", "Submit it again.")


def make_cluster_lanes(engine: str, num_lanes: int | None) -> list["ClusterLane"]:
    """Look at a cluster, and make lanes on it; none is started yet.

    Args:
        engine: ``dask://HOST:PORT`` or ``tls://HOST:PORT``.
        num_lanes: How many jobs are on it at once; None for as many as its workers have threads.

    Raises:
        LocalRuntimeError: The scheduler is out of reach, or the cluster cannot run jobs.
        InvalidValueError: The engine is not the address of a scheduler; or the cluster has no
            worker that would tell how many lanes suit it.
    """
    address = scheduler_address(engine)
    size = inspect(address)
    num_lanes = num_lanes or size.num_threads
    if not num_lanes:
        raise InvalidValueError(
            f"The Dask cluster at {address} has no worker yet.",
            advice="Start one (`dask worker`), or say how many jobs run at once: --workers N",
        )
    # Rounded up: the worker that has more to do should not be the one that is cold.
    lanes_per_worker = -(-num_lanes // max(size.num_workers, 1))
    cluster = Cluster(address, lanes_per_worker)
    return [ClusterLane(cluster) for _ in range(num_lanes)]


class ClusterLane:
    """A place on a cluster for one job at a time. For one event loop."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._task: Task | None = None
        self._is_running = False
        self._was_killed = False

    async def start(self) -> None:
        """Wait until the scheduler is there, however long that takes."""
        await self._cluster.connect()

    async def run(self, job: LaneJob) -> LaneOutcome | Interruption:
        """Run a job to its end; whatever goes wrong with it is a failure in the outcome.

        It is interrupted where the scheduler is lost; `start` then waits for it to be back.
        """
        self._is_running, self._was_killed, self._task = True, False, None
        started_s = time.monotonic()
        try:
            self._task = await self._cluster.submit(job)
            if self._was_killed:
                self._cluster.cancel(self._task)
            outcome = await self._cluster.outcome(self._task)
        except ClusterLostError:
            if not self._was_killed:
                return Interruption(has_begun=self._task is not None)
            outcome = _KILLED
        except QrsessionError as error:
            outcome = Failure(faults.JOB_FAILED_TO_RUN, error.message, error.advice)
        finally:
            self._is_running = False
        if isinstance(outcome, LaneOutcome):
            return outcome
        return LaneOutcome(
            result_json=None,
            failure=outcome,
            # A job that no worker could run, or that was cancelled: nobody knows it better.
            qpu_s=time.monotonic() - started_s if outcome is _KILLED else 0.0,
            circuits_execution_time_ns=0,
            logs="",
            qiskit_version=None,
        )

    def kill(self) -> None:
        """End the job that runs, if one does: at once here, a moment later on its worker."""
        if self._is_running:
            self._was_killed = True
            if self._task is not None:
                self._cluster.cancel(self._task)

    async def stop(self) -> None:
        """End the job that runs, and leave the cluster, which all lanes of a runtime share."""
        self.kill()
        await self._cluster.close()
