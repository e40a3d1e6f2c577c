"""Submission under faults: the job exists once, or the user is told that it may not."""

from collections.abc import Callable
from pathlib import Path

import pytest

from qrsession.client.transport import Call, Reply, Transport
from qrsession.errors import (
    ReplyLostError,
    RequestRefusedError,
    ServiceUnavailableError,
    SubmissionUnknownError,
)
from qrsession.protocol.models import JobRequest
from qrsession.service import RuntimeService
from qrsession.submit import submit
from qrsession.tags import is_own_tag

BELL = """OPENQASM 3.0;
include "stdgates.inc";
qubit[2] q;
bit[2] c;
h q[0];
cx q[0], q[1];
c = measure q;
"""
REQUEST = JobRequest(
    program_id="sampler",
    backend="aer_simulator",
    params={"pubs": [[BELL, None, 10]], "version": 2, "support_qiskit": True},
    tags=("mine",),
)

Send = Callable[[Call], Reply]


@pytest.fixture
def service(shared_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RuntimeService:
    """A service of the shared runtime, with records of this test's own."""
    service = RuntimeService("local")
    monkeypatch.setattr(service, "records", type(service.records)(tmp_path / "state"))
    assert service.client.transport.endpoint.is_loopback, shared_home
    return service


@pytest.fixture
def with_fault(
    service: RuntimeService, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Callable[[Send, Call], Reply]], list[Call]]:
    """Put a fault around the submission alone; return what was submitted."""

    def install(fault: Callable[[Send, Call], Reply]) -> list[Call]:
        submitted: list[Call] = []
        transport: Transport = service.client.transport
        send = transport.send

        def faulty(call: Call) -> Reply:
            if not call.creates:
                return send(call)
            submitted.append(call)
            return fault(send, call)

        monkeypatch.setattr(transport, "send", faulty)
        return submitted

    return install


def lose_reply(send: Send, call: Call) -> Reply:
    """Let the service do the work, and lose its answer."""
    send(call)
    raise ReplyLostError("lost")


def lose_request(_send: Send, _call: Call) -> Reply:
    """Lose the request, so that nobody can tell it from a lost answer."""
    raise ReplyLostError("lost")


def fail_afterwards(send: Send, call: Call) -> Reply:
    """Let the service do the work, and a gateway say that it failed."""
    send(call)
    return Reply(502, "<html>bad gateway</html>", {})


def garble_reply(send: Send, call: Call) -> Reply:
    """Let the service do the work, and a proxy put a page of its own in place of the answer."""
    send(call)
    return Reply(200, "<html>hello</html>", {})


def refuse(_send: Send, _call: Call) -> Reply:
    """Refuse, as a service refuses."""
    return Reply(400, '{"errors": [{"code": 1208, "message": "no"}]}', {})


def never_connect(_send: Send, _call: Call) -> Reply:
    """Reach nobody."""
    raise ServiceUnavailableError("no connection")


def jobs_with(service: RuntimeService, call: Call) -> list[str]:
    """Return the jobs at the service that bear the tag of a submission."""
    (tag,) = filter(is_own_tag, call.body["tags"])
    return [job.job_id for job in service.client.list_jobs(tags=(tag,))]


def test_a_job_is_recorded_and_its_intent_is_gone(service: RuntimeService) -> None:
    created = submit(service, REQUEST, files=("bell.qasm",))
    (entry,) = service.records.jobs(None)
    assert entry.job_id == created.job_id
    assert (entry.tags, entry.files) == (("mine",), ("bell.qasm",))
    assert entry.tag is not None
    assert is_own_tag(entry.tag)
    assert service.records.intents() == []
    assert set(service.client.get_job(created.job_id).tags) == {"mine", entry.tag}


@pytest.mark.parametrize("fault", [lose_reply, fail_afterwards, garble_reply])
def test_a_job_whose_reply_was_lost_is_found_and_not_sent_again(
    service: RuntimeService,
    with_fault: Callable[[Callable[[Send, Call], Reply]], list[Call]],
    fault: Callable[[Send, Call], Reply],
) -> None:
    submitted = with_fault(fault)
    created = submit(service, REQUEST)
    (call,) = submitted
    assert jobs_with(service, call) == [created.job_id]
    assert service.records.last_job(None).job_id == created.job_id
    assert service.records.intents() == []


def test_an_intent_is_on_disk_before_the_request_leaves(
    service: RuntimeService, with_fault: Callable[[Callable[[Send, Call], Reply]], list[Call]]
) -> None:
    seen = []

    def look(send: Send, call: Call) -> Reply:
        seen.extend(service.records.intents())
        return send(call)

    submitted = with_fault(look)
    submit(service, REQUEST)
    (intent,) = seen
    assert intent.tag in submitted[0].body["tags"]
    assert (intent.backend, intent.program_id) == ("aer_simulator", "sampler")


def test_a_job_that_is_not_found_is_in_doubt_and_not_sent_again(
    service: RuntimeService, with_fault: Callable[[Callable[[Send, Call], Reply]], list[Call]]
) -> None:
    submitted = with_fault(lose_request)
    waits_s: list[float] = []
    with pytest.raises(SubmissionUnknownError) as caught:
        submit(service, REQUEST, sleep=waits_s.append)
    assert caught.value.exit_code == 10
    (call,) = submitted
    assert caught.value.details["tag"] in call.body["tags"]
    assert jobs_with(service, call) == []
    assert sum(waits_s) > 10
    # Whoever comes later can look it up.
    assert [intent.tag for intent in service.records.intents()] == [caught.value.details["tag"]]
    assert service.records.jobs(None) == []


@pytest.mark.parametrize(
    ("fault", "error"), [(refuse, RequestRefusedError), (never_connect, ServiceUnavailableError)]
)
def test_what_was_surely_not_accepted_leaves_nothing_behind(
    service: RuntimeService,
    with_fault: Callable[[Callable[[Send, Call], Reply]], list[Call]],
    fault: Callable[[Send, Call], Reply],
    error: type[Exception],
) -> None:
    submitted = with_fault(fault)
    with pytest.raises(error):
        submit(service, REQUEST)
    assert jobs_with(service, submitted[0]) == []
    assert service.records.intents() == []
    assert service.records.jobs(None) == []
