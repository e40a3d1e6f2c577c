"""How sessions end, over the wire: what becomes of the jobs, when, and who may run then."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from qrsession.local.conditions import Conditions
from qrsession.local.scheduling import lifecycle
from qrsession.protocol.models import SessionRecord

if TYPE_CHECKING:
    from tests.local.conftest import Client, ManualClock, RunningRuntime

    Connect = Callable[[RunningRuntime], Client]
    Timed = tuple[RunningRuntime, Client, ManualClock]

StartRuntime = Callable[..., "RunningRuntime"]


@pytest.fixture
def timed(start_runtime: StartRuntime, connect: "Connect", manual_clock: "ManualClock") -> "Timed":
    """A runtime with two lanes whose clock the test moves, with a client."""
    runtime = start_runtime(lanes=2, clock=manual_clock)
    return runtime, connect(runtime), manual_clock


def _record(client: "Client", session_id: str) -> SessionRecord:
    return SessionRecord.from_wire(client.session(session_id))


def _finished(client: "Client", job_id: str) -> datetime:
    metrics: dict[str, Any] = client.get(f"/jobs/{job_id}/metrics").json()
    return datetime.fromisoformat(metrics["timestamps"]["finished"])


@pytest.mark.parametrize("mode", ["dedicated", "batch"])
def test_an_unused_session(timed: "Timed", mode: str) -> None:
    """Half an hour without a job closes it at that moment, at no cost."""
    _, client, clock = timed
    start = clock.moment
    session_id = client.open(mode=mode)
    clock.advance(1799)
    assert _record(client, session_id).state == "open"
    clock.advance(5000)
    record = _record(client, session_id)
    assert (record.state, record.accepting_jobs, record.elapsed_time_s) == ("closed", False, 0)
    assert record.closed_at == start + timedelta(seconds=1800)
    assert record.state_reason == lifecycle.CLOSED_UNUSED
    assert record.started_at is None
    assert [state for state, _ in record.timestamps] == ["open", "closed"]


def test_waiting_does_not_begin_the_maximum_time(timed: "Timed") -> None:
    """It runs from the first job's start, through idle times, and never pauses."""
    runtime, client, clock = timed
    start = clock.moment
    held = client.submit("hold")
    client.wait(held, "Running")
    session_id = client.open(max_ttl=300)
    first = client.submit("count", session_id=session_id)
    clock.advance(10_000)
    record = _record(client, session_id)
    assert (record.state, record.active_ttl_s) == ("open", 300)
    runtime.release_held()
    client.wait(first)
    clock.advance(200)
    record = _record(client, session_id)
    assert (record.state, record.active_ttl_s) == ("inactive", 100)
    clock.advance(500)
    record = _record(client, session_id)
    assert record.closed_at == start + timedelta(seconds=10_300)
    assert record.state_reason == lifecycle.CLOSED_BY_MAX_TTL
    # Active until the interactive time was over, and that is what is charged.
    assert record.elapsed_time_s == 60


def test_jobs_that_a_session_did_not_get_to(timed: "Timed") -> None:
    """They failed at the moment when it ended, however late anybody looks, and cost nothing."""
    runtime, client, clock = timed
    start = clock.moment
    session_id = client.open(max_ttl=300)
    held = [client.submit("hold", session_id=session_id) for _ in range(2)]
    for job_id in held:
        client.wait(job_id, "Running")
    queued = client.submit("count", session_id=session_id)
    other = client.submit("count")
    clock.advance(900)
    body = client.job(queued)
    # Nobody asked for the session yet; the list of workloads settles it as well.
    client.get("/workloads")
    body = client.job(queued)
    assert body["state"]["status"] == "Failed"
    assert body["state"]["reason_code"] == 4001
    assert body["state"]["reason"]
    assert body["state"]["reason_solution"]
    assert body["usage"] == {"qpu_charge_time_seconds": 0, "status": "complete"}
    assert _finished(client, queued) == start + timedelta(seconds=300)
    # What ran completes, and until then nobody else has the device.
    assert client.job(other)["state"]["status"] == "Queued"
    assert _record(client, session_id).elapsed_time_s is None
    runtime.release_held()
    for job_id in (*held, other):
        assert client.wait(job_id)["state"]["status"] == "Completed"
    assert _record(client, session_id).elapsed_time_s == 900


def test_jobs_of_a_batch_run_side_by_side(timed: "Timed") -> None:
    """On as many lanes as there are; the batch is charged their time, not its own."""
    runtime, client, clock = timed
    batch = client.open(mode="batch")
    held = [client.submit("hold", session_id=batch) for _ in range(2)]
    for job_id in held:
        client.wait(job_id, "Running")
    clock.advance(1000)
    runtime.release_held()
    for job_id in held:
        client.wait(job_id)
    clock.advance(0.5)
    assert _record(client, batch).state == "active"
    clock.advance(0.5)
    assert _record(client, batch).state == "inactive"
    client.patch(f"/sessions/{batch}", json={"accepting_jobs": False})
    record = _record(client, batch)
    assert (record.state, record.elapsed_time_s) == ("closed", 0.5)
    assert record.last_job_completed is not None


def test_cancelled_jobs_do_not_make_a_session_cheaper(timed: "Timed") -> None:
    """A dedicated session is charged its time, whatever became of its jobs."""
    _, client, clock = timed
    session_id = client.open()
    held = client.submit("hold", session_id=session_id)
    client.wait(held, "Running")
    clock.advance(40)
    assert client.post(f"/jobs/{held}/cancel").status_code == 204
    failed = client.submit("fail", session_id=session_id)
    assert client.wait(failed)["state"]["status"] == "Failed"
    clock.advance(5)
    client.patch(f"/sessions/{session_id}", json={"accepting_jobs": False})
    assert _record(client, session_id).elapsed_time_s == 45


def test_a_session_that_drains_while_it_waits(timed: "Timed") -> None:
    """Closed before its first job ran: that one runs in its turn, then it ends at once."""
    runtime, client, _ = timed
    held = client.submit("hold")
    client.wait(held, "Running")
    session_id = client.open()
    mine = client.submit("count", session_id=session_id)
    assert client.patch(f"/sessions/{session_id}", json={"accepting_jobs": False}).ok
    record = _record(client, session_id)
    assert (record.state, record.accepting_jobs) == ("open", False)
    runtime.release_held()
    assert client.wait(mine)["state"]["status"] == "Completed"
    record = _record(client, session_id)
    assert (record.state, record.state_reason) == ("closed", lifecycle.CLOSED_BY_USER)


def test_a_single_job_is_not_starved(client: "Client", runtime: "RunningRuntime") -> None:
    """A batch that goes on and on keeps nobody waiting longer than those who came before."""
    batch = client.open(mode="batch")
    held = client.submit("hold", session_id=batch)
    client.wait(held, "Running")
    before = client.submit("count", session_id=batch)
    single = client.submit("count")
    after = [client.submit("count", session_id=batch) for _ in range(3)]
    runtime.release_held()
    for job_id in (before, single, *after):
        client.wait(job_id)
    order = [job.job_id for job in runtime.lanes[0].seen]
    assert order == [held, before, single, *after]


def test_an_hour_is_a_minute(start_runtime: StartRuntime, connect: "Connect") -> None:
    """At 60 the interactive minute takes a second, and all times say a minute."""
    client = connect(start_runtime(conditions=Conditions(clock_rate=60)))
    session_id = client.open()
    client.wait(client.submit("count", session_id=session_id))
    waiting = client.submit("count")
    assert client.wait(waiting)["state"]["status"] == "Completed"
    record = _record(client, session_id)
    states = dict(record.timestamps)
    assert record.state == "inactive"
    assert record.last_job_completed is not None
    idle = states["inactive"] - record.last_job_completed
    assert idle == timedelta(seconds=60)
