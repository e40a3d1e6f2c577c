"""Running a command as a child: its streams untouched, signals passed on, its end told exactly."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TypeAlias

_Handler: TypeAlias = Callable[[int, FrameType | None], None]

EXIT_NOT_EXECUTABLE = 126
EXIT_NOT_FOUND = 127
EXIT_SIGNALLED = 128


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


def run_child(arguments: Sequence[str], environment: Mapping[str, str]) -> ChildEnd:
    """Run a command to its end, on our own standard streams and terminal.

    SIGTERM and SIGHUP are passed on to it. So is SIGINT, unless there is a terminal: that has
    sent it to the command already.
    """
    try:
        with _passing_signals() as passed:
            # Found by the PATH that the command itself sees, as a shell would.
            child = subprocess.Popen(_resolved(arguments, environment), env=environment)  # noqa: S603
            passed.to(child)
            status = child.wait()
    except FileNotFoundError:
        return ChildEnd(EXIT_NOT_FOUND, f"{arguments[0]}: no such command.")
    except PermissionError:
        return ChildEnd(EXIT_NOT_EXECUTABLE, f"{arguments[0]}: it may not be executed.")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        return ChildEnd(EXIT_NOT_EXECUTABLE, f"{arguments[0]}: {reason}.")
    return ChildEnd(EXIT_SIGNALLED - status if status < 0 else status)


def with_own_scripts(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which ``qrsession`` is the one that runs now."""
    script = Path(sys.argv[0])
    folder = script.parent if script.name.startswith("qrsession") else Path(sys.executable).parent
    path = environment.get("PATH", os.defpath)
    return {**environment, "PATH": f"{folder.absolute()}{os.pathsep}{path}"}


class _Passed:
    """Signals on their way to a child; one that comes before the child is there waits for it."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._early: list[int] = []

    def to(self, child: "subprocess.Popen[bytes]") -> None:
        """Name the child."""
        self._child = child
        for number in self._early:
            self._send(child, number)

    def handle(self, number: int, _frame: FrameType | None) -> None:
        """Pass a signal on."""
        if self._child is None:
            self._early.append(number)
        else:
            self._send(self._child, number)

    @staticmethod
    def _send(child: "subprocess.Popen[bytes]", number: int) -> None:
        # It may have ended since.
        with suppress(ProcessLookupError):
            child.send_signal(number)


@contextmanager
def _passing_signals() -> Iterator[_Passed]:
    passed = _Passed()
    handlers: dict[signal.Signals, _Handler] = dict.fromkeys(_ended_by(), passed.handle)
    if os.isatty(0):
        # A keyboard's interrupt has reached the whole foreground group, the command included.
        handlers[signal.SIGINT] = lambda _number, _frame: None
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield passed
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


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
