"""A real HTTP server on loopback that answers as a test tells it, and remembers what was asked."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from qrsession.client.rest import RestClient
from qrsession.client.transport import Endpoint, Transport

TOKEN = "first-secret-token"  # noqa: S105 - opens nothing
RENEWED_TOKEN = "second-secret-token"  # noqa: S105 - opens nothing
INSTANCE = "crn:v1:bluemix:public:quantum-computing:us-east:a/acct::inst::"


@dataclass(frozen=True)
class Request:
    """A request as it arrived."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: Message
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    """An answer of the script; ``drop`` reads the request and closes the connection instead."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    drop: bool = False
    truncate: bool = False


def answer(status: int = 200, document: Any = None, **headers: str) -> Answer:
    """Return an answer with a JSON body, and headers whose names have ``_`` for ``-``."""
    body = b"" if document is None else json.dumps(document).encode()
    named = {"Content-Type": "application/json"}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, body, named)


DROP = Answer(drop=True)
TRUNCATE = Answer(body=b'{"id": "x"}', truncate=True)


class Server:
    """Answers by its script, in order; the last answer stays."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._script: list[Answer] = [answer(200, {})]
        self._lock = threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    def script(self, *answers: Answer) -> None:
        self._script = list(answers)

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def take(self, request: Request) -> Answer:
        with self._lock:
            self.requests.append(request)
            return self._script.pop(0) if len(self._script) > 1 else self._script[0]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Head and body in one packet: the second would wait for the first's receipt.
            wbufsize = 2**16

            def log_message(self, *_: Any) -> None:
                """Stay quiet."""

            def handle_any(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                url = urlsplit(self.path)
                request = Request(
                    self.command,
                    url.path,
                    parse_qs(url.query),
                    self.headers,
                    self.rfile.read(length),
                )
                given = server.take(request)
                if given.drop:
                    self.close_connection = True
                    return
                self.send_response(given.status)
                for name, value in given.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(given.body) + 5 * given.truncate))
                self.end_headers()
                self.wfile.write(given.body)
                self.close_connection = given.truncate

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815 - its names

        return Handler


class FixedTokens:
    """One token, and another one where that is refused."""

    def __init__(self) -> None:
        self.refused: list[str] = []

    def bearer(self) -> str:
        return RENEWED_TOKEN if self.refused else TOKEN

    def renew(self, refused: str) -> str:
        self.refused.append(refused)
        return RENEWED_TOKEN


@dataclass
class Client:
    """A client of the scripted server whose waits are recorded and take no time."""

    rest: RestClient
    transport: Transport
    tokens: FixedTokens
    waits_s: list[float]


@pytest.fixture(scope="module")
def running_server() -> Iterator[Server]:
    running = Server()
    yield running
    running.stop()


@pytest.fixture
def server(running_server: Server) -> Server:
    running_server.requests.clear()
    running_server.script(answer(200, {}))
    return running_server


@pytest.fixture
def client_of() -> Callable[..., Client]:
    def make(base_url: str, **endpoint: Any) -> Client:
        waits_s: list[float] = []
        tokens = FixedTokens()
        transport = Transport(
            Endpoint(base_url, INSTANCE, **endpoint), tokens, sleep=waits_s.append
        )
        return Client(RestClient(transport), transport, tokens, waits_s)

    return make


@pytest.fixture
def client(server: Server, client_of: Callable[..., Client]) -> Client:
    return client_of(f"{server.url}/api/v1")
