"""The records of the API: field by field, round trip, and whatever else a service may send."""

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrsession.errors import WireFormatError
from qrsession.protocol.models import (
    BackendSummary,
    InstanceUsage,
    JobCreated,
    JobMetrics,
    JobPage,
    JobRecord,
    JobRequest,
    JobUsage,
    PlanLimits,
    SessionRecord,
    SessionRequest,
    Token,
)

pytestmark = pytest.mark.fast

SESSION = {
    "id": "5d0c4b7e-0a52-4a0e-9c55-2d1f0a6b7c11",
    "backend_name": "ibm_fez",
    "mode": "dedicated",
    "state": "active",
    "state_reason": "a job started",
    "accepting_jobs": True,
    "max_ttl": 28800,
    "interactive_ttl": 60,
    "active_ttl": 28000,
    "started_at": "2026-11-22T16:00:00.000Z",
    "activated_at": "2026-11-22T16:00:01.000Z",
    "closed_at": None,
    "last_job_started": "2026-11-22T16:00:02.000Z",
    "last_job_completed": "2026-11-22T16:00:03.500Z",
    "timestamps": [
        {"status": "open", "timestamp": "2026-11-22T16:00:00.000Z"},
        {"status": "active", "timestamp": "2026-11-22T16:00:01.000Z"},
    ],
    "user_id": "IBMid-local",
    "elapsed_time": 12.5,
}
JOB = {
    "id": "d5abc1k3traac73bef6f0",
    "backend": "ibm_fez",
    "created": "2026-11-22T16:00:01.123Z",
    "program": {"id": "sampler"},
    "state": {
        "status": "Cancelled",
        "reason": "too long",
        "reason_code": 1305,
        "reason_solution": "less",
    },
    "status": "Cancelled - Ran too long",
    "cost": 10800,
    "tags": ["run-1", "run-2"],
    "session_id": "5d0c4b7e",
    "user_id": "IBMid-local",
    "usage": {"qpu_charge_time_seconds": 2.5, "status": "complete"},
    "estimated_running_time_seconds": 4.1,
    "private": True,
    "params": {"pubs": []},
}
METRICS = {
    "caller": "qiskit/2.6.2",
    "timestamps": {
        "created": "2026-11-22T16:00:00Z",
        "running": None,
        "finished": "2026-11-22T16:00:09Z",
    },
    "usage": {"qpu_charge_time_seconds": 2, "status": "complete"},
    "circuits_execution_time_ns": 1830000000,
    "qiskit_version": "2.6.2",
}
BACKEND = {
    "name": "ibm_fez",
    "status": {"name": "online", "reason": "available"},
    "is_simulator": False,
    "qubits": 156,
    "queue_length": 3,
    "clops": {"type": "hardware", "value": 195000},
    "processor_type": {"family": "Heron", "revision": "2"},
    "performance_metrics": {"two_q_error_best": {"value": 0.001}},
    "wait_time_seconds": {"average": 120},
}
USAGE = {
    "instance_id": "crn:x",
    "plan_id": "p",
    "usage_period": {"start_time": "2026-11-01T00:00:00Z", "end_time": "2026-11-29T00:00:00Z"},
    "usage_consumed_seconds": 12,
    "usage_limit_seconds": 600,
    "usage_allocation_seconds": 900,
    "usage_limit_reached": True,
}
TOKEN = {"access_token": "t", "refresh_token": "r", "expires_in": 3600, "expiration": 1_800_003_600}
PLANS = {"plans": [{"plan_id": "p", "max_ttl": 28800, "interactive_ttl": 60, "active_ttl": 1}]}
READERS: dict[str, tuple[Any, Any]] = {
    "session": (SessionRecord.from_wire, SESSION),
    "job": (JobRecord.from_wire, JOB),
    "created": (JobCreated.from_wire, {"id": "j1", "backend": "b", "session_id": "s1"}),
    "page": (JobPage.from_wire, {"jobs": [JOB], "count": 1}),
    "metrics": (JobMetrics.from_wire, METRICS),
    "backend": (BackendSummary.from_wire, BACKEND),
    "usage": (InstanceUsage.from_wire, USAGE),
    "token": (Token.from_wire, TOKEN),
    "plans": (PlanLimits.list_from_wire, PLANS),
    "session request": (SessionRequest.from_wire, {"mode": "batch", "backend": "b"}),
    "job request": (
        JobRequest.from_wire,
        {"program_id": "sampler", "backend": "b", "params": {}, "tags": []},
    ),
}


@pytest.mark.parametrize(("read", "document"), READERS.values(), ids=READERS)
def test_unknown_fields_are_ignored(read: Any, document: dict[str, Any]) -> None:
    assert read({**document, "brand_new": {"deep": [1]}}) == read(document)


@pytest.mark.parametrize(("read", "document"), READERS.values(), ids=READERS)
@pytest.mark.parametrize("wrong", [{"a": 1}, ["x", {}], 10**400, -1.5, True, "\ud800", None])
def test_a_field_of_another_type_is_one_error_or_none(
    read: Any, document: dict[str, Any], wrong: Any
) -> None:
    refused = 0
    for name in document:
        try:
            read({**document, name: wrong})
        except WireFormatError:
            refused += 1
    if not isinstance(wrong, bool | str) and wrong is not None:
        assert refused
    others: list[Any] = [None, [], "x", 5]
    for nothing in others:
        with pytest.raises(WireFormatError):
            read(nothing)


def test_a_session_is_read_and_written_whole() -> None:
    session = SessionRecord.from_wire(SESSION)
    assert session.to_wire() == SESSION
    assert session.max_ttl_s == 28800
    assert session.started_at == datetime(2026, 11, 22, 16, tzinfo=UTC)
    assert session.timestamps[1] == ("active", datetime(2026, 11, 22, 16, 0, 1, tzinfo=UTC))
    unset = {field.name for field in fields(session) if getattr(session, field.name) is None}
    assert unset == {"closed_at"}


def test_of_a_new_session_the_id_is_enough() -> None:
    session = SessionRecord.from_wire({"id": "s1"})
    assert (session.session_id, session.state, session.accepting_jobs) == ("s1", "open", True)
    assert not SessionRecord.from_wire({"id": "s1", "state": "closed"}).accepting_jobs
    assert SessionRecord.from_wire({"id": "s1", "state": "napping"}).state == "napping"


TIMES = st.none() | st.integers(0, 4 * 10**12).map(
    lambda epoch_ms: datetime.fromtimestamp(epoch_ms // 1000, UTC).replace(
        microsecond=epoch_ms % 1000 * 1000
    )
)
SECONDS = st.none() | st.integers(0, 2**31 - 1)


@given(
    st.builds(
        SessionRecord,
        session_id=st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,127}", fullmatch=True),
        backend=st.none() | st.text(),
        mode=st.sampled_from(["dedicated", "batch"]),
        state=st.sampled_from(["open", "active", "closed"]),
        accepting_jobs=st.booleans(),
        state_reason=st.none() | st.text(),
        max_ttl_s=SECONDS,
        interactive_ttl_s=SECONDS,
        active_ttl_s=SECONDS,
        started_at=TIMES,
        activated_at=TIMES,
        closed_at=TIMES,
        last_job_started=TIMES,
        last_job_completed=TIMES,
        user_id=st.none() | st.text(),
        elapsed_time_s=st.none() | st.floats(0, 1e6),
    )
)
def test_sessions_round_trip(session: SessionRecord) -> None:
    assert SessionRecord.from_wire(session.to_wire()) == session


def test_a_job_is_read_whole() -> None:
    job = JobRecord.from_wire(JOB)
    assert job == JobRecord(
        job_id="d5abc1k3traac73bef6f0",
        status="Cancelled",
        backend="ibm_fez",
        program_id="sampler",
        created=datetime(2026, 11, 22, 16, 0, 1, 123_000, UTC),
        session_id="5d0c4b7e",
        tags=("run-1", "run-2"),
        reason="too long",
        reason_code=1305,
        reason_solution="less",
        cost_s=10800,
        usage=JobUsage(2.5, is_complete=True),
        estimated_running_time_s=4.1,
        private=True,
        user_id="IBMid-local",
        params={"pubs": []},
    )
    assert "pubs" not in repr(job)


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ({"reason_code": 1305}, 1305),
        ({"reason_code": "1305"}, 1305),
        ({"reasonCode": 1305}, 1305),
        ({"reason_code": None}, None),
        ({"reason_code": "E1"}, None),
        ({"reason_code": "9" * 5000}, None),
        ({"reason_code": [1]}, None),
        ({}, None),
    ],
)
def test_why_a_job_failed(state: dict[str, Any], code: int | None) -> None:
    job = JobRecord.from_wire({"id": "j", "state": {"status": "Failed", **state}})
    assert job.reason_code == code


@pytest.mark.parametrize(
    ("document", "usage"),
    [
        ({"qpu_charge_time_seconds": 2, "status": "complete"}, JobUsage(2.0, is_complete=True)),
        ({"qpu_charge_time_seconds": 2, "status": "pending"}, JobUsage(2.0)),
        ({"qpu_charge_time_seconds": 0}, JobUsage(0.0)),
        ({"quantum_seconds": 3, "seconds": 3}, JobUsage(3.0, is_complete=True)),
        ({}, JobUsage()),
    ],
)
def test_usage_of_a_job(document: dict[str, Any], usage: JobUsage) -> None:
    assert JobUsage.from_wire(document) == usage
    assert JobUsage.from_wire(usage.to_wire()) == usage


def test_a_page_without_a_count() -> None:
    assert JobPage.from_wire({"jobs": [JOB, JOB]}).count == 2
    assert JobPage.from_wire({"jobs": [JOB], "count": 7}).count == 7


def test_metrics_are_read_whole() -> None:
    metrics = JobMetrics.from_wire(METRICS)
    assert metrics.created == datetime(2026, 11, 22, 16, tzinfo=UTC)
    assert metrics.running is None
    assert metrics.usage == JobUsage(2.0, is_complete=True)
    assert metrics.circuits_execution_time_ns == 1_830_000_000
    assert (metrics.caller, metrics.qiskit_version) == ("qiskit/2.6.2", "2.6.2")


def test_a_backend_is_read_whole() -> None:
    assert BackendSummary.from_wire(BACKEND) == BackendSummary(
        "ibm_fez",
        "online",
        3,
        156,
        status_reason="available",
        processor="Heron r2",
        two_q_error_best=0.001,
        clops=195_000,
    )
    mock = BackendSummary.from_wire({"name": "mock_fez", "class": "mock", "queue_length": -1})
    assert (mock.is_mock, mock.queue_length, mock.status) == (True, 0, "offline")


@pytest.mark.parametrize(
    ("changes", "limit_s"),
    [
        ({}, 600.0),
        ({"usage_limit_seconds": None}, 900.0),
        ({"usage_limit_seconds": 0}, 0.0),
        ({"usage_limit_seconds": None, "usage_allocation_seconds": None}, None),
    ],
)
def test_usage_of_an_instance(changes: dict[str, Any], limit_s: float | None) -> None:
    usage = InstanceUsage.from_wire(USAGE | changes)
    assert (usage.instance, usage.plan_id, usage.consumed_s) == ("crn:x", "p", 12.0)
    assert (usage.limit_s, usage.limit_reached) == (limit_s, True)
    assert usage.period_start == datetime(2026, 11, 1, tzinfo=UTC)


def test_plans() -> None:
    assert PlanLimits.list_from_wire(PLANS) == (PlanLimits("p", 28800, 60),)
    assert PlanLimits.list_from_wire({}) == ()


def test_a_token_does_not_show_in_its_repr() -> None:
    token = Token.from_wire(TOKEN | {"access_token": "secret-token"})
    assert "secret-token" not in repr(token)
    assert Token.from_wire(token.to_wire()) == token


@pytest.mark.parametrize("text", ["", "a\nb", "a\r\nX: 1", "ключ", 5, None])
def test_what_is_no_token(text: Any) -> None:
    with pytest.raises(WireFormatError, match="access_token"):
        Token.from_wire(TOKEN | {"access_token": text})


def test_a_session_request_is_written_in_the_order_of_ibms_client() -> None:
    request = SessionRequest("dedicated", "ibm_fez", "crn:x", 300)
    assert list(request.to_wire()) == ["mode", "backend", "instance", "max_ttl"]
    assert SessionRequest("batch").to_wire() == {"mode": "batch"}
    assert SessionRequest.from_wire(request.to_wire()) == request
    assert SessionRequest.from_wire({"mode": "batch", "backend_name": "b"}).backend == "b"


def test_a_job_request_leaves_out_what_is_unset() -> None:
    least = JobRequest("sampler", "b", {})
    assert least.to_wire() == {"program_id": "sampler", "params": {}, "backend": "b"}
    most = JobRequest(
        program_id="estimator",
        backend="b",
        params={"pubs": [1]},
        session_id="s1",
        log_level="INFO",
        cost_s=60,
        tags=("t",),
        private=True,
        runtime="image:1",
        calibration_id="c1",
    )
    assert all(getattr(most, field.name) for field in fields(most))
    assert len(most.to_wire()) == len(fields(most))
    assert JobRequest.from_wire(most.to_wire()) == most
    assert JobRequest.from_wire(least.to_wire()) == least
    assert "pubs" not in repr(most)


STRANGE_IDS = [
    "",
    ".",
    "..",
    "a/../b",
    "/etc/passwd",
    "https://elsewhere.example/x",
    "a b",
    "a\nb",
    "\x1b[2J",
    "\u202eid",
    "é",
    "-rf",
    "$(id)",
    "a;b",
    "a'b",
    "a%2f..",
    "a?b=c",
    "a#b",
    "x" * 129,
]


@pytest.mark.parametrize("strange", STRANGE_IDS)
def test_an_id_must_look_like_one(strange: str) -> None:
    """It goes into URLs, file names and commands that people copy; it is not even quoted."""
    state = {"status": "Queued"}
    for read, body in (
        (SessionRecord.from_wire, {"id": strange, "state": "open"}),
        (JobCreated.from_wire, {"id": strange, "backend": "b"}),
        (JobRecord.from_wire, {"id": strange, "state": state}),
    ):
        with pytest.raises(WireFormatError) as caught:
            read(body)
        assert str(caught.value) == "The field 'id' is no identifier."


@pytest.mark.parametrize(
    "usual", ["5a6d4397-42c6-4dc6-969a-b1c90286a715", "d6147q3traac73bef6f0", "_a-B.c:d=", "7"]
)
def test_ids_of_services_are_taken(usual: str) -> None:
    assert SessionRecord.from_wire({"id": usual}).session_id == usual
    assert JobCreated.from_wire({"id": usual, "backend": "b"}).job_id == usual
