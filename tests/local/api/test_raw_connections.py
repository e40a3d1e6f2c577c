"""What arrives byte by byte: heads without end, bodies cut off or in chunks, several at once, slow.

Each is answered or ended, starts nothing that was not asked for, and others are served meanwhile.
"""

import json
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Self

import pytest
from hypothesis import HealthCheck, given, settings

from qrsession.local.api import edge
from tests.damage import damaged
from tests.local.conftest import LIMIT_S, Client, RunningRuntime

BODY = json.dumps(
    {"program_id": "sampler", "backend": "test_device", "params": {"pubs": ["x"], "version": 2}}
).encode()
REFUSED = re.compile(rb"HTTP/1\.1 4\d\d ")


class Line:
    """A connection on which a test says what it likes."""

    def __init__(self, runtime: RunningRuntime, client: Client) -> None:
        self._socket = socket.create_connection(("127.0.0.1", runtime.port), timeout=LIMIT_S)
        bearer = client.headers["Authorization"]
        self._usual = ("Host: 127.0.0.1", f"Authorization: {bearer!s}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def head(self, request: str, *more: str, stays: bool = False) -> bytes:
        """Write the head of a request, which is the last one of its connection unless it stays."""
        ends = () if stays else ("Connection: close",)
        lines = (f"{request} HTTP/1.1", *self._usual, *more, *ends, "", "")
        return "\r\n".join(lines).encode()

    def send(self, *pieces: bytes) -> None:
        """Send bytes, each piece by itself; who refuses them may have hung up meanwhile."""
        with suppress(ConnectionError):
            for piece in pieces:
                self._socket.sendall(piece)

    def cut(self) -> None:
        """Send no more."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def answer(self) -> bytes:
        """Return all that is answered until the connection is closed."""
        said = b""
        with suppress(ConnectionError):
            while piece := self._socket.recv(2**16):
                said += piece
        return said


class Lines:
    """Connections of one runtime, closed at the end."""

    def __init__(self, runtime: RunningRuntime, client: Client, held: ExitStack) -> None:
        self._runtime, self.client, self._held = runtime, client, held

    def new(self) -> Line:
        """Connect."""
        return self._held.enter_context(Line(self._runtime, self.client))

    def num_jobs(self) -> int:
        """Count the jobs, which shows that the runtime answers others."""
        count: int = self.client.get("/jobs").json()["count"]
        return count


@pytest.fixture
def lines(runtime: RunningRuntime, client: Client) -> Iterator[Lines]:
    with ExitStack() as held:
        yield Lines(runtime, client, held)


def sized(data: bytes, more: int = 0) -> str:
    return f"Content-Length: {len(data) + more}"


def test_a_head_without_end_is_refused(lines: Lines) -> None:
    for header in ("X-Long: " + "a" * 2**20, "\r\n".join(["X-Many: 1"] * 50_000)):
        line = lines.new()
        line.send(line.head("GET /api/v1/jobs", header))
        answer = line.answer()
        # Who still sends when it is refused may be told by the end of the connection alone.
        assert REFUSED.match(answer) or not answer
    line = lines.new()
    line.send(line.head("GET /api/v1/jobs?" + "a" * 2**20))
    assert not line.answer().startswith(b"HTTP/1.1 2")
    assert lines.num_jobs() == 0


def test_a_body_that_is_cut_off_starts_nothing(lines: Lines) -> None:
    """Not even where what has arrived would do by itself."""
    for missing in (1, 10, 10**9):
        line = lines.new()
        line.send(line.head("POST /api/v1/jobs", sized(BODY, missing)), BODY)
        line.cut()
        assert not line.answer().startswith(b"HTTP/1.1 2")
    session_id = lines.client.open()
    line = lines.new()
    line.send(line.head(f"PATCH /api/v1/sessions/{session_id}", "Content-Length: 40"))
    line.send(b'{"accepting_jobs": false}')
    line.cut()
    assert not line.answer().startswith(b"HTTP/1.1 2")
    assert lines.num_jobs() == 0
    assert lines.client.session(session_id)["accepting_jobs"] is True


def chunked(*pieces: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + end


def test_a_body_in_chunks_is_read(lines: Lines) -> None:
    line = lines.new()
    pieces = [BODY[at : at + 7] for at in range(0, len(BODY), 7)]
    line.send(line.head("POST /api/v1/jobs", "Transfer-Encoding: chunked"), chunked(*pieces))
    assert line.answer().startswith(b"HTTP/1.1 200 ")
    assert lines.num_jobs() == 1


NO_CHUNKS = {
    "no end": chunked(BODY, end=b""),
    "too large": b"FFFFFFFFFFFFFFFFFFFFFFF\r\n" + BODY,
    "negative": b"-5\r\n" + BODY,
    "no number": b"zz\r\n" + BODY,
    "short": b"%x\r\n%s" % (len(BODY) + 5, BODY),
    "a long extension": b"1;" + b"a" * 2**17 + b"\r\n",
    "a long trailer": chunked(BODY, end=b"0\r\nX-Trailer: " + b"a" * 2**17 + b"\r\n\r\n"),
}


def test_chunks_that_are_none_start_nothing(lines: Lines) -> None:
    for name, body in NO_CHUNKS.items():
        line = lines.new()
        line.send(line.head("POST /api/v1/jobs", "Transfer-Encoding: chunked"), body)
        line.cut()
        assert not line.answer().startswith(b"HTTP/1.1 2"), name
        assert lines.num_jobs() == 0, name


def test_a_body_beyond_the_bound_is_refused_in_chunks_too(
    lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge, "LARGEST_BODY_BYTES", len(BODY) - 1)
    for headers, body in (
        (("Transfer-Encoding: chunked",), chunked(BODY[:50], BODY[50:])),
        ((sized(BODY),), BODY),
    ):
        line = lines.new()
        line.send(line.head("POST /api/v1/jobs", *headers), body)
        assert line.answer().startswith(b"HTTP/1.1 413 ")
    assert lines.num_jobs() == 0


def test_requests_that_come_together_are_answered_in_turn(lines: Lines) -> None:
    line = lines.new()
    line.send(
        line.head("POST /api/v1/jobs", sized(BODY), stays=True)
        + BODY
        + line.head("GET /api/v1/nowhere", stays=True)
        + line.head("GET /api/v1/jobs")
    )
    statuses = re.findall(rb"HTTP/1\.1 (\d+) ", line.answer())
    assert statuses == [b"200", b"404", b"200"]
    assert lines.num_jobs() == 1


def test_two_lengths_of_a_body_hide_no_request(lines: Lines) -> None:
    """What one side takes for a body, another could take for the next request."""
    hidden = b"POST /api/v1/jobs HTTP/1.1\r\n"
    for headers in (
        ("Content-Length: 3", "Content-Length: 5"),
        ("Content-Length: +3",),
        ("Content-Length: 3", "Transfer-Encoding: identity, chunked"),
        ("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
    ):
        line = lines.new()
        line.send(line.head("POST /api/v1/sessions", *headers, stays=True), b"{} ", hidden)
        line.cut()
        assert REFUSED.match(line.answer()), headers
    assert lines.num_jobs() == 0


def test_slow_senders_keep_nobody_waiting(lines: Lines) -> None:
    """Some stop within their heads, some within their bodies; the others are served at once."""
    slow = [lines.new() for _ in range(40)]
    requests = []
    for number, line in enumerate(slow):
        request = line.head("POST /api/v1/jobs", sized(BODY)) + BODY
        sent = 5 if number % 2 else len(request) - 5
        line.send(request[:sent])
        requests.append(request[sent:])
    job_id = lines.client.submit("x")
    assert lines.client.wait(job_id)["state"]["status"] == "Completed"
    assert lines.num_jobs() == 1
    for line, rest in zip(slow, requests, strict=True):
        line.send(*(rest[at : at + 1] for at in range(5)), rest[5:])
        assert line.answer().startswith(b"HTTP/1.1 200 ")
    assert lines.num_jobs() == 1 + len(slow)


@pytest.mark.parametrize("examples", [30, pytest.param(5000, marks=pytest.mark.deep)])
@pytest.mark.timeout(600)
def test_a_damaged_request_is_answered_or_ended(lines: Lines, examples: int) -> None:
    line = lines.new()
    whole = (
        line.head("POST /api/v1/jobs", sized(BODY)) + BODY,
        line.head("POST /api/v1/jobs", "Transfer-Encoding: chunked") + chunked(BODY[:9], BODY[9:]),
        line.head("GET /api/v1/jobs?limit=5&tags=a", "Prefer: wait=0", "Expect: 100-continue"),
    )
    words = ("\r\n\r\n", "HTTP/9.9", "\x16\x03\x01", "%00", "Content-Length: 1\r\n", " ", ":")

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(damaged(whole, words))
    def look(data: bytes) -> None:
        with lines.new() as line:
            line.send(data)
            line.cut()
            assert b"HTTP/1.1 5" not in line.answer()

    look()
    assert lines.client.wait(lines.client.submit("x"))["state"]["status"] == "Completed"
