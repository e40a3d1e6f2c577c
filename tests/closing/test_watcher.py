"""The process that closes a session when another one ends: what it looks at, and its patience."""

import os
import subprocess
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from qrsession.closing import watcher
from qrsession.closing.watcher import Watcher
from qrsession.processes.liveness import start_of
from qrsession.processes.mark import ProcessMark
from qrsession.state.entries import SessionEntry
from qrsession.state.ledger import Ledger
from tests.conftest import settings_of

pytestmark = pytest.mark.fast

SESSION = "5a6d4397-42c6-4dc6-969a-b1c90286a715"


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    file = tmp_path / "state.toml"
    file.write_text(f'session_id = "{SESSION}"')
    return file


def watcher_of(ledger: Path, longest_s: float = 3600.0) -> Watcher:
    return Watcher(SESSION, str(ledger), longest_s, ())


def test_it_sees_when_a_session_leaves_the_ledger(ledger: Path) -> None:
    watcher = watcher_of(ledger)
    assert watcher.is_open()
    assert watcher.is_open()
    ledger.write_text("")
    assert not watcher.is_open()
    ledger.write_text(f'session_id = "{SESSION}" # again')
    assert watcher.is_open()
    ledger.unlink()
    assert not watcher.is_open()


ENTRY = SessionEntry(
    "calm.otter", SESSION, "dev", "dedicated", "local", datetime(2026, 11, 22, 12, tzinfo=UTC)
)


def test_one_that_was_forgotten_and_adopted_is_left_alone(tmp_path: Path) -> None:
    """The ledger says that it closes with no process now; another one's is no matter."""
    settings = settings_of(tmp_path)
    ledger = Ledger(settings)
    mark = ProcessMark.of(os.getpid())
    ledger.add(replace(ENTRY, name="calm", session_id="other", closes_with=mark))
    watcher = watcher_of(ledger.path)
    assert not watcher.is_open()
    ledger.add(replace(ENTRY, closes_with=mark))
    assert watcher.is_open()
    ledger.remove([SESSION], are_forgotten=True)
    ledger.add(ENTRY)
    assert not watcher.is_open()


def test_a_file_system_that_is_away_says_nothing(
    ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher = watcher_of(ledger)
    assert watcher.is_open()

    def fail(_path: str) -> os.stat_result:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("qrsession.closing.watcher.os.stat", fail)
    assert watcher.is_open()


def test_it_ends_when_the_session_was_closed_otherwise(
    ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process that it waits for is this one, which goes on."""
    monkeypatch.setattr(watcher, "LOOK_S", 0.02)
    started = start_of(os.getpid())
    assert started
    closing = threading.Timer(0.05, ledger.write_text, [""])
    closing.start()
    assert watcher_of(ledger).wait_for(os.getpid(), started) is False
    closing.join()


@pytest.mark.parametrize("is_open", [True, False])
def test_it_sees_the_end_of_the_process(ledger: Path, *, is_open: bool) -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as child:
        started = start_of(child.pid)
        assert started
        if not is_open:
            ledger.write_text("")
        child.kill()
        assert watcher_of(ledger).wait_for(child.pid, started) is is_open


@pytest.mark.parametrize(
    ("codes", "longest_s", "pauses"),
    [
        ([0], 3600, []),
        ([4], 3600, []),
        ([10, 3, 1, 0], 3600, [1, 2, 4]),
        ([10] * 8 + [0], 3600, [1, 2, 4, 8, 16, 32, 60, 60]),
        ([10], 0, []),
    ],
)
def test_it_tries_until_it_is_done(
    ledger: Path,
    monkeypatch: pytest.MonkeyPatch,
    codes: list[int],
    longest_s: float,
    pauses: list[float],
) -> None:
    """A service that is down, an account that cannot be read: the next try may do it."""
    left, paused, commands = list(codes), list[float](), list[list[str]]()

    def spawn(_mode: int, _file: str, command: list[str]) -> int:
        commands.append(command)
        return left.pop(0)

    monkeypatch.setattr("qrsession.closing.watcher.os.spawnv", spawn)
    monkeypatch.setattr("qrsession.closing.watcher.time.sleep", paused.append)
    assert watcher_of(ledger, longest_s).close() == codes[-1]
    assert (left, paused) == ([], pauses)
    assert commands[0][1:] == [
        *("-P", "-m", "qrsession", "close", "--quiet", "--state", str(ledger), "--", SESSION)
    ]


def test_it_does_not_try_again_what_others_have_closed(
    ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "qrsession.closing.watcher.os.spawnv", lambda *_call: ledger.write_text("") or 10
    )
    assert watcher_of(ledger).close() == 10
