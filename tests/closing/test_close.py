"""The end of a session: which are meant, the wait, and the line that is said of it."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from qrsession.closing.close import closed_text, select_to_close, wait_until_closed
from qrsession.closing.several import Closings
from qrsession.errors import AccountNotFoundError, UsageError
from qrsession.state.entries import SessionEntry
from qrsession.state.ledger import Ledger
from qrsession.verbs.reports import SessionReport
from qrsession.verbs.workspace import Workspace
from qrsession.waiting.single import Deadline
from tests.conftest import settings_of

pytestmark = pytest.mark.fast

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ENTRY = SessionEntry("calm-otter", "id", "ibm_fez", "dedicated", "work", NOW, usage_s=42.0)


def test_a_session_that_has_drained_is_not_asked_for_again(tmp_path: Path) -> None:
    report = SessionReport.of(ENTRY, NOW)
    workspace = Workspace(settings_of(tmp_path))

    def wait(state: str) -> SessionReport:
        return wait_until_closed(workspace, replace(report, state=state), Deadline(1.0))

    assert wait("closed").state == "closed"
    # One that drains is asked for, which here fails: no account of that name is saved.
    with pytest.raises(AccountNotFoundError):
        wait("active")


def test_which_sessions_are_closed(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    for name in ("one", "two"):
        Ledger(settings).add(replace(ENTRY, name=name, session_id=f"id-{name}"))
    workspace = Workspace(settings)

    def select(*keys: str, everything: bool = False) -> list[str]:
        found = select_to_close(workspace, keys, everything=everything, interactive=False)
        return [entry.name for entry in found]

    assert select(everything=True) == ["one", "two"]
    assert select("two", "one", "two") == ["two", "one"]
    with pytest.raises(UsageError):
        select("one", everything=True)


def test_the_one_that_could_not_be_closed_among_others_is_named() -> None:
    closed = [SessionReport.of(ENTRY, NOW)]
    failure = ("dead", AccountNotFoundError("There is no account 'gone'."))
    with pytest.raises(AccountNotFoundError, match=r"^Not closed is dead. There is no account"):
        Closings(closed, [failure]).raise_failures()
    with pytest.raises(AccountNotFoundError, match=r"^There is no account"):
        Closings([], [failure]).raise_failures()


def test_the_line_at_the_end_of_a_session() -> None:
    report = replace(SessionReport.of(ENTRY, NOW), state="closed")
    assert closed_text(replace(report, idle_s=12.0)) == (
        "Closed calm-otter: 42 s used, 12 s of it idle."
    )
    assert closed_text(report) == "Closed calm-otter: 42 s used."
    assert closed_text(replace(report, usage_s=None)) == "Closed calm-otter."
    draining = replace(report, state="active", usage_s=None, usage_estimate_s=7.25)
    assert closed_text(draining) == (
        "Closing calm-otter, whose jobs still run: 7.25 s used so far (an estimate)."
    )
