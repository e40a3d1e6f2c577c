"""The prompts of `qrsession account` on a real terminal, and what is shown there."""

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from tests.e2e.conftest import COMMAND

KEY = "the-key-of-somebody-4f7a1c"
LIMIT_S = 60

pytestmark = pytest.mark.timeout(120)


class Screen:
    """Runs commands on a terminal of their own."""

    def __init__(self) -> None:
        self.children: list[pexpect.spawn] = []

    def start(self, *arguments: str) -> pexpect.spawn:
        child = pexpect.spawn(
            str(COMMAND),
            ["account", *arguments],
            env={**os.environ, "TERM": "xterm", "COLUMNS": "80", "NO_COLOR": "1"},
            encoding="utf-8",
            timeout=LIMIT_S,
        )
        # All that the terminal showed, what it echoed included.
        child.logfile_read = (Path.home() / "screen").open("a")
        self.children.append(child)
        return child

    def shown(self) -> str:
        for child in self.children:
            child.logfile_read.flush()
        return (Path.home() / "screen").read_text()


@pytest.fixture
def screen(fresh_home: Path) -> Iterator[Screen]:
    assert not fresh_home.exists()
    found = Screen()
    yield found
    for child in found.children:
        child.logfile_read.close()
        child.close(force=True)


def ended(child: pexpect.spawn) -> int:
    child.expect(pexpect.EOF)
    child.close()
    return int(child.exitstatus)


def accounts_file() -> Path:
    return Path.home() / ".qiskit" / "qiskit-ibm.json"


def test_a_key_is_typed_and_never_seen(screen: Screen) -> None:
    child = screen.start("save", "work")
    child.expect_exact("API key (hidden): ")
    child.waitnoecho()
    child.sendline(KEY)
    child.expect_exact("Saved the account work")
    assert ended(child) == 0
    assert json.loads(accounts_file().read_text())["work"]["token"] == KEY
    assert stat.S_IMODE(accounts_file().stat().st_mode) == 0o600

    child = screen.start("list")
    child.expect_exact("* work")
    assert ended(child) == 0
    child = screen.start("show")
    child.expect_exact("kept, and not shown")
    assert ended(child) == 0
    assert KEY not in screen.shown()


@pytest.mark.parametrize(("keys", "code"), [("\r", 2), ("\x04", 2), ("\x03", 130), ("a b\r", 2)])
def test_nothing_typed_saves_nothing(screen: Screen, keys: str, code: int) -> None:
    child = screen.start("save", "work")
    child.expect_exact("API key (hidden): ")
    child.waitnoecho()
    child.send(keys)
    assert ended(child) == code
    assert not accounts_file().exists()
    assert "a b" not in screen.shown()
    # What went wrong begins a line of its own.
    assert "(hidden): error" not in screen.shown()


def test_deleting_is_asked_for(screen: Screen) -> None:
    accounts_file().parent.mkdir()
    accounts_file().write_text(json.dumps({"work": {"channel": "ibm_cloud", "token": KEY}}))
    accounts_file().chmod(0o600)
    for answer, said in (("n", "Nothing was deleted."), ("y", "Deleted the account work.")):
        child = screen.start("delete", "work")
        child.expect_exact("Delete the account 'work'? [y/N]: ")
        child.sendline(answer)
        child.expect_exact(said)
        assert ended(child) == 0
    assert json.loads(accounts_file().read_text()) == {}
