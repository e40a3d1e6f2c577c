"""What each endpoint sends, and what an error of the service becomes."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from qrsession.errors import (
    BackendNotFoundError,
    BackendOfflineError,
    JobNotFoundError,
    LimitReachedError,
    NotAuthorizedError,
    NotFoundError,
    QrsessionError,
    RequestRefusedError,
    ServiceError,
    ServiceUnavailableError,
    SessionClosedError,
    SessionNotFoundError,
    WireFormatError,
)
from qrsession.protocol.models import JobRequest, SessionRequest
from tests.client.conftest import Answer, Client, Server, answer

pytestmark = pytest.mark.fast

Call = Callable[[Client], Any]

JOB_REQUEST = JobRequest(
    "sampler", "ibm_fez", {"pubs": []}, session_id="s1", tags=("a", "b"), cost_s=60
)
SESSION_REQUEST = SessionRequest("dedicated", "ibm_fez", "crn:x", 300)


def submit(client: Client) -> Any:
    return client.rest.create_job(JOB_REQUEST)


def open_session(client: Client) -> Any:
    return client.rest.create_session(SESSION_REQUEST)


def get_session(client: Client) -> Any:
    return client.rest.get_session("s1")


def get_job(client: Client) -> Any:
    return client.rest.get_job("j1")


def cancel_job(client: Client) -> Any:
    return client.rest.cancel_job("j1")


def get_configuration(client: Client) -> Any:
    return client.rest.get_backend_configuration("ibm_fez")


JOB = {"id": "j1", "state": {"status": "Queued"}}
ENDPOINTS: list[tuple[str, str, Any, Any, Call]] = [
    (
        "POST",
        "/sessions",
        {"mode": "dedicated", "backend": "ibm_fez", "instance": "crn:x", "max_ttl": 300},
        {"id": "s1"},
        open_session,
    ),
    ("GET", "/sessions/s1", None, {"id": "s1"}, get_session),
    (
        "PATCH",
        "/sessions/s1",
        {"accepting_jobs": False},
        None,
        lambda client: client.rest.close_session("s1"),
    ),
    ("DELETE", "/sessions/s1/close", None, None, lambda client: client.rest.cancel_session("s1")),
    (
        "POST",
        "/jobs",
        {
            "program_id": "sampler",
            "params": {"pubs": []},
            "backend": "ibm_fez",
            "session_id": "s1",
            "cost": 60,
            "tags": ["a", "b"],
        },
        {"id": "j1", "backend": "ibm_fez"},
        submit,
    ),
    ("GET", "/jobs/j1", None, JOB, get_job),
    ("POST", "/jobs/j1/cancel", None, None, cancel_job),
    ("DELETE", "/jobs/j1", None, None, lambda client: client.rest.delete_job("j1")),
    ("GET", "/jobs/j1/results", None, {}, lambda client: client.rest.get_job_results("j1")),
    ("GET", "/jobs/j1/logs", None, {}, lambda client: client.rest.get_job_logs("j1")),
    ("GET", "/jobs/j1/metrics", None, {}, lambda client: client.rest.get_job_metrics("j1")),
    (
        "PUT",
        "/jobs/j1/tags",
        {"tags": ["a", "b"]},
        None,
        lambda client: client.rest.set_job_tags("j1", ("a", "b")),
    ),
    ("GET", "/backends", None, {"devices": []}, lambda client: client.rest.list_backends()),
    ("GET", "/backends/ibm_fez/configuration", None, {}, get_configuration),
    (
        "GET",
        "/backends/ibm_fez/properties",
        None,
        {},
        lambda client: client.rest.get_backend_properties("ibm_fez"),
    ),
    ("GET", "/instances/usage", None, {}, lambda client: client.rest.get_usage()),
    ("GET", "/accounts/acct", None, {}, lambda client: client.rest.get_plans("acct", "plan")),
]


@pytest.mark.parametrize(
    "endpoint", ENDPOINTS, ids=[f"{method} {path}" for method, path, *_ in ENDPOINTS]
)
def test_what_an_endpoint_sends(
    server: Server, client: Client, endpoint: tuple[str, str, Any, Any, Call]
) -> None:
    method, path, body, reply, call = endpoint
    server.script(answer(204 if reply is None else 200, reply))
    call(client)
    (request,) = server.requests
    assert (request.method, request.path) == (method, f"/api/v1{path}")
    assert (request.json() if request.body else None) == body
    if body is not None:
        assert request.headers["Content-Type"] == "application/json"


def test_names_are_one_segment_of_a_path(server: Server, client: Client) -> None:
    server.script(answer(200, {"id": "s1"}))
    client.rest.get_session("a/b?c#d e")
    assert server.requests[0].path == "/api/v1/sessions/a%2Fb%3Fc%23d%20e"
    assert server.requests[0].query == {}


def errors_body(code: Any, message: str = "What happened.", **more: str) -> dict[str, Any]:
    return {"errors": [{"code": code, "message": message, **more}], "trace": "t-1"}


@pytest.mark.parametrize(
    ("status", "code", "call", "error"),
    [
        (401, 1200, get_job, NotAuthorizedError),
        (401, 1201, get_job, NotAuthorizedError),
        (403, 1200, get_job, NotAuthorizedError),
        (403, 1214, submit, NotAuthorizedError),
        (400, 1352, open_session, NotAuthorizedError),
        (429, 1202, submit, LimitReachedError),
        (400, 1202, submit, LimitReachedError),
        (409, 1300, submit, LimitReachedError),
        (400, 1004, submit, BackendOfflineError),
        (400, 1204, submit, RequestRefusedError),
        (400, 1205, submit, RequestRefusedError),
        (400, 1208, submit, RequestRefusedError),
        (409, 1000, cancel_job, RequestRefusedError),
        (400, 1217, submit, SessionClosedError),
        (409, 1217, submit, SessionClosedError),
        (409, "1217", submit, SessionClosedError),
        (404, "not_found", get_session, SessionNotFoundError),
        (404, "not_found", get_job, JobNotFoundError),
        (404, None, get_configuration, BackendNotFoundError),
        (404, None, submit, NotFoundError),
        (413, None, submit, RequestRefusedError),
        (500, 9999, submit, ServiceUnavailableError),
        (503, 1999, submit, ServiceUnavailableError),
        (520, None, submit, ServiceUnavailableError),
        (302, None, submit, ServiceError),
    ],
)
def test_an_error_of_the_service_becomes_ours(
    server: Server, client: Client, status: int, code: Any, call: Call, error: type[QrsessionError]
) -> None:
    server.script(answer(status, errors_body(code, solution="Do that.")))
    with pytest.raises(QrsessionError) as caught:
        call(client)
    assert caught.type is error
    assert caught.value.advice == "Do that."
    assert caught.value.details["http_status"] == status
    assert caught.value.details["ibm_code"] == (1217 if code == "1217" else code)
    assert caught.value.details["trace"] == "t-1"


@pytest.mark.parametrize(
    ("call", "names", "words"),
    [
        (get_session, {"session_id": "s1"}, "Gone (s1)."),
        (get_job, {"job_id": "j1"}, "Gone (j1)."),
        (get_configuration, {"backend": "ibm_fez"}, "Gone (ibm_fez)."),
    ],
)
def test_what_was_not_found_is_named(
    server: Server, client: Client, call: Call, names: dict[str, str], words: str
) -> None:
    server.script(answer(404, errors_body(None, "Gone.")))
    with pytest.raises(NotFoundError) as caught:
        call(client)
    assert caught.value.message == words
    assert names.items() <= caught.value.details.items()


def test_an_html_page_of_a_proxy_is_an_error_like_others(server: Server, client: Client) -> None:
    page = b"<html><head><title>520</title></head>\n<body>\x1b[31mWeb server error</body>"
    server.script(Answer(520, page * 50, {"Content-Type": "text/html"}))
    with pytest.raises(ServiceUnavailableError) as caught:
        submit(client)
    assert "Web server error" in caught.value.message
    assert len(caught.value.message) <= 300
    assert caught.value.message.isprintable()


@pytest.mark.parametrize("document", [[], "x", 5, {"devices": 5}, {"devices": [1]}, None])
def test_a_list_of_backends_that_is_none(server: Server, client: Client, document: Any) -> None:
    server.script(Answer(200, b"null") if document is None else answer(200, document))
    with pytest.raises(WireFormatError):
        client.rest.list_backends()


def test_properties_of_a_day(server: Server, client: Client) -> None:
    server.script(answer(200, {"backend_name": "ibm_fez"}))
    day = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert "ibm_fez" in client.rest.get_backend_properties("ibm_fez", as_of=day)
    assert server.requests[-1].query == {"updated_before": ["2026-01-02T03:04:05.000Z"]}


def test_results_that_are_not_there_yet(server: Server, client: Client) -> None:
    server.script(answer(204), Answer(200, b""), Answer(200, b'{"a": 1}'))
    assert client.rest.get_job_results("j1") is None
    assert client.rest.get_job_results("j1") is None
    assert client.rest.get_job_results("j1") == '{"a": 1}'


def test_logs_that_are_not_there(server: Server, client: Client) -> None:
    server.script(answer(404, errors_body(None)))
    assert client.rest.get_job_logs("j1") == ""
    assert server.requests[0].headers["Accept"] == "text/plain"
    server.script(answer(403, errors_body(None)))
    with pytest.raises(NotAuthorizedError):
        client.rest.get_job_logs("j1")


def test_properties_of_a_simulator_are_empty(server: Server, client: Client) -> None:
    for body in (b"", b"{}", b"null"):
        server.script(Answer(200, body))
        assert client.rest.get_backend_properties("aer_simulator") == "{}"


def test_documents_with_the_same_content_are_the_same_text(server: Server, client: Client) -> None:
    server.script(Answer(200, b'{"b": 1, "a": [1.5]}'), Answer(200, b'{ "a":[1.5],"b":1 }'))
    assert get_configuration(client) == get_configuration(client) == '{"a":[1.5],"b":1}'


def page(first: int, last: int, count: int) -> Answer:
    jobs = [{"id": f"j{number}", "state": {"status": "Queued"}} for number in range(first, last)]
    return answer(200, {"jobs": jobs, "count": count, "offset": first, "limit": 200})


def test_jobs_are_listed_page_by_page(server: Server, client: Client) -> None:
    server.script(page(0, 200, 450), page(200, 400, 450), page(400, 450, 450))
    jobs = list(client.rest.list_jobs(session_id="s1", tags=("a", "b"), limit=1000))
    assert [job.job_id for job in jobs] == [f"j{number}" for number in range(450)]
    assert [request.query["offset"] for request in server.requests] == [["0"], ["200"], ["400"]]
    for request in server.requests:
        # The service ignores `tags[]=`, and would return everything.
        assert request.query["tags"] == ["a", "b"]
        assert request.query["session_id"] == ["s1"]
        assert request.query["exclude_params"] == ["true"]
        assert int(request.query["limit"][0]) <= 200


def test_no_more_jobs_are_listed_than_asked_for(server: Server, client: Client) -> None:
    server.script(page(0, 20, 450))
    assert len(list(client.rest.list_jobs(limit=3))) == 3
    assert server.requests[0].query["limit"] == ["3"]
    assert len(server.requests) == 1


def test_a_list_without_jobs_ends(server: Server, client: Client) -> None:
    """Empty and yet of seven, it proves nothing: a job that was to be in it may exist."""
    server.script(answer(200, {"jobs": [], "count": 7}))
    with pytest.raises(WireFormatError, match="says that there are 7"):
        list(client.rest.list_jobs())


@pytest.mark.parametrize(
    ("applied", "was_held"), [("wait=10", True), ("wait", True), ("", False), ("return", False)]
)
def test_whether_a_question_was_held(
    server: Server, client: Client, applied: str, was_held: bool
) -> None:
    server.script(answer(200, JOB, **({"Preference_Applied": applied} if applied else {})))
    job, held = client.rest.await_job("j1")
    assert (job.job_id, held) == ("j1", was_held)


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        pytest.param(answer(200, {"a": 1}, Preference_Applied="wait"), '{"a": 1}', id="held"),
        pytest.param(answer(204, Preference_Applied="wait"), None, id="held in vain"),
        pytest.param(answer(200, "a traceback, it may be"), None, id="not held"),
        pytest.param(answer(204), None, id="not there yet"),
    ],
)
def test_a_result_is_taken_of_a_service_that_holds(
    server: Server, client: Client, reply: Answer, text: str | None
) -> None:
    server.script(reply)
    assert client.rest.await_job_results("j1") == text
    (request,) = server.requests
    assert request.headers["Prefer"] == "wait=10"


@pytest.mark.parametrize(("applied", "asked"), [("wait", 2), ("", 1)])
def test_a_service_that_holds_no_results_is_asked_once(
    server: Server, client: Client, applied: str, asked: int
) -> None:
    server.script(answer(204, **({"Preference_Applied": applied} if applied else {})))
    assert client.rest.await_job_results("j1", 3) is None
    assert client.rest.await_job_results("j2", 3) is None
    assert [request.headers["Prefer"] for request in server.requests] == ["wait=3"] * asked


@pytest.mark.parametrize("document", [[[]], "text", 5, True])
def test_a_document_that_is_no_object_is_refused(
    client: Client, server: Server, document: Any
) -> None:
    server.script(answer(200, document))
    with pytest.raises(WireFormatError, match="A backend's document is not a JSON object"):
        get_configuration(client)
    with pytest.raises(WireFormatError, match="A backend's document is not a JSON object"):
        client.rest.get_backend_properties("ibm_fez")
