"""The local runtime as a process: started once, found safely, ended cleanly, gone when killed."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import requests

from qrsession import __version__
from qrsession.errors import StorageError
from qrsession.local.process import daemon
from qrsession.local.process.home import RuntimeFiles
from qrsession.processes.machine import boot_id, host_name
from qrsession.protocol.routes import API_KEY_GRANT
from qrsession.settings import Settings
from tests.conftest import settings_of, stop_runtime

LIMIT_S = 30.0
ENSURE = """
import sys
from qrsession.local.process import daemon
from qrsession.settings import Settings
address = daemon.ensure(Settings.from_environ(), idle_timeout_s=60)
print(address.port, address.pid)
"""


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    """Return the settings of a home of this test's own; its runtime ends with the test."""
    found = settings_of(tmp_path / "home")
    yield found
    stop_runtime(found)


def until(holds: Callable[[], bool], limit_s: float = LIMIT_S) -> None:
    """Wait for a condition."""
    deadline_s = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < deadline_s


def is_gone(process: psutil.Process) -> bool:
    """Tell whether a process is no more, or only waits for its parent to ask for its status."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def environ_of(home: Path) -> dict[str, str]:
    """Return the environment of a command in a home."""
    return {**os.environ, "QRSESSION_HOME": str(home)}


def key_is_taken(address: daemon.RuntimeAddress, secret: str) -> bool:
    """Tell whether the runtime gives a token for a key."""
    form = {"grant_type": API_KEY_GRANT, "apikey": secret}
    reply = requests.post(f"{address.url}/identity/token", data=form, timeout=LIMIT_S)
    return reply.status_code == 200


@pytest.mark.fast
def test_the_secret_is_made_once_by_many_at_once(settings: Settings) -> None:
    """All get the same; it is long, and for the owner alone."""
    with ThreadPoolExecutor(16) as pool:
        secrets = set(pool.map(lambda _: daemon.secret_of(settings), range(64)))
    (secret,) = secrets
    assert len(secret) >= 43
    file = RuntimeFiles.of(settings).secret
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert daemon.secret_of(settings) == secret
    assert secret not in repr(settings)


@pytest.mark.fast
def test_a_damaged_or_planted_secret_is_refused(settings: Settings, tmp_path: Path) -> None:
    """An empty file is no key, and no link is followed."""
    file = RuntimeFiles.of(settings).secret
    file.parent.mkdir(parents=True, mode=0o700)
    file.write_text("")
    with pytest.raises(StorageError, match="does not hold a key"):
        daemon.secret_of(settings)
    file.unlink()
    other = tmp_path / "other"
    other.write_text("x" * 43)
    file.symlink_to(other)
    with pytest.raises(StorageError, match="symbolic link"):
        daemon.secret_of(settings)


@pytest.mark.fast
def test_a_folder_that_is_a_link_is_refused(settings: Settings, tmp_path: Path) -> None:
    """Whoever could put it there could read what is written."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    settings.data_dir.mkdir(parents=True, mode=0o700)
    RuntimeFiles.of(settings).data_dir.symlink_to(elsewhere)
    with pytest.raises(StorageError, match="symbolic link"):
        daemon.secret_of(settings)
    with pytest.raises(StorageError, match="symbolic link"):
        daemon.ensure(settings)
    assert list(elsewhere.iterdir()) == []


@pytest.mark.fast
def test_a_proof_is_of_one_nonce_and_one_port() -> None:
    """It cannot be used again, nor passed on by somebody at another port."""
    proofs = {
        daemon.proof(secret, nonce, port)
        for secret in ("a", "b")
        for nonce in ("00", "01")
        for port in (1000, 1001)
    }
    assert len(proofs) == 8
    assert all(len(proof) == 64 for proof in proofs)


@pytest.mark.fast
def test_runtime_files_are_this_hosts_and_this_boots(settings: Settings) -> None:
    """A home may be shared by hosts, and outlives a boot."""
    files = RuntimeFiles.of(settings)
    assert files.run_dir == settings.runtime_dir / f"{host_name()}-{boot_id()}"
    assert files.secret.parent == settings.data_dir / "local"
    assert "/" not in host_name()
    assert boot_id() == boot_id() != ""


@pytest.mark.fast
@pytest.mark.parametrize(
    "text",
    [
        "",
        "not JSON",
        "[]",
        '{"port": 80}',
        '{"port": "80", "pid": 5, "version": "1"}',
        '{"port": 0, "pid": 500, "version": "1"}',
        '{"port": 80000, "pid": 500, "version": "1"}',
        '{"port": 80, "pid": 1, "version": "1"}',
    ],
)
def test_a_damaged_address_is_no_runtime(settings: Settings, text: str) -> None:
    """It is as if there were none."""
    files = RuntimeFiles.of(settings)
    files.create_folders()
    daemon.secret_of(settings)
    files.address.write_text(text)
    assert daemon.find(settings) is None
    assert daemon.stop(settings) is False


@contextmanager
def stranger(settings: Settings, reply: bytes) -> Iterator[list[bytes]]:
    """Listen at the port that a home's runtime is said to have; collect what comes."""
    seen: list[bytes] = []
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        files = RuntimeFiles.of(settings)
        files.create_folders()
        port = server.getsockname()[1]
        record = {"port": port, "pid": os.getpid(), "version": "9.9.9", "schema_version": 1}
        files.address.write_text(json.dumps(record))

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                seen.append(connection.recv(65536))
                connection.sendall(reply)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield seen
        thread.join(LIMIT_S)


@pytest.mark.fast
@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n",
        b'HTTP/1.1 200 OK\r\n\r\n{"proof": "' + b"0" * 64 + b'"}',
        b'HTTP/1.1 200 OK\r\n\r\n{"proof": null}',
        b"HTTP/1.1 200 OK\r\n\r\nnot JSON",
        b"HTTP/1.1 401 Unauthorized\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100_000,
        b"HTTP/1.1 200 OK\r\nContent-Length: 15000\r\n\r\n" + b"[" * 15_000,
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5_000 + b"\r\n\r\n{}",
        b'HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\n{"proof": "\\ud800"}',
    ],
)
def test_a_stranger_at_the_port_gets_no_secret(settings: Settings, reply: bytes) -> None:
    """It is asked for a proof, and nothing else is said to it; nor is its process stopped."""
    secret = daemon.secret_of(settings)
    with stranger(settings, reply) as seen:
        assert daemon.find(settings) is None
    assert seen[0].startswith(b"GET /_qrsession/challenge?nonce=")
    assert secret.encode() not in seen[0]
    assert daemon.stop(settings) is False


def test_a_runtime_is_started_found_and_stopped(settings: Settings) -> None:
    """From nothing; what it leaves behind is the database, the secret, the port and the log."""
    assert daemon.find(settings) is None
    started_s = time.monotonic()
    address = daemon.ensure(settings)
    assert time.monotonic() - started_s < 10
    assert address == daemon.find(settings) == daemon.ensure(settings)
    assert address.url == f"http://127.0.0.1:{address.port}"
    assert address.version == __version__
    assert key_is_taken(address, daemon.secret_of(settings))
    process = psutil.Process(address.pid)
    assert process.cwd() == "/"
    assert os.getsid(address.pid) != os.getsid(0)
    assert process.ppid() != os.getpid()
    files = RuntimeFiles.of(settings)
    assert stat.S_IMODE(address.log_file.stat().st_mode) == 0o600
    lanes = process.children()
    assert daemon.stop(settings) is True
    until(lambda: all(is_gone(one) for one in (process, *lanes)), limit_s=2)
    assert daemon.find(settings) is None
    assert not files.address.exists()
    assert address.log_file.read_text() == ""
    assert daemon.stop(settings) is False


def test_its_environment_has_nobodys_account(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys stay where they are; the home is handed over whatever the environment says."""
    for name in ("QISKIT_IBM_TOKEN", "QISKIT_FUNCTIONS_EXPERIMENTAL", "IAM_URL"):
        monkeypatch.setenv(name, "mine")
    monkeypatch.setenv("QRSESSION_HOME", "relative/elsewhere")
    address = daemon.ensure(settings)
    environ = psutil.Process(address.pid).environ()
    assert "mine" not in environ.values()
    assert daemon.find(settings) == address


def test_many_at_once_start_one(tmp_path: Path) -> None:
    """Six processes, one runtime; a command substitution gets its line and does not hang."""
    home = tmp_path / "home"
    commands = [
        subprocess.Popen(
            [sys.executable, "-c", ENSURE],
            env=environ_of(home),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]
    try:
        # Reading to the end of the pipe would hang if the runtime had inherited it.
        answers = [command.communicate(timeout=LIMIT_S) for command in commands]
        assert {errors for _, errors in answers} == {""}
        assert len({line for line, _ in answers}) == 1
    finally:
        assert daemon.stop(settings_of(home))


def test_after_kill_it_starts_again_at_the_same_port(settings: Settings) -> None:
    """The port is kept for the home, lanes die with it, and the database is taken up."""
    first = daemon.ensure(settings)
    process = psutil.Process(first.pid)
    lanes = process.children()
    assert lanes
    process.send_signal(signal.SIGKILL)
    until(lambda: all(is_gone(one) for one in (process, *lanes)), limit_s=2)
    assert daemon.find(settings) is None
    second = daemon.ensure(settings)
    assert second.pid != first.pid
    assert second.port == first.port
    assert key_is_taken(second, daemon.secret_of(settings))


def test_a_port_that_was_taken_meanwhile_is_left_alone(settings: Settings) -> None:
    """The home's runtime goes to another one."""
    first = daemon.ensure(settings)
    daemon.stop(settings)
    with closing(socket.create_server(("127.0.0.1", first.port))):
        second = daemon.ensure(settings)
        assert second.port != first.port


def test_two_homes_never_meet(settings: Settings, tmp_path: Path) -> None:
    """Neither by their own files nor by one that names the other's port."""
    other = settings_of(tmp_path / "other")
    try:
        address, foreign = daemon.ensure(settings), daemon.ensure(other)
        assert address.pid != foreign.pid
        assert address.port != foreign.port
        assert daemon.secret_of(settings) != daemon.secret_of(other)
        assert not key_is_taken(foreign, daemon.secret_of(settings))
        file = RuntimeFiles.of(settings).address
        kept = file.read_text()
        file.write_text(RuntimeFiles.of(other).address.read_text())
        assert daemon.find(settings) is None
        file.write_text(kept)
        assert daemon.find(settings) == address
    finally:
        daemon.stop(other)


def test_an_idle_runtime_ends_by_itself(settings: Settings) -> None:
    """With nothing open and nothing left to do."""
    address = daemon.ensure(settings, idle_timeout_s=0.5)
    process = psutil.Process(address.pid)
    until(lambda: is_gone(process))
    assert daemon.find(settings) is None
    assert not RuntimeFiles.of(settings).address.exists()


def test_a_runtime_that_cannot_start_says_why(settings: Settings) -> None:
    """At once, and in its own words, though it is another process."""
    files = RuntimeFiles.of(settings)
    files.create_folders()
    (files.data_dir / "runtime.sqlite3").mkdir()
    started_s = time.monotonic()
    with pytest.raises(StorageError, match="s a directory") as caught:
        daemon.ensure(settings)
    assert time.monotonic() - started_s < 20
    path = str(files.data_dir / "runtime.sqlite3")
    assert caught.value.details == {"path": path}
    assert path in caught.value.message
    assert "Traceback" not in caught.value.message


def serve(*arguments: str, home: Path) -> subprocess.Popen[str]:
    """Run the runtime in the foreground."""
    return subprocess.Popen(
        [sys.executable, "-m", "qrsession.local", *arguments],
        env=environ_of(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_in_the_foreground(tmp_path: Path, number: signal.Signals, code: int) -> None:
    """It prints its URL, serves the home, and ends by a signal without a word."""
    home = tmp_path / "home"
    with serve("--workers", "1", home=home) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        address = daemon.find(settings_of(home))
        assert address is not None
        assert (address.url, address.pid) == (url, process.pid)
        assert daemon.ensure(settings_of(home)) == address
        assert len(psutil.Process(process.pid).children()) == 1
        process.send_signal(number)
        output, errors = process.communicate(timeout=LIMIT_S)
    assert (process.returncode, output, errors) == (code, "", "")
    assert daemon.find(settings_of(home)) is None


def test_a_second_one_in_the_foreground_is_refused(settings: Settings, tmp_path: Path) -> None:
    """At most one serves a home, even without the lock of the start."""
    address = daemon.ensure(settings)
    with serve(home=tmp_path / "home") as process:
        output, errors = process.communicate(timeout=LIMIT_S)
    assert (process.returncode, output) == (10, "")
    assert "serves this home already" in errors
    assert daemon.find(settings) == address


def test_a_folder_of_its_own_is_a_home_of_its_own(settings: Settings, tmp_path: Path) -> None:
    """``--data`` moves everything, secret and address included."""
    address = daemon.ensure(settings)
    folder = tmp_path / "apart"
    with serve("--data", str(folder), "--port", "0", home=tmp_path / "home") as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url != address.url
        apart = replace(settings, data_dir=folder, runtime_dir=folder / "run")
        found = daemon.find(apart)
        assert found is not None
        assert found.url == url
        assert daemon.find(settings) == address
        assert daemon.stop(apart)
        process.communicate(timeout=LIMIT_S)


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    """Where it was asked for, no other will do."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = str(server.getsockname()[1])
        with serve("--port", port, home=tmp_path / "home") as process:
            _, errors = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 10
    assert f"Port {port} cannot be used" in errors


@pytest.mark.parametrize(
    "arguments", [("--workers", "0"), ("--port", "70000"), ("--port", "-1"), ("--bogus",)]
)
def test_wrong_arguments(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """Exit code 2, before anything is made."""
    with serve(*arguments, home=tmp_path / "home") as process:
        _, errors = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 2
    assert errors
    assert not (tmp_path / "home").exists()


@pytest.mark.fast
def test_finding_loads_nothing_heavy(tmp_path: Path) -> None:
    """It is on the way of every command."""
    script = (
        "import sys; from qrsession.local.process import daemon; "
        "from qrsession.settings import Settings; daemon.find(Settings.from_environ()); "
        "print({'requests', 'asyncio', 'numpy', 'sqlite3', 'filelock', 'subprocess', 'qiskit', "
        "'http.client', 'starlette', 'uvicorn'} & set(sys.modules))"
    )
    child = subprocess.run(
        [sys.executable, "-c", script],
        env=environ_of(tmp_path / "home"),
        capture_output=True,
        text=True,
        check=True,
    )
    assert child.stdout.strip() == "set()"
