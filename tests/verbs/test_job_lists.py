"""Which jobs a list has: what a service tells, what our records alone have, and what is asked."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from qrsession.state.entries import JobEntry
from qrsession.verbs.job_lists import JobQuery, _may_change, _merged
from qrsession.verbs.reports import JobReport

pytestmark = pytest.mark.fast

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
ENTRY = JobEntry("d1", "id-1", "ibm_fez", "sampler", "work", NOW, tags=("a", "b"))


def reports(*minutes: int) -> list[JobReport]:
    """Return jobs by the minutes of their age, which are their ids too."""
    return [
        JobReport.of_entry(
            replace(ENTRY, job_id=str(age), submitted_at=NOW - timedelta(minutes=age))
        )
        for age in minutes
    ]


@pytest.mark.parametrize(
    ("listed", "own", "is_all", "expected"),
    [
        ((1, 3), (1, 3), True, ["1", "3"]),
        ((1, 3), (2, 4), True, ["1", "2", "3", "4"]),
        ((), (2, 4), True, ["2", "4"]),
        ((1, 3), (2, 4), False, ["1", "2", "3"]),
        ((), (), False, []),
    ],
)
def test_what_a_service_does_not_list_is_not_lost(
    listed: tuple[int, ...], own: tuple[int, ...], is_all: bool, expected: list[str]
) -> None:
    """But what is older than all that it did list, and more is there, belongs further below."""
    found = _merged(reports(*listed), reports(*own), is_all=is_all)
    assert [job.job_id for job in found] == expected


@pytest.mark.parametrize(
    ("status", "usage_s", "age", "may_change"),
    [
        (None, None, timedelta(days=9), True),
        ("Running", 1.0, timedelta(days=9), True),
        ("A state of the future", None, timedelta(0), True),
        ("Completed", 1.0, timedelta(0), False),
        ("Completed", None, timedelta(hours=23), True),
        ("Cancelled", None, timedelta(hours=25), False),
    ],
)
def test_a_service_is_asked_for_what_may_have_changed(
    status: str | None, usage_s: float | None, age: timedelta, may_change: bool
) -> None:
    entry = replace(ENTRY, status=status, usage_s=usage_s, submitted_at=NOW - age)
    assert _may_change(entry, NOW) is may_change


@pytest.mark.parametrize(
    ("query", "status", "may_fit"),
    [
        (JobQuery(1), None, True),
        (JobQuery(1, backend="ibm_kyiv"), None, False),
        (JobQuery(1, tags=("b", "a")), None, True),
        (JobQuery(1, tags=("a", "c")), None, False),
        (JobQuery(1, frozenset({"Failed"})), None, True),
        (JobQuery(1, frozenset({"Failed"})), "Running", True),
        (JobQuery(1, frozenset({"Failed"})), "Completed", False),
        (JobQuery(1, frozenset({"Failed"})), "Failed", True),
        (JobQuery(1, frozenset({"Failed"}), cached=True), "Running", False),
    ],
)
def test_a_job_that_goes_on_may_be_in_any_state_by_now(
    query: JobQuery, status: str | None, may_fit: bool
) -> None:
    assert query.may_fit(replace(ENTRY, status=status)) is may_fit
