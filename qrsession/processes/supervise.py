"""Running a command as a child: its streams untouched, signals passed on, its end told exactly."""

import errno
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Self

from qrsession.processes.terminals import TerminalState, has_terminal, is_in_foreground

EXIT_NOT_EXECUTABLE = 126
EXIT_NOT_FOUND = 127
EXIT_SIGNALLED = 128
# So many that are to end a command are passed on to it; the next one ends it for certain.
MOST_PASSED_ON = 2
# Bytes that are read at once; each says the same.
_MOST_SIGNALS = 4096
_SHELL = "/bin/sh"


@dataclass(frozen=True)
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


class AbandonedError(KeyboardInterrupt):
    """A second signal came while the session was being opened, or closed.

    Who cleans up after Ctrl-C cleans up after this.

    Attributes:
        exit_code: 128 and the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = EXIT_SIGNALLED + number


class Supervisor:
    """Runs a command as a child, and outlives the signals that are meant for it.

    As a context manager it takes SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1 and SIGUSR2. While the
    command runs they are passed on to it, but for a SIGINT or SIGQUIT in the foreground of a
    terminal, which has sent it to the command already; and so are SIGTSTP, SIGCONT and SIGWINCH.
    The third of those passed on that are to end it is a SIGKILL. On a terminal it stops when the
    command is stopped, so that the shell gets its terminal back.

    Where no terminal controls us, the command gets a process group of its own, and all of that
    gets what is passed on, as a terminal would send it, but for SIGUSR1 and SIGUSR2: a shell that
    waits for a program heeds no SIGINT, but the program does. And who signals our group, as
    `timeout` does, signals the command once.

    One that comes before the command is there keeps it from being started, and a second one
    interrupts what is done until then. One that comes after it has ended changes nothing, so that
    what must be done at the end is done; but see `closing`.

    Args:
        on_early: Called at the first one that comes before the command is there: what is done
            until then goes on.
    """

    def __init__(self, on_early: Callable[[], None] = lambda: None) -> None:
        self._on_early = on_early
        self._child: subprocess.Popen[bytes] | None = None
        self._has_group = False
        self._early: list[int] = []
        self._is_over = False
        self._is_held = False
        self._passed_on = 0
        self._before: dict[signal.Signals, Any] = {}
        self._terminal: TerminalState | None = None
        self._first_while_closing: Callable[[], None] | None = None
        self._while_closing = 0

    def __enter__(self) -> Self:
        self._terminal = TerminalState.of_ours()
        for number in (*_ENDING, *_OF_USERS):
            self._handle(number)
        if hasattr(signal, "SIGCHLD"):
            # Where it is ignored, the system keeps no child's exit status.
            self._before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, _notice)
        return self

    def __exit__(self, *_failure: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self._terminal is not None:
            self._terminal.close()

    def run(self, arguments: Sequence[str], environment: Mapping[str, str]) -> ChildEnd:
        """Run a command to its end, on our own standard streams and terminal.

        What it leaves running in the background is not waited for.
        """
        self.hold()
        first = next((number for number in self._early if number in _ENDING), None)
        if first is not None:
            self._is_over = True
            return ChildEnd(EXIT_SIGNALLED + first)
        for number in _OF_JOBS:
            self._handle(number)
        self._has_group = not has_terminal()
        try:
            # First, for it may fail, and nobody would wait for a command that runs.
            with _bell() as bell:
                # Found by the PATH that the command itself sees, as a shell would.
                program = _find(arguments[0], environment)
                self._child = _start(program, arguments, environment, has_group=self._has_group)
                # What came while it was being started is its own, too.
                for early in self._early:
                    self._pass_on(self._child, early)
                status = self._end_of(self._child, bell)
        except FileNotFoundError:
            return ChildEnd(EXIT_NOT_FOUND, f"{arguments[0]}: no such command.")
        except (OSError, ValueError) as error:
            if self._child is not None:
                raise
            reason = error.strerror if isinstance(error, OSError) else str(error)
            return ChildEnd(
                EXIT_NOT_EXECUTABLE, f"{arguments[0]}: {reason or type(error).__name__}."
            )
        finally:
            self._is_over = True
            self._put_back(_OF_JOBS)
        if self._terminal is not None:
            self._terminal.restore(with_modes=status != 0)
        return ChildEnd(EXIT_SIGNALLED - status if status < 0 else status)

    def hold(self) -> None:
        """Let no signal interrupt what follows: something is open and must be closed."""
        self._is_held = True

    @contextmanager
    def closing(self, on_first: Callable[[], None]) -> Iterator[None]:
        """Let signals, while the session is being closed, do no more than the second one does.

        Args:
            on_first: Called at the first one: what is done goes on.

        Raises:
            AbandonedError: A second one came.
        """
        self._first_while_closing = on_first
        try:
            yield
        finally:
            self._first_while_closing = None

    def _handle(self, number: signal.Signals) -> None:
        # What is ignored stays so, and for the command too: that is how `nohup` works.
        if signal.getsignal(number) is not signal.SIG_IGN:
            self._before[number] = signal.signal(number, self._take)

    def _put_back(self, numbers: Sequence[signal.Signals]) -> None:
        for number in numbers:
            if number in self._before:
                signal.signal(number, self._before.pop(number))

    def _take(self, number: int, _frame: FrameType | None) -> None:
        if self._is_over:
            self._take_late(number)
        elif self._child is None:
            self._take_early(number)
        elif number not in _OF_KEYBOARD or not is_in_foreground():
            self._pass_on(self._child, number)

    def _take_early(self, number: int) -> None:
        is_second = any(one in _ENDING for one in self._early)
        self._early.append(number)
        if number not in _ENDING or self._is_held:
            return
        if is_second:
            raise AbandonedError(number)
        self._on_early()

    def _take_late(self, number: int) -> None:
        if self._first_while_closing is None or number not in _ENDING:
            return
        self._while_closing += 1
        if self._while_closing > 1:
            raise AbandonedError(number)
        self._first_while_closing()

    def _pass_on(self, child: "subprocess.Popen[bytes]", number: int) -> None:
        if number in _ENDING:
            self._passed_on += 1
            if self._passed_on > MOST_PASSED_ON:
                number = signal.SIGKILL
        self._send(child, number)

    def _send(self, child: "subprocess.Popen[bytes]", number: int) -> None:
        # Not by `Popen`, which would look for the child's end, and take its status.
        if child.returncode is None:
            with suppress(ProcessLookupError, PermissionError):
                # One of users means the command; what does not expect it would end by it.
                if self._has_group and number not in _OF_USERS:
                    os.killpg(child.pid, number)
                else:
                    os.kill(child.pid, number)

    def _end_of(self, child: "subprocess.Popen[bytes]", bell: socket.socket | None) -> int:
        """Wait until the child has ended, and return its status."""
        if bell is None:
            return child.wait()
        while (status := self._look_at(child)) is None:
            bell.recv(_MOST_SIGNALS)
        return status

    def _look_at(self, child: "subprocess.Popen[bytes]") -> int | None:
        """Return the child's status if it has ended; stop where it was stopped."""
        pid, status = os.waitpid(child.pid, os.WNOHANG | os.WUNTRACED)
        if not pid:
            return None
        if os.WIFSTOPPED(status):
            if self._terminal is not None:
                self._stop()
            return None
        # `Popen` need not ask again.
        child.returncode = os.waitstatus_to_exitcode(status)
        return child.returncode

    def _stop(self) -> None:
        """Stop as the command did, until a SIGCONT comes, which is passed on to it.

        Not by SIGSTOP: where there is no shell that would let us go on, this signal does nothing.
        """
        if signal.getsignal(signal.SIGTSTP) is signal.SIG_IGN:
            return
        handler = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, handler)


@contextmanager
def _bell() -> Iterator[socket.socket | None]:
    """Give what a byte can be read from after each signal; None where there is no SIGCHLD.

    Python calls a signal's handler between two of its own instructions: one that comes right
    before it begins to wait for a child would be seen when the child has ended. So what is waited
    for is a byte, which each signal writes, and the child's end is one.

    Raises:
        OSError: Too many files are open.
    """
    if not hasattr(signal, "SIGCHLD"):
        yield None
        return
    bell, rope = socket.socketpair()
    with bell, rope:
        rope.settimeout(0)
        before = signal.set_wakeup_fd(rope.fileno(), warn_on_full_buffer=False)
        try:
            yield bell
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


def _signals(*names: str) -> tuple[signal.Signals, ...]:
    return tuple(getattr(signal, name) for name in names if hasattr(signal, name))


_ENDING = _signals("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT")
# A scheduler announces an end by one of these; by themselves they would end us.
_OF_USERS = _signals("SIGUSR1", "SIGUSR2")
# Taken only while the command runs.
_OF_JOBS = _signals("SIGTSTP", "SIGCONT", "SIGWINCH")
# A terminal sends these to its whole foreground, the command included.
_OF_KEYBOARD = frozenset(_signals("SIGINT", "SIGQUIT", "SIGWINCH"))


def _find(command: str, environment: Mapping[str, str]) -> str:
    """Return the path of a command's program, as a shell would find it."""
    if os.path.dirname(command):  # noqa: PTH120 - a bare word and `./word` are told apart by it
        return command
    path = environment.get("PATH")
    found = shutil.which(command, path=path)
    if found is not None:
        return found
    if command and shutil.which(command, os.F_OK, path=path):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    raise FileNotFoundError(command)


def _start(
    program: str, arguments: Sequence[str], environment: Mapping[str, str], *, has_group: bool
) -> "subprocess.Popen[bytes]":
    """Start a program with all that a shell would hand down: streams, descriptors, its own name."""

    def start(file: str, words: Sequence[str]) -> "subprocess.Popen[bytes]":
        # Those of ours close by themselves.
        return subprocess.Popen(  # noqa: S603 - what was asked
            words,
            executable=file,
            env=environment,
            close_fds=False,
            process_group=0 if has_group else None,
        )

    try:
        return start(program, list(arguments))
    except OSError as error:
        if error.errno != errno.ENOEXEC:
            raise
        # A script that does not say what runs it is the shell's, as for `env` and `timeout`.
        return start(_SHELL, [_SHELL, program, *arguments[1:]])
