"""`qrsession account`: where the key comes from, what is printed, and the exit codes."""

import io
import json
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from qrsession.cli.boundary import run
from qrsession.clock import utc_now
from qrsession.settings import Settings
from qrsession.state.entries import SessionEntry
from qrsession.state.ledger import Ledger

KEY = "the-key-of-somebody-4f7a1c"
CRN = "crn:v1:bluemix:public:quantum-computing:eu-de:a/acct:0123456789ab::"
TSV_HEAD = "NAME\tCHANNEL\tINSTANCE\tREGION\tURL\tDEFAULT\n"

pytestmark = pytest.mark.fast


class Stdin(io.TextIOWrapper):
    """What the command reads, and whether it is a terminal."""

    def __init__(self, data: bytes = b"", *, is_terminal: bool = False) -> None:
        super().__init__(io.BytesIO(data))
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


class Program:
    """Runs the command in this process, off a terminal unless told otherwise."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        self.said = ""
        self.file = Path.home() / ".qiskit" / "qiskit-ibm.json"

    def __call__(self, *arguments: str, stdin: Stdin | None = None, code: int = 0) -> str:
        self._monkeypatch.setattr(sys, "stdin", stdin or Stdin())
        assert run(["account", *arguments]) == code
        out, self.said = self._capsys.readouterr()
        assert KEY not in out + self.said
        return out

    def save(self, *arguments: str, code: int = 0) -> str:
        return self("save", *arguments, "--token-stdin", stdin=Stdin(KEY.encode()), code=code)

    def data(self, *arguments: str) -> dict[str, Any]:
        envelope = json.loads(self(*arguments, "--json"))
        assert (envelope["status"], envelope["error"]) == ("ok", None)
        found: dict[str, Any] = envelope["data"]
        return found

    def accounts(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.file.read_text())
        return found


@pytest.fixture
def account(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Program:
    monkeypatch.setenv("QRSESSION_HOME", str(tmp_path / "home"))
    return Program(monkeypatch, capsys)


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[str]]:
    """Return a function that says what is typed when a secret is asked for."""

    def type_in(secret: str) -> list[str]:
        prompts: list[str] = []
        answer = SimpleNamespace(text=secret)

        def ask(prompt: str) -> str:
            prompts.append(prompt)
            return str(answer.text)

        monkeypatch.setattr("getpass.getpass", ask)
        return prompts

    return type_in


def test_saving_with_everything(account: Program) -> None:
    key_file = account.file.parent.parent / "key"
    key_file.write_text(f"{KEY}\n")
    key_file.chmod(0o600)
    saved = account.data(
        *("save", "work", "--token-file", str(key_file), "--channel", "ibm_cloud"),
        *("--instance", CRN, "--region", "us-east", "--plans-preference", "premium, open"),
        *("--plans-preference", "open", "--tag", "a", "--tag", "b", "--private-endpoint"),
        *("--proxy", "http://me:hunter2@proxy:3128", "--no-verify", "--resubmit", "auto"),
        *("--default", "--url", "https://test.cloud.ibm.com"),
    )
    assert "hunter2" not in str(saved) + account.said
    assert saved == {
        "account": {
            "name": "work",
            "source": "file",
            "channel": "ibm_cloud",
            "url": "https://test.cloud.ibm.com",
            "instance": CRN,
            "region": "us-east",
            "plans_preference": ["premium", "open"],
            "tags": ["a", "b"],
            "private_endpoint": True,
            "verify": False,
            "proxies": {"http": "http://***@proxy:3128", "https": "http://***@proxy:3128"},
            "needs_ntlm": False,
            "resubmit": "auto",
            "has_key": True,
            "is_default": True,
            "is_in_use": True,
            "chosen_by": "default",
        },
        "replaced": False,
    }
    assert account.accounts() == {
        "work": {
            "channel": "ibm_cloud",
            "token": KEY,
            "url": "https://test.cloud.ibm.com",
            "instance": CRN,
            "region": "us-east",
            "plans_preference": ["premium", "open"],
            "tags": ["a", "b"],
            "private_endpoint": True,
            "verify": False,
            "proxies": {
                "urls": {
                    "http": "http://me:hunter2@proxy:3128",
                    "https": "http://me:hunter2@proxy:3128",
                }
            },
            "qrsession": {"resubmit": "auto"},
            "is_default_account": True,
        }
    }
    assert "Certificates" in account.said
    assert stat.S_IMODE(account.file.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("arguments", "channel", "name"),
    [
        ([], None, "default-ibm-quantum-platform"),
        (["--channel", "ibm_cloud"], None, "default-ibm-cloud"),
        ([], "ibm_cloud", "default-ibm-cloud"),
        (["mine"], None, "mine"),
    ],
)
def test_the_usual_names(
    account: Program,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    channel: str | None,
    name: str,
) -> None:
    if channel:
        monkeypatch.setenv("QISKIT_IBM_CHANNEL", channel)
    assert account.save(*arguments) == ""
    assert account.said == f"Saved the account {name} in {account.file}.\n"
    assert list(account.accounts()) == [name]


def test_a_key_is_not_taken_from_the_command_line(account: Program) -> None:
    for arguments in (["--token", KEY], [f"--token={KEY}"], ["work", KEY]):
        envelope = json.loads(account("save", *arguments, "--json", code=2))
        assert envelope["error"]["code"] == "usage"
        assert "command line" in account.said
        assert "--token-stdin" in account.said
        account("save", *arguments, "-vv", code=2)
    assert not account.file.exists()


def test_a_key_that_is_typed(account: Program, typed: Callable[[str], list[str]]) -> None:
    prompts = typed(KEY)
    account("save", "work", stdin=Stdin(is_terminal=True))
    assert prompts == ["API key (hidden): "]
    assert account.accounts()["work"]["token"] == KEY


@pytest.mark.parametrize("secret", ["", " ", f"{KEY} {KEY}", f"'{KEY}'"])
def test_what_is_typed_and_is_no_key(
    account: Program, typed: Callable[[str], list[str]], secret: str
) -> None:
    typed(secret)
    account("save", "work", stdin=Stdin(is_terminal=True), code=2)
    assert "What was typed holds" in account.said
    assert not account.file.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["work"],
        ["local"],
        ["new", "--url", "http://runtime.example"],
        ["new", "--proxy", "nothing"],
        ["new", "--region", "us-west"],
        ["new", "--instance", ""],
        ["new", "--plans-preference", "open,,premium"],
    ],
)
def test_nobody_types_a_key_in_vain(
    account: Program, typed: Callable[[str], list[str]], arguments: list[str]
) -> None:
    account.save("work")
    before = account.file.read_bytes()
    prompts = typed(KEY)
    account("save", *arguments, stdin=Stdin(is_terminal=True), code=2)
    assert prompts == []
    assert account.file.read_bytes() == before


def test_where_nobody_can_be_asked(account: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    account("save", code=2)
    assert "--token-stdin" in account.said
    monkeypatch.setenv("CI", "true")
    account("save", stdin=Stdin(is_terminal=True), code=2)
    assert "--token-file" in account.said


def test_keys_from_files_and_pipes(account: Program, tmp_path: Path) -> None:
    key_file = tmp_path / "key.json"
    key_file.write_text(json.dumps({"name": "mine", "apikey": KEY}))
    key_file.chmod(0o644)
    account("save", "a", "--token-file", str(key_file))
    assert f"chmod 600 '{key_file}'" in account.said
    account("save", "b", "--token-file", "-", stdin=Stdin(f"{KEY}\r\n".encode()))
    assert {name: record["token"] for name, record in account.accounts().items()} == {
        "a": KEY,
        "b": KEY,
    }
    account("save", "c", "--token-stdin", stdin=Stdin(is_terminal=True), code=2)
    assert "would show the key" in account.said
    account("save", "c", "--token-stdin", "--token-file", str(key_file), code=2)
    account("save", "c", "--token-file", str(tmp_path / "none"), code=2)
    assert "No such file" in account.said
    account("save", "c", "--token-file", str(tmp_path), code=2)
    account("save", "c", "--token-stdin", stdin=Stdin(f"{KEY}\n{KEY}".encode()), code=2)
    assert "several lines" in account.said


def test_replacing(account: Program) -> None:
    account.save("work", "--instance", "auto", "--tag", "a")
    account.save("work", code=2)
    assert "--overwrite" in account.said
    account.save("work", "--overwrite")
    assert account.said == (
        f"Replaced the account work in {account.file}.\nNo longer set: instance, tags.\n"
    )


def test_the_list(account: Program) -> None:
    assert account("list") == f"{TSV_HEAD}local\t\t\t\t\t\n"
    account.save("work", "--instance", CRN, "--default")
    account.save("lab", "--url", "https://lab.example", "--region", "us-east")
    assert account("list") == (
        f"{TSV_HEAD}"
        "lab\tibm_quantum_platform\t\tus-east\thttps://lab.example\t\n"
        f"work\tibm_quantum_platform\t{CRN}\teu-de\thttps://cloud.ibm.com\tyes\n"
        "local\t\t\t\t\t\n"
    )
    listed = account.data("list")["accounts"]
    assert [(found["name"], found["is_in_use"]) for found in listed] == [
        ("lab", False),
        ("work", True),
        ("local", False),
    ]


def test_the_one_that_is_used_and_why(account: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    def used() -> tuple[str, str]:
        found = account.data("show")["account"]
        return found["name"], found["chosen_by"]

    assert used() == ("local", "fall_back")
    account.save("work")
    account.save("other")
    assert account("use", "work") == ""
    assert account.said == "The default account is work now.\n"
    assert used() == ("work", "default")
    assert account.data("show", "other")["account"]["chosen_by"] == "option"
    monkeypatch.setenv("QISKIT_IBM_TOKEN", KEY)
    assert used() == ("environment", "QISKIT_IBM_TOKEN")
    monkeypatch.setenv("QRSESSION_ACCOUNT", "other")
    assert used() == ("other", "QRSESSION_ACCOUNT")
    assert account.data("use", "other")["account"]["is_default"]


def test_accounts_that_are_not_there(account: Program) -> None:
    for verb in (["show", "none"], ["use", "none"], ["delete", "none", "--yes"]):
        error = json.loads(account(*verb, "--json", code=4))["error"]
        assert error["code"] == "account_not_found"
        assert "account list" in error["advice"]


def test_deleting(account: Program) -> None:
    account.save("work")
    account("delete", "work", code=2)
    assert "--yes" in account.said
    account("delete", "work", stdin=Stdin(b"n\n", is_terminal=True))
    assert account.said.endswith("Nothing was deleted.\n")
    account("delete", "work", stdin=Stdin(b"\n", is_terminal=True))
    assert set(account.accounts()) == {"work"}
    account("delete", "work", stdin=Stdin(b"y\n", is_terminal=True))
    assert account.accounts() == {}
    account.save("work")
    assert account.data("delete", "work", "--yes") == {"name": "work", "deleted": True}
    assert account.accounts() == {}


def test_sessions_that_lose_their_account_are_named(account: Program) -> None:
    account.save("work")
    ledger = Ledger(Settings.from_environ())
    ledger.add(SessionEntry("calm-otter", "id-1", "b", "batch", "work", utc_now()))
    account.save("work", "--overwrite")
    assert "calm-otter (id-1) was opened with" in account.said
    account("delete", "work", "--yes", "--quiet")
    assert "calm-otter (id-1) is out of reach" in account.said


def test_a_file_that_was_open_to_others(account: Program) -> None:
    account.save("work")
    account.file.chmod(0o644)
    account("list", "--quiet")
    assert account.said.startswith(f"warning: {account.file} was readable by others")
    assert len(account.said.splitlines()) == 1
    assert stat.S_IMODE(account.file.stat().st_mode) == 0o600


def test_a_link_is_refused(account: Program, tmp_path: Path) -> None:
    account.save("work")
    account.file.rename(tmp_path / "elsewhere")
    account.file.symlink_to(tmp_path / "elsewhere")
    account.save("other", code=1)
    assert "symbolic link" in account.said
    assert "mv " in account.said
    account("use", "work", code=1)
    assert account.data("show", "work")["account"]["has_key"]


FORBIDDEN = {"qiskit", "numpy", "requests", "rich", "sqlite3"}


@pytest.mark.parametrize("verb", [["list"], ["show"], ["list", "--json"]], ids=" ".join)
def test_looking_loads_nothing_heavy(verb: list[str]) -> None:
    code = (
        "import sys\n"
        "from qrsession.cli.boundary import run\n"
        f"code = run({['account', *verb]!r})\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)\n"
        "sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0
    loaded = set(done.stderr.splitlines()[-1].split())
    assert "qrsession" in loaded
    assert loaded & FORBIDDEN == set()
