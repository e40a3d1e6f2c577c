"""Proxies of the environment: a way to hosts elsewhere, which learns nothing but their names."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
import urllib3.util.connection

from qrsession.client.iam import TokenSource
from qrsession.client.transport import Call, Endpoint, Transport
from qrsession.errors import ReplyLostError, ServiceUnavailableError
from tests.client.conftest import INSTANCE, TOKEN, FixedTokens

pytestmark = pytest.mark.fast

KEY = "the-api-key-of-this-test"
API = "https://quantum.cloud.ibm.com/api/v1"
IAM = "https://iam.cloud.ibm.com/identity/token"
VARIABLES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


class Proxy:
    """Takes what comes, and opens no way anywhere."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._received: list[bytes] = []
        self.port: int = listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def received(self) -> bytes:
        return b"".join(self._received)

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                with connection:
                    self._received.append(connection.recv(65536))
                    connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    for name in (*VARIABLES, "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        yield Proxy(listener)
        listener.shutdown(socket.SHUT_RDWR)


def submit(**endpoint: Any) -> None:
    transport = Transport(
        Endpoint(API, INSTANCE, **endpoint), FixedTokens(), sleep=lambda _seconds: None
    )
    transport.send(Call("POST", "/jobs", body={"params": "of a job"}, creates=True))


def ask_for_a_token(folder: Path) -> None:
    endpoint = Endpoint(API, INSTANCE)
    TokenSource(IAM, KEY, endpoint, folder, sleep=lambda _seconds: None).bearer()


def requests_in(data: bytes) -> set[bytes]:
    return {part.rpartition(b" HTTP/1.")[0] for part in data.split(b"\r\n") if b" HTTP/1." in part}


@pytest.mark.parametrize("variable", VARIABLES)
@pytest.mark.parametrize("work", ["job", "token"])
def test_a_proxy_is_asked_for_a_way_and_told_nothing_else(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str, work: str
) -> None:
    """Key, token, instance and job go through the tunnel, which this proxy does not open."""
    monkeypatch.setenv(variable, proxy.url)
    with pytest.raises(ServiceUnavailableError) as caught:
        submit() if work == "job" else ask_for_a_token(tmp_path)
    # No request got to the service, so none can have been handled.
    assert not isinstance(caught.value, ReplyLostError)
    host = b"quantum.cloud.ibm.com" if work == "job" else b"iam.cloud.ibm.com"
    # The version of HTTP that follows depends on Python's.
    assert requests_in(proxy.received) == {b"CONNECT " + host + b":443"}
    for secret in (TOKEN, KEY, INSTANCE, "of a job", "Authorization", "Service-CRN"):
        assert secret.encode() not in proxy.received


def test_a_proxys_own_password_goes_to_it_and_into_no_message(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("https_proxy", proxy.url.replace("//", "//me:hunter2@"))
    with pytest.raises(ServiceUnavailableError) as caught:
        submit()
    assert b"\r\nProxy-Authorization: Basic " in proxy.received
    assert b"\r\nAuthorization: " not in proxy.received
    assert "hunter2" not in f"{caught.value} {caught.value.details} {caught.value!r}{caplog.text}"


def test_what_the_environment_excepts_goes_to_no_proxy(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    addresses: list[Any] = []

    def refuse(address: Any, *_arguments: Any, **_options: Any) -> socket.socket:
        addresses.append(address)
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(urllib3.util.connection, "create_connection", refuse)
    monkeypatch.setenv("https_proxy", proxy.url)
    monkeypatch.setenv("no_proxy", ".cloud.ibm.com")
    with pytest.raises(ServiceUnavailableError):
        submit()
    assert set(addresses) == {("quantum.cloud.ibm.com", 443)}
    assert proxy.received == b""


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1.2.3", "[::1]"])
@pytest.mark.parametrize("source", ["environment", "account"])
def test_what_stays_on_this_machine_goes_to_no_proxy(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, host: str, source: str
) -> None:
    """Nothing listens there; that is found out without asking anybody else."""
    if source == "environment":
        for name in (*VARIABLES, "HTTP_PROXY", "http_proxy"):
            monkeypatch.setenv(name, proxy.url)
    proxies = {"http": proxy.url, "https": proxy.url} if source == "account" else None
    base = f"http://{host}:{_free_port()}"
    endpoint = Endpoint(f"{base}/api/v1", proxies=proxies)
    calls: list[Callable[[], Any]] = [
        lambda: Transport(endpoint, FixedTokens(), sleep=lambda _seconds: None).send(
            Call("GET", "/backends")
        ),
        lambda: TokenSource(
            f"{base}/identity/token", KEY, endpoint, tmp_path, sleep=lambda _seconds: None
        ).bearer(),
    ]
    for call in calls:
        with pytest.raises(ServiceUnavailableError):
            call()
    assert proxy.received == b""


def _free_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port: int = unused.getsockname()[1]
        return port
