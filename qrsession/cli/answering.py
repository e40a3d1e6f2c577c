"""What a shell is answered while somebody types: the scripts of `shells` call this.

They start ``qrsession`` with ``_QRSESSION_COMPLETE`` set to the shell's name. zsh and fish give the
words before the cursor, without the program, and then the one that the cursor is in; bash gives the
line up to the cursor, and the characters at which it takes words apart. The answer is a line that
says what else the shell is to offer, then a line for each word.

A person is typing: whatever goes wrong, nothing is said, and the shell offers nothing.
"""

import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from qrsession.cli.completing import Completion, complete
from qrsession.render.terminal import clean
from qrsession.settings import Settings

_LONGEST_ABOUT = 80
_PLAIN = re.compile(r"[A-Za-z0-9@%+=:,./_-]")


def main(shell: str, arguments: Sequence[str]) -> int:
    """Answer a shell on stdout; return 0 if there was an answer."""
    try:
        sys.stdout.write(answer(shell, arguments, Settings.from_environ()))
        sys.stdout.flush()
    except Exception:  # noqa: BLE001 - a prompt is no place for any error
        return 1
    return 0


def answer(shell: str, arguments: Sequence[str], settings: Settings) -> str:
    """Return the answer to a shell.

    Raises:
        KeyError: There is no such shell.
        QrsessionError: The names cannot be read.
    """
    return _ANSWERS[shell](arguments, lambda words, typed: complete(words, typed, settings))


_Complete = Callable[[Sequence[str], str], Completion]


def _answer_bash(arguments: Sequence[str], find: _Complete) -> str:
    line, breaks = arguments
    typed = read_typed(line)
    found = find(typed.words[1:], typed.incomplete)
    if found.command_at is not None:
        return f"command {found.command_at + 1}\n"
    words = [typed.insertion(offer.value, breaks) for offer in found.words]
    return _lines(found, [word for word in words if word is not None])


def _answer_zsh(arguments: Sequence[str], find: _Complete) -> str:
    found = find(arguments[:-1], arguments[-1])
    if found.command_at is not None:
        return f"command {found.command_at + 1}\n"
    # Its _describe takes a colon between a word and what is said of it.
    words = [
        offer.value.replace("\\", "\\\\").replace(":", "\\:") + _about(":", offer.about)
        for offer in found.words
    ]
    return _lines(found, words)


def _answer_fish(arguments: Sequence[str], find: _Complete) -> str:
    found = find(arguments[:-1], arguments[-1])
    if found.command_at is not None:
        return f"command {found.command_at + 2}\n"
    return _lines(found, [offer.value + _about("\t", offer.about) for offer in found.words])


_ANSWERS: dict[str, Callable[[Sequence[str], _Complete], str]] = {
    "bash": _answer_bash,
    "zsh": _answer_zsh,
    "fish": _answer_fish,
}


def _lines(found: Completion, words: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in (found.files, *words))


def _about(separator: str, about: str) -> str:
    text = clean(about)
    if len(text) > _LONGEST_ABOUT:
        text = f"{text[: _LONGEST_ABOUT - 1]}…"
    return f"{separator}{text}" if text else ""


@dataclass(frozen=True)
class Typed:
    """A line of bash up to the cursor, taken apart as bash will.

    Attributes:
        words: The words before the cursor's, without quotes.
        incomplete: The cursor's word so far, without quotes.
        raw: That word as it was typed.
        quote: The quotation mark that is still open, "" if none is.
        quoted_from: Where in ``raw`` what it quotes begins.
    """

    words: list[str]
    incomplete: str
    raw: str
    quote: str
    quoted_from: int

    def insertion(self, value: str, breaks: str) -> str | None:
        """Return what bash must be given so that the whole word becomes a value.

        It replaces what follows the last of ``breaks`` in the word, or the open quotation mark.
        None where the value cannot be quoted that way.
        """
        if self.quote:
            kept = read_typed(self.raw[: self.quoted_from - 1]).incomplete
            rest = value[len(kept) :]
            if self.quote == "'":
                return None if "'" in rest else rest
            return re.sub(r'([\\"$`])', r"\\\1", rest)
        ends = [
            # readline counts what begins with an @, which may be a host's name, to the word.
            match.start() if match[1] == "@" else match.end()
            for match in re.finditer(r"\\.|(.)", self.raw)
            if match[1] and match[1] in breaks and match[1] not in "\"' "
        ]
        kept = read_typed(self.raw[: ends[-1]]).incomplete if ends else ""
        return "".join(char if _PLAIN.match(char) else f"\\{char}" for char in value[len(kept) :])


def read_typed(line: str) -> Typed:
    """Take a line of bash apart, which may end within quotes."""
    words: list[str] = []
    word, quote = "", ""
    start = quoted_from = at = 0
    while at < len(line):
        char = line[at]
        at += 1
        if char == quote:
            quote = ""
        elif quote == "'":
            word += char
        elif char == "\\":
            following = line[at : at + 1]
            is_kept = quote and following not in {*'$`"\\'}
            word += f"\\{following}" if is_kept else following
            at += 1
        elif quote:
            word += char
        elif char in "\"'":
            quote, quoted_from = char, at - start
        elif char.isspace():
            if line[start : at - 1]:
                words.append(word)
            word, start = "", at
        else:
            word += char
    return Typed(words, word, line[start:], quote, quoted_from)
