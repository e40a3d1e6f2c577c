"""A command line that is still being typed: which command it is, and what its last word stands for.

Typer parses lines that are whole; it refuses half of one, and calls what options call. So the words
are walked here, by what the grammar says of each command.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from qrsession.cli.grammar import Command, Parameter

_DASHES = "--"


@dataclass(slots=True)
class Line:
    """What is typed so far.

    Attributes:
        command: The command, or the group of commands that is being chosen from.
        incomplete: The word under the cursor up to it, without ``--option=``.
        path: The names that led to the command: ``["cache", "info"]``.
        values: The values given to options, by the option's longest name, and those of arguments
            by the name of the parameter.
        given: The options given, by their longest names.
        prefix: The ``--option=`` that the word under the cursor began with, if it did.
        wanted: The parameter whose value the word is; None where it is none.
        wants_option: Whether the word is an option's name.
        is_beyond: Whether ``--`` stands before it.
        rest_at: Where the first argument stands among the words, None where there is none yet.
    """

    command: Command
    incomplete: str
    path: list[str] = field(default_factory=list)
    values: dict[str, list[str]] = field(default_factory=dict)
    given: set[str] = field(default_factory=set)
    prefix: str = ""
    wanted: Parameter | None = None
    wants_option: bool = False
    is_beyond: bool = False
    rest_at: int | None = None

    def value(self, option: str) -> str | None:
        """Return the value that an option was given last."""
        return self.values[option][-1] if option in self.values else None

    def options(self) -> Iterator[Parameter]:
        """Return the options that may still be given, in the order of the help."""
        for parameter in self.command.parameters:
            if parameter.is_option and (
                parameter.is_repeatable or parameter.longest_name not in self.given
            ):
                yield parameter


def read_line(root: Command, words: Sequence[str], incomplete: str) -> Line | None:
    """Understand what is typed; None where no command has that name.

    Args:
        root: The command line as a whole.
        words: The words before the cursor's, without the program.
        incomplete: The cursor's word, up to the cursor.
    """
    line = Line(root, incomplete)
    # An option whose value comes next.
    pending: Parameter | None = None
    for index, word in enumerate(words):
        if pending is not None:
            line.values.setdefault(pending.longest_name, []).append(word)
            pending = None
        elif not line.is_beyond and word == _DASHES:
            line.is_beyond = True
        elif not line.is_beyond and word.startswith("-") and word != "-":
            pending = _take_option(line, word)
        elif line.command.is_group:
            part = line.command.parts.get(word)
            if part is None:
                return None
            line.command = part
            line.path.append(word)
        else:
            _take_argument(line, index, word)
    _want(line, pending)
    return line


def _want(line: Line, pending: Parameter | None) -> None:
    """Find out what the word under the cursor is."""
    name, equals, value = line.incomplete.partition("=")
    if pending is not None:
        line.wanted = pending
    elif not line.is_beyond and line.incomplete.startswith(_DASHES) and equals:
        option = line.command.find_option(name)
        if option is not None and option.takes_value:
            line.wanted, line.prefix, line.incomplete = option, f"{name}=", value
    elif not line.is_beyond and line.incomplete.startswith("-"):
        line.wants_option = True
    elif not line.command.is_group:
        line.wanted = _next_argument(line)


def _take_option(line: Line, word: str) -> Parameter | None:
    """Note an option, or several flags in one word; return it if its value is the next word."""
    if word.startswith(_DASHES):
        name, equals, value = word.partition("=")
        return _note(line, name, value if equals else None)
    for at, letter in enumerate(word[1:], start=2):
        option = line.command.find_option(f"-{letter}")
        if option is None or option.takes_value:
            return _note(line, f"-{letter}", word[at:] or None)
        line.given.add(option.longest_name)
    return None


def _note(line: Line, name: str, value: str | None) -> Parameter | None:
    """Note an option with the value in its word; return it if its value is the next word."""
    option = line.command.find_option(name)
    if option is None:
        return None
    line.given.add(option.longest_name)
    if not option.takes_value:
        return None
    if value is None:
        return option
    line.values.setdefault(option.longest_name, []).append(value)
    return None


def _take_argument(line: Line, index: int, word: str) -> None:
    if line.rest_at is None:
        line.rest_at = index
    argument = _next_argument(line)
    if argument is not None:
        line.values.setdefault(argument.name, []).append(word)


def _next_argument(line: Line) -> Parameter | None:
    """Return the argument that the next word is for; the last one may take any number of them."""
    for parameter in line.command.parameters:
        if not parameter.is_option and (
            parameter.is_repeatable or parameter.name not in line.values
        ):
            return parameter
    return None
