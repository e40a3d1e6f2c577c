"""Sessions that leave the ledger unclosed: what is said of each, and what stays."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from qrsession.errors import InvalidValueError, SessionClosedError, SessionNotFoundError
from qrsession.money.budgets import Budget
from qrsession.money.purse import Purse
from qrsession.processes.mark import ProcessMark
from qrsession.state.entries import SessionEntry
from qrsession.state.pending import Closing, Intent, Pending
from qrsession.verbs.forgetting import forget
from qrsession.verbs.workspace import Workspace
from tests.conftest import settings_of

pytestmark = pytest.mark.fast

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
MARK = ProcessMark(7, "there", "boot", "1")
ENTRY = SessionEntry("mine", "id-1", "ibm_fez", "dedicated", "gone", NOW, max_time_s=3600)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Sessions of an account that is saved nowhere: whoever asks its service fails."""
    settings = settings_of(tmp_path / "home")
    return Workspace(settings, warn=pytest.fail, say=pytest.fail, now=lambda: NOW)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (ENTRY, "it may be open, and cost until 1h after its first job. Close it: qrsession close"),
        (replace(ENTRY, closes_with=MARK), "nor does it close with process 7 on there any more;"),
        (replace(ENTRY, max_time_s=None), "it may be open, and cost. Close it"),
        (replace(ENTRY, expires_at=NOW + timedelta(hours=1)), "until 2026-01-31 13:00 UTC."),
        (replace(ENTRY, expires_at=NOW - timedelta(seconds=1)), None),
        (replace(ENTRY, state="closed"), None),
    ],
)
def test_what_may_still_cost_is_said(
    workspace: Workspace, entry: SessionEntry, words: str | None
) -> None:
    workspace.ledger.add(entry)
    (forgotten,) = forget(workspace, ["mine"])
    assert forgotten.entry == entry
    assert (forgotten.warning is None) == (words is None)
    assert words is None or words in str(forgotten.warning)
    view = workspace.ledger.read()
    assert (dict(view.sessions), view.current) == ({}, None)


def test_nothing_that_money_hangs_on_goes_with_it(workspace: Workspace) -> None:
    """The budget holds for jobs that are sent later, and what is not settled is settled yet."""
    workspace.ledger.add(ENTRY)
    state = workspace.settings.state_dir
    purse, pending = Purse(state, ENTRY.session_id), Pending(state)
    purse.open(Budget(ENTRY.session_id, "dedicated", 60, 12.5))
    pending.closings.put(Closing(ENTRY.session_id, "gone", NOW))
    pending.intents.put(Intent("qrs-x", "gone", ENTRY.session_id, "ibm_fez", "sampler", NOW, 1))
    (forgotten,) = forget(workspace, ["id-"])
    assert "the next command that reaches its service sends it" in str(forgotten.warning)
    assert purse.read() == Budget(ENTRY.session_id, "dedicated", 60, 12.5)
    assert [one.session_id for one in pending.closings.all()] == [ENTRY.session_id]
    assert [one.tag for one in pending.intents.all()] == ["qrs-x"]


def test_all_that_are_named_or_none(workspace: Workspace) -> None:
    for number in (1, 2):
        workspace.ledger.add(replace(ENTRY, name=f"mine-{number}", session_id=f"id-{number}"))
    with pytest.raises(SessionNotFoundError):
        forget(workspace, ["mine-1", "nobody"])
    with pytest.raises(InvalidValueError):
        forget(workspace, ["mine-1", "mine"])
    assert len(workspace.ledger.read().sessions) == 2
    forgotten = forget(workspace, ["mine-2", "id-2", "mine-1"])
    assert [one.entry.name for one in forgotten] == ["mine-2", "mine-1"]
    (again,) = forget(workspace, ["mine-1"])
    assert (again.entry.session_id, again.was_gone, again.warning) == ("id-1", True, None)


def test_what_is_forgotten_is_no_closed_session(workspace: Workspace) -> None:
    """It can be looked at and closed by its name; jobs are not sent in it unless it is adopted."""
    workspace.ledger.add(ENTRY)
    forget(workspace, ["mine"])
    with pytest.raises(SessionNotFoundError, match="was forgotten") as caught:
        workspace.choose("mine", interactive=True)
    assert caught.value.advice == "Take it back: qrsession adopt id-1 --account gone"
    assert workspace.find_any("mine", interactive=True) == ENTRY
    workspace.ledger.remove([ENTRY.session_id])
    with pytest.raises(SessionClosedError):
        workspace.choose("mine", interactive=True)
    assert workspace.find_any("mine", interactive=True).state == "closed"
