"""A real HTTP server on loopback that answers as a test tells it, and remembers what was asked."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from qrsession.client.rest import RestClient
from qrsession.client.transport import Endpoint, Transport
from tests.loopback import Loopback

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


class Server(Loopback):
    """Answers by its script, in order; the last answer stays."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._script: list[Answer] = [answer(200, {})]
        self._lock = threading.Lock()
        super().__init__()

    def script(self, *answers: Answer) -> None:
        self._script = list(answers)

    def take(self, request: Request) -> Answer:
        with self._lock:
            self.requests.append(request)
            return self._script.pop(0) if len(self._script) > 1 else self._script[0]

    def handle(self, arrived: BaseHTTPRequestHandler, body: bytes) -> None:
        """Answer as the script says."""
        url = urlsplit(arrived.path)
        query = parse_qs(url.query)
        given = self.take(Request(arrived.command, url.path, query, arrived.headers, body))
        if given.drop:
            arrived.close_connection = True
            return
        arrived.send_response(given.status)
        for name, value in given.headers.items():
            arrived.send_header(name, value)
        arrived.send_header("Content-Length", str(len(given.body) + 5 * given.truncate))
        arrived.end_headers()
        arrived.wfile.write(given.body)
        arrived.close_connection = given.truncate


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
