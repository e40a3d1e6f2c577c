"""The endpoints of sessions, workloads, backends, instance and account."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from qrsession.local.account.identity import LOCAL_ACCOUNT_ID, LOCAL_CRN
from qrsession.local.account.plans import PLANS, PlanName
from qrsession.protocol.faults import Fault
from qrsession.protocol.models import BackendSummary, InstanceUsage, PlanLimits, SessionRecord

if TYPE_CHECKING:
    from tests.local.conftest import Client, ManualClock, RunningRuntime

    Connect = Callable[[RunningRuntime], Client]
    Session = tuple[RunningRuntime, Client, ManualClock]

StartRuntime = Callable[..., "RunningRuntime"]


@pytest.fixture
def timed(
    start_runtime: StartRuntime, connect: "Connect", manual_clock: "ManualClock"
) -> "Session":
    """A runtime whose clock the test moves, with a client."""
    runtime = start_runtime(clock=manual_clock)
    return runtime, connect(runtime), manual_clock


def _run(client: "Client", session_id: str) -> str:
    job_id = client.submit("count", session_id=session_id)
    client.wait(job_id)
    return job_id


def _refusal(client: "Client", **body: Any) -> Fault:
    reply = client.post("/sessions", json=body)
    return Fault.from_reply(reply.status_code, reply.text)


def test_a_new_session(timed: "Session") -> None:
    """Every field of the reference, and what has not come yet is null."""
    _, client, clock = timed
    body = {"mode": "dedicated", "backend": "test_device", "instance": LOCAL_CRN, "max_ttl": 600}
    reply = client.post("/sessions", json=body)
    assert reply.status_code == 200
    record = SessionRecord.from_wire(reply.json())
    assert str(uuid.UUID(record.session_id)) == record.session_id
    assert record == SessionRecord(
        session_id=record.session_id,
        backend="test_device",
        mode="dedicated",
        state="open",
        accepting_jobs=True,
        max_ttl_s=600,
        interactive_ttl_s=60,
        active_ttl_s=600,
        timestamps=(("open", clock.moment),),
        user_id="IBMid-local",
    )
    assert client.session(record.session_id) == reply.json()
    nulls = ("started_at", "activated_at", "closed_at", "elapsed_time", "last_job_started")
    assert all(reply.json()[name] is None for name in nulls)


def test_what_a_session_may_ask_for(client: "Client") -> None:
    """Defaults, aliases, and the bounds."""
    assert client.session(client.open())["max_ttl"] == 28_800
    batch = client.post("/sessions", json={"mode": "batch", "backend_name": "test_device"}).json()
    assert (batch["backend_name"], batch["interactive_ttl"]) == ("test_device", 1)
    assert client.post("/sessions", json={"mode": "batch"}).json()["backend_name"] is None
    wrongs: tuple[dict[str, Any], ...] = (
        {},
        {"mode": "single"},
        {"mode": 1},
        {"mode": "dedicated", "backend": "no_such_device"},
        {"mode": "dedicated", "max_ttl": 0},
        {"mode": "dedicated", "max_ttl": 28_801},
        {"mode": "dedicated", "max_ttl": "1h"},
        {"mode": "dedicated", "max_ttl": True},
    )
    for wrong in wrongs:
        fault = _refusal(client, **wrong)
        assert (fault.status, fault.code) == (400, 1208), wrong
        assert fault.message
    assert client.post("/sessions", data=b"nothing").status_code == 400


def test_the_life_of_a_session(timed: "Session") -> None:
    """Open, active, inactive, active, closed, with its times and its usage."""
    _, client, clock = timed
    start = clock.moment
    session_id = client.open(max_ttl=1000)
    clock.advance(10)
    _run(client, session_id)
    clock.advance(30)
    body = client.session(session_id)
    assert (body["state"], body["active_ttl"], body["elapsed_time"]) == ("active", 970, None)
    clock.advance(60)
    body = client.session(session_id)
    assert (body["state"], body["accepting_jobs"]) == ("inactive", True)
    assert body["state_reason"]
    clock.advance(100)
    _run(client, session_id)
    clock.advance(5)
    patch = client.patch(f"/sessions/{session_id}", json={"accepting_jobs": False})
    assert (patch.status_code, patch.content) == (204, b"")
    record = SessionRecord.from_wire(client.session(session_id))
    assert (record.state, record.accepting_jobs, record.active_ttl_s) == ("closed", False, 0)
    # From 10 to 70 (idle for the interactive TTL), and from 200 to 205.
    assert record.elapsed_time_s == 65
    seconds = [(state, (when - start).total_seconds()) for state, when in record.timestamps]
    assert seconds == [
        ("open", 0),
        ("active", 10),
        ("inactive", 70),
        ("active", 200),
        ("closed", 205),
    ]
    assert record.started_at == start + timedelta(seconds=10)
    assert record.activated_at == record.last_job_completed == start + timedelta(seconds=200)


def test_the_maximum_time(timed: "Session") -> None:
    """The running job completes, queued ones fail with 4001, new ones are refused with 1217."""
    runtime, client, clock = timed
    session_id = client.open(max_ttl=300)
    held = client.submit("hold", session_id=session_id)
    client.wait(held, "Running")
    queued = client.submit("count", session_id=session_id)
    clock.advance(301)
    reply = client.post(
        "/jobs",
        json={
            "program_id": "sampler",
            "backend": "test_device",
            "session_id": session_id,
            "params": {"pubs": []},
        },
    )
    fault = Fault.from_reply(reply.status_code, reply.text)
    assert (fault.status, fault.code, fault.message) == (400, 1217, "Session has been closed.")
    assert client.job(queued)["state"]["reason_code"] == 4001
    assert client.job(queued)["state"]["status"] == "Failed"
    assert client.session(session_id)["state"] == "closed"
    assert client.session(session_id)["elapsed_time"] is None
    clock.advance(99)
    runtime.release_held()
    assert client.wait(held)["state"]["status"] == "Completed"
    assert client.session(session_id)["elapsed_time"] == 400


def test_closing_drains(timed: "Session") -> None:
    """What is queued runs, nothing new is taken, and then it is closed."""
    runtime, client, _ = timed
    session_id = client.open()
    held = client.submit("hold", session_id=session_id)
    queued = client.submit("count", session_id=session_id)
    client.wait(held, "Running")
    assert client.patch(f"/sessions/{session_id}", json={"accepting_jobs": False}).ok
    body = client.session(session_id)
    assert (body["state"], body["accepting_jobs"]) == ("active", False)
    reply = client.post(
        "/jobs",
        json={
            "program_id": "sampler",
            "backend": "test_device",
            "session_id": session_id,
            "params": {"pubs": []},
        },
    )
    assert Fault.from_reply(reply.status_code, reply.text).code == 1217
    runtime.release_held()
    assert client.wait(queued)["state"]["status"] == "Completed"
    assert client.session(session_id)["state"] == "closed"
    workload = client.get(f"/workloads?search={session_id}").json()["workloads"][0]
    assert workload["status"] == "completed"


def test_cancelling_drops_what_is_queued(timed: "Session") -> None:
    """The running job completes; the queued ones are cancelled, not failed."""
    runtime, client, _ = timed
    session_id = client.open()
    held = client.submit("hold", session_id=session_id)
    queued = client.submit("count", session_id=session_id)
    client.wait(held, "Running")
    assert client.delete(f"/sessions/{session_id}/close").status_code == 204
    assert client.job(queued)["state"]["status"] == "Cancelled"
    assert client.job(held)["state"]["status"] == "Running"
    runtime.release_held()
    assert client.wait(held)["state"]["status"] == "Completed"
    assert client.session(session_id)["state"] == "closed"
    workload = client.get(f"/workloads?search={session_id}").json()["workloads"][0]
    assert workload["status"] == "canceled"


def test_closing_what_is_closed(client: "Client") -> None:
    """It is success, and changes nothing; an unknown session is not found."""
    session_id = client.open()
    client.delete(f"/sessions/{session_id}/close")
    before = client.session(session_id)
    assert client.patch(f"/sessions/{session_id}", json={"accepting_jobs": False}).ok
    assert client.patch(f"/sessions/{session_id}", json={"accepting_jobs": True}).ok
    assert client.delete(f"/sessions/{session_id}/close").ok
    assert client.session(session_id) == before
    for reply in (
        client.get("/sessions/unknown"),
        client.patch("/sessions/unknown", json={"accepting_jobs": False}),
        client.delete("/sessions/unknown/close"),
    ):
        fault = Fault.from_reply(reply.status_code, reply.text)
        assert fault.status == 404
        assert "unknown" in fault.message
    for text in ("{}", '{"accepting_jobs": "no"}', "[]"):
        assert client.patch(f"/sessions/{session_id}", data=text).status_code == 400


def test_a_session_is_for_one_backend(client: "Client") -> None:
    """A job for another is refused."""
    session_id = client.open()
    reply = client.post(
        "/jobs",
        json={
            "program_id": "sampler",
            "backend": "other_device",
            "session_id": session_id,
            "params": {"pubs": []},
        },
    )
    assert reply.status_code == 400


def test_usage_of_the_instance(timed: "Session") -> None:
    """What was charged in the period, and what an active session is using now."""
    _, client, clock = timed
    _run(client, client.open(mode="batch"))
    session_id = client.open()
    _run(client, session_id)
    clock.advance(10)
    body = client.get("/instances/usage", headers={"Service-CRN": "crn:of:a:client"}).json()
    usage = InstanceUsage.from_wire(body)
    assert usage == InstanceUsage(
        instance="crn:of:a:client",
        plan_id=PLANS[PlanName.LOCAL].plan_id,
        consumed_s=10.25,
        period_start=clock.moment - timedelta(days=28),
        period_end=clock.moment,
    )
    assert "usage_limit_reached" not in body
    assert client.get("/instances/usage").json()["instance_id"] == LOCAL_CRN
    clock.advance(100)
    assert client.get("/instances/usage").json()["usage_consumed_seconds"] == 60.25
    clock.advance(40 * 86_400)
    assert client.get("/instances/usage").json()["usage_consumed_seconds"] == 0


def test_instance_and_account(client: "Client") -> None:
    """The account says how long a session may be."""
    assert client.get("/instance").json()["backends"] == ["test_device", "other_device"]
    assert client.get("/instances/configuration").json() == {"instance_limit": None}
    body = client.get(f"/accounts/{LOCAL_ACCOUNT_ID}").json()
    assert PlanLimits.list_from_wire(body) == (
        PlanLimits(PLANS[PlanName.LOCAL].plan_id, 28_800, 60),
    )
    assert client.get(f"/accounts/{LOCAL_ACCOUNT_ID}?plan_id=another").json() == {"plans": []}


def test_backends(client: "Client") -> None:
    """The list, and each document; queue lengths count what waits and what runs."""
    held = client.submit("hold")
    client.submit("count")
    body = client.get("/backends?include_mocks=True").json()
    summaries = [BackendSummary.from_wire(device) for device in body["devices"]]
    assert summaries[0] == BackendSummary(
        "test_device", "online", 2, num_qubits=5, status_reason="available"
    )
    assert summaries[1].queue_length == 0
    assert client.get("/backends/test_device/status").json() == {
        "state": True,
        "status": "active",
        "message": "available",
        "length_queue": 2,
        "backend_version": "1.2.3",
    }
    assert client.get("/backends/test_device/configuration").json()["n_qubits"] == 5
    assert client.get("/backends/test_device/properties").json() == {}
    assert client.get("/backends/test_device/defaults").json() == {}
    for document in ("configuration", "properties", "defaults", "status"):
        reply = client.get(f"/backends/no_such_device/{document}")
        assert reply.status_code == 404
    client.wait(held, "Running")
    waits = client.get("/backends?fields=wait_time_seconds").json()["devices"]
    assert waits[0]["wait_time_seconds"]["average"] >= 0
    assert "wait_time_seconds" not in waits[1]
    assert client.get("/backends?fields=colour").status_code == 400


def test_workloads(timed: "Session") -> None:
    """Sessions, batches and single jobs; jobs of a session are part of it."""
    runtime, client, clock = timed
    ids = []
    # No id has a dash: a search looks at ids, too.
    for _ in range(3):
        ids.append(client.submit("count", tags=["tag-1"]))
        client.wait(ids[-1])
        clock.advance(1)
    ids.append(client.open())
    clock.advance(1)
    ids.append(client.open(mode="batch"))
    _run(client, ids[-1])
    held = client.submit("hold")
    client.wait(held, "Running")
    ids.append(held)

    def listed(query: str = "") -> list[str]:
        body = client.get(f"/workloads?{query}").json()
        assert body["total_count"] == len(body["workloads"])
        return [workload["id"] for workload in body["workloads"]]

    assert sorted(listed()) == sorted(ids)
    assert listed("mode=session") == [ids[3]]
    assert listed("mode=batch&user=me") == [ids[4]]
    assert listed("mode=job&status=completed") == ids[:3]
    assert listed("status=in_progress&mode=job") == [held]
    assert listed("status=pending") == [ids[3]]
    assert listed("tags=tag-1") == ids[:3]
    assert listed("search=tag-1&backend=test_device") == ids[:3]
    assert listed("backend=other_device") == []
    moment = clock.moment.isoformat().replace("+", "%2B")
    assert set(listed(f"created_after={moment}")) == {ids[4], held}
    entry = client.get("/workloads?mode=batch").json()["workloads"][0]
    assert entry["accepting_jobs"] is True
    assert entry["usage"] == {"qpu_charge_time_seconds": 0.25, "status": "pending"}
    assert client.get("/workloads?mode=job").json()["workloads"][0]["accepting_jobs"] is None
    for query in (
        "mode=dedicated",
        "status=done",
        "sort=id",
        "user=you",
        "next=%21",
        "limit=x&next=eA==",
    ):
        assert client.get(f"/workloads?{query}").status_code == 400, query
    runtime.release_held()


@pytest.mark.parametrize("sort", ["createdAt", "-createdAt"])
def test_pages_of_workloads(timed: "Session", sort: str) -> None:
    """Forwards by ``next``, back by ``previous``, each workload once."""
    _, client, clock = timed
    ids = []
    for number in range(7):
        ids.append(client.open())
        clock.advance(number % 2)
    everything = client.get(f"/workloads?sort={sort}&limit=50").json()
    assert (everything["total_count"], everything["limit"]) == (7, 50)
    assert "next" not in everything
    assert "previous" not in everything
    expected = [workload["id"] for workload in everything["workloads"]]
    assert sorted(expected) == sorted(ids)

    pages = [client.get(f"/workloads?sort={sort}&limit=3").json()]
    assert "previous" not in pages[0]
    while "next" in pages[-1]:
        href = pages[-1]["next"]["href"]
        assert parse_qs(urlsplit(href).query)["limit"] == ["3"]
        pages.append(client.get(f"{client.base.removesuffix('/api/v1')}{href}").json())
    seen = [[workload["id"] for workload in page["workloads"]] for page in pages]
    assert seen == [expected[:3], expected[3:6], expected[6:]]
    back = client.get(
        f"{client.base.removesuffix('/api/v1')}{pages[-1]['previous']['href']}"
    ).json()
    assert [workload["id"] for workload in back["workloads"]] == expected[3:6]
    assert "next" in back
    first = client.get(f"{client.base.removesuffix('/api/v1')}{back['previous']['href']}").json()
    assert [workload["id"] for workload in first["workloads"]] == expected[:3]
    assert "previous" not in first


def test_times_are_written_as_ibm_writes_them(client: "Client") -> None:
    """UTC, milliseconds, Z; and the reply is dated."""
    reply = client.get(f"/sessions/{client.open()}")
    text = reply.json()["timestamps"][0]["timestamp"]
    assert text.endswith("Z")
    assert text[19] == "."
    assert len(text) == 24
    assert datetime.now(UTC) - datetime.fromisoformat(text) < timedelta(seconds=20)
    assert reply.headers["Date"].endswith("GMT")
