"""Connections whose other end proves who it is before anything is sent through them.

A port outlives who listened there. Where the other end knows a secret of ours, it is challenged
on each new connection, on that very connection; so nobody who took the port gets a key or token.
"""

import errno
import socket
from collections.abc import Callable
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import NewConnectionError

Prove = Callable[[socket.socket, int], bool]


class ProvingAdapter(HTTPAdapter):
    """Opens plain connections that are challenged before their first request.

    Args:
        prove: Told of a connection and its port, says whether its other end is who it should be.
        most_kept: How many connections are kept.
    """

    def __init__(self, prove: Prove, most_kept: int) -> None:
        self._prove = prove
        super().__init__(pool_maxsize=most_kept)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Set up the pools. See requests."""
        super().init_poolmanager(*arguments, **options)
        # An attribute for whoever wants pools of other classes, says urllib3.
        self.poolmanager.pool_classes_by_scheme = {"http": _pool_class(self._prove)}


def _pool_class(prove: Prove) -> type[HTTPConnectionPool]:
    class ProvedConnection(HTTPConnection):
        def connect(self) -> None:
            super().connect()
            if not prove(self.sock, int(self.port)):
                self.close()
                cause = OSError(errno.EACCES, "what listens there is not the local runtime")
                raise NewConnectionError(self, str(cause)) from cause

    class ProvedPool(HTTPConnectionPool):
        ConnectionCls = ProvedConnection

    return ProvedPool
