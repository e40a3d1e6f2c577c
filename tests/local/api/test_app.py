"""What holds for every request: hosts, tokens, sizes, versions, errors, compression."""

import socket
from typing import TYPE_CHECKING, Any

import jwt
import pytest
import requests

from qrsession.local.config import LARGEST_BODY_BYTES
from qrsession.local.process.daemon import CHALLENGE_PATH, proof
from qrsession.protocol.faults import Fault
from qrsession.protocol.models import Token
from qrsession.protocol.routes import API_KEY_GRANT, API_VERSIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.local.conftest import Client, RunningRuntime

SECRET = "a-secret-of-this-test-run"  # noqa: S105 - that of conftest's runtimes
LIMIT_S = 20


def _fault_of(reply: requests.Response) -> Fault:
    fault = Fault.from_reply(reply.status_code, reply.text)
    assert reply.headers["Content-Type"] == "application/json"
    assert fault.trace
    return fault


def _ask_for_token(runtime: "RunningRuntime", **form: str) -> requests.Response:
    return requests.post(f"{runtime.url}/identity/token", data=form, timeout=LIMIT_S)


def test_a_token_for_the_key(runtime: "RunningRuntime") -> None:
    """IBM's SDK decodes the token unverified, and reads integers of it."""
    reply = _ask_for_token(
        runtime, grant_type=API_KEY_GRANT, apikey=SECRET, response_type="cloud_iam"
    )
    token = Token.from_wire(reply.json())
    claims = jwt.decode(token.access_token, options={"verify_signature": False})
    assert isinstance(claims["iat"], int)
    assert claims["exp"] - claims["iat"] == token.expires_in_s == 3600
    assert token.expiration_epoch_s == claims["exp"]
    assert jwt.get_unverified_header(token.access_token)["alg"] == "HS256"


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"grant_type": API_KEY_GRANT, "apikey": "another-key"}, "BXNIM0415E"),
        ({"grant_type": API_KEY_GRANT}, "BXNIM0415E"),
        ({"grant_type": API_KEY_GRANT, "apikey": "schlüssel"}, "BXNIM0415E"),
        ({"grant_type": "password", "apikey": SECRET}, "BXNIM0138E"),
    ],
)
def test_no_token_for_another_key(
    runtime: "RunningRuntime", form: dict[str, str], code: str
) -> None:
    """IAM's errors have a form of their own, and never the key in them."""
    reply = _ask_for_token(runtime, **form)
    assert reply.status_code == 400
    assert reply.json()["errorCode"] == code
    assert reply.json()["errorMessage"]
    assert form.get("apikey", SECRET) not in reply.text


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer not-a-token", "apikey " + SECRET, "Basic YTpi"]
)
def test_every_route_needs_the_bearer(runtime: "RunningRuntime", header: str) -> None:
    """Also those that do not exist, so that nobody can map the API without a token."""
    for path in ("/api/v1/backends", "/api/v1/jobs/versions", "/experimental/api/v1/jobs", "/"):
        reply = requests.get(runtime.url + path, headers={"Authorization": header}, timeout=LIMIT_S)
        assert reply.status_code == 401, path
        assert _fault_of(reply).code == 1201


def test_a_token_of_another_secret_is_refused(client: "Client") -> None:
    """Even one that is well made."""
    claims = {"sub": "x", "iat": 1_700_000_000, "exp": 4_000_000_000}
    forged = jwt.encode(claims, "k" * 32, algorithm="HS256")
    reply = client.get("/backends", headers={"Authorization": f"Bearer {forged}"})
    assert reply.status_code == 401


@pytest.mark.parametrize("prefix", ["/api/v1", "/experimental/api/v1"])
def test_versions_need_no_token(runtime: "RunningRuntime", prefix: str) -> None:
    """A client asks for them before it has one."""
    reply = requests.get(f"{runtime.url}{prefix}/versions", timeout=LIMIT_S)
    assert reply.status_code == 200
    listed = {entry["version"]: entry["status"] for entry in reply.json()["versions"]}
    assert listed == API_VERSIONS
    assert "Date" in reply.headers


@pytest.mark.parametrize("prefix", ["/api/v1", "/experimental/api/v1"])
def test_both_prefixes_serve_the_same(
    runtime: "RunningRuntime", client: "Client", prefix: str
) -> None:
    """IBM's client uses the second when its environment says so."""
    reply = client.get(f"{runtime.url}{prefix}/backends")
    assert [device["name"] for device in reply.json()["devices"]] == ["test_device", "other_device"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:1", "[::1]:8080", "[::1]", "LOCALHOST"])
def test_hosts_that_are_served(client: "Client", host: str) -> None:
    """Any port: a tunnel may stand between."""
    assert client.get("/backends", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:80", "127.0.0.2", "::1"])
def test_hosts_that_are_refused(client: "Client", host: str) -> None:
    """A page on the web that points its name at loopback gets nothing (DNS rebinding)."""
    for path in ("/backends", "/versions", CHALLENGE_PATH):
        reply = client.get(path, headers={"Host": host})
        assert reply.status_code == 403
        assert _fault_of(reply).code == 1200


def test_unknown_paths_and_methods(client: "Client") -> None:
    """They answer in the same form as everything else."""
    reply = client.get("/jobs/x/interim_results")
    assert reply.status_code == 404
    assert _fault_of(reply).message
    reply = client.put("/backends")
    assert reply.status_code == 405
    assert "GET" in reply.headers["Allow"]
    assert _fault_of(reply).code == "method_not_allowed"
    assert client.get("/backends/").status_code == 404


def test_an_unknown_api_version_is_refused(client: "Client") -> None:
    """All known ones are served, and so is a request that names none."""
    reply = client.get("/backends", headers={"IBM-API-Version": "2031-01-01"})
    assert reply.status_code == 400
    assert _fault_of(reply).code == 1208
    for version in (*API_VERSIONS, None):
        headers = {"IBM-API-Version": version}
        assert client.get("/backends", headers=headers).status_code == 200


def test_an_unexpected_exception_tells_nothing(
    runtime: "RunningRuntime",
    client: "Client",
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The reply has a code and a trace; the log has the rest."""

    def fail(*_: Any) -> None:
        raise ZeroDivisionError("an inner matter")

    monkeypatch.setattr(type(runtime.parts.store.queue), "length", fail)
    reply = client.get("/backends")
    assert reply.status_code == 500
    assert _fault_of(reply).code == 9999
    assert "inner matter" not in reply.text
    assert "ZeroDivisionError" in caplog.text
    monkeypatch.undo()
    assert client.get("/backends").status_code == 200


def test_a_body_that_is_too_large(client: "Client") -> None:
    """It is refused without being kept, and the connection serves on."""
    reply = client.post("/jobs", data=b" " * (LARGEST_BODY_BYTES + 1))
    assert reply.status_code == 413
    assert _fault_of(reply).code == "payload_too_large"
    chunks = (b" " * 1_048_576 for _ in range(LARGEST_BODY_BYTES // 1_048_576 + 1))
    assert client.post("/jobs", data=chunks).status_code == 413
    assert client.get("/backends").status_code == 200


def test_documents_are_compressed_for_those_who_ask(client: "Client") -> None:
    """IBM's own client asks for no compression, ours does."""
    path = "/backends/test_device/configuration"
    plain = client.get(path, headers={"Accept-Encoding": "identity"})
    packed = client.get(path, headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert int(packed.headers["Content-Length"]) < int(plain.headers["Content-Length"]) / 3
    assert packed.json() == plain.json()


def test_the_challenge_proves_the_secret(runtime: "RunningRuntime") -> None:
    """Before a client sends its key, it asks whether the listener knows it too."""
    nonce = "0123456789abcdef" * 2
    url = runtime.url + CHALLENGE_PATH
    reply = requests.get(url, params={"nonce": nonce}, timeout=LIMIT_S)
    assert reply.json() == {"proof": proof(SECRET, nonce, runtime.port)}
    for bad in ("", "xyz", "0" * 129, "0" * 15):
        reply = requests.get(url, params={"nonce": bad}, timeout=LIMIT_S)
        assert reply.status_code == 400
        assert "proof" not in reply.json()


def test_garbage_is_answered_and_forgotten(runtime: "RunningRuntime", client: "Client") -> None:
    """A request without a host, or that is none, does not harm the next."""
    for text in (b"GET /api/v1/versions HTTP/1.0\r\n\r\n", b"\x00\xff\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", runtime.port), LIMIT_S) as connection:
            connection.sendall(text)
            assert connection.recv(100).split(b" ")[1] in {b"400", b"403"}
    assert client.get("/backends").status_code == 200


def test_nothing_secret_is_logged(
    runtime: "RunningRuntime",
    connect: "Callable[[RunningRuntime], Client]",
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Neither key nor token nor a body, at any level."""
    caplog.set_level("DEBUG")
    client = connect(runtime)
    client.wait(client.submit("a-body-to-look-for"))
    token = str(client.headers["Authorization"]).removeprefix("Bearer ")
    mine = [record.getMessage() for record in caplog.records if record.name != "urllib3"]
    for secret in (SECRET, token, "a-body-to-look-for"):
        assert not any(secret in message for message in mine)
    assert SECRET not in repr(runtime.parts.config)
