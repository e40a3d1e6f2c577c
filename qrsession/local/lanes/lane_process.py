"""The process of a lane, as the runtime sees it: started, asked, killed."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Mapping

from qrsession.local.lanes.frames import Frame, pack, read_frame

# Importing Qiskit and Aer takes a second or two, on a machine that is busy ten times that.
_START_LIMIT_S = 120.0
_WORKER = "qrsession.local.worker"
# One Aer thread for each lane: with more, a small job spends its time waking threads up.
_ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "RAYON_NUM_THREADS": "1",
    "QISKIT_PARALLEL": "FALSE",
}


class LaneProcess:
    """A lane's process and the two sockets that lead to it."""

    def __init__(self, memory_mb: int) -> None:
        self.channel, channel = socket.socketpair()
        self.lifeline, lifeline = socket.socketpair()
        ends = (channel.fileno(), lifeline.fileno())
        arguments = ["-P", "-m", _WORKER, *map(str, ends), str(memory_mb)]
        try:
            with channel, lifeline:
                self._popen = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                    [sys.executable, *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    env={**_clean(os.environ), **_ONE_THREAD},
                    pass_fds=ends,
                    # Ctrl-C in the runtime's terminal is the runtime's to handle.
                    process_group=0,
                )
        except OSError:
            self.channel.close()
            self.lifeline.close()
            raise
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._popen.pid

    async def connect(self) -> Frame:
        """Wait until the process is warm, and return what it says of itself."""
        self._streams = await asyncio.open_connection(sock=self.channel)
        async with asyncio.timeout(_START_LIMIT_S):
            return await read_frame(self._streams[0])

    async def ask(self, head: dict[str, object], body: bytes) -> Frame:
        """Send a frame and wait for the reply."""
        if self._streams is None:
            raise ConnectionError("not connected")
        reader, writer = self._streams
        writer.write(pack(head, body))
        await writer.drain()
        return await read_frame(reader)

    def kill(self) -> None:
        """Kill the process if it lives; `end` is still to be called."""
        if self._popen.poll() is None:
            self._popen.kill()

    async def end(self) -> int:
        """Kill the process if it lives, and return its exit status."""
        self.kill()
        status = await asyncio.to_thread(self._popen.wait)
        self.lifeline.close()
        if self._streams is None:
            self.channel.close()
        else:
            self._streams[1].close()
        return status


def _clean(environ: Mapping[str, str]) -> dict[str, str]:
    # A lane simulates and nothing else: it has no business with anybody's account.
    return {name: value for name, value in environ.items() if not name.startswith("QISKIT_IBM_")}
