"""A view that is drawn again and again: in place on a terminal, elsewhere when it has changed."""

from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.live import Live

    from qrsession.render.output import Output
    from qrsession.render.terminal import Terminal


class LiveView:
    """The place where a view is drawn, to be used in a ``with`` statement.

    When it ends, the view that was drawn last stays.
    """

    def __init__(self, output: "Output") -> None:
        self._output = output
        self._live: Live | None = None
        self._last = ""

    def __enter__(self) -> Self:
        if self._output.terminal.is_terminal:
            self._live = self._begin()
        return self

    def _begin(self) -> "Live":
        # Imported here because only a terminal needs it.
        from rich.console import Console
        from rich.live import Live

        console = Console(
            color_system="standard" if self._output.terminal.has_colour else None,
            legacy_windows=False,
        )
        live = Live(console=console, auto_refresh=False, vertical_overflow="crop")
        live.start()
        return live

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def look_around(self) -> "Terminal":
        """Return what stdout can show now.

        Where a terminal's width has changed, it has broken what was drawn into other lines, so it
        is cleared.
        """
        terminal = self._output.terminal
        if self._live is not None and self._live.console.width != terminal.width:
            console = self._live.console
            terminal = replace(terminal, width=console.width)
            self._output.terminal = terminal
            self._live.stop()
            console.clear()
            self._live = self._begin()
        return terminal

    def draw(self, text: str) -> None:
        """Draw the view in place of the one before."""
        if self._live is not None:
            from rich.text import Text

            self._live.update(Text.from_ansi(text), refresh=True)
        elif text != self._last:
            self._output.data(text)
            self._output.flush()
        self._last = text
