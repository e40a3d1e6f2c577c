"""Completion in real shells: what is on the line after a key was pressed on a real terminal."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pexpect
import pytest

from qrsession.state.entries import JobEntry, SessionEntry
from qrsession.state.ledger import Ledger
from qrsession.state.records import Records
from tests.conftest import settings_of
from tests.e2e.conftest import COMMAND, SCRIPTS

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS_OF_SHELLS = ROOT / "completions"
BASH_COMPLETION = Path("/usr/share/bash-completion/bash_completion")
LIMIT_S = 30
WHEN = datetime(2026, 1, 31, 12, tzinfo=UTC)
PROMPT = "READY"

STARTS = {
    "bash": (
        ["bash", "--norc", "--noprofile"],
        [f"source {SCRIPTS_OF_SHELLS}/qrsession.bash"],
    ),
    "bash with bash-completion": (
        ["bash", "--norc", "--noprofile"],
        [f"source {BASH_COMPLETION}", "source <(qrsession completion bash)"],
    ),
    "zsh": (
        ["zsh", "-f", "-i"],
        [f"fpath=({SCRIPTS_OF_SHELLS} $fpath)", "autoload -U compinit && compinit -D -u"],
    ),
    "zsh, sourced": (
        ["zsh", "-f", "-i"],
        ["autoload -U compinit && compinit -D -u", "source <(qrsession completion zsh)"],
    ),
    "fish": (
        ["fish", "--no-config"],
        [f"source {SCRIPTS_OF_SHELLS}/qrsession.fish"],
    ),
}
PROMPTS = {
    "bash": "PS1=REA''DY; bind 'set enable-bracketed-paste off'",
    "zsh": "PROMPT=REA''DY; RPROMPT=; unsetopt zle_bracketed_paste; unset zle_bracketed_paste; "
    "unsetopt prompt_cr prompt_sp",
    "fish": "function fish_prompt; echo REA''DY; end; function fish_greeting; end",
}


class Shell:
    """A shell on a terminal, which knows the script of completion."""

    def __init__(self, name: str, environ: dict[str, str], folder: Path) -> None:
        command, lines = STARTS[name]
        self.kind = command[0]
        self.child = pexpect.spawn(
            command[0],
            command[1:],
            env=environ,
            cwd=str(folder),
            encoding="utf-8",
            timeout=LIMIT_S,
            dimensions=(40, 200),
        )
        self.child.delaybeforesend = None
        for line in (PROMPTS[self.kind], *lines):
            self.child.send(f"{line}\r")
        self.mark()

    def mark(self) -> None:
        """Wait until all that was sent has been done."""
        self.child.send("echo do''ne\r")
        self.child.expect("done")
        self.child.expect(PROMPT)

    def completed(self, typed: str, more: str = "") -> list[str]:
        """Type something, a tab and more, and return the line as the words that the shell sees."""
        # To the front of the line, and what it shall do with the words.
        self.child.send(f"{typed}\t{more}\x01printf '<%s>' BEGIN \x05 END\r")
        self.child.expect(r"<BEGIN>(.*?)<END>")
        # zsh takes the slash away again where a blank follows.
        return [word.removesuffix("/") for word in re.findall(r"<(.*?)>", self.child.match[1])]

    def listed(self, typed: str, *wanted: str) -> str:
        """Type something, have the shell list what fits, and return what it shows up to there."""
        # bash lists only when it is asked again.
        self.child.send(typed + ("\t\t" if self.kind == "bash" else "\t"))
        shown = ""
        for word in wanted:
            self.child.expect_exact(word)
            shown += self.child.before + self.child.after
        return shown


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "work"
    (found / "circuits").mkdir(parents=True)
    (found / "my circuit.qasm").write_text("OPENQASM 3.0;\n")
    return found


@pytest.fixture
def environ(tmp_path: Path, folder: Path) -> dict[str, str]:
    assert folder.is_dir()
    settings = settings_of(tmp_path / "home")
    ledger = Ledger(settings)
    for number, name in enumerate(("calm-otter", "brave-yak")):
        session_id = f"{number}f00-0000"
        when = WHEN + timedelta(minutes=number)
        ledger.add(SessionEntry(name, session_id, "ibm_fez", "batch", "my account", when))
        job = JobEntry(
            f"job{number}",
            session_id,
            "ibm_fez",
            "sampler",
            "my account",
            when,
            files=(f"bell{number}.qasm",),
        )
        Records(settings.state_dir).add_job(job)
    user = tmp_path / "user"
    (user / ".qiskit").mkdir()
    (user / ".qiskit" / "qiskit-ibm.json").write_text('{"my account": {}, "it\'s $x": {}}')
    return {
        "HOME": str(user),
        "PATH": f"{SCRIPTS}:{os.environ['PATH']}",
        "QRSESSION_HOME": str(tmp_path / "home"),
        "TERM": "xterm",
        "LC_ALL": "C.UTF-8",
        "XDG_CONFIG_HOME": str(user),
        "XDG_DATA_HOME": str(user),
    }


@pytest.fixture
def start(environ: dict[str, str], folder: Path) -> Iterator[Callable[[str], Shell]]:
    shells: list[Shell] = []

    def start_shell(name: str) -> Shell:
        if shutil.which(STARTS[name][0][0]) is None:
            pytest.skip(f"{STARTS[name][0][0]} is not installed.")
        if "bash-completion" in name and not BASH_COMPLETION.exists():
            pytest.skip("bash-completion is not installed.")
        shells.append(Shell(name, environ, folder))
        return shells[0]

    assert COMMAND.exists()
    yield start_shell
    for shell in shells:
        shell.child.close(force=True)


COMPLETED = {
    "qrsession status ca": ["status", "calm-otter"],
    "qrsession open --backend=aer": ["open", "--backend=aer_simulator"],
    "qrsession run @ghz": ["run", "@ghz"],
    "qrsession exec --local -- qrsessio": ["exec", "--local", "--", "qrsession"],
    "qrsession stat": ["status"],
    "qrsession status --cac": ["status", "--cached"],
    "qrsession run my": ["run", "my circuit.qasm"],
    "qrsession run --output=my": ["run", "--output=my circuit.qasm"],
    "qrsession account use it": ["account", "use", "it's $x"],
    "qrsession account use 'my a": ["account", "use", "my account"],
    "qrsession serve --data c": ["serve", "--data", "circuits"],
    "qrsession result job0": ["result", "job0"],
    "qrsession run -O @my": ["run", "-O", "@my circuit.qasm"],
}
# What is typed behind these goes on where they end.
GOING_ON = {
    "qrsession run @rotation --param t": ["run", "@rotation", "--param", "theta=7"],
    "qrsession run --set default_s": ["run", "--set", "default_shots=7"],
    "qrsession run -O @circ": ["run", "-O", "@circuits/7"],
}
# The scripts are the same however they got there; these are where it could matter.
FEW = list(COMPLETED)[:4]


@pytest.mark.parametrize("name", STARTS)
def test_what_is_typed_becomes_what_is_meant(name: str, start: Callable[[str], Shell]) -> None:
    shell = start(name)
    for typed in COMPLETED if name == shell.kind else FEW:
        assert shell.completed(typed) == ["qrsession", *COMPLETED[typed]]
    for typed in GOING_ON if name == shell.kind else ():
        assert shell.completed(typed, "7") == ["qrsession", *GOING_ON[typed]]


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_what_is_newest_is_listed_first(name: str, start: Callable[[str], Shell]) -> None:
    shell = start(name)
    # bash shows names alone.
    said = ([], []) if name == "bash" else (["bell1.qasm"], ["bell0.qasm"])
    shown = shell.listed("qrsession result job", "job1", *said[0], "job0", *said[1])
    assert "error" not in shown


def test_a_damaged_ledger_is_no_matter_of_the_prompt(
    start: Callable[[str], Shell], environ: dict[str, str]
) -> None:
    Path(environ["QRSESSION_HOME"], "state", "state.toml").write_text("this is no TOML [")
    shell = start("bash")
    assert shell.completed("qrsession status ca") == ["qrsession", "status", "ca"]
    assert "damaged" not in shell.child.before
    assert shell.completed("qrsession open --backend aer") == [
        "qrsession",
        "open",
        "--backend",
        "aer_simulator",
    ]
