"""A command line that is still being typed: which command it is, and what its last word stands for.

Typer parses lines that are whole; it refuses half of one, and calls what options call. So the words
are walked here, by what Typer's own commands say of their parameters.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import typer

_DASHES = "--"


@dataclass(slots=True)
class Line:
    """What is typed so far.

    Attributes:
        command: The command, or the group of commands that is being chosen from.
        path: The names that led to it: ``["cache", "info"]``.
        values: The values given to options, by the option's longest name, and those of arguments
            by the name of the parameter.
        given: The options given, by that name too.
        incomplete: The word under the cursor up to it, without ``--option=``.
        prefix: That ``--option=``, if the word began so.
        wanted: The parameter whose value the word is; None where it is none.
        wants_option: Whether the word is an option's name.
        is_beyond: Whether ``--`` stands before it.
        rest_at: Where the first argument stands among the words, None where there is none yet.
    """

    command: Any
    incomplete: str
    path: list[str] = field(default_factory=list)
    values: dict[str, list[str]] = field(default_factory=dict)
    given: set[str] = field(default_factory=set)
    prefix: str = ""
    wanted: Any = None
    wants_option: bool = False
    is_beyond: bool = False
    rest_at: int | None = None

    def value(self, option: str) -> str | None:
        """Return the value that an option was given last."""
        return (self.values.get(option) or [None])[-1]

    def parameters(self) -> list[Any]:
        """Return what the command takes."""
        return parameters_of(self.command)

    def options(self) -> Iterator[Any]:
        """Return the options that may still be given, as their list of names stands in the help."""
        for parameter in self.parameters():
            is_again = parameter.multiple or getattr(parameter, "count", False)
            if _is_option(parameter) and not getattr(parameter, "hidden", False):
                if longest_name(parameter) in self.given and not is_again:
                    continue
                yield parameter


def parameters_of(command: Any) -> list[Any]:
    """Return what a command takes, the option that shows its help too."""
    return list(command.get_params(typer.Context(command, **command.context_settings)))


def longest_name(parameter: Any) -> str:
    """Return the name of an option that says most: ``--backend`` of ``-b``, ``--backend``."""
    return str(max(parameter.opts, key=len))


def takes_value(parameter: Any) -> bool:
    """Tell whether an option is followed by a value."""
    return not (parameter.is_flag or parameter.count)


def read_line(root: Any, words: Sequence[str], incomplete: str) -> Line | None:
    """Understand what is typed; None where no command has that name.

    Args:
        root: The command line as a whole.
        words: The words before the cursor's, without the program.
        incomplete: The cursor's word, up to the cursor.
    """
    line = Line(root, incomplete)
    # An option whose value comes next.
    pending = None
    for index, word in enumerate(words):
        if pending is not None:
            line.values.setdefault(longest_name(pending), []).append(word)
            pending = None
        elif not line.is_beyond and word == _DASHES:
            line.is_beyond = True
        elif not line.is_beyond and word.startswith("-") and word != "-":
            pending = _take_option(line, word)
        elif is_group(line.command):
            line.command = line.command.get_command(typer.Context(line.command), word)
            if line.command is None:
                return None
            line.path.append(word)
        else:
            _take_argument(line, index, word)
    _want(line, pending)
    return line


def is_group(command: Any) -> bool:
    """Tell whether a command is chosen from others."""
    return hasattr(command, "list_commands")


def _want(line: Line, pending: Any) -> None:
    """Find out what the word under the cursor is."""
    name, equals, value = line.incomplete.partition("=")
    if pending is not None:
        line.wanted = pending
    elif not line.is_beyond and line.incomplete.startswith(_DASHES) and equals:
        option = _find_option(line, name)
        if option is not None and takes_value(option):
            line.wanted, line.prefix, line.incomplete = option, f"{name}=", value
    elif not line.is_beyond and line.incomplete.startswith("-"):
        line.wants_option = True
    elif not is_group(line.command):
        line.wanted = _next_argument(line)


def _take_option(line: Line, word: str) -> Any:
    """Note an option, or several flags in one word; return it if its value is the next word."""
    if word.startswith(_DASHES):
        name, equals, value = word.partition("=")
        option = _find_option(line, name)
        if option is None:
            return None
        line.given.add(longest_name(option))
        if not takes_value(option):
            return None
        if not equals:
            return option
        line.values.setdefault(longest_name(option), []).append(value)
        return None
    for at, letter in enumerate(word[1:], start=2):
        option = _find_option(line, f"-{letter}")
        if option is None:
            return None
        line.given.add(longest_name(option))
        if takes_value(option):
            if word[at:]:
                line.values.setdefault(longest_name(option), []).append(word[at:])
                return None
            return option
    return None


def _take_argument(line: Line, index: int, word: str) -> None:
    if line.rest_at is None:
        line.rest_at = index
    argument = _next_argument(line)
    if argument is not None:
        line.values.setdefault(argument.name, []).append(word)


def _next_argument(line: Line) -> Any:
    """Return the argument that the next word is for; the last one may take any number of them."""
    for parameter in line.parameters():
        if _is_option(parameter):
            continue
        taken = len(line.values.get(parameter.name, ()))
        if parameter.nargs < 0 or taken < parameter.nargs:
            return parameter
    return None


def _find_option(line: Line, name: str) -> Any:
    for parameter in line.parameters():
        if _is_option(parameter) and name in (*parameter.opts, *parameter.secondary_opts):
            return parameter
    return None


def _is_option(parameter: Any) -> bool:
    return bool(parameter.param_type_name == "option")
