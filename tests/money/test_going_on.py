"""How to go on after a session, or the instance's usage, has come to its end."""

import shlex
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from qrsession.money.going_on import closed_error, period_text, reopening
from qrsession.money.usage import UsageReport
from qrsession.protocol.models import InstanceUsage
from qrsession.state.entries import SessionEntry

pytestmark = pytest.mark.fast

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ENTRY = SessionEntry(
    name="calm-otter",
    session_id="id",
    backend="ibm_fez",
    mode="dedicated",
    account="my work",
    opened_at=NOW,
    instance="crn:v1:x",
    max_time_s=5400,
)


def test_a_session_is_opened_again_with_its_own_parameters() -> None:
    assert reopening(ENTRY) == (
        "qrsession open --account 'my work' --instance crn:v1:x --backend ibm_fez "
        "--max-time '1h 30m'"
    )
    local = replace(ENTRY, account="local", mode="batch", budget_s=60, backend=None)
    assert reopening(local) == "qrsession open --local --max-time '1h 30m' --mode batch --budget 60"
    # A budget made it shorter than --max-time can be.
    assert "--max-time" not in reopening(replace(ENTRY, max_time_s=60, budget_s=60))


def test_what_a_service_made_up_is_quoted() -> None:
    words = shlex.split(reopening(replace(ENTRY, backend="x; rm -rf ~")))
    assert "x; rm -rf ~" in words


def test_the_error_of_a_closed_session() -> None:
    error = closed_error(ENTRY)
    assert error.exit_code == 5
    assert error.message == "The session calm-otter is closed."
    assert reopening(ENTRY) in error.advice


def usage(**more: object) -> UsageReport:
    body = {
        "instance_id": "crn:x",
        "plan_id": "p",
        "usage_consumed_seconds": 90,
        "usage_limit_seconds": 100,
    }
    return UsageReport.of(InstanceUsage.from_wire(body | more))


@pytest.mark.parametrize(
    ("consumed_s", "is_near", "is_reached"),
    [(90, False, False), (90.5, True, False), (100, False, True), (130, False, True)],
)
def test_when_a_limit_is_near(consumed_s: float, is_near: bool, is_reached: bool) -> None:
    found = usage(usage_consumed_seconds=consumed_s)
    assert (found.is_nearly_reached, found.limit_reached) == (is_near, is_reached)
    assert found.remaining_s == max(100 - consumed_s, 0)


def test_what_is_not_limited_is_never_near() -> None:
    found = usage(usage_limit_seconds=None)
    assert (found.remaining_s, found.is_nearly_reached, found.limit_reached) == (None, False, False)
    assert found.summary() == "90 s are used, and no limit is known"


def test_when_the_period_ends() -> None:
    def period(start: datetime, end: datetime) -> UsageReport:
        moments = {"start_time": start.isoformat(), "end_time": end.isoformat()}
        return usage(usage_period=moments)

    fixed = period(NOW - timedelta(days=10), NOW + timedelta(days=18))
    assert period_text(fixed, NOW) == "The period ends at 2026-12-10 12:00 UTC."
    rolling = period(NOW - timedelta(days=28), NOW)
    assert "the last 28 days" in period_text(rolling, NOW)
    assert period_text(usage(), NOW) == "See what is left: qrsession usage"
