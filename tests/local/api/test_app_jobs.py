"""The endpoints of jobs, as clients use them."""

import hashlib
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from qrsession.protocol.faults import Fault
from qrsession.protocol.models import JobCreated, JobMetrics, JobPage, JobRecord

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.local.conftest import Client, RunningRuntime

    Connect = Callable[[RunningRuntime], Client]

BODY: dict[str, Any] = {
    "program_id": "sampler",
    "backend": "test_device",
    "params": {"pubs": ["count"], "version": 2, "support_qiskit": True, "options": {}},
}


def _refusal(client: "Client", body: Any) -> Fault:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    reply = client.post("/jobs", data=data)
    assert client.get("/jobs").json()["count"] == 0
    return Fault.from_reply(reply.status_code, reply.text)


def test_a_job_from_submission_to_result(client: "Client", runtime: "RunningRuntime") -> None:
    """Every record can be read by the protocol's own models."""
    headers = {"X-Qx-Client-Application": "a-client/1.0"}
    reply = client.post("/jobs", json={**BODY, "tags": ["mine"]}, headers=headers)
    assert reply.status_code == 200
    created = JobCreated.from_wire(reply.json())
    assert re.fullmatch(r"[a-z0-9]{20}", created.job_id)
    assert created.backend == "test_device"

    record = JobRecord.from_wire(client.wait(created.job_id))
    assert (record.status, record.program_id, record.tags) == ("Completed", "sampler", ("mine",))
    assert record.cost_s == 10_800
    assert record.usage is not None
    assert record.usage.is_complete
    assert record.usage.qpu_charge_time_s == 0.25

    result = client.get(f"/jobs/{created.job_id}/results")
    sent = runtime.lanes[0].seen[0].params_json
    digest = hashlib.sha256(sent).hexdigest()
    assert result.json()["results"][0]["data"]["digest"] == digest
    assert json.loads(sent) == BODY["params"]
    assert client.get(f"/jobs/{created.job_id}/logs").text == "ran\n"

    body = client.get(f"/jobs/{created.job_id}/metrics").json()
    metrics = JobMetrics.from_wire(body)
    assert metrics.created is not None
    assert metrics.running is not None
    assert metrics.finished is not None
    assert metrics.created <= metrics.running <= metrics.finished
    assert metrics.circuits_execution_time_ns == 1_500_000
    assert (metrics.caller, metrics.qiskit_version) == ("a-client/1.0", "2.6.2")


def test_params_are_given_back_as_they_were_sent(client: "Client") -> None:
    """Byte by byte, unless the client does without them; in lists only on demand."""
    params = '{"pubs" :[ "cöunt" ] }'
    text = f'{{"program_id":"sampler","backend":"test_device","params":{params}}}'
    job_id = client.post("/jobs", data=text.encode()).json()["id"]
    client.wait(job_id)
    assert params in client.get(f"/jobs/{job_id}").text
    assert client.get(f"/jobs/{job_id}").json()["params"] == {"pubs": ["cöunt"]}
    assert "params" not in client.get(f"/jobs/{job_id}?exclude_params=true").json()
    assert "params" not in client.get("/jobs").json()["jobs"][0]
    assert params in client.get("/jobs?exclude_params=false").text


def test_equal_submissions_are_separate_jobs(client: "Client") -> None:
    """As on IBM's service: no key, tag or body makes two submissions one."""
    ids = {client.submit("count", tags=["same"]) for _ in range(3)}
    assert len(ids) == 3
    for job_id in ids:
        client.wait(job_id)
    assert client.get("/jobs?tags=same").json()["count"] == 3


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"tags": list("abcdefghi")}, 400, 1204),
        ({"tags": ["x" * 87]}, 400, 1205),
        ({"tags": "x"}, 400, 1208),
        ({"backend": "no_such_device"}, 400, 1208),
        ({"backend": None}, 400, 1208),
        ({"program_id": "circuit-runner"}, 404, 1208),
        ({"program_id": 7}, 400, 1208),
        ({"cost": -1}, 400, 1208),
        ({"cost": "300"}, 400, 1208),
        ({"cost": True}, 400, 1208),
        ({"session_id": "x" * 37}, 400, 1208),
        ({"session_id": "unknown"}, 400, 1208),
        ({"log_level": "loud"}, 400, 1208),
        ({"calibration_id": "x" * 101}, 400, 1208),
        ({"private": "yes"}, 400, 1208),
        ({"params": []}, 400, 1208),
        ({"params": {}}, 400, 1208),
        ({"params": {"pubs": "count"}}, 400, 1208),
        ({"params": {"pubs": [], "version": 1}}, 400, 1208),
        ({"params": {"pubs": [], "support_qiskit": "yes"}}, 400, 1208),
        ({"params": {"pubs": [], "shots": -1}}, 400, 1208),
    ],
)
def test_what_is_refused(client: "Client", change: dict[str, Any], status: int, code: int) -> None:
    """With IBM's numbers, and nothing is queued."""
    fault = _refusal(client, {**BODY, **change})
    assert (fault.status, fault.code) == (status, code)
    assert fault.message
    assert fault.solution


@pytest.mark.parametrize(
    ("program_id", "extra", "path"),
    [
        ("sampler", {"options": {"twirling": {"strategy": "wild"}}}, "params.options.twirling"),
        ("sampler", {"options": {"default_shots": 0}}, "params.options.default_shots"),
        ("sampler", {"options": {"resilience": {}}}, "params.options.resilience"),
        ("sampler", {"options": []}, "params.options"),
        ("sampler", {"precision": 0.1}, "params.precision"),
        (
            "estimator",
            {"options": {"resilience": {"zne": {"noise_factors": [0]}}}},
            "noise_factors",
        ),
        (
            "estimator",
            {"options": {"resilience": {"pec_mitigation": True}}, "resilience_level": 2},
            "params.options.resilience.pec_mitigation",
        ),
        (
            "estimator",
            {"options": {"resilience": {"zne": {"extrapolator": "polynomial_degree_3"}}}},
            "params.options.resilience.zne.noise_factors",
        ),
        ("estimator", {"resilience_level": 3}, "params.resilience_level"),
        ("estimator", {"shots": 3}, "params.shots"),
    ],
)
def test_wrong_options_are_refused_with_their_path(
    client: "Client", program_id: str, extra: dict[str, Any], path: str
) -> None:
    """Unknown names and values out of bounds, on every level."""
    params = {"pubs": [], **extra}
    fault = _refusal(client, {**BODY, "program_id": program_id, "params": params})
    assert (fault.status, fault.code) == (400, 1208)
    assert path in fault.message


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b'{"program_id" "sampler"}',
        b'{"program_id":"sampler",}',
        b"{} {}",
        b"{program_id: 1}",
        b'{"program_id":NaN}',
        b'{"params":{"pubs":[Infinity]}}',
        b"\xff\xfe",
        b'{"params":' + b"[" * 100_000,
        b'{"params":{"pubs":' + b"[" * 50_000 + b"]" * 50_000 + b"}}",
    ],
)
def test_bodies_that_are_no_json(client: "Client", body: bytes) -> None:
    """Cut off, of another type, nested without end: 1208, and the runtime serves on."""
    fault = _refusal(client, body)
    assert (fault.status, fault.code) == (400, 1208)
    assert client.wait(client.submit("count"))["state"]["status"] == "Completed"


def test_a_cost_beyond_the_longest_is_cut(client: "Client", runtime: "RunningRuntime") -> None:
    """The API caps it, and takes zero as none given."""
    for cost_s, kept_s in ((20_000, 10_800), (0, 10_800), (5, 5)):
        job_id = client.submit("count", cost=cost_s)
        assert client.wait(job_id)["cost"] == kept_s
        assert runtime.lanes[0].seen[-1].cost_s == kept_s


def test_a_held_request_answers_when_the_state_changes(
    client: "Client", runtime: "RunningRuntime", connect: "Connect"
) -> None:
    """At once for who asks without it, and after the time that was asked for at the latest."""
    held = client.submit("hold")
    client.wait(held, "Running")
    assert "Preference-Applied" not in client.get(f"/jobs/{held}").headers
    begun_s = time.monotonic()
    reply = client.get(f"/jobs/{held}", headers={"Prefer": "respond-async, wait=1"})
    waited_s = time.monotonic() - begun_s
    assert reply.json()["state"]["status"] == "Running"
    assert reply.headers["Preference-Applied"] == "wait"
    assert 0.9 < waited_s < 5
    other = connect(runtime)
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(other.get, f"/jobs/{held}", headers={"Prefer": "wait=10"})
        while not runtime.in_loop(lambda: held in runtime.parts.changes._waiting):
            assert not waiting.done()
        begun_s = time.monotonic()
        runtime.release_held()
        assert waiting.result(5).json()["state"]["status"] == "Completed"
    assert time.monotonic() - begun_s < 2
    begun_s = time.monotonic()
    reply = client.get(f"/jobs/{held}", headers={"Prefer": "wait=10"})
    assert reply.headers["Preference-Applied"] == "wait"
    assert time.monotonic() - begun_s < 2


def test_a_held_request_for_a_result_answers_when_the_job_has_ended(
    client: "Client", runtime: "RunningRuntime", connect: "Connect"
) -> None:
    """With the result, though the job began in between; with 204 where it gave none."""
    held, queued = client.submit("hold"), client.submit("count")
    prefer = {"Prefer": "wait=10"}
    other = connect(runtime)
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(other.get, f"/jobs/{queued}/results", headers=prefer)
        while not runtime.in_loop(lambda: queued in runtime.parts.changes._waiting):
            assert not waiting.done()
        runtime.release_held()
        reply = waiting.result(5)
    assert (reply.status_code, reply.headers["Preference-Applied"]) == (200, "wait")
    assert reply.json()["results"]
    assert client.get(f"/jobs/{held}/results", headers=prefer).status_code == 200
    failed = client.submit("fail")
    reply = client.get(f"/jobs/{failed}/results", headers=prefer)
    assert (reply.status_code, reply.headers["Preference-Applied"]) == (204, "wait")
    waiting_s = {"Prefer": "wait=1"}
    still = client.submit("hold")
    assert client.get(f"/jobs/{still}/results", headers=waiting_s).status_code == 204
    assert client.job(still)["state"]["status"] == "Running"
    runtime.release_held()


def test_private_jobs(client: "Client") -> None:
    """No inputs are given back, and the result once."""
    reply = client.post("/jobs", json={**BODY, "private": True}).json()
    assert reply["private"] is True
    job_id = reply["id"]
    body = client.wait(job_id)
    assert body["private"] is True
    assert "params" not in client.get(f"/jobs/{job_id}").json()
    assert "params" not in client.get("/jobs?exclude_params=false").json()["jobs"][0]
    assert client.get(f"/jobs/{job_id}/results").json()["results"]
    assert client.get(f"/jobs/{job_id}/results").status_code == 204


def test_results_before_the_end(client: "Client") -> None:
    """204 while there is none, and the job cannot be deleted."""
    held = client.submit("hold")
    assert client.get(f"/jobs/{held}/results").status_code == 204
    assert client.get(f"/jobs/{held}/logs").status_code == 404
    reply = client.delete(f"/jobs/{held}")
    assert reply.status_code == 400
    usage = client.job(held)["usage"]
    assert usage == {"qpu_charge_time_seconds": 0, "status": "pending"}


def test_a_final_job(client: "Client") -> None:
    """It cannot be cancelled, it can be deleted, and is gone then."""
    job_id = client.submit("count")
    client.wait(job_id)
    reply = client.post(f"/jobs/{job_id}/cancel")
    assert reply.status_code == 409
    assert client.delete(f"/jobs/{job_id}").status_code == 204
    for path in ("", "/results", "/logs", "/metrics"):
        reply = client.get(f"/jobs/{job_id}{path}")
        fault = Fault.from_reply(reply.status_code, reply.text)
        assert fault.status == 404
        assert job_id in fault.message
    assert client.delete(f"/jobs/{job_id}").status_code == 404
    assert client.post(f"/jobs/{job_id}/cancel").status_code == 404
    assert client.put(f"/jobs/{job_id}/tags", json={"tags": []}).status_code == 404


def test_tags(client: "Client") -> None:
    """Set, replaced, searched; the number and length are bounded here too."""
    job_id = client.submit("count", tags=["alpha", "beta"])
    assert client.put(f"/jobs/{job_id}/tags", json={"tags": ["gamma", "Größe"]}).status_code == 204
    assert client.job(job_id)["tags"] == ["gamma", "Größe"]
    assert client.get("/jobs?tags=alpha").json()["count"] == 0
    assert client.get("/jobs", params={"tags": ["gamma", "Größe"]}).json()["count"] == 1
    assert client.get("/tags?type=job&search=AMM").json() == {"tags": ["gamma"]}
    for query in ("type=job", "search=gamma", "type=job&search=ga", "type=job&search=" + "x" * 101):
        assert client.get(f"/tags?{query}").status_code == 400
    for tags, code in (([""] * 9, 1204), (["x" * 87], 1205), ("x", 1208), ([1], 1208)):
        reply = client.put(f"/jobs/{job_id}/tags", json={"tags": tags})
        assert Fault.from_reply(reply.status_code, reply.text).code == code
    assert client.put(f"/jobs/{job_id}/tags", json={"tags": []}).status_code == 204
    assert client.job(job_id)["tags"] == []


def test_the_list(client: "Client") -> None:
    """Filters, order and pages; what is out of range falls back, what is wrong is refused."""
    ids = [client.submit("count", tags=["even" if n % 2 == 0 else "odd"]) for n in range(4)]
    for job_id in ids:
        client.wait(job_id)
    session_id = client.open(backend="other_device")
    held = client.submit("hold", backend="other_device", session_id=session_id)
    client.wait(held, "Running")
    created = client.job(ids[2])["created"]

    def listed(**query: Any) -> tuple[list[str], int]:
        reply = client.get("/jobs", params=query)
        assert reply.status_code == 200, reply.text
        page = JobPage.from_wire(reply.json())
        return [job.job_id for job in page.jobs], page.count

    newest = [held, *ids[::-1]]
    assert listed() == (newest, 5)
    assert listed(limit=2) == (newest[:2], 5)
    assert listed(limit=2, offset=2) == (newest[2:4], 5)
    assert listed(sort="ASC", limit=1) == (ids[:1], 5)
    assert listed(limit=0) == listed(limit=201) == listed(limit="x") == (newest, 5)
    assert listed(pending="true") == ([held], 1)
    assert listed(pending="false") == (newest[1:], 4)
    assert listed(backend="other_device") == ([held], 1)
    assert listed(program="estimator") == ([], 0)
    assert listed(session_id=session_id) == ([held], 1)
    assert listed(session_id="unknown") == ([], 0)
    assert listed(tags="odd") == ([ids[3], ids[1]], 2)
    assert listed(tags=["odd", "even"]) == ([], 0)
    # The service knows only repeated keys, and reads past this one.
    assert listed(**{"tags[]": "odd"}) == (newest, 5)
    assert ids[2] in listed(created_after=created)[0]
    assert ids[2] in listed(created_before=created)[0]
    assert listed(created_after="2031-01-01T00:00:00+02:00") == ([], 0)
    assert listed(created_before="2031-01-01", include_mocks="True") == (newest, 5)
    for query in ("sort=UP", "pending=maybe", "created_after=then", "program=" + "x" * 64):
        assert client.get(f"/jobs?{query}").status_code == 400
    assert client.get("/jobs", params={"tags": ["x"] * 9}).status_code == 400


def test_shapes_of_the_api_versions(client: "Client") -> None:
    """Usage and metrics, as the changelog has them."""
    job_id = client.submit("count")
    client.wait(job_id)

    def bodies(version: str | None) -> tuple[dict[str, Any], dict[str, Any]]:
        headers = {"IBM-API-Version": version}
        metrics = client.get(f"/jobs/{job_id}/metrics", headers=headers).json()
        return metrics, client.get("/jobs", headers=headers).json()["jobs"][0]

    metrics, job = bodies("2026-04-15")
    assert metrics["usage"] == {"qpu_charge_time_seconds": 0.25, "status": "complete"}
    assert job["usage"] == metrics["usage"]
    assert metrics["circuits_execution_time_ns"] == 1_500_000
    assert "bss" not in metrics
    metrics, job = bodies("2026-03-15")
    assert metrics["usage"]["circuits_execution_time_ns"] == 1_500_000
    assert metrics["usage"]["status"] == "complete"
    assert "circuits_execution_time_ns" not in metrics
    for version in ("2025-05-01", None):
        metrics, job = bodies(version)
        assert metrics["bss"] == {"seconds": 0.25}
        assert metrics["usage"]["quantum_seconds"] == metrics["usage"]["seconds"] == 0.25
        assert "qpu_charge_time_seconds" not in job["usage"]
