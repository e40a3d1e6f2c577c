"""Many at once need a token: one asks, and the others take what it got."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

import qrsession
from qrsession.client import iam
from qrsession.client.iam import TokenSource
from qrsession.client.transport import Call, Endpoint, Transport
from qrsession.protocol.routes import TOKEN_PATH
from tests.loopback import Loopback, give

MANY = 10
LIMIT_S = 60.0
KEY = "the-key-of-many"

_CHILD = """
import sys
from pathlib import Path
from qrsession.client.iam import TokenSource
from qrsession.client.transport import Call, Endpoint, Transport

url, folder = sys.argv[1], Path(sys.argv[2])
endpoint = Endpoint(url + "/api/v1")
transport = Transport(endpoint, TokenSource(url + "/identity/token", sys.argv[3], endpoint, folder))
sys.stdout.write("ready\\n")
sys.stdout.flush()
sys.stdin.readline()
sys.stdout.write(str(transport.send(Call("GET", "/backends")).status))
"""


class Authority(Loopback):
    """Gives the tokens t1, t2, … and serves whoever has one that was not revoked.

    The first request for a token is answered when the test lets it, so that all come meanwhile.
    """

    def __init__(self) -> None:
        self.issued = 0
        self.revoked: set[str] = set()
        self.authorizations: list[str] = []
        self.may_answer = threading.Event()
        self.was_asked = threading.Event()
        self._lock = threading.Lock()
        super().__init__()

    def stop(self) -> None:
        self.may_answer.set()
        super().stop()

    def new_token(self) -> dict[str, Any]:
        with self._lock:
            self.issued += 1
            name = f"t{self.issued}"
        self.was_asked.set()
        self.may_answer.wait(LIMIT_S)
        return {"access_token": name, "expires_in": 3600, "expiration": 2_000_000_000}

    def status_for(self, authorization: str) -> int:
        with self._lock:
            self.authorizations.append(authorization)
            return 401 if authorization.removeprefix("Bearer ") in self.revoked else 200

    def handle(self, arrived: BaseHTTPRequestHandler, _: bytes) -> None:
        if arrived.command == "POST":
            status, document = 200, self.new_token()
        else:
            status, document = self.status_for(arrived.headers["Authorization"]), {}
        # A child that a test killed reads no answer.
        with suppress(OSError):
            give(arrived, status, json.dumps(document).encode())


@pytest.fixture
def authority() -> Iterator[Authority]:
    running = Authority()
    yield running
    running.stop()


Start = Callable[..., list["subprocess.Popen[str]"]]


@pytest.fixture
def start(authority: Authority, tmp_path: Path) -> Iterator[Start]:
    """Give a function that starts processes, which wait before they ask for anything."""
    started: list[subprocess.Popen[str]] = []

    def make(count: int) -> list["subprocess.Popen[str]"]:
        children = [
            subprocess.Popen(
                [sys.executable, "-c", _CHILD, authority.url, str(tmp_path / "tokens"), KEY],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, "PYTHONPATH": str(Path(qrsession.__file__).parents[1])},
            )
            for _ in range(count)
        ]
        started.extend(children)
        for child in children:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
        return children

    yield make
    for child in started:
        child.kill()
        child.communicate()


def release(children: list["subprocess.Popen[str]"]) -> None:
    for child in children:
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()


def statuses_of(children: list["subprocess.Popen[str]"]) -> list[str]:
    return [child.communicate(timeout=LIMIT_S)[0] for child in children]


def source(authority: Authority, folder: Path) -> TokenSource:
    return TokenSource(authority.url + TOKEN_PATH, KEY, Endpoint(authority.url), folder)


def test_many_processes_ask_for_one_token(authority: Authority, start: Start) -> None:
    children = start(MANY)
    release(children)
    assert authority.was_asked.wait(LIMIT_S)
    authority.may_answer.set()
    assert statuses_of(children) == ["200"] * MANY
    assert authority.issued == 1
    assert authority.authorizations == ["Bearer t1"] * MANY


def test_many_processes_renew_a_refused_token_once(
    authority: Authority, start: Start, tmp_path: Path
) -> None:
    authority.may_answer.set()
    assert source(authority, tmp_path / "tokens").bearer() == "t1"
    authority.revoked.add("t1")
    authority.may_answer.clear()
    authority.was_asked.clear()
    children = start(MANY)
    release(children)
    assert authority.was_asked.wait(LIMIT_S)
    authority.may_answer.set()
    assert statuses_of(children) == ["200"] * MANY
    assert authority.issued == 2
    assert authority.authorizations.count("Bearer t2") == MANY
    assert len(authority.authorizations) <= 2 * MANY


def test_a_process_that_died_while_it_asked_stops_nobody(
    authority: Authority, start: Start
) -> None:
    (victim,) = start(1)
    release([victim])
    assert authority.was_asked.wait(LIMIT_S)
    victim.send_signal(signal.SIGKILL)
    victim.wait(LIMIT_S)
    authority.may_answer.set()
    children = start(2)
    release(children)
    assert statuses_of(children) == ["200", "200"]
    # The victim's and one more; the time-out of the lock has no part in it.
    assert authority.issued == 2


@pytest.mark.parametrize("sources", [1, 4], ids=["shared", "of its own"])
def test_many_threads_ask_for_one_token(authority: Authority, tmp_path: Path, sources: int) -> None:
    """Whether they share a source, or each service of a program has one of its own."""
    made = [source(authority, tmp_path / "tokens") for _ in range(sources)]
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda i=i: found.append(made[i % sources].bearer()))
        for i in range(MANY)
    ]
    for thread in threads:
        thread.start()
    assert authority.was_asked.wait(LIMIT_S)
    authority.may_answer.set()
    for thread in threads:
        thread.join(LIMIT_S)
    assert found == ["t1"] * MANY
    assert authority.issued == 1


def test_threads_without_a_folder_ask_for_one_token(authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    shared = source(authority, tmp_path / "file" / "tokens")
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(shared.bearer())) for _ in range(MANY)]
    for thread in threads:
        thread.start()
    assert authority.was_asked.wait(LIMIT_S)
    authority.may_answer.set()
    for thread in threads:
        thread.join(LIMIT_S)
    assert found == ["t1"] * MANY
    assert authority.issued == 1


def test_who_does_not_get_the_lock_in_time_asks_itself(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(iam, "TURN_TIMEOUT_S", 0.05)
    folder = tmp_path / "tokens"
    slow = threading.Thread(target=source(authority, folder).bearer)
    slow.start()
    assert authority.was_asked.wait(LIMIT_S)
    authority.was_asked.clear()
    found: list[str] = []
    second = threading.Thread(target=lambda: found.append(source(authority, folder).bearer()))
    second.start()
    # The first one still waits for its answer, and holds the lock.
    assert authority.was_asked.wait(LIMIT_S)
    authority.may_answer.set()
    for thread in (slow, second):
        thread.join(LIMIT_S)
    assert found in (["t1"], ["t2"])
    assert authority.issued == 2


def test_no_lock_is_held_while_the_api_is_asked(authority: Authority, tmp_path: Path) -> None:
    authority.may_answer.set()
    folder = tmp_path / "tokens"
    tokens = source(authority, folder)
    assert Transport(Endpoint(authority.url), tokens).send(Call("GET", "/x")).status == 200
    (lock_file,) = folder.glob("*.lock")
    from filelock import FileLock  # noqa: PLC0415 - what the lock is made with

    with FileLock(lock_file, timeout=0):
        assert Transport(Endpoint(authority.url), tokens).send(Call("GET", "/x")).status == 200
