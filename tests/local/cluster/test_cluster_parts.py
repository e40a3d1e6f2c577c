"""The parts of lanes on a cluster, without a cluster: addresses, parcels, and what is lost."""

import asyncio
import json
import pickle
import threading
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from qrsession.errors import InvalidValueError, StorageError, UsageError
from qrsession.local.cluster import address
from qrsession.local.cluster.address import check_engine, scheduler_address
from qrsession.local.cluster.on_worker import WorkerLanes, describe
from qrsession.local.cluster.parcel import (
    Parcel,
    pack_documents,
    pack_job,
    pack_outcome,
    unpack_documents,
    unpack_job,
    unpack_outcome,
)
from qrsession.local.conditions import Conditions
from qrsession.local.config import MOST_ATTEMPTS
from qrsession.local.devices.snapshots import Snapshot
from qrsession.local.lanes.lane import Failure, Interruption, LaneJob, LaneOutcome
from qrsession.local.lanes.memory import share_mb
from tests.local.conftest import ScriptedLane

if TYPE_CHECKING:
    from tests.local.conftest import Client, RunningRuntime

    Connect = Callable[[RunningRuntime], Client]

LIMIT_S = 30.0
JOB = LaneJob("job", "sampler", b'{"pubs":\t["\xc3\xa4"]}', "aer_simulator", 2**47, 30)
OUTCOME = LaneOutcome(b'{"results": []}', None, 0.5, 12345, "a log", "2.6.2")


@pytest.mark.fast
@pytest.mark.parametrize(
    ("engine", "expected"),
    [
        ("dask://node-1:8786", "tcp://node-1:8786"),
        ("dask://10.0.0.1:8786/", "tcp://10.0.0.1:8786"),
        ("dask://[::1]:8786", "tcp://[::1]:8786"),
        ("tls://node-1.example.org:8786", "tls://node-1.example.org:8786"),
    ],
)
def test_addresses_of_schedulers(engine: str, expected: str) -> None:
    """In clear and by TLS."""
    assert scheduler_address(engine) == expected


@pytest.mark.fast
@pytest.mark.parametrize(
    "engine",
    [
        "",
        "node-1:8786",
        "tcp://node-1:8786",
        "http://node-1:8786",
        "dask://node-1",
        "dask://:8786",
        "dask://node-1:0",
        "dask://node-1:70000",
        "dask://node-1:port",
        "dask://[::1:8786",
        "dask://user@node-1:8786",
        "dask://node-1:8786/path",
        "dask://node-1:8786?a=b",
    ],
)
def test_what_is_no_address_is_refused(engine: str) -> None:
    """With the form that it must have."""
    with pytest.raises(InvalidValueError, match="not the address") as caught:
        check_engine(engine)
    assert "dask://HOST:PORT" in caught.value.advice


@pytest.mark.fast
def test_without_dask_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is started."""
    monkeypatch.setattr(
        address, "find_spec", lambda name: None if name == "distributed" else find_spec(name)
    )
    with pytest.raises(UsageError, match="not installed") as caught:
        Conditions(engine="dask://127.0.0.1:8786").check()
    assert "qrsession[dask]" in caught.value.advice


@pytest.mark.fast
def test_the_engine_travels_to_a_runtime_in_the_background() -> None:
    """As an argument of its command line."""
    conditions = Conditions(engine="dask://127.0.0.1:8786")
    assert conditions.checked_arguments() == ("--engine", "dask://127.0.0.1:8786")


@pytest.mark.fast
def test_jobs_and_outcomes_survive_the_way(tmp_path: Path) -> None:
    """Byte for byte, every field of them."""
    parcel = pickle.loads(pickle.dumps(pack_job(JOB, "key", "1.2.3")))  # noqa: S301 - ours
    head, body = parcel.open()
    assert (head["task_key"], head["version"]) == ("key", "1.2.3")
    assert unpack_job(head, body, None) == JOB
    snapshot = Snapshot(tmp_path / "c", tmp_path / "p", None, (1, 2))
    head, body = pack_job(replace(JOB, snapshot=snapshot), "key", "1.2.3").open()
    assert unpack_job(head, body, snapshot) == replace(JOB, snapshot=snapshot)
    assert head["snapshot"] == {"name": None, "stamp": [1, 2]}
    failed = replace(OUTCOME, result_json=None, failure=Failure(1517, "no", "yes"))
    for outcome in (OUTCOME, failed, replace(OUTCOME, result_json=b"", qiskit_version=None)):
        assert unpack_outcome(pack_outcome(outcome)) == outcome


@pytest.mark.fast
def test_documents_survive_the_way(tmp_path: Path) -> None:
    """As they are on disk; and one that is not there is named."""
    files = (tmp_path / "configuration.json", tmp_path / "properties.json")
    files[0].write_bytes(b'{"a": 1}')
    snapshot = Snapshot(*files, name=None, stamp=())
    with pytest.raises(StorageError, match=r"properties\.json cannot be read"):
        pack_documents(snapshot)
    files[1].write_bytes(b"\xff not JSON")
    assert unpack_documents(pack_documents(snapshot)) == (b'{"a": 1}', b"\xff not JSON")


@pytest.mark.fast
def test_a_parcel_shows_nothing_of_its_content() -> None:
    """Dask logs the arguments of a task that fails."""
    assert "secret" not in repr(Parcel(b"secret"))


@pytest.mark.fast
def test_a_worker_says_what_it_has() -> None:
    """By the names of the packages."""
    assert set(describe()) == {"qrsession", "qiskit", "qiskit-aer"}
    assert None not in describe().values()


@pytest.mark.fast
def test_lanes_of_a_worker_share_its_memory() -> None:
    """Which may be less than its machine has."""
    assert share_mb(2, 4 * 2**30) == 4096 * 0.75 / 2
    assert share_mb(2, None) == share_mb(2, 2**62)


class LosingLane(ScriptedLane):
    """A lane whose cluster is out of reach as often as its test says."""

    def __init__(self, *, times: int, has_begun: bool) -> None:
        super().__init__()
        self.left = times
        self._has_begun = has_begun

    async def run(self, job: LaneJob) -> LaneOutcome | Interruption:  # type: ignore[override]
        """Lose the job, or run it."""
        if not self.left:
            return await super().run(job)
        self.left -= 1
        self.seen.append(job)
        self.may_start.clear()
        return Interruption(has_begun=self._has_begun)


def test_a_job_whose_lane_is_out_of_reach_is_queued_until_it_is_back(
    start_runtime: Callable[..., "RunningRuntime"], connect: "Connect"
) -> None:
    """And no lane takes jobs before."""
    lane = LosingLane(times=1, has_begun=True)
    client = connect(start_runtime(is_real=True, other_lanes=[lane]))
    lost = client.submit("count", backend="aer_simulator")
    client.wait(lost, "Queued")
    next_one = client.submit("count", backend="aer_simulator")
    assert client.job(next_one)["state"]["status"] == "Queued"
    lane.may_start.set()
    for job_id in (lost, next_one):
        assert client.wait(job_id)["state"]["status"] == "Completed"
    assert [job.job_id for job in lane.seen] == [lost, lost, next_one]


@pytest.mark.parametrize(("has_begun", "status"), [(True, "Failed"), (False, "Completed")])
def test_a_job_is_lost_so_many_times_at_most(
    start_runtime: Callable[..., "RunningRuntime"],
    connect: "Connect",
    has_begun: bool,
    status: str,
) -> None:
    """Where it had begun: it may be what ends the cluster."""
    lane = LosingLane(times=MOST_ATTEMPTS, has_begun=has_begun)
    runtime = start_runtime(is_real=True, other_lanes=[lane])
    client = connect(runtime)
    job_id = client.submit("count", backend="aer_simulator")
    deadline = threading.Event()
    for left in reversed(range(MOST_ATTEMPTS)):
        while lane.left > left or lane.may_start.is_set():
            assert not deadline.wait(0.005)
        lane.may_start.set()
    body = client.wait(job_id)
    assert body["state"]["status"] == status
    if has_begun:
        assert f"{MOST_ATTEMPTS} times" in body["state"]["reason"]
        assert body["usage"]["qpu_charge_time_seconds"] == 0


def test_a_job_that_is_cancelled_while_its_lane_is_lost_stays_cancelled(
    start_runtime: Callable[..., "RunningRuntime"], connect: "Connect"
) -> None:
    """It is not given back to the queue."""
    lane = LosingLane(times=1, has_begun=True)
    runtime = start_runtime(is_real=True, other_lanes=[lane])
    client = connect(runtime)
    job_id = client.submit("count", backend="aer_simulator")
    client.wait(job_id, "Queued")
    assert client.post(f"/jobs/{job_id}/cancel").status_code == 204
    lane.may_start.set()
    after = client.submit("count", backend="aer_simulator")
    assert client.wait(after)["state"]["status"] == "Completed"
    assert client.job(job_id)["state"]["status"] == "Cancelled"


@pytest.mark.deep
def test_lanes_of_a_worker_rest_when_nothing_runs_for_long() -> None:
    """They keep memory on machines that others use; the next job has one made anew."""

    async def main() -> None:
        lanes = WorkerLanes(500, idle_limit_s=0.0)
        params = json.dumps({"pubs": [[BELL, None, 10]]}).encode()
        me = psutil.Process()
        for _ in range(2):
            outcome = await lanes.run("key", replace(JOB, params_json=params))
            assert outcome.failure is None
            async with asyncio.timeout(LIMIT_S):
                while me.children():
                    await asyncio.get_running_loop().run_in_executor(None, int)
        await lanes.teardown(None)

    asyncio.run(main())


BELL = """OPENQASM 3.0; include "stdgates.inc";
qubit[2] q; bit[2] c; h q[0]; cx q[0], q[1]; c = measure q;"""
