"""Jobs on a Dask cluster: a real scheduler and real workers, one of them killed."""

import asyncio
import json
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING, Any

import dask
import pytest

from qrsession import __version__
from qrsession.errors import InvalidValueError, LocalRuntimeError
from qrsession.local.cluster.inspection import inspect
from qrsession.local.cluster.lanes import ClusterLane, make_cluster_lanes
from qrsession.local.devices.snapshots import carried_folder, find_snapshots
from qrsession.local.lanes.lane import Interruption, LaneOutcome
from qrsession.protocol import faults
from tests.lane_jobs import job
from tests.local.cluster.clusters import ENDLESS, HEADER, LIMIT_S, DaskCluster, is_gone, until

if TYPE_CHECKING:
    from tests.local.conftest import Client, RunningRuntime

    Connect = Callable[[RunningRuntime], Client]

# Each shot is simulated by itself, so it takes as long as it has shots.
SLOW = HEADER + "qubit[2] q; bit[2] c; x q[0]; c[0] = measure q[0]; if (c[0]) { x q[1]; } "
SLOW += "c[1] = measure q[1];"
SLOW_SHOTS = 20_000
FOLDER = carried_folder()
assert FOLDER is not None
FEZ = next(one for one in find_snapshots(FOLDER) if one.configuration.parent.name == "fez")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    """A cluster that tests share, which leave at least one worker."""
    yield from started(tmp_path_factory.mktemp("dask"))


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[DaskCluster]:
    """A cluster of one's own, without a worker."""
    yield from started(tmp_path)


def started(folder: Path) -> Iterator[DaskCluster]:
    """Start a scheduler, and end it with all of its workers."""
    made = DaskCluster(folder)
    try:
        made.start_scheduler()
        yield made
    finally:
        made.stop()


def lanes_of(cluster: DaskCluster, num_workers: int) -> list[ClusterLane]:
    """Return one lane for each worker, of which there are to be so many."""
    while len(cluster.workers) < num_workers:
        cluster.start_worker()
    until(lambda: inspect(cluster.address).num_workers == num_workers)
    return make_cluster_lanes(cluster.engine, None)


def submit(client: "Client", circuit: str, shots: int) -> str:
    """Submit a job for the sampler over the wire, and return its id."""
    params = {"pubs": [[circuit, None, shots]], "version": 2}
    return client.submit(params=params, backend="aer_simulator")


def flips(number: int) -> str:
    """Return a circuit of 5 qubits that measures this number."""
    gates = "".join(f"x q[{bit}];" for bit in range(5) if number >> bit & 1)
    return f"{HEADER}qubit[5] q; bit[5] c; id q; {gates} c = measure q;"


def samples_of(outcome: LaneOutcome | Interruption) -> set[str]:
    """Return what was measured in register c."""
    assert isinstance(outcome, LaneOutcome)
    assert outcome.result_json is not None, outcome
    return set(json.loads(outcome.result_json)["results"][0]["data"]["c"]["samples"])


def failure_of(outcome: LaneOutcome | Interruption) -> tuple[int, str]:
    """Return code and reason of a failure."""
    assert isinstance(outcome, LaneOutcome)
    assert outcome.failure is not None
    return outcome.failure.code, outcome.failure.reason


def with_lanes(
    cluster: DaskCluster, num_workers: int, work: Callable[[list[ClusterLane]], Awaitable[None]]
) -> None:
    """Run a coroutine function with lanes, and stop them."""
    lanes = lanes_of(cluster, num_workers)

    async def main() -> None:
        await asyncio.gather(*(lane.start() for lane in lanes))
        try:
            async with asyncio.timeout(LIMIT_S):
                await work(lanes)
        finally:
            await asyncio.gather(*(lane.stop() for lane in lanes))

    asyncio.run(main())


@pytest.mark.deep
def test_a_worker_is_killed_while_jobs_run(
    shared: DaskCluster, start_runtime: Callable[..., "RunningRuntime"], connect: "Connect"
) -> None:
    """Each job reaches one final state, with its own result and one charge."""
    runtime = start_runtime(is_real=True, other_lanes=lanes_of(shared, 2))
    client = connect(runtime)
    shared.settle()
    slow = [submit(client, SLOW, SLOW_SHOTS) for _ in range(2)]
    quick = [submit(client, flips(number), 10) for number in range(20)]
    worker, lane_pid = shared.busy()
    shared.stop_worker(worker)
    killed_s = time.monotonic()
    until(lambda: is_gone(lane_pid), limit_s=2)
    assert time.monotonic() - killed_s < 2
    for job_id in slow + quick:
        assert client.wait(job_id)["state"]["status"] == "Completed", job_id
    for job_id in slow:
        data = client.get(f"/jobs/{job_id}/results").json()["results"][0]["data"]
        assert len(data["c"]["samples"]) == SLOW_SHOTS
        assert set(data["c"]["samples"]) == {"0x3"}
    for number, job_id in enumerate(quick):
        data = client.get(f"/jobs/{job_id}/results").json()["results"][0]["data"]
        assert data["c"]["samples"] == [hex(number)] * 10
    charged_s = sum(
        client.job(job_id)["usage"]["qpu_charge_time_seconds"] for job_id in slow + quick
    )
    used_s = client.get("/instances/usage").json()["usage_consumed_seconds"]
    assert charged_s > 0
    assert used_s == pytest.approx(charged_s, abs=0.01)


def test_a_cancelled_job_ends_its_lane_within_a_second(shared: DaskCluster) -> None:
    """Dask stops no task that runs; the worker's lane is ended all the same."""

    async def work(lanes: list[ClusterLane]) -> None:
        await asyncio.to_thread(shared.settle)
        running = asyncio.create_task(lanes[0].run(job(ENDLESS)))
        _, lane_pid = await asyncio.to_thread(shared.busy)
        cancelled_s = time.monotonic()
        lanes[0].kill()
        assert failure_of(await running)[0] == faults.JOB_CANCELLED
        await asyncio.to_thread(until, lambda: is_gone(lane_pid))
        assert time.monotonic() - cancelled_s < 1
        assert samples_of(await lanes[0].run(job(flips(3)))) == {"0x3"}

    with_lanes(shared, max(len(shared.workers), 1), work)


def test_a_twin_comes_to_the_worker_once(shared: DaskCluster) -> None:
    """Its documents do, for they are files of the runtime's machine; what does not fit fails."""
    isa = f"{HEADER}bit[1] c; x $3; c[0] = measure $3;"
    twin: dict[str, Any] = {"snapshot": FEZ, "backend": "ibm_fez"}

    async def work(lanes: list[ClusterLane]) -> None:
        for is_noisy in (False, True):
            outcome = await lanes[0].run(job(isa, **twin, is_noisy=is_noisy))
            assert isinstance(outcome, LaneOutcome)
            result = json.loads(outcome.result_json or b"{}")
            assert result["metadata"]["simulation"]["twin_of"] == "ibm_fez"
        assert failure_of(await lanes[0].run(job(flips(0), **twin)))[0] == faults.NOT_ISA

    with_lanes(shared, max(len(shared.workers), 1), work)
    (configuration,) = shared.folder.glob("**/configuration.json")
    assert configuration.read_bytes() == FEZ.configuration.read_bytes()


def test_a_scheduler_out_of_reach_is_told_at_once() -> None:
    """With address and reason, and not after Dask's own patience."""
    with pytest.raises(LocalRuntimeError, match=r"tcp://127\.0\.0\.1:1 .*refused") as caught:
        make_cluster_lanes("dask://127.0.0.1:1", None)
    assert caught.value.exit_code == 10


@pytest.mark.deep
def test_a_job_that_takes_longer_than_its_cost_is_ended(shared: DaskCluster) -> None:
    """The worker's lane is, by the worker; the next job runs."""

    async def work(lanes: list[ClusterLane]) -> None:
        code, reason = failure_of(await lanes[0].run(job(ENDLESS, cost_s=1)))
        assert (code, "1 seconds" in reason) == (faults.RAN_TOO_LONG, True)
        assert samples_of(await lanes[0].run(job(flips(7)))) == {"0x7"}

    with_lanes(shared, max(len(shared.workers), 1), work)


@pytest.mark.deep
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_job_whose_worker_ends_runs_on_another(
    cluster: DaskCluster, number: signal.Signals
) -> None:
    """Whether the worker took its leave or not; and no process of it stays."""

    async def work(lanes: list[ClusterLane]) -> None:
        await asyncio.to_thread(cluster.settle)
        running = asyncio.create_task(lanes[0].run(job(SLOW, shots=SLOW_SHOTS)))
        worker, lane_pid = await asyncio.to_thread(cluster.busy)
        worker.send_signal(number)
        cluster.workers.remove(worker)
        assert samples_of(await running) == {"0x3"}
        await asyncio.to_thread(worker.wait)
        await asyncio.to_thread(until, lambda: is_gone(lane_pid), 2)

    with_lanes(cluster, 2, work)


@pytest.mark.deep
def test_a_job_that_outlives_too_many_workers_fails_with_a_reason(tmp_path: Path) -> None:
    """How many is the scheduler's own setting."""
    cluster = DaskCluster(tmp_path)
    setting = "distributed.scheduler.allowed-failures"

    async def work(lanes: list[ClusterLane]) -> None:
        running = asyncio.create_task(lanes[0].run(job(ENDLESS)))
        for _ in range(2):
            worker, _ = await asyncio.to_thread(cluster.busy)
            cluster.start_worker()
            cluster.stop_worker(worker)
        code, reason = failure_of(await running)
        assert (code, "2 times" in reason) == (faults.JOB_FAILED_TO_RUN, True)
        assert samples_of(await lanes[0].run(job(flips(1)))) == {"0x1"}

    try:
        cluster.start_scheduler(prelude=f"import dask; dask.config.set({{{setting!r}: 1}}); ")
        with_lanes(cluster, 1, work)
    finally:
        cluster.stop()


@pytest.mark.deep
def test_jobs_wait_for_a_scheduler_that_was_lost(
    cluster: DaskCluster, start_runtime: Callable[..., "RunningRuntime"], connect: "Connect"
) -> None:
    """They are queued again, and run when it is back."""
    client = connect(start_runtime(is_real=True, other_lanes=lanes_of(cluster, 1)))
    cluster.settle()
    ids = [submit(client, SLOW, SLOW_SHOTS) for _ in range(2)]
    worker, _ = cluster.busy()
    cluster.stop_scheduler()
    assert client.wait(ids[0], "Queued")["state"]["status"] == "Queued"
    worker.wait(LIMIT_S)
    cluster.workers.clear()
    cluster.start_scheduler(int(cluster.address.rpartition(":")[2]))
    cluster.start_worker()
    for job_id in ids:
        assert client.wait(job_id)["state"]["status"] == "Completed"


RUNTIME = """
    import asyncio, json, sys
    from qrsession.local.cluster.lanes import make_cluster_lanes
    from qrsession.local.lanes.lane import LaneJob

    async def run(circuit):
        params = json.dumps({"pubs": [[circuit, None, 10]]}).encode()
        await lanes[0].run(LaneJob("j", "sampler", params, "aer_simulator", 1, None))

    async def main():
        await lanes[0].start()
        await run(%r)
        print("warm", flush=True)
        await run(%r)

    lanes = make_cluster_lanes(sys.argv[1], 1)
    asyncio.run(main())
"""


@pytest.mark.deep
def test_a_job_ends_with_its_runtime(cluster: DaskCluster) -> None:
    """The scheduler sees that the runtime is gone, and the worker ends what nobody waits for."""
    lanes_of(cluster, 1)
    command = [sys.executable, "-c", textwrap.dedent(RUNTIME) % (flips(0), ENDLESS)]
    with subprocess.Popen([*command, cluster.engine], stdout=subprocess.PIPE) as runtime:
        assert runtime.stdout is not None
        assert runtime.stdout.readline() == b"warm\n"
        _, lane_pid = cluster.busy()
        runtime.kill()
        runtime.wait()
        until(lambda: is_gone(lane_pid), limit_s=2)


@pytest.mark.deep
def test_a_cluster_that_cannot_run_jobs_is_refused(cluster: DaskCluster) -> None:
    """Nobody there, another version, and no qrsession at all."""
    with pytest.raises(InvalidValueError, match="has no worker yet"):
        make_cluster_lanes(cluster.engine, None)
    assert len(make_cluster_lanes(cluster.engine, 3)) == 3
    for prelude, words in (
        ("import qrsession; qrsession.__version__ = '0.0.1'; ", r"has qrsession 0\.0\.1"),
        ("import sys; sys.modules['qrsession'] = None; ", "has no qrsession"),
    ):
        worker = cluster.start_worker(prelude=prelude)
        until(lambda: refusal(cluster) is not None)
        found = refusal(cluster)
        assert found is not None
        assert "The Dask worker tcp://127.0.0.1:" in found.message
        with pytest.raises(LocalRuntimeError, match=words):
            inspect(cluster.address)
        assert f"qrsession[dask]=={__version__}" in found.advice
        cluster.stop_worker(worker)
        until(lambda: refusal(cluster) is None)


def refusal(cluster: DaskCluster) -> LocalRuntimeError | None:
    """Return why a cluster is refused."""
    try:
        inspect(cluster.address)
    except LocalRuntimeError as error:
        return error
    return None


@pytest.mark.deep
def test_a_scheduler_without_the_package_is_refused(tmp_path: Path) -> None:
    """It reads what tasks are made of, so it must know the names."""
    cluster = DaskCluster(tmp_path)
    try:
        cluster.start_scheduler(prelude="import sys; sys.modules['qrsession'] = None; ")
        with pytest.raises(LocalRuntimeError, match=r"The Dask scheduler .* has no qrsession"):
            make_cluster_lanes(cluster.engine, 1)
    finally:
        cluster.stop()


@pytest.mark.deep
@pytest.mark.skipif(which("openssl") is None, reason="openssl makes the certificate")
def test_a_cluster_that_is_secured_by_tls(tmp_path: Path) -> None:
    """By the certificates of Dask's own configuration; in clear it does not answer."""
    files = {name: str(tmp_path / name) for name in ("key", "certificate")}
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=dask"]
    command += ["-keyout", files["key"], "-out", files["certificate"]]
    subprocess.run(command, check=True, capture_output=True)
    comm = "distributed.comm"
    setting: dict[str, Any] = {f"{comm}.require-encryption": True, f"{comm}.default-scheme": "tls"}
    setting[f"{comm}.tls.ca-file"] = files["certificate"]
    for part in ("client", "scheduler", "worker"):
        setting[f"{comm}.tls.{part}.key"] = files["key"]
        setting[f"{comm}.tls.{part}.cert"] = files["certificate"]
    cluster = DaskCluster(tmp_path, prelude=f"import dask; dask.config.set({setting!r}); ")

    async def work(lanes: list[ClusterLane]) -> None:
        assert samples_of(await lanes[0].run(job(flips(5)))) == {"0x5"}

    try:
        cluster.start_scheduler()
        with dask.config.set(setting):
            assert cluster.engine.startswith("tls://")
            with_lanes(cluster, 1, work)
        with pytest.raises(LocalRuntimeError, match="does not answer"):
            make_cluster_lanes(cluster.engine.replace("tls:", "dask:"), 1)
    finally:
        cluster.stop()


@pytest.mark.deep
def test_nothing_is_left_on_a_cluster_that_a_runtime_leaves(cluster: DaskCluster) -> None:
    """Its lanes end with it."""

    async def work(lanes: list[ClusterLane]) -> None:
        assert samples_of(await lanes[0].run(job(flips(9)))) == {"0x9"}
        assert len(cluster.lane_pids(cluster.workers[0])) == 1

    with_lanes(cluster, 1, work)
    until(lambda: not cluster.lane_pids(cluster.workers[0]), limit_s=2)
