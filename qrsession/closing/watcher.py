"""A small process that waits for another one to end, and closes a session then.

Run by its path, with an interpreter that has loaded nothing else, so that it takes a few megabytes
for as long as it waits. The close itself is `qrsession close`, in a process of its own, again and
again until it succeeds: see `qrsession.closing.guarding`, which starts it.
"""

import os
import sys
import time

if __name__ == "__main__":
    sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))  # noqa: PTH100, PTH120 - pathlib takes a megabyte

from qrsession.processes.liveness import Vigil

# How often it looks whether the session is still open.
LOOK_S = 30.0
_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 60.0
_CLOSED = 0
_NOT_FOUND = 4


class Watcher:
    """Closes a session when a process has ended, unless it was closed before.

    Args:
        session_id: The session.
        ledger: The ledger's file. A session that is not in it any more is of no concern, nor is
            one that came into it again, forgotten and adopted, to close with no process.
        longest_s: For how long the close is tried after the process has ended.
        options: What `qrsession close` is given beside.
    """

    def __init__(
        self, session_id: str, ledger: str, longest_s: float, options: tuple[str, ...]
    ) -> None:
        self._session_id = session_id
        self._ledger = ledger
        self._longest_s = longest_s
        self._options = options
        self._seen: tuple[int, int, int] | None = None
        self._is_open = True

    def wait_for(self, pid: int, start: str) -> bool:
        """Wait until a process has ended; return whether the session is open still."""
        vigil = Vigil(pid, start)
        while not vigil.wait(LOOK_S):
            if not self.is_open():
                return False
        vigil.close()
        return self.is_open()

    def is_open(self) -> bool:
        """Whether the session is in the ledger. It is read again only where it has changed."""
        try:
            status = os.stat(self._ledger)  # noqa: PTH116 - as above
            seen = (status.st_mtime_ns, status.st_ino, status.st_size)
            if seen != self._seen:
                with open(self._ledger, "rb") as file:  # noqa: PTH123 - as above
                    self._is_open = _closes_with_a_process(file.read(), self._session_id.encode())
                self._seen = seen
        except FileNotFoundError:
            return False
        except OSError:
            # A file system that is away for a while tells nothing.
            return self._is_open
        return self._is_open

    def close(self) -> int:
        """Close the session, and try it until it is done; return the last try's exit code."""
        ends_at_s = time.monotonic() + self._longest_s
        pause_s = _FIRST_PAUSE_S
        while True:
            code = self._try_to_close()
            is_late = time.monotonic() >= ends_at_s
            if code in (_CLOSED, _NOT_FOUND) or is_late or not self.is_open():
                return code
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _try_to_close(self) -> int:
        command = [sys.executable, "-P", "-m", "qrsession", "close", "--quiet"]
        command += ["--state", self._ledger, *self._options, "--", self._session_id]
        # Simpler than `subprocess`, which takes two megabytes.
        return os.spawnv(os.P_WAIT, sys.executable, command)  # noqa: S606 - our own interpreter and module


def _closes_with_a_process(ledger: bytes, session_id: bytes) -> bool:
    """Whether a ledger has a session, and that it closes with a process.

    Not parsed: a parser takes a megabyte. An id is nowhere else, and what the ledger's writer
    writes of the process is a table below the session's own. In a form that was written by hand a
    session counts as one that does.
    """
    before, found, _ = ledger.partition(session_id)
    header = before.rpartition(b"\n[sessions.")[2].partition(b"]\n")[0]
    if not (found and header and before.count(b"\n[sessions.")):
        return bool(found)
    return b"\n[sessions." + header + b".closes_with" in ledger


def main(arguments: list[str]) -> int:
    """Watch: PID START SESSION LEDGER LONGEST_S OPTIONS..."""
    pid, start, session_id, ledger, longest_s, *options = arguments
    watcher = Watcher(session_id, ledger, float(longest_s), tuple(options))
    return watcher.close() if watcher.wait_for(int(pid), start) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
