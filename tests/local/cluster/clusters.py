"""A Dask cluster of one's own: a scheduler and workers, each a process on loopback."""

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

LIMIT_S = 60.0
HEADER = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'
# It ends when bit 0 is 1, which never happens.
ENDLESS = HEADER + "qubit[1] q; bit[1] c; while (c == 0) { x q[0]; x q[0]; c[0] = measure q[0]; }"
_SCHEDULER = "from distributed.cli.dask_scheduler import main; main()"
_WORKER = "from distributed.cli.dask_worker import main; main()"


@dataclass
class DaskCluster:
    """The processes of one cluster; ``prelude`` is Python that each of them runs first."""

    folder: Path
    prelude: str = ""
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    scheduler: subprocess.Popen[bytes] | None = None
    address: str = ""

    @property
    def engine(self) -> str:
        """The address as `--engine` takes it."""
        return self.address.replace("tcp://", "dask://")

    def start_scheduler(self, port: int = 0, *, prelude: str = "") -> None:
        """Start the scheduler, and wait until it says where it is."""
        file = self.folder / "scheduler.json"
        file.unlink(missing_ok=True)
        where = ["--host", "127.0.0.1", "--port", str(port)]
        more = ["--dashboard-address", "127.0.0.1:0", "--scheduler-file", str(file)]
        code = self.prelude + prelude + _SCHEDULER
        self.scheduler = self._start("scheduler", code, *where, *more)
        # It is written in place, and may be seen before it is whole.
        until(lambda: file.exists() and file.read_text().endswith("}"))
        self.address = json.loads(file.read_text())["address"]

    def stop_scheduler(self) -> None:
        """End the scheduler as a crash would."""
        if self.scheduler is not None:
            self.scheduler.kill()
            self.scheduler.wait()

    def start_worker(self, *, prelude: str = "") -> subprocess.Popen[bytes]:
        """Start a worker with one slot; it is there a second later."""
        more = ["--no-nanny", "--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1"]
        more += ["--local-directory", str(self.folder)]
        worker = self._start("workers", self.prelude + prelude + _WORKER, self.address, *more)
        self.workers.append(worker)
        return worker

    def stop_worker(self, worker: subprocess.Popen[bytes]) -> None:
        """End a worker as a crash would."""
        self.workers.remove(worker)
        worker.kill()
        worker.wait()

    def lane_pids(self, worker: subprocess.Popen[bytes]) -> list[int]:
        """Return the processes of a worker's lanes."""
        return [child.pid for child in psutil.Process(worker.pid).children()]

    def busy(self) -> tuple[subprocess.Popen[bytes], int]:
        """Wait until a lane computes, and return its worker and its process."""
        before_s = dict(self._lanes_user_s())
        found: list[tuple[subprocess.Popen[bytes], int]] = []

        def looks() -> bool:
            for lane, user_s in self._lanes_user_s():
                if user_s > before_s.setdefault(lane, user_s) + 0.2:
                    found.append(lane)
            return bool(found)

        until(looks)
        return found[0]

    def settle(self) -> None:
        """Wait until each worker has a lane, and all of them are warm and do nothing."""
        seen: list[dict[Any, float]] = [{}]

        def is_settled() -> bool:
            threading.Event().wait(0.2)
            seen.append(dict(self._lanes_user_s()))
            workers = {worker.pid for worker, _ in seen[-1]}
            return len(workers) == len(self.workers) and seen[-1] == seen[-2]

        until(is_settled)

    def _lanes_user_s(self) -> Iterator[tuple[tuple[subprocess.Popen[bytes], int], float]]:
        for worker in self.workers:
            for child in psutil.Process(worker.pid).children():
                with contextlib.suppress(psutil.Error):
                    yield (worker, child.pid), child.cpu_times().user

    def stop(self) -> None:
        """End everything."""
        for worker in [*self.workers]:
            self.stop_worker(worker)
        self.stop_scheduler()

    def _start(self, log: str, code: str, *arguments: str) -> subprocess.Popen[bytes]:
        with (self.folder / log).open("ab") as output:
            return subprocess.Popen(
                [sys.executable, "-c", code, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # The user's own configuration of Dask is none of a test's business.
                env={**os.environ, "HOME": str(self.folder)},
            )


def until(holds: Callable[[], bool], limit_s: float = LIMIT_S) -> None:
    """Wait until a condition holds, and leave the processor to those who are waited for."""
    deadline_s = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < deadline_s
        threading.Event().wait(0.02)


def is_gone(pid: int) -> bool:
    """Tell whether a process has ended, whoever has not asked for its status yet."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
