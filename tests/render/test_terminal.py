"""What a stream can show, and text that is safe to show."""

import io
import os
import pty
from collections.abc import Iterator

import pytest

from qrsession.render.terminal import Style, Terminal, clean

pytestmark = pytest.mark.fast


@pytest.fixture
def pty_stream() -> Iterator[io.TextIOWrapper]:
    leader, follower = pty.openpty()
    with os.fdopen(follower, "w", encoding="utf-8") as stream:
        yield stream
    os.close(leader)


def test_file_is_no_terminal() -> None:
    terminal = Terminal.of(io.TextIOWrapper(io.BytesIO(), encoding="utf-8"))
    assert terminal == Terminal(is_terminal=False, width=80, has_colour=False, has_unicode=True)
    assert Terminal.of(None) == Terminal(has_unicode=False)


def test_encoding_decides_on_unicode() -> None:
    assert not Terminal.of(io.TextIOWrapper(io.BytesIO(), encoding="latin-1")).has_unicode


@pytest.mark.parametrize(
    ("environ", "has_colour"),
    [
        ({}, True),
        ({"NO_COLOR": ""}, True),
        ({"NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
        ({"TERM": "xterm-256color"}, True),
    ],
)
def test_terminal_has_colour_unless_told_otherwise(
    pty_stream: io.TextIOWrapper, environ: dict[str, str], has_colour: bool
) -> None:
    terminal = Terminal.of(pty_stream, environ)
    assert terminal.is_terminal
    assert terminal.has_colour is has_colour
    painted = terminal.paint("text", Style.BAD)
    assert painted == ("\x1b[31mtext\x1b[0m" if has_colour else "text")
    assert terminal.paint("text", Style.PLAIN) == "text"


@pytest.mark.parametrize(("columns", "width"), [("132", 132), ("5", 20), ("", 80), ("x", 80)])
def test_width_comes_from_columns_or_is_80_where_the_terminal_does_not_know(
    pty_stream: io.TextIOWrapper, columns: str, width: int
) -> None:
    assert Terminal.of(pty_stream, {"COLUMNS": columns}).width == width


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("calm-otter", "calm-otter"),
        ("é ± … 漢", "é ± … 漢"),
        ("\x1b[31mred\x1b[0m", "[31mred[0m"),
        ("two\nlines\tand\r\nmore", "two lines and more"),
        ("\x1b]0;title\x07", "]0;title"),
        ("a\u202eb\u200bc\udcffd\x9b", "abcd"),
        ("", ""),
    ],
)
def test_foreign_text_becomes_one_line_that_only_shows(text: str, shown: str) -> None:
    assert clean(text) == shown
