"""The terminal that a command runs on: what it was like before, and putting that back."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

_OURS = "/dev/tty"


@dataclass(frozen=True)
class TerminalState:
    """A terminal in whose foreground we are, with its modes as they were when it was looked at.

    Attributes:
        descriptor: The terminal, open.
        modes: What `termios.tcgetattr` says.
    """

    descriptor: int
    modes: list[Any]

    @classmethod
    def of_ours(cls) -> "TerminalState | None":
        """Look at the terminal that controls us; None where there is none, or in its background.

        The streams may all be redirected: `yes | command > file` is in the foreground too.
        """
        try:
            import termios  # noqa: PLC0415 - not on Windows

            descriptor = os.open(_OURS, os.O_RDWR | os.O_CLOEXEC | os.O_NOCTTY)
        except (ImportError, AttributeError, OSError):
            return None
        try:
            if os.tcgetpgrp(descriptor) == os.getpgrp():
                return cls(descriptor, termios.tcgetattr(descriptor))
        except (OSError, termios.error):
            pass
        os.close(descriptor)
        return None

    def restore(self, *, with_modes: bool) -> None:
        """Take the foreground back from a group that is gone, and put the modes back if wanted.

        A shell does no less for a job that was killed: a command may have died in the middle of
        drawing, with no echo and no newlines. It does nothing where another group, such as the
        shell's, has the foreground.
        """
        import termios  # noqa: PLC0415 - as above

        with suppress(OSError, termios.error), _unstopped():
            if _is_gone(os.tcgetpgrp(self.descriptor)):
                os.tcsetpgrp(self.descriptor, os.getpgrp())
            if not with_modes or os.tcgetpgrp(self.descriptor) != os.getpgrp():
                return
            if termios.tcgetattr(self.descriptor) != self.modes:
                termios.tcsetattr(self.descriptor, termios.TCSANOW, self.modes)

    def close(self) -> None:
        """Let go of the terminal."""
        os.close(self.descriptor)


def has_terminal() -> bool:
    """Whether a terminal controls us, in whichever of its jobs we are."""
    return _look_at_ours(lambda _descriptor: True)


def is_in_foreground() -> bool:
    """Whether we are in the foreground of our terminal now: what is typed there reaches us."""
    return _look_at_ours(lambda descriptor: os.tcgetpgrp(descriptor) == os.getpgrp())


def _look_at_ours(question: Callable[[int], bool]) -> bool:
    try:
        descriptor = os.open(_OURS, os.O_RDWR | os.O_CLOEXEC | os.O_NOCTTY)
    except (AttributeError, OSError):
        return False
    try:
        return question(descriptor)
    except OSError:
        return False
    finally:
        os.close(descriptor)


@contextmanager
def _unstopped() -> Iterator[None]:
    """Change a terminal without being stopped for it, which is what becomes of the background."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTTOU])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _is_gone(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
