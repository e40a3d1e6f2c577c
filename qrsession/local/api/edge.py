"""What every request passes before it reaches a handler, and the one place where faults go out."""

import logging
from email.utils import format_datetime

from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qrsession.errors import StorageError
from qrsession.local.api.faulting import OWN_PATHS, Faulting
from qrsession.local.api.refusals import (
    METHOD_NOT_ALLOWED,
    NOT_FOUND,
    PAYLOAD_TOO_LARGE,
    FaultError,
    bad_request,
)
from qrsession.local.api.replies import fault_reply
from qrsession.local.config import API_PREFIXES, LARGEST_BODY_BYTES
from qrsession.local.process.daemon import CHALLENGE_PATH
from qrsession.local.runtime import Runtime
from qrsession.protocol import faults
from qrsession.protocol.faults import Fault
from qrsession.protocol.routes import API_VERSIONS, TOKEN_PATH, VERSION_HEADER, VERSIONS

_LOGGER = logging.getLogger(__name__)

_LOOPBACK_NAMES = frozenset({b"127.0.0.1", b"localhost", b"[::1]"})
_OPEN_PATHS = frozenset(
    {TOKEN_PATH, CHALLENGE_PATH, *(prefix + VERSIONS.template for prefix in API_PREFIXES)}
)
_VERSION_KEY = VERSION_HEADER.lower().encode()
_SMALLEST_COMPRESSED_BYTES = 1400
# Beyond level 5 a device's properties take twice as long and get no smaller.
_COMPRESSION_LEVEL = 5
# A client reads no reply before it has sent its body, so a refused one is read to its end.
_MOST_DISCARDED_BYTES = 4 * LARGEST_BODY_BYTES


class Edge:
    """Checks host, bearer, version and size, and turns every exception into an error reply."""

    def __init__(self, app: ASGIApp, runtime: Runtime) -> None:
        self._app = app
        self._compressed = GZipMiddleware(
            app, minimum_size=_SMALLEST_COMPRESSED_BYTES, compresslevel=_COMPRESSION_LEVEL
        )
        self._runtime = runtime
        self._faulting = Faulting(self._answer, runtime)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                now = format_datetime(self._runtime.clock.now(), usegmt=True)
                message = {**message, "headers": [*message["headers"], (b"date", now.encode())]}
            await send(message)

        self._runtime.idle.touch()
        try:
            self._check(scope)
            body = await _read_body(scope, receive)
        except Exception as error:  # noqa: BLE001 - every fault becomes a reply
            await _refuse(error)(scope, receive, send_dated)
        else:
            if body is not None:
                await self._faulting(scope, body, send_dated)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the handler answer; raise nothing while an error can still be replied."""
        has_started = False

        async def send_on(message: Message) -> None:
            nonlocal has_started
            has_started = True
            await send(message)

        # Results hold compressed data; to compress them again would only take time.
        is_result = scope["path"].endswith("/results")
        try:
            await (self._app if is_result else self._compressed)(scope, receive, send_on)
        except Exception as error:
            if has_started:
                raise
            await _refuse(error)(scope, receive, send)

    def _may_pass(self, authorization: str, *, is_control: bool) -> bool:
        """Check who asks. The key itself opens what controls a scenario, which may refuse tokens.

        For the same reason tokens that a scenario has revoked are good there.
        """
        tokens = self._runtime.tokens
        scheme, _, credential = authorization.partition(" ")
        if is_control and scheme.lower() == "apikey":
            return tokens.is_key(credential.strip())
        return scheme.lower() == "bearer" and tokens.is_good(
            credential.strip(), even_revoked=is_control
        )

    def _check(self, scope: Scope) -> None:
        headers = dict(scope["headers"])
        name = headers.get(b"host", b"").lower()
        if name.rpartition(b":")[0] not in _LOOPBACK_NAMES and name not in _LOOPBACK_NAMES:
            # A page on the web may point its own name at loopback; a browser then sends that name.
            raise FaultError(
                Fault(403, faults.NOT_AUTHORIZED, "This host name is not served.", "Use 127.0.0.1.")
            )
        if scope["path"] in _OPEN_PATHS:
            return
        authorization = headers.get(b"authorization", b"").decode("latin-1")
        if not self._may_pass(authorization, is_control=scope["path"].startswith(OWN_PATHS)):
            raise FaultError(
                Fault(
                    401,
                    faults.BAD_CREDENTIALS,
                    "The bearer token is missing, expired or not one of this service.",
                    f"Get a token from {TOKEN_PATH} and send it as a bearer.",
                )
            )
        version = headers.get(_VERSION_KEY)
        if version is not None and version.decode("latin-1") not in API_VERSIONS:
            raise bad_request(
                f"There is no API version {version.decode('latin-1')!r}.",
                solution=f"Use one of {', '.join(API_VERSIONS)}.",
            )


async def http_exception(_request: Request, error: Exception) -> Response:
    """Answer for a path or a method that the route table does not have."""
    if isinstance(error, HTTPException) and error.status_code == 405:  # noqa: PLR2004 - HTTP's
        fault = Fault(405, METHOD_NOT_ALLOWED, "The method is not allowed here.")
        reply = fault_reply(fault)
        reply.headers.update(error.headers or {})
        return reply
    return fault_reply(Fault(404, NOT_FOUND, "There is no such path in this API."))


def _refuse(error: Exception) -> Response:
    if isinstance(error, FaultError):
        return fault_reply(error.fault, retry_after_s=error.retry_after_s)
    return fault_reply(_as_fault(error))


def _as_fault(error: Exception) -> Fault:
    if isinstance(error, StorageError):
        _LOGGER.error("%s", error)
        return Fault(500, faults.INTERNAL, error.message, error.advice)
    _LOGGER.error("A request could not be answered", exc_info=error)
    return Fault(
        500, faults.INTERNAL, "Internal error of the runtime.", "See the log of the runtime."
    )


async def _read_body(scope: Scope, receive: Receive) -> Receive | None:
    """Read a bounded body, and return a ``receive`` that gives it in one piece.

    None where the connection ended before the body did: what its sender did not finish is not to
    be done, though what has arrived may look whole, and nobody is there to be told.
    """
    chunks: list[bytes] = []
    size_bytes = 0
    has_more = scope["method"] not in {"GET", "HEAD"}
    while has_more:
        message = await receive()
        if message["type"] != "http.request":
            return None
        chunk = message.get("body", b"")
        has_more = message.get("more_body", False)
        size_bytes += len(chunk)
        if size_bytes <= LARGEST_BODY_BYTES:
            chunks.append(chunk)
        else:
            chunks.clear()
        if size_bytes > _MOST_DISCARDED_BYTES:
            break
    if size_bytes > LARGEST_BODY_BYTES:
        raise FaultError(
            Fault(
                413,
                PAYLOAD_TOO_LARGE,
                f"The body is larger than {LARGEST_BODY_BYTES} bytes.",
                "Send fewer circuits or parameter sets in one job.",
            )
        )
    body: Message = {"type": "http.request", "body": b"".join(chunks), "more_body": False}
    messages = [body]

    async def receive_body() -> Message:
        return messages.pop() if messages else await receive()

    return receive_body
