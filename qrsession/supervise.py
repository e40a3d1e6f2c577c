"""Running a command as a child: its streams untouched, signals passed on, its end told exactly."""

import os
import select
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Self

EXIT_NOT_EXECUTABLE = 126
EXIT_NOT_FOUND = 127
EXIT_SIGNALLED = 128
# Bytes that are read at once; each says the same.
_MOST_SIGNALS = 4096


@dataclass(frozen=True, slots=True)
class ChildEnd:
    """How a command ended: its own exit code, or 128 and the signal; 126 and 127 as in a shell.

    ``trouble`` says why it could not be started, empty where it was.
    """

    exit_code: int
    trouble: str = ""

    @property
    def is_success(self) -> bool:
        """Whether it ended with 0."""
        return self.exit_code == 0


class Supervisor:
    """Runs a command as a child, and outlives the signals that are meant for it.

    As a context manager it takes SIGINT, SIGTERM and SIGHUP. While the command runs they are
    passed on to it, but for a SIGINT where there is a terminal, which has sent it to the command
    already. One that comes before the command is there keeps it from being started, and a second
    one interrupts what is done until then; one that comes after it has ended changes nothing, so
    that what must be done at the end is done.
    """

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._early: list[int] = []
        self._is_over = False
        self._before: dict[signal.Signals, Any] = {}
        # A keyboard's interrupt reaches the whole foreground group, the command included.
        self._reaches_all = {signal.SIGINT} if os.isatty(0) else set()

    def __enter__(self) -> Self:
        for number in _ended_by():
            # What is ignored stays so, and for the command too: that is how `nohup` works.
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._take)
        if hasattr(signal, "SIGCHLD"):
            # Where it is ignored, the system keeps no child's exit status.
            self._before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, _notice)
        return self

    def __exit__(self, *_failure: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def run(self, arguments: Sequence[str], environment: Mapping[str, str]) -> ChildEnd:
        """Run a command to its end, on our own standard streams and terminal."""
        try:
            if self._early:
                return ChildEnd(EXIT_SIGNALLED + self._early[0])
            # Found by the PATH that the command itself sees, as a shell would.
            command = _resolved(arguments, environment)
            self._child = subprocess.Popen(command, env=environment)  # noqa: S603 - what was asked
        except FileNotFoundError:
            return ChildEnd(EXIT_NOT_FOUND, f"{arguments[0]}: no such command.")
        except OSError as error:
            reason = error.strerror or type(error).__name__
            return ChildEnd(EXIT_NOT_EXECUTABLE, f"{arguments[0]}: {reason}.")
        finally:
            self._is_over = self._child is None
        for number in self._early:
            self._child.send_signal(number)
        status = _end_of(self._child)
        return ChildEnd(EXIT_SIGNALLED - status if status < 0 else status)

    def _take(self, number: int, _frame: FrameType | None) -> None:
        if self._child is None:
            if self._early and not self._is_over:
                raise KeyboardInterrupt
            self._early.append(number)
        elif number not in self._reaches_all:
            with suppress(ProcessLookupError):
                self._child.send_signal(number)


def _end_of(child: subprocess.Popen[bytes]) -> int:
    """Wait until a child of a `Supervisor` has ended, and return its status.

    Python calls a signal's handler between two of its own instructions: one that comes right before
    it begins to wait for the child would be seen when the child has ended. So what is waited for
    is a byte, which each signal writes, and the child's end is one.
    """
    if not hasattr(signal, "SIGCHLD"):
        return child.wait()
    woken, waker = socket.socketpair()
    with woken, waker:
        woken.settimeout(0)
        waker.settimeout(0)
        before = signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        try:
            while (status := child.poll()) is None:
                select.select([woken], [], [])
                with suppress(BlockingIOError):
                    woken.recv(_MOST_SIGNALS)
            return status
        finally:
            signal.set_wakeup_fd(before)


def _notice(_number: int, _frame: FrameType | None) -> None:
    """Take a signal that need do no more than write its byte."""


def with_own_scripts(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which ``qrsession`` is the one that runs now."""
    script = Path(sys.argv[0])
    folder = script.parent if script.name.startswith("qrsession") else Path(sys.executable).parent
    path = environment.get("PATH", os.defpath)
    return {**environment, "PATH": f"{folder.absolute()}{os.pathsep}{path}"}


def _ended_by() -> list[signal.Signals]:
    names = ("SIGINT", "SIGTERM", "SIGHUP")
    return [getattr(signal, name) for name in names if hasattr(signal, name)]


def _resolved(arguments: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    command = arguments[0]
    if os.path.dirname(command):  # noqa: PTH120 - a bare word and `./word` are told apart by it
        return list(arguments)
    found = shutil.which(command, path=environment.get("PATH"))
    if found is None:
        raise FileNotFoundError(command)
    return [found, *arguments[1:]]
