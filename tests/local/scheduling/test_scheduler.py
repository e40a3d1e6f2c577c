"""Which job runs when, over the wire, on lanes that do as the test says."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from qrsession.local.clock import SimulatedClock

if TYPE_CHECKING:
    from tests.local.conftest import Client, ManualClock, RunningRuntime

    Connect = Callable[[RunningRuntime], Client]

StartRuntime = Callable[..., "RunningRuntime"]


def _order(runtime: "RunningRuntime") -> list[str]:
    """Return the ids of the jobs that reached a lane, in that order."""
    return [job.job_id for job in runtime.lanes[0].seen]


def test_jobs_run_in_the_order_of_submission(client: "Client", runtime: "RunningRuntime") -> None:
    """On one lane one after the other, and none of them twice."""
    ids = [client.submit("count") for _ in range(10)]
    for job_id in ids:
        assert client.wait(job_id)["state"]["status"] == "Completed"
    assert _order(runtime) == ids


def test_the_lane_gets_the_bytes_that_were_sent(
    client: "Client", runtime: "RunningRuntime"
) -> None:
    """Spaces and all, and seeds that are far apart."""
    body = (
        b'{"backend": "test_device", "params" : { "pubs":\t["c\xc3\xa4t"] , "version":2 } ,'
        b' "program_id": "sampler", "cost": 77}'
    )
    ids = [client.post("/jobs", data=body).json()["id"] for _ in range(2)]
    for job_id in ids:
        client.wait(job_id)
    first, second = runtime.lanes[0].seen
    assert first.params_json == b'{ "pubs":\t["c\xc3\xa4t"] , "version":2 }'
    assert (first.program_id, first.backend, first.cost_s) == ("sampler", "test_device", 77)
    assert abs(first.seed - second.seed) > 1_000_000


def test_a_dedicated_session_holds_its_backend(
    start_runtime: StartRuntime, connect: "Connect", manual_clock: "ManualClock"
) -> None:
    """Others' jobs wait while it is active, though lanes are idle; its own come next."""
    runtime = start_runtime(lanes=2, clock=manual_clock)
    client = connect(runtime)
    session_id = client.open()
    client.wait(client.submit("count", session_id=session_id))
    single = client.submit("count")
    elsewhere = client.submit("count", backend="other_device")
    assert client.wait(elsewhere)["state"]["status"] == "Completed"
    mine = client.submit("count", session_id=session_id)
    assert client.wait(mine)["state"]["status"] == "Completed"
    assert client.job(single)["state"]["status"] == "Queued"
    client.patch(f"/sessions/{session_id}", json={"accepting_jobs": False})
    assert client.wait(single)["state"]["status"] == "Completed"


def test_jobs_of_a_dedicated_session_use_all_lanes(
    start_runtime: StartRuntime, connect: "Connect"
) -> None:
    """It has the whole backend."""
    runtime = start_runtime(lanes=2)
    client = connect(runtime)
    session_id = client.open()
    ids = [client.submit("hold", session_id=session_id) for _ in range(2)]
    for job_id in ids:
        client.wait(job_id, "Running")
    runtime.release_held()
    for job_id in ids:
        assert client.wait(job_id)["state"]["status"] == "Completed"


def test_a_dedicated_session_waits_for_a_free_backend(
    start_runtime: StartRuntime, connect: "Connect"
) -> None:
    """Its first job starts in its turn, when nobody else's runs; who came later waits for it."""
    runtime = start_runtime(lanes=2)
    client = connect(runtime)
    other = client.submit("hold")
    client.wait(other, "Running")
    session_id = client.open()
    first = client.submit("count", session_id=session_id)
    later = client.submit("count")
    assert client.job(first)["state"]["status"] == "Queued"
    assert client.job(later)["state"]["status"] == "Queued"
    assert client.session(session_id)["state"] == "open"
    runtime.release_held()
    assert client.wait(first)["state"]["status"] == "Completed"
    client.delete(f"/sessions/{session_id}/close")
    assert client.wait(later)["state"]["status"] == "Completed"


def test_batches_and_single_jobs_share(start_runtime: StartRuntime, connect: "Connect") -> None:
    """Two batches and a job of its own run side by side."""
    runtime = start_runtime(lanes=3)
    client = connect(runtime)
    ids = [client.submit("hold", session_id=client.open(mode="batch")) for _ in range(2)]
    ids.append(client.submit("hold"))
    for job_id in ids:
        client.wait(job_id, "Running")
    assert [client.job(job_id)["state"]["status"] for job_id in ids] == ["Running"] * 3
    runtime.release_held()
    for job_id in ids:
        assert client.wait(job_id)["state"]["status"] == "Completed"


def test_the_timer_frees_the_backend(
    start_runtime: StartRuntime, connect: "Connect", fast_clock: SimulatedClock
) -> None:
    """Nobody asks; the interactive TTL runs out, and the job that waited is run."""
    runtime = start_runtime(clock=fast_clock)
    client = connect(runtime)
    session_id = client.open()
    client.wait(client.submit("count", session_id=session_id))
    waiting = client.submit("count")
    assert client.wait(waiting)["state"]["status"] == "Completed"
    session = client.session(session_id)
    assert session["state"] == "inactive"
    assert [entry["status"] for entry in session["timestamps"]] == ["open", "active", "inactive"]


def test_cancelling_a_running_job_kills_its_lane(
    client: "Client", runtime: "RunningRuntime"
) -> None:
    """At once, and the next job runs."""
    held = client.submit("hold")
    client.wait(held, "Running")
    waiting = client.submit("count")
    begun_s = time.monotonic()
    assert client.post(f"/jobs/{held}/cancel").status_code == 204
    body = client.job(held)
    assert time.monotonic() - begun_s < 1
    assert body["state"]["status"] == "Cancelled"
    assert body["state"]["reason"]
    assert runtime.lanes[0].kills == 1
    assert client.wait(waiting)["state"]["status"] == "Completed"
    assert client.job(held) == body
    assert client.get(f"/jobs/{held}/results").status_code == 204


def test_cancelling_a_queued_job_kills_nothing(client: "Client", runtime: "RunningRuntime") -> None:
    """It never reaches a lane."""
    held = client.submit("hold")
    queued = client.submit("count")
    client.wait(held, "Running")
    assert client.post(f"/jobs/{queued}/cancel").status_code == 204
    assert client.job(queued)["state"]["status"] == "Cancelled"
    assert client.get(f"/jobs/{queued}/metrics").json()["timestamps"]["running"] is None
    runtime.release_held()
    assert client.wait(held)["state"]["status"] == "Completed"
    assert (_order(runtime), runtime.lanes[0].kills) == ([held], 0)


def test_another_idle_lane_is_chosen_after_a_kill(
    start_runtime: StartRuntime, connect: "Connect"
) -> None:
    """A lane whose process has to start anew comes last."""
    runtime = start_runtime(lanes=2)
    client = connect(runtime)
    held = client.submit("hold")
    client.wait(held, "Running")
    client.post(f"/jobs/{held}/cancel")
    killed, other = sorted(runtime.lanes, key=lambda lane: -lane.kills)
    for _ in range(3):
        client.wait(client.submit("count"))
    assert (len(killed.seen), len(other.seen)) == (1, 3)


@pytest.mark.parametrize(
    ("order", "status", "shown", "code"),
    [
        ("fail", "Failed", "Failed", 1517),
        ("overrun", "Cancelled", "Cancelled - Ran too long", 1305),
        ("raise", "Failed", "Failed", 5203),
    ],
)
def test_what_becomes_of_a_failure(
    client: "Client", order: str, status: str, shown: str, code: int
) -> None:
    """Its reason, code and solution, its log, its charge; and the next job runs."""
    job_id = client.submit(order)
    body = client.wait(job_id)
    assert body["state"]["status"] == status
    assert body["status"] == shown
    assert body["state"]["reason_code"] == code
    assert body["state"]["reason"]
    assert body["state"]["reason_solution"]
    assert body["usage"]["status"] == "complete"
    assert client.get(f"/jobs/{job_id}/results").status_code == 204
    if order != "raise":
        assert client.get(f"/jobs/{job_id}/logs").text == "Traceback\n"
        assert body["usage"]["qpu_charge_time_seconds"] == 0.5
    assert client.wait(client.submit("count"))["state"]["status"] == "Completed"


def test_it_serves_before_its_lanes_are_warm(
    start_runtime: StartRuntime, connect: "Connect"
) -> None:
    """Jobs wait for the lanes, requests do not."""
    runtime = start_runtime(may_start=False)
    client = connect(runtime)
    job_id = client.submit("count")
    assert client.job(job_id)["state"]["status"] == "Queued"
    runtime.lanes[0].may_start.set()
    assert client.wait(job_id)["state"]["status"] == "Completed"


def test_a_stopped_runtime_takes_its_jobs_up_again(
    start_runtime: StartRuntime, connect: "Connect"
) -> None:
    """Running, queued and finished ones, with sessions as they were."""
    first = start_runtime()
    client = connect(first)
    session_id = client.open()
    done = client.submit("count", session_id=session_id)
    done_body = client.wait(done)
    running = client.submit("hold", session_id=session_id)
    client.wait(running, "Running")
    queued = client.submit("count", session_id=session_id)
    first.stop()
    second = start_runtime()
    client = connect(second)
    assert client.wait(running, "Running")["session_id"] == session_id
    assert client.job(done) == done_body
    assert client.job(queued)["state"]["status"] == "Queued"
    second.release_held()
    for job_id in (running, queued):
        assert client.wait(job_id)["state"]["status"] == "Completed"
    assert _order(second) == [running, queued]
    assert client.get(f"/jobs/{done}/results").status_code == 200


def test_a_held_request_does_not_delay_the_end(
    start_runtime: StartRuntime, connect: "Connect"
) -> None:
    """Who waits for a job is answered when the runtime stops."""
    runtime = start_runtime()
    client = connect(runtime)
    held = client.submit("hold")
    client.wait(held, "Running")
    with ThreadPoolExecutor() as pool:
        holding = pool.submit(client.get, f"/jobs/{held}", headers={"Prefer": "wait=10"})
        # Asked for until it is there: the server has the request once somebody waits for the job.
        while not runtime.in_loop(lambda: held in runtime.parts.changes._waiting):
            assert not holding.done()
        begun_s = time.monotonic()
        runtime.stop()
        assert holding.result(1).json()["state"]["status"] == "Running"
    assert time.monotonic() - begun_s < 5


def test_an_idle_runtime_says_so(start_runtime: StartRuntime, connect: "Connect") -> None:
    """Once no session is open, no job is left and no request has come for the time given."""
    runtime = start_runtime(idle_timeout_s=0.3)
    client = connect(runtime)
    session_id = client.open()
    held = client.submit("hold", session_id=session_id)
    client.wait(held, "Running")
    assert not runtime.became_idle.wait(0.7)
    runtime.release_held()
    client.wait(held)
    assert not runtime.became_idle.wait(0.7)
    begun_s = time.monotonic()
    client.patch(f"/sessions/{session_id}", json={"accepting_jobs": False})
    assert runtime.became_idle.wait(5)
    assert time.monotonic() - begun_s >= 0.3


def test_an_outcome_that_cannot_be_written_is_kept(
    client: "Client", runtime: "RunningRuntime", caplog: pytest.LogCaptureFixture
) -> None:
    """A full disk: the job is running until its outcome fits, then it has it."""
    database = runtime.parts.store._database
    held = client.submit("hold")
    client.wait(held, "Running")

    def refuse() -> Any:
        return database.execute("PRAGMA query_only = ON")

    def allow() -> Any:
        return database.execute("PRAGMA query_only = OFF")

    runtime.in_loop(refuse)
    refused = client.post(
        "/jobs", data=b'{"program_id":"sampler","backend":"test_device","params":{"pubs":[]}}'
    )
    assert refused.status_code == 500
    assert "database" in refused.json()["errors"][0]["message"]
    runtime.release_held()
    assert client.job(held)["state"]["status"] == "Running"
    runtime.in_loop(allow)
    assert client.wait(held)["state"]["status"] == "Completed"
    assert "not recorded yet" in caplog.text
    assert client.wait(client.submit("count"))["state"]["status"] == "Completed"
