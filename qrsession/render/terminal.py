"""What a stream can show, and text that is safe to show on it."""

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TextIO

_WIDTH_ELSEWHERE = 80
_HEIGHT_ELSEWHERE = 24
_NARROWEST = 20
# A command in backquotes, or at the end of a sentence after a colon: what people copy.
_COMMANDS = re.compile(r"`[^`]+`|(?<=: )qrsession .+")
# No text that is shown has it, so it can stand for a blank at which no line ends.
_FIRM_BLANK = "\0"


class Style(Enum):
    """What a piece of text means. The value is its escape code: of 16 colours, so themes hold."""

    PLAIN = ""
    STRONG = "1"
    FAINT = "2"
    GOOD = "32"
    BUSY = "36"
    WARNING = "33"
    BAD = "31"


@dataclass(frozen=True)
class Terminal:
    """What the stream behind it can show.

    Attributes:
        is_terminal: Whether a person looks at it.
        width: How many columns it has.
        has_colour: Whether colours may be used: a terminal, and no ``NO_COLOR``.
        has_unicode: Whether it takes characters beyond ASCII.
        height: How many lines it has.
    """

    is_terminal: bool = False
    width: int = _WIDTH_ELSEWHERE
    has_colour: bool = False
    has_unicode: bool = True
    height: int = _HEIGHT_ELSEWHERE

    @classmethod
    def of(cls, stream: TextIO | None, environ: Mapping[str, str] = os.environ) -> "Terminal":
        """Look at a stream; None is one that was closed before we started."""
        encoding = (getattr(stream, "encoding", None) or "ascii").lower().replace("-", "")
        has_unicode = encoding.startswith("utf")
        if stream is None or not stream.isatty():
            return cls(has_unicode=has_unicode)
        plain = bool(environ.get("NO_COLOR")) or environ.get("TERM") == "dumb"
        return cls(
            is_terminal=True,
            width=_width_of(stream, environ),
            has_colour=not plain and sys.platform != "win32",
            has_unicode=has_unicode,
            height=_height_of(stream, environ),
        )

    @property
    def dots(self) -> str:
        """What stands for something that was left out."""
        return "…" if self.has_unicode else "..."

    def paint(self, text: str, style: Style) -> str:
        """Return the text with the style's colour, where colours may be used."""
        if not self.has_colour or style is Style.PLAIN:
            return text
        return f"\x1b[{style.value}m{text}\x1b[0m"


def _width_of(stream: TextIO, environ: Mapping[str, str]) -> int:
    columns = environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns) > 0:
        return max(int(columns), _NARROWEST)
    try:
        columns_seen = os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        columns_seen = 0
    # A terminal that does not know its size says 0.
    return max(columns_seen or _WIDTH_ELSEWHERE, _NARROWEST)


def _height_of(stream: TextIO, environ: Mapping[str, str]) -> int:
    lines = environ.get("LINES", "")
    if lines.isdecimal() and int(lines) > 0:
        return int(lines)
    try:
        return os.get_terminal_size(stream.fileno()).lines or _HEIGHT_ELSEWHERE
    except (OSError, ValueError):
        return _HEIGHT_ELSEWHERE


def clean(text: str) -> str:
    """Return text as one line that only shows: no control, format or surrogate characters.

    A server or a file could otherwise move the cursor, set the title, or turn the writing round.
    """
    if text.isprintable():
        return text
    shown = "".join(char if char.isprintable() else " " if char.isspace() else "" for char in text)
    return " ".join(shown.split())


def cut(text: str, longest: int, terminal: Terminal) -> str:
    """Return text that is safe to show, and ends in dots where it was longer than this."""
    shown = clean(text)
    if len(shown) <= longest:
        return shown
    return shown[: longest - len(terminal.dots)] + terminal.dots


def filled(text: str, terminal: Terminal, margin: int = 0) -> str:
    """Return text that is safe to show, for a terminal in lines that end between words.

    A command in it stays on one line, however long, so that it can be copied.

    Args:
        text: The text.
        terminal: Where it is to be shown; elsewhere than on a terminal it stays one line.
        margin: How many columns stand before its first line, and so before the others.
    """
    shown = clean(text)
    if not terminal.is_terminal or len(shown) + margin <= terminal.width:
        return shown
    import textwrap  # noqa: PLC0415 - few sentences are that long, and start-up time counts

    firm = _COMMANDS.sub(lambda command: command[0].replace(" ", _FIRM_BLANK), shown)
    lines = textwrap.wrap(
        firm,
        max(terminal.width - margin, _NARROWEST),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return f"\n{'':{margin}}".join(lines).replace(_FIRM_BLANK, " ")
