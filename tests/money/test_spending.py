"""What a session has used: settled, or worked out of its states; and how much of it was idle."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from qrsession.money.spending import Spent, held_s, idle_s
from qrsession.protocol.models import JobRecord, JobUsage, SessionRecord
from qrsession.verbs.reports import SessionReport

pytestmark = pytest.mark.fast

T0 = datetime(2026, 11, 22, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def session(*states: tuple[str, float], mode: str = "dedicated", **more: object) -> SessionRecord:
    body = {
        "id": "id",
        "mode": mode,
        "timestamps": [
            {"status": state, "timestamp": at(when_s).isoformat()} for state, when_s in states
        ],
    }
    return SessionRecord.from_wire(body | more)


def job(used_s: float, status: str = "Completed", *, is_complete: bool = True) -> JobRecord:
    return JobRecord("id", status, usage=JobUsage(used_s, is_complete))


def test_the_service_s_word_counts() -> None:
    assert held_s(session(("active", 0), elapsed_time=7.5), at(100)) == 7.5


def test_a_batch_holds_nothing() -> None:
    assert held_s(session(("active", 0), mode="batch"), at(100)) == 0


def test_only_active_time_counts() -> None:
    record = session(("open", 0), ("active", 10), ("inactive", 30), ("active", 50))
    assert held_s(record, at(60)) == 30
    assert held_s(session(("open", 0)), at(60)) == 0
    drained = session(("active", 10), ("pending_closed", 20), ("closed", 45))
    assert held_s(drained, at(60)) == 35


def test_without_states_all_the_time_since_the_first_job_counts() -> None:
    assert held_s(session(started_at=at(5).isoformat()), at(60)) == 55
    ended = session(started_at=at(5).isoformat(), closed_at=at(25).isoformat())
    assert held_s(ended, at(60)) == 20


def test_idle_is_what_no_job_used() -> None:
    jobs = Spent.by([job(10), job(20, "Failed"), job(0, "Cancelled")])
    assert jobs == Spent(30, is_all=True)
    assert idle_s(42, jobs) == 12
    # IBM charges jobs by whole seconds, and the session by fractions.
    assert idle_s(29.5, jobs) == 0
    assert idle_s(None, jobs) is None


@pytest.mark.parametrize("other", [job(5, "Running"), job(5, is_complete=False)])
def test_idle_is_not_known_while_a_job_is_not_settled(other: JobRecord) -> None:
    jobs = Spent.by([job(10), other])
    assert jobs == Spent(10, is_all=False)
    assert idle_s(42, jobs) is None


def report(mode: str, usage_s: float | None) -> SessionReport:
    return SessionReport(
        name="calm-otter",
        session_id="id",
        backend="ibm_fez",
        mode=mode,
        account="work",
        instance=None,
        state="active",
        accepting_jobs=True,
        max_time_s=1000,
        time_left_s=100.0,
        usage_s=usage_s,
        opened_at=T0,
    )


def test_a_report_names_an_estimate_as_one() -> None:
    jobs = Spent(30, is_all=True)
    dedicated = report("dedicated", None).held_for(42).with_jobs(jobs)
    assert (dedicated.usage_s, dedicated.usage_estimate_s) == (None, 42)
    assert (dedicated.jobs_usage_s, dedicated.idle_s) == (30, 12)
    settled = report("dedicated", 50).held_for(42).with_jobs(jobs)
    assert (settled.usage_s, settled.usage_estimate_s, settled.idle_s) == (50, None, 20)
    batch = report("batch", None).held_for(42).with_jobs(jobs)
    assert (batch.usage_estimate_s, batch.jobs_usage_s, batch.idle_s) == (30, 30, None)


def test_under_a_tenth_is_nearly_over() -> None:
    assert not report("batch", None).is_nearly_over
    entry = report("batch", None)
    assert replace(entry, time_left_s=99.0).is_nearly_over
    assert not replace(entry, time_left_s=99.0, state="closed").is_nearly_over
    assert not replace(entry, time_left_s=None).is_nearly_over
