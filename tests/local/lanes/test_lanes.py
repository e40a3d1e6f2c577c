"""Lanes as they are: real processes, killed in every way that there is."""

import asyncio
import json
import math
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from qrsession.errors import LocalRuntimeError
from qrsession.local.lanes import memory
from qrsession.local.lanes.lane import (
    Lane,
    LaneOutcome,
    default_num_lanes,
    make_lanes,
)
from qrsession.local.lanes.lane_process import LaneProcess
from qrsession.protocol import faults
from tests.lane_jobs import job

MEMORY_MB = 2000
LIMIT_S = 60.0

HEADER = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'
# It ends when bit 0 is 1, which never happens: Aer computes with Python's lock held.
ENDLESS = HEADER + "qubit[1] q; bit[1] c; while (c == 0) { x q[0]; x q[0]; c[0] = measure q[0]; }"


WithLane = Callable[[Callable[[Lane], Awaitable[None]]], None]


@pytest.fixture(scope="module")
def with_lane() -> Iterator[WithLane]:
    """Run a coroutine function with a warm lane, which those after it find as it left it."""
    lane = Lane(MEMORY_MB)

    async def run(work: Callable[[Lane], Awaitable[None]]) -> None:
        await lane.start()
        async with asyncio.timeout(LIMIT_S):
            await work(lane)

    with asyncio.Runner() as runner:
        yield lambda work: runner.run(run(work))
        runner.run(lane.stop())


def counts_of(outcome: LaneOutcome) -> Counter[str]:
    """Count the samples of register c in a plain result."""
    assert outcome.failure is None
    assert outcome.result_json is not None
    return Counter(json.loads(outcome.result_json)["results"][0]["data"]["c"]["samples"])


async def until(holds: Callable[[], bool]) -> None:
    """Let the event loop run until a condition holds."""
    deadline_s = time.monotonic() + LIMIT_S
    while not holds():
        assert time.monotonic() < deadline_s
        await asyncio.get_running_loop().run_in_executor(None, int)


async def is_computing(lane: Lane) -> None:
    """Wait until the lane's process is busy with a job and not with getting warm."""
    assert lane.pid is not None
    process = psutil.Process(lane.pid)
    busy_s = process.cpu_times().user
    await until(lambda: process.cpu_times().user > busy_s + 0.2)


def test_a_job_gives_its_result_and_what_it_cost(with_lane: WithLane) -> None:
    """Counts within 4 standard deviations; times that fit each other."""

    async def work(lane: Lane) -> None:
        outcome = await lane.run(job(shots=4000))
        counts = counts_of(outcome)
        assert set(counts) == {"0x0", "0x3"}
        # 4 standard deviations of a fair coin tossed 4000 times.
        assert abs(counts["0x0"] - 2000) < 4 * math.sqrt(1000)
        assert 0 < outcome.qpu_s < LIMIT_S
        assert outcome.circuits_execution_time_ns == round(outcome.qpu_s * 1e9)
        assert re.fullmatch(r"\d+\.\d+\.\d+.*", outcome.qiskit_version or "")
        assert outcome.logs == ""

    with_lane(work)


def test_equal_seeds_give_equal_samples_and_others_do_not(with_lane: WithLane) -> None:
    """All randomness is from the seed."""

    async def work(lane: Lane) -> None:
        first, again, other = [
            (await lane.run(job(shots=200, seed=seed))).result_json for seed in (1, 1, 2)
        ]
        assert first == again != other

    with_lane(work)


def test_a_bad_job_fails_alone_with_a_reason_and_its_traceback_in_the_log(
    with_lane: WithLane,
) -> None:
    """Bad input costs no process."""

    async def work(lane: Lane) -> None:
        pid = lane.pid
        outcome = await lane.run(job("qubit[1 q;"))
        assert outcome.result_json is None
        assert outcome.failure is not None
        assert outcome.failure.code == faults.NOT_QASM
        assert "Traceback" not in outcome.failure.reason
        assert "\n" not in outcome.failure.reason
        assert "Traceback" in outcome.logs
        for damaged in (b"not JSON", b"[]", b'{"pubs": 1}', b'{"pubs": [[]]}'):
            outcome = await lane.run(job(params_json=damaged))
            assert outcome.failure is not None
        assert set(counts_of(await lane.run(job()))) == {"0x0", "0x3"}
        assert lane.pid == pid

    with_lane(work)


def test_a_job_that_takes_longer_than_its_cost_is_ended(with_lane: WithLane) -> None:
    """The limit holds while Aer computes."""

    async def work(lane: Lane) -> None:
        started_s = time.monotonic()
        outcome = await lane.run(job(ENDLESS, cost_s=1))
        assert time.monotonic() - started_s < 3
        assert outcome.failure is not None
        assert outcome.failure.code == faults.RAN_TOO_LONG
        assert "1 seconds" in outcome.failure.reason
        assert 1 <= outcome.qpu_s < 3
        assert set(counts_of(await lane.run(job()))) == {"0x0", "0x3"}

    with_lane(work)


def test_kill_ends_the_running_job_at_once_and_the_next_one_runs(with_lane: WithLane) -> None:
    """A cancelled job stops within a second."""

    async def work(lane: Lane) -> None:
        running = asyncio.create_task(lane.run(job(ENDLESS)))
        await is_computing(lane)
        started_s = time.monotonic()
        lane.kill()
        outcome = await running
        assert time.monotonic() - started_s < 1
        assert outcome.failure is not None
        assert outcome.failure.code == faults.JOB_CANCELLED
        assert outcome.qpu_s > 0.1
        assert set(counts_of(await lane.run(job()))) == {"0x0", "0x3"}

    with_lane(work)


def test_a_kill_that_comes_after_the_reply_fails_no_other_job(
    with_lane: WithLane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job may end in the very moment in which it is cancelled."""

    async def work(lane: Lane) -> None:
        ask = LaneProcess.ask

        async def ask_and_kill(self: LaneProcess, *question: Any) -> Any:
            reply = await ask(self, *question)
            lane.kill()
            return reply

        with monkeypatch.context() as patch:
            patch.setattr(LaneProcess, "ask", ask_and_kill)
            cancelled = await lane.run(job())
        assert cancelled.result_json is None
        assert counts_of(await lane.run(job())).total() == 100

    with_lane(work)


def test_kill_without_a_job_leaves_the_lane_warm(with_lane: WithLane) -> None:
    """A cancel that comes too late harms nothing."""

    async def work(lane: Lane) -> None:
        pid = lane.pid
        lane.kill()
        assert set(counts_of(await lane.run(job()))) == {"0x0", "0x3"}
        assert lane.pid == pid

    with_lane(work)


def test_a_job_is_ended_while_its_lane_is_still_getting_warm() -> None:
    """A cancel may also come before the job has begun."""

    async def main() -> None:
        lane = Lane(MEMORY_MB)
        running = asyncio.create_task(lane.run(job(ENDLESS)))
        await until(lambda: lane.pid is not None)
        lane.kill()
        outcome = await running
        assert outcome.failure is not None
        assert outcome.failure.code == faults.JOB_CANCELLED
        assert set(counts_of(await lane.run(job()))) == {"0x0", "0x3"}
        await lane.stop()

    asyncio.run(main())


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_lane_that_dies_fails_its_job_alone(with_lane: WithLane, number: signal.Signals) -> None:
    """By the system, or by a fault in native code."""

    async def work(lane: Lane) -> None:
        running = asyncio.create_task(lane.run(job(ENDLESS)))
        await is_computing(lane)
        assert lane.pid is not None
        os.kill(lane.pid, number)
        outcome = await running
        assert outcome.failure is not None
        assert outcome.failure.code == faults.JOB_FAILED_TO_RUN
        assert number.name in outcome.failure.reason
        assert set(counts_of(await lane.run(job()))) == {"0x0", "0x3"}

    with_lane(work)


def test_a_lane_that_died_while_idle_is_made_anew_for_the_next_job(with_lane: WithLane) -> None:
    """At most one job finds it dead."""

    async def work(lane: Lane) -> None:
        assert lane.pid is not None
        os.kill(lane.pid, signal.SIGKILL)
        psutil.Process(lane.pid).wait(timeout=5)
        outcomes = [await lane.run(job()) for _ in range(2)]
        assert set(counts_of(outcomes[-1])) == {"0x0", "0x3"}

    with_lane(work)


def test_forty_entangled_qubits_are_refused_before_memory_is_spent(with_lane: WithLane) -> None:
    """Width, method, need and limit are named."""
    gates = "".join(f"cx q[{i}], q[{i + 1}];" for i in range(39))
    wide = f"{HEADER}qubit[40] q; bit[40] c; h q; t q; {gates} h q; c = measure q;"

    async def work(lane: Lane) -> None:
        assert lane.pid is not None
        process = psutil.Process(lane.pid)
        before_bytes = process.memory_info().rss
        outcome = await lane.run(job(wide))
        assert outcome.failure is not None
        assert outcome.failure.code == faults.SIMULATOR_ERROR
        for word in ("40 qubits", "statevector", "16 TiB", "1.95 GiB"):
            assert word in outcome.failure.reason
        assert process.memory_info().rss - before_bytes < 50 * 2**20

    with_lane(work)


def test_a_hundred_qubits_run_where_the_method_allows(with_lane: WithLane) -> None:
    """A GHZ state is Clifford."""
    gates = "".join(f"cx q[{i}], q[{i + 1}];" for i in range(99))
    ghz = f"{HEADER}qubit[100] q; bit[100] c; h q[0]; {gates} c = measure q;"

    async def work(lane: Lane) -> None:
        assert set(counts_of(await lane.run(job(ghz)))) == {"0x0", hex(2**100 - 1)}

    with_lane(work)


def test_stop_ends_the_process_and_the_job() -> None:
    """Nothing is left, and nothing is run afterwards."""

    async def main() -> None:
        lane = Lane(MEMORY_MB)
        await lane.start()
        running = asyncio.create_task(lane.run(job(ENDLESS)))
        await is_computing(lane)
        pid = lane.pid
        await lane.stop()
        assert (await running).failure is not None
        assert pid is not None
        assert not psutil.pid_exists(pid)
        late = await lane.run(job())
        assert late.failure is not None

    asyncio.run(main())


def test_a_lane_that_cannot_start_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """In `start` by an error, in `run` by a failure."""
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")

    async def main() -> None:
        lane = Lane(MEMORY_MB)
        with pytest.raises(LocalRuntimeError, match="could not be started"):
            await lane.start()
        outcome = await lane.run(job())
        assert outcome.failure is not None
        assert outcome.failure.code == faults.JOB_FAILED_TO_RUN
        await lane.stop()

    asyncio.run(main())


def test_lanes_share_the_memory() -> None:
    """Four lanes get a quarter each."""
    assert 1 <= default_num_lanes() <= 4
    one, four = make_lanes(1)[0], make_lanes(4)
    assert len(four) == 4
    assert four[0]._memory_mb == pytest.approx(one._memory_mb / 4, rel=0.01)


def test_a_container_has_less_memory_than_its_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its limit counts, where it has one."""
    limit, unlimited = tmp_path / "limit", tmp_path / "unlimited"
    limit.write_text(f"{4 * 2**30}\n")
    unlimited.write_text("max\n")
    monkeypatch.setattr(memory, "_CGROUP_FILES", (unlimited, limit))
    assert memory.share_mb(2) == 4096 * 0.75 / 2
    monkeypatch.setattr(memory, "_CGROUP_FILES", (unlimited, tmp_path / "none"))
    assert memory.share_mb(2) > 4096 * 0.75 / 2
    assert memory.share_mb(10**6) == 256


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds a process's memory")
def test_what_no_estimate_foresaw_is_an_error_and_not_the_machines_end() -> None:
    """Beyond its share and a margin a lane gets no memory."""
    script = (
        "from qrsession.local.lanes.memory import limit_address_space as limit; limit(100)\n"
        "bytearray(2**30); print('some')\n"
        "try: bytearray(2**32)\n"
        "except MemoryError: print('no more')\n"
    )
    child = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert child.stdout.split(b"\n")[:2] == [b"some", b"no more"]


PARENT = """
    import asyncio, json, os
    from qrsession.local.lanes.lane import Lane, LaneJob

    params = json.dumps({"pubs": [[%r, None, 10]]}).encode()

    async def main():
        lanes = [Lane(500), Lane(500)]
        await asyncio.gather(*(lane.start() for lane in lanes))
        print(*(lane.pid for lane in lanes), flush=True)
        await lanes[0].run(LaneJob("j", "sampler", params, "aer_simulator", 1, None))

    asyncio.run(main())
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_no_lane_outlives_its_runtime_even_while_it_computes(number: signal.Signals) -> None:
    """Two seconds, without any help of Python."""
    script = textwrap.dedent(PARENT) % ENDLESS
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        busy, idle = [psutil.Process(int(pid)) for pid in parent.stdout.readline().split()]
        busy_s = busy.cpu_times().user
        deadline_s = time.monotonic() + LIMIT_S
        while busy.cpu_times().user < busy_s + 0.2:
            assert time.monotonic() < deadline_s
        parent.send_signal(number)
        killed_s = time.monotonic()
        parent.wait(timeout=5)
        for lane in (busy, idle):
            while lane.is_running() and lane.status() != psutil.STATUS_ZOMBIE:
                assert time.monotonic() - killed_s < 2
