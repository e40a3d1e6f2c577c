"""The end of a session that was opened for a command: how long it is tried, and what is kept."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from qrsession.closing import ending
from qrsession.closing.ending import Closer, still_open_text
from qrsession.errors import NotAuthorizedError, ServiceUnavailableError, SessionNotFoundError
from qrsession.state.entries import SessionEntry
from qrsession.state.pending import Closing, Pending
from qrsession.verbs.reports import SessionReport
from qrsession.verbs.workspace import Workspace
from tests.conftest import settings_of

pytestmark = pytest.mark.fast

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ENTRY = SessionEntry(
    "calm-otter", "id-1", "dev", "dedicated", "work", NOW, instance="crn", max_time_s=600
)


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, time_s: float) -> None:
        self.now_s += time_s


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    found = Workspace(settings_of(tmp_path), now=lambda: NOW)
    found.ledger.add(ENTRY)
    return found


def closer_of(workspace: Workspace, clock: Clock, *, cancel: bool = True) -> Closer:
    return Closer(workspace, ENTRY, cancel=cancel, clock=clock, sleep=clock.sleep)


def kept(workspace: Workspace) -> list[Closing]:
    return Pending(workspace.settings.state_dir).closings.all()


@pytest.mark.parametrize("error", [ServiceUnavailableError("down."), NotAuthorizedError("no.")])
def test_a_close_is_tried_for_so_long_and_then_kept(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Whatever the reason is: the next command may have another key."""
    tries: list[float] = []
    clock = Clock()

    def close(*_session: object, **_how: object) -> SessionReport:
        tries.append(clock())
        raise error

    monkeypatch.setattr(ending, "close", close)
    found = closer_of(workspace, clock).close(3.0)
    assert (tries, found.is_closed, found.trouble) == ([0, 1, 2, 3], False, str(error))
    (closing,) = kept(workspace)
    assert (closing.session_id, closing.account, closing.instance) == ("id-1", "work", "crn")
    assert closing.is_cancelling
    assert closer_of(workspace, Clock(), cancel=False).close(0).is_closed is False
    assert [one.is_cancelling for one in kept(workspace)] == [False]


def test_a_service_that_never_answers_is_not_waited_for(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ending, "LEAST_S", 0.05)
    monkeypatch.setattr(ending, "close", lambda *_session, **_how: threading.Event().wait(60))
    found = closer_of(workspace, Clock()).close(0)
    assert (found.is_closed, found.trouble) == (False, "its service did not answer in time.")
    assert len(kept(workspace)) == 1


def test_a_session_that_is_not_there_is_not_open(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def close(*_session: object, **_how: object) -> SessionReport:
        raise SessionNotFoundError("None.")

    monkeypatch.setattr(ending, "close", close)
    found = closer_of(workspace, Clock()).close(9)
    assert (found.is_closed, found.report.state) == (True, "closed")
    assert kept(workspace) == []


def test_what_is_open_is_said_and_until_when(workspace: Workspace) -> None:
    abandoned = closer_of(workspace, Clock()).abandon()
    assert still_open_text(abandoned, is_watched=False) == (
        "The session calm-otter (id-1) could not be closed: it was interrupted. "
        "It stays open until its maximum time is up, 600 s after its first job. "
        "The next command tries again, or close it: qrsession close id-1"
    )
    begun = replace(ENTRY, name="calm-otter", expires_at=NOW + timedelta(seconds=90))
    workspace.ledger.update(begun)
    text = still_open_text(closer_of(workspace, Clock()).abandon(), is_watched=True)
    assert "It stays open for 90 s more. It is tried again in the background, or close it" in text


def test_an_abandoned_close_of_what_was_closed_leaves_nothing(workspace: Workspace) -> None:
    workspace.ledger.remove(["id-1"])
    assert closer_of(workspace, Clock()).abandon().is_closed
    assert kept(workspace) == []
