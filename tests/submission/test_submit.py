"""Submission under faults: the job exists once, or the user is told that it may not."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from qrsession.client.transport import Call, Reply, Transport
from qrsession.errors import (
    BackendOfflineError,
    LimitReachedError,
    QrsessionError,
    ReplyLostError,
    RequestRefusedError,
    ServiceUnavailableError,
    SubmissionUnknownError,
    WaitTimeoutError,
)
from qrsession.protocol.models import JobRequest
from qrsession.service import RuntimeService
from qrsession.state.pending import IntentState, Pending
from qrsession.state.records import Records
from qrsession.submission.submit import Sending, submit
from qrsession.tags import is_own_tag, new_tag
from tests.sample_circuits import BELL
from tests.submissions import Fault, Send, Time

REQUEST = JobRequest(
    program_id="sampler",
    backend="aer_simulator",
    params={"pubs": [[BELL, None, 10]], "version": 2, "support_qiskit": True},
    tags=("mine",),
)

Install = Callable[[Fault], list[Call]]


@pytest.fixture
def with_fault(service: RuntimeService, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Put a fault around the submission alone; return what was submitted."""

    def install(fault: Fault) -> list[Call]:
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


@pytest.fixture
def time() -> Time:
    return Time()


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


def pass_on(send: Send, call: Call) -> Reply:
    """Do no harm."""
    return send(call)


def twice(send: Send, call: Call) -> Reply:
    """Deliver it twice, as a proxy may that lost a reply of its own."""
    send(call)
    return send(call)


def fail_before(_send: Send, _call: Call) -> Reply:
    """Do nothing, and say that it failed."""
    return Reply(503, "", {})


def die_before(_send: Send, _call: Call) -> Reply:
    """Be interrupted before anything was sent."""
    raise KeyboardInterrupt


def die_after(send: Send, call: Call) -> Reply:
    """Be interrupted after the service did the work."""
    send(call)
    raise KeyboardInterrupt


def limit_with(retry_after: str | None) -> Fault:
    """Return a fault that answers that there were too many requests."""
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return lambda _send, _call: Reply(429, '{"errors": [{"code": 1202}]}', headers)


def in_turn(*faults: Fault) -> Fault:
    """Return a fault that is another one each time."""
    left = iter(faults)

    def take_turn(send: Send, call: Call) -> Reply:
        return next(left)(send, call)

    return take_turn


def refuse(_send: Send, _call: Call) -> Reply:
    """Refuse, as a service refuses."""
    return Reply(400, '{"errors": [{"code": 1208, "message": "no"}]}', {})


def find_offline(_send: Send, _call: Call) -> Reply:
    """Refuse, as a service does for a backend that is offline."""
    return Reply(400, '{"errors": [{"code": 1004, "message": "offline"}]}', {})


def never_connect(_send: Send, _call: Call) -> Reply:
    """Reach nobody."""
    raise ServiceUnavailableError("no connection")


def jobs_with(service: RuntimeService, call: Call) -> list[str]:
    """Return the jobs at the service that bear the tag of a submission."""
    (tag,) = filter(is_own_tag, call.body["tags"])
    return [job.job_id for job in service.client.list_jobs(tags=(tag,))]


def test_a_job_is_recorded_and_its_intent_is_gone(service: RuntimeService) -> None:
    created = submit(service, REQUEST, Sending(files=("bell.qasm",)))
    (entry,) = service.records.jobs(None)
    assert entry.job_id == created.job_id
    assert (entry.tags, entry.files) == (("mine",), ("bell.qasm",))
    assert entry.tag is not None
    assert is_own_tag(entry.tag)
    assert service.pending.intents.all() == []
    assert set(service.client.get_job(created.job_id).tags) == {"mine", entry.tag}


@pytest.mark.parametrize("fault", [lose_reply, fail_afterwards, garble_reply])
def test_a_job_whose_reply_was_lost_is_found_and_not_sent_again(
    service: RuntimeService,
    with_fault: Install,
    fault: Fault,
) -> None:
    submitted = with_fault(fault)
    created = submit(service, REQUEST)
    (call,) = submitted
    assert jobs_with(service, call) == [created.job_id]
    assert service.records.last_job(None).job_id == created.job_id
    # A proxy may deliver it once more, so it is watched for.
    (intent,) = service.pending.intents.all()
    assert (intent.state, intent.job_id) == (IntentState.WATCHED, created.job_id)


def test_an_intent_is_on_disk_before_the_request_leaves(
    service: RuntimeService, with_fault: Install
) -> None:
    seen = []

    def look(send: Send, call: Call) -> Reply:
        seen.extend(service.pending.intents.all())
        return send(call)

    submitted = with_fault(look)
    submit(service, REQUEST)
    (intent,) = seen
    assert intent.tag in submitted[0].body["tags"]
    assert (intent.backend, intent.program_id) == ("aer_simulator", "sampler")


def test_a_job_that_is_not_found_is_in_doubt_and_not_sent_again(
    service: RuntimeService, with_fault: Install, time: Time
) -> None:
    submitted = with_fault(lose_request)
    with pytest.raises(SubmissionUnknownError) as caught:
        submit(service, REQUEST, Sending(patience=time.patience()))
    assert caught.value.exit_code == 10
    (call,) = submitted
    tag = caught.value.details["tag"]
    assert tag in call.body["tags"]
    assert f"qrsession result {tag} --wait" in caught.value.advice
    assert jobs_with(service, call) == []
    # A proxy may deliver it late, so it was looked for as long as that may take.
    assert sum(time.slept_s) == pytest.approx(120)
    # Whoever comes later can look it up.
    (intent,) = service.pending.intents.all()
    assert (intent.tag, intent.state) == (tag, IntentState.IN_DOUBT)
    assert service.records.jobs(None) == []


def test_an_account_may_say_that_it_is_sent_again(
    service: RuntimeService, with_fault: Install, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "account", replace(service.account, resubmit="auto"))
    submitted = with_fault(in_turn(lose_request, pass_on))
    created = submit(service, REQUEST, Sending(patience=time.patience()))
    assert len(submitted) == 2
    assert jobs_with(service, submitted[0]) == [created.job_id]
    assert sum(time.slept_s) == pytest.approx(120)
    # The first may yet arrive: later commands look for a second copy.
    (intent,) = service.pending.intents.all()
    assert (intent.state, intent.job_id) == (IntentState.WATCHED, created.job_id)


def test_what_the_service_failed_to_do_is_sent_again_once_nothing_is_found(
    service: RuntimeService, with_fault: Install, time: Time
) -> None:
    submitted = with_fault(in_turn(fail_before, fail_before, pass_on))
    created = submit(service, REQUEST, Sending(patience=time.patience()))
    assert [call.body["tags"] for call in submitted] == [submitted[0].body["tags"]] * 3
    assert jobs_with(service, submitted[0]) == [created.job_id]
    assert sum(time.slept_s) == pytest.approx(20)


def test_a_service_that_fails_each_time_is_given_up(
    service: RuntimeService, with_fault: Install, time: Time
) -> None:
    submitted = with_fault(fail_before)
    with pytest.raises(ServiceUnavailableError, match="not submitted: it was sent 4 times"):
        submit(service, REQUEST, Sending(patience=time.patience()))
    assert len(submitted) == 4
    assert jobs_with(service, submitted[0]) == []
    assert [intent.state for intent in service.pending.intents.all()] == [IntentState.IN_DOUBT]


def test_a_second_copy_is_cancelled_and_told(
    service: RuntimeService, with_fault: Install, time: Time
) -> None:
    submitted = with_fault(twice)
    created = submit(service, REQUEST, Sending(patience=time.patience(), once=new_tag()))
    first, second = sorted(jobs_with(service, submitted[0]), key=lambda job_id: job_id)
    assert created.job_id in {first, second}
    (twin,) = {first, second} - {created.job_id}
    assert any(twin in text and "second copy" in text for text in time.said)


def test_too_many_requests_are_waited_out_as_told(
    service: RuntimeService, with_fault: Install, time: Time
) -> None:
    submitted = with_fault(in_turn(limit_with("7"), limit_with(None), pass_on))
    created = submit(service, REQUEST, Sending(patience=time.patience()))
    assert time.slept_s == [7.0, 4.0]
    assert time.said[0] == "Too many requests: the job is sent again in 7 s."
    assert jobs_with(service, submitted[0]) == [created.job_id]
    # Nothing was accepted before, so nothing is in doubt.
    assert service.pending.intents.all() == []


@pytest.mark.parametrize(
    ("limited_s", "error", "slept_s"),
    [(0, LimitReachedError, []), (10.0, WaitTimeoutError, [7.0, 3.0])],
)
def test_too_many_requests_are_waited_out_no_longer_than_allowed(
    service: RuntimeService,
    with_fault: Install,
    time: Time,
    limited_s: float,
    error: type[QrsessionError],
    slept_s: list[float],
) -> None:
    with_fault(limit_with("7"))
    with pytest.raises(error):
        submit(service, REQUEST, Sending(patience=time.patience(limited_s=limited_s)))
    assert time.slept_s == slept_s
    assert service.pending.intents.all() == []


def test_once_finds_the_job_of_the_same_key(
    service: RuntimeService, with_fault: Install, time: Time
) -> None:
    submitted = with_fault(pass_on)
    tag = new_tag()
    created = submit(service, REQUEST, Sending(patience=time.patience(), once=tag))
    again = submit(service, REQUEST, Sending(patience=time.patience(), once=tag))
    assert again.job_id == created.job_id
    assert len(submitted) == 1
    assert time.said == [f"This was submitted before: job {created.job_id}."]


def test_once_finds_the_job_that_another_machine_submitted(
    service: RuntimeService,
    with_fault: Install,
    time: Time,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    submitted = with_fault(pass_on)
    tag = new_tag()
    created = submit(service, REQUEST, Sending(patience=time.patience(), once=tag))
    monkeypatch.setattr(service, "records", Records(tmp_path / "elsewhere"))
    monkeypatch.setattr(service, "pending", Pending(tmp_path / "elsewhere"))
    again = submit(service, REQUEST, Sending(patience=time.patience(), once=tag))
    assert again.job_id == created.job_id
    assert len(submitted) == 1
    assert service.records.find_tagged(tag) is not None


@pytest.mark.parametrize(("was_sent", "count"), [(True, 1), (False, 2)])
def test_once_takes_up_what_was_cut_short(
    service: RuntimeService, with_fault: Install, time: Time, *, was_sent: bool, count: int
) -> None:
    submitted = with_fault(in_turn(die_after if was_sent else die_before, pass_on))
    tag = new_tag()
    with pytest.raises(KeyboardInterrupt):
        submit(service, REQUEST, Sending(patience=time.patience(), once=tag))
    created = submit(service, REQUEST, Sending(patience=time.patience(), once=tag))
    assert len(submitted) == count
    assert jobs_with(service, submitted[0]) == [created.job_id]
    assert sum(time.slept_s) == pytest.approx(0 if was_sent else 120)
    # The request that was cut short may yet arrive, and make a second job.
    watched = [] if was_sent else [(IntentState.WATCHED, created.job_id)]
    assert [(one.state, one.job_id) for one in service.pending.intents.all()] == watched


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (refuse, RequestRefusedError),
        (find_offline, BackendOfflineError),
        (never_connect, ServiceUnavailableError),
    ],
)
def test_what_was_surely_not_accepted_leaves_nothing_behind(
    service: RuntimeService,
    with_fault: Install,
    fault: Fault,
    error: type[Exception],
) -> None:
    submitted = with_fault(fault)
    with pytest.raises(error):
        submit(service, REQUEST)
    assert jobs_with(service, submitted[0]) == []
    assert service.pending.intents.all() == []
    assert service.records.jobs(None) == []
