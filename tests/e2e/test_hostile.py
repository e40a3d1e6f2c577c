"""Hostile ground: who listens, redirects, plants and writes; nobody gets a secret, or the money."""

import json
import os
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pexpect
import psutil
import pytest

from qrsession import RuntimeService, Session
from qrsession.local.process import daemon
from tests.client.conftest import Answer, Request, Server, answer
from tests.conftest import settings_of
from tests.e2e.conftest import COMMAND, Cli
from tests.e2e.programs import is_alive, runtimes_of, wait_for

pytestmark = pytest.mark.timeout(120)

KEY = "the-key-of-somebody-4f7a1c"
TOKEN = "header.payload-of-a-token.signature"  # noqa: S105 - opens nothing
ISSUED = {"access_token": TOKEN, "expires_in": 3600, "expiration": 4_000_000_000}
RUN = ("run", "@bell", "--shots", "5")
NOBODY = 65534
AS_ROOT = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0,
    reason="only root can give a file to another user",
)


class Listener:
    """Listens at a port and remembers every byte; answers each request with the same reply."""

    def __init__(self, port: int = 0, reply: bytes = b"") -> None:
        self._socket = socket.create_server(("127.0.0.1", port))
        self._reply = reply
        self._received: list[bytes] = []
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def received(self) -> bytes:
        return b"".join(self._received)

    def close(self) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            while data := connection.recv(65536):
                self._received.append(data)
                connection.sendall(self._reply)


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.stop()


def account_at(url: str) -> dict[str, str]:
    return {"QISKIT_IBM_TOKEN": KEY, "QISKIT_IBM_URL": url}


def said(done: "subprocess.CompletedProcess[str]") -> str:
    return done.stdout + done.stderr


# The environment: .netrc and proxies


def test_what_stays_here_is_seen_by_no_proxy_and_no_netrc(own_cli: Cli) -> None:
    """A session from its beginning to its end, with every variable that leads elsewhere."""
    netrc = Path.home() / ".netrc"
    machines = ("machine 127.0.0.1", "machine localhost", "default")
    netrc.write_text("".join(f"{name} login me password hunter2\n" for name in machines))
    netrc.chmod(0o600)
    with closing(Listener(reply=b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")) as proxy:
        names = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
        environ = {**dict.fromkeys(names, proxy.url), "NO_PROXY": "", "no_proxy": ""}
        for command in (
            ("open", "--local", "--backend", "aer_simulator"),
            RUN,
            ("status", "--json"),
            ("close", "--wait"),
            ("local", "stop"),
        ):
            done = own_cli.run(*command, environ=environ)
            assert done.returncode == 0, done.stderr
        assert proxy.received == b""


def test_a_netrc_replaces_neither_key_nor_token(own_cli: Cli, server: Server) -> None:
    netrc = Path.home() / ".netrc"
    netrc.write_text("machine 127.0.0.1 login me password hunter2\ndefault login a password b\n")
    netrc.chmod(0o600)
    server.script(answer(200, ISSUED), answer(404, {}), answer(200, {"devices": []}))
    done = own_cli.run("backends", environ=account_at(server.url))
    assert done.returncode == 0, done.stderr
    headers = [request.headers["Authorization"] for request in server.requests]
    assert headers == [None, f"Bearer {TOKEN}", f"Bearer {TOKEN}"]
    assert KEY.encode() in server.requests[0].body


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "all_proxy"])
def test_a_proxy_on_the_way_to_ibm_sees_no_secret(own_cli: Cli, variable: str) -> None:
    """It is asked for a tunnel, refuses, and that is said; nothing else gets to it."""
    reply = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
    with closing(Listener(reply=reply)) as proxy:
        environ = {"QISKIT_IBM_TOKEN": KEY, variable: proxy.url, "NO_PROXY": "", "no_proxy": ""}
        done = own_cli.run("backends", "--json", "-vv", environ=environ)
        assert done.returncode == 10, done.stderr
        asked = [line for line in proxy.received.split(b"\r\n") if b" HTTP/1." in line]
        assert {line.split(b" HTTP/")[0] for line in asked} == {b"CONNECT iam.cloud.ibm.com:443"}
        for text in (proxy.received.decode(), said(done)):
            assert KEY not in text


# Redirects


@pytest.mark.parametrize("status", [302, 307])
@pytest.mark.parametrize("place", ["token", "api"])
def test_a_redirect_leads_nowhere(own_cli: Cli, server: Server, status: int, place: str) -> None:
    """Neither with the key nor with a token, whatever the method."""
    with closing(Listener()) as other:
        redirect = answer(status, {}, Location=f"{other.url}/elsewhere")
        server.script(*([answer(200, ISSUED)] if place == "api" else []), redirect)
        for command in (["backends"], ["open", "-b", "ibm_x"]):
            done = own_cli.run(*command, "--json", environ=account_at(server.url))
            assert done.returncode == 10, done.stderr
            assert KEY not in said(done)
            assert TOKEN not in said(done)
        assert other.received == b""


# Who listens at the runtime's port


def kill_runtime(home: Path) -> daemon.RuntimeAddress:
    address = daemon.find(settings_of(home))
    assert address is not None
    process = psutil.Process(address.pid)
    os.kill(address.pid, signal.SIGKILL)
    wait_for(lambda: not is_alive(process), what="the end of the runtime")
    return address


GARBAGE = b'HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{"proof": "x"}'


def test_a_stranger_at_the_port_of_a_dead_runtime_gets_only_a_challenge(
    own_cli: Cli, fresh_home: Path
) -> None:
    """The session goes on at another port, in commands and in a program that was connected."""
    service = RuntimeService("local")
    session = Session(service=service, backend="aer_simulator")
    own_cli.ok("open", "--local", "--backend", "aer_simulator", "--name", "mine")
    address = kill_runtime(fresh_home)
    with closing(Listener(address.port, GARBAGE)) as stranger:
        # The program holds a token and an address, and its connection is gone.
        assert session.status() == "Pending"
        assert service.client.transport.endpoint.base_url != f"{address.url}/api/v1"
        assert own_cli.data("status", "mine")["session"]["state"] == "open"
        own_cli.ok(*RUN, "-s", "mine")
        session.close()
        own_cli.ok("close", "--all")
        lines = [line for line in stranger.received.split(b"\r\n") if line]
    assert lines
    for line in lines:
        assert line.startswith((b"GET /_qrsession/challenge?nonce=", b"Host: 127.0.0.1:")), line
    secret = (fresh_home / "data" / "local" / "secret").read_bytes().strip()
    assert secret not in b"".join(lines)


def test_a_stranger_at_an_accounts_port_is_no_service(own_cli: Cli) -> None:
    """Where nothing can prove who it is, what it says must at least be the protocol: exit 10."""
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
    with closing(Listener(reply=reply)) as stranger:
        for command in (["open"], ["backends"], [*RUN, "-b", "ibm_x"]):
            done = own_cli.run(*command, "--json", environ=account_at(stranger.url))
            assert done.returncode == 10, done.stderr
            assert "127.0.0.1" in json.loads(done.stdout)["error"]["message"]


# Ids and places that a server or a file makes up


STRANGE_IDS = ["x/../../../elsewhere", "http://127.0.0.1:1/x", "$(touch pwned)", "x\x1b[2J\u202ey"]


class Scripted(Server):
    """A service whose answers are given by the end of a path; all else is an empty object."""

    def __init__(self, **answers: Any) -> None:
        super().__init__()
        self._answers = answers

    def take(self, request: Request) -> Answer:
        super().take(request)
        if request.path.endswith("/identity/token"):
            return answer(200, ISSUED)
        if request.path.endswith("/search"):
            # Like most services elsewhere than in IBM's cloud, it lists no instances.
            return answer(404, {})
        name = request.path.rsplit("/", 1)[-1]
        given = self._answers.get(f"{request.method}_{name}", self._answers.get(name, {}))
        return given if isinstance(given, Answer) else answer(200, given)


@pytest.mark.parametrize("strange", STRANGE_IDS, ids=range(len(STRANGE_IDS)))
def test_an_id_that_leads_elsewhere_is_refused(
    own_cli: Cli, fresh_home: Path, strange: str
) -> None:
    """No later request, no file, no message and no command has it. Jobs' ids are read alike."""
    server = Scripted(sessions={"id": strange, "state": "open", "backend_name": "ibm_x"})
    try:
        done = own_cli.run("open", "-b", "ibm_x", "--json", environ=account_at(server.url))
    finally:
        server.stop()
    assert done.returncode == 10, done.stderr
    assert json.loads(done.stdout)["error"]["code"] == "wire_format"
    assert strange not in done.stderr
    assert "pwned" not in said(done)
    assert server.requests[-1].path == "/api/v1/sessions"
    assert not list((fresh_home / "state").glob("state.toml"))


def write_ledger(home: Path, **fields: str) -> None:
    folder = home / "state"
    folder.mkdir(mode=0o700, parents=True)
    home.chmod(0o700)
    lines = {
        "session_id": "5a6d4397-42c6-4dc6-969a-b1c90286a715",
        "backend": "ibm_x",
        "mode": "dedicated",
        "account": "environment",
        **fields,
    }
    text = "".join(f"{name} = {json.dumps(value)}\n" for name, value in lines.items())
    (folder / "state.toml").write_text(
        'schema_version = 1\ncurrent = "it"\n[sessions.it]\n'
        f"opened_at = 2026-01-31T12:00:00.000Z\n{text}"
    )


def test_a_ledger_does_not_say_where_a_key_goes(
    own_cli: Cli, fresh_home: Path, server: Server
) -> None:
    """An entry names an account; where that is, only the account says."""
    with closing(Listener()) as other:
        write_ledger(fresh_home, url=other.url, instance="crn:v1:other")
        server.script(answer(200, ISSUED), answer(200, {"id": "x", "state": "open"}))
        for command in (["status"], RUN, ["close"]):
            own_cli.run(*command, environ=account_at(server.url))
        assert server.requests[0].path == "/identity/token"
        assert other.received == b""


@pytest.mark.parametrize(
    "strange",
    ["../../backends", "x'; touch pwned; '", "$(touch pwned)", "`touch pwned`", "\x1b[2J"],
)
def test_an_id_in_a_ledger_is_data(
    own_cli: Cli, fresh_home: Path, server: Server, strange: str
) -> None:
    """In a URL it is one name, in a shell one word, and on a terminal it moves nothing."""
    write_ledger(fresh_home, session_id=strange)
    server.script(answer(200, ISSUED), answer(404, {"errors": [{"message": "No."}]}))
    done = own_cli.run("status", "it", environ=account_at(server.url))
    assert done.returncode == 4
    assert "\x1b" not in done.stderr
    assert not any(".." in request.path.split("/") for request in server.requests)
    assert {request.path.count("/") for request in server.requests[1:]} == {4}
    lines = own_cli.run("env", "-s", "it", "--shell", "sh").stdout
    shell = subprocess.run(
        ["sh", "-c", f'{lines}\nprintf %s "$QRSESSION_SESSION"'],
        cwd=own_cli.folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert shell.returncode == 0, shell.stderr
    assert list(own_cli.folder.iterdir()) == []


# What others plant on the disk


@pytest.mark.parametrize("name", ["state.toml", "state.toml.lock", "pending", "jobs"])
def test_a_link_in_place_of_state_is_refused(
    own_cli: Cli, fresh_home: Path, tmp_path: Path, name: str
) -> None:
    """And what it leads to is neither believed nor changed."""
    elsewhere = tmp_path / "elsewhere"
    (fresh_home / "state").mkdir(mode=0o700, parents=True)
    if "." in name:
        elsewhere.write_text("schema_version = 1\n")
    else:
        elsewhere.mkdir(mode=0o700)
    (fresh_home / "state" / name).symlink_to(elsewhere)
    command = ("open",) if "." in name else RUN
    assert own_cli.error(1, *command, "--local", "-b", "aer_simulator")["code"] == "storage"
    if elsewhere.is_file():
        assert elsewhere.read_text() == "schema_version = 1\n"
    else:
        assert list(elsewhere.iterdir()) == []


def test_a_link_in_place_of_the_tokens_folder_is_not_written_through(
    own_cli: Cli, fresh_home: Path, tmp_path: Path
) -> None:
    """No token is kept then, and the work goes on."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    (fresh_home / "cache").mkdir(mode=0o700, parents=True)
    (fresh_home / "cache" / "tokens").symlink_to(elsewhere)
    own_cli.ok(*RUN, "--local", "-b", "aer_simulator")
    assert list(elsewhere.iterdir()) == []


@AS_ROOT
@pytest.mark.parametrize("name", ["state", "data", "state/pending", "state/jobs", "state/results"])
def test_folders_of_another_user_are_refused(own_cli: Cli, fresh_home: Path, name: str) -> None:
    """No job is sent whose id or result could not be kept."""
    (fresh_home / name).mkdir(mode=0o700, parents=True)
    for path in (fresh_home / name).relative_to(fresh_home).parents:
        (fresh_home / path).chmod(0o700)
    os.chown(fresh_home / name, NOBODY, NOBODY)
    done = own_cli.run(*RUN, "--local", "-b", "aer_simulator", "--json")
    assert done.returncode == 1
    error = json.loads(done.stdout)["error"]
    assert error["code"] == "storage"
    assert "another user" in error["message"]
    assert "Queued" not in done.stderr
    os.chown(fresh_home / name, os.getuid(), os.getgid())


@AS_ROOT
def test_a_cache_of_another_user_holds_nothing_of_ours(own_cli: Cli, fresh_home: Path) -> None:
    folder = fresh_home / "cache"
    folder.mkdir(mode=0o700, parents=True)
    fresh_home.chmod(0o700)
    os.chown(folder, NOBODY, NOBODY)
    own_cli.ok(*RUN, "--local", "-b", "aer_simulator")
    assert not [path for path in folder.rglob("*") if path.is_file()]


@AS_ROOT
def test_files_of_another_user_are_not_believed(own_cli: Cli, fresh_home: Path) -> None:
    """A ledger that leads to another's session, and a secret that another knows."""
    write_ledger(fresh_home, account="local")
    ledger = fresh_home / "state" / "state.toml"
    os.chown(ledger, NOBODY, NOBODY)
    for command in (["status"], RUN, ["close"], ["open", "--local"], ["env"]):
        done = own_cli.run(*command)
        assert done.returncode == 1, done.stderr
        assert "another user" in done.stderr
    ledger.unlink()
    secret = fresh_home / "data" / "local" / "secret"
    secret.parent.mkdir(mode=0o700, parents=True)
    (fresh_home / "data").chmod(0o700)
    secret.write_text("k" * 43 + "\n")
    os.chown(secret, NOBODY, NOBODY)
    assert "another user" in own_cli.error(1, "open", "--local")["message"]
    assert runtimes_of(fresh_home) == []


@pytest.mark.parametrize("name", ["data", "state/pending", "state/jobs"])
def test_folders_that_others_can_write_to_are_refused(
    own_cli: Cli, fresh_home: Path, name: str
) -> None:
    (fresh_home / name).mkdir(mode=0o700, parents=True)
    for path in (fresh_home / name).relative_to(fresh_home).parents:
        (fresh_home / path).chmod(0o700)
    (fresh_home / name).chmod(0o770)
    assert "chmod " in own_cli.error(1, *RUN, "--local", "-b", "aer_simulator")["advice"]


@AS_ROOT
def test_an_output_that_another_user_planted_is_refused(own_cli: Cli, tmp_path: Path) -> None:
    """Before anything is started, or paid for."""
    precious = tmp_path / "precious"
    precious.write_text("ours")
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    planted = shared / "result.json"
    planted.symlink_to(precious)
    os.lchown(planted, NOBODY, NOBODY)
    error = own_cli.error(2, *RUN, "--local", "-b", "aer_simulator", "--output", str(planted))
    assert "another user" in error["message"]
    assert precious.read_text() == "ours"


# What a server's text does


EVIL = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202e\u2066[bold red]MARK[/]\r\nline\u2028two\x00\x7f"
FORBIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
MARK = "[bold red]MARK[/]"


def evil_service(**answers: Any) -> Scripted:
    """Answer every question with text that is made to do harm, in every field that is text."""
    fault = {"code": EVIL, "message": f"message {EVIL}", "solution": f"solution {EVIL}"}
    device = {"name": f"ibm_{EVIL}", "status": {"name": EVIL, "reason": EVIL}, "queue_length": 1}
    session = {
        "id": "s1",
        "state": EVIL,
        "state_reason": EVIL,
        "backend_name": f"ibm_{EVIL}",
        "mode": "dedicated",
        "accepting_jobs": True,
        "user_id": EVIL,
    }
    job = {
        "id": "j1",
        "backend": EVIL,
        "tags": [EVIL],
        "program": {"id": EVIL},
        "status": EVIL,
        "state": {"status": "Failed", "reason": EVIL, "reason_solution": EVIL, "reason_code": 1},
    }
    usual: dict[str, Any] = {
        "configuration": {
            "n_qubits": 5,
            "basis_gates": ["h", "cx"],
            "gates": [],
            "coupling_map": None,
        },
        "backends": {"devices": [{**device, "processor_type": {"family": EVIL, "revision": 1}}]},
        "sessions": session,
        "s1": session,
        "POST_jobs": {"id": "j1", "backend": "ibm_x"},
        "GET_jobs": {"jobs": [job, {**job, "state": {"status": EVIL}}], "count": 2},
        "j1": job,
        "results": answer(400, {"errors": [fault], "trace": EVIL}),
        "usage": {"plan_id": EVIL, "instance_id": EVIL},
        "logs": Answer(200, EVIL.encode(), {}),
    }
    return Scripted(**{**usual, **answers})


def check_text(text: str) -> None:
    found = FORBIDDEN.search(text)
    assert found is None, f"{found.group()!r} in {text!r}"


COMMANDS: list[tuple[tuple[str, ...], int]] = [
    (("backends",), 0),
    (("open", "-b", "ibm_x", "--name", "it"), 0),
    (("status", "it"), 0),
    (("status", "--all"), 0),
    (("run", "@bell", "--no-transpile", "-s", "it", "-vv"), 6),
    (("result", "j1"), 6),
    (("close", "it"), 0),
]


def test_what_a_server_says_only_shows(own_cli: Cli) -> None:
    """Off a terminal, as text and as JSON: no control or format character, and no markup read."""
    server = evil_service()
    marked = 0
    try:
        for command, code in COMMANDS:
            for flags in ((), ("--json",)):
                if command[0] in {"open", "close", "run"} and flags:
                    continue
                done = own_cli.run(*command, *flags, environ=account_at(server.url))
                assert done.returncode == code, (command, done.stderr)
                check_text(done.stderr)
                if flags:
                    assert done.stdout.isascii()
                    json.loads(done.stdout)
                else:
                    check_text(done.stdout)
                marked += MARK in said(done)
    finally:
        server.stop()
    # Or nothing of it was shown anywhere, and this test saw nothing.
    assert marked > 5


def test_what_a_server_says_only_shows_on_a_terminal(own_cli: Cli) -> None:
    """Nor there, where tables, colours and a live line use such characters themselves."""
    queued = [answer(200, {"id": "j1", "state": {"status": EVIL}}) for _ in range(2)]
    server = evil_service(j1=queued[0])
    marks = ("\x1b[2J", "\x1b]0", "owned\x07", "\x9b", "\u202e", "\u2066", "\u2028", "\x00", "\x7f")
    shown: list[str] = []
    try:
        for arguments in (
            ["backends"],
            ["open", "-b", "ibm_x", "--name", "it"],
            ["status", "it"],
            ["run", "@bell", "--no-transpile", "-s", "it", "--timeout", "3"],
        ):
            child = pexpect.spawn(
                str(COMMAND),
                arguments,
                timeout=60,
                encoding="utf-8",
                dimensions=(24, 200),
                cwd=str(own_cli.folder),
                env={**os.environ, **account_at(server.url), "TERM": "xterm-256color"},
            )
            shown.append(child.read())
            child.close()
    finally:
        server.stop()
    for text in shown:
        for mark in marks:
            assert mark not in text, f"{mark!r} in {text!r}"
    assert MARK in "".join(shown)


def test_a_failure_of_a_server_only_shows(own_cli: Cli) -> None:
    """Message, solution, trace and the words of its token's end; in tracebacks as well."""
    fault = {"code": EVIL, "message": f"message {EVIL}", "solution": f"solution {EVIL}"}
    body = json.dumps({"errors": [fault], "trace": EVIL})
    for status in (302, 400, 404, 503):
        reply = Answer(status, body.encode(), {"Retry-After": "0"})
        server = Scripted(backends=reply)
        try:
            done = own_cli.run("backends", "-vv", environ=account_at(server.url))
        finally:
            server.stop()
        assert done.returncode in {2, 3, 4, 9, 10}
        check_text(said(done))
        assert "Traceback" in done.stderr


# What a server sends without an end


def test_a_reply_without_an_end_ends_the_command(own_cli: Cli) -> None:
    """With a word about it, before the memory is full."""
    reply = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + (
        b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    ) * (33 * 16)
    with closing(Listener(reply=reply)) as server:
        error = own_cli_error(own_cli, server.url)
    assert error["code"] == "wire_format"
    assert "larger than 1 MB" in error["message"]


def own_cli_error(cli: Cli, url: str) -> dict[str, Any]:
    done = cli.run("backends", "--json", environ=account_at(url))
    assert done.returncode == 10, done.stderr
    error: dict[str, Any] = json.loads(done.stdout)["error"]
    return error


def test_a_bomb_ends_the_command(own_cli: Cli) -> None:
    import gzip  # noqa: PLC0415 - for this test alone

    packed = gzip.compress(bytes(40 * 2**20))
    server = Scripted(backends=Answer(200, packed, {"Content-Encoding": "gzip"}))
    try:
        error = own_cli_error(own_cli, server.url)
    finally:
        server.stop()
    assert "larger than 32 MB" in error["message"]
