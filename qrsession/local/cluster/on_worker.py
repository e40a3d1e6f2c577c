"""What runs on the workers of a Dask cluster. All of it is sent by name, and must be there.

A job is a Dask task that is a coroutine: it holds one of the worker's slots and none of its
threads, and supervises a lane, which is a process of its own on the worker's machine. So time
limit, cancel and memory limit end that lane alone, as they do beside the runtime. Dask itself can
stop no task that runs; it tells its plugins that a task is not wanted any more, because it was
cancelled or because the runtime is gone, and that is what ends the lane here.
"""

import asyncio
import hashlib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from distributed import WorkerPlugin, get_worker

from qrsession import __version__
from qrsession.local.cluster.parcel import (
    Parcel,
    pack_outcome,
    unpack_documents,
    unpack_job,
)
from qrsession.local.devices.snapshots import CONFIGURATION_FILE, PROPERTIES_FILE, Snapshot
from qrsession.local.lanes.lane import Failure, Lane, LaneJob, LaneOutcome
from qrsession.local.lanes.memory import share_mb
from qrsession.protocol import faults
from qrsession.storage import write_atomically

# A lane keeps some 200 MB for being warm, on machines that others use as well.
IDLE_LIMIT_S = 300.0
_PLUGIN = "qrsession-lanes"
_SIMULATORS = ("qiskit", "qiskit-aer")
# A task in one of these states has nobody left who waits for it.
_UNWANTED = frozenset(("cancelled", "released", "forgotten"))

_NOT_WANTED = Failure(faults.JOB_CANCELLED, "The job was ended while it ran.", "Submit it again.")


async def run_job(parcel: Parcel, documents: Parcel | None) -> Parcel:
    """Run one job in a lane of this worker: a Dask task.

    Args:
        parcel: The job.
        documents: The documents of its device, if it is a device's twin.
    """
    worker = get_worker()
    head, params_json = parcel.open()
    if head["version"] != __version__:
        return pack_outcome(_failed(_wrong_version(worker.address, head["version"])))
    snapshot = None
    if documents is not None:
        snapshot = _keep(documents, head["snapshot"], Path(worker.local_directory))
    job = unpack_job(head, params_json, snapshot)
    lanes = await _lanes_of(worker)
    if worker.state.tasks[head["task_key"]].state in _UNWANTED:
        # From here on the plugin is told of it.
        return pack_outcome(_failed(_NOT_WANTED))
    return pack_outcome(await lanes.run(head["task_key"], job))


def carry(documents: Parcel) -> Parcel:
    """Return the documents of a device: a Dask task whose result moves to whoever needs it.

    Dask keeps it on the workers that have had it, and makes it anew when all of them are lost.
    """
    return documents


def describe() -> dict[str, str | None]:
    """Return the versions of what runs jobs here; None for what is not installed."""
    versions: dict[str, str | None] = {"qrsession": __version__}
    for name in _SIMULATORS:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = None
    return versions


async def warm_up(num_lanes: int, dask_worker: Any) -> None:
    """Have at least so many lanes ready, but no more than the worker has slots."""
    lanes = await _lanes_of(dask_worker)
    await lanes.warm_up(min(num_lanes, dask_worker.state.nthreads))


async def rest(dask_worker: Any) -> None:
    """End the lanes that run nothing."""
    lanes = await _lanes_of(dask_worker)
    await lanes.rest()


class WorkerLanes(WorkerPlugin):
    """The lanes of one worker, made as they are needed. For the worker's event loop.

    Args:
        memory_mb: What Aer may use in each.
        idle_limit_s: Seconds without a job after which the lanes end.
    """

    name = _PLUGIN

    def __init__(self, memory_mb: int, *, idle_limit_s: float = IDLE_LIMIT_S) -> None:
        self._memory_mb = memory_mb
        self._idle_limit_s = idle_limit_s
        self._idle: list[Lane] = []
        self._running: dict[str, Lane] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._ending: set[asyncio.Task[None]] = set()

    async def warm_up(self, num_lanes: int) -> None:
        """Have at least so many lanes, warm or running; one that does not start says so later."""
        missing = num_lanes - len(self._idle) - len(self._running)
        lanes = [Lane(self._memory_mb) for _ in range(missing)]
        self._idle += lanes
        self._set_timer()
        await asyncio.gather(*(lane.start() for lane in lanes), return_exceptions=True)

    async def run(self, task_key: str, job: LaneJob) -> LaneOutcome:
        """Run a job to its end, or until its task is not wanted any more."""
        lane = self._idle.pop() if self._idle else Lane(self._memory_mb)
        self._running[task_key] = lane
        try:
            outcome = await lane.run(job)
        except BaseException:
            # The worker closes, and Dask gives the job to another: this lane must not go on.
            await lane.stop()
            raise
        finally:
            del self._running[task_key]
        self._idle.append(lane)
        self._set_timer()
        return outcome

    def transition(self, key: Any, start: str, finish: str, **_more: Any) -> None:
        """Be told by Dask of a task's next state, and end the job that nobody waits for."""
        lane = self._running.get(key)
        if lane is not None and start != finish and finish in _UNWANTED:
            lane.kill()

    async def rest(self) -> None:
        """End the lanes that run nothing."""
        if self._timer is not None:
            self._timer.cancel()
        idle, self._idle = self._idle, []
        await asyncio.gather(*(lane.stop() for lane in idle))

    async def teardown(self, worker: Any) -> None:  # noqa: ARG002 - the signature is Dask's
        """End all lanes: the worker closes."""
        await self.rest()
        running = (lane.stop() for lane in self._running.values())
        await asyncio.gather(*running, *self._ending)

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._idle_limit_s, self._rest_later)

    def _rest_later(self) -> None:
        task = asyncio.get_running_loop().create_task(self.rest())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


async def _lanes_of(worker: Any) -> WorkerLanes:
    lanes = worker.plugins.get(_PLUGIN)
    if not isinstance(lanes, WorkerLanes):
        limit_bytes = worker.memory_manager.memory_limit
        lanes = WorkerLanes(share_mb(worker.state.nthreads, limit_bytes))
        # Added here and not by the client, so that the cluster forgets it with the worker.
        await worker.plugin_add(lanes, name=_PLUGIN, catch_errors=False)
    return lanes


def _keep(documents: Parcel, record: dict[str, Any], folder: Path) -> Snapshot:
    """Put documents where a lane can read them, in the folder that ends with the worker."""
    home = folder / f"qrsession-{hashlib.sha256(documents.data).hexdigest()}"
    files = (home / CONFIGURATION_FILE, home / PROPERTIES_FILE)
    if not all(file.exists() for file in files):
        home.mkdir(mode=0o700, exist_ok=True)
        for file, data in zip(files, unpack_documents(documents), strict=True):
            write_atomically(file, data, durable=False)
    return Snapshot(*files, name=record["name"], stamp=tuple(record["stamp"]))


def _wrong_version(address: str, wanted: str) -> Failure:
    return Failure(
        faults.JOB_FAILED_TO_RUN,
        f"The Dask worker {address} has qrsession {__version__}, the runtime {wanted}.",
        "Install the same version on all machines of the cluster, and submit the job again.",
    )


def _failed(failure: Failure) -> LaneOutcome:
    return LaneOutcome(
        result_json=None,
        failure=failure,
        qpu_s=0.0,
        circuits_execution_time_ns=0,
        logs="",
        qiskit_version=None,
    )
