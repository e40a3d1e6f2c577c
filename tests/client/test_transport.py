"""What is sent twice and what never, over a real connection."""

import gzip
import json
import logging
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
import urllib3.util.connection
from requests.adapters import HTTPAdapter

from qrsession.client.transport import (
    CONNECT_TIMEOUT_S,
    Call,
    Endpoint,
    Reply,
    Transport,
    is_loopback,
    new_http_session,
    retry_after_s,
)
from qrsession.errors import (
    InvalidValueError,
    LimitReachedError,
    NotAuthorizedError,
    QrsessionError,
    ReplyLostError,
    ServiceError,
    ServiceUnavailableError,
    WireFormatError,
)
from qrsession.protocol.models import JobRequest, SessionRequest
from tests.client.conftest import (
    DROP,
    INSTANCE,
    RENEWED_TOKEN,
    TOKEN,
    TRUNCATE,
    Answer,
    Client,
    FixedTokens,
    Server,
    answer,
)

pytestmark = pytest.mark.fast

ClientOf = Callable[..., Client]

TIMES = 5  # How often a call that may be repeated is sent at most.
SESSION = {"id": "s1", "state": "open"}
JOB = {"id": "j1", "state": {"status": "Queued"}}
JOB_REQUEST = JobRequest("sampler", "aer_simulator", {"pubs": []})
SESSION_REQUEST = SessionRequest("batch", "aer_simulator")

REPEATABLE: dict[str, tuple[Callable[[Client], Any], Answer]] = {
    "GET": (lambda client: client.rest.get_session("s1"), answer(200, SESSION)),
    "PATCH": (lambda client: client.rest.close_session("s1"), answer(204)),
    "DELETE": (lambda client: client.rest.cancel_session("s1"), answer(204)),
    "PUT": (lambda client: client.rest.set_job_tags("j1", ("a",)), answer(204)),
    "POST": (lambda client: client.rest.cancel_job("j1"), answer(204)),
}
CREATING: dict[str, Callable[[Client], Any]] = {
    "/api/v1/jobs": lambda client: client.rest.create_job(JOB_REQUEST),
    "/api/v1/sessions": lambda client: client.rest.create_session(SESSION_REQUEST),
}
LATER = [answer(status) for status in (429, 500, 502, 503, 504, 520, 521, 522, 524)]
NOT_NOW = [*LATER, DROP, TRUNCATE]


def names(values: list[Answer]) -> list[str]:
    return ["drop" if v.drop else "cut" if v.truncate else str(v.status) for v in values]


@pytest.mark.parametrize("method", REPEATABLE)
@pytest.mark.parametrize("trouble", NOT_NOW, ids=names(NOT_NOW))
def test_what_is_idempotent_is_repeated(
    server: Server, client: Client, method: str, trouble: Answer
) -> None:
    call, good = REPEATABLE[method]
    server.script(trouble, trouble, good)
    call(client)
    assert [request.method for request in server.requests] == [method] * 3
    first, *others = server.requests
    for request in others:
        assert (request.path, request.body) == (first.path, first.body)
    assert len(client.waits_s) == 2
    assert client.waits_s[0] < client.waits_s[1]


@pytest.mark.parametrize(
    ("trouble", "error"),
    [
        (answer(503), ServiceUnavailableError),
        (answer(429), LimitReachedError),
        (DROP, ReplyLostError),
    ],
    ids=["503", "429", "drop"],
)
def test_repeating_ends(
    server: Server, client: Client, trouble: Answer, error: type[Exception]
) -> None:
    server.script(trouble)
    with pytest.raises(error):
        client.rest.get_session("s1")
    assert len(server.requests) == TIMES
    assert sum(client.waits_s) < 10


@pytest.mark.parametrize("path", CREATING)
@pytest.mark.parametrize("trouble", NOT_NOW, ids=names(NOT_NOW))
def test_what_creates_is_never_sent_twice(
    server: Server, client: Client, path: str, trouble: Answer
) -> None:
    server.script(trouble)
    with pytest.raises((ServiceUnavailableError, LimitReachedError)) as caught:
        CREATING[path](client)
    assert isinstance(caught.value, ReplyLostError) == (trouble.drop or trouble.truncate)
    assert isinstance(caught.value, LimitReachedError) == (trouble.status == 429)
    assert [(request.method, request.path) for request in server.requests] == [("POST", path)]
    assert client.waits_s == []


@pytest.mark.parametrize("path", CREATING)
def test_what_creates_is_repeated_while_no_connection_comes_about(
    client_of: ClientOf, server: Server, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of(f"{server.url}/api/v1")
    server.script(answer(200, {"id": "x1", "backend": "b"}))
    attempts: list[Any] = []
    connect = urllib3.util.connection.create_connection

    def refuse_twice(address: Any, *arguments: Any, **options: Any) -> socket.socket:
        attempts.append(address)
        if len(attempts) <= 2:
            raise ConnectionRefusedError(111, "Connection refused")
        return connect(address, *arguments, **options)

    monkeypatch.setattr(urllib3.util.connection, "create_connection", refuse_twice)
    CREATING[path](client)
    assert (len(attempts), len(server.requests)) == (3, 1)


def free_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port: int = unused.getsockname()[1]
        return port


@pytest.mark.parametrize("path", CREATING)
def test_no_connection_is_told_from_a_lost_reply(client_of: ClientOf, path: str) -> None:
    client = client_of(f"http://127.0.0.1:{free_port()}/api/v1")
    with pytest.raises(ServiceUnavailableError, match="Connection refused") as caught:
        CREATING[path](client)
    assert not isinstance(caught.value, ReplyLostError)
    assert caught.value.details["method"] == "POST"
    assert len(client.waits_s) == TIMES - 1


@pytest.mark.parametrize(
    ("headers", "least_s"),
    [
        ({"Retry_After": "7"}, 7),
        ({"Retry_After": "3600"}, 60),
        ({"Retry_After": "soon"}, 0),
        ({}, 0),
    ],
)
def test_waits_as_long_as_told(
    server: Server, client: Client, headers: dict[str, str], least_s: float
) -> None:
    server.script(answer(429, **headers), answer(200, SESSION))
    client.rest.get_session("s1")
    (wait_s,) = client.waits_s
    assert least_s <= wait_s <= max(least_s, 1)


@pytest.mark.parametrize(
    ("text", "wait_s"),
    [("0", 0), ("5", 5), ("61", 60), ("-1", 0), ("1.5", 0), ("Wed, 21 Oct 2026 07:28:00 GMT", 0)],
)
def test_retry_after_is_read(text: str, wait_s: float) -> None:
    assert retry_after_s(Reply(503, "", {"Retry-After": text})) == wait_s


@pytest.mark.parametrize("path", CREATING)
def test_a_refused_token_is_renewed_once_and_the_headers_stay(
    server: Server, client: Client, path: str
) -> None:
    server.script(answer(401, {}), answer(200, {"id": "x1", "backend": "b"}))
    CREATING[path](client)
    before, after = server.requests
    assert client.tokens.refused == [TOKEN]
    assert before.headers["Authorization"] == f"Bearer {TOKEN}"
    assert after.headers["Authorization"] == f"Bearer {RENEWED_TOKEN}"
    assert before.body == after.body
    for name in ("IBM-API-Version", "Service-CRN", "X-Qx-Client-Application", "Content-Type"):
        assert before.headers[name] == after.headers[name] is not None


def test_a_token_that_is_refused_again_is_an_error(server: Server, client: Client) -> None:
    server.script(answer(401, {"errors": [{"code": 1201, "message": "No."}]}))
    with pytest.raises(NotAuthorizedError, match=r"No\."):
        client.rest.get_session("s1")
    assert len(server.requests) == 2


def test_headers_of_a_request(server: Server, client: Client) -> None:
    server.script(answer(200, JOB, Preference_Applied="wait=10"))
    _, was_held = client.rest.await_job("j1")
    (request,) = server.requests
    assert was_held
    assert request.headers["Service-CRN"] == INSTANCE
    assert request.headers["IBM-API-Version"] == "2026-04-15"
    assert request.headers["Prefer"] == "wait=10"
    assert request.headers["Accept"] == "application/json"
    assert "gzip" in request.headers["Accept-Encoding"]
    assert request.headers["X-Qx-Client-Application"].startswith("qrsession/")
    assert request.query == {"exclude_params": ["true"]}


def test_gzip_is_unpacked(server: Server, client: Client) -> None:
    packed = gzip.compress(json.dumps(SESSION).encode())
    server.script(Answer(200, packed, {"Content-Encoding": "gzip"}))
    assert client.rest.get_session("s1").session_id == "s1"


@pytest.mark.parametrize(
    "content_type", ["text/plain", "text/plain; charset=utf-8", "", "text/html"]
)
def test_text_is_utf_8_whatever_its_type(server: Server, client: Client, content_type: str) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    server.script(Answer(200, "µ = ½ ψ".encode(), headers))
    assert client.rest.get_job_logs("j1") == "µ = ½ ψ"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_redirects_are_not_followed(
    server: Server, client: Client, status: int, method: str
) -> None:
    other = Server()
    try:
        server.script(answer(status, Location=f"{other.url}/api/v1/sessions/s1"))
        call = REPEATABLE["GET"][0] if method == "GET" else CREATING["/api/v1/sessions"]
        with pytest.raises(ServiceError, match="redirect") as caught:
            call(client)
        assert caught.value.details["http_status"] == status
        assert other.requests == []
        assert len(server.requests) == 1
    finally:
        other.stop()


@pytest.mark.parametrize("body", [b"", b"<html>", b"{", b"\xff\xfe", b"[" * 100_000])
def test_a_body_that_is_no_json_is_one_error(server: Server, client: Client, body: bytes) -> None:
    server.script(Answer(200, body))
    with pytest.raises(WireFormatError):
        client.rest.get_session("s1")


def test_on_loopback_netrc_and_proxies_do_not_count(
    server: Server, client_of: ClientOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login me password from-netrc\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    client = client_of(f"{server.url}/api/v1", proxies={"http": "http://127.0.0.1:9"})
    server.script(answer(200, SESSION))
    client.rest.get_session("s1")
    assert server.requests[0].headers["Authorization"] == f"Bearer {TOKEN}"


def test_beyond_loopback_netrc_does_not_replace_the_token(
    server: Server, client_of: ClientOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login me password from-netrc\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    # A host that nobody resolves, reached through a proxy that the account names.
    client = client_of("http://runtime.example/api/v1", proxies={"http": server.url})
    server.script(answer(200, SESSION))
    client.rest.get_session("s1")
    assert server.requests[0].headers["Authorization"] == f"Bearer {TOKEN}"
    assert "from-netrc" not in str(server.requests)


def test_a_proxy_that_is_down_is_no_lost_reply(client_of: ClientOf) -> None:
    dead = f"http://127.0.0.1:{free_port()}"
    client = client_of("https://runtime.example/api/v1", proxies={"https": dead})
    with pytest.raises(ServiceUnavailableError) as caught:
        client.rest.create_job(JOB_REQUEST)
    assert not isinstance(caught.value, ReplyLostError)


def test_every_call_has_its_time_outs(
    server: Server, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[float, float]] = []
    send = HTTPAdapter.send

    def spy(self: HTTPAdapter, *arguments: Any, **options: Any) -> requests.Response:
        seen.append(options["timeout"])
        return send(self, *arguments, **options)

    monkeypatch.setattr(HTTPAdapter, "send", spy)
    calls: list[tuple[Callable[[], Any], Answer]] = [
        (lambda: client.rest.get_session("s1"), answer(200, SESSION)),
        (lambda: client.rest.close_session("s1"), answer(204)),
        (lambda: client.rest.cancel_session("s1"), answer(204)),
        (lambda: client.rest.create_session(SESSION_REQUEST), answer(200, SESSION)),
        (lambda: client.rest.create_job(JOB_REQUEST), answer(200, {"id": "j1", "backend": "b"})),
        (lambda: client.rest.await_job("j1"), answer(200, JOB)),
        (lambda: client.rest.cancel_job("j1"), answer(204)),
        (lambda: client.rest.get_job_results("j1"), answer(200, {})),
        (lambda: client.rest.get_job_logs("j1"), answer(200, {})),
        (client.rest.list_backends, answer(200, {"devices": []})),
        (lambda: list(client.rest.list_jobs()), answer(200, {"jobs": []})),
    ]
    for call, reply in calls:
        server.script(reply)
        call()
    assert len(seen) == len(server.requests) == len(calls)
    for connect_s, read_s in seen:
        assert connect_s == CONNECT_TIMEOUT_S
        assert 0 < read_s <= 900
    # A held question outlives what the service holds it for.
    assert seen[5][1] > 10


def test_a_service_that_says_nothing_is_a_lost_reply() -> None:
    silent = socket.create_server(("127.0.0.1", 0))
    try:
        endpoint = Endpoint(f"http://127.0.0.1:{silent.getsockname()[1]}/api/v1")
        transport = Transport(endpoint, FixedTokens(), sleep=lambda _: None)
        call = Call("POST", "/jobs", body={}, creates=True, read_timeout_s=0.05)
        with pytest.raises(ReplyLostError, match="timed out"):
            transport.send(call)
    finally:
        silent.close()


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_without_json_is_refused_before_it_is_sent(
    server: Server, client: Client, number: float
) -> None:
    with pytest.raises(InvalidValueError, match="JSON"):
        client.rest.create_job(JobRequest("estimator", "b", {"precision": number}))
    assert server.requests == []


def test_a_certificate_that_is_not_trusted_is_no_lost_reply(
    client_of: ClientOf, tmp_path: Path
) -> None:
    certificate = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    listener = socket.create_server(("127.0.0.1", 0))

    def shake_hands() -> None:
        for _ in range(TIMES):
            connection, _ = listener.accept()
            try:
                context.wrap_socket(connection, server_side=True).close()
            except OSError:
                connection.close()

    thread = threading.Thread(target=shake_hands)
    thread.start()
    try:
        client = client_of(f"https://127.0.0.1:{listener.getsockname()[1]}/api/v1")
        with pytest.raises(ServiceUnavailableError, match="certificate is not trusted") as caught:
            client.rest.create_job(JOB_REQUEST)
        assert not isinstance(caught.value, ReplyLostError)
    finally:
        thread.join()
        listener.close()


def self_signed(folder: Path) -> Path:
    """Write a certificate that nobody has signed, with its key."""
    pytest.importorskip("cryptography")
    from datetime import UTC, datetime, timedelta  # noqa: PLC0415 - only where it is installed

    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415
    from cryptography.x509.oid import NameOID  # noqa: PLC0415

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    path = folder / "self-signed.pem"
    path.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(pem)
    )
    return path


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:8000", True),
        ("http://127.9.9.9", True),
        ("http://localhost:1/api", True),
        ("http://[::1]:80", True),
        ("http://127.example.org", False),
        ("http://127.0.0.1.example.org", False),
        ("http://localhost.example.org", False),
        ("http://10.0.0.1", False),
        ("http://[fe80::1]", False),
        ("https://quantum.cloud.ibm.com/api/v1", False),
        ("nonsense", False),
    ],
)
def test_what_is_loopback(url: str, expected: bool) -> None:
    assert is_loopback(url) is expected
    assert new_http_session(Endpoint(url)).trust_env is not expected


def test_nothing_logged_or_raised_holds_a_token(
    server: Server, client_of: ClientOf, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client = client_of(f"{server.url}/api/v1", proxies={"https": "http://me:hunter2@proxy"})
    said = [repr(client.transport.endpoint), repr(client.transport), repr(client.rest)]
    for trouble in (DROP, answer(401, {}), answer(404, {}), answer(500, {}), answer(200, SESSION)):
        server.script(trouble)
        try:
            client.rest.get_session("s1")
        except QrsessionError as error:
            chain: BaseException | None = error
            while chain is not None:
                said += [repr(chain), str(chain), repr(getattr(chain, "details", ""))]
                chain = chain.__cause__ or chain.__context__
    said += [record.getMessage() for record in caplog.records]
    assert any(f"GET {server.url}/api/v1/sessions/s1: " in text for text in said), (
        "nothing was logged"
    )
    for text in said:
        assert TOKEN not in text
        assert RENEWED_TOKEN not in text
        assert "hunter2" not in text
