"""The command line as a whole: help, envelopes, exit codes, and what goes wrong."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

import qrsession
from qrsession import __version__
from qrsession.cli.app import SECTIONS, VERBS
from qrsession.cli.boundary import Terminated, run
from qrsession.errors import WaitInterruptedError
from qrsession.settings import Settings
from qrsession.state.entries import SessionEntry
from qrsession.state.ledger import Ledger

ROOT = Path(qrsession.__file__).parents[1]
COMMAND = [sys.executable, "-m", "qrsession"]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    return {
        **kept,
        "HOME": str(tmp_path),
        "QRSESSION_HOME": str(tmp_path / "home"),
        "PYTHONPATH": str(ROOT),
    }


@pytest.fixture
def qrs(tmp_path: Path, environ: dict[str, str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs the command in a home of its own, away from terminals."""

    def call(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *arguments],
            env={**environ, **more},
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return call


Qrs = Callable[..., subprocess.CompletedProcess[str]]


def open_in(home: Path, *names: str) -> None:
    ledger = Ledger(Settings.from_environ({"QRSESSION_HOME": str(home)}))
    for name in names:
        when = datetime(2026, 1, 31, 12, tzinfo=UTC)
        ledger.add(SessionEntry(name, f"id-{name}", "aer_simulator", "batch", "local", when))


def test_version(qrs: Qrs) -> None:
    done = qrs("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"qrsession {__version__}\n", "")


def test_help_lists_every_verb(qrs: Qrs) -> None:
    done = qrs("--help")
    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    _, _, commands = done.stdout.partition("\nCommands:\n")
    commands, _, _ = commands.partition("\nExamples:\n")
    listed = re.findall(r"^  (\S+)  +\S", commands, re.MULTILINE)
    assert sorted(listed) == sorted(VERBS)
    assert listed[:4] == ["open", "run", "status", "close"]
    assert qrs().stdout == done.stdout
    assert qrs("-h").stdout == done.stdout


def helps_of(verb: str) -> list[list[str]]:
    """Return the commands of a verb: itself, or each of its group."""
    from importlib import import_module  # noqa: PLC0415 - verbs are loaded one by one

    parts = getattr(import_module(VERBS[verb].module), "COMMANDS", {})
    return [[verb, part] for part in parts] or [[verb]]


@pytest.mark.fast
@pytest.mark.parametrize("verb", VERBS)
def test_each_help_ends_with_two_examples(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    for words in helps_of(verb):
        assert run([*words, "--help"]) == 0
        text = capsys.readouterr().out
        assert text.startswith(f"Usage: qrsession {' '.join(words)} ")
        for option in ("--quiet", "--verbose", "--help"):
            assert option in text
        assert ("--json" in text) is VERBS[verb].has_envelope
        described, examples = text.split("\nExamples:\n")
        assert len(examples.splitlines()) == 2
        assert all("qrsession " in example for example in examples.splitlines())
        assert all(len(line) <= 80 for line in described.splitlines())


@pytest.mark.parametrize("verb", ["status", "cache"])
def test_examples_work_as_they_stand(
    qrs: Qrs, verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in helps_of(verb):
        assert run([*words, "--help"]) == 0
        for example in capsys.readouterr().out.split("\nExamples:\n")[1].splitlines():
            done = qrs(*shlex.split(example)[1:])
            assert (done.returncode, done.stderr) == (0, ""), example


FORBIDDEN = {
    "qiskit",
    "numpy",
    "logging",
    "requests",
    "sqlite3",
    "rich",
    "click",
    "pydantic",
    "distributed",
}
CHEAP = [
    ["--version"],
    ["--help"],
    ["status", "--cached"],
    ["status", "--all", "--cached", "--json"],
    ["status", "--help"],
    ["env"],
    ["use", "mine"],
    ["jobs", "--cached"],
    ["jobs", "--all", "--cached", "--json"],
    ["forget", "mine"],
    ["cache", "info"],
    ["account", "list"],
    ["completion", "bash"],
    ["man", "run"],
    ["help", "cache"],
]
# What locks a file brings it, and these write the ledger.
BRINGS_LOGGING = "filelock"


def test_no_help_loads_what_its_command_does(environ: dict[str, str]) -> None:
    """What a verb does it loads when it does it: these rooms double the time of a help."""
    modules = [verb.module for verb in VERBS.values()]
    code = (
        "import sys\n"
        "from importlib import import_module\n"
        f"for name in {modules}: import_module(name)\n"
        "print(*(name.removeprefix('qrsession.') for name in sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert "cli.run" in loaded
    rooms = {"service", "job", "checkups", "waiting.awaiting", "verbs.runs", "verbs.finding"}
    rooms |= {"results.outcomes", "processes.supervise"}
    assert not loaded & rooms


def test_what_is_known_here_is_told_without_what_asks_services(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    """Each of these rooms costs milliseconds, and prompts of shells call this command."""
    open_in(tmp_path / "home", "mine")
    code = (
        "import sys\n"
        "from qrsession.cli.boundary import run\n"
        "run(['status', '--cached'])\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environ,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    loaded = set(done.stderr.split())
    assert "qrsession.money.accounting" in loaded
    rooms = {"service", "session", "accounts.account", "state.pending", "money.budgets"}
    rooms |= {"client", "protocol.models"}
    assert loaded.isdisjoint(f"qrsession.{room}" for room in rooms)


@pytest.mark.parametrize("arguments", CHEAP, ids=" ".join)
def test_cheap_commands_load_nothing_heavy(
    tmp_path: Path, environ: dict[str, str], arguments: list[str]
) -> None:
    open_in(tmp_path / "home", "mine")
    code = (
        "import sys\n"
        "from qrsession.cli.boundary import run\n"
        f"code = run({arguments!r})\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)\n"
        "sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    loaded = set(done.stderr.splitlines()[-1].split())
    assert done.returncode == 0
    assert {"typer", "qrsession"} <= loaded
    assert loaded & FORBIDDEN <= ({"logging"} if BRINGS_LOGGING in loaded else set())
    assert (BRINGS_LOGGING in loaded) is (arguments[0] in {"use", "forget"})


USAGE_ERRORS = [
    (["--json"], ""),
    (["opne", "--json"], ""),
    (["status", "--json", "--nope"], "status"),
    (["status", "a", "b", "--json"], "status"),
    (["--json", "status"], ""),
    (["cache", "--json"], "cache"),
    (["cache", "info", "x", "--json"], "cache info"),
    (["status", "one", "-s", "two", "--json"], "status"),
    (["status", "one", "--all", "--json"], "status"),
    (["status", "--watch", "--json"], "status"),
    (["status", "--events"], "status"),
    (["status", "--timeout", "5", "--json"], "status"),
    (["wait", "--any", "--all", "--json"], "wait"),
    (["wait", "--any", "--fail-fast", "--events"], "wait"),
    (["wait", "--on-timeout", "cancel", "--json"], "wait"),
    (["run", "@bell", "--on-timeout", "detach", "--json"], "run"),
    (["run", "@bell", "--estimate", "--detach", "--json"], "run"),
    (["run", "@bell", "--estimate", "--once", "k", "--json"], "run"),
    (["run", "@bell", "--estimate", "--output", "x", "--json"], "run"),
    (["run", "@bell", "--detach", "--fail-fast", "--events"], "run"),
    (["run", "@bell", "--detach", "--output", "x.json", "--json"], "run"),
    (["run", "@bell", "--detach", "--format", "counts", "--json"], "run"),
    (["run", "@bell", "-O", "ZZ", "--json"], "run"),
    (["run", "@bell", "--precision", "0.1", "--json"], "run"),
    (["run", "-", "--params", "-", "--json"], "run"),
    (["run", "@bell", "--primitive", "estimator", "--json"], "run"),
    (["run", "@bell", "--primitive", "estimator", "--max-tvd", "0.1", "--json"], "run"),
    (
        ["run", "@bell", "--primitive", "estimator", "--shots", "9", "--precision", "1", "--json"],
        "run",
    ),
    (["run", "@bell", "--no-transpile", "--set", "optimization_level=1", "--json"], "run"),
    (["result", "--timeout", "5", "--json"], "result"),
    (["use", "--json"], "use"),
    (["forget", "--json"], "forget"),
    (["forget", "", "--json"], "forget"),
    (["jobs", "--all", "--no-session", "--json"], "jobs"),
    (["jobs", "--limit", "0", "--json"], "jobs"),
    (["cancel", "--json"], "cancel"),
    (["cancel", "@last", "--all", "--json"], "cancel"),
    (["logs", "--local", "--account", "work", "--json"], "logs"),
    (["close", "--all", "--timeout", "5", "--json"], "close"),
    (["list", "--local", "--json"], "list"),
    (["list", "--account", "work", "--json"], "list"),
]


@pytest.mark.fast
@pytest.mark.parametrize(("arguments", "command"), USAGE_ERRORS)
def test_errors_of_usage_have_an_envelope_too(
    arguments: list[str], command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    out, err = capsys.readouterr()
    envelope = json.loads(out)
    assert out.count("\n") == 1
    assert (envelope["status"], envelope["command"]) == ("error", command)
    assert envelope["error"]["code"] == "usage"
    assert len(err.splitlines()) <= 3


@pytest.mark.fast
def test_error_without_envelope_is_two_lines_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["statsu"]) == 2
    assert capsys.readouterr() == (
        "",
        "error: No such command 'statsu'. Did you mean 'status'?\nhelp: See `qrsession --help`.\n",
    )


@pytest.mark.fast
@pytest.mark.parametrize(
    ("words", "page"),
    [
        (["result", "--format"], "qrsession result"),
        (["run", "@bell", "--shots"], "qrsession run"),
        (["cache", "info", "--foo"], "qrsession cache info"),
        (["--foo"], "qrsession"),
    ],
)
def test_a_mistake_leads_to_the_help_of_its_command(
    words: list[str], page: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == 2
    assert capsys.readouterr().err.endswith(f"\nhelp: See `{page} --help`.\n")


@pytest.mark.fast
def test_json_of_a_child_is_not_ours(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["nope", "--", "qrsession", "run", "--json"]) == 2
    assert capsys.readouterr().out == ""


def test_status_of_what_the_ledger_knows(qrs: Qrs, tmp_path: Path) -> None:
    empty = qrs("status", "--cached", "--json")
    assert empty.returncode == 4
    assert json.loads(empty.stdout)["error"]["code"] == "session_not_found"
    assert json.loads(qrs("status", "--all", "--cached", "--json").stdout)["data"] == {
        "sessions": [],
        "warnings": [],
    }

    open_in(tmp_path / "home", "mine")
    only = qrs("status", "--cached", "--json")
    assert (only.returncode, only.stderr) == (0, "")
    assert json.loads(only.stdout) == {
        "schema_version": 1,
        "command": "status",
        "status": "ok",
        "data": {
            "session": {
                "name": "mine",
                "session_id": "id-mine",
                "backend": "aer_simulator",
                "mode": "batch",
                "account": "local",
                "instance": None,
                "state": "open",
                "accepting_jobs": True,
                "max_time_s": None,
                "time_left_s": None,
                "usage_s": None,
                "opened_at": "2026-01-31T12:00:00.000Z",
                "budget_s": None,
                "usage_estimate_s": None,
                "jobs_usage_s": None,
                "idle_s": None,
                "closes_with": None,
            },
            "jobs": [],
            "budget": None,
            "warnings": [],
        },
        "error": None,
    }
    assert qrs("status", "--cached").stdout == (
        "NAME\tSESSION\tBACKEND\tMODE\tACCOUNT\tSTATE\tTIME LEFT\tUSAGE"
        "\tESTIMATE\tIN JOBS\tIDLE\tBUDGET\tBUDGET LEFT\n"
        "mine\tid-mine\taer_simulator\tbatch\tlocal\topen\t\t\t\t\t\t\t\n"
    )


def test_where_nobody_sits_a_session_must_be_named_among_several(qrs: Qrs, tmp_path: Path) -> None:
    open_in(tmp_path / "home", "one", "two")
    unnamed = qrs("status", "--cached")
    assert unnamed.returncode == 2
    assert unnamed.stdout == ""
    assert all(word in unnamed.stderr for word in ("-s", "QRSESSION_SESSION", "exec"))
    for named in (
        qrs("status", "--cached", "one"),
        qrs("status", "--cached", "-s", "id-on"),
        qrs("status", "--cached", QRSESSION_SESSION="one"),
    ):
        assert named.returncode == 0
        assert named.stdout.splitlines()[1].startswith("one\t")
    assert qrs("status", "--cached", "three").returncode == 4


def test_ledger_elsewhere(qrs: Qrs, tmp_path: Path) -> None:
    open_in(tmp_path / "home", "mine")
    listing = ["status", "--all", "--cached"]
    assert "mine" in qrs(*listing).stdout
    assert "mine" not in qrs(*listing, "--state", "other.toml").stdout
    assert "mine" not in qrs(*listing, QRSESSION_STATE="other.toml").stdout
    there = str(tmp_path / "home" / "state" / "state.toml")
    assert "mine" in qrs(*listing, "--state", there, QRSESSION_STATE="other.toml").stdout


def test_damaged_ledger_is_an_error_and_stays(qrs: Qrs, tmp_path: Path) -> None:
    open_in(tmp_path / "home", "mine")
    file = tmp_path / "home" / "state" / "state.toml"
    file.write_text("nonsense")
    done = qrs("status", "--cached", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["code"] == "storage"
    assert file.read_text() == "nonsense"


def test_cache_is_shown_and_emptied(qrs: Qrs, tmp_path: Path) -> None:
    from qrsession.cache import Cache, content_key  # noqa: PLC0415 - of no other test here

    settings = Settings.from_environ({"QRSESSION_HOME": str(tmp_path / "home")})
    Cache.of(settings).put(content_key("x"), bytes(2**20))
    held = {"entries": 1, "size_bytes": 2**20 + 32, "largest_bytes": 2**29}
    assert json.loads(qrs("cache", "info", "--json").stdout)["data"] == {"cache": held}
    assert qrs("cache", "info").stdout == "ENTRIES\tSIZE\tLIMIT\n1\t1.0 MiB\t512.0 MiB\n"
    assert json.loads(qrs("cache", "clear", "--json").stdout)["data"] == {"removed": held}
    assert qrs("cache", "info").stdout.splitlines()[1] == "0\t0 B\t512.0 MiB"


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Return a function that makes `cache info` raise something."""

    def set_fault(error: BaseException) -> None:
        def fail(*_arguments: object) -> None:
            raise error

        monkeypatch.setattr("qrsession.cache.Cache.info", fail)

    return set_fault


@pytest.mark.fast
def test_fault_of_ours_is_told_without_a_traceback(
    faulty: Callable[[BaseException], None], capsys: pytest.CaptureFixture[str]
) -> None:
    faulty(KeyError("spam"))
    assert run(["cache", "info", "--json"]) == 1
    out, err = capsys.readouterr()
    assert json.loads(out)["error"]["code"] == "internal_error"
    assert json.loads(out)["command"] == "cache info"
    assert err.startswith("error: This is a fault of qrsession: KeyError: 'spam'\n")
    assert "Traceback" not in err
    assert run(["cache", "info", "-vv"]) == 1
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.fast
def test_interruption_has_its_code(
    faulty: Callable[[BaseException], None], capsys: pytest.CaptureFixture[str]
) -> None:
    faulty(KeyboardInterrupt())
    assert run(["cache", "info", "--json"]) == 130
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "interrupted"


@pytest.mark.fast
def test_wait_that_sigterm_ended_has_the_code_of_sigterm(
    faulty: Callable[[BaseException], None], capsys: pytest.CaptureFixture[str]
) -> None:
    error = WaitInterruptedError("The job goes on.", advice="Take it up again.")
    faulty(error)
    assert run(["cache", "info"]) == 130
    error.__context__ = Terminated()
    assert run(["cache", "info", "--json"]) == 143
    told = json.loads(capsys.readouterr().out)["error"]
    assert (told["code"], told["advice"]) == ("terminated", "Take it up again.")


WAITING = """
import sys
from qrsession.cache import Cache
from qrsession.cli.boundary import run

def wait(self):
    print("waiting", flush=True)
    sys.stdin.read()

Cache.info = wait
sys.exit(run(["cache", "info", "--json"]))
"""


@pytest.mark.parametrize(
    ("number", "code", "name"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")],
)
def test_signals_end_with_their_codes(
    environ: dict[str, str], number: signal.Signals, code: int, name: str
) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", WAITING],
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "waiting\n"
    child.send_signal(number)
    out, err = child.communicate(timeout=30)
    assert child.returncode == code
    assert json.loads(out)["error"]["code"] == name
    assert "Traceback" not in err


def test_reader_that_goes_away_ends_it_quietly(environ: dict[str, str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*COMMAND, "--help"],
        env=environ,
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_disk_behind_stdout_is_no_success(environ: dict[str, str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*COMMAND, "cache", "info"],
            env=environ,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )
    assert done.returncode == 1
    assert done.stderr.startswith("error: stdout cannot be written: No space left on device.\n")
    assert "Exception ignored" not in done.stderr


def test_every_command_stands_in_one_section_of_the_help() -> None:
    assert sorted(name for names in SECTIONS.values() for name in names) == sorted(VERBS)


def test_long_lists_of_options_have_sections(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["run", "--help"]) == 0
    text = capsys.readouterr().out
    titles = [line for line in text.splitlines() if line[:1].strip() and line.endswith(":")]
    assert titles == [
        "Arguments:",
        "What is measured:",
        "Values of parameters:",
        "Options of the job:",
        "Where it runs:",
        "Transpiling:",
        "Submitting:",
        "Waiting:",
        "Expectations:",
        "Output:",
        "Examples:",
    ]


def test_no_line_of_a_help_ends_within_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    for name in VERBS:
        assert run([name, "--help"]) == 0
        text = capsys.readouterr().out
        assert not [line for line in text.splitlines() if line.endswith("-")]
        assert "\u2011" not in text
