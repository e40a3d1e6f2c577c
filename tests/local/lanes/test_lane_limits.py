"""Lanes whose job outgrows its memory, and lanes that could not notice the end of their runtime."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator

import psutil
import pytest

from qrsession.local.lanes.lane import Lane
from qrsession.protocol import faults
from tests.lane_jobs import job
from tests.local.lanes.test_lanes import ENDLESS as ENDLESS_QASM
from tests.local.lanes.test_lanes import HEADER, LIMIT_S, MEMORY_MB, counts_of, is_computing

# A statevector of 512 MiB, which is within the lane's share.
WIDE = HEADER + "qubit[25] q; bit[25] c; h q; t q; cx q[0], q[1]; h q; c = measure q;"
# Within the bounds of what is parsed, and as Python's objects twenty times as large.
MANY_LISTS = b'{"pubs": [' + b"[]," * 2_000_000 + b"[]]}"
LINUX_ALONE = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux bounds a process's memory, and wakes it to end it"
)
LONGEST_LANE_LIFE_S = 2.0


@LINUX_ALONE
def test_a_job_that_outgrows_its_memory_fails_alone_with_that_reason() -> None:
    """Whether Aer or Python asks for too much; and the same process runs the next job."""

    async def main() -> None:
        lane = Lane(MEMORY_MB)
        await lane.start()
        assert lane.pid is not None
        process = psutil.Process(lane.pid)
        room_bytes = process.memory_info().vms + 50 * 2**20
        process.rlimit(psutil.RLIMIT_AS, (room_bytes, room_bytes))
        for greedy in (job(WIDE), job(params_json=MANY_LISTS)):
            outcome = await lane.run(greedy)
            assert outcome.failure is not None
            assert outcome.failure.code == faults.SIMULATOR_ERROR
            assert "needs more memory than a lane" in outcome.failure.reason
            assert set(counts_of(await lane.run(job()))) == {"0x0", "0x3"}
        assert lane.pid == process.pid
        running = asyncio.create_task(lane.run(job(ENDLESS_QASM)))
        await is_computing(lane)
        # What the system does once memory has run out in spite of all.
        process.kill()
        outcome = await running
        assert outcome.failure is not None
        assert outcome.failure.code == faults.JOB_FAILED_TO_RUN
        assert "memory runs out" in outcome.failure.reason
        await lane.stop()

    asyncio.run(main())


PARENT = """
    import asyncio
    from qrsession.local.lanes.lane import Lane

    async def main():
        lanes = [Lane(500) for _ in range(3)]
        await lanes[0].start()
        starts = [asyncio.create_task(lane.start()) for lane in lanes[1:]]
        while any(lane.pid is None for lane in lanes):
            await asyncio.sleep(0)
        print(*(lane.pid for lane in lanes), flush=True)
        await asyncio.gather(*starts)
        await asyncio.Event().wait()

    asyncio.run(main())
"""


@pytest.fixture
def runtime_with_lanes() -> Iterator["subprocess.Popen[bytes]"]:
    """A process that has one warm lane, and two that are starting; it prints their numbers."""
    command = [sys.executable, "-c", textwrap.dedent(PARENT)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
        yield parent
        parent.kill()


@LINUX_ALONE
def test_neither_a_stopped_lane_nor_one_that_is_starting_outlives_its_runtime(
    runtime_with_lanes: "subprocess.Popen[bytes]",
) -> None:
    """A stopped process runs no handler, and one that is starting has none yet."""
    assert runtime_with_lanes.stdout is not None
    words = runtime_with_lanes.stdout.readline().split()
    lanes = [psutil.Process(int(pid)) for pid in words]
    os.kill(lanes[0].pid, signal.SIGSTOP)
    deadline_s = time.monotonic() + LIMIT_S
    while lanes[0].status() != psutil.STATUS_STOPPED:
        assert time.monotonic() < deadline_s
    runtime_with_lanes.kill()
    killed_s = time.monotonic()
    runtime_with_lanes.wait(5)
    for lane in lanes:
        while lane.is_running() and lane.status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() - killed_s < LONGEST_LANE_LIFE_S
