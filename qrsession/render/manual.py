"""Manual pages: what one is made of, and how it is written for man(1) and for plain text."""

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from qrsession.render.terminal import clean

_WIDTH = 80
_INDENT = 4
# Escapes make lines longer than this, and checkers want no more than 80.
_ROFF_WIDTH = 66
# Beyond this, lines are too long to be read.
_WIDEST = 100
_SPECIAL = {
    "\\": r"\e",
    "-": r"\-",
    "'": r"\(aq",
    "`": r"\(ga",
    "^": r"\(ha",
    "~": r"\(ti",
}


class Font(Enum):
    """How a word of a term is set: as it is typed, as something stands in its place, or plainly."""

    LITERAL = "B"
    STAND_IN = "I"
    PLAIN = "R"


Term = tuple[tuple[str, Font], ...]


@dataclass(frozen=True)
class Paragraph:
    """Running text."""

    text: str


@dataclass(frozen=True)
class Definitions:
    """Terms, and what is said of each."""

    rows: tuple[tuple[Term, str], ...]


@dataclass(frozen=True)
class Lines:
    """Lines that stay as they are: commands to be copied."""

    lines: tuple[str, ...]


@dataclass(frozen=True)
class Usage:
    """How a command is called."""

    term: Term


Block = Paragraph | Definitions | Lines | Usage


@dataclass(frozen=True)
class Section:
    """A heading, and what is below it."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Page:
    """A manual page.

    Attributes:
        name: Its name, ``qrsession-open``.
        number: Its section of the manual: 1 for commands, 7 for the rest.
        summary: What it is about, in a line without a full stop.
        sections: All but its first, which is made of name and summary.
        date: When what it tells changed last, ISO 8601.
        version: The version of the program.
    """

    name: str
    number: int
    summary: str
    sections: tuple[Section, ...]
    date: str
    version: str

    @property
    def file_name(self) -> str:
        """The name of its file."""
        return f"{self.name}.{self.number}"


def literal(text: str) -> Term:
    """Return a term that is typed as it stands."""
    return ((text, Font.LITERAL),)


def to_roff(page: Page) -> str:
    """Write a page in the macros of man(7)."""
    title = f"{_roff(page.name.upper())} {page.number} {page.date}"
    lines = [
        f'.TH {title} "{_roff(f"qrsession {page.version}")}" "qrsession manual"',
        # No words taken apart, no lines drawn out: names are to be read and copied.
        ".nh",
        ".ad l",
        ".SH NAME",
        rf"{_roff(page.name)} \- {_roff(page.summary)}",
    ]
    for section in page.sections:
        lines.append(f".SH {_roff(section.title)}")
        for number, block in enumerate(section.blocks):
            lines += _roff_block(block, is_first=number == 0)
    return "\n".join(lines) + "\n"


def to_text(page: Page, width: int = _WIDTH) -> str:
    """Write a page as plain text for a width in columns."""
    width = min(width, _WIDEST)
    heading = f"{page.name.upper()}({page.number})"
    lines = [f"{heading}  {f'qrsession {page.version}':>{max(width - len(heading) - 2, 0)}}"]
    about = Paragraph(f"{page.name} - {page.summary}")
    for section in (Section("NAME", (about,)), *page.sections):
        lines += ["", section.title]
        for number, block in enumerate(section.blocks):
            if number:
                lines.append("")
            lines += _text_block(block, width)
    return "\n".join(lines) + "\n"


def _roff(text: str) -> str:
    shown = "".join(_SPECIAL.get(char, char) for char in clean(text))
    # A dot at the beginning of a line would be read as a macro.
    return rf"\&{shown}" if shown.startswith(".") else shown


def _roff_lines(text: str) -> Iterator[str]:
    """Write running text in short lines, so that a change of a word is a small difference."""
    wrapped = textwrap.wrap(text, _ROFF_WIDTH, break_long_words=False, break_on_hyphens=False)
    yield from map(_roff, wrapped)


def _roff_term(term: Term) -> str:
    return "".join(rf"\f{font.value}{_roff(word)}" for word, font in term) + r"\fR"


def _roff_block(block: Block, *, is_first: bool) -> Iterator[str]:
    if isinstance(block, Definitions):
        for term, text in block.rows:
            yield from (".TP", _roff_term(term))
            # Without any line, the next term would be taken for it.
            yield from _roff_lines(text) if text else (r"\&",)
        return
    if not is_first:
        yield ".PP"
    if isinstance(block, Paragraph):
        yield from _roff_lines(block.text)
    elif isinstance(block, Usage):
        yield _roff_term(block.term)
    else:
        yield from (".nf", *map(_roff, block.lines), ".fi")


def _text_block(block: Block, width: int) -> list[str]:
    if isinstance(block, Paragraph):
        return _filled(block.text, width, _INDENT)
    if isinstance(block, Lines):
        return [" " * _INDENT + clean(line) for line in block.lines]
    if isinstance(block, Usage):
        return _filled(_plain(block.term), width, _INDENT, hanging=_INDENT)
    lines: list[str] = []
    for term, text in block.rows:
        if lines:
            lines.append("")
        lines += _filled(_plain(term), width, _INDENT, hanging=_INDENT)
        lines += _filled(text, width, 2 * _INDENT)
    return lines


def _plain(term: Term) -> str:
    return "".join(word for word, _ in term)


def _filled(text: str, width: int, indent: int, *, hanging: int = 0) -> list[str]:
    return textwrap.wrap(
        re.sub(r"\s+", " ", text),
        max(width, 2 * indent + 20),
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + hanging),
        break_long_words=False,
        break_on_hyphens=False,
    )


def joined(terms: Sequence[Term], separator: str = ", ") -> Term:
    """Return several terms as one, with something between them."""
    words: list[tuple[str, Font]] = []
    for term in terms:
        if words:
            words.append((separator, Font.PLAIN))
        words += term
    return tuple(words)
