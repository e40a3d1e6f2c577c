"""Processes that sessions belong to, in the ledger and after a reboot."""

import os
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from qrsession.errors import InvalidValueError
from qrsession.processes.mark import ProcessMark
from qrsession.state.entries import SessionEntry
from qrsession.state.ledger import Ledger
from tests.conftest import settings_of

pytestmark = pytest.mark.fast

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_a_process_that_is_there() -> None:
    mark = ProcessMark.of(os.getpid())
    assert mark.is_gone() is False
    assert str(mark) == f"process {os.getpid()}"
    assert ProcessMark.from_record(mark.to_record()) == mark


@pytest.mark.parametrize("pid", [0, -1, 2**22 + 1, 2**40])
def test_a_process_that_is_not_there_cannot_be_named(pid: int) -> None:
    with pytest.raises(InvalidValueError, match=f"no process {pid}"):
        ProcessMark.of(pid)


def test_what_can_be_told_of_a_process() -> None:
    """One of an earlier boot is gone; of another machine, or container, nobody knows here."""
    mark = ProcessMark.of(os.getpid())
    boot, _, container = mark.space.partition("-")
    assert replace(mark, started="1").is_gone() is True
    assert replace(mark, space=f"0123456789ab-{container}").is_gone() is True
    assert replace(mark, space=f"{boot}-17").is_gone() is None
    elsewhere = replace(mark, host="elsewhere")
    assert elsewhere.is_gone() is None
    assert str(elsewhere) == f"process {os.getpid()} on elsewhere"
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as child:
        of_child = ProcessMark.of(child.pid)
        assert of_child.is_gone() is False
    assert of_child.is_gone() is True


@pytest.mark.parametrize(
    "record",
    [
        None,
        7,
        {},
        {"pid": 0, "host": "h", "space": "s"},
        {"pid": True, "host": "h", "space": "s"},
        {"pid": 7, "host": 1, "space": "s"},
        {"pid": 7, "host": "h", "space": "s", "started": 1},
    ],
)
def test_what_is_no_mark_is_none(record: object) -> None:
    assert ProcessMark.from_record(record) is None


def test_marks_are_kept_in_the_ledger(tmp_path: Path) -> None:
    mark = ProcessMark.of(os.getpid())
    entry = SessionEntry(
        "mine", "id", "dev", "batch", "work", NOW, closes_with=mark, opener=replace(mark, pid=7)
    )
    ledger = Ledger(settings_of(tmp_path))
    ledger.add(entry)
    assert ledger.find("mine") == entry
    ledger.remove(["id"])
    closed = ledger.history.find("mine")
    assert closed is not None
    assert closed.entry == entry
