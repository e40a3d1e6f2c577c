"""A server on loopback that passes every request on to another one, and remembers it."""

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.loopback import Loopback

LIMIT_S = 60.0
# What belongs to one connection and not to the message; lengths are counted anew.
_OF_THE_CONNECTION = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length"})


@dataclass(frozen=True)
class Recorded:
    """A request as it arrived, and the status with which it was answered."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Message = field(repr=False)
    body: bytes = field(repr=False)
    status: int

    def json(self) -> Any:
        """Return the body, which is JSON."""
        return json.loads(self.body)

    def header_fields(self) -> dict[str, str]:
        """Return the headers by name, in lower case."""
        return {name.lower(): value for name, value in self.headers.items()}


class Recorder(Loopback):
    """Stands before another server. Its requests are in the order in which they were answered.

    Args:
        upstream: The URL of the other server, without a path.
    """

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        self._upstream = (parts.hostname or "", parts.port or 80)
        self._lock = threading.Lock()
        self._requests: list[Recorded] = []
        super().__init__()

    @property
    def requests(self) -> list[Recorded]:
        """All that was recorded since the last `clear`."""
        with self._lock:
            return list(self._requests)

    def of(self, method: str, ending: str) -> list[Recorded]:
        """Return the requests with this method whose path ends so."""
        found = [request for request in self.requests if request.method == method]
        return [request for request in found if request.path.endswith(ending)]

    def clear(self) -> None:
        """Forget what was recorded."""
        with self._lock:
            self._requests.clear()

    def _add(self, request: Recorded) -> None:
        with self._lock:
            self._requests.append(request)

    def handle(self, arrived: BaseHTTPRequestHandler, body: bytes) -> None:
        """Pass a request on, and its answer back."""
        reply, content = self._ask(arrived.command, arrived.path, arrived.headers, body)
        url = urlsplit(arrived.path)
        self._add(
            Recorded(
                method=arrived.command,
                path=url.path,
                query=tuple(parse_qsl(url.query, keep_blank_values=True)),
                headers=arrived.headers,
                body=body,
                status=reply.status,
            )
        )
        arrived.send_response_only(reply.status)
        for name, value in reply.getheaders():
            if name.lower() not in _OF_THE_CONNECTION:
                arrived.send_header(name, value)
        if reply.status != http.HTTPStatus.NO_CONTENT:
            arrived.send_header("Content-Length", str(len(content)))
        arrived.end_headers()
        arrived.wfile.write(content)

    def _ask(
        self, method: str, target: str, headers: Message, body: bytes
    ) -> tuple[http.client.HTTPResponse, bytes]:
        """Send a request to the other server as it came, but for its ``Host``."""
        host, port = self._upstream
        connection = http.client.HTTPConnection(host, port, timeout=LIMIT_S)
        try:
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            connection.putheader("Host", f"{host}:{port}")
            for name, value in headers.items():
                if name.lower() not in {"host", "connection"}:
                    connection.putheader(name, value)
            connection.endheaders(body)
            reply = connection.getresponse()
            return reply, reply.read()
        finally:
            connection.close()


@contextmanager
def recording(upstream: str) -> Iterator[Recorder]:
    """Record what goes to a server while a block runs."""
    recorder = Recorder(upstream)
    try:
        yield recorder
    finally:
        recorder.stop()
