"""Submissions among rivals: others with the same key, long sleeps, wrong clocks, odd services."""

import json
import os
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from qrsession import storage
from qrsession.client.transport import Call, Reply
from qrsession.errors import (
    JobNotFoundError,
    ReplyLostError,
    StorageError,
    SubmissionUnknownError,
)
from qrsession.protocol.models import JobRequest
from qrsession.service import RuntimeService
from qrsession.state.pending import Intent, IntentState, Sender
from qrsession.submission.settling import find_tagged
from qrsession.submission.submit import Sending, submit
from qrsession.tags import new_tag
from tests.sample_circuits import BELL
from tests.submissions import Fault, Send, Time

BACKEND = "aer_simulator"
REQUEST = JobRequest(
    program_id="sampler",
    backend=BACKEND,
    params={"pubs": [[BELL, None, 10]], "version": 2, "support_qiskit": True},
)
# No process has it: it is above the largest number that systems give.
DEAD_PID = 2**22 + 1


@pytest.fixture
def through(service: RuntimeService, monkeypatch: pytest.MonkeyPatch) -> Callable[[Fault], None]:
    """Put a fault around all that is sent."""

    def install(fault: Fault) -> None:
        send = service.client.transport.send
        # A new connection would be without the fault.
        monkeypatch.setattr(service, "reconnect", lambda: None)
        monkeypatch.setattr(service.client.transport, "send", lambda call: fault(send, call))

    return install


@pytest.fixture
def time() -> Time:
    return Time()


def jobs_with(service: RuntimeService, tag: str) -> list[str]:
    """Return the jobs at the service that bear a tag."""
    return [job.job_id for job in service.client.list_jobs(tags=(tag,))]


def an_intent(tag: str, **values: Any) -> Intent:
    """Return what a submission left whose process was killed."""
    sender = Sender()
    usual = Intent(tag, "local", None, BACKEND, "sampler", datetime.now(UTC), DEAD_PID, sender.host)
    return replace(usual, **values)


def reset(send: Send, call: Call) -> Reply:
    """Lose each submission, so that nobody can tell whether it was accepted."""
    if call.creates:
        raise ReplyLostError("lost")
    return send(call)


def without_filter(send: Send, call: Call) -> Reply:
    """List all jobs, whatever was asked for, as a service that does not know the parameter."""
    query = tuple(pair for pair in call.query if pair[0] != "tags")
    return send(replace(call, query=query))


@pytest.mark.parametrize(
    "listed", [{}, {"jobs": None, "count": 0}, {"jobs": [], "count": 3}, {"error": "try later"}]
)
def test_an_answer_that_lists_nothing_is_no_proof_that_there_is_none(
    service: RuntimeService, through: Callable[[Fault], None], time: Time, listed: object
) -> None:
    posted = []

    def garble(_send: Send, call: Call) -> Reply:
        if call.creates:
            posted.append(call)
            return Reply(502, "", {})
        return Reply(200, json.dumps(listed), {})

    through(garble)
    with pytest.raises(SubmissionUnknownError):
        submit(service, REQUEST, Sending(patience=time.patience()))
    assert len(posted) == 1


def test_a_service_that_ignores_the_tag_proves_nothing_by_what_it_lists(
    service: RuntimeService, through: Callable[[Fault], None], time: Time
) -> None:
    submit(service, REQUEST)
    posted = []

    def fail(send: Send, call: Call) -> Reply:
        if call.creates:
            posted.append(call)
            return Reply(502, "", {})
        return without_filter(send, call)

    through(fail)
    with pytest.raises(SubmissionUnknownError):
        submit(service, REQUEST, Sending(patience=time.patience()))
    assert len(posted) == 1


def test_a_job_beyond_the_first_page_of_such_a_service_is_found(
    service: RuntimeService, through: Callable[[Fault], None], time: Time
) -> None:
    def crowd(send: Send, call: Call) -> Reply:
        if not call.creates:
            return without_filter(send, call)
        send(call)
        for _ in range(21):
            service.client.transport.send(
                replace(call, body={**call.body, "tags": []}, creates=False)
            )
        return Reply(502, "", {})

    through(crowd)
    created = submit(service, REQUEST, Sending(patience=time.patience()))
    (entry,) = service.records.jobs(None)
    assert entry.job_id == created.job_id


def test_who_waits_for_hours_is_not_taken_for_dead(
    service: RuntimeService, through: Callable[[Fault], None], time: Time
) -> None:
    """Too many requests for an hour: all the time, others see that its process is at it."""
    left = [429] * 60
    seen = []

    def limit(send: Send, call: Call) -> Reply:
        if call.creates and left:
            return Reply(left.pop(), "{}", {"Retry-After": "60"})
        return send(call)

    def look() -> None:
        (intent,) = service.pending.intents.all()
        seen.append(intent.may_be_at_work(time.now()))

    through(limit)
    time.on_sleep = look
    submit(service, REQUEST, Sending(patience=time.patience()))
    assert sum(time.slept_s) == 3600
    assert seen == [True] * 60
    assert service.pending.intents.all() == []


def test_who_slept_while_another_took_over_does_not_send(
    service: RuntimeService, through: Callable[[Fault], None], time: Time
) -> None:
    tag = new_tag()
    posted = []
    left = [429]

    def limit(send: Send, call: Call) -> Reply:
        if call.creates:
            posted.append(call)
            if left:
                return Reply(left.pop(), "{}", {})
        return send(call)

    def take_over() -> None:
        # Another process thinks that this one is dead, and submits it.
        time.on_sleep = lambda: None
        service.pending.intents.put(an_intent(tag))
        other = Sending(once=tag, patience=Time().patience())
        others.append(submit(service, REQUEST, other).job_id)

    others: list[str] = []
    through(limit)
    time.on_sleep = take_over
    created = submit(service, REQUEST, Sending(once=tag, patience=time.patience()))
    assert [created.job_id] == others == jobs_with(service, tag)
    assert len(posted) == 2


def test_who_was_given_up_wrongly_goes_on_under_its_tag(
    service: RuntimeService, through: Callable[[Fault], None], time: Time
) -> None:
    left = [429]

    def limit(send: Send, call: Call) -> Reply:
        return Reply(left.pop(), "{}", {}) if call.creates and left else send(call)

    def give_up() -> None:
        (intent,) = service.pending.intents.all()
        service.pending.intents.put(replace(intent, state=IntentState.NOT_SUBMITTED))

    through(limit)
    time.on_sleep = give_up
    created = submit(service, REQUEST, Sending(patience=time.patience()))
    (entry,) = service.records.jobs(None)
    assert entry.job_id == created.job_id
    assert entry.tag is not None
    assert jobs_with(service, entry.tag) == [created.job_id]


def test_eight_threads_with_one_key_make_one_job(service: RuntimeService) -> None:
    tag = new_tag()
    found: list[str] = []

    def ask() -> None:
        found.append(submit(service, REQUEST, Sending(once=tag)).job_id)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == [found[0]] * 8
    assert jobs_with(service, tag) == [found[0]]


@pytest.mark.parametrize("ahead", [timedelta(days=1), timedelta(days=400)])
def test_a_clock_that_was_set_back_keeps_nobody_looking_for_hours(
    service: RuntimeService, time: Time, ahead: timedelta
) -> None:
    tag = new_tag()
    future = datetime.now(UTC) + ahead
    service.pending.intents.put(an_intent(tag, created_at=future, host="another machine"))
    submit(service, REQUEST, Sending(once=tag, patience=time.patience()))
    assert sum(time.slept_s) == pytest.approx(120)


def test_a_submission_under_way_is_not_said_to_be_none(service: RuntimeService, time: Time) -> None:
    tag = new_tag()
    intent = an_intent(tag, pid=os.getpid())
    service.pending.intents.put(intent)
    with pytest.raises(SubmissionUnknownError, match="on its way") as caught:
        find_tagged(service, tag, intent, time.patience())
    assert caught.value.exit_code == 10
    assert service.pending.intents.all() == [intent]


def test_one_in_doubt_that_is_found_by_its_tag_is_watched(
    service: RuntimeService, time: Time
) -> None:
    tag = new_tag()
    job_id = service.client.create_job(replace(REQUEST, tags=(tag,))).job_id
    intent = an_intent(tag, state=IntentState.IN_DOUBT)
    service.pending.intents.put(intent)
    assert find_tagged(service, tag, intent, time.patience()) == job_id
    (watched,) = service.pending.intents.all()
    assert (watched.state, watched.job_id) == (IntentState.WATCHED, job_id)


def test_a_damaged_intent_is_looked_for_as_long_as_any(service: RuntimeService, time: Time) -> None:
    tag = new_tag()
    service.pending.intents.put(an_intent(tag))
    path = next(service.pending.intents._folder.glob("*.json"))
    path.write_text("half of an int")
    with pytest.raises(JobNotFoundError):
        find_tagged(service, tag, None, time.patience())
    submit(service, REQUEST, Sending(once=tag, patience=time.patience()))
    assert sum(time.slept_s) == pytest.approx(240)
    assert len(jobs_with(service, tag)) == 1


def test_a_job_that_cannot_be_entered_is_named_and_entered_later(
    service: RuntimeService, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    def be_full(path: Path, _line: bytes, **_times: float) -> None:
        raise StorageError(f"{path} cannot be used: No space left on device.")

    tag = new_tag()
    with monkeypatch.context() as patch:
        patch.setattr(storage, "append_line", be_full)
        with pytest.raises(StorageError, match="was submitted") as caught:
            submit(service, REQUEST, Sending(once=tag, patience=time.patience()))
    (job_id,) = jobs_with(service, tag)
    assert caught.value.details["job_id"] == job_id
    assert job_id in caught.value.advice
    # Nobody waits for this process, which may live on.
    again = submit(service, REQUEST, Sending(once=tag, patience=time.patience()))
    assert again.job_id == job_id
    assert sum(time.slept_s) == 0
    assert [entry.job_id for entry in service.records.jobs(None)] == [job_id]


def test_who_is_interrupted_after_the_reply_leaves_it_to_others(
    service: RuntimeService, through: Callable[[Fault], None], time: Time
) -> None:
    tag = new_tag()
    accepted: list[str] = []

    def interrupt(send: Send, call: Call) -> Reply:
        if accepted and "tags" in dict(call.query):
            raise KeyboardInterrupt
        reply = send(call)
        if call.creates:
            accepted.append(reply.json()["id"])
        return reply

    through(interrupt)
    with pytest.raises(KeyboardInterrupt):
        submit(service, REQUEST, Sending(once=tag, patience=time.patience()))
    assert len(accepted) == 1
    (intent,) = service.pending.intents.all()
    assert intent.state == IntentState.IN_DOUBT
    assert time.said[-1].endswith(f"qrsession result {tag} --wait")


def test_who_is_interrupted_before_anything_was_sent_leaves_nothing(
    service: RuntimeService, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_submission: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("qrsession.submission.submit._Submission._reserve", interrupt)
    with pytest.raises(KeyboardInterrupt):
        submit(service, REQUEST, Sending(patience=time.patience()))
    assert service.pending.intents.all() == []
    assert time.said == []


def test_a_lost_submission_names_its_tag_and_stays(
    service: RuntimeService, through: Callable[[Fault], None], time: Time
) -> None:
    through(reset)
    with pytest.raises(SubmissionUnknownError) as caught:
        submit(service, REQUEST, Sending(patience=time.patience()))
    assert [one.tag for one in service.pending.intents.all()] == [caught.value.details["tag"]]
