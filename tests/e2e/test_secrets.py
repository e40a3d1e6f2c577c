"""Nothing that is printed or written holds a key or a token, and nobody else may read our files."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.client.conftest import Answer, Request, Server
from tests.e2e.conftest import Cli
from tests.e2e.programs import SLOW, runtimes_of, wait_for, write

pytestmark = pytest.mark.timeout(120)

KEY = "the-key-of-somebody-4f7a1c"
TOKEN = "header.payload-of-a-token.signature"  # noqa: S105 - opens nothing

PRINTS_ENVIRON = "import os; print(dict(os.environ))"
IN_PYTHON = """
import logging
logging.basicConfig(level=logging.DEBUG)
from qiskit import QuantumCircuit
from qrsession import RuntimeService, Sampler, Session
circuit = QuantumCircuit(1, 1)
circuit.measure(0, 0)
service = RuntimeService("local")
print(repr(service), repr(service.account))
with Session(service=service, backend="aer_simulator") as session:
    job = Sampler(mode=session).run([circuit])
    print(repr(session), repr(job), repr(job.result()), session.details(), job.metrics())
    print(repr(service.client.transport.endpoint), repr(service.client.transport))
Sampler(mode=session).run([circuit])
"""


def files_below(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if not path.is_symlink() and path.is_file():
            yield path


@pytest.fixture
def open_umask() -> Iterator[None]:
    """Take away what the user's umask would do for us."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_umask")
def test_a_whole_day_leaves_no_secret_behind(own_cli: Cli, fresh_home: Path) -> None:
    """Sessions, jobs, errors, tracebacks and logs, by command and library, as loud as can be."""
    cli = own_cli
    said = []

    def run(*arguments: str, code: int = 0) -> str:
        done = cli.run(*arguments, "-vv")
        assert done.returncode == code, done.stderr
        said.append(done.stdout + done.stderr)
        return done.stdout.strip()

    write(cli, "slow.qasm", SLOW)
    write(cli, "bad.qasm", "OPENQASM 2.0;\nbanana;\n")
    session_id = run("open", "--local", "--backend", "aer_simulator")
    job_id = run("run", "@bell", "--output", "bell.json")
    run(
        "run",
        "slow.qasm",
        "--shots",
        "1000000",
        "--timeout",
        "0",
        "--on-timeout",
        "cancel",
        code=124,
    )
    run("run", "bad.qasm", code=2)
    run("run", "@bell", "--no-transpile", "--json")
    run("result", "--json", code=0)
    run("result", "nobody", "--local", code=4)
    run("status", "--json")
    run("backends", "--local")
    run("local", "start", "--json")
    run("env", "-s", session_id)
    run("exec", "--local", "--summary", "end.json", "--", sys.executable, "-c", PRINTS_ENVIRON)
    run("close", session_id)
    run("run", "@bell", "-s", session_id, code=5)
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "ignore", "-c", IN_PYTHON],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "SessionClosedError" in done.stderr
    assert "DEBUG:" in done.stderr
    said.append(done.stdout + done.stderr)
    assert job_id

    secret_file = fresh_home / "data" / "local" / "secret"
    (token_file,) = (fresh_home / "cache" / "tokens").glob("*.json")
    secret = secret_file.read_text().strip()
    token = json.loads(token_file.read_text())["access_token"]
    assert len(secret) > 30
    assert len(token) > 100
    for text in said:
        assert secret not in text
        assert token not in text
        assert "Bearer ey" not in text
    everything = [*files_below(fresh_home), *files_below(cli.folder)]
    assert len(everything) > 15
    for path in everything:
        data = path.read_bytes()
        assert path == secret_file or secret.encode() not in data, path
        assert path == token_file or token.encode() not in data, path
        assert path == token_file or token.rpartition(".")[2].encode() not in data, path
    _check_modes(fresh_home)
    (runtime,) = runtimes_of(fresh_home)
    for process in (runtime, *runtime.children(recursive=True)):
        assert secret not in " ".join(process.cmdline())
        assert secret not in process.environ().values()


def _check_modes(home: Path) -> None:
    for path in (home, *home.rglob("*")):
        mode = stat.S_IMODE(path.lstat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), f"{path} has mode {mode:o}"


class Parrot(Server):
    """A server that gives a token, or refuses to, and repeats in its errors what it was sent."""

    def __init__(self, *, refuses: bool) -> None:
        super().__init__()
        self._refuses = refuses

    def take(self, request: Request) -> Answer:
        super().take(request)
        if request.path.endswith("/identity/token"):
            if self._refuses:
                return self._error(request.body.decode())
            body = {"access_token": TOKEN, "expires_in": 3600, "expiration": 4_000_000_000}
            return Answer(200, json.dumps(body).encode())
        return self._error(" ".join(request.headers.values()))

    @staticmethod
    def _error(words: str) -> Answer:
        fault = {"code": 1234, "message": f"Bad: {words}", "solution": f"Not {words}"}
        return Answer(400, json.dumps({"errors": [fault], "trace": words}).encode())


@pytest.mark.parametrize("refuses", [False, True])
def test_what_a_server_repeats_is_not_passed_on(own_cli: Cli, refuses: bool) -> None:
    """Neither the key nor the token comes back by way of a service's message."""
    server = Parrot(refuses=refuses)
    environ = {"QISKIT_IBM_TOKEN": KEY, "QISKIT_IBM_URL": server.url}
    try:
        for command in (["open"], ["backends"], ["run", "@bell", "-b", "ibm_any"]):
            done = own_cli.run(*command, "--json", "-vv", environ=environ)
            assert done.returncode in {2, 3, 4}, done.stderr
            shown = done.stdout + done.stderr
            assert "Bad: " in shown
            assert "[secret]" in shown
            assert KEY not in shown
            assert TOKEN not in shown
    finally:
        server.stop()
    sent = {request.path for request in server.requests}
    assert "/identity/token" in sent
    if not refuses:
        headers = [request.headers["Authorization"] for request in server.requests[1:]]
        assert f"Bearer {TOKEN}" in headers
        assert not any(KEY in str(header) for header in headers)


def test_a_key_in_the_environment_does_not_reach_the_runtime(
    own_cli: Cli, fresh_home: Path
) -> None:
    """The runtime outlives the command, and must not carry somebody's key about."""
    done = own_cli.run(
        *("open", "--local", "-vv"),
        environ={"QISKIT_IBM_TOKEN": KEY, "QISKIT_IBM_INSTANCE": "crn:v1:mine"},
    )
    assert done.returncode == 0
    (runtime,) = runtimes_of(fresh_home)
    wait_for(lambda: bool(runtime.children()), what="the start of the lanes")
    for process in (runtime, *runtime.children()):
        assert not [name for name in process.environ() if name.startswith("QISKIT_IBM_")]
    assert not [path for path in files_below(fresh_home) if KEY.encode() in path.read_bytes()]


def test_folders_that_others_may_write_to_are_refused(own_cli: Cli, fresh_home: Path) -> None:
    """A home that somebody prepared is not used."""
    fresh_home.mkdir(mode=0o700)
    (fresh_home / "state").mkdir(mode=0o700)
    (fresh_home / "state").chmod(0o777)
    error = own_cli.error(1, "open", "--local")
    assert error["code"] == "storage"
    assert "chmod" in error["advice"]
    assert runtimes_of(fresh_home) == []
