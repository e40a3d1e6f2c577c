"""A relay on loopback that passes connections on, and keeps what went through.

It stands between a client and the local runtime, so that both clients are counted alike: from
outside, on the wire.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

_HOST = "127.0.0.1"
_CHUNK_BYTES = 65_536
_END_OF_HEAD = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Seen:
    """A request that went through. ``target`` is its path with its query."""

    method: str
    target: str
    headers: dict[str, str]


@dataclass
class Relay:
    """What went through a relay.

    Attributes:
        port: Where it listens.
        requests: The requests, in the order of their heads' arrival.
        received_bytes: What the clients were sent, heads and bodies as they were on the wire.
    """

    port: int
    requests: list[Seen] = field(default_factory=list)
    received_bytes: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        """The URL that clients are given."""
        return f"http://{_HOST}:{self.port}"

    def reset(self) -> None:
        """Forget what went through."""
        with self._lock:
            self.requests.clear()
            self.received_bytes = 0

    def add_request(self, head: bytes) -> int:
        """Keep the head of a request, and return how many bytes its body has."""
        lines = head.decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ", 2)
        pairs = (line.partition(":") for line in lines[1:])
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        with self._lock:
            self.requests.append(Seen(method, target, headers))
        return int(headers.get("content-length", 0))

    def add_received(self, size_bytes: int) -> None:
        """Count bytes that are on their way to a client."""
        with self._lock:
            self.received_bytes += size_bytes


@contextmanager
def relay_to(port: int) -> Iterator[Relay]:
    """Have a relay to a port of this machine, for as long as it is needed."""
    with socket.create_server((_HOST, 0)) as listener:
        relay = Relay(listener.getsockname()[1])
        threading.Thread(target=_accept, args=(listener, relay, port), daemon=True).start()
        yield relay
        # Closing alone does not wake who waits in `accept`.
        listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, relay: Relay, port: int) -> None:
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        try:
            server = socket.create_connection((_HOST, port))
        except OSError:
            client.close()
            continue
        for one in (client, server):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for pump in (_to_server, _to_client):
            threading.Thread(target=pump, args=(client, server, relay), daemon=True).start()


def _to_server(client: socket.socket, server: socket.socket, relay: Relay) -> None:
    head, body_bytes = b"", 0
    with suppress(OSError):
        while chunk := client.recv(_CHUNK_BYTES):
            head += chunk[body_bytes:]
            body_bytes = max(body_bytes - len(chunk), 0)
            while not body_bytes and _END_OF_HEAD in head:
                first, _, rest = head.partition(_END_OF_HEAD)
                size_bytes = relay.add_request(first)
                head, body_bytes = rest[size_bytes:], max(size_bytes - len(rest), 0)
            # Only now, so that a request is kept before its reply can be there.
            server.sendall(chunk)
    with suppress(OSError):
        server.shutdown(socket.SHUT_WR)


def _to_client(client: socket.socket, server: socket.socket, relay: Relay) -> None:
    with suppress(OSError):
        while chunk := server.recv(_CHUNK_BYTES):
            relay.add_received(len(chunk))
            client.sendall(chunk)
    with suppress(OSError):
        client.shutdown(socket.SHUT_RDWR)
    client.close()
    server.close()
