"""Waiting, as the user sees it on stderr: one live line, or a line for each change of state."""

import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Self

from qrsession.duration import format_duration
from qrsession.errors import QrsessionError
from qrsession.render.terminal import clean

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

    from qrsession.render.output import Output

# What takes less shows nothing, and does not even load rich.
_DELAY_S = 0.3
_REFRESH_S = 0.1
# What else is known costs a request, so it is asked for only where waiting takes a while.
_FIRST_DETAIL_S = 2.0
_DETAIL_EVERY_S = 10.0
Inquiry = Callable[[], tuple[str, str]]
_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_FRAMES_ASCII = "|/-\\"


def _erasure(drawn_width: int, width: int) -> str:
    """Return what erases the line that was drawn, where its end went to further lines.

    Terminals break what they show anew when they become narrower, and rich, which erases the line
    of the cursor, would leave the beginning behind.
    """
    further = (drawn_width - 1) // width if drawn_width > width else 0
    return f"\x1b[{further}A\r\x1b[J" if further else ""


class Progress:
    """The display of one wait.

    On a terminal it is one line that lives as long as the wait: subject, state, elapsed time and
    what else is known. Elsewhere it is a line for each change of state.

    Args:
        output: Where it is shown.
        subject: What is waited for, such as ``job d6147q3``.
        inquire: Returns the state as it is now, or nothing where that is shown, and what else is
            known, such as the length of the queue. It is called on
            a terminal alone, after two seconds and every ten seconds then, from another thread.
        clock: Returns the time in seconds, monotonic.
    """

    def __init__(
        self,
        output: "Output",
        subject: str,
        *,
        inquire: Inquiry | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._output = output
        self._subject = clean(subject)
        self._clock = clock
        self._began_s = clock()
        self._state = ""
        self._ask = inquire
        self._detail = ""
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._live: Live | None = None

    def __enter__(self) -> Self:
        # Events on the same terminal would run into the line.
        has_events = self._output.mode.events and self._output.terminal.is_terminal
        is_seen = self._output.error_terminal.is_terminal and not self._output.mode.quiet
        if is_seen and not has_events:
            # A thread, since whoever waits is in the middle of a request most of the time.
            threading.Thread(target=self._draw, name="qrsession-progress", daemon=True).start()
            if self._ask is not None:
                threading.Thread(target=self._inquire, name="qrsession-detail", daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ended.set()
        with self._lock:
            if self._live is not None:
                self._live.stop()

    def show(self, state: str, line: str | None = None) -> None:
        """Show a state; elsewhere than on a terminal by this line, where one is given."""
        state = clean(state)
        has_changed = state != self._state or line is not None
        self._state = state
        if has_changed and not self._output.error_terminal.is_terminal:
            self._output.say(line or f"{self._subject}: {state}")

    def note(self, text: str) -> None:
        """Tell something about the wait itself, such as that the service is out of reach."""
        if self._output.error_terminal.is_terminal:
            self._detail = clean(text)
        else:
            self._output.say(text)

    def _inquire(self) -> None:
        pause_s = _FIRST_DETAIL_S
        while self._ask is not None and not self._ended.wait(pause_s):
            # Where this fails, the wait itself goes on and tells.
            with suppress(QrsessionError):
                state, detail = self._ask()
                self._state, self._detail = clean(state) or self._state, clean(detail)
            pause_s = _DETAIL_EVERY_S

    def _draw(self) -> None:
        if self._ended.wait(_DELAY_S):
            return
        # Imported here because nobody who does not wait needs it.
        from rich.console import Console
        from rich.live import Live

        terminal = self._output.error_terminal
        console = Console(
            file=sys.stderr,
            force_terminal=True,
            color_system="standard" if terminal.has_colour else None,
            legacy_windows=False,
        )
        live = Live(
            self._line(), console=console, auto_refresh=False, transient=True, redirect_stdout=False
        )
        line = self._line()
        drawn_width = min(line.cell_len, console.width)
        with self._lock:
            if self._ended.is_set():
                return
            live.start(refresh=True)
            self._live = live
        while not self._ended.wait(_REFRESH_S):
            with self._lock:
                if self._ended.is_set():
                    return
                # Past rich, which keeps what is written to stderr for later.
                console.file.write(_erasure(drawn_width, console.width))
                line = self._line()
                drawn_width = min(line.cell_len, console.width)
                live.update(line, refresh=True)

    def _line(self) -> "Text":
        from rich.text import Text

        elapsed_s = self._clock() - self._began_s
        frames = _FRAMES if self._output.error_terminal.has_unicode else _FRAMES_ASCII
        line = Text(no_wrap=True, overflow="ellipsis")
        line.append(frames[int(elapsed_s / _REFRESH_S) % len(frames)], "cyan")
        line.append(f" {self._subject} ")
        line.append(self._state, "bold")
        line.append(f" {format_duration(elapsed_s)}", "dim")
        if self._detail:
            line.append(f"  {self._detail}", "dim")
        return line
