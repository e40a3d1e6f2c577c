"""Plans and what they allow; usage limits; the time that a job may take."""

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from qrsession.errors import InvalidValueError
from qrsession.local.account.identity import LOCAL_ACCOUNT_ID
from qrsession.local.account.plans import PLANS, PlanName
from qrsession.local.conditions import Conditions
from qrsession.protocol import faults
from qrsession.protocol.faults import Fault
from qrsession.protocol.models import (
    InstanceUsage,
    JobRecord,
    PlanLimits,
    SessionRecord,
)

if TYPE_CHECKING:
    from tests.local.conftest import Client, ManualClock, RunningRuntime

    Connect = Callable[[RunningRuntime], Client]
    Timed = Callable[..., tuple[RunningRuntime, Client, ManualClock]]

StartRuntime = Callable[..., "RunningRuntime"]
# Of the scripted lane: each job that completes is charged so much.
JOB_S = 0.25
JOB = {"program_id": "sampler", "backend": "test_device", "params": {"pubs": ["count"]}}
# Aer runs it shot by shot, since it measures in the middle; it takes minutes.
ENDLESS = """OPENQASM 3.0; include "stdgates.inc"; qubit[16] q; bit[16] c;
for int i in [0:400] { h q; c = measure q; }"""


@pytest.fixture
def timed(start_runtime: StartRuntime, connect: "Connect", manual_clock: "ManualClock") -> "Timed":
    """A function that starts a runtime whose clock the test moves, under conditions."""

    def start(**conditions: Any) -> "tuple[RunningRuntime, Client, ManualClock]":
        runtime = start_runtime(clock=manual_clock, conditions=Conditions(**conditions))
        return runtime, connect(runtime), manual_clock

    return start


def usage_of(client: "Client") -> InstanceUsage:
    return InstanceUsage.from_wire(client.get("/instances/usage").json())


def run(client: "Client", session_id: str | None = None) -> str:
    job_id = client.submit("count", **({"session_id": session_id} if session_id else {}))
    client.wait(job_id)
    return job_id


def refusal(client: "Client", **more: Any) -> Fault:
    reply = client.post("/jobs", json={**JOB, **more})
    return Fault.from_reply(reply.status_code, reply.text)


def set_limit(client: "Client", limit_s: Any) -> int:
    status: int = client.put(
        "/instances/configuration", json={"instance_limit": limit_s}
    ).status_code
    return status


def test_the_open_plan(timed: "Timed") -> None:
    """No dedicated session, 600 seconds in 28 days; batches and single jobs run."""
    _, client, clock = timed(plan_name="open")
    reply = client.post("/sessions", json={"mode": "dedicated", "backend": "test_device"})
    fault = Fault.from_reply(reply.status_code, reply.text)
    assert (fault.status, fault.code) == (400, 1352)
    assert fault.message
    assert fault.solution
    run(client, client.open(mode="batch"))
    run(client)
    usage = usage_of(client)
    assert usage == InstanceUsage(
        instance=usage.instance,
        plan_id=PLANS[PlanName.OPEN].plan_id,
        consumed_s=2 * JOB_S,
        limit_s=600,
        limit_reached=False,
        period_start=clock.moment - timedelta(days=28),
        period_end=clock.moment,
        allocation_s=600,
    )
    instance = client.get("/instance").json()
    assert (instance["plan_id"], instance["usage_allocation_seconds"]) == (usage.plan_id, "600")
    body = client.get(f"/accounts/{LOCAL_ACCOUNT_ID}").json()
    assert PlanLimits.list_from_wire(body) == (PlanLimits(usage.plan_id, 28_800, 60),)
    assert body["plans"][0]["usage_allocation_seconds"] == 600


@pytest.mark.parametrize("name", ["local", "payg", "premium"])
def test_the_other_plans(timed: "Timed", name: str) -> None:
    """They have dedicated sessions up to their maximum time, and no limit of usage."""
    _, client, _ = timed(plan_name=name)
    run(client, client.open())
    body = client.get("/instances/usage").json()
    assert body["plan_id"] == PLANS[PlanName(name)].plan_id
    assert {"usage_limit_seconds", "usage_limit_reached", "usage_allocation_seconds"}.isdisjoint(
        body
    )
    plan = client.get(f"/accounts/{LOCAL_ACCOUNT_ID}").json()["plans"][0]
    assert client.session(client.open(max_ttl=plan["max_ttl"]))["max_ttl"] == plan["max_ttl"]
    longer = {"mode": "batch", "max_ttl": plan["max_ttl"] + 1}
    assert client.post("/sessions", json=longer).status_code == 400


def test_a_batch_at_the_usage_limit(timed: "Timed") -> None:
    """It is closed, what it has queued is cancelled, and no job is taken any more."""
    runtime, client, clock = timed(usage_limit_s=2 * JOB_S)
    session_id = client.open(mode="batch")
    run(client, session_id)
    last = client.submit("hold", session_id=session_id)
    queued = client.submit("count", session_id=session_id)
    client.wait(last, "Running")
    assert usage_of(client).limit_reached is False
    runtime.release_held()
    assert client.wait(last)["state"]["status"] == "Completed"
    body = client.wait(queued)
    assert body["state"]["status"] == "Cancelled"
    assert body["state"]["reason_code"] == faults.USAGE_LIMIT_REACHED
    assert body["state"]["reason_solution"]
    record = SessionRecord.from_wire(client.session(session_id))
    assert (record.state, record.accepting_jobs) == ("closed", False)
    assert record.state_reason is not None
    assert "usage limit" in record.state_reason
    usage = usage_of(client)
    assert (usage.consumed_s, usage.limit_s, usage.limit_reached) == (0.5, 0.5, True)
    for more in ({}, {"session_id": session_id}):
        fault = refusal(client, **more)
        assert (fault.status, fault.code) == (409, faults.USAGE_LIMIT_REACHED)
        assert fault.solution
    assert client.get("/jobs").json()["count"] == 3
    # Once the period has passed, there is something to use again.
    clock.advance(30 * 86_400)
    run(client)


def test_a_dedicated_session_at_the_usage_limit(timed: "Timed") -> None:
    """It is closed at the very moment, however late anybody looks."""
    _, client, clock = timed(usage_limit_s=100)
    start = clock.moment
    session_id = client.open()
    run(client, session_id)
    clock.advance(50)
    run(client, session_id)
    assert usage_of(client).consumed_s == 50
    clock.advance(49)
    run(client, session_id)
    assert client.session(session_id)["state"] == "active"
    clock.advance(30)
    record = SessionRecord.from_wire(client.session(session_id))
    assert record.closed_at == start + timedelta(seconds=100)
    assert record.elapsed_time_s == 100
    assert (usage_of(client).consumed_s, usage_of(client).limit_reached) == (100, True)


def test_a_job_that_runs_at_the_limit_completes(timed: "Timed") -> None:
    """Its session ends at once, and is charged until the job has ended."""
    runtime, client, clock = timed(usage_limit_s=100)
    session_id = client.open()
    held = client.submit("hold", session_id=session_id)
    client.wait(held, "Running")
    queued = client.submit("count", session_id=session_id)
    clock.advance(110)
    assert client.session(session_id)["state"] == "closed"
    assert client.job(queued)["state"]["status"] == "Cancelled"
    assert client.job(held)["state"]["status"] == "Running"
    runtime.release_held()
    assert client.wait(held)["state"]["status"] == "Completed"
    assert client.session(session_id)["elapsed_time"] == 110


def test_sessions_that_use_it_up_together(timed: "Timed") -> None:
    """Two on two backends take half of the time; one that went idle counts no more."""
    _, client, clock = timed(usage_limit_s=100)
    start = clock.moment
    first = client.open(backend="test_device")
    run(client, first)
    clock.advance(20)
    second = client.open(backend="other_device")
    body = {**JOB, "backend": "other_device", "session_id": second}
    client.wait(client.post("/jobs", json=body).json()["id"])
    # From 20 both count. At 60 the first is idle, and 100 are used just then.
    clock.advance(1000)
    closed = {SessionRecord.from_wire(client.session(one)).closed_at for one in (first, second)}
    assert closed == {start + timedelta(seconds=60)}
    assert usage_of(client).consumed_s == 100


def test_a_session_that_went_idle_before_the_limit(timed: "Timed") -> None:
    """It stops at its own time, and what is left is left, though nobody looked meanwhile."""
    _, client, clock = timed(usage_limit_s=100)
    session_id = client.open()
    run(client, session_id)
    clock.advance(1000)
    assert client.session(session_id)["state"] == "inactive"
    usage = usage_of(client)
    assert (usage.consumed_s, usage.limit_reached) == (60, False)


def test_the_limit_of_the_instance(timed: "Timed") -> None:
    """It holds beside the plan's, is kept over a restart, and cannot be below what was used."""
    runtime, client, _ = timed(plan_name="open")
    for wrong in (0, -1, "600", 1.5, True):
        assert set_limit(client, wrong) == 400
    assert client.put("/instances/configuration", json={}).status_code == 400
    assert client.put("/instances/configuration", json=[]).status_code == 400
    assert set_limit(client, 1000) == 204
    assert usage_of(client).limit_s == 600
    assert set_limit(client, 1) == 204
    assert usage_of(client).limit_s == 1
    assert client.get("/instances/configuration").json() == {"instance_limit": 1}
    instance = client.get("/instance").json()
    assert (instance["instance_limit_seconds"], instance["usage_allocation_seconds"]) == (
        "1",
        "600",
    )
    for _ in range(4):
        run(client)
    assert refusal(client).status == 409
    assert set_limit(client, 2) == 204
    run(client)
    assert set_limit(client, 1) == 409
    assert client.get("/instances/configuration").json() == {"instance_limit": 2}
    runtime.stop()
    _, client, _ = timed(plan_name="payg")
    assert usage_of(client).limit_s == 2
    assert set_limit(client, None) == 204
    assert usage_of(client).limit_s is None
    assert client.get("/instances/configuration").json() == {"instance_limit": None}


def test_a_job_that_takes_longer_than_its_cost(
    start_runtime: StartRuntime, connect: "Connect"
) -> None:
    """On a real lane: it is ended, charged until then, and the next one runs."""
    client = connect(start_runtime(is_real=True))
    session_id = client.open(mode="batch", backend="aer_simulator")
    params = {"pubs": [[ENDLESS, None, 100_000]], "version": 2}
    fields = {"backend": "aer_simulator", "session_id": session_id}
    reply = client.post("/jobs", json={**JOB, **fields, "params": params, "cost": 1})
    endless = reply.json()["id"]
    bell = "OPENQASM 3.0; qubit[1] q; bit[1] c; c[0] = measure q[0];"
    after = client.post("/jobs", json={**JOB, **fields, "params": {"pubs": [bell]}}).json()["id"]
    body = client.wait(endless)
    record = JobRecord.from_wire(body)
    assert (record.status, body["status"]) == ("Cancelled", "Cancelled - Ran too long")
    assert record.reason_code == 1305
    assert body["usage"] == {"qpu_charge_time_seconds": 1.0, "status": "complete"}
    assert client.get(f"/jobs/{endless}/results").status_code == 204
    assert client.wait(after)["state"]["status"] == "Completed"
    charged_s = 1 + client.job(after)["usage"]["qpu_charge_time_seconds"]
    assert usage_of(client).consumed_s == pytest.approx(charged_s, abs=0.001)


@pytest.mark.fast
@pytest.mark.parametrize(
    "wrong",
    [
        Conditions(plan_name="gold"),
        Conditions(usage_limit_s=0),
        Conditions(usage_limit_s=-5),
        Conditions(usage_limit_s=float("nan")),
    ],
)
def test_wrong_plans_and_limits(wrong: Conditions) -> None:
    """They are refused before anything starts."""
    with pytest.raises(InvalidValueError):
        wrong.checked_arguments()
