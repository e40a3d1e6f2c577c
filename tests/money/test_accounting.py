"""What is said of spending: warnings."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from qrsession.money.accounting import examine, new_warnings, session_warnings
from qrsession.money.budgets import Budget
from qrsession.money.purse import Purse
from qrsession.state.entries import SessionEntry
from qrsession.state.ledger import Ledger
from qrsession.verbs.reports import SessionReport
from qrsession.verbs.workspace import Workspace
from tests.conftest import settings_of

pytestmark = pytest.mark.fast

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ENTRY = SessionEntry(
    name="calm-otter",
    session_id="id",
    backend="ibm_fez",
    mode="dedicated",
    account="work",
    opened_at=NOW,
    max_time_s=1000,
    state="active",
    expires_at=NOW + timedelta(seconds=99),
    usage_s=42.0,
)


def test_a_session_that_is_nearly_over_is_warned_of(tmp_path: Path) -> None:
    """From the ledger alone, too; and its budget is told."""
    settings = settings_of(tmp_path)
    Ledger(settings).add(ENTRY)
    Purse(settings.state_dir, "id").open(Budget("id", "dedicated", 100))
    seen = examine(Workspace(settings, now=lambda: NOW), ENTRY, cached=True)
    (warning,) = seen.warnings
    assert "1m 39s left of 16m 40s" in warning
    document = seen.document()
    assert document["warnings"] == [warning]
    assert document["budget"]["spent_s"] == 42.0
    assert document["budget"]["left_s"] == 58.0
    earlier = Workspace(settings, now=lambda: NOW - timedelta(seconds=2))
    assert examine(earlier, ENTRY, cached=True).warnings == ()


def test_a_warning_is_given_once_while_it_is_watched() -> None:
    said: list[str] = []
    say = new_warnings(said.append)
    report = SessionReport.of(ENTRY, NOW)
    say(session_warnings(report))
    say(session_warnings(replace(report, time_left_s=50.0)))
    say(["Another thing."])
    assert [line.partition(" has ")[0] for line in said] == [
        "The session calm-otter",
        "Another thing.",
    ]
