"""The clock: how fast it goes, where it starts, and what it rules; and the limit by the minute."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import TYPE_CHECKING

import pytest

from qrsession.errors import InvalidValueError
from qrsession.local.clock import SimulatedClock, SystemClock, face_of, start_clock
from qrsession.local.conditions import Conditions
from qrsession.protocol.faults import Fault
from qrsession.protocol.models import SessionRecord

if TYPE_CHECKING:
    from tests.local.conftest import Client, ManualClock, RunningRuntime

    Connect = Callable[[RunningRuntime], Client]

StartRuntime = Callable[..., "RunningRuntime"]
START = datetime(2026, 11, 22, 16, 0, tzinfo=UTC)
JOB = {"program_id": "sampler", "backend": "test_device", "params": {"pubs": ["count"]}}


class Seconds:
    """Real time as a test says."""

    def __init__(self) -> None:
        self.value = 1000.0

    def __call__(self) -> float:
        return self.value


@pytest.mark.fast
@pytest.mark.parametrize("rate", [0.5, 1.0, 60.0, 3600.0])
def test_a_simulated_clock_goes_at_its_rate(rate: float) -> None:
    """In whole milliseconds, and it says how long one really waits."""
    seconds = Seconds()
    clock = SimulatedClock(START, rate, monotonic=seconds)
    assert clock.now() == START
    seconds.value += 10.5
    assert clock.now() == START + timedelta(seconds=10.5 * rate)
    assert clock.real_seconds_until(START + timedelta(seconds=20.5 * rate)) == pytest.approx(10)
    assert clock.real_seconds_until(START) == pytest.approx(-10.5)
    seconds.value += 0.0101 / rate
    assert clock.now().microsecond % 1000 == 0


@pytest.mark.fast
@pytest.mark.parametrize("rate", [0.01, 0.5, 1.0, 60.0, 100_000.0])
def test_a_clocks_face_shows_the_same_in_another_process(rate: float) -> None:
    """Through a point and at a rate, and with more digits than go over the wire."""
    seconds = Seconds()
    clock = SimulatedClock(START, rate, monotonic=seconds)
    seconds.value += 7.25
    face = face_of(clock, 5000.0)
    assert face.at(5000.0) == clock.now()
    seconds.value += 3600
    gap_s = (face.at(8600.0) - clock.now()).total_seconds()
    # A time is cut to milliseconds at both ends.
    assert abs(gap_s) < 0.002
    real_s = time.time()
    shown = face_of(SystemClock(), real_s)
    assert shown.rate == 1
    assert abs(shown.at(real_s + 60).timestamp() - real_s - 60) < 1


@pytest.mark.fast
def test_a_clock_starts_now_or_where_the_last_one_stopped() -> None:
    """Time never runs backwards over a restart, whatever the rate is."""
    assert isinstance(start_clock(1, None), SystemClock)
    past, future = (datetime.now(UTC) + timedelta(hours=hours) for hours in (-1, 1))
    assert isinstance(start_clock(1, past), SystemClock)
    for rate in (1.0, 60.0):
        clock = start_clock(rate, future)
        assert future - timedelta(milliseconds=1) <= clock.now() < future + timedelta(hours=1)
    assert start_clock(60, past).now() >= datetime.now(UTC) - timedelta(seconds=1)


def test_the_date_is_the_clocks(
    start_runtime: StartRuntime, connect: "Connect", manual_clock: "ManualClock"
) -> None:
    """Once in each reply, whatever it is, in whole seconds."""
    client = connect(start_runtime(clock=manual_clock))
    manual_clock.advance(3600.7)
    replies = (
        client.get("/jobs"),
        client.get("/nowhere"),
        client.get("/jobs", headers={"Authorization": ""}),
        client.post("/sessions", data=b"nothing"),
    )
    assert [reply.status_code for reply in replies] == [200, 404, 401, 400]
    for reply in replies:
        dates = reply.raw.headers.getlist("Date")
        assert dates == [format_datetime(manual_clock.now(), usegmt=True)]
        when = parsedate_to_datetime(dates[0])
        assert when == manual_clock.now().replace(microsecond=0)


def test_an_hour_in_a_second(start_runtime: StartRuntime, connect: "Connect") -> None:
    """Sessions, their usage and all times are the clock's; the token and its life are not."""
    client = connect(start_runtime(conditions=Conditions(clock_rate=3600)))
    session_id = client.open(max_ttl=1800)
    client.wait(client.submit("count", session_id=session_id))
    deadline_s = time.monotonic() + 20
    while client.session(session_id)["state"] != "closed":
        assert time.monotonic() < deadline_s
    record = SessionRecord.from_wire(client.session(session_id))
    assert record.started_at is not None
    assert record.closed_at == record.started_at + timedelta(seconds=1800)
    # Active for the 60 seconds in which no other job came.
    assert record.elapsed_time_s == pytest.approx(60, abs=30)
    assert record.timestamps[0][1] < record.closed_at
    assert client.get("/jobs").status_code == 200


def test_time_goes_on_after_a_restart(start_runtime: StartRuntime, connect: "Connect") -> None:
    """What was recorded by a fast clock is past for the slow one that comes after it."""
    fast = start_runtime(conditions=Conditions(clock_rate=36_000))
    job_id = ""
    deadline_s = time.monotonic() + 0.5
    client = connect(fast)
    while time.monotonic() < deadline_s:
        job_id = client.submit("count")
        client.wait(job_id)
    finished = client.get(f"/jobs/{job_id}/metrics").json()["timestamps"]["finished"]
    fast.stop()
    # More than an hour ahead of the system's clock.
    assert datetime.fromisoformat(finished) > datetime.now(UTC) + timedelta(hours=1)
    later = connect(start_runtime())
    created = later.job(later.submit("count"))["created"]
    assert created >= finished
    assert datetime.fromisoformat(created) < datetime.fromisoformat(finished) + timedelta(hours=1)


def test_submissions_by_the_minute(
    start_runtime: StartRuntime, connect: "Connect", manual_clock: "ManualClock"
) -> None:
    """The window slides; what was refused, by the limit or for its form, does not count."""
    runtime = start_runtime(clock=manual_clock, conditions=Conditions(submissions_per_minute=3))
    client = connect(runtime)
    for _ in range(3):
        assert client.post("/jobs", json={}).status_code == 400
        client.submit("count")
        manual_clock.advance(10)
    for _ in range(5):
        reply = client.post("/jobs", json=JOB)
        fault = Fault.from_reply(reply.status_code, reply.text)
        assert (fault.status, fault.code) == (429, 1202)
        # The manual clock says so of everything that is to come.
        assert reply.headers["Retry-After"] == "3600"
    assert len(client.get("/jobs").json()["jobs"]) == 3
    manual_clock.advance(30)
    client.submit("count")
    assert client.post("/jobs", json=JOB).status_code == 429
    manual_clock.advance(10)
    client.submit("count")
    assert client.post("/jobs", json=JOB).status_code == 429
    manual_clock.advance(50)
    for _ in range(2):
        client.submit("count")
    assert client.post("/jobs", json=JOB).status_code == 429


def test_retry_after_is_in_real_seconds(start_runtime: StartRuntime, connect: "Connect") -> None:
    """A minute of a clock at 20 is three seconds, and whoever waits for them is let in."""
    conditions = Conditions(clock_rate=20, submissions_per_minute=1)
    client = connect(start_runtime(conditions=conditions))
    client.submit("count")
    submitted_s = time.monotonic()
    reply = client.post("/jobs", json=JOB)
    assert reply.headers["Retry-After"] in {"2", "3"}
    while client.post("/jobs", json=JOB).status_code == 429:
        assert time.monotonic() - submitted_s < 10
    assert 2 < time.monotonic() - submitted_s < 6


@pytest.mark.fast
@pytest.mark.parametrize(
    "wrong",
    [
        Conditions(clock_rate=0),
        Conditions(clock_rate=-1),
        Conditions(clock_rate=float("nan")),
        Conditions(clock_rate=float("inf")),
        Conditions(submissions_per_minute=0),
    ],
)
def test_wrong_conditions(wrong: Conditions) -> None:
    """They are refused before anything starts."""
    with pytest.raises(InvalidValueError):
        wrong.checked_arguments()
