"""Waiting for jobs at a service that holds questions and at one that does not."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from qrsession.accounts.account import Account
from qrsession.cli.telling import tally
from qrsession.client.rest import RestClient
from qrsession.client.transport import Endpoint, Transport
from qrsession.errors import (
    JobCancelledError,
    JobFailedError,
    JobNotFoundError,
    QrsessionError,
    WaitInterruptedError,
    WaitTimeoutError,
)
from qrsession.job import RuntimeJob
from qrsession.protocol.models import JobRecord
from qrsession.results.outcomes import Outcome
from qrsession.service import RuntimeService
from qrsession.settings import Settings
from qrsession.verbs.reports import UNKNOWN_STATUS, JobReport
from qrsession.waiting import rounds
from qrsession.waiting.awaiting import await_jobs
from qrsession.waiting.errors import joint_error
from qrsession.waiting.events import Event, JobStatusSeen, Note, NoteKind, ResultKept
from qrsession.waiting.single import Deadline
from qrsession.waiting.terms import Terms
from tests.client.conftest import INSTANCE, FixedTokens
from tests.loopback import Loopback, give

pytestmark = pytest.mark.fast

LIMIT_S = 20.0
RESULT = json.dumps({"__type__": "PrimitiveResult", "__value__": {"pub_results": []}})


class Jobs(Loopback):
    """A service whose jobs are in the states that a test gives them."""

    def __init__(self, number: int, *, holds: bool = False, session_id: str | None = "s1") -> None:
        self.status = {f"j{at}": "Queued" for at in range(number)}
        self.holds = holds
        self.session_id = session_id
        self.refusal: int | None = None
        self.private = False
        self.questions: list[str] = []
        self.after: Callable[[int], None] = lambda _number: None
        self._change = threading.Condition()
        super().__init__()

    def end(self, *job_ids: str, status: str = "Completed") -> None:
        with self._change:
            self.status |= dict.fromkeys(job_ids, status)
            self._change.notify_all()

    def body_of(self, job_id: str) -> dict[str, Any]:
        state = {"status": self.status[job_id], "reason": "It is so."}
        body = {"id": job_id, "state": state, "session_id": self.session_id}
        return {**body, "program": {"id": "sampler"}, "private": self.private}

    def handle(self, arrived: BaseHTTPRequestHandler, body: bytes) -> None:
        assert body in {b"", b"null"}
        url = urlsplit(arrived.path)
        words = url.path.removeprefix("/api/v1").strip("/").split("/")
        with self._change:
            self.questions.append(" ".join(words[1:]) or "list")
            self.after(len(self.questions))
        headers = {}
        document: Any = {"errors": [{"code": 1291, "message": "Job not found."}]}
        status = self.refusal or 404
        if self.refusal is None and len(words) == 1:
            found = [self.body_of(job_id) for job_id in reversed(self.status)]
            assert parse_qs(url.query).get("session_id") == (
                [self.session_id] * bool(self.session_id) or None
            )
            status, document = 200, {"jobs": found, "count": len(found), "offset": 0, "limit": 200}
        elif self.refusal is None and words[1] in self.status:
            if words[2:] == ["results"]:
                status, document = 200, json.loads(RESULT)
            elif words[2:] == ["cancel"]:
                is_over = self.status[words[1]] in {"Completed", "Failed", "Cancelled"}
                status, document = (409 if is_over else 204), {}
            else:
                if self.holds:
                    headers = {"Preference-Applied": "wait"}
                    self._hold(words[1], arrived.headers["Prefer"])
                status, document = 200, self.body_of(words[1])
        try:
            give(arrived, status, b"" if status == 204 else json.dumps(document).encode(), headers)
        except OSError:
            # Nobody waits any more.
            arrived.close_connection = True

    def _hold(self, job_id: str, prefer: str) -> None:
        before = self.status[job_id]
        if before != "Queued":
            return
        with self._change:
            self._change.wait_for(
                lambda: self.status[job_id] != before or self.refusal is not None,
                float(prefer.removeprefix("wait=")),
            )


MakeJobs = Callable[..., tuple[Jobs, list[RuntimeJob]]]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeJobs]:
    """Return what makes a service, and jobs at it that nobody has looked at."""
    monkeypatch.setattr(rounds, "_LEAST_BETWEEN_QUESTIONS_S", 0.002)
    started: list[Jobs] = []

    def make_jobs(number: int, *, known: str = UNKNOWN_STATUS, **how: Any) -> Any:
        server = Jobs(number, **how)
        started.append(server)
        settings = Settings.from_environ({"QRSESSION_HOME": str(tmp_path / "home")})
        service = RuntimeService(Account("far", "key", server.url), settings=settings)
        endpoint = Endpoint(f"{server.url}/api/v1", INSTANCE)
        client = RestClient(Transport(endpoint, FixedTokens(), sleep=lambda _s: None))
        service._client = client
        monkeypatch.setattr(service, "reconnect", lambda: None)
        session_id = server.session_id
        jobs = [
            RuntimeJob(service, JobRecord(job_id, known, session_id=session_id))
            for job_id in server.status
        ]
        return server, jobs

    yield make_jobs
    for running in started:
        running.end(*running.status)
        running.stop()


def within(limit_s: float = LIMIT_S, **terms: Any) -> Terms:
    return Terms(Deadline(limit_s), **terms)


@pytest.mark.parametrize("session_id", ["s1", None])
def test_many_jobs_take_few_questions_where_nothing_is_held(
    make: MakeJobs, session_id: str | None
) -> None:
    """One for each at first, then one list for all of them, and one for each that has changed."""
    server, jobs = make(40, session_id=session_id)
    lists = 0

    def end_some(_number: int) -> None:
        nonlocal lists
        if server.questions[-1] == "list":
            lists += 1
            ended = range(30) if lists == 1 else range(30, 40)
            server.status |= {f"j{at}": "Completed" for at in ended}

    server.after = end_some
    awaited = await_jobs(jobs, within())
    assert [outcome.job.status for outcome in awaited.checked()] == ["Completed"] * 40
    assert lists == 2
    assert len([one for one in server.questions if one.endswith("results")]) == 40
    assert len(server.questions) <= 40 + lists + 40 + 40


def test_the_end_of_any_is_known_at_once_where_questions_are_held(make: MakeJobs) -> None:
    """Beyond those that have a held question each, the list is looked at twice a second."""
    for last in ("j3", "j29"):
        server, jobs = make(30, holds=True)
        seen: list[Event] = []

        def end_one(_number: int, server: Jobs = server, last: str = last) -> None:
            if len(server.questions) == 30 + 16:
                server.end(last)

        server.after = end_one
        began = Deadline(10.0)
        awaited = await_jobs(jobs, within(any_end=True), seen.append)
        assert awaited.decided_by == last
        assert awaited.error is None
        assert began.left_s > 8.0
        assert ResultKept in {type(event) for event in seen}
        assert len(awaited.outcomes) == 30


def test_a_failure_ends_a_wait_that_is_to_fail_fast_and_hides_no_result(make: MakeJobs) -> None:
    server, jobs = make(3, holds=True)
    server.end("j0")
    server.end("j1", status="Failed")
    awaited = await_jobs(jobs, within(fail_fast=True))
    with pytest.raises(JobFailedError) as caught:
        awaited.checked()
    assert caught.value.message == "1 of 3 jobs failed. Job j1 failed: It is so."
    assert caught.value.advice == "The rest goes on; take it up again: qrsession result j2 --wait"
    states = [job["status"] for job in caught.value.details["jobs"]]
    assert states == ["Completed", "Failed", "Queued"]
    assert jobs[0].service.records.result_path("j0").exists()


def test_what_ended_in_time_is_not_reported_as_timed_out(make: MakeJobs) -> None:
    """Also where nobody could look before: the process was stopped, or the machine slept."""
    server, jobs = make(3, known="Queued")
    server.end("j0", "j1", "j2")
    awaited = await_jobs(jobs, within(0.0))
    assert [outcome.job.status for outcome in awaited.checked()] == ["Completed"] * 3


def test_what_is_cancelled_too_late_counts_as_it_ended(make: MakeJobs) -> None:
    server, jobs = make(2, known="Queued")

    def end_at_last(_number: int) -> None:
        if server.questions[-1].endswith("cancel"):
            server.status["j0"] = "Completed"

    server.after = end_at_last
    awaited = await_jobs(jobs, within(0.0, cancel_on_timeout=True))
    assert isinstance(awaited.error, WaitTimeoutError)
    assert awaited.error.details["job_ids"] == ["j1"]
    assert [outcome.is_done for outcome in awaited.outcomes] == [True, False]


def test_a_job_that_is_gone_is_an_error_of_its_own(make: MakeJobs) -> None:
    server, jobs = make(3)
    del server.status["j1"]
    server.end("j0", "j2")
    awaited = await_jobs(jobs, within())
    assert isinstance(awaited.error, JobNotFoundError)
    assert [outcome.is_done for outcome in awaited.outcomes] == [True, False, True]


def test_an_outage_is_told_once_and_so_is_its_end(make: MakeJobs) -> None:
    """However many questions were on their way."""
    server, jobs = make(5, holds=True)
    seen: list[Event] = []

    def tell(event: Event) -> None:
        seen.append(event)
        if isinstance(event, Note) and event.kind == NoteKind.SERVICE_LOST:
            server.refusal = None
        elif isinstance(event, Note):
            server.end(*server.status)
        elif isinstance(event, JobStatusSeen) and event.job_id == "j4" and event.before is None:
            with server._change:
                server.refusal = 503
                server._change.notify_all()

    await_jobs(jobs, within(), tell).checked()
    kinds = [event.kind for event in seen if isinstance(event, Note)]
    assert kinds == [NoteKind.SERVICE_LOST, NoteKind.SERVICE_BACK]


def test_an_interruption_names_the_command_that_goes_on(make: MakeJobs) -> None:
    _, jobs = make(3, known="Queued", holds=True)

    def interrupt(event: Event) -> None:
        assert isinstance(event, JobStatusSeen)
        if event.job_id == "j2":
            raise KeyboardInterrupt

    with pytest.raises(WaitInterruptedError) as caught:
        await_jobs(jobs, within(), interrupt)
    assert caught.value.message == "Interrupted; 3 jobs go on."
    assert caught.value.advice == "Take it up again: qrsession wait j0 j1 j2"


def test_a_private_result_is_left_to_who_shows_it(make: MakeJobs) -> None:
    """It can be read once."""
    server, jobs = make(1)
    server.private = True
    server.end("j0")
    seen: list[Event] = []
    await_jobs(jobs, within(takes_private=False), seen.append).checked()
    assert server.questions == ["j0"]
    assert any(isinstance(event, Note) and "qrsession result j0" in event.message for event in seen)


def test_a_deadline_counts_the_time_that_its_clock_does() -> None:
    now_s = [100.0]
    deadline = Deadline(30.0, lambda: now_s[0])
    assert (deadline.left_s, deadline.hold_s) == (30.0, 10)
    now_s[0] += 25.5
    assert (deadline.left_s, deadline.hold_s) == (4.5, 4)
    # It slept for an hour.
    now_s[0] += 3600
    assert (deadline.left_s, deadline.hold_s) == (0.0, 0)
    assert Deadline(None).left_s == float("inf")


FAILED, CANCELLED = JobFailedError("It failed."), JobCancelledError("It was cancelled.")
GONE, LATE = JobNotFoundError("It is gone."), WaitTimeoutError("It is late.")


@pytest.mark.parametrize(
    ("errors", "exit_code"),
    [
        ([None, None], 0),
        ([None, LATE], 124),
        ([LATE, GONE, None], 4),
        ([GONE, CANCELLED, LATE], 7),
        ([LATE, CANCELLED, GONE, FAILED], 6),
    ],
)
def test_of_several_ends_the_worst_counts(
    errors: list[QrsessionError | None], exit_code: int
) -> None:
    outcomes = [
        Outcome(JobReport(f"j{at}", None, None, "sampler", "Queued", None), error=error)
        for at, error in enumerate(errors)
    ]
    found = joint_error(outcomes, None)
    assert (found.exit_code if found else 0) == exit_code
    if found is not None:
        assert len(found.details["jobs"]) == len(errors)
        # A job that is alone says its own words.
        assert joint_error(outcomes[-1:], None) is errors[-1]


def test_states_are_counted() -> None:
    states = ["Queued", "Completed", "Running", "Queued", "Completed", "Held back", "Failed", ""]
    assert tally(states) == "2 done, 1 running, 2 queued, 1 failed, 1 held back"
    assert tally([]) == ""
