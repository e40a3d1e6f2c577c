"""An HTTP server on loopback, in a thread; what it answers is its subclass's business."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Loopback:
    """Listens on a port of its own until it is stopped, and hands over every request."""

    def __init__(self) -> None:
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it listens, without a path."""
        return f"http://127.0.0.1:{self._http.server_port}"

    def handle(self, arrived: BaseHTTPRequestHandler, body: bytes) -> None:
        """Answer a request, whatever its method, whose body has been read."""
        raise NotImplementedError

    def stop(self) -> None:
        """Stop listening."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


def give(
    arrived: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str] | None = None
) -> None:
    """Answer a request with a body, and with headers beside that of its length."""
    arrived.send_response(status)
    for name, value in (headers or {}).items():
        arrived.send_header(name, value)
    arrived.send_header("Content-Length", str(len(body)))
    arrived.end_headers()
    arrived.wfile.write(body)


def _handler_of(server: Loopback) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body in one packet: the second would wait for the first's receipt.
        wbufsize = 2**16

        def log_message(self, *_: Any) -> None:
            """Stay quiet."""

        def handle_any(self) -> None:
            server.handle(self, self.rfile.read(int(self.headers.get("Content-Length", 0))))

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815 - its names

    return Handler
