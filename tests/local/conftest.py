"""A real runtime on a port of its own, with lanes that do as the test says.

`start_runtime` makes one, `runtime` is one with a single lane, `client` speaks to it with a token.
"""

import asyncio
import hashlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
import requests
import uvicorn
from starlette.applications import Starlette

from qrsession.local.api.app import create_app
from qrsession.local.api.connections import server_config
from qrsession.local.clock import Clock, SimulatedClock
from qrsession.local.conditions import Conditions
from qrsession.local.config import RuntimeConfig
from qrsession.local.devices.catalogue import Catalogue
from qrsession.local.devices.device import Device
from qrsession.local.lanes.lane import Failure, JobLane, LaneJob, LaneOutcome, make_lanes
from qrsession.local.runtime import Runtime
from qrsession.protocol.routes import API_KEY_GRANT, API_VERSION, VERSION_HEADER

SECRET = "a-secret-of-this-test-run"  # noqa: S105 - it opens nothing but this test's runtime
LIMIT_S = 20
T = TypeVar("T")


class ManualClock:
    """A clock that stands still until a test moves it."""

    rate = 1.0

    def __init__(self) -> None:
        self.moment = datetime(2026, 11, 22, 16, 0, tzinfo=UTC)

    def now(self) -> datetime:
        """Return the moment that the test chose."""
        return self.moment

    def real_seconds_until(self, moment: datetime) -> float:
        """Nothing comes by itself: what is not due yet is a long time off."""
        return 0.0 if moment <= self.moment else 3600.0

    def advance(self, seconds: float) -> None:
        """Move the clock."""
        self.moment += timedelta(seconds=seconds)


class ScriptedLane:
    """A lane in the server's own process. The first pub of a job says what to do.

    ``"hold"`` waits to be released or killed, ``"fail"`` and ``"overrun"`` fail, ``"raise"`` breaks
    the rule that a lane never raises; anything else gives a result that shows what arrived. A pub
    of IBM's client holds if it asks for `HOLDING_SHOTS`.
    """

    HOLDING_SHOTS = 4242

    def __init__(self) -> None:
        self.seen: list[LaneJob] = []
        self.kills = 0
        self.may_start = threading.Event()
        self.may_start.set()
        self._release: asyncio.Event | None = None
        self._is_killed = False

    async def start(self) -> None:
        """Start when the test allows it."""
        await asyncio.get_running_loop().run_in_executor(None, self.may_start.wait, LIMIT_S)

    async def run(self, job: LaneJob) -> LaneOutcome:
        """Do what the first pub says."""
        self.seen.append(job)
        self._is_killed = False
        self._release = asyncio.Event()
        params = json.loads(job.params_json)
        order = params["pubs"][0] if params.get("pubs") else ""
        if isinstance(order, list) and order[-1] == self.HOLDING_SHOTS:
            order = "hold"
        if order == "hold":
            await self._release.wait()
        if order == "raise":
            raise RuntimeError("this lane is broken")
        if self._is_killed:
            return _failed(5204, "The lane was killed.")
        if order == "fail":
            return _failed(1517, "The circuit does not fit the device.")
        if order == "overrun":
            return _failed(1305, "The job ran for longer than its maximum execution time.")
        result = {
            "results": [{"data": {"digest": hashlib.sha256(job.params_json).hexdigest()}}],
            "metadata": {"seed": job.seed, "pubs": len(params.get("pubs", []))},
        }
        return LaneOutcome(json.dumps(result).encode(), None, 0.25, 1_500_000, "ran\n", "2.6.2")

    def kill(self) -> None:
        """End the job that runs."""
        self.kills += 1
        self._is_killed = True
        self.release()

    def release(self) -> None:
        """Let a held job go on. To be called in the server's loop."""
        if self._release is not None:
            self._release.set()

    async def stop(self) -> None:
        """End the job that runs, as a lane does whose runtime ends."""
        self.kill()


def _failed(code: int, reason: str) -> LaneOutcome:
    return LaneOutcome(None, Failure(code, reason, "Try another."), 0.5, 0, "Traceback\n", "2.6.2")


class ReadyServer(uvicorn.Server):
    """A server that says when it is ready."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_ready = threading.Event()
        self.loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        self.loop = asyncio.get_running_loop()
        await super().startup(sockets)
        self.is_ready.set()


@dataclass
class RunningRuntime:
    """A runtime that serves, in a thread."""

    url: str
    port: int
    app: Starlette
    server: ReadyServer
    thread: threading.Thread
    lanes: list[ScriptedLane]
    became_idle: threading.Event = field(default_factory=threading.Event)

    @property
    def parts(self) -> Runtime:
        """The runtime itself. It lives in the server's loop: see `in_loop`."""
        parts: Runtime = self.app.state.runtime
        return parts

    def in_loop(self, work: Callable[[], T]) -> T:
        """Call a function in the server's loop."""
        answer: Future[T] = Future()

        def call() -> None:
            try:
                answer.set_result(work())
            except BaseException as error:  # noqa: BLE001 - it is raised in the test's thread
                answer.set_exception(error)

        assert self.server.loop is not None
        self.server.loop.call_soon_threadsafe(call)
        return answer.result(LIMIT_S)

    def release_held(self) -> None:
        """Let the held jobs go on."""
        for lane in self.lanes:
            self.in_loop(lane.release)

    def stop(self) -> None:
        """Stop serving, as a signal would."""
        if self.thread.is_alive():
            self.in_loop(self.parts.changes.release_all)
        self.server.should_exit = True
        self.thread.join(LIMIT_S)
        assert not self.thread.is_alive()


class Client(requests.Session):
    """Speaks to one runtime; paths are those below the API's base."""

    def __init__(self, runtime: RunningRuntime) -> None:
        super().__init__()
        self.trust_env = False
        self.key = SECRET
        self.base = f"{runtime.url}/api/v1"
        form = {"grant_type": API_KEY_GRANT, "apikey": SECRET}
        token = self.post(f"{runtime.url}/identity/token", data=form, timeout=LIMIT_S).json()
        self.headers["Authorization"] = f"Bearer {token['access_token']}"
        self.headers[VERSION_HEADER] = API_VERSION

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **more: Any) -> Any:
        """Send a request, with a time-out."""
        assert isinstance(url, str)
        full = url if url.startswith("http") else self.base + url
        return super().request(method, full, *args, **{"timeout": LIMIT_S, **more})

    def submit(self, *pubs: str, **fields: Any) -> str:
        """Submit a sampler job and return its id."""
        body = {
            "program_id": "sampler",
            "backend": "test_device",
            "params": {"pubs": list(pubs), "version": 2},
            **fields,
        }
        reply = self.post("/jobs", json=body)
        assert reply.status_code == 200, reply.text
        return str(reply.json()["id"])

    def job(self, job_id: str) -> dict[str, Any]:
        """Return a job as it is."""
        body: dict[str, Any] = self.get(f"/jobs/{job_id}?exclude_params=true").json()
        return body

    def wait(self, job_id: str, *statuses: str) -> dict[str, Any]:
        """Wait for a job by held requests until its status is one of these, or final."""
        wanted = statuses or ("Completed", "Failed", "Cancelled")
        deadline = time.monotonic() + LIMIT_S
        body = self.job(job_id)
        while time.monotonic() < deadline:
            if body["state"]["status"] in wanted:
                return body
            body = self.get(
                f"/jobs/{job_id}", headers={"Prefer": "wait=5"}, params={"exclude_params": "true"}
            ).json()
        raise AssertionError(f"{job_id} did not become {wanted}: {body}")

    def open(self, **fields: Any) -> str:
        """Open a session and return its id."""
        body = {"mode": "dedicated", "backend": "test_device", **fields}
        reply = self.post("/sessions", json=body)
        assert reply.status_code == 200, reply.text
        return str(reply.json()["id"])

    def session(self, session_id: str) -> dict[str, Any]:
        """Return a session as it is."""
        body: dict[str, Any] = self.get(f"/sessions/{session_id}").json()
        return body


def make_device(name: str, num_qubits: int) -> Device:
    """Make the documents of an all-to-all device, enough of them for IBM's client."""
    configuration = {
        "backend_name": name,
        "backend_version": "1.2.3",
        "n_qubits": num_qubits,
        "basis_gates": ["cx", "id", "rz", "sx", "x"],
        "supported_instructions": ["cx", "id", "rz", "sx", "x", "measure", "delay", "reset"],
        "gates": [
            {
                "name": "cx",
                "parameters": [],
                "qasm_def": "gate cx c, t { CX c, t; }",
                "coupling_map": [[0, 1], [1, 0]],
            }
        ],
        "coupling_map": [[0, 1], [1, 0]],
        "simulator": False,
        "local": False,
        "conditional": False,
        "open_pulse": False,
        "memory": True,
        "max_shots": 100_000,
        "online_date": "2026-01-01T00:00:00.000Z",
        "dt": 0.5,
        "dtm": 0.5,
        # As long as a real device's, so that compression has something to do.
        "description": "A device for tests. " * 200,
    }
    summary = {
        "name": name,
        "status": {"name": "online", "reason": "available"},
        "is_simulator": False,
        "qubits": num_qubits,
    }
    return Device(
        name=name,
        num_qubits=num_qubits,
        summary=summary,
        configuration=lambda: configuration,
        properties=dict,
        is_simulator=False,
        backend_version="1.2.3",
    )


@pytest.fixture
def manual_clock() -> ManualClock:
    """A clock that the test moves."""
    return ManualClock()


@pytest.fixture
def fast_clock() -> SimulatedClock:
    """A clock on which a minute passes in a second."""
    return SimulatedClock(datetime(2026, 11, 22, 16, 0, tzinfo=UTC), 60.0)


@pytest.fixture
def start_runtime(tmp_path: Path) -> Iterator[Callable[..., RunningRuntime]]:
    """Give a function that starts a runtime; all of them are stopped at the end.

    ``is_real`` gives it the real lanes and devices in place of those of tests; with ``twins``, a
    folder of snapshots, it has the real devices with these beside them, without their noise
    unless ``is_noisy``. ``other_lanes`` stand in for the real ones.
    """
    started: list[RunningRuntime] = []

    def start(  # noqa: PLR0913 - the conditions of a runtime, each named by who wants it
        lanes: int = 1,
        clock: Clock | None = None,
        idle_timeout_s: float | None = None,
        conditions: Conditions | None = None,
        *,
        may_start: bool = True,
        is_real: bool = False,
        twins: Path | None = None,
        other_lanes: Sequence[JobLane] | None = None,
        is_noisy: bool = False,
    ) -> RunningRuntime:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        scripted = [] if is_real else [ScriptedLane() for _ in range(lanes)]
        if not may_start:
            for lane in scripted:
                lane.may_start.clear()
        became_idle = threading.Event()
        config = RuntimeConfig(
            data_dir=tmp_path / "data",
            secret=SECRET,
            port=port,
            idle_timeout_s=idle_timeout_s,
            conditions=conditions or Conditions(),
            clock=clock,
            on_idle=became_idle.set,
            is_ideal=not is_noisy,
            twins_dir=twins,
        )
        devices: Mapping[str, Device] = Catalogue.of(config)
        if not is_real and twins is None:
            devices = {name: make_device(name, 5) for name in ("test_device", "other_device")}
        real = other_lanes or make_lanes(lanes)
        app = create_app(config, real if is_real else scripted, devices)
        server = ReadyServer(server_config(app, log_config=None))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        assert server.is_ready.wait(LIMIT_S)
        url = f"http://127.0.0.1:{port}"
        running = RunningRuntime(url, port, app, server, thread, scripted, became_idle)
        started.append(running)
        return running

    yield start
    for running in started:
        for lane in running.lanes:
            lane.may_start.set()
        running.stop()


@pytest.fixture
def runtime(start_runtime: Callable[..., RunningRuntime]) -> RunningRuntime:
    """A runtime with one lane and the system's clock."""
    return start_runtime()


@pytest.fixture
def connect() -> Iterator[Callable[[RunningRuntime], Client]]:
    """Give a function that makes a client of a runtime."""
    clients: list[Client] = []

    def make(running: RunningRuntime) -> Client:
        clients.append(Client(running))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def client(runtime: RunningRuntime, connect: Callable[[RunningRuntime], Client]) -> Client:
    """A client of `runtime`."""
    return connect(runtime)
