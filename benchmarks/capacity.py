"""Rows on what one runtime can carry: queued jobs, finished jobs, memory, its start, and a peer."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import ends
from benchmarks.device_rows import SNAPSHOTS, variables
from benchmarks.ends import Home
from benchmarks.timing import Limit, Pair, Row

FOLDER = Path(__file__).resolve().parent
LANES_NAMES = ("lanes", "lanes-one-loop", "lanes-two-loop")
STORE_NAMES = ("full-submit", "full-get", "full-list", "full-claim", "full-workloads", "full-end")
IDLE_NAMES = ("idle-memory", "ready")
OWN_NAMES = (*LANES_NAMES, *STORE_NAMES, *IDLE_NAMES)
PEER_NAMES = ("peer-jobs",)

NUM_QUEUED = 2000
NUM_CLIENTS = 8
NUM_PEER_JOBS = 100
MOST_MEMORY_MB = 90.0
# The emulator's device, as its own documents call it.
_REAL_NAME = "ibmq_quito"
_IMPORTS = "import starlette.applications, uvicorn"
_ALLOWED_MS = 300.0


@contextmanager
def own_rows(home: Home) -> Iterator[list[Row]]:
    """Return the rows that need no peer, for a home without a runtime."""
    drains = _Drains(home)
    store = _StoreTimes(home)
    yield [
        *drains.rows(),
        *store.rows(),
        Row(
            IDLE_NAMES[0],
            f"resident memory of the idle runtime / {MOST_MEMORY_MB:g} MB",
            Limit(1.0),
            lambda: Pair(_idle_mb(home), MOST_MEMORY_MB),
            share=0.2,
            unit="MB",
        ),
        Row(
            IDLE_NAMES[1],
            "start to the first answer / 1.5 times import starlette, uvicorn, and 300 ms",
            Limit(1.0),
            lambda: _start_pair(home),
        ),
    ]


def peer_row(home: Home, peer: Home, port: int) -> Row:
    """Return the row of one script on both services; the emulator listens at a port.

    Both have the device's noise: the emulator's is to be up with it.
    """
    (snapshots,) = peer.scripts.parent.glob(SNAPSHOTS)
    script = ("-P", FOLDER / "peer_jobs.py")

    def take() -> Pair:
        with ends.serving(home, "--twins", snapshots) as url:
            secret = (_local_folder(home) / "secret").read_text().strip()
            used = json.loads(home.output("qrsession", "usage", "--local", "--json"))["data"]
            by_peer = peer.having(variables(url, secret, used["usage"]["instance"]))
            ours_ms = float(by_peer.output("python", *script, _REAL_NAME, str(NUM_PEER_JOBS)))
        on_emulator = (ends.DEVICE, str(NUM_PEER_JOBS), str(port))
        return Pair(ours_ms, float(peer.output("python", *script, *on_emulator)))

    return Row(
        PEER_NAMES[0],
        f"{NUM_PEER_JOBS} jobs on a noisy twin by qiskit-ibm-runtime / on the emulator",
        Limit(None),
        take,
        share=0.2,
    )


def _local_folder(home: Home) -> Path:
    """Return where the home's runtime keeps its files."""
    return Path(home.environ["QRSESSION_HOME"]) / "data" / "local"


@dataclass(frozen=True, slots=True)
class _Drain:
    """Milliseconds a job in one run of the queue: by one lane, by two, and in a loop over Aer."""

    one_ms: float
    two_ms: float
    loop_ms: float


@dataclass
class _Drains:
    """Runs of one queue, which several rows look at: each is taken once."""

    home: Home
    _taken: list[_Drain] = field(default_factory=list)
    _queue: Path | None = None

    def rows(self) -> list[Row]:
        """Return the rows on queued jobs."""
        what = f"{NUM_QUEUED} queued jobs, each, by"

        def row(name: str, what: str, limit: float | None, of: Callable[[_Drain], Pair]) -> Row:
            seen = iter(range(1_000_000))
            return Row(name, what, Limit(limit), lambda: of(self._number(next(seen))), share=0.2)

        return [
            # 1.6 times as many in the same time.
            row(
                LANES_NAMES[0],
                f"{what} two lanes / by one",
                1 / 1.6,
                lambda drain: Pair(drain.two_ms, drain.one_ms),
            ),
            row(
                LANES_NAMES[1],
                f"{what} one lane / by a loop over Aer",
                None,
                lambda drain: Pair(drain.one_ms, drain.loop_ms),
            ),
            row(
                LANES_NAMES[2],
                f"{what} two lanes / by a loop over Aer",
                None,
                lambda drain: Pair(drain.two_ms, drain.loop_ms),
            ),
        ]

    def _number(self, number: int) -> _Drain:
        while len(self._taken) <= number:
            loop_ms = float(self._script("loop", str(NUM_QUEUED // 4)))
            self._taken.append(_Drain(self._drained_ms(1), self._drained_ms(2), loop_ms))
        return self._taken[number]

    def _script(self, *words: str) -> str:
        return self.home.output("python", "-P", FOLDER / "queued_jobs.py", *words)

    def _filled(self) -> Path:
        """Return a copy of a database with the jobs queued, which many clients sent at once."""
        if self._queue is not None:
            return self._queue
        with ends.serving(self.home, "--workers", "1"):
            blocking = self._script("block").strip()
            command = [str(self.home.scripts / "python"), "-P", str(FOLDER / "queued_jobs.py")]
            clients = [
                subprocess.Popen(
                    [*command, "submit", str(NUM_QUEUED // NUM_CLIENTS)],
                    stdout=subprocess.PIPE,
                    env=self.home.environ,
                    cwd=self.home.folder,
                    text=True,
                )
                for _ in range(NUM_CLIENTS)
            ]
            accepted = [line for client in clients for line in client.communicate()[0].split()]
        file = _local_folder(self.home) / "runtime.sqlite3"
        self.home.output("python", "-P", FOLDER / "store_work.py", "drop", file.parent, blocking)
        _check_once(file, accepted, "Queued")
        self._queue = self.home.folder / "queue.sqlite3"
        shutil.copy(file, self._queue)
        return self._queue

    def _drained_ms(self, num_lanes: int) -> float:
        """Run the queue by some lanes, and return how long each job took in the middle of it."""
        queue, file = self._filled(), _local_folder(self.home) / "runtime.sqlite3"
        shutil.copy(queue, file)
        with ends.serving(self.home, "--workers", str(num_lanes)):
            self._script("wait")
        finished_ms = _check_once(file, None, "Completed")
        # The lanes do not become warm together, nor end together.
        first, last = len(finished_ms) // 20, len(finished_ms) * 19 // 20
        return (finished_ms[last] - finished_ms[first]) / (last - first)


def _check_once(file: Path, accepted: list[str] | None, status: str) -> list[int]:
    """Return when the jobs ended, in order; refuse to go on where one is lost or doubled."""
    with closing(sqlite3.connect(file)) as database:
        rows = database.execute(
            "SELECT job_id, status, finished_ms, result IS NOT NULL FROM jobs"
            " LEFT JOIN job_results USING (seq) WHERE status <> 'Cancelled' ORDER BY finished_ms"
        ).fetchall()
    if len(rows) != NUM_QUEUED or {row[1] for row in rows} != {status}:
        raise RuntimeError(f"There should be {NUM_QUEUED} jobs, all {status}: there are {rows}.")
    if accepted is not None and sorted(accepted) != sorted(row[0] for row in rows):
        raise RuntimeError("The clients were told of other jobs than there are.")
    if {bool(row[3]) for row in rows} != {status == "Completed"}:
        raise RuntimeError("Not every job that ended has its result.")
    return [row[2] for row in rows]


@dataclass
class _StoreTimes:
    """Medians of what is asked of a database, for several rows: each is taken once."""

    home: Home
    _taken: list[dict[str, list[float]]] = field(default_factory=list)

    def rows(self) -> list[Row]:
        """Return the rows on a database of many finished jobs."""

        def row(name: str, limit: float | None) -> Row:
            word = name.removeprefix("full-")
            seen = iter(range(1_000_000))
            return Row(
                name,
                f"{word} with 100,000 finished jobs / with none",
                Limit(limit),
                lambda: Pair(*self._number(next(seen))[word]),
                unit="us",
            )

        return [row(name, None if name == STORE_NAMES[-1] else 1.5) for name in STORE_NAMES]

    def _number(self, number: int) -> dict[str, list[float]]:
        script = ("-P", FOLDER / "store_work.py", "times", self.home.folder)
        while len(self._taken) <= number:
            self._taken.append(json.loads(self.home.output("python", *script)))
        return self._taken[number]


def _idle_mb(home: Home) -> float:
    """Return how much memory a runtime holds that has run a job and has nothing to do, in MB."""
    with ends.serving(home):
        home.output("qrsession", "open", "--local", "--backend", "aer_simulator", "--quiet")
        home.output("qrsession", "run", "@bell", "--quiet")
        home.output("qrsession", "close", "--quiet")
        status = json.loads(home.output("qrsession", "local", "status", "--json"))
        pid = str(status["data"]["runtime"]["pid"])
        words = subprocess.run(
            ["ps", "-o", "rss=", "-p", pid],  # noqa: S607 - wherever the system has it
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        return int(words) * 1024 / 1e6


def _start_pair(home: Home) -> Pair:
    reference_ms = home.wall_ms("python", "-c", _IMPORTS)
    folder = Path(tempfile.mkdtemp(dir=home.folder))
    command = [str(home.scripts / "python"), "-m", "qrsession.local", "--data", str(folder)]
    started_s = time.perf_counter()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, env=home.environ, cwd=home.folder, text=True
    ) as process:
        url = process.stdout.readline() if process.stdout else ""
        ours_ms = 1000 * (time.perf_counter() - started_s)
        os.kill(process.pid, signal.SIGTERM)
    if not url:
        raise RuntimeError("The local runtime did not start.")
    return Pair(ours_ms, 1.5 * reference_ms + _ALLOWED_MS)
