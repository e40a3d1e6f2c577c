"""Tokens that end while they are used: renewed once, with nothing of the request lost."""

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from qrsession.accounts.account import Account
from qrsession.client.iam import TokenSource
from qrsession.client.rest import RestClient
from qrsession.client.transport import Call, Endpoint, Transport
from qrsession.errors import NotAuthorizedError
from qrsession.job import RuntimeJob
from qrsession.protocol.models import JobRecord, JobRequest
from qrsession.protocol.routes import TOKEN_PATH
from qrsession.service import RuntimeService
from qrsession.settings import Settings
from tests.client.conftest import INSTANCE, Request, Server, answer
from tests.loopback import Loopback, give

pytestmark = pytest.mark.fast

KEY = "the-raw-key-of-this-test"
HOUR_S = 3600.0
MINUTE_S = 60.0
LIMIT_S = 30.0


class ShortLived(Loopback):
    """A service whose clock moves with each question, and whose tokens last an hour of it.

    A job there completes after so many questions. Every request is kept, to be looked through.
    """

    def __init__(self, questions: int, minutes_a_question: float) -> None:
        self.now_s = 1_800_000_000.0
        self.issued = 0
        self.refusals = 0
        self.seen: list[str] = []
        self.revokes_every: int | None = None
        self._questions = questions
        self._step_s = minutes_a_question * MINUTE_S
        self._good_until_s: dict[str, float] = {}
        self._asked = 0
        super().__init__()

    def issue(self) -> dict[str, Any]:
        self.issued += 1
        name = f"token-{self.issued}"
        self._good_until_s[name] = self.now_s + HOUR_S
        expiration = int(self.now_s + HOUR_S)
        return {"access_token": name, "expires_in": int(HOUR_S), "expiration": expiration}

    def answer(self, authorization: str) -> tuple[int, dict[str, Any]]:
        token = authorization.removeprefix("Bearer ")
        if self.now_s >= self._good_until_s.get(token, 0.0):
            self.refusals += 1
            return 401, {"errors": [{"code": 1201, "message": "expired"}]}
        self._asked += 1
        self.now_s += self._step_s
        if self.revokes_every and self._asked % self.revokes_every == 0:
            del self._good_until_s[token]
        status = "Completed" if self._asked >= self._questions else "Queued"
        return 200, {"id": "j1", "state": {"status": status}}

    def handle(self, arrived: BaseHTTPRequestHandler, body: bytes) -> None:
        if arrived.path == TOKEN_PATH:
            status, document = 200, self.issue()
        else:
            self.seen.append(f"{arrived.requestline}\n{arrived.headers}\n{body.decode()}")
            status, document = self.answer(arrived.headers.get("Authorization", ""))
        # It says that it held the question, so that the next one comes at once.
        give(arrived, status, json.dumps(document).encode(), {"Preference-Applied": "wait"})


MakeService = Callable[..., ShortLived]


@pytest.fixture
def short_lived() -> Iterator[MakeService]:
    started: list[ShortLived] = []

    def make(questions: int, minutes_a_question: float) -> ShortLived:
        started.append(ShortLived(questions, minutes_a_question))
        return started[-1]

    yield make
    for running in started:
        running.stop()


def job_of(running: ShortLived, tmp_path: Path) -> RuntimeJob:
    endpoint = Endpoint(f"{running.url}/api/v1", INSTANCE)
    tokens = TokenSource(
        running.url + TOKEN_PATH, KEY, endpoint, tmp_path / "tokens", clock=lambda: running.now_s
    )
    settings = Settings.from_environ({"QRSESSION_HOME": str(tmp_path / "home")})
    service = RuntimeService(Account("far", KEY, running.url), settings=settings)
    service._client = RestClient(Transport(endpoint, tokens))
    return RuntimeJob(service, JobRecord("j1", "Queued", program_id="sampler"))


def test_waiting_outlives_any_number_of_tokens(short_lived: MakeService, tmp_path: Path) -> None:
    running = short_lived(questions=200, minutes_a_question=7)
    began_s = running.now_s
    record = job_of(running, tmp_path).wait_for_final_state(LIMIT_S)
    assert record.status == "Completed"
    assert running.now_s - began_s > 23 * HOUR_S
    # One in 48 to 55 minutes, before any was refused.
    assert 23 < running.issued < 31
    assert running.refusals == 0


def test_waiting_outlives_tokens_that_end_too_soon(
    short_lived: MakeService, tmp_path: Path
) -> None:
    running = short_lived(questions=200, minutes_a_question=7)
    running.revokes_every = 3
    record = job_of(running, tmp_path).wait_for_final_state(LIMIT_S)
    assert record.status == "Completed"
    # The last question that would have followed a revocation was not asked.
    assert running.refusals == 66
    assert running.issued == 67


def test_waiting_outlives_a_sleeping_laptop(short_lived: MakeService, tmp_path: Path) -> None:
    """Each question finds that hours have passed, so that each token has ended long ago."""
    running = short_lived(questions=20, minutes_a_question=300)
    assert job_of(running, tmp_path).wait_for_final_state(LIMIT_S).status == "Completed"
    assert running.issued == 20
    assert running.refusals == 0


def test_the_key_itself_is_sent_to_no_api(short_lived: MakeService, tmp_path: Path) -> None:
    running = short_lived(questions=30, minutes_a_question=20)
    running.revokes_every = 2
    job_of(running, tmp_path).wait_for_final_state(LIMIT_S)
    assert len(running.seen) > 30
    assert all(KEY not in request for request in running.seen)
    assert all("Authorization: Bearer token-" in request for request in running.seen)


JOB = JobRequest(program_id="sampler", backend="b", params={"pubs": [["x"]]}, tags=("mine",))
TOKEN_BODY = {"expires_in": 3600, "expiration": 2_000_000_000}


@pytest.fixture
def transport(server: Server, tmp_path: Path) -> Transport:
    endpoint = Endpoint(f"{server.url}/api/v1", INSTANCE)
    tokens = TokenSource(server.url + TOKEN_PATH, KEY, endpoint, tmp_path / "tokens")
    return Transport(endpoint, tokens, sleep=lambda _s: None)


def without_token(request: Request) -> list[tuple[str, str]]:
    return [(name, value) for name, value in request.headers.items() if name != "Authorization"]


@pytest.mark.parametrize(
    "send",
    [
        lambda transport: RestClient(transport).await_job("j1"),
        lambda transport: RestClient(transport).create_job(JOB),
        lambda transport: RestClient(transport).set_job_tags("j1", ("a", "ä")),
        lambda transport: RestClient(transport).close_session("s1"),
        lambda transport: transport.send(
            Call(
                "GET", "/x", (("tags", "a"), ("tags", "b")), headers={"X-Mine": "v", "Accept": "z"}
            )
        ),
    ],
    ids=["prefer", "post", "put", "patch", "own"],
)
def test_a_renewed_request_is_the_same_but_for_its_token(
    server: Server, transport: Transport, send: Callable[[Transport], Any]
) -> None:
    server.script(
        answer(200, {"access_token": "t1", **TOKEN_BODY}),
        answer(401, {"errors": [{"code": 1201, "message": "expired"}]}),
        answer(200, {"access_token": "t2", **TOKEN_BODY}),
        answer(200, {"id": "j1", "backend": "b", "state": {"status": "Queued"}}),
    )
    send(transport)
    _, first, _, second = server.requests
    assert first.headers["Authorization"] == "Bearer t1"
    assert second.headers["Authorization"] == "Bearer t2"
    assert without_token(first) == without_token(second)
    assert (first.method, first.path, first.query) == (second.method, second.path, second.query)
    assert first.body == second.body
    names = {name for name, _ in without_token(first)}
    assert {"Service-CRN", "IBM-API-Version", "X-Qx-Client-Application"} <= names
    assert ("Content-Type" in names) is bool(first.body)


def test_the_headers_that_must_stay_are_there(server: Server, transport: Transport) -> None:
    server.script(answer(200, {"access_token": "t1", **TOKEN_BODY}), answer(401), answer(401))
    with pytest.raises(NotAuthorizedError):
        RestClient(transport).await_job("j1")
    asked = [request for request in server.requests if urlsplit(request.path).path != TOKEN_PATH]
    assert {request.headers["Prefer"] for request in asked} == {"wait=10"}
    assert {request.headers["Service-CRN"] for request in asked} == {INSTANCE}


def test_a_second_refusal_ends_it(server: Server, transport: Transport) -> None:
    refusal = answer(401, {"errors": [{"code": 1201, "message": "Not you."}]})
    server.script(
        answer(200, {"access_token": "t1", **TOKEN_BODY}),
        refusal,
        answer(200, {"access_token": "t2", **TOKEN_BODY}),
        refusal,
    )
    with pytest.raises(NotAuthorizedError, match="Not you") as caught:
        RestClient(transport).get_job("j1")
    assert caught.value.exit_code == 3
    assert [request.path for request in server.requests] == [
        TOKEN_PATH,
        "/api/v1/jobs/j1",
        TOKEN_PATH,
        "/api/v1/jobs/j1",
    ]


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_refused_key_is_tried_once_and_goes_nowhere_else(
    server: Server, transport: Transport, status: int
) -> None:
    server.script(answer(status, {"errorCode": "BXNIM0415E", "errorMessage": "No such key."}))
    with pytest.raises(NotAuthorizedError, match="No such key") as caught:
        RestClient(transport).create_job(JOB)
    assert caught.value.exit_code == 3
    (request,) = server.requests
    assert request.path == TOKEN_PATH
    assert KEY not in str(request.headers)


def test_a_key_that_is_revoked_in_mid_flight_ends_it_too(
    server: Server, transport: Transport
) -> None:
    server.script(
        answer(200, {"access_token": "t1", **TOKEN_BODY}),
        answer(401, {}),
        answer(400, {"errorCode": "BXNIM0415E", "errorMessage": "No such key."}),
    )
    with pytest.raises(NotAuthorizedError, match="No such key"):
        RestClient(transport).get_job("j1")
    assert len(server.requests) == 3
    api = [request for request in server.requests if request.path != TOKEN_PATH]
    assert [request.headers["Authorization"] for request in api] == ["Bearer t1"]
