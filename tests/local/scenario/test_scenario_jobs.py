"""Jobs that end as a scenario says, wait as it says, and cost what it says."""

import time
from typing import TYPE_CHECKING, Any

import pytest

from qrsession.errors import InvalidValueError
from qrsession.local.scenario import Scenario
from qrsession.local.scenario.jobs import JobRule, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.local.conftest import Client, RunningRuntime

    StartRuntime = Callable[..., RunningRuntime]

CONTROL = "/_qrsession/scenario"


def play(client: "Client", *jobs: dict[str, Any]) -> None:
    reply = client.put(control_of(client), json={"jobs": jobs})
    assert reply.status_code == 200, reply.text


def control_of(client: "Client") -> str:
    return client.base.removesuffix("/api/v1") + CONTROL


def counts_of(client: "Client") -> list[tuple[int, int, Any]]:
    document = client.get(control_of(client)).json()
    return [(rule["matched"], rule["fired"], rule["left"]) for rule in document["jobs"]]


def used_s(client: "Client") -> float:
    return float(client.get("/instances/usage").json()["usage_consumed_seconds"])


def test_a_job_fails_as_it_is_told(client: "Client", runtime: "RunningRuntime") -> None:
    """With reason, code, solution, logs and charge; no lane saw it, and the next one completes."""
    play(
        client,
        {
            "outcome": "failed",
            "code": 1517,
            "reason": "The gate is unknown.",
            "solution": "Transpile it.",
            "logs": "Traceback",
            "charge_s": 2.5,
        },
    )
    failed = client.submit("count")
    body = client.wait(failed)
    assert body["state"] == {
        "status": "Failed",
        "reason": "The gate is unknown.",
        "reason_code": 1517,
        "reason_solution": "Transpile it.",
    }
    assert body["usage"] == {"qpu_charge_time_seconds": 2.5, "status": "complete"}
    assert client.get(f"/jobs/{failed}/results").status_code == 204
    assert client.get(f"/jobs/{failed}/logs").text == "Traceback"
    assert used_s(client) == 2.5
    assert runtime.lanes[0].seen == []
    assert client.wait(client.submit("count"))["status"] == "Completed"
    assert counts_of(client) == [(1, 1, 0)]


def test_jobs_are_cancelled_as_they_are_told(client: "Client") -> None:
    """The code for too long a run has a status of its own; without words there are some."""
    play(client, {"outcome": "cancelled", "code": 1305}, {"outcome": "cancelled"})
    bodies = [client.wait(client.submit("count")) for _ in range(2)]
    assert [body["status"] for body in bodies] == ["Cancelled - Ran too long", "Cancelled"]
    assert [body["state"]["reason_code"] for body in bodies] == [1305, 5202]
    assert all(body["state"]["reason"] for body in bodies)


def test_rules_match_program_backend_session_and_tag(client: "Client") -> None:
    """Each alone, by a pattern; and how often, as rules for requests do."""
    session_id = client.open(mode="batch")
    failed = {"outcome": "failed", "times": "always"}
    other: dict[str, Any] = {"backend": "other_device"}
    cases: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
        ({"program": "est*"}, {"program_id": "estimator"}, {}),
        ({"backend": "other_*"}, other, {}),
        ({"session_id": session_id}, {"session_id": session_id}, {}),
        ({"tag": "qrs-?"}, {"tags": ["x", "qrs-1"]}, {"tags": ["qrs-12"]}),
        ({"skip": 1, "times": 1}, {}, {}),
    ]
    for match, hit, miss in cases:
        play(client, {**failed, **match})
        assert client.wait(client.submit("count", **miss))["status"] == "Completed"
        assert client.wait(client.submit("count", **hit))["status"] == "Failed", match


def test_a_job_that_pretends_to_run_holds_its_lane(
    client: "Client", runtime: "RunningRuntime"
) -> None:
    """Until it is cancelled, which takes no time."""
    play(client, {"outcome": "failed", "run_s": 600})
    held, behind = client.submit("count"), client.submit("count")
    client.wait(held, "Running")
    assert client.job(behind)["status"] == "Queued"
    assert client.post(f"/jobs/{held}/cancel").status_code == 204
    assert client.wait(behind)["status"] == "Completed"
    assert client.job(held)["state"]["reason"] == "The job was cancelled by its user."
    assert len(runtime.lanes[0].seen) == 1


def test_a_runtime_that_ends_interrupts_such_a_job(
    client: "Client",
    runtime: "RunningRuntime",
    start_runtime: "StartRuntime",
    connect: "Callable[[RunningRuntime], Client]",
) -> None:
    """The next runtime, which knows no part of it, runs it for real."""
    play(client, {"outcome": "failed", "run_s": 600})
    interrupted = client.submit("count")
    client.wait(interrupted, "Running")
    client.close()
    started_s = time.monotonic()
    runtime.stop()
    assert time.monotonic() - started_s < 5
    assert connect(start_runtime()).wait(interrupted)["status"] == "Completed"


def test_a_job_may_not_pretend_for_longer_than_its_limit(client: "Client") -> None:
    """It is cancelled at its maximum execution time, and charged that."""
    play(client, {"outcome": "failed", "run_s": 600})
    body = client.wait(client.submit("count", cost=1))
    assert (body["status"], body["state"]["reason_code"]) == ("Cancelled - Ran too long", 1305)
    assert body["usage"]["qpu_charge_time_seconds"] == 1


def test_a_job_that_takes_long_has_its_result(client: "Client") -> None:
    """It runs for real, and is running for as long as is said, which is charged."""
    play(client, {"run_s": 0.4}, {"run_s": 0.1})
    started_s = time.monotonic()
    slow, less_slow = client.submit("count"), client.submit("count")
    assert client.wait(slow)["usage"]["qpu_charge_time_seconds"] == 0.4
    assert time.monotonic() - started_s >= 0.4
    assert client.get(f"/jobs/{slow}/results").json()["metadata"]["pubs"] == 1
    # A lane of these tests takes 0.25 s by its own account, which is more.
    assert client.wait(less_slow)["usage"]["qpu_charge_time_seconds"] == 0.25


def test_a_job_waits_in_the_queue(client: "Client") -> None:
    """Others pass it, and it runs when its time has come, by itself."""
    play(client, {"queue_s": 600}, {"queue_s": 0.3})
    started_s = time.monotonic()
    longer, shorter = client.submit("count"), client.submit("count")
    assert client.wait(client.submit("count"))["status"] == "Completed"
    assert client.wait(shorter)["status"] == "Completed"
    assert time.monotonic() - started_s >= 0.3
    assert client.job(longer)["status"] == "Queued"
    assert client.get(control_of(client)).json()["queued_jobs"] == [longer]


def test_sessions_know_their_jobs_that_wait(client: "Client") -> None:
    """In a dedicated session too, the job in front lets the next one pass."""
    session_id = client.open()
    client.wait(client.submit("count", session_id=session_id))
    play(client, {"queue_s": 600})
    first, second = (client.submit("count", session_id=session_id) for _ in range(2))
    assert client.wait(second)["status"] == "Completed"
    client.delete(f"/sessions/{session_id}/close")
    assert client.wait(first)["status"] == "Cancelled"
    assert client.session(session_id)["state"] == "closed"


def test_the_end_of_a_scenario_lets_jobs_go(client: "Client") -> None:
    """What waits runs as any other, what runs ends as it was told."""
    play(client, {"queue_s": 600, "outcome": "failed"}, {"run_s": 600, "outcome": "failed"})
    waiting, running = client.submit("count"), client.submit("count")
    client.wait(running, "Running")
    assert client.delete(control_of(client)).status_code == 204
    assert client.wait(waiting)["status"] == "Completed"
    assert client.wait(running)["status"] == "Failed"


def test_a_refused_submission_gets_no_part(client: "Client") -> None:
    """A rule is for jobs that exist."""
    play(client, {"outcome": "failed"})
    assert (
        client.post("/jobs", json={"program_id": "sampler", "backend": "none"}).status_code == 400
    )
    assert counts_of(client) == [(0, 0, 1)]


def test_more_can_be_added(client: "Client") -> None:
    """What plays goes on, with its counts."""
    play(client, {"outcome": "failed", "times": 2})
    client.wait(client.submit("count"))
    more = {"jobs": [{"outcome": "cancelled"}], "rules": [{"effect": "answer", "status": 500}]}
    assert client.post(control_of(client), json=more).status_code == 200
    assert client.post("/jobs", json={}).status_code == 500
    statuses = [client.wait(client.submit("count"))["status"] for _ in range(3)]
    assert statuses == ["Failed", "Cancelled", "Completed"]
    assert counts_of(client) == [(2, 2, 0), (1, 1, 0)]


def test_a_reset_leaves_nothing(client: "Client", runtime: "RunningRuntime") -> None:
    """Neither jobs, queued, running or done, nor sessions, usage, limits, or what goes wrong."""
    session_id = client.open(mode="batch")
    client.wait(client.submit("count", session_id=session_id, tags=["mine"]))
    running = client.submit("hold")
    client.wait(running, "Running")
    queued = client.submit("count")
    client.put("/instances/configuration", json={"instance_limit": 100})
    play(client, {"outcome": "failed", "times": "always"})
    reset = control_of(client).replace("scenario", "reset")
    assert client.post(reset).status_code == 204
    assert client.get("/jobs").json()["count"] == 0
    assert client.get("/workloads").json()["total_count"] == 0
    assert client.get("/tags?type=job&search=mine").json()["tags"] == []
    assert client.get("/instances/configuration").json() == {"instance_limit": None}
    assert used_s(client) == 0
    assert counts_of(client) == []
    for gone in (running, queued):
        assert client.get(f"/jobs/{gone}").status_code == 404
    assert client.get(f"/sessions/{session_id}").status_code == 404
    assert client.get("/backends").json()["devices"][0]["queue_length"] == 0
    # The lane is free again: what it was running was killed.
    assert client.wait(client.submit("count"))["status"] == "Completed"
    assert runtime.lanes[0].kills == 1


@pytest.mark.fast
@pytest.mark.parametrize(
    ("rule", "path"),
    [
        ({}, "jobs[1].outcome"),
        ({"outcome": "lost"}, "jobs[1].outcome"),
        ({"outcome": "failed", "code": 1}, "jobs[1].code"),
        ({"outcome": "failed", "code": "1517"}, "jobs[1].code"),
        ({"run_s": 1, "reason": "x"}, "jobs[1].reason"),
        ({"outcome": "completed", "run_s": 1, "logs": "x"}, "jobs[1].logs"),
        ({"outcome": "failed", "run_s": -1}, "jobs[1].run_s"),
        ({"outcome": "failed", "queue_s": 3601}, "jobs[1].queue_s"),
        ({"outcome": "failed", "charge_s": float("inf")}, "jobs[1].charge_s"),
        ({"outcome": "failed", "times": 0}, "jobs[1].times"),
        ({"outcome": "failed", "method": "POST"}, "jobs[1].method"),
        ({"outcome": "failed", "tag": ["a"]}, "jobs[1].tag"),
        ("failed", "jobs[1]"),
    ],
)
def test_a_wrong_rule_is_named_by_its_path(rule: Any, path: str) -> None:
    """And no rule is silently half understood."""
    with pytest.raises(InvalidValueError) as caught:
        Scenario.from_document({"jobs": [{"outcome": "failed"}, rule]})
    assert caught.value.details["path"] == path
    assert path in caught.value.message


@pytest.mark.fast
def test_a_rule_reads_back_what_it_writes() -> None:
    """What the control shows can be given again."""
    rules = (
        JobRule(Outcome.FAILED, code=1517, reason="x", run_s=2, charge_s=0.0, times=None),
        JobRule(name="slow", queue_s=1.5, program="sampler", skip=3, probability=0.5),
    )
    written = {"jobs": [rule.to_document() for rule in rules]}
    assert Scenario.from_document(written) == Scenario(jobs=rules)
