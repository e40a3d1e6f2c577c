"""A runtime that is killed and started again, and clients that go on meanwhile.

What the clients were told is written down, and held against itself at once: a job that was seen to
have ended never changes, and a result never does.
"""

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import requests

from qrsession.protocol.routes import API_KEY_GRANT
from tests.e2e.programs import is_alive, wait_for

ROOT = Path(__file__).parents[2]
LIGHT = "tests.e2e.light_runtime"
REAL = "qrsession.local"
BACKEND = "aer_simulator"
LONGEST_LANE_LIFE_S = 2.0
REQUEST_LIMIT_S = 10.0
_SOON_S = 0.03
FINAL = {"Completed", "Failed", "Cancelled"}


class Server:
    """One home's runtime, started again at the port that it had."""

    def __init__(self, folder: Path, module: str = LIGHT, workers: int = 2) -> None:
        self.folder = folder
        self.url = ""
        self.key = ""
        self._command = [sys.executable, "-m", module, "--data", str(folder)]
        self._command += ["--workers", str(workers)]
        self._log = folder.with_suffix(".log")
        self.process: subprocess.Popen[str] | None = None

    @property
    def database(self) -> Path:
        """The file of the database."""
        return self.folder / "local" / "runtime.sqlite3"

    def log(self) -> str:
        """Return what it has logged."""
        return self._log.read_text()

    def spawn(self, *prefix: str) -> "subprocess.Popen[str]":
        """Start the process, by another command where one is given, and do not wait for it."""
        port = self.url.rpartition(":")[2] or "0"
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [*prefix, *self._command, "--port", port],
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                text=True,
            )
        return self.process

    def await_ready(self) -> None:
        """Wait until it serves."""
        assert self.process is not None
        assert self.process.stdout is not None
        url = self.process.stdout.readline().strip()
        assert url, self.log()
        self.url = url
        self.key = (self.folder / "local" / "secret").read_text().strip()

    def start(self) -> None:
        """Start it, and wait until it serves."""
        self.spawn()
        self.await_ready()

    def end(self, number: signal.Signals) -> None:
        """Send a signal that ends it; nothing of it may be left two seconds later."""
        process = self.process
        assert process is not None
        try:
            below = psutil.Process(process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            below = []
        process.send_signal(number)
        process.wait(30)
        assert process.stdout is not None
        process.stdout.close()
        wait_for(lambda: not any(map(is_alive, below)), LONGEST_LANE_LIFE_S, "the end of its lanes")

    def kill(self) -> None:
        """Kill it."""
        self.end(signal.SIGKILL)


@contextmanager
def served(folder: Path, module: str = LIGHT, workers: int = 2) -> Iterator[Server]:
    """Have a runtime up."""
    server = Server(folder, module, workers)
    server.start()
    try:
        yield server
    finally:
        if server.process is not None and server.process.poll() is None:
            server.end(signal.SIGKILL)


class Caller(requests.Session):
    """Speaks to a runtime; paths are those below the API's base."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self.trust_env = False
        form = {"grant_type": API_KEY_GRANT, "apikey": server.key}
        self.base = f"{server.url}/api/v1"
        url = f"{server.url}/identity/token"
        token = self.post(url, data=form).json()["access_token"]
        self.headers["Authorization"] = f"Bearer {token}"

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **more: Any) -> Any:
        """Send a request, with a time-out."""
        assert isinstance(url, str)
        full = url if url.startswith("http") else self.base + url
        return super().request(method, full, *args, **{"timeout": REQUEST_LIMIT_S, **more})

    def submit(self, params: dict[str, Any], **fields: Any) -> requests.Response:
        """Send a job."""
        body = {"program_id": "sampler", "backend": BACKEND, "params": params, **fields}
        reply: requests.Response = self.post("/jobs", json=body)
        return reply

    def state(self, job_id: str) -> dict[str, Any]:
        """Return the state of a job: its status, reason and reason's code."""
        reply = self.get(f"/jobs/{job_id}?exclude_params=true")
        assert reply.status_code == 200, reply.text
        state: dict[str, Any] = reply.json()["state"]
        return state

    def runs_something(self) -> bool:
        """Return whether a job runs."""
        jobs = self.get("/jobs?pending=true&limit=200&sort=ASC").json()["jobs"]
        return any(job["state"]["status"] == "Running" for job in jobs)

    def wait_final(self, job_id: str) -> dict[str, Any]:
        """Wait until a job has ended, and return its state."""
        wait_for(lambda: self.state(job_id)["status"] in FINAL, what=f"the end of job {job_id}")
        return self.state(job_id)


@dataclass
class Book:
    """What the clients were told, all of them together."""

    accepted: dict[str, str] = field(default_factory=dict)
    sent_tags: set[str] = field(default_factory=set)
    cancelled: set[str] = field(default_factory=set)
    sessions: set[str] = field(default_factory=set)
    finals: dict[str, Any] = field(default_factory=dict)
    results: dict[str, bytes] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def see(self, job_id: str, state: dict[str, Any]) -> None:
        """Note a job's state, which must be what it was if it had ended."""
        with self.lock:
            known = self.finals.get(job_id)
            if known is not None and known != state:
                self.faults.append(f"{job_id} was {known} and is {state}")
            elif state["status"] in FINAL:
                self.finals[job_id] = state

    def see_result(self, job_id: str, result: bytes) -> None:
        """Note a job's result, which must be what it was."""
        with self.lock:
            if self.results.setdefault(job_id, result) != result:
                self.faults.append(f"{job_id} has another result")


class Customer(threading.Thread):
    """A client that submits, opens, cancels, looks and closes, whatever becomes of the runtime."""

    def __init__(
        self, server: Server, book: Book, name: str, seed: int, params: Callable[[int], Any]
    ) -> None:
        super().__init__(name=name)
        self._server = server
        self._book = book
        self._chance = random.Random(seed)  # noqa: S311 - no secret
        self._params = params
        self._mine: list[str] = []
        self._session_id: str | None = None
        self._number = 0
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def run(self) -> None:
        """Do one thing after another until told to stop."""
        caller: Caller | None = None
        pause = threading.Event()
        while self.may_go_on.is_set():
            try:
                caller = caller or Caller(self._server)
                self._do_something(caller)
            except (requests.RequestException, ValueError):
                # It is down, or went down under the reply.
                caller = None
                pause.wait(0.02)
            except Exception as error:  # noqa: BLE001 - the test's thread is to see it
                self._book.faults.append(f"{self.name}: {error!r}")
                return
            pause.wait(0.005)

    def _do_something(self, caller: Caller) -> None:
        chosen = self._chance.random()
        if chosen < 0.06:
            self._open_or_close(caller)
        elif chosen < 0.5:
            self._submit(caller)
        elif self._mine and chosen < 0.6:
            job_id = self._chance.choice(self._mine)
            reply = caller.post(f"/jobs/{job_id}/cancel")
            assert reply.status_code in {204, 409}, reply.text
            if reply.status_code == 204:
                self._book.cancelled.add(job_id)
        elif self._mine:
            self._look(caller, self._chance.choice(self._mine))

    def _submit(self, caller: Caller) -> None:
        self._number += 1
        tag = f"{self.name}-{self._number}"
        fields: dict[str, Any] = {"tags": [tag]}
        if self._session_id is not None and self._chance.random() < 0.7:
            fields["session_id"] = self._session_id
        self._book.sent_tags.add(tag)
        reply = caller.submit(self._params(self._chance.randrange(1, 30)), **fields)
        if reply.status_code == 400 and "session_id" in fields:
            # It has ended meanwhile.
            self._session_id = None
            return
        assert reply.status_code == 200, reply.text
        job_id = reply.json()["id"]
        self._book.accepted[job_id] = tag
        self._mine.append(job_id)

    def _open_or_close(self, caller: Caller) -> None:
        if self._session_id is None:
            mode = self._chance.choice(["dedicated", "batch"])
            reply = caller.post("/sessions", json={"mode": mode, "backend": BACKEND})
            assert reply.status_code == 200, reply.text
            self._session_id = reply.json()["id"]
            self._book.sessions.add(reply.json()["id"])
            return
        session_id, self._session_id = self._session_id, None
        if self._chance.random() < 0.5:
            caller.delete(f"/sessions/{session_id}/close")
        else:
            caller.patch(f"/sessions/{session_id}", json={"accepting_jobs": False})

    def _look(self, caller: Caller, job_id: str) -> None:
        state = caller.state(job_id)
        self._book.see(job_id, state)
        if state["status"] == "Completed":
            reply = caller.get(f"/jobs/{job_id}/results")
            assert reply.status_code == 200, reply.text
            self._book.see_result(job_id, reply.content)


@contextmanager
def customers(
    server: Server, book: Book, number: int, seed: int, params: Callable[[int], Any]
) -> Iterator[None]:
    """Have clients at work."""
    threads = [Customer(server, book, f"c{at}", seed + at, params) for at in range(number)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for thread in threads:
            thread.may_go_on.clear()
        for thread in threads:
            thread.join(60)
    assert not any(thread.is_alive() for thread in threads)


def kill_at_random_moments(server: Server, kills: int, seed: int, longest_s: float) -> None:
    """Kill a runtime that is up and start it again, so often.

    One in three dies while it starts, one in three soon after it was seen to run a job, however
    long its lanes took to be there, and one in three at any moment after it was ready.
    """
    chance = random.Random(seed)  # noqa: S311 - no secret
    moment = threading.Event()
    is_starting = False
    for _ in range(kills):
        drawn = chance.random()
        if is_starting and drawn < 1 / 3:
            moment.wait(chance.uniform(0, 0.4))
        else:
            if is_starting:
                server.await_ready()
            if drawn < 2 / 3:
                wait_for(Caller(server).runs_something, what="a job that runs")
                moment.wait(chance.uniform(0, _SOON_S))
            else:
                moment.wait(chance.uniform(0, longest_s))
        server.kill()
        server.spawn()
        is_starting = True
    server.await_ready()
