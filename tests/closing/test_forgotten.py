"""Which sessions look forgotten: each rule, and what keeps a session from looking so."""

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from qrsession.closing.forgotten import Ages, Traces, reasons_for
from qrsession.processes.mark import ProcessMark
from qrsession.state.entries import LIBRARY, SessionEntry

pytestmark = pytest.mark.fast

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
HERE = ProcessMark.of(os.getpid())
# A number that is used again names another process.
GONE = replace(HERE, started="1")
ENTRY = SessionEntry("calm-otter", "id", "dev", "dedicated", "work", NOW - 9 * DAY)


def traces(state: str, age: timedelta, **more: object) -> Traces:
    known = Traces(ENTRY, state, accepting_jobs=True, last_seen_alive=NOW - age)
    return replace(known, **more)  # type: ignore[arg-type] # fields by name


def reasons(found: Traces, ages: Ages | None = None) -> tuple[str, ...]:
    return reasons_for(found, NOW, ages or Ages())


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (traces("active", 2 * HOUR, has_jobs=True), ("no job for 2h",)),
        (traces("inactive", 2.9 * HOUR, has_jobs=True), ("no job for 2h",)),
        (traces("active", 1.9 * HOUR, has_jobs=True), ()),
        (traces("open", 3.5 * DAY), ("opened 3d ago, never used",)),
        (traces("open", 23 * HOUR), ()),
        (traces("open", 3 * DAY, has_jobs=True), ()),
    ],
)
def test_time_makes_a_session_look_forgotten(found: Traces, expected: tuple[str, ...]) -> None:
    assert reasons(found) == expected


def test_a_batch_without_jobs_costs_nothing() -> None:
    found = traces("active", 9 * DAY, has_jobs=True, entry=replace(ENTRY, mode="batch"))
    assert reasons(found) == ()


def test_a_session_whose_process_is_gone() -> None:
    now = timedelta()
    closes = replace(ENTRY, closes_with=GONE)
    opened = replace(ENTRY, opened_by=LIBRARY, opener=GONE)
    assert reasons(traces("open", now, entry=closes)) == (f"its process {GONE.pid} is gone",)
    assert reasons(traces("open", now, entry=opened)) == (
        f"the program that opened it, process {GONE.pid}, is gone",
    )
    for alive in (replace(ENTRY, closes_with=HERE), replace(ENTRY, opener=HERE)):
        assert reasons(traces("open", now, entry=alive)) == ()
    elsewhere = replace(GONE, host="elsewhere")
    assert reasons(traces("open", now, entry=replace(ENTRY, closes_with=elsewhere))) == ()


def test_a_session_whose_process_lives_is_not_forgotten() -> None:
    """A program may compute for hours between two jobs, and its end closes the session."""
    alive = replace(ENTRY, closes_with=HERE)
    assert reasons(traces("active", 9 * DAY, entry=alive, has_jobs=True)) == ()
    assert reasons(traces("open", 9 * DAY, entry=alive), Ages.of(0)) == ()
    elsewhere = replace(ENTRY, closes_with=replace(HERE, host="elsewhere"))
    assert reasons(traces("open", 9 * DAY, entry=elsewhere)) == ("opened 9d ago, never used",)


@pytest.mark.parametrize("more", [{"is_in_use": True}, {"accepting_jobs": False}])
def test_what_is_in_use_or_closing_never_looks_forgotten(more: dict[str, bool]) -> None:
    entry = replace(ENTRY, closes_with=GONE, opener=GONE)
    assert len(reasons(traces("active", 9 * DAY, entry=entry))) == 3
    assert reasons(traces("active", 9 * DAY, entry=entry, **more)) == ()
    assert reasons(traces("closed", 9 * DAY, entry=entry)) == ()


def test_one_age_in_place_of_all() -> None:
    """It makes some look forgotten earlier, and others later."""
    ages = Ages.of(600)
    assert reasons(traces("active", timedelta(minutes=11)), ages) == ("no job for 11m",)
    assert reasons(traces("open", timedelta(minutes=11)), ages) == ("opened 11m ago, never used",)
    orphan = replace(ENTRY, closes_with=GONE)
    assert reasons(traces("open", timedelta(minutes=9), entry=orphan), ages) == ()
    assert Ages.of(None) == Ages()
