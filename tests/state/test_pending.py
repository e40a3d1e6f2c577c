"""What is not settled is kept in a file each, and goes when it is settled."""

import os
import socket
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from qrsession.errors import StorageError
from qrsession.state.pending import Closing, Intent, IntentState, Opening, Pending, Sender

NOW = datetime(2026, 1, 31, 12, 0, 0, 125_000, tzinfo=UTC)
pytestmark = pytest.mark.fast


def intent(tag: str = "qrs-one", created_at: datetime = NOW) -> Intent:
    return Intent(tag, "local", "s-1", "aer_simulator", "sampler", created_at, 4711, "here")


@pytest.fixture
def pending(tmp_path: Path) -> Pending:
    return Pending(tmp_path / "state")


def test_an_intent_is_there_until_it_is_dropped(pending: Pending, tmp_path: Path) -> None:
    assert pending.intents.all() == []
    assert pending.is_empty()
    later = intent("qrs-a", NOW + timedelta(seconds=1))
    pending.intents.put(later)
    pending.intents.put(intent("qrs-b"))
    assert pending.intents.all() == [intent("qrs-b"), later]
    assert not pending.is_empty()
    path = tmp_path / "state" / "pending" / "qrs-a.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert pending.intents.drop("qrs-a")
    assert not pending.intents.drop("qrs-a")
    assert [kept.tag for kept in pending.intents.all()] == ["qrs-b"]


def test_all_that_is_known_is_read_back(pending: Pending) -> None:
    known = replace(
        intent(), state=IntentState.WATCHED, sent_at=NOW, job_id="d1", files=("bell.qasm",)
    )
    pending.intents.put(known)
    assert pending.intents.get(known.tag) == known
    opening = Opening("k", "work", "ibm_fez", "batch", NOW, 1, "here", "crn:x", is_in_doubt=True)
    pending.openings.put(opening)
    assert pending.openings.all() == [opening]
    closing = Closing("s-1", "work", NOW, "crn:x", is_cancelling=True)
    pending.closings.put(closing)
    assert pending.closings.all() == [closing]


@pytest.mark.parametrize("content", ['{"tag": ', "[]", '{"schema_version": 1}'])
def test_a_damaged_intent_hides_no_other(pending: Pending, tmp_path: Path, content: str) -> None:
    pending.intents.put(intent())
    (tmp_path / "state" / "pending" / "qrs-x.json").write_text(content)
    assert pending.intents.all() == [intent()]
    assert pending.intents.get("qrs-x") is None


def test_a_claim_succeeds_only_where_nothing_has_changed(pending: Pending) -> None:
    first, second = intent(), replace(intent(), pid=4712)
    assert pending.intents.claim(first, instead_of=None)
    assert not pending.intents.claim(second, instead_of=None)
    assert pending.intents.get(first.tag) == first
    assert pending.intents.claim(second, instead_of=first)
    assert pending.intents.get(first.tag) == second


def test_a_folder_open_to_others_is_refused(pending: Pending, tmp_path: Path) -> None:
    pending.intents.put(intent())
    (tmp_path / "state" / "pending").chmod(0o755)
    with pytest.raises(StorageError, match="pending is open to other users"):
        pending.intents.all()


def test_a_sender_that_has_ended_is_not_alive() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait(30)
    moment = timedelta(seconds=1)
    assert not Sender(process.pid).may_be_alive(moment)
    assert Sender().may_be_alive(moment)
    # Nobody uploads for an hour: the number belongs to another process by now.
    assert not Sender().may_be_alive(timedelta(hours=1))
    assert Sender(process.pid, "elsewhere").may_be_alive(moment)
    assert Sender(1, socket.gethostname()).may_be_alive(moment)


def test_who_is_in_doubt_is_not_at_work() -> None:
    ours = replace(intent(), pid=os.getpid(), host=socket.gethostname())
    assert ours.may_be_at_work(NOW)
    assert not replace(ours, state=IntentState.IN_DOUBT).may_be_at_work(NOW)
