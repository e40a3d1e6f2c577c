"""`exec`: a session around a command, whatever becomes of the command."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest

from qrsession.service import RuntimeService
from tests.e2e.conftest import COMMAND, Cli
from tests.e2e.programs import ENDLESS_SHOTS, SLOW, default_account, wait_for, write
from tests.one_lane import AS_MANY_AS_USUAL

pytestmark = pytest.mark.timeout(120)

EXEC = ("exec", "--local", "--backend", "aer_simulator")
# What ends the command by itself if the test does not.
LASTS = "import sys, time; print('ready', flush=True); time.sleep(60)"
TRAPS = """
sleep 60 >/dev/null 2>&1 &
trap 'echo trapped; kill $!; exit 4' INT TERM HUP
echo ready
wait
"""


def open_sessions(cli: Cli) -> list[Any]:
    found: list[Any] = cli.data("status", "--all", "--cached")["sessions"]
    return found


@pytest.mark.parametrize(
    ("command", "exit_code"),
    [
        (["true"], 0),
        (["sh", "-c", "exit 7"], 7),
        (["sh", "-c", "exit 125"], 125),
        (["sh", "-c", "kill -9 $$"], 137),
        (["no-such-command"], 127),
        (["/"], 126),
    ],
)
def test_the_exit_code_is_the_command_s_own(cli: Cli, command: list[str], exit_code: int) -> None:
    """And the session is closed behind it, whatever the code."""
    done = cli.run(*EXEC, "--", *command)
    assert done.returncode == exit_code
    assert done.stdout == ""
    assert bool(done.stderr) == (exit_code in {126, 127})
    assert not done.stderr or done.stderr.startswith("error: ")
    assert open_sessions(cli) == []


@pytest.mark.parametrize("given", ["soon", "-1", "nan"])
def test_a_close_timeout_that_is_none_is_named(cli: Cli, given: str) -> None:
    done = cli.run(*EXEC, "--close-timeout", given, "--", "true")
    assert done.returncode == 2
    assert done.stderr.startswith("error: --close-timeout")


def test_exit_codes_before_the_command(cli: Cli) -> None:
    """What cannot be opened is 125, what was written wrongly 2; the command is not started."""
    (cli.folder / "started").unlink(missing_ok=True)
    command = ("--", "touch", "started")
    assert cli.run("exec", "--local", "-b", "ibm_nowhere", *command).returncode == 125
    assert cli.run("exec", "--account", "nobody", *command).returncode == 125
    assert cli.run("exec", *command, environ={"CI": "1"}).returncode == 125
    assert cli.run("exec", "--local", "--max-time", "5 bananas", *command).returncode == 2
    assert cli.run("exec", "--local", "--summary", "no/such/folder", *command).returncode == 2
    assert cli.run("exec", "--local", "--summary", ".", *command).returncode == 2
    assert cli.run("exec", "--local", "--").returncode == 2
    assert not (cli.folder / "started").exists()


def test_streams_are_the_command_s_own(cli: Cli) -> None:
    """Bytes of any kind pass both ways, and nothing is added to them."""
    data = bytes(range(256)) * 512
    script = (
        "import sys; data = sys.stdin.buffer.read(); "
        "sys.stdout.buffer.write(data[::-1]); sys.stderr.buffer.write(data)"
    )
    done = subprocess.run(
        [COMMAND, *EXEC, "--", sys.executable, "-c", script],
        input=data,
        capture_output=True,
        env={**os.environ, **cli.environ},
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, data[::-1], data)


def test_the_environment_names_the_session(cli: Cli) -> None:
    """Commands and programs inside find it, and this qrsession, without an option."""
    script = (
        "import json, os, shutil, sys; "
        "print(json.dumps({**{name: value for name, value in os.environ.items() "
        "if name.startswith('QRSESSION_')}, 'command': shutil.which('qrsession')}))"
    )
    done = cli.run(*EXEC, "--name", "outer", "--", sys.executable, "-c", script)
    found = json.loads(done.stdout)
    assert found["QRSESSION_ACCOUNT"] == "local"
    assert found["QRSESSION_STATE"] == cli.environ["QRSESSION_STATE"]
    assert Path(found["command"]) == COMMAND
    status = cli.data("status", found["QRSESSION_SESSION"])["session"]
    assert (status["name"], status["state"]) == ("outer", "closed")


def test_a_nested_exec_stays_local_under_a_contradicting_environment(
    own_cli: Cli, runtime_home: Path, tmp_path: Path
) -> None:
    """What `--local` says counts, and not another home's session or somebody's account."""
    ledger = tmp_path / "neighbour" / "state.toml"
    there = {
        "QRSESSION_HOME": str(runtime_home),
        "QRSESSION_STATE": str(ledger),
        AS_MANY_AS_USUAL: "1",
    }
    neighbour = Cli(tmp_path, there)
    session = neighbour.ok("open", "--local", "--quiet").strip()
    contradicting = {
        "QRSESSION_SESSION": session,
        "QRSESSION_ACCOUNT": "other",
        "QRSESSION_STATE": str(ledger),
        "QISKIT_IBM_TOKEN": "of-nobody",
        "QISKIT_IBM_URL": "http://127.0.0.1:9",
        "IAM_URL": "http://127.0.0.1:9",
        "CI": "true",
    }
    nested = [
        *("qrsession", "exec", "--local", "--", "sh", "-c"),
        "qrsession run @bell --json --shots 5; qrsession status --json",
    ]
    done = own_cli.run("exec", "--local", "--", *nested, environ=contradicting)
    assert done.returncode == 0, done.stderr
    ran, seen = (json.loads(line)["data"] for line in done.stdout.splitlines())
    assert ran["job"]["session_id"] == seen["session"]["session_id"] != session
    assert ran["job"]["backend"] == "aer_simulator"
    assert seen["session"]["account"] == "local"
    assert [found["session_id"] for found in open_sessions(neighbour)] == [session]
    assert neighbour.data("status", session)["jobs"] == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_are_passed_on(cli: Cli, number: signal.Signals) -> None:
    """The command ends as it likes to, and the session is closed."""
    for command, expected in (
        (["sh", "-c", TRAPS], (4, "trapped\n")),
        ([sys.executable, "-c", LASTS], None),
    ):
        with subprocess.Popen(
            [COMMAND, *EXEC, "--", *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **cli.environ},
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            process.send_signal(number)
            said, _ = process.communicate(timeout=30)
        if expected is None:
            # Python turns SIGINT into an exception, and raises the signal when it is done.
            assert process.returncode == 128 + number
        else:
            assert (process.returncode, said) == expected
    assert open_sessions(cli) == []


def on_terminal(cli: Cli, *arguments: str) -> Any:
    """Start a command on a terminal of 33 lines and 77 columns."""
    return pexpect.spawn(
        str(COMMAND),
        [*EXEC, "--quiet", "--", *arguments],
        dimensions=(33, 77),
        timeout=30,
        encoding="utf-8",
        cwd=str(cli.folder),
        env={**os.environ, **cli.environ},
    )


def test_the_command_has_the_terminal(cli: Cli) -> None:
    """Its size, its input and its control keys are the command's."""
    script = "stty size; test -t 0 && test -t 1 && test -t 2 && read x && echo got $x; exit 5"
    child = on_terminal(cli, "sh", "-c", script)
    child.expect_exact("33 77")
    child.sendline("hello")
    child.expect_exact("got hello")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 5


def test_ctrl_c_is_the_command_s(cli: Cli) -> None:
    """The terminal sends it to both: the command handles it once, and `exec` outlives it."""
    child = on_terminal(cli, "sh", "-c", TRAPS)
    child.expect_exact("ready")
    child.sendintr()
    child.expect_exact("trapped")
    assert "trapped" not in child.read()
    child.close()
    assert child.exitstatus == 4
    assert open_sessions(cli) == []


@pytest.fixture
def busy_lanes(cli: Cli) -> Iterator[None]:
    """Keep every lane busy while a test looks at jobs that wait."""
    slow = write(cli, "slow.qasm", SLOW)
    session_id = cli.ok("open", "--local", "--quiet", "--backend", "aer_simulator").strip()
    ran = cli.data(
        *("run", "--session", session_id, "--separate", "--detach", "--shots", ENDLESS_SHOTS),
        *[slow] * 5,
    )
    jobs = [RuntimeService("local").job(job["job_id"]) for job in ran["jobs"]]
    wait_for(lambda: any(job.running() for job in jobs), what="running")
    yield
    for job in jobs:
        job.cancel()
    cli.ok("close", session_id)


@pytest.mark.usefixtures("busy_lanes")
@pytest.mark.parametrize(
    ("exit_code", "on_failure", "expected"),
    [(3, "cancel", "Cancelled"), (3, "drain", "Queued"), (0, "cancel", "Queued")],
)
def test_what_becomes_of_queued_jobs(
    cli: Cli, exit_code: int, on_failure: str, expected: str
) -> None:
    """They are dropped where the command failed, unless they shall run; else they run."""
    script = f"qrsession run --detach --quiet @bell @ghz --separate --shots 5; exit {exit_code}"
    done = cli.run(
        *EXEC, "--on-failure", on_failure, "--summary", "end.json", "--", "sh", "-c", script
    )
    assert done.returncode == exit_code
    job_ids = done.stdout.split()
    assert len(job_ids) == 2
    service = RuntimeService("local")
    found = {service.job(job_id).record().status for job_id in job_ids}
    assert found == {expected}
    summary = json.loads((cli.folder / "end.json").read_text())
    assert (summary["command"], summary["status"]) == ("exec", "ok")
    assert summary["data"]["exit_code"] == exit_code
    assert summary["data"]["session"]["accepting_jobs"] is False
    assert summary["data"]["session"]["state"] == ("closed" if expected == "Cancelled" else "open")
    if expected == "Cancelled":
        for job_id in job_ids:
            assert cli.error(7, "result", job_id)["code"] == "job_cancelled"
    else:
        for job_id in job_ids:
            service.job(job_id).cancel()


def test_a_session_that_cannot_be_closed_is_told(own_cli: Cli, tmp_path: Path) -> None:
    """Closing is tried for a while; then a line says what is open, until when, and what to do."""
    with default_account(tmp_path) as server:
        done = own_cli.run(
            *("exec", "--max-time", "10m", "--close-timeout", "0", "--summary", "end.json"),
            *("--", "sh", "-c", f"kill -9 {server.pid}; exit 9"),
        )
    assert done.returncode == 9
    (line,) = done.stderr.splitlines()
    session = json.loads((own_cli.folder / "end.json").read_text())["data"]["session"]
    assert session["state"] == "open"
    assert f"qrsession close {session['session_id']}" in line
    assert "600 s after its first job" in line
