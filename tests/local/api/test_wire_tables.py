"""The tables of IBM's API reference, written down by hand, held against what the runtime answers.

Nothing here comes from our own records of the wire: a fault in those would be in both.
"""

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import pytest
import requests

if TYPE_CHECKING:
    from tests.local.conftest import Client, RunningRuntime

    Connect = Callable[[RunningRuntime], Client]

StartRuntime = Callable[..., "RunningRuntime"]
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
DATE = re.compile(r"\d{4}-\d\d-\d\d")

# A field's name, with "?" where it may be absent; and its kinds, or the table or list that it is.
USAGE = {"qpu_charge_time_seconds": "number", "status": "text"}
VERSIONS = {"versions": [{"version": "date", "status": "text", "sunset_date?": "date"}]}
SESSION = {
    "id": "text",
    "backend_name": "text|null",
    "mode": "text",
    "state": "text",
    "state_reason?": "text",
    "accepting_jobs": "bool",
    "max_ttl": "int",
    "interactive_ttl": "int",
    "active_ttl": "int",
    "started_at": "moment|null",
    "activated_at": "moment|null",
    "closed_at": "moment|null",
    "last_job_started": "moment|null",
    "last_job_completed": "moment|null",
    "timestamps": [{"status": "text", "timestamp": "moment"}],
    "user_id": "text",
    "elapsed_time": "number|null",
}
CREATED_JOB = {
    "id": "text",
    "backend": "text",
    "session_id?": "text",
    "private?": "bool",
    "calibration_id?": "text",
}
JOB = {
    "id": "text",
    "backend": "text",
    "created": "moment",
    "program": {"id": "text"},
    "state": {
        "status": "text",
        "reason?": "text",
        "reason_code?": "int",
        "reason_solution?": "text",
    },
    "status": "text",
    "cost": "int",
    "tags": ["text"],
    "session_id?": "text",
    "user_id": "text",
    "runtime?": "text",
    "params?": "object",
    "private?": "bool",
    "calibration_id?": "text",
    "estimated_running_time_seconds?": "number",
    "usage": USAGE,
}
JOBS = {"jobs": [JOB], "count": "int", "offset": "int", "limit": "int"}
METRICS = {
    "caller": "text|null",
    "timestamps": {"created": "moment", "running": "moment|null", "finished": "moment|null"},
    "usage": USAGE,
    "circuits_execution_time_ns": "int|null",
    "qiskit_version": "text|null",
}
BACKENDS = {
    "devices": [
        {
            "name": "text",
            "status": {"name": "text", "reason?": "text"},
            "queue_length": "int",
            "is_simulator?": "bool",
            "qubits?": "int",
            "clops?": {"type": "text", "value": "number"},
            "processor_type?": {"family": "text", "revision?": "text", "segment?": "text"},
            "performance_metrics?": {
                "two_q_error_best?": {
                    "value": "number",
                    "gate": "text",
                    "qubits": ["int"],
                    "unit": "text",
                },
                "two_q_error_layered?": {"value": "number", "unit": "text"},
                "two_q_error_median?": {"value": "number", "unit": "text"},
                "readout_error_median?": {"value": "number", "unit": "text"},
            },
            "wait_time_seconds?": {"average": "number", "p50": "number", "p95": "number"},
        }
    ]
}
STATUS = {
    "state": "bool",
    "status": "text",
    "message": "text",
    "length_queue": "int",
    "backend_version": "text",
}
INSTANCE_USAGE = {
    "instance_id": "text",
    "plan_id": "text",
    "usage_consumed_seconds": "number",
    "usage_period": {"start_time": "moment", "end_time": "moment"},
    "usage_limit_seconds?": "number",
    "usage_allocation_seconds?": "number",
    "usage_limit_reached?": "bool",
}
INSTANCE = {
    "backends": ["text"],
    "plan_id": "text",
    "instance_limit?": "int",
    "instance_limit_seconds?": "text",
    "usage_allocation_seconds?": "text",
}
ACCOUNT = {
    "plans": [
        {
            "plan_id": "text",
            "subscription_id?": "text",
            "subscription_name?": "text",
            "backends": ["text"],
            "usage_allocation_seconds?": "number",
            "usage_limit_seconds?": "number",
            "unallocated_usage_seconds?": "number",
            "max_ttl": "int",
            "active_ttl": "int",
            "interactive_ttl": "int",
            "start_time?": "moment",
            "end_time?": "moment",
            "functions": ["text"],
        }
    ]
}
WORKLOADS = {
    "workloads": [
        {
            "id": "text",
            "created": "moment",
            "ended": "moment|null",
            "backend": "text|null",
            "instance": "text",
            "user_id": "text",
            "accepting_jobs": "bool|null",
            "mode": "text",
            "status": "text",
            "status_reason?": "text",
            "tags": ["text"],
            "usage": "usage|null",
            "usage_seconds": "number|null",
            "estimated_running_time_seconds?": "number",
        }
    ],
    "total_count": "int",
    "limit": "int",
    "previous?": {"href": "text"},
    "next?": {"href": "text"},
}
FAULT = {
    "errors": [{"code": "int|text", "message": "text", "solution?": "text", "more_info": "text"}],
    "trace": "text",
}

KINDS: dict[str, Callable[[Any], bool]] = {
    "text": lambda value: isinstance(value, str) and value != "",
    "int": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "bool": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "object": lambda value: isinstance(value, dict),
    "moment": lambda value: isinstance(value, str) and MOMENT.fullmatch(value) is not None,
    "date": lambda value: isinstance(value, str) and DATE.fullmatch(value) is not None,
    "usage": lambda value: not list(misfits(value, USAGE)),
}
JOB_BODY: dict[str, Any] = {
    "program_id": "sampler",
    "backend": "test_device",
    "params": {"pubs": ["count"], "version": 2},
}


def misfits(value: Any, wanted: Any, path: str = "body") -> Iterable[str]:
    """Say where a value is not what a table has: absent, of another kind, or not in the table."""
    if isinstance(wanted, str):
        if not any(KINDS[kind](value) for kind in wanted.split("|")):
            yield f"{path} is {value!r}, not {wanted}"
    elif not isinstance(value, type(wanted)):
        yield f"{path} is {value!r}, which is no {type(wanted).__name__}"
    elif isinstance(wanted, list):
        for number, part in enumerate(value):
            yield from misfits(part, wanted[0], f"{path}[{number}]")
    else:
        known = {name.removesuffix("?"): shape for name, shape in wanted.items()}
        absent = {name for name in wanted if not name.endswith("?")} - value.keys()
        yield from (f"{path}.{name} is not in the table" for name in value.keys() - known.keys())
        yield from (f"{path}.{name} is missing" for name in absent)
        for name in value.keys() & known.keys():
            yield from misfits(value[name], known[name], f"{path}.{name}")


def fits(reply: requests.Response, wanted: Any, status: int = 200) -> Any:
    """Hold a reply against its status and its table, and return its body."""
    assert reply.status_code == status, f"{reply.request.url}: {reply.status_code} {reply.text}"
    body = reply.json()
    assert list(misfits(body, wanted)) == [], reply.request.url
    return body


@pytest.mark.fast
def test_the_checker_sees_what_differs() -> None:
    """A test of tables is worth what its eye is worth."""
    good = {"qpu_charge_time_seconds": 1.5, "status": "pending"}
    assert list(misfits(good, USAGE)) == []
    wrongs: list[tuple[Any, Any]] = [
        ({**good, "more": 1}, USAGE),
        ({"status": "pending"}, USAGE),
        ({**good, "status": 3}, USAGE),
        ([], USAGE),
        (None, USAGE),
        ({"versions": [{"version": "1", "status": "live"}]}, VERSIONS),
        (True, "int"),
        ("", "text"),
        ("2026-01-01T00:00:00Z", "moment"),
        (None, "text|int"),
    ]
    for value, wanted in wrongs:
        assert list(misfits(value, wanted)), value


def test_every_body_has_its_fields(start_runtime: StartRuntime, connect: "Connect") -> None:
    """In each state of a job and of a session; empty lists would prove nothing."""
    runtime = start_runtime(lanes=2)
    client = connect(runtime)
    anonymous = requests.get(f"{runtime.url}/api/v1/versions", timeout=20)
    versions = fits(anonymous, VERSIONS)["versions"]
    assert {entry["version"]: entry.get("sunset_date") for entry in versions} == {
        "2024-01-01": "2027-01-01",
        "2025-01-01": "2027-01-01",
        "2025-05-01": "2027-01-01",
        "2026-02-01": "2027-02-01",
        "2026-02-15": "2027-02-15",
        "2026-03-15": "2027-03-15",
        "2026-04-15": None,
    }
    wanted = {"mode": "dedicated", "backend": "test_device", "instance": "crn:x"}
    session_id = fits(client.post("/sessions", json=wanted), SESSION)["id"]
    fits(client.post("/sessions", json={"mode": "batch"}), SESSION)
    more = {"session_id": session_id, "tags": ["t1"], "private": True, "calibration_id": "c"}
    created = fits(client.post("/jobs", json={**JOB_BODY, **more}), CREATED_JOB)
    assert (created["private"], created["calibration_id"]) == (True, "c")
    client.wait(created["id"])
    ids = [created["id"]]
    elsewhere = {**JOB_BODY, "backend": "other_device"}
    for order in ("hold", "fail", "overrun", "count"):
        body = {**elsewhere, "params": {"pubs": [order]}}
        reply = fits(client.post("/jobs", json=body), CREATED_JOB)
        assert set(reply) == {"id", "backend"}
        ids.append(reply["id"])
    for job_id in ids[2:]:
        client.wait(job_id)
    for job_id in ids:
        fits(client.get(f"/jobs/{job_id}"), JOB)
        fits(client.get(f"/jobs/{job_id}/metrics"), METRICS)
    assert "params" in client.get(f"/jobs/{ids[2]}").json()
    assert len(fits(client.get("/jobs?exclude_params=false"), JOBS)["jobs"]) == len(ids)
    fits(client.get("/tags?type=job&search=t1x"), {"tags": ["text"]})
    fits(client.get(f"/sessions/{session_id}"), SESSION)
    backends = fits(client.get("/backends?fields=wait_time_seconds&include_mocks=True"), BACKENDS)
    assert all("wait_time_seconds" in device for device in backends["devices"])
    fits(client.get("/backends/test_device/status"), STATUS)
    assert len(fits(client.get("/workloads?limit=3"), WORKLOADS)["workloads"]) == 3
    fits(client.get("/workloads?mode=session"), WORKLOADS)
    runtime.release_held()
    client.wait(ids[1])
    client.delete(f"/sessions/{session_id}/close")
    fits(client.get(f"/sessions/{session_id}"), SESSION)
    fits(client.get("/workloads"), WORKLOADS)


def test_bodies_of_the_instance(start_runtime: StartRuntime, connect: "Connect") -> None:
    """With a limit and without one; two of its fields are text, as the reference has them."""
    client = connect(start_runtime())
    for limit_s in (None, 61):
        usage = fits(client.get("/instances/usage"), INSTANCE_USAGE)
        instance = fits(client.get("/instance"), INSTANCE)
        # What has to do with a limit is there where one applies.
        is_limited = limit_s is not None
        assert ("usage_limit_reached" in usage) is is_limited
        assert ("instance_limit_seconds" in instance) is is_limited
        fits(client.get("/accounts/abc"), ACCOUNT)
        fits(client.get("/instances/configuration"), {"instance_limit": "int|null"})
        put = client.put("/instances/configuration", json={"instance_limit": 61})
        assert (put.status_code, put.content) == (204, b"")
    assert client.get("/instance").json()["instance_limit_seconds"] == "61"


def test_every_endpoint_asks_for_a_token(client: "Client") -> None:
    """And says so in the form of all faults, with the code of the registry."""
    for method, path in _ENDPOINTS:
        reply = client.request(method, path, json={}, headers={"Authorization": "Bearer no"})
        body = fits(reply, FAULT, 401)
        assert body["errors"][0]["code"] == 1201


_ENDPOINTS = [
    ("POST", "/sessions"),
    ("GET", "/sessions/x"),
    ("PATCH", "/sessions/x"),
    ("DELETE", "/sessions/x/close"),
    ("POST", "/jobs"),
    ("GET", "/jobs"),
    ("GET", "/jobs/x"),
    ("DELETE", "/jobs/x"),
    ("GET", "/jobs/x/results"),
    ("POST", "/jobs/x/cancel"),
    ("GET", "/jobs/x/logs"),
    ("GET", "/jobs/x/metrics"),
    ("PUT", "/jobs/x/tags"),
    ("GET", "/tags"),
    ("GET", "/backends"),
    ("GET", "/backends/x/configuration"),
    ("GET", "/backends/x/properties"),
    ("GET", "/backends/x/status"),
    ("GET", "/backends/x/defaults"),
    ("GET", "/instances/usage"),
    ("GET", "/instance"),
    ("GET", "/instances/configuration"),
    ("PUT", "/instances/configuration"),
    ("GET", "/accounts/x"),
    ("GET", "/workloads"),
]


def test_what_is_not_there(client: "Client") -> None:
    """What a path names, and paths that the API has no more or has elsewhere."""
    for method, path in _ENDPOINTS:
        if "/x" in path and "accounts" not in path:
            body = {"accepting_jobs": False, "tags": []}
            reply = client.request(method, path, json=body)
            assert "x" in fits(reply, FAULT, 404)["errors"][0]["message"]
    job_id = client.submit("count")
    client.wait(job_id)
    for path in (
        f"/jobs/{job_id}/transpiled_circuits",
        f"/jobs/{job_id}/interim_results",
        "/usage",
        "/programs",
        "/network",
        "/analytics/usage",
        "/sessions",
        "/session/x",
    ):
        reply = client.get(path)
        assert reply.status_code in ({405} if path == "/sessions" else {404}), path
        fits(reply, FAULT, reply.status_code)


_X = "x"
# Of POST /sessions: what is sent beside a valid body, and the code of the refusal if it is one.
_SESSION_BOUNDS: list[tuple[dict[str, Any], int | None]] = [
    ({}, None),
    ({"max_ttl": 1}, None),
    ({"max_ttl": 28_800}, None),
    ({"mode": "batch"}, None),
    ({"interactive_ttl": 5, "active_ttl": 9, "unknown": {}}, None),
    ({"max_ttl": 0}, 1208),
    ({"max_ttl": -1}, 1208),
    ({"max_ttl": 2**31}, 1208),
    ({"max_ttl": 1.5}, 1208),
    ({"max_ttl": "25m"}, 1208),
    ({"mode": None}, 1208),
    ({"mode": "job"}, 1208),
    ({"mode": "session"}, 1208),
    ({"backend": "nowhere"}, 1208),
    ({"backend": 7}, 1208),
]
# Of POST /jobs, likewise.
_JOB_BOUNDS: list[tuple[dict[str, Any], int | None]] = [
    ({}, None),
    ({"tags": [_X * 86] * 8}, None),
    ({"cost": 0}, None),
    ({"cost": 10_801}, None),
    ({"cost": 2**31 - 1}, None),
    ({"log_level": "WARNING"}, None),
    ({"log_level": "debug"}, None),
    ({"calibration_id": _X * 100}, None),
    ({"runtime": "image:tag"}, None),
    ({"start_session": False}, None),
    ({"tags": [_X] * 9}, 1204),
    ({"tags": [_X * 87]}, 1205),
    ({"tags": [1]}, 1208),
    ({"cost": -1}, 1208),
    ({"cost": 1.5}, 1208),
    ({"session_id": ""}, 1208),
    ({"session_id": _X * 37}, 1208),
    ({"session_id": _X * 36}, 1208),
    ({"log_level": "trace"}, 1208),
    ({"calibration_id": ""}, 1208),
    ({"calibration_id": _X * 101}, 1208),
    ({"private": 1}, 1208),
    ({"params": "text"}, 1208),
    ({"backend": ""}, 1208),
    ({"backend": "nowhere"}, 1208),
    ({"program_id": None}, 1208),
    ({"start_session": True}, 1208),
]


def test_bounds_of_bodies(start_runtime: StartRuntime, connect: "Connect") -> None:
    """What is taken at the bound and refused beyond it, with the code of the registry."""
    client = connect(start_runtime(lanes=1))
    for path, valid, shape, bounds in (
        ("/sessions", {"mode": "dedicated", "backend": "test_device"}, SESSION, _SESSION_BOUNDS),
        ("/jobs", JOB_BODY, CREATED_JOB, _JOB_BOUNDS),
    ):
        for change, code in bounds:
            reply = client.post(path, json={**valid, **change})
            if code is None:
                fits(reply, shape)
            else:
                fault = fits(reply, FAULT, 400)["errors"][0]
                assert fault["code"] == code, change
                assert fault["solution"]
    unknown = fits(client.post("/jobs", json={**JOB_BODY, "program_id": "x"}), FAULT, 404)
    assert "x" in unknown["errors"][0]["message"]


def test_bounds_of_queries(client: "Client") -> None:
    """Numbers out of range fall back to the default; what cannot be meant is refused."""
    for path, most, default in (("/jobs", 200, 200), ("/workloads", 50, 10)):
        for text, kept in (("1", 1), (str(most), most), ("7", 7)):
            assert client.get(f"{path}?limit={text}").json()["limit"] == kept
        for text in ("0", "-1", str(most + 1), "x", "1.5", "9" * 30, ""):
            assert client.get(f"{path}?limit={text}").json()["limit"] == default, text
    for text, kept in (("0", 0), ("5", 5), ("-1", 0), ("x", 0)):
        assert client.get(f"/jobs?offset={text}").json()["offset"] == kept
    taken = (
        "/jobs?pending=true&sort=ASC&exclude_params=True",
        f"/jobs?program={'x' * 63}&backend={'x' * 100}&session_id=none",
        "/jobs?" + "&".join(["tags=t"] * 8),
        "/jobs?created_after=2026-01-01T00:00:00Z&created_before=2026-01-01T00:00:00.5%2B02:00",
        f"/tags?type=job&search={'x' * 3}",
        f"/tags?type=job&search={'x' * 100}",
        "/backends?fields=wait_time_seconds",
        "/backends/test_device/properties?updated_before=2026-01-01T00:00:00Z&calibration_id=c",
        "/backends/test_device/configuration?calibration_id=c",
        "/workloads?user=me&sort=-createdAt&mode=session&status=canceled&status=in_progress",
        "/workloads?backend=b&search=s&tags=a&tags=b&created_after=2026-01-01",
        f"/accounts/x?plan_id={'x' * 36}",
    )
    for path in taken:
        assert client.get(path).status_code == 200, path
    refused = (
        "/jobs?pending=perhaps",
        "/jobs?sort=newest",
        "/jobs?exclude_params=1",
        f"/jobs?program={'x' * 64}",
        f"/jobs?backend={'x' * 101}",
        "/jobs?" + "&".join(["tags=t"] * 9),
        "/jobs?created_after=yesterday",
        "/tags",
        "/tags?type=job",
        "/tags?type=session&search=xyz",
        "/tags?type=job&search=xy",
        f"/tags?type=job&search={'x' * 101}",
        "/backends?fields=color",
        "/backends/test_device/properties?updated_before=then",
        "/workloads?user=you",
        "/workloads?sort=created",
        "/workloads?mode=dedicated",
        "/workloads?status=cancelled",
        "/workloads?next=nothing",
        "/workloads?created_before=then",
    )
    for path in refused:
        assert fits(client.get(path), FAULT, 400)["errors"][0]["code"] == 1208, path


def test_statuses_without_a_body(client: "Client", runtime: "RunningRuntime") -> None:
    """204 where there is nothing to say, 400 and 409 where it is too early or too late."""
    held = client.submit("hold")
    client.wait(held, "Running")
    queued = client.submit("count")
    session_id = client.open(backend="other_device")

    def said(method: str, path: str, body: Any = None) -> int:
        reply = client.request(method, path, json=body)
        if reply.status_code == 204:
            assert reply.content == b""
        elif reply.status_code >= 400:
            fits(reply, FAULT, reply.status_code)
        return int(reply.status_code)

    assert said("GET", f"/jobs/{held}/results") == 204
    assert said("GET", f"/jobs/{held}/logs") == 404
    assert said("DELETE", f"/jobs/{held}") == 400
    assert said("DELETE", f"/jobs/{queued}") == 400
    assert said("PUT", f"/jobs/{queued}/tags", {"tags": ["a"]}) == 204
    wrong_tags: list[Any] = [{}, {"tags": None}, {"tags": "a"}, [], None]
    for wrong in wrong_tags:
        assert said("PUT", f"/jobs/{queued}/tags", wrong) == 400
    assert client.job(queued)["tags"] == ["a"]
    assert said("POST", f"/jobs/{queued}/cancel") == 204
    assert said("POST", f"/jobs/{queued}/cancel") == 409
    runtime.release_held()
    client.wait(held)
    assert said("POST", f"/jobs/{held}/cancel") == 409
    assert said("GET", f"/jobs/{queued}/results") == 204
    assert said("DELETE", f"/jobs/{held}") == 204
    assert said("DELETE", f"/jobs/{held}") == 404
    wrong_patches: list[Any] = [{}, {"accepting_jobs": None}, {"accepting_jobs": 0}, []]
    for wrong in wrong_patches:
        assert said("PATCH", f"/sessions/{session_id}", wrong) == 400
    assert said("PATCH", f"/sessions/{session_id}", {"accepting_jobs": False}) == 204
    assert said("DELETE", f"/sessions/{session_id}/close") == 204
    body = {**JOB_BODY, "backend": "other_device", "session_id": session_id}
    fault = fits(client.post("/jobs", json=body), FAULT, 400)["errors"][0]
    assert (fault["code"], fault["message"]) == (1217, "Session has been closed.")


# What `usage` of a job has, and what stands in its metrics beside it, by version.
_CHARGE = {"qpu_charge_time_seconds", "status"}
_SECONDS = {"quantum_seconds", "seconds"}
_TIME = "circuits_execution_time_ns"
_SHAPES: dict[str | None, tuple[set[str], set[str]]] = {
    "2026-04-15": (_CHARGE, {_TIME}),
    "2026-03-15": ({*_CHARGE, _TIME}, set()),
    "2026-02-15": ({*_SECONDS, _TIME}, {"bss"}),
    "2026-02-01": ({*_SECONDS, _TIME}, {"bss"}),
    "2025-05-01": ({*_SECONDS, _TIME}, {"bss"}),
    "2025-01-01": ({*_SECONDS, _TIME}, {"bss"}),
    "2024-01-01": ({*_SECONDS, _TIME}, {"bss"}),
    None: ({*_SECONDS, _TIME}, {"bss"}),
}


def test_shapes_by_version(client: "Client") -> None:
    """Usage and metrics as each version has them; a date that is none of them is refused."""
    job_id = client.submit("count")
    client.wait(job_id)
    for version, (usage, beside) in _SHAPES.items():
        headers = {"IBM-API-Version": version}
        metrics = client.get(f"/jobs/{job_id}/metrics", headers=headers).json()
        job = client.get(f"/jobs/{job_id}", headers=headers).json()
        listed = client.get("/jobs", headers=headers).json()["jobs"][0]
        assert set(metrics["usage"]) == set(job["usage"]) == set(listed["usage"]) == usage, version
        assert set(metrics) - {"caller", "timestamps", "qiskit_version", "usage"} == beside, version
    for version in ("2031-01-01", "2026-04-14", "latest", ""):
        reply = client.get("/jobs", headers={"IBM-API-Version": version})
        assert fits(reply, FAULT, 400)["errors"][0]["code"] == 1208
