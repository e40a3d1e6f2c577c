"""What is offered while a command line is typed, and how bash is told of it."""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrsession.cli.answering import answer, main, read_typed
from qrsession.cli.completing import BY_NOUN, Completion, complete, completer_of, noun_of
from qrsession.cli.grammar import Command, Parameter, read_grammar
from qrsession.cli.offers import Files
from qrsession.settings import Settings
from qrsession.state.entries import JobEntry, SessionEntry
from qrsession.state.ledger import Ledger
from qrsession.state.records import Records
from tests.conftest import settings_of

pytestmark = pytest.mark.fast

WHEN = datetime(2026, 1, 31, 12, tzinfo=UTC)
# What bash has where nobody changed it.
BREAKS = " \t\n\"'@><=;|&(:"
# Metavars of values that only the user knows.
FREE = {
    "",
    "CRN",
    "EXPR",
    "ID",
    "KEY",
    "N",
    "NAME",
    "PID",
    "PLAN",
    "S",
    "TAG",
    "TIME",
    "URL",
    "X",
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    found = settings_of(tmp_path / "home")
    ledger = Ledger(found)
    for number, name in enumerate(("calm-otter", "cold-yak", "brave-yak")):
        session_id = f"{number}f00-0000"
        when = WHEN + timedelta(minutes=number)
        backend = ("ibm_fez", "ibm_kyiv", "aer_simulator")[number]
        account = "local" if backend == "aer_simulator" else "work"
        ledger.add(SessionEntry(name, session_id, backend, "batch", account, when))
        job = JobEntry(f"job-{number}", session_id, backend, "sampler", account, when)
        Records(found.state_dir).add_job(job)
    return found


def values(found: Completion) -> list[str]:
    return [offer.value for offer in found.words]


def offered(settings: Settings, *words: str) -> list[str]:
    return values(complete(words[:-1], words[-1], settings))


def test_commands_come_with_their_summaries(settings: Settings) -> None:
    (status,) = complete([], "stat", settings).words
    assert (status.value, status.about) == ("status", read_grammar().parts["status"].summary)
    assert offered(settings, "cache", "") == ["info", "clear"]
    assert offered(settings, "help", "cache", "") == ["info", "clear"]
    assert offered(settings, "help", "cache", "info", "") == []
    assert {"run", "exit-codes"} <= set(offered(settings, "man", ""))
    assert offered(settings, "no-such-command", "") == []


def test_options_are_offered_once_and_by_their_long_names(settings: Settings) -> None:
    assert offered(settings, "run", "--ba") == ["--backend"]
    assert offered(settings, "run", "-b", "ibm_fez", "--ba") == []
    assert offered(settings, "run", "-bibm_fez", "--ba") == []
    assert offered(settings, "run", "--tag", "a", "--ta") == ["--tag"]
    assert offered(settings, "status", "-qv", "--q") == []
    assert "--version" in offered(settings, "--")
    # Hidden, for it is only there to be refused.
    assert "--token" not in offered(settings, "account", "save", "--to")


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("run", "--on-timeout", ""), ["detach", "cancel"]),
        (("run", "--on-timeout=c"), ["--on-timeout=cancel"]),
        (("open", "--mode", ""), ["dedicated", "batch", "auto"]),
        (("result", "--format", "h"), ["histogram"]),
        (("env", "--format", ""), ["dotenv", "github", "json"]),
        (("serve", "--plan", "p"), ["payg", "premium"]),
        (("run", "--optimization-level", ""), ["0", "1", "2", "3"]),
        (
            ("run", "--set", "twirling.enable_g"),
            ["twirling.enable_gates=true", "twirling.enable_gates=false"],
        ),
        (
            ("run", "--set", "twirling.num"),
            ["twirling.num_randomizations=", "twirling.num_randomizations=auto"],
        ),
        (("run", "--set", "resilience.zne.noise"), []),
        (
            ("run", "--primitive", "estimator", "--set=resilience.zne.noise"),
            ["--set=resilience.zne.noise_factors="],
        ),
        (("completion", ""), ["bash", "zsh", "fish"]),
        (("account", "save", "--region", "u"), ["us-east"]),
    ],
)
def test_values_that_are_few_are_offered(
    settings: Settings, words: tuple[str, ...], wanted: list[str]
) -> None:
    assert offered(settings, *words) == wanted


def test_sessions_are_offered_by_name_and_by_id(settings: Settings) -> None:
    assert offered(settings, "status", "") == ["brave-yak", "cold-yak", "calm-otter"]
    assert offered(settings, "status", "c") == ["cold-yak", "calm-otter"]
    assert offered(settings, "status", "1") == ["1f00-0000"]
    assert offered(settings, "run", "-s", "ca") == ["calm-otter"]
    assert offered(settings, "run", "--session=ca") == ["--session=calm-otter"]
    # Those that were named already are not meant again.
    assert offered(settings, "close", "cold-yak", "c") == ["calm-otter"]
    assert offered(settings, "status", "--", "ca") == ["calm-otter"]
    (current,) = complete(["status"], "b", settings).words
    assert current.about == "aer_simulator, open, current"


def test_the_ledger_that_the_line_names_counts(settings: Settings, tmp_path: Path) -> None:
    other = tmp_path / "other" / "state.toml"
    assert offered(settings, "status", "--state", str(other), "") == []
    assert offered(settings, "status", f"--state={other}", "") == []


def test_jobs_are_offered_newest_first(settings: Settings) -> None:
    assert offered(settings, "result", "") == ["job-2", "job-1", "job-0", "@last"]
    assert offered(settings, "result", "-s", "calm-otter", "") == ["job-0", "@last"]
    assert offered(settings, "result", "@") == ["@last"]


def test_backends_are_those_that_this_machine_has_met(settings: Settings) -> None:
    twin = settings.data_dir / "twins" / "ibm_oslo"
    twin.mkdir(parents=True)
    for name in ("configuration.json", "properties.json"):
        (twin / name).write_text("{}")
    listed = settings.data_dir / "local" / "twins.json"
    listed.parent.mkdir()
    listed.write_text(json.dumps({"entries": {"a": {"facts": {"name": "ibm_lima"}}}}))
    assert offered(settings, "open", "-b", "ibm") == [
        "ibmq_qasm_simulator",
        "ibm_oslo",
        "ibm_lima",
        "ibm_fez",
        "ibm_kyiv",
    ]
    work = offered(settings, "open", "--account", "work", "-b", "")
    assert work == ["ibm_fez", "ibm_kyiv"]
    assert "ibm_fez" not in offered(settings, "open", "--local", "-b", "")
    assert "snapshot" in offered(settings, "backends", "")
    assert "snapshot" not in offered(settings, "backends", "snapshot", "")
    listed.write_text("{")
    assert "ibm_oslo" in offered(settings, "open", "-b", "")


def test_accounts_are_offered_and_their_file_is_left_alone(settings: Settings) -> None:
    file = settings.accounts_file
    file.parent.mkdir()
    file.write_text('{"work": {}, "my own": {}}')
    file.chmod(0o644)
    assert offered(settings, "run", "--account", "") == ["work", "my own", "local"]
    assert offered(settings, "account", "use", "w") == ["work"]
    # Who mends its mode says so, and nothing can be said now.
    assert file.stat().st_mode & 0o777 == 0o644


def test_files_are_left_to_the_shell(settings: Settings) -> None:
    files = {
        ("run", "be"): Files.ANY,
        ("run", "-o", ""): Files.ANY,
        ("run", "--output=x"): Files.ANY,
        ("serve", "--data", ""): Files.FOLDERS,
        ("status", ""): Files.NONE,
        ("run", "--shots", ""): Files.NONE,
    }
    found = {words: complete(words[:-1], words[-1], settings).files for words in files}
    assert found == files
    circuits = complete(["run"], "", settings)
    assert circuits.files is Files.ANY
    assert "@bell" in values(circuits)
    assert complete(["run"], "@gh", settings) == Completion(circuits.words[4:5])


def test_a_program_is_left_to_the_shell(settings: Settings) -> None:
    words = ["exec", "--local", "--", "git"]
    assert complete(words[:-1], "gi", settings).command_at == 3
    assert complete(words, "com", settings).command_at == 3
    assert complete([*words, "commit"], "--am", settings).command_at == 3
    assert offered(settings, "exec", "--lo") == ["--local"]


def parameters(command: Command, path: str = "") -> Iterator[tuple[str, Parameter]]:
    for parameter in command.parameters:
        yield path, parameter
    for name, part in command.parts.items():
        yield from parameters(part, path or name)


def test_every_value_is_completed_or_known_to_the_user_alone() -> None:
    """A new metavar is a decision: a completer for its word, or its word among the free ones."""
    words = {
        noun_of(parameter)
        for verb, parameter in parameters(read_grammar())
        if parameter.takes_value and completer_of(verb, parameter) is None
    }
    assert words <= FREE
    assert not FREE & set(BY_NOUN)


def test_what_would_harm_a_terminal_is_not_offered(settings: Settings) -> None:
    settings.accounts_file.parent.mkdir()
    settings.accounts_file.write_text(json.dumps({"a\x1b[2J": {}, "a\nb": {}, "ab": {}}))
    assert offered(settings, "run", "--account", "a") == ["ab"]


def test_words_for_each_shell(settings: Settings) -> None:
    def asked(shell: str, *arguments: str) -> list[str]:
        return answer(shell, arguments, settings).splitlines()

    assert asked("zsh", "status", "cal") == ["none", "calm-otter:ibm_fez, open"]
    assert asked("fish", "status", "cal") == ["none", "calm-otter\tibm_fez, open"]
    assert asked("bash", "qrsession status cal", BREAKS) == ["none", "calm-otter"]
    assert asked("bash", "qrsession status --session=cal", BREAKS) == ["none", "calm-otter"]
    assert asked("bash", "qrsession status --session=cal", " ") == ["none", "--session=calm-otter"]
    assert asked("bash", "qrsession exec -- git x", BREAKS) == ["command 3"]
    assert asked("zsh", "exec", "--", "git", "x") == ["command 3"]
    assert asked("fish", "exec", "--", "git", "x") == ["command 4"]


def test_whatever_goes_wrong_nothing_is_said(
    settings: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QRSESSION_HOME", str(settings.state_dir.parent))
    settings.state_file.write_text("this is no TOML [")
    assert main("zsh", ["status", ""]) == 1
    assert main("no-such-shell", ["status", ""]) == 1
    assert main("bash", []) == 1
    assert capsys.readouterr() == ("", "")
    # What does not stand in the ledger is offered all the same.
    assert main("zsh", ["open", "-b", "aer"]) == 0
    assert "aer_simulator" in capsys.readouterr().out


WORDS = st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1), max_size=4)


@given(WORDS, st.text("ab '\"\\$@:="))
def test_lines_of_bash_are_taken_apart_as_bash_does(words: list[str], last: str) -> None:
    typed = read_typed(" ".join(map(shlex.quote, [*words, last or "x"])))
    assert [*typed.words, typed.incomplete] == [*words, last or "x"]


@given(st.text("ab '\"\\$`@:=!", min_size=1), st.integers(0, 5), st.sampled_from(["", "'", '"']))
def test_what_bash_inserts_becomes_the_word(value: str, kept: int, quote: str) -> None:
    """The part that bash keeps, and what it is given, are together the whole word."""
    kept = min(kept, len(value))
    begun = value[:kept]
    if quote:
        begun = quote + re.sub(r'([\\"$`])', r"\\\1", begun) if quote == '"' else quote + begun
        if quote == "'" and "'" in value:
            return
    else:
        begun = "".join(char if char in "ab@:=" else f"\\{char}" for char in begun)
    typed = read_typed(f"qrsession {begun}")
    assert typed.incomplete == value[:kept]
    inserted = typed.insertion(value, BREAKS)
    assert inserted is not None
    replaced = len(begun) - len(_kept_by_bash(begun, quote))
    whole = read_typed(f"x {begun[: len(begun) - replaced]}{inserted}{quote}")
    assert whole.incomplete == value
    assert whole.words == ["x"]


def _kept_by_bash(begun: str, quote: str) -> str:
    """Return what stands before the text that readline replaces."""
    if quote:
        return quote
    kept = at = 0
    while at < len(begun):
        if begun[at] == "\\":
            at += 1
        elif begun[at] == "@":
            kept = at
        elif begun[at] in ":=":
            kept = at + 1
        at += 1
    return begun[:kept]


def test_completion_loads_neither_typer_nor_what_verbs_need(settings: Settings) -> None:
    code = (
        "import sys\n"
        "from qrsession.__main__ import main\n"
        "sys.argv = ['qrsession', 'run', '--backend', '']\n"
        "try: main()\n"
        "finally: print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"_QRSESSION_COMPLETE": "fish", "QRSESSION_HOME": str(settings.state_dir.parent)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    loaded = set(done.stderr.split())
    assert "aer_simulator" in done.stdout
    heavy = {"typer", "numpy", "requests", "rich", "qiskit", "tomllib", "qrsession.cli.run"}
    assert not loaded & heavy


def test_parameters_of_circuits_are_offered(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.qasm").write_text(
        "OPENQASM 3.0;\n// input float no;\ninput float[64] phi;\ninput angle chi; input int n;\n"
    )
    Path("b.qpy").write_bytes(b"QISKIT\xff\x00")
    assert offered(settings, "run", "@rotation", "--param", "") == ["theta="]
    line = ("run", "a.qasm", "b.qpy", "lost.qasm", "@lost", "@rotation", "--param", "phi=1")
    assert offered(settings, *line, "--param", "") == ["chi=", "theta="]
    assert offered(settings, *line, "--param=c") == ["--param=chi="]
    assert offered(settings, "run", "--param", "") == []


def test_files_are_offered_behind_an_at(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("wanted").mkdir()
    for name in ("wanted.json", "wanted/one.json", ".hidden.json"):
        Path(name).write_text("[]")
    assert offered(settings, "run", "-O", "") == []
    assert offered(settings, "run", "-O", "@w") == ["@wanted/", "@wanted.json"]
    assert offered(settings, "run", "--observable=@wanted/") == ["--observable=@wanted/one.json"]
    assert offered(settings, "run", "-O", "@.h") == ["@.hidden.json"]
    assert offered(settings, "run", "-O", f"@{tmp_path}/wanted.") == [f"@{tmp_path}/wanted.json"]
    assert offered(settings, "run", "-O", "@lost/") == []
