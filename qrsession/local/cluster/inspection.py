"""Looking at a Dask cluster before a runtime relies on it: who is there, and in which versions."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qrsession import __version__
from qrsession.errors import LocalRuntimeError
from qrsession.local.cluster import on_worker
from qrsession.local.cluster.connection import new_client

_LOGGER = logging.getLogger(__name__)
_LIMIT_S = 30.0
_INSTALL = (
    f"Install it there: pip install 'qrsession[dask]=={__version__}', and start the cluster anew."
)


@dataclass(frozen=True, slots=True)
class ClusterSize:
    """How many workers a cluster has, and how many tasks they take at once together."""

    num_workers: int
    num_threads: int


def inspect(address: str) -> ClusterSize:
    """Connect once, and make sure that the cluster can run jobs. Not for within an event loop.

    Where Qiskit or Aer differ from this machine's, a warning is logged.

    Raises:
        LocalRuntimeError: The scheduler is out of reach, or it or a worker lacks qrsession or has
            another version of it.
    """
    return asyncio.run(_inspect(address))


async def _inspect(address: str) -> ClusterSize:
    client = new_client(address)
    try:
        async with asyncio.timeout(_LIMIT_S):
            await client
            scheduler = await _asked(client.run_on_scheduler(on_worker.describe))
            workers = await client.run(on_worker.describe, on_error="return")
            threads = await client.nthreads()
    except OSError as error:
        raise LocalRuntimeError(
            f"The Dask scheduler at {address} does not answer.",
            advice="Check its address and that it is up: `dask scheduler` starts one.",
        ) from error
    finally:
        await client.close()
    _check({f"scheduler {address}": scheduler, **_named(workers)})
    return ClusterSize(len(threads), sum(threads.values()))


async def _asked(question: Any) -> Any:
    try:
        return await question
    except ImportError as error:
        return error


def _named(workers: Mapping[str, Any]) -> dict[str, Any]:
    return {f"worker {address}": answer for address, answer in workers.items()}


def _check(answers: Mapping[str, Any]) -> None:
    here = on_worker.describe()
    for who, answer in answers.items():
        if isinstance(answer, ImportError):
            raise LocalRuntimeError(f"The Dask {who} has no qrsession.", advice=_INSTALL)
        if isinstance(answer, Exception):
            words = " ".join(str(answer).split())[:300]
            raise LocalRuntimeError(
                f"The Dask {who} cannot be asked for its version: {words}",
                advice="Check that it is up, and see its log.",
            )
        if answer["qrsession"] != __version__:
            raise LocalRuntimeError(
                f"The Dask {who} has qrsession {answer['qrsession']}, this is {__version__}.",
                advice=_INSTALL,
            )
        # The scheduler runs nothing, so it needs neither.
        if who.startswith("worker") and answer != here:
            _LOGGER.warning(
                "The Dask %s has %s, here is %s: results may differ from this machine's.",
                who,
                _versions(answer),
                _versions(here),
            )


def _versions(answer: Mapping[str, str | None]) -> str:
    return ", ".join(
        f"{name} {version or 'missing'}" for name, version in answer.items() if name != "qrsession"
    )
