"""What goes between a runtime and its lanes: a small JSON head and a body of bytes, with lengths.

Neither end unpickles anything, and a body passes without being parsed on the way.
"""

import asyncio
import json
import socket
import struct
from typing import Any, TypeAlias

_LENGTHS = struct.Struct("!IQ")

Frame: TypeAlias = tuple[dict[str, Any], bytes]


def pack(head: dict[str, Any], body: bytes = b"") -> bytes:
    """Put a frame together."""
    text = json.dumps(head).encode()
    return b"".join((_LENGTHS.pack(len(text), len(body)), text, body))


def unpack(data: bytes) -> Frame:
    """Take apart a frame that is here as a whole."""
    head_bytes, body_bytes = _LENGTHS.unpack_from(data)
    head_end = _LENGTHS.size + head_bytes
    return json.loads(data[_LENGTHS.size : head_end]), data[head_end : head_end + body_bytes]


async def read_frame(reader: asyncio.StreamReader) -> Frame:
    """Read a frame.

    Raises:
        asyncio.IncompleteReadError: The other end is gone.
        OSError: Likewise.
    """
    head_bytes, body_bytes = _LENGTHS.unpack(await reader.readexactly(_LENGTHS.size))
    head = json.loads(await reader.readexactly(head_bytes))
    return head, await reader.readexactly(body_bytes)


def receive_frame(channel: socket.socket) -> Frame | None:
    """Wait for a frame; None when the other end is gone."""
    lengths = _receive(channel, _LENGTHS.size)
    if lengths is None:
        return None
    head_bytes, body_bytes = _LENGTHS.unpack(lengths)
    text = _receive(channel, head_bytes)
    body = _receive(channel, body_bytes)
    if text is None or body is None:
        return None
    return json.loads(text), body


def _receive(channel: socket.socket, size_bytes: int) -> bytes | None:
    buffer = bytearray(size_bytes)
    view = memoryview(buffer)
    at = 0
    while at < size_bytes:
        count = channel.recv_into(view[at:])
        if not count:
            return None
        at += count
    return bytes(buffer)
