"""Connections of the HTTP server, and their ends: what ASGI has no words for.

`server_config` is how every server of this application is to be made; only with it can a scenario
end connections, and only with it has a reply one ``Date``, that of the runtime's clock.
"""

import asyncio
import socket
import struct
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

from qrsession.errors import LocalRuntimeError

_TRANSPORT = "qrsession.transport"
# On, and for zero seconds: closing sends a reset.
_NO_LINGERING = struct.pack("ii", 1, 0)
# A client that posts on a connection just as it is closed for idleness cannot know whether the
# request arrived. Connections on loopback cost nothing, so they stay.
_KEEP_ALIVE_S = 86_400
# Held requests are let go first, so what is left by then is a client that does not read.
_SHUTDOWN_LIMIT_S = 3


class _Protocol(H11Protocol):
    """uvicorn's, which tells each request its transport."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note the transport where requests find it."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - TCP has no other
        super().connection_made(transport)
        self.app_state = {**self.app_state, _TRANSPORT: transport}


def server_config(app: ASGIApp, **more: Any) -> uvicorn.Config:
    """Return how to serve the application; ``more`` is uvicorn's."""
    return uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        loop="asyncio",
        lifespan="on",
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_SHUTDOWN_LIMIT_S,
        **more,
    )


def cut(scope: Scope, *, is_reset: bool) -> None:
    """End a request's connection at once, with nothing more said: by a reset (RST) or not (FIN)."""
    transport = _transport_of(scope)
    if transport.is_closing():
        return
    connection: socket.socket | None = transport.get_extra_info("socket")
    if is_reset and connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGERING)
    transport.abort()


def finish(scope: Scope, last_words: bytes = b"") -> None:
    """Say the last bytes, behind what was said, and close a request's connection."""
    transport = _transport_of(scope)
    if last_words:
        transport.write(last_words)
    transport.close()


def _transport_of(scope: Scope) -> asyncio.Transport:
    transport = scope.get("state", {}).get(_TRANSPORT)
    if not isinstance(transport, asyncio.Transport):
        raise LocalRuntimeError("This server was not made by `server_config`.")
    return transport
