"""What a server may send: so many bytes, so much time, and nothing is followed or kept."""

import gzip
import io
import json
import logging
import socket
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from qrsession.client import exchange
from qrsession.client.iam import TokenSource
from qrsession.client.rest import RestClient
from qrsession.client.transport import Call, Endpoint, Transport
from qrsession.errors import ReplyLostError, ServiceError, WireFormatError
from qrsession.protocol.models import JobRequest
from tests.client.conftest import TOKEN, Answer, Client, FixedTokens, Server, answer

pytestmark = pytest.mark.fast

LIMIT_S = 20
MEGABYTE = 2**20
Reply = Callable[[socket.socket], None]


class RawServer:
    """Reads the head of each request, and replies as a function of the test says."""

    def __init__(self, listener: socket.socket, reply: Reply) -> None:
        self._listener = listener
        self._reply = reply
        self.heads: list[bytes] = []
        self.hung_up = threading.Event()
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                head = b""
                while b"\r\n\r\n" not in head:
                    head += connection.recv(65536) or b"\r\n\r\n"
                self.heads.append(head)
                try:
                    self._reply(connection)
                except OSError:
                    self.hung_up.set()


@contextmanager
def raw_server(reply: Reply) -> Iterator[RawServer]:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        yield RawServer(listener, reply)
        listener.shutdown(socket.SHUT_RDWR)


def transport_to(url: str, **endpoint: Any) -> Transport:
    return Transport(
        Endpoint(f"{url}/api/v1", **endpoint), FixedTokens(), sleep=lambda _seconds: None
    )


def endless(connection: socket.socket) -> None:
    """Send a body without an end, in chunks."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    while True:
        connection.sendall(chunk)


def endless_redirect(connection: socket.socket) -> None:
    """Send a redirect, whose body requests reads to its end before it looks where to."""
    connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\n\r\n")
    while True:
        connection.sendall(b"x" * 0x10000)


@pytest.mark.parametrize("reply", [endless, endless_redirect])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_body_without_an_end(reply: Reply, method: str) -> None:
    """It is given up after as much as it may have, once, and the connection is closed."""
    with raw_server(reply) as server:
        call = Call(method, "/x", creates=method == "POST", largest_reply_bytes=MEGABYTE)
        with pytest.raises(WireFormatError, match="larger than 1 MB") as caught:
            transport_to(server.url).send(call)
        assert server.hung_up.wait(LIMIT_S)
    assert caught.value.details["limit_bytes"] == MEGABYTE
    assert len(server.heads) == 1


def bomb(size_bytes: int) -> bytes:
    """Return zeros that take a thousandth of their size."""
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb") as file:
        for _ in range(size_bytes // MEGABYTE):
            file.write(bytes(MEGABYTE))
    return packed.getvalue()


def test_a_body_that_unpacks_to_too_much(server: Server, client: Client) -> None:
    packed = bomb(200 * MEGABYTE)
    assert len(packed) < MEGABYTE
    server.script(Answer(200, packed, {"Content-Encoding": "gzip"}))
    tracemalloc.start()
    try:
        with pytest.raises(WireFormatError, match="larger than 32 MB"):
            client.rest.get_session("s1")
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 80 * MEGABYTE
    assert len(server.requests) == 1


def test_results_may_be_larger_than_all_else(server: Server, client: Client) -> None:
    packed = bomb(40 * MEGABYTE)
    server.script(Answer(200, packed, {"Content-Encoding": "gzip"}))
    text = client.rest.get_job_results("j1")
    assert text is not None
    assert len(text) == 40 * MEGABYTE
    with pytest.raises(WireFormatError):
        client.rest.get_job_logs("j1")
    # What was left of it is not taken for the answer to the next question.
    server.script(answer(200, {"id": "s1"}))
    assert client.rest.get_session("s1").session_id == "s1"


@pytest.mark.parametrize(
    "packed",
    [b"no gzip", gzip.compress(b"{}")[:-6] + b"xxxxxx"],
    ids=["no gzip", "a wrong checksum"],
)
def test_a_body_that_cannot_be_unpacked(server: Server, client: Client, packed: bytes) -> None:
    server.script(Answer(200, packed, {"Content-Encoding": "gzip"}))
    with pytest.raises(ReplyLostError):
        client.rest.create_job(JobRequest("sampler", "b", {}))
    assert len(server.requests) == 1


def drop_by_drop(connection: socket.socket) -> None:
    """Send a body byte by byte, each of them in good time."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    while True:
        connection.sendall(b"x")
        threading.Event().wait(0.001)


def test_a_body_that_takes_too_long() -> None:
    """A time-out for each byte is none for the whole."""
    ticks = iter(range(1000))
    with raw_server(drop_by_drop) as server, requests.Session() as http:
        request = requests.Request("GET", server.url).prepare()
        response = exchange.send(http, request, (5, 5))
        with pytest.raises(requests.ReadTimeout, match="has not ended after 10 s"):
            exchange.read_body(response, limit_s=10, clock=lambda: float(next(ticks)))
        assert server.hung_up.wait(LIMIT_S)
    assert next(ticks) < 20


def test_a_body_that_takes_too_long_is_a_lost_reply(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter(range(1000))
    hurried = {"limit_s": 10.0, "clock": lambda: float(next(ticks))}
    monkeypatch.setattr(exchange.read_body, "__kwdefaults__", hurried)
    with raw_server(drop_by_drop) as server:
        with pytest.raises(ReplyLostError, match="timed out"):
            transport_to(server.url).send(Call("POST", "/jobs", body={}, creates=True))
        assert len(server.heads) == 1


def silent(connection: socket.socket) -> None:
    """Promise a terabyte, and send nothing."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n")
    while connection.recv(65536):
        pass


def test_a_body_that_is_promised_and_does_not_come() -> None:
    with raw_server(silent) as server, pytest.raises(ReplyLostError, match="timed out"):
        transport_to(server.url).send(
            Call("POST", "/jobs", body={}, creates=True, read_timeout_s=0.05)
        )


def test_a_token_is_no_novel(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with raw_server(endless) as server:
        url = f"{server.url}/identity/token"
        source = TokenSource(url, "the-key", Endpoint(server.url), tmp_path / "tokens")
        with pytest.raises(WireFormatError, match="larger than 1 MB") as caught:
            source.bearer()
        assert server.hung_up.wait(LIMIT_S)
    assert "the-key" not in str(caught.value) + caplog.text


def test_a_cookie_is_not_kept(server: Server, client: Client) -> None:
    server.script(answer(200, {"id": "s1"}, Set_Cookie="who=you; Path=/"))
    client.rest.get_session("s1")
    client.rest.get_session("s1")
    assert [request.headers["Cookie"] for request in server.requests] == [None, None]


# The other end of a connection


class Doorkeeper:
    """Proves, or not, what listens at a port; remembers how often it was asked."""

    def __init__(self, verdicts: list[bool]) -> None:
        self._verdicts = list(verdicts)
        self.ports: list[int] = []

    def __call__(self, connection: socket.socket, port: int) -> bool:
        assert connection.getpeername() == ("127.0.0.1", port)
        self.ports.append(port)
        return self._verdicts.pop(0) if len(self._verdicts) > 1 else self._verdicts[0]


def test_each_connection_is_proved_before_its_first_request(server: Server) -> None:
    doorkeeper = Doorkeeper([True])
    rest = RestClient(transport_to(server.url, prove=doorkeeper))
    server.script(answer(200, {"id": "s1"}))
    for _ in range(3):
        rest.get_session("s1")
    assert len(doorkeeper.ports) == 1
    assert len(server.requests) == 3


def test_who_cannot_prove_it_gets_nothing(tmp_path: Path) -> None:
    """Neither a request with a token, nor the key; and nothing was lost, for nothing was sent."""
    received: list[bytes] = []

    def listen(connection: socket.socket) -> None:
        received.append(connection.recv(65536))

    with raw_server(listen) as server:
        endpoint = Endpoint(f"{server.url}/api/v1", prove=Doorkeeper([False]))
        transport = Transport(endpoint, FixedTokens(), sleep=lambda _seconds: None)
        with pytest.raises(ServiceError, match="not the local runtime") as caught:
            transport.send(Call("POST", "/jobs", body={"secret": "x"}, creates=True))
        assert not isinstance(caught.value, ReplyLostError)
        source = TokenSource(f"{server.url}/identity/token", "the-key", endpoint, tmp_path / "t")
        with pytest.raises(ServiceError):
            source.bearer()
    assert b"".join([*server.heads, *received]).strip() == b""
    assert TOKEN not in json.dumps(caught.value.details)


def test_a_stranger_is_left_for_who_is_found_elsewhere(server: Server) -> None:
    """A runtime that came back at another port is looked for where a stranger took its own."""
    server.script(answer(200, {"id": "s1"}))
    with raw_server(lambda _connection: None) as stranger:
        doorkeeper = Doorkeeper([False, True])
        found = Endpoint(f"{server.url}/api/v1", prove=doorkeeper)
        transport = Transport(
            Endpoint(f"{stranger.url}/api/v1", prove=doorkeeper),
            FixedTokens(),
            relocate=lambda: (found, FixedTokens()),
        )
        assert RestClient(transport).get_session("s1").session_id == "s1"
    assert [f"http://127.0.0.1:{port}" for port in doorkeeper.ports] == [stranger.url, server.url]
    assert b"".join(stranger.heads).strip() == b""
