"""Sessions that close with a process, and those that look forgotten."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pexpect
import psutil
import pytest

from qrsession.clock import utc_now
from qrsession.closing.forgotten import Ages
from qrsession.closing.tidying import close_forgotten, sift
from qrsession.service import RuntimeService
from qrsession.settings import Settings
from qrsession.state.entries import SessionEntry
from qrsession.state.ledger import Ledger
from qrsession.state.pending import Intent, Pending
from qrsession.verbs.workspace import Workspace
from tests.e2e.conftest import COMMAND, Cli
from tests.e2e.programs import (
    CRN,
    ENDLESS_SHOTS,
    SLOW,
    is_alive,
    processes_that_run,
    wait_for,
    write,
)

pytestmark = pytest.mark.timeout(120)

OPEN = ("open", "--local", "--backend", "aer_simulator", "--quiet")
LIMIT_S = 30.0


def await_closed(session_id: str) -> None:
    client = RuntimeService("local").client
    wait_for(lambda: client.get_session(session_id).state == "closed", LIMIT_S, "the close")


def watchers_of(session_id: str) -> list[psutil.Process]:
    closing = processes_that_run(session_id, "close")
    found = [process for process in processes_that_run(session_id) if process not in closing]
    return [process for process in found if is_alive(process)]


@contextmanager
def a_process() -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        yield process
        process.kill()


def test_a_session_closes_with_the_shell_that_opened_it(cli: Cli) -> None:
    """Killed by a signal that nobody can take."""
    script = f"{COMMAND} {' '.join(OPEN)} --name of-shell --close-with $$; read x"
    with subprocess.Popen(
        ["sh", "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **cli.environ},
    ) as shell:
        assert shell.stdout is not None
        session_id = shell.stdout.readline().strip()
        (watcher,) = watchers_of(session_id)
        listed = cli.data("list")["sessions"]
        assert [(one["name"], one["note"], one["looks_forgotten"]) for one in listed] == [
            ("of-shell", f"closes with process {shell.pid}", False)
        ]
        status = cli.data("status", "of-shell")["session"]
        assert status["closes_with"] == {"pid": shell.pid, "host": os.uname().nodename}
        shell.kill()
        await_closed(session_id)
    wait_for(lambda: not is_alive(watcher), what="the end of the watcher")
    assert cli.data("status", "--all", "--cached")["sessions"] == []


def test_a_process_that_is_not_there_opens_nothing(cli: Cli) -> None:
    with a_process() as process:
        pass
    for pid in (str(process.pid), "4194305"):
        error = cli.error(2, *OPEN, "--close-with", pid)
        assert error["code"] == "invalid_value"
        assert f"There is no process {pid}." in error["message"]
    assert cli.run(*OPEN, "--close-with", "0").returncode == 2
    assert cli.data("status", "--all", "--cached")["sessions"] == []


def files_of(pid: int) -> set[Path]:
    """Return the files that a process holds open, as Linux tells them."""
    links = set()
    for path in Path(f"/proc/{pid}/fd").iterdir():
        # It may be closed by now.
        with suppress(FileNotFoundError):
            links.add(path.readlink())
    return {link for link in links if link.is_absolute()}


def test_the_watcher_keeps_nothing_and_knows_no_key(cli: Cli) -> None:
    """Neither the pipe of `$(...)`, nor the terminal, nor what it needs not to close a session."""
    with a_process() as process:
        environ = {"QISKIT_IBM_TOKEN": "of-nobody", "IAM_URL": "http://127.0.0.1:9"}
        done = cli.run(*OPEN, "--close-with", str(process.pid), environ=environ)
        session_id = done.stdout.strip()
        (watcher,) = watchers_of(session_id)
        assert not {*environ, "QRSESSION_STATE"} & set(watcher.environ())
        assert (watcher.cwd(), os.getsid(watcher.pid)) == ("/", watcher.pid)
        if sys.platform == "linux":
            log = Path(os.environ["QRSESSION_HOME"]) / "state" / "watch.log"
            # Its own script it reads at the beginning.
            wait_for(lambda: files_of(watcher.pid) == {Path("/dev/null"), log})
            assert log.stat().st_mode & 0o777 == 0o600
        # A few megabytes of its own: an interpreter, and nothing loaded into it.
        assert watcher.memory_full_info().uss < 8 * 2**20
        cli.ok("close", session_id)
        watcher.kill()


def test_a_home_that_is_named_from_here_is_found_by_the_watcher(cli: Cli) -> None:
    """It works in another folder, where the same words would name another home."""
    home = os.path.relpath(os.environ["QRSESSION_HOME"], cli.folder)
    with a_process() as process:
        done = cli.run(*OPEN, "--close-with", str(process.pid), environ={"QRSESSION_HOME": home})
        session_id = done.stdout.strip()
        process.kill()
        await_closed(session_id)


def test_a_key_finds_a_session_that_closes_with_another_process(cli: Cli) -> None:
    """It goes on to do so; where that process is gone, so is the session, and another comes."""
    with a_process() as first, a_process() as second:
        by_key = (*OPEN[:-1], "--once", "nightly", "--close-with")
        session_id = cli.ok(*by_key, str(first.pid)).strip()
        found = cli.run(*by_key, str(second.pid))
        assert found.stdout.strip() == session_id
        assert f"closes with process {first.pid}" in found.stderr
        (watcher,) = watchers_of(session_id)
        # As if that watcher had been ended with all of a job's processes.
        watcher.kill()
        first.kill()
        first.wait()
        (forgotten,) = cli.data("list")["sessions"]
        assert forgotten["looks_forgotten"] is True
        assert forgotten["note"] == f"looks forgotten: its process {first.pid} is gone"
        found = cli.run(*by_key, str(second.pid))
        assert f"ends with process {first.pid}, which is gone" in found.stderr
        assert "it closes with process" in found.stderr
        await_closed(session_id)
        (listed,) = cli.data("list")["sessions"]
        assert listed["session_id"] == found.stdout.strip() != session_id
        assert listed["looks_forgotten"] is False
        second.kill()
        await_closed(found.stdout.strip())


def orphan(cli: Cli, name: str) -> str:
    """Open a session whose process is gone, and its watcher too."""
    with a_process() as process:
        session_id = cli.ok(*OPEN, "--name", name, "--close-with", str(process.pid)).strip()
        for watcher in watchers_of(session_id):
            watcher.kill()
    return session_id


def test_gc_closes_what_looks_forgotten_and_nothing_else(cli: Cli) -> None:
    nothing = cli.run("gc")
    assert (nothing.returncode, nothing.stdout) == (0, "")
    assert nothing.stderr == "No session looks forgotten.\n"
    lost = orphan(cli, "lost")
    mine = cli.ok(*OPEN, "--name", "mine").strip()
    # A neighbour's is in another ledger.
    neighbour = Cli(cli.folder, {"QRSESSION_STATE": str(cli.folder / "other" / "state.toml")})
    other = orphan(neighbour, "other")

    unasked = cli.run("gc")
    assert (unasked.returncode, unasked.stdout) == (2, "")
    first, *advice = unasked.stderr.splitlines()
    assert first.startswith(f"warning: lost ({lost}) looks forgotten: its process ")
    assert "--yes" in advice[-1]
    assert cli.error(2, "gc", "--yes", "--dry-run")["code"] == "usage"
    asked = cli.error(2, "gc")
    assert [one["session_id"] for one in asked["details"]["forgotten"]] == [lost]
    assert cli.error(2, "gc", "--older-than", "soon")["code"] == "invalid_value"

    dry = cli.data("gc", "--dry-run")
    assert (dry["closed"], len(dry["forgotten"][0]["reasons"])) == ([], 1)
    assert [one["name"] for one in dry["forgotten"]] == ["lost"]
    assert [(one["name"], one["reasons"]) for one in dry["kept"]] == [("mine", [])]
    assert cli.data("gc", "--dry-run", "--older-than", "1h")["forgotten"] == []

    done = cli.data("gc", "--yes")
    assert [(one["name"], one["state"]) for one in done["closed"]] == [("lost", "closed")]
    client = RuntimeService("local").client
    states = {one: client.get_session(one).state for one in (lost, mine, other)}
    assert states == {lost: "closed", mine: "open", other: "open"}
    cli.ok("close", mine)
    assert neighbour.ok("gc", "-y", "--quiet").split() == [other]


def test_gc_looks_once_more_right_before_it_closes(cli: Cli) -> None:
    """A run that has begun meanwhile has told of itself before it asks the service."""
    lost = orphan(cli, "lost")
    settings = replace(
        Settings.from_environ(), state_file=Path(cli.environ["QRSESSION_STATE"]).absolute()
    )
    workspace = Workspace(settings)
    sifted = sift(workspace, Ages())
    assert [one.entry.session_id for one in sifted.forgotten] == [lost]
    sending = Intent("qrs-x", "local", lost, "dev", "sampler", utc_now(), os.getpid())
    intents = Pending(settings.state_dir).intents
    intents.put(sending)
    try:
        again, closings = close_forgotten(workspace, sifted, Ages())
    finally:
        intents.drop(sending.tag)
    assert (again.forgotten, closings.reports, closings.failures) == ((), [], [])
    assert [one.entry.session_id for one in again.kept] == [lost]
    again, closings = close_forgotten(workspace, sifted, Ages())
    assert [one.session_id for one in closings.reports] == [lost]


def test_gc_asks_at_a_terminal(cli: Cli) -> None:
    lost = orphan(cli, "lost")
    for answer, said in (("n", "Nothing was closed."), ("y", "Closed lost")):
        child = pexpect.spawn(
            str(COMMAND),
            ["gc"],
            timeout=LIMIT_S,
            encoding="utf-8",
            env={**os.environ, **cli.environ},
        )
        child.expect_exact("looks forgotten")
        child.expect_exact("Close this session? [y/N]")
        child.sendline(answer)
        child.expect_exact(said)
        child.expect(pexpect.EOF)
        child.close()
        assert child.exitstatus == 0
    assert RuntimeService("local").client.get_session(lost).state == "closed"


def test_a_session_in_which_a_job_runs_does_not_look_forgotten(cli: Cli) -> None:
    lost = orphan(cli, "lost")
    slow = write(cli, "slow.qasm", SLOW)
    job = cli.data("run", "-s", lost, "--detach", "--shots", ENDLESS_SHOTS, slow)["job"]
    assert cli.data("list")["sessions"][0]["looks_forgotten"] is False
    assert cli.data("gc", "--yes")["closed"] == []
    RuntimeService("local").job(job["job_id"]).cancel()
    wait_for(lambda: cli.data("gc", "--dry-run")["forgotten"] != [], what="the end of the job")
    assert cli.ok("gc", "--yes").split() == [lost]


PROGRAM = """
import os, signal
from qrsession import RuntimeService, Session
session = Session(RuntimeService("local"), "aer_simulator")
print(session.session_id, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_session_of_a_program_that_died_looks_forgotten(cli: Cli) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **cli.environ},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    (listed,) = cli.data("list")["sessions"]
    (reason,) = listed["reasons"]
    assert reason.startswith("the program that opened it, process ")
    assert cli.ok("gc", "--yes").split() == [done.stdout.strip()]


def served(data: Path, port: int = 0) -> "tuple[subprocess.Popen[str], str]":
    command = [str(COMMAND), "serve", "--port", str(port), "--workers", "1", "--data", str(data)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


@pytest.mark.deep
def test_a_service_that_was_down_at_the_close_is_closed_later(own_cli: Cli, tmp_path: Path) -> None:
    """By the watcher, which tries on when `exec` has given up; no command is run."""
    data = tmp_path / "server"
    server, url = served(data)
    key = (data / "local" / "secret").read_text().strip()
    account = {"channel": "ibm_quantum_platform", "url": url, "token": key, "instance": CRN}
    file = Path.home() / ".qiskit" / "qiskit-ibm.json"
    file.parent.mkdir(mode=0o700)
    file.touch(mode=0o600)
    file.write_text(json.dumps({"default-ibm-quantum-platform": account}))
    try:
        done = own_cli.run(
            *("exec", "--max-time", "10m", "--close-timeout", "1", "--summary", "end.json", "--"),
            *("sh", "-c", f"kill -9 {server.pid}; exit 9"),
        )
        server.communicate()
        assert done.returncode == 9
        (line,) = done.stderr.splitlines()
        assert "It is tried again in the background" in line
        ended: dict[str, Any] = json.loads((own_cli.folder / "end.json").read_text())
        session_id = ended["data"]["session"]["session_id"]
        closings = Path(os.environ["QRSESSION_HOME"]) / "state" / "pending" / "closings"
        assert [path.stem for path in closings.iterdir()] == [session_id]
        (watcher,) = watchers_of(session_id)
        server, again = served(data, int(url.rsplit(":", 1)[1].split("/")[0]))
        assert again == url
        ledger = Ledger(Settings.from_environ())
        wait_for(lambda: not ledger.read().sessions, what="the close")
        closed = ledger.history.find(session_id)
        assert closed is not None
        assert isinstance(closed.entry, SessionEntry)
        wait_for(lambda: not is_alive(watcher), what="the end of the watcher")
        assert list(closings.iterdir()) == []
    finally:
        server.kill()
        server.communicate()
