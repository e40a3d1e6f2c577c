"""Whether a process is still there, and waiting until it is not.

Standard library only, and little of it: a small process of its own waits here for days.
"""

import os
import select
import sys
import time

# Type checkers know the name; importing it from typing would cost a small process a megabyte.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_STATE_FIELD = 0
_START_FIELD = 19
_ENDED = ("Z", "X", "x")
# Where nobody tells of a process's end, it is looked for so often.
_LOOK_S = 1.0


def start_of(pid: int) -> str | None:
    """Return when a process began, in a form of its system; None where it has ended.

    Numbers of processes are used again, so this tells one process from the next of its number. It
    is empty where the system does not say.
    """
    if is_gone(pid):
        return None
    return _start_by_linux(pid) if sys.platform == "linux" else _start_by_ps(pid)


def has_ended(pid: int, start: str) -> bool:
    """Whether the process of this number that began then is gone."""
    found = start_of(pid)
    return found is None or (bool(found) and bool(start) and found != start)


def _start_by_linux(pid: int) -> str | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - pathlib takes a megabyte
            text = file.read().decode("ascii", "replace")
    except FileNotFoundError:
        # Some machines hide the processes of other users; those are there all the same.
        return None if is_gone(pid) else ""
    except OSError:
        return None if is_gone(pid) else ""
    # The name before it may hold anything, spaces and parentheses too.
    fields = text.rpartition(")")[2].split()
    if len(fields) <= _START_FIELD:
        return ""
    # One that ended, and whose parent has not asked how, does nothing any more.
    return None if fields[_STATE_FIELD] in _ENDED else fields[_START_FIELD]


def _start_by_ps(pid: int) -> str | None:
    import subprocess  # noqa: PLC0415 - not where there is /proc

    environ = {"PATH": "/bin:/usr/bin", "LC_ALL": "C", "TZ": "UTC"}
    command = ["ps", "-o", "stat=", "-o", "lstart=", "-p", str(pid)]
    try:
        done = subprocess.run(command, capture_output=True, env=environ, check=False)  # noqa: S603 - nothing of it is a user's
    except OSError:
        return "" if not is_gone(pid) else None
    state, _, start = done.stdout.decode("ascii", "replace").strip().partition(" ")
    if not state or state.startswith(_ENDED):
        return None
    return " ".join(start.split())


def is_gone(pid: int) -> bool:
    """Whether no process has this number; not for Windows, where looking would kill."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return True
    except PermissionError:
        # Another user's, but there.
        return False
    return False


class Vigil:
    """Waits for the end of one process, which may be anybody's that can be seen.

    Args:
        pid: Its number.
        start: When it began, as `start_of` says.
    """

    def __init__(self, pid: int, start: str) -> None:
        self._pid = pid
        self._start = start
        self._descriptor = _pidfd_of(pid)
        self._queue = None if self._descriptor is not None else _queue_of(pid)
        # Now that the kernel holds on to one: it may be another one of the same number.
        self._is_over = has_ended(pid, start)

    def wait(self, limit_s: float) -> bool:
        """Wait for so long at most, and return whether the process has ended."""
        if self._is_over:
            return True
        if self._descriptor is not None:
            poll = select.poll()
            poll.register(self._descriptor, select.POLLIN)
            self._is_over = bool(poll.poll(limit_s * 1000))
        elif self._queue is not None:
            self._is_over = bool(self._queue.control(None, 1, limit_s))
        else:
            self._is_over = self._look_for(limit_s)
        return self._is_over

    def _look_for(self, limit_s: float) -> bool:
        ends_at_s = time.monotonic() + limit_s
        while not has_ended(self._pid, self._start):
            left_s = ends_at_s - time.monotonic()
            if left_s <= 0:
                return False
            time.sleep(min(left_s, _LOOK_S))
        return True

    def close(self) -> None:
        """Let go of what the kernel keeps for it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
        if self._queue is not None:
            self._queue.close()


def _pidfd_of(pid: int) -> int | None:
    """Return a descriptor that becomes readable when a process ends, where there are such."""
    if sys.platform != "linux":
        return None
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        # An old kernel, or a sandbox that does not let it; or the process is gone already.
        return None


def _queue_of(pid: int) -> "Any":
    """Return what else a kernel has to tell of a process's end: macOS and the BSDs do."""
    if sys.platform != "linux" and sys.platform != "win32":
        try:
            queue = select.kqueue()
            event = select.kevent(
                pid,
                filter=select.KQ_FILTER_PROC,
                flags=select.KQ_EV_ADD | select.KQ_EV_ONESHOT,
                fflags=select.KQ_NOTE_EXIT,
            )
            queue.control([event], 0, 0)
        except (AttributeError, OSError):
            # It has ended, or may not be watched; looking will tell.
            return None
        return queue
    return None
