"""A server on loopback that passes every request on to another one, and remembers it."""

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

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


class Recorder:
    """Stands before another server. Its requests are in the order in which they were answered.

    Args:
        upstream: The URL of the other server, without a path.
    """

    def __init__(self, upstream: str) -> None:
        parts = urlsplit(upstream)
        self._upstream = (parts.hostname or "", parts.port or 80)
        self._lock = threading.Lock()
        self._requests: list[Recorded] = []
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it listens, without a path."""
        return f"http://127.0.0.1:{self._http.server_port}"

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

    def stop(self) -> None:
        """Stop listening."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def _add(self, request: Recorded) -> None:
        with self._lock:
            self._requests.append(request)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Head and body in one packet: the second would wait for the first's receipt.
            wbufsize = 2**16

            def log_message(self, *_: Any) -> None:
                """Stay quiet."""

            def pass_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                reply, content = recorder._ask(self.command, self.path, self.headers, body)
                url = urlsplit(self.path)
                recorder._add(
                    Recorded(
                        method=self.command,
                        path=url.path,
                        query=tuple(parse_qsl(url.query, keep_blank_values=True)),
                        headers=self.headers,
                        body=body,
                        status=reply.status,
                    )
                )
                self.send_response_only(reply.status)
                for name, value in reply.getheaders():
                    if name.lower() not in _OF_THE_CONNECTION:
                        self.send_header(name, value)
                if reply.status != http.HTTPStatus.NO_CONTENT:
                    self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = pass_on  # noqa: N815 - its names

        return Handler

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
