"""Every command under every kind of failure: envelope, exit code, streams and manners."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest

from qrsession.cli.app import VERBS
from qrsession.protocol import routes
from qrsession.service import RuntimeService
from tests.client.conftest import Server, answer
from tests.e2e.conftest import COMMAND, Cli
from tests.e2e.programs import ENDLESS_SHOTS, SLOW, wait_for, write

pytestmark = pytest.mark.timeout(120)

RUN = ("run", "@bell", "--shots", "5")
ON_SIMULATOR = ("--local", "--backend", "aer_simulator")
KEYS = {"schema_version", "command", "status", "data", "error"}


def envelope_of(done: "subprocess.CompletedProcess[str]") -> dict[str, Any]:
    """Return the one object that a command printed, and nothing else beside it."""
    assert done.stdout.endswith("\n")
    assert done.stdout.count("\n") == 1
    assert done.stdout.isascii()
    envelope: dict[str, Any] = json.loads(done.stdout)
    assert set(envelope) == KEYS
    assert envelope["schema_version"] == 1
    assert (envelope["status"] == "ok") is (done.returncode == 0)
    assert (envelope["data"] is None) is (done.returncode != 0)
    return envelope


def test_every_command_gives_one_object_when_it_succeeds(cli: Cli) -> None:
    """A session from its beginning to its end, by every command that has an envelope."""
    key_file = write(cli, "key", "the-key")
    (cli.folder / key_file).chmod(0o600)
    commands: list[tuple[str, ...]] = [
        ("open", "--local", "--backend", "aer_simulator", "--name", "whole"),
        RUN,
        (*RUN, "--separate", "@ghz"),
        (*RUN, "--detach"),
        ("result", "--wait"),
        ("wait",),
        ("status",),
        ("status", "--all"),
        ("list",),
        ("usage", "--local"),
        ("backends", "--local", "aer_simulator"),
        ("jobs", "--all"),
        ("logs",),
        ("use", "whole"),
        ("gc", "--yes"),
        ("cancel", "@last"),
        ("doctor", "--local"),
        ("local", "start"),
        ("local", "status"),
        ("account", "check", "local"),
        ("cache", "info"),
        ("close", "--wait"),
        ("close", "--all"),
        ("cache", "clear"),
        ("account", "save", "mine", "--token-file", key_file),
        ("account", "use", "mine"),
        ("account", "list"),
        ("account", "show"),
        ("account", "delete", "mine", "--yes"),
    ]
    elsewhere = cli.ok("open", "--local", "--quiet", "--state", str(cli.folder / "other.toml"))
    commands.insert(-2, ("adopt", "--local", elsewhere.strip()))
    commands.insert(-2, ("forget", elsewhere.strip()))
    seen = set()
    for command in commands:
        done = cli.run(*command, "--json", "--quiet")
        assert done.returncode == 0, f"{command}: {done.stderr}"
        envelope = envelope_of(done)
        # What is forgotten may still cost something, which must be known.
        assert bool(done.stderr) is (command[0] == "forget")
        assert envelope["error"] is None
        seen.add(envelope["command"])
    assert seen == {
        *(verb for verb, about in VERBS.items() if about.has_envelope),
        *("local start", "local status", "cache info", "cache clear"),
        *(f"account {part}" for part in ("save", "use", "list", "show", "delete", "check")),
    } - {"local", "cache", "account"}


USAGE = [
    ("nonsense",),
    ("open", "--nonsense"),
    ("open", "superfluous"),
    ("open", "--local", "--mode", "sideways"),
    ("open", "--local", "--name", "-dash"),
    ("open", "--local", "--account", "other"),
    ("open", "--local", "--max-time", "299"),
    ("run",),
    ("run", "@bell", "--shots", "many"),
    (*RUN, *ON_SIMULATOR, "--shots", "0"),
    (*RUN, *ON_SIMULATOR, "--session", "some"),
    (*RUN, *ON_SIMULATOR, "--timeout", "-1"),
    (*RUN, *ON_SIMULATOR, "--timeout", "nan"),
    (*RUN, *ON_SIMULATOR, "--format", "pie"),
    (*RUN, *ON_SIMULATOR, "--output", "no/such/folder/file"),
    (*RUN, *ON_SIMULATOR, "--output", "."),
    (*RUN, *ON_SIMULATOR, "--param", "theta"),
    (*RUN, *ON_SIMULATOR, "--param", "theta=nan"),
    (*RUN, *ON_SIMULATOR, "--tag", "x" * 87),
    (*RUN, *ON_SIMULATOR, *["--tag", "x"] * 8),
    (*RUN, *ON_SIMULATOR, "--optimization-level", "4"),
    (*RUN, *ON_SIMULATOR, "--no-transpile", "--optimization-level", "1"),
    (*RUN, *ON_SIMULATOR, "--max-execution-time", "0"),
    ("status", "one", "--session", "other"),
    ("status", "one", "--all"),
    ("close", "one", "--all"),
    ("close", "--timeout", "soon"),
    ("local", "nonsense"),
    ("cache",),
]
EMPTY = [
    ("close", ""),
    ("close", "one", " "),
    ("close", "--session", ""),
    ("status", ""),
    ("result", ""),
    (*RUN, "--session", ""),
    ("open", "--account", ""),
    ("open", "--local", "--backend", ""),
]


@pytest.mark.parametrize("command", [*USAGE, *EMPTY], ids=" ".join)
def test_wrong_usage_is_exit_2(cli: Cli, fresh_home: Path, command: tuple[str, ...]) -> None:
    """One object, at most three lines, nothing started and nothing written."""
    done = cli.run(*command, "--json", environ={"QRSESSION_HOME": str(fresh_home)})
    assert done.returncode == 2, done.stderr
    error = envelope_of(done)["error"]
    assert error["code"] in {"usage", "invalid_value", "invalid_type"}
    assert error["message"]
    assert error["advice"]
    lines = done.stderr.splitlines()
    assert 1 < len(lines) <= 3
    assert lines[0].startswith("error: ")
    assert "Traceback" not in done.stderr
    assert not fresh_home.exists()


def test_an_empty_name_closes_no_session(cli: Cli, session: str) -> None:
    """A script's variable that was never set must not stand for the current session."""
    for option in ([""], ["--session", ""]):
        assert cli.run("close", *option).returncode == 2
    assert cli.data("status", session)["session"]["state"] == "open"


@pytest.mark.parametrize("option", ["--backend", "--tag"])
def test_an_empty_filter_is_no_list_without_jobs(cli: Cli, option: str) -> None:
    """Such a list would look like the truth."""
    done = cli.run("jobs", "--all", "--cached", option, "")
    assert done.returncode == 2
    assert "it is empty" in done.stderr


def test_wrong_usage_of_commands_without_an_envelope(cli: Cli) -> None:
    """They refuse `--json`, and print nothing to stdout."""
    for command in (["env", "--shell", "csh"], ["serve", "--port", "99999"], ["exec", "--"]):
        done = cli.run(*command)
        assert (done.returncode, done.stdout) == (2, "")
        assert len(done.stderr.splitlines()) == 2
    for verb, about in VERBS.items():
        if not about.has_envelope:
            done = cli.run(verb, "--json", *(["--", "true"] if verb == "exec" else []))
            assert (done.returncode, done.stdout) == (2, ""), verb
            assert "--json" in done.stderr


@pytest.fixture
def slow_job(cli: Cli, session: str) -> Iterator[str]:
    """Return a job that takes longer than any test."""
    write(cli, "slow.qasm", SLOW)
    job_id = cli.ok("run", "slow.qasm", "-dq", "--shots", ENDLESS_SHOTS, "-s", session).strip()
    job = RuntimeService("local").job(job_id)
    wait_for(job.running, what="running")
    yield job_id
    job.cancel()


def test_exit_codes_of_a_job(cli: Cli, session: str, slow_job: str) -> None:
    """Not finished, time-out, cancelled and failed are four different codes."""
    here = ("-s", session)
    assert cli.error(8, "result", slow_job)["code"] == "not_finished"
    error = cli.error(124, "result", slow_job, "--wait", "--timeout", "0.2")
    assert error["code"] == "timeout"
    assert slow_job in error["advice"]
    done = cli.run("run", "slow.qasm", "--shots", ENDLESS_SHOTS, *here, "--timeout", "0", "--json")
    assert done.returncode == 124
    left_behind = envelope_of(done)["error"]["details"]["job_id"]
    assert not RuntimeService("local").job(left_behind).in_final_state()
    RuntimeService("local").job(left_behind).cancel()
    error = cli.error(7, "result", left_behind, "--wait")
    assert error["code"] == "job_cancelled"
    assert error["details"]["status"] == "Cancelled"
    done = cli.run(
        *("run", "slow.qasm", "--shots", ENDLESS_SHOTS, *here, "--json"),
        *("--timeout", "0.2", "--on-timeout", "cancel"),
    )
    assert done.returncode == 124
    (cancelled,) = envelope_of(done)["error"]["details"]["job_ids"]
    assert cli.error(7, "result", cancelled)["code"] == "job_cancelled"
    failed = cli.run("run", "slow.qasm", "--shots", "10", *here, "--max-execution-time", "1")
    assert failed.returncode == 0
    failed = cli.run(
        *("run", "slow.qasm", "--shots", ENDLESS_SHOTS, *here, "--json"),
        *("--max-execution-time", "1"),
    )
    assert failed.returncode == 6
    assert envelope_of(failed)["error"]["code"] == "job_failed"


@pytest.mark.parametrize(
    ("number", "code", "name"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_a_wait_that_is_interrupted_leaves_the_job_running(
    cli: Cli, slow_job: str, number: signal.Signals, code: int, name: str
) -> None:
    """And says how to take it up again."""
    with subprocess.Popen(
        [COMMAND, "result", slow_job, "--wait", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **cli.environ},
    ) as process:
        assert process.stderr is not None
        assert slow_job in process.stderr.readline()
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=30)
    done = subprocess.CompletedProcess([], process.returncode, stdout, stderr)
    assert done.returncode == code
    error = envelope_of(done)["error"]
    assert error["code"] == name
    assert f"qrsession result {slow_job} --wait" in error["advice"]
    assert len(stderr.splitlines()) == 2
    assert RuntimeService("local").job(slow_job).running()


def test_exit_codes_of_what_is_not_there(cli: Cli, session: str) -> None:
    cases = {
        ("status", "nobody"): "session_not_found",
        ("close", "nobody"): "session_not_found",
        (*RUN, "-s", "nobody"): "session_not_found",
        ("result", "nobody", "--local"): "job_not_found",
        ("result", "@last", "-s", session): "job_not_found",
        ("backends", "--local", "ibm_nowhere"): "backend_not_found",
        (*RUN, "--local", "--backend", "ibm_nowhere"): "backend_not_found",
        ("open", "--local", "--backend", "../x?y=1"): "backend_not_found",
        ("open", "--account", "nobody"): "account_not_found",
    }
    for command, code in cases.items():
        assert cli.error(4, *command)["code"] == code, command
    cli.ok("close", session)
    for command in (("status",), ("env",), RUN, ("close",), ("result",)):
        assert cli.run(*command).returncode == 4, command


@pytest.mark.parametrize("ci", ["1", "true"])
def test_without_an_account_ci_is_exit_3(cli: Cli, ci: str) -> None:
    for command in (["open"], ["backends"], ["run", "@bell", "--backend", "aer_simulator"]):
        done = cli.run(*command, "--json", environ={"CI": ci})
        assert done.returncode == 3
        assert envelope_of(done)["error"]["code"] == "no_account"
        assert "--local" in done.stderr
    done = cli.run("open", "--local", environ={"CI": ci})
    assert done.returncode == 0
    assert cli.run("close", done.stdout.strip()).returncode == 0


@pytest.mark.parametrize(
    ("status", "document", "exit_code", "code"),
    [
        (400, {"errors": [{"code": 1109, "message": "Not like this."}]}, 2, "request_refused"),
        (403, {"errors": [{"code": 1234, "message": "Not you."}]}, 3, "not_authorized"),
        (200, {"devices": [{"surprise": True}]}, 10, "wire_format"),
    ],
)
def test_what_a_service_answers(
    own_cli: Cli, status: int, document: Any, exit_code: int, code: str
) -> None:
    """Its words, without control characters, and an exit code that a script can tell apart."""
    server = Server()
    token = {"access_token": "t", "expires_in": 3600, "expiration": 4_000_000_000}
    if "errors" in document:
        document = json.loads(json.dumps(document))
        document["errors"][0]["message"] += "\x1b[2J\u202eevil\r\n\x07"
    server.script(answer(200, token), answer(status, document))
    environ = {"QISKIT_IBM_TOKEN": "k", "QISKIT_IBM_URL": server.url}
    try:
        done = own_cli.run("backends", "--json", environ=environ)
    finally:
        server.stop()
    assert done.returncode == exit_code, done.stderr
    assert envelope_of(done)["error"]["code"] == code
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202e]", done.stderr)


def test_a_service_that_is_not_there_is_exit_10(own_cli: Cli) -> None:
    environ = {"QISKIT_IBM_TOKEN": "k", "QISKIT_IBM_URL": "http://127.0.0.1:9"}
    done = own_cli.run("backends", "--json", environ=environ)
    assert done.returncode == 10
    assert envelope_of(done)["error"]["code"] == "service_unavailable"
    done = own_cli.run("backends", "--json", environ={**environ, "QISKIT_IBM_URL": "http://x.org"})
    assert done.returncode == 2
    assert "in the clear" in envelope_of(done)["error"]["message"]


def test_names_lose_control_characters(cli: Cli, session: str) -> None:
    """What the user, a file or a server made up cannot move the cursor or end a line."""
    tag = "\x1b[31mred\x07\u202e\nnext"
    cli.ok(*RUN, "--tag", tag, "-s", session)
    shown = cli.ok("status", session)
    assert "[31mred next" in shown
    assert not re.search(r"[\x1b\x07\u202e]", shown)
    assert cli.data("status", session)["jobs"][0]["tags"] == [tag]
    name = write(cli, "no\x1b[2Jcircuit", "nothing")
    done = cli.run("run", name, *ON_SIMULATOR)
    assert done.returncode == 2
    assert "\x1b" not in done.stderr
    assert len(done.stderr.splitlines()) == 2


def test_quiet_says_nothing_but_errors(cli: Cli, session: str) -> None:
    done = cli.run(*RUN, "--quiet", "-s", session)
    assert (done.returncode, done.stderr) == (0, "")
    assert sum(int(line.split("\t")[1]) for line in done.stdout.splitlines()) == 5
    assert cli.run("status", "nobody", "-q").stderr.startswith("error: ")


def test_tracebacks_are_shown_to_who_asks(cli: Cli) -> None:
    assert "Traceback" not in cli.run("status", "nobody", "-v").stderr
    assert "Traceback" in cli.run("status", "nobody", "-vv").stderr


@pytest.mark.skipif(not Path("/bin/sh").exists(), reason="there is no shell")
@pytest.mark.parametrize(
    ("redirection", "code", "words"),
    [
        (f"| {sys.executable} -c 'import os; os.close(0)'", 0, ""),
        (">&-", 1, "stdout is closed"),
        ("2>&-", 0, ""),
        ("<&-", 0, ""),
    ],
)
def test_streams_that_lead_nowhere(cli: Cli, redirection: str, code: int, words: str) -> None:
    """A reader that has gone is no fault, and a closed stream is said."""
    done = subprocess.run(
        ["sh", "-c", f"{COMMAND} run @bell --shots 5 {' '.join(ON_SIMULATOR)} -q {redirection}"],
        capture_output=True,
        text=True,
        env={**os.environ, **cli.environ},
        timeout=60,
        check=False,
    )
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert "fault of qrsession" not in done.stderr


def test_a_reader_that_has_gone_is_exit_141(cli: Cli) -> None:
    """As a shell reports what SIGPIPE ended."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as nobody:
        done = subprocess.run(
            [COMMAND, "--help"],
            stdout=nobody,
            stderr=subprocess.PIPE,
            env={**os.environ, **cli.environ},
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_full_disk_is_no_silent_success(cli: Cli) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("there is no /dev/full")
    with full.open("wb") as disk:
        done = subprocess.run(
            [COMMAND, "status", "--all", "--cached"],
            stdout=disk,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **cli.environ},
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert "No space left" in done.stderr


def test_standard_input_that_is_closed_or_empty(cli: Cli) -> None:
    assert "is empty" in cli.error(2, "run", "-", *ON_SIMULATOR)["message"]
    done = subprocess.run(
        ["sh", "-c", f"{COMMAND} run - {' '.join(ON_SIMULATOR)} <&-"],
        capture_output=True,
        text=True,
        env={**os.environ, **cli.environ},
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "standard input is closed" in done.stderr


def test_no_color_holds_on_a_terminal(cli: Cli, session: str) -> None:
    """In tables, errors and help; and colours are there without it."""

    def shown(*arguments: str, **environ: str) -> str:
        child = pexpect.spawn(
            str(COMMAND),
            list(arguments),
            timeout=30,
            encoding="utf-8",
            env={**os.environ, **cli.environ, "TERM": "xterm-256color", **environ},
        )
        text: str = child.read()
        child.close()
        return text

    colour = re.compile(r"\x1b\[[0-9;]+m")
    for arguments in (["status", "--all"], ["status", "nobody"], ["backends", "--local"]):
        assert colour.search(shown(*arguments)), arguments
        assert not colour.search(shown(*arguments, NO_COLOR="1")), arguments
    assert not colour.search(shown("--help"))
    assert session[:8] in shown("status", "--all", NO_COLOR="1")


def test_output_files_are_whole_and_devices_stay(cli: Cli) -> None:
    """A link leads to the file that is meant, and a device is written into, not replaced."""
    real = cli.folder / "real.json"
    real.write_text("before")
    (cli.folder / "link.json").symlink_to(real)
    os.mkfifo(cli.folder / "pipe")
    with subprocess.Popen(["cat", "pipe"], cwd=cli.folder, stdout=subprocess.PIPE) as reader:
        cli.ok(*RUN, *ON_SIMULATOR, "--output", "pipe")
        through_pipe, _ = reader.communicate(timeout=30)
    assert json.loads(through_pipe)["pubs"][0]["shots"] == 5
    cli.ok(*RUN, *ON_SIMULATOR, "--output", "link.json")
    assert (cli.folder / "link.json").is_symlink()
    assert json.loads(real.read_text())["pubs"][0]["shots"] == 5
    cli.ok(*RUN, *ON_SIMULATOR, "--output", "/dev/null")
    assert Path("/dev/null").is_char_device()
    assert sorted(path.name for path in cli.folder.iterdir()) == ["link.json", "pipe", "real.json"]


def test_a_session_that_could_not_be_entered_is_not_left_open(own_cli: Cli) -> None:
    """A ledger that cannot take it is found out before; a name taken meanwhile is no reason."""
    ledger = own_cli.folder / "state.toml"
    ledger.write_text("schema_version = 99\n")
    error = own_cli.error(1, "open", "--local", "--state", str(ledger))
    assert "newer qrsession" in error["message"]
    assert own_cli.data("local", "status")["runtime"]["state"] == "down"
    assert ledger.read_text() == "schema_version = 99\n"

    # What is found out only afterwards, such as a disk that is full: the lock's file is a folder.
    ledger.unlink()
    ledger.with_name("state.toml.lock").mkdir()
    own_cli.error(1, "open", "--local", "--state", str(ledger))
    page = RuntimeService("local").client._call(routes.LIST_WORKLOADS).json()
    assert [entry["accepting_jobs"] for entry in page["workloads"]] == [False]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_serve_ends_by_signal_without_a_fault(
    own_cli: Cli, number: signal.Signals, code: int
) -> None:
    with subprocess.Popen(
        [COMMAND, "serve", "--workers", "1", "--data", str(own_cli.folder / "data")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+\n", process.stdout.readline())
        second = own_cli.run("serve", "--data", str(own_cli.folder / "data"))
        assert second.returncode == 10
        assert "serves this home already" in second.stderr
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == code
    assert stdout == ""
    assert "fault" not in stderr
