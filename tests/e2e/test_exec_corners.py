"""`exec` when things go wrong: whatever happens, its session is closed at the runtime."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pexpect
import psutil
import pytest

from qrsession.service import RuntimeService
from qrsession.testing.control import Control
from tests.e2e.conftest import COMMAND, Cli
from tests.e2e.programs import is_alive, wait_for

pytestmark = pytest.mark.timeout(120)

EXEC = ("exec", "--local", "--backend", "aer_simulator")
LIMIT_S = 30.0
# Each child says first which session it is in.
SAYS = 'echo "$QRSESSION_SESSION"; '
LASTS = f"{SAYS} exec sleep 60"


def state_of(session_id: str) -> str:
    return str(RuntimeService("local").client.get_session(session_id).state)


def await_closed(session_id: str) -> None:
    client = RuntimeService("local").client
    wait_for(lambda: client.get_session(session_id).state == "closed", LIMIT_S, "the close")


@contextmanager
def started(cli: Cli, script: str, *more: str) -> "Iterator[tuple[subprocess.Popen[str], str]]":
    """Run a shell script in `exec`, and give it and its session's id once that is said."""
    process = subprocess.Popen(
        [COMMAND, *EXEC, *more, "--", "sh", "-c", script],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cli.folder,
        env={**os.environ, **cli.environ},
    )
    with process:
        try:
            assert process.stdout is not None
            session_id = process.stdout.readline().strip()
            assert len(session_id) == 36
            yield process, session_id
        finally:
            process.kill()


def children_of(process: "subprocess.Popen[str]", name: str) -> list[psutil.Process]:
    found = []
    for child in psutil.Process(process.pid).children():
        with suppress(psutil.NoSuchProcess):
            found += [child] if any(name in word for word in child.cmdline()) else []
    return found


IGNORES = f"trap '' INT TERM HUP; {SAYS} while :; do sleep 0.05; done"
TELLS = f"""
trap 'echo usr1' USR1
trap 'echo winch' WINCH
trap 'echo quit; exit 3' QUIT
{SAYS}
while :; do (trap '' QUIT; exec sleep 0.02); done
"""
LEAVES_ONE = f"{SAYS} sleep 60 & exit 5"


@pytest.mark.parametrize(
    ("script", "signals", "exit_code", "said"),
    [
        (IGNORES, ["SIGTERM", "SIGINT", "SIGTERM"], 137, []),
        (TELLS, ["SIGUSR1", "SIGWINCH", "SIGQUIT"], 3, ["usr1", "winch", "quit"]),
        (LASTS, ["SIGUSR2"], 128 + signal.SIGUSR2, []),
        (LASTS, ["SIGTSTP", "SIGCONT", "SIGHUP"], 128 + signal.SIGHUP, []),
    ],
    ids=["ignores signals", "handles signals", "is ended by one", "is stopped"],
)
def test_whatever_ends_the_command_the_session_is_closed(
    cli: Cli, script: str, signals: list[str], exit_code: int, said: list[str]
) -> None:
    with started(cli, script) as (process, session_id):
        for name in signals:
            process.send_signal(getattr(signal, name))
            if name == "SIGTSTP":
                wait_for(lambda: is_stopped(*children_of(process, "sleep")), what="the stop")
            elif name in {"SIGUSR1", "SIGWINCH"}:
                # Two that come at once are handled in the order of their numbers.
                assert process.stdout is not None
                assert process.stdout.readline() == f"{said.pop(0)}\n"
            elif name == "SIGTERM":
                # One that is pending still would be one with the next.
                wait_for(lambda: not pending_in(process.pid), what="the signal")
        out, err = process.communicate(timeout=LIMIT_S)
        # A program that the shell is just starting takes SIGQUIT yet, and the shell says so.
        err = err.removeprefix("Quit\n")
    assert (process.returncode, out.split(), err) == (exit_code, said, "")
    assert state_of(session_id) == "closed"


def is_stopped(child: psutil.Process) -> bool:
    return bool(child.status() == psutil.STATUS_STOPPED)


def pending_in(pid: int) -> bool:
    """Whether a signal waits to be taken by a process; False where nobody tells."""
    file = Path(f"/proc/{pid}/status")
    if not file.exists():
        return False
    lines = dict(line.split(":", 1) for line in file.read_text().splitlines())
    return int(lines["ShdPnd"], 16) != 0


def test_what_the_command_leaves_behind_is_not_waited_for(cli: Cli) -> None:
    """It holds the pipes, and may go on; the session is closed when the command ends."""
    with started(cli, LEAVES_ONE) as (process, session_id):
        assert process.wait(LIMIT_S) == 5
        assert state_of(session_id) == "closed"
        for found in psutil.process_iter():
            if is_alive(found) and found.pid != process.pid and of_session(found, session_id):
                found.kill()


def of_session(process: psutil.Process, session_id: str) -> bool:
    try:
        return bool(process.environ().get("QRSESSION_SESSION") == session_id)
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def test_a_watcher_closes_the_session_of_an_exec_that_was_killed(cli: Cli) -> None:
    """And where `exec` ends as it should, no watcher is left."""
    with started(cli, LASTS) as (process, session_id):
        (watcher,) = children_of(process, "watcher.py")
        (child,) = children_of(process, "sleep")
        assert not set(watcher.environ()) & {"QISKIT_IBM_TOKEN", "QRSESSION_SESSION"}
        assert os.getsid(watcher.pid) == watcher.pid
        process.kill()
        await_closed(session_id)
        assert is_alive(child)
        child.kill()
        wait_for(lambda: not is_alive(watcher), what="the end of the watcher")
    with started(cli, f"{SAYS} sleep 0.1") as (process, session_id):
        (watcher,) = children_of(process, "watcher.py")
        assert process.wait(LIMIT_S) == 0
        assert not is_alive(watcher)
        assert state_of(session_id) == "closed"


def test_a_command_that_removes_the_ledger_keeps_no_session_open(cli: Cli) -> None:
    done = cli.run(*EXEC, "--", "sh", "-c", f'{SAYS} rm "$QRSESSION_STATE"')
    assert done.returncode == 0
    assert state_of(done.stdout.strip()) == "closed"


def test_a_ledger_that_cannot_be_written_keeps_no_session_open(cli: Cli) -> None:
    script = f'{SAYS} echo "schema_version = 99" >"$QRSESSION_STATE"'
    done = cli.run(*EXEC, "--", "sh", "-c", script)
    assert done.returncode == 0
    assert "The session is closed; the ledger does not have it" in done.stderr
    assert state_of(done.stdout.strip()) == "closed"


def test_a_session_that_the_command_closed_is_closed(cli: Cli) -> None:
    done = cli.run(*EXEC, "--", "sh", "-c", f"{SAYS} qrsession close --quiet; exit 6")
    assert (done.returncode, done.stderr) == (6, "")
    assert state_of(done.stdout.split()[0]) == "closed"


@pytest.fixture
def control(cli: Cli) -> Iterator[Control]:
    """Return what makes the runtime hold requests."""
    cli.ok("local", "start")
    runtime = cli.data("local", "status")["runtime"]
    secret = Path(os.environ["QRSESSION_HOME"]) / "data" / "local" / "secret"
    control = Control(lambda: runtime["url"], lambda: secret.read_text().strip())

    yield control
    control.restore()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_gives_up_the_close(
    cli: Cli, control: Control, number: signal.Signals
) -> None:
    """The first lets it go on, and says so. What is left open is closed by others soon."""
    with started(cli, LASTS, "--max-time", "10m") as (process, session_id):
        control.delay_next_request(3.0, session_id=session_id, method="DELETE")
        (child,) = children_of(process, "sleep")
        (watcher,) = children_of(process, "watcher.py")
        child.kill()
        wait_for(lambda: control.counts()[-1].fired == 1, what="the close")
        process.send_signal(number)
        assert process.stderr is not None
        assert "once more" in process.stderr.readline()
        process.send_signal(number)
        (said,) = process.stderr.read().splitlines()
        assert process.wait(LIMIT_S) == 128 + number
        assert f"({session_id}) could not be closed: it was interrupted." in said
        assert "600 s after its first job" in said
        assert f"qrsession close {session_id}" in said
        await_closed(session_id)
        wait_for(lambda: not is_alive(watcher), what="the end of the watcher")


def test_a_second_signal_gives_up_the_opening(cli: Cli, control: Control) -> None:
    """The first lets it go on, and says so."""
    control.delay_next_request(20.0, path="/sessions", method="POST")
    with subprocess.Popen(
        [COMMAND, *EXEC, "--", "echo", "run"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cli.folder,
        env={**os.environ, **cli.environ},
    ) as process:
        wait_for(lambda: control.counts()[-1].fired == 1, what="the opening")
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert "will be closed at once" in process.stderr.readline()
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=LIMIT_S / 2)
    assert (process.returncode, out) == (143, "")
    assert err.splitlines() == [
        "error: Interrupted while the session was being opened; the command was not run.",
        "help: One that was opened unseen costs nothing and closes by itself: qrsession list",
    ]


SHELL_PROMPT = "shell> "


@pytest.fixture
def shell(cli: Cli) -> Iterator[Any]:
    """Return a shell with jobs on a terminal."""
    found = pexpect.spawn(
        "bash",
        ["--norc", "--noprofile", "-i"],
        dimensions=(33, 77),
        timeout=LIMIT_S,
        encoding="utf-8",
        cwd=str(cli.folder),
        env={**os.environ, **cli.environ, "PS1": SHELL_PROMPT, "TERM": "dumb"},
    )
    found.expect_exact(SHELL_PROMPT)
    yield found
    found.close(force=True)


def in_exec(command: str, *options: str) -> str:
    return f"{COMMAND} {' '.join((*EXEC, *options))} --quiet -- {command}"


def test_ctrl_z_stops_the_command_and_fg_resumes_it(shell: Any) -> None:
    script = f"{SAYS} read x; echo got $x; exit 4"
    shell.sendline(in_exec(f"sh -c '{script}'"))
    shell.expect(r"[0-9a-f-]{36}\r\n")
    session_id = shell.after.strip()
    for _ in range(2):
        shell.sendcontrol("z")
        shell.expect_exact("Stopped")
        shell.expect_exact(SHELL_PROMPT)
        assert state_of(session_id) == "open"
        shell.sendline("fg")
        shell.expect_exact("got $x")
    shell.sendline("hello")
    shell.expect_exact("got hello")
    shell.expect_exact(SHELL_PROMPT)
    shell.sendline("echo code=$?")
    shell.expect_exact("code=4")
    assert state_of(session_id) == "closed"


def test_a_signal_to_exec_alone_in_the_background_is_passed_on(shell: Any) -> None:
    """There no keyboard has sent it to the command as well."""
    # It starts nothing after it is ready: a shell that is just starting a program by `vfork` cannot
    # be stopped, by whomever it was started.
    script = 'sleep 600 & trap "kill $!; echo caught; exit 9" INT; echo ready; wait'
    shell.sendline(in_exec(f"sh -c '{script}'"))
    shell.expect("ready\r\n")
    shell.sendcontrol("z")
    shell.expect_exact("Stopped")
    shell.sendline("bg; kill -INT $(jobs -p); wait; echo code=$?")
    shell.expect_exact("caught\r\n")
    shell.expect("Exit 9")


# Takes the foreground for itself, as a shell does, and the echo away, and dies.
TAKES_ALL = """
import os, signal, sys, termios, tty
print(os.environ["QRSESSION_SESSION"], flush=True)
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
os.setpgid(0, 0)
os.tcsetpgrp(0, os.getpid())
tty.setraw(0)
os.kill(os.getpid(), signal.{})
"""


@pytest.mark.parametrize("end", ["SIGKILL", "SIGTERM"])
def test_a_terminal_is_put_back_behind_a_command_that_died(shell: Any, cli: Cli, end: str) -> None:
    """Here nobody else does: the commands stand in a script, whose shell has no jobs."""
    (cli.folder / "takes.py").write_text(TAKES_ALL.format(end))
    run = in_exec(f"{sys.executable} takes.py")
    (cli.folder / "all.sh").write_text(
        f"stty -a >before\n{run} >session\necho code=$?\nstty -a >after\nread x\necho got $x\n"
    )
    shell.sendline("sh all.sh")
    shell.expect_exact(f"code={128 + getattr(signal, end)}")
    shell.sendline("hello")
    shell.expect_exact("got hello")
    shell.expect_exact(SHELL_PROMPT)
    assert (cli.folder / "after").read_text() == (cli.folder / "before").read_text()
    assert state_of((cli.folder / "session").read_text().strip()) == "closed"


def test_modes_that_a_command_set_on_purpose_stay(shell: Any, cli: Cli) -> None:
    (cli.folder / "all.sh").write_text(
        f"{in_exec('stty -echo')}\nstty -a | grep -c -e -echo\nstty echo\n"
    )
    shell.sendline("sh all.sh")
    shell.expect_exact("1\r\n")


def test_a_pipeline_keeps_the_terminal(shell: Any) -> None:
    """The command is in the foreground with what reads it: Ctrl-C reaches both, once each."""
    script = 'trap "echo caught >&2; exit 9" INT; echo ready; while :; do sleep 0.05; done'
    shell.sendline(f"{in_exec(f'sh -c {chr(39)}{script}{chr(39)}')} | cat")
    shell.expect("ready\r\n")
    shell.sendintr()
    shell.expect_exact("caught")
    shell.expect_exact(SHELL_PROMPT)
    assert "caught" not in shell.before
    shell.sendline("echo code=${PIPESTATUS[0]}")
    shell.expect_exact("code=9")
