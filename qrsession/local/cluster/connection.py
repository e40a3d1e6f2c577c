"""The way to a Dask cluster: one client for all lanes, made anew when the scheduler was lost."""

import asyncio
import contextlib
import hashlib
import logging
from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import dask
from distributed import Client
from distributed.scheduler import KilledWorker

from qrsession import __version__
from qrsession.local.cluster import on_worker
from qrsession.local.cluster.parcel import pack_documents, pack_job, unpack_outcome
from qrsession.local.devices.snapshots import Snapshot
from qrsession.local.lanes.lane import Failure, LaneJob, LaneOutcome
from qrsession.protocol import faults

_LOGGER = logging.getLogger(__name__)

_CONNECT_LIMIT_S = 10.0
_FIRST_RETRY_S = 0.2
_LONGEST_RETRY_S = 10.0
_WARM_UP_LIMIT_S = 5.0
# Workers that do not answer must not keep a runtime from ending.
_FAREWELL_LIMIT_S = 2.0
# A job's body goes to the scheduler with its task, or nobody could run it a second time.
_NO_WARNING = {"distributed.admin.large-graph-warning-threshold": "1 GB"}


@dataclass(frozen=True, slots=True)
class Task:
    """A job on a cluster, as Dask knows it."""

    client: Client
    future: Any


class ClusterLostError(Exception):
    """The scheduler is out of reach, or has forgotten the job. Stays within this package."""


def new_client(address: str) -> Client:
    """Make a client of a scheduler; await it to connect."""
    # Of a scheduler that is lost it logs tracebacks; what there is to say, we say.
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    return Client(
        address,
        asynchronous=True,
        set_as_default=False,
        timeout=_CONNECT_LIMIT_S,
        name="qrsession",
    )


class Cluster:
    """One cluster, as the lanes of a runtime share it. For one event loop.

    Args:
        address: The scheduler's, as Dask writes it.
        lanes_per_worker: How many lanes each worker warms up.
    """

    def __init__(self, address: str, lanes_per_worker: int) -> None:
        self.address = address
        self._lanes_per_worker = lanes_per_worker
        self._client: Client | None = None
        self._documents: dict[Snapshot, Any] = {}
        self._connecting = asyncio.Lock()
        self._cancelling: set[asyncio.Task[None]] = set()
        self._closing: asyncio.Task[None] | None = None

    @property
    def is_up(self) -> bool:
        """Whether the scheduler is there, as far as is known."""
        return self._client is not None and self._client.status == "running"

    async def connect(self) -> None:
        """Wait until the scheduler is there, or until the cluster is closed."""
        async with self._connecting:
            wait_s = _FIRST_RETRY_S
            was_lost = self._client is not None and not self.is_up
            if was_lost:
                _LOGGER.warning("The Dask scheduler %s was lost; jobs wait for it.", self.address)
            while not self.is_up and self._closing is None:
                try:
                    await self._connect_once()
                except OSError:
                    if not was_lost:
                        _LOGGER.warning(
                            "The Dask scheduler %s is out of reach; jobs wait for it.",
                            self.address,
                        )
                    was_lost = True
                    await asyncio.sleep(wait_s)
                    wait_s = min(2 * wait_s, _LONGEST_RETRY_S)
            if was_lost and self.is_up:
                _LOGGER.warning("The Dask scheduler %s is back.", self.address)

    async def _connect_once(self) -> None:
        await self._drop()
        client = new_client(self.address)
        try:
            await client
        except BaseException:
            await client.close()
            raise
        self._client = client
        # The workers do it while the first jobs are on their way; one that hangs is not waited for.
        with contextlib.suppress(Exception):
            async with asyncio.timeout(_WARM_UP_LIMIT_S):
                await client.run(
                    on_worker.warm_up, self._lanes_per_worker, wait=False, on_error="ignore"
                )

    async def submit(self, job: LaneJob) -> Task:
        """Put a job on the cluster.

        Raises:
            ClusterLostError: The scheduler is not there.
            StorageError: The documents of the job's device cannot be read.
        """
        client = self._client
        if client is None or not self.is_up:
            raise ClusterLostError
        task_key = f"qrsession-job-{uuid4().hex}"
        documents = None
        if job.snapshot is not None:
            documents = await self._documents_of(client, job.snapshot)
        parcel = pack_job(job, task_key, __version__)
        return Task(client, _submit(client, on_worker.run_job, parcel, documents, key=task_key))

    async def _documents_of(self, client: Client, snapshot: Snapshot) -> Any:
        future = self._documents.get(snapshot)
        if future is None or future.cancelled():
            parcel = await asyncio.to_thread(pack_documents, snapshot)
            key = f"qrsession-documents-{hashlib.sha256(parcel.data).hexdigest()}"
            future = self._documents[snapshot] = _submit(client, on_worker.carry, parcel, key=key)
        return future

    async def outcome(self, task: Task) -> LaneOutcome | Failure:
        """Wait until a job has ended.

        Raises:
            ClusterLostError: The scheduler was lost on the way, or the task was cancelled.
        """
        try:
            return unpack_outcome(await task.future)
        except (CancelledError, OSError) as error:
            raise ClusterLostError from error
        except KilledWorker as error:
            return Failure(
                faults.JOB_FAILED_TO_RUN,
                f"The Dask workers that ran the job ended, {error.allowed_failures + 1} times.",
                "Make the job smaller: it may have taken all memory of their machines.",
            )
        except Exception as error:  # noqa: BLE001 - whatever a worker lacks ends with its job
            _LOGGER.warning("A Dask worker could not run a job: %s", type(error).__name__)
            words = " ".join(str(error).split())[:300]
            return Failure(
                faults.JOB_FAILED_TO_RUN,
                f"The Dask cluster could not run the job ({type(error).__name__}: {words}).",
                "Install qrsession[dask] in the runtime's version on the scheduler and all "
                "workers, and submit the job again.",
            )

    def cancel(self, task: Task) -> None:
        """Take a job off the cluster; its worker is told and ends its lane."""
        work = asyncio.get_running_loop().create_task(self._cancel(task))
        self._cancelling.add(work)
        work.add_done_callback(self._cancelling.discard)

    async def _cancel(self, task: Task) -> None:
        # Where the connection is gone, the scheduler has cancelled all that it carried.
        with contextlib.suppress(Exception):
            await task.client.cancel([task.future], force=True)

    async def close(self) -> None:
        """End the lanes that run nothing, and leave the cluster; what runs is cancelled by that."""
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(self._leave())
        await asyncio.shield(self._closing)

    async def _leave(self) -> None:
        client = self._client
        if client is not None and self.is_up:
            with contextlib.suppress(Exception):
                async with asyncio.timeout(_FAREWELL_LIMIT_S):
                    await asyncio.gather(*self._cancelling)
                    await client.run(on_worker.rest, on_error="ignore")
        await self._drop()

    async def _drop(self) -> None:
        client, self._client = self._client, None
        self._documents.clear()
        if client is not None:
            await client.close()


def _submit(client: Client, function: Any, *arguments: Any, key: str) -> Any:
    with dask.config.set(_NO_WARNING):
        return client.submit(function, *arguments, key=key, pure=False)
