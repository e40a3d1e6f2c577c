"""A service that lies, or a proxy that answers for it: a record, or one kind of error."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qrsession.errors import QrsessionError, WireFormatError
from qrsession.protocol import instances, models
from qrsession.protocol.faults import Fault
from qrsession.protocol.fields import optional
from tests.mangling import ANY_JSON, mangled, nested

pytestmark = pytest.mark.fast

MOMENT = "2026-11-22T16:00:00.000Z"
STATE = {"status": "Failed", "reason": "no", "reason_code": 1305, "reason_solution": "yes"}
# Each with one that IBM's service could have sent.
RECORDS: dict[str, tuple[Callable[[Any], Any], dict[str, Any]]] = {
    "token": (
        models.Token.from_wire,
        {"access_token": "a", "expires_in": 3600, "expiration": 4_000_000_000},
    ),
    "session": (
        models.SessionRecord.from_wire,
        {
            "id": "a",
            "backend_name": "b",
            "mode": "batch",
            "state": "active",
            "accepting_jobs": True,
            "max_ttl": 5,
            "started_at": MOMENT,
            "timestamps": [{"status": "open", "timestamp": MOMENT}],
            "elapsed_time": 1.5,
        },
    ),
    "session request": (models.SessionRequest.from_wire, {"mode": "batch", "max_ttl": 5}),
    "submission": (
        models.JobRequest.from_wire,
        {"program_id": "sampler", "backend": "b", "params": {}, "tags": ["a"], "cost": 5},
    ),
    "created job": (models.JobCreated.from_wire, {"id": "a", "backend": "b"}),
    "job": (
        models.JobRecord.from_wire,
        {
            "id": "a",
            "backend": "b",
            "state": STATE,
            "program": {"id": "sampler"},
            "created": MOMENT,
            "tags": ["a"],
            "cost": 5,
            "usage": {"qpu_charge_time_seconds": 1.5, "status": "complete"},
            "estimated_running_time_seconds": 2.5,
        },
    ),
    "jobs": (
        models.JobPage.from_wire,
        {"jobs": [{"id": "a", "state": STATE}], "count": 1, "offset": 0},
    ),
    "metrics": (
        models.JobMetrics.from_wire,
        {
            "timestamps": {"created": MOMENT, "running": None, "finished": MOMENT},
            "usage": {"quantum_seconds": 2},
            "circuits_execution_time_ns": 5,
        },
    ),
    "backend": (
        models.BackendSummary.from_wire,
        {
            "name": "a",
            "status": {"name": "online", "reason": "available"},
            "queue_length": 4,
            "qubits": 5,
            "processor_type": {"family": "Heron", "revision": 2},
            "performance_metrics": {"two_q_error_median": {"value": 0.1, "unit": ""}},
            "clops": {"value": 3},
        },
    ),
    "usage": (
        models.InstanceUsage.from_wire,
        {
            "instance_id": "a",
            "usage_consumed_seconds": 4,
            "usage_limit_seconds": 5,
            "usage_period": {"start_time": MOMENT, "end_time": MOMENT},
        },
    ),
    "plans": (
        models.PlanLimits.list_from_wire,
        {"plans": [{"plan_id": "a", "max_ttl": 5, "interactive_ttl": 5}]},
    ),
    "workloads": (
        models.WorkloadPage.from_wire,
        {
            "workloads": [{"id": "a", "created": MOMENT, "mode": "session", "status": "closed"}],
            "next": {"href": "https://host/path?next=abc"},
        },
    ),
    "instance": (
        instances.Instance.from_record,
        {"crn": "crn:v1", "name": "a", "plan": "open", "pricing": "free", "tags": ["a"]},
    ),
    "instances": (
        instances.SearchPage.from_wire,
        {
            "items": [{"crn": "crn:v1", "name": "a", "doc": {"extensions": {}}, "tags": ["A"]}],
            "search_cursor": "x",
        },
    ),
    "plan": (
        instances.CatalogPlan.from_wire,
        {"overview_ui": {"en": {"display_name": "Open"}}, "metadata": {"pricing": {"type": "a"}}},
    ),
}


@pytest.mark.parametrize("name", RECORDS)
def test_what_is_mangled_is_built_on_a_record(name: str) -> None:
    read, document = RECORDS[name]
    assert read(document) is not None


@pytest.mark.parametrize("examples", [150, pytest.param(10_000, marks=pytest.mark.deep)])
def test_a_record_that_was_mangled_is_read_or_is_one_kind_of_error(examples: int) -> None:
    @settings(max_examples=examples, deadline=None)
    @given(mangled([[name, document] for name, (_, document) in RECORDS.items()]))
    def look(example: Any) -> None:
        name, document = example if isinstance(example, list) and len(example) == 2 else ("", None)
        read = RECORDS[name if isinstance(name, str) and name in RECORDS else "job"][0]
        try:
            repr(read(document))
        except WireFormatError as error:
            assert len(error.message) < 500  # noqa: PT017 - that nothing else is raised is shown

    look()


@settings(max_examples=50, deadline=None)
@given(st.sampled_from([read for read, _ in RECORDS.values()]), ANY_JSON)
def test_whatever_json_says_is_read_or_is_one_kind_of_error(
    read: Callable[[Any], Any], document: Any
) -> None:
    try:
        read(document)
    except QrsessionError as error:
        assert isinstance(error, WireFormatError)  # noqa: PT017 - as above


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=300) | mangled([{"errors": [{"code": 1, "message": "a"}], "trace": "b"}]))
def test_an_error_reply_is_always_read(body: Any) -> None:
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else json.dumps(body)
    fault = Fault.from_reply(400, text)
    assert 0 < len(fault.message) <= 300
    assert fault.message.isprintable()


# What was found, each by itself.


@pytest.mark.parametrize("levels", [100, 500, 900])
def test_a_reason_that_is_nested_without_end(levels: int) -> None:
    deep = json.loads(nested(levels))
    record = models.JobRecord.from_wire({"id": "a", "state": {"status": "x", "reason_code": deep}})
    assert record.reason_code is None
    summary = models.BackendSummary.from_wire(
        {"name": "a", "processor_type": {"family": "Heron", "revision": deep}}
    )
    assert summary.processor == "Heron"
    fault = Fault.from_reply(400, json.dumps({"errors": [{"message": deep, "solution": deep}]}))
    assert (fault.message, fault.solution) == ("HTTP status 400 without a message", "")


def test_a_code_of_thousands_of_digits_is_none() -> None:
    assert Fault.from_reply(400, f'{{"errors": [{{"code": {"9" * 4000}}}]}}').code is None


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**4000])
def test_a_whole_number_that_no_clock_counts(number: int) -> None:
    with pytest.raises(WireFormatError, match="'max_ttl' is beyond all numbers"):
        models.SessionRecord.from_wire({"id": "a", "max_ttl": number})
    assert optional({"a": 2**63 - 1}, "a", int) == 2**63 - 1


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400"])
def test_a_number_that_is_none(number: str) -> None:
    document = json.loads(f'{{"usage_consumed_seconds": {number}}}')
    with pytest.raises(WireFormatError, match="'usage_consumed_seconds' is beyond all numbers"):
        models.InstanceUsage.from_wire(document)


def test_half_a_character_is_a_question_mark() -> None:
    """JSON can write one; the ledger, a terminal and a pipe would choke on it."""
    half = json.loads('"a\\ud800b"')
    record = models.JobRecord.from_wire(
        {"id": "a", "backend": half, "tags": [half, "é"], "state": {"status": "x", "reason": half}}
    )
    assert (record.backend, record.tags, record.reason) == ("a?b", ("a?b", "é"), "a?b")


def test_a_link_to_the_next_page_that_is_no_url() -> None:
    with pytest.raises(WireFormatError, match="link to the next page"):
        models.WorkloadPage.from_wire({"workloads": [], "next": {"href": "http://["}})
