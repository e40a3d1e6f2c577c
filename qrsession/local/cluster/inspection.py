"""Looking at a Dask cluster before a runtime relies on it: who is there, and in which versions."""

import asyncio
import contextlib
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from qrsession import __version__
from qrsession.errors import LocalRuntimeError
from qrsession.local.cluster import on_worker
from qrsession.local.cluster.connection import new_client

_LOGGER = logging.getLogger(__name__)
_LIMIT_S = 30.0
_KNOCK_LIMIT_S = 10.0
# A scheduler passes on the words of a worker's error, and not its type.
_MISSING = "No module named 'qrsession"
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
    try:
        await _knock(address)
    except OSError as error:
        raise _out_of_reach(address, error) from error
    client = new_client(address)
    try:
        async with asyncio.timeout(_LIMIT_S):
            await client
            scheduler = await _asked(client.run_on_scheduler(on_worker.describe))
            workers = await client.run(on_worker.describe, on_error="return")
            threads = await client.nthreads()
    except TimeoutError as error:
        raise LocalRuntimeError(
            f"The Dask scheduler at {address}, or one of its workers, hangs.",
            advice="See their logs, and start anew what does not answer.",
        ) from error
    except OSError as error:
        raise _out_of_reach(address, error) from error
    finally:
        await client.close()
    _check({f"scheduler {address}": scheduler, **_named(workers)})
    return ClusterSize(len(threads), sum(threads.values()))


async def _knock(address: str) -> None:
    """Find out at once what Dask would find out after ten seconds: nobody listens there."""
    parts = urlsplit(address)
    async with asyncio.timeout(_KNOCK_LIMIT_S):
        _, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


def _out_of_reach(address: str, error: OSError) -> LocalRuntimeError:
    why = f" ({os.strerror(error.errno)})" if error.errno else ""
    return LocalRuntimeError(
        f"The Dask scheduler at {address} does not answer{why}.",
        advice="Check its address and that it is up: `dask scheduler` starts one.",
    )


async def _asked(question: Any) -> Any:
    try:
        return await question
    except OSError:
        raise
    except Exception as error:  # noqa: BLE001 - it is looked at with the workers' answers
        return error


def _named(workers: Mapping[str, Any]) -> dict[str, Any]:
    return {f"worker {address}": answer for address, answer in workers.items()}


def _check(answers: Mapping[str, Any]) -> None:
    here = on_worker.describe()
    for who, answer in answers.items():
        if isinstance(answer, Exception) and _MISSING in str(answer):
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
