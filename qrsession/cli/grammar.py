"""What can be typed, as data: every command with its help, parameters, defaults and examples.

Completion and the manual are made of it, so neither loads Typer and what a verb needs; a person who
has pressed a key does not wait for that. It is written from the commands themselves by `generate`,
and a test fails when the two differ.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("grammar.json")


@dataclass(frozen=True)
class Parameter:
    """An option or an argument.

    Attributes:
        name: What the program calls an argument; "" of an option.
        names: What an option is called on the line, ``("-b", "--backend")``; of an argument none.
        help: What it does.
        metavar: What stands in its value's place: ``NAME``, ``[SESSION...]``.
        choices: The values that it can have, where they are few.
        default: Its value where none is given, where that is worth saying.
        takes_value: Whether an option is followed by a value; an argument is one.
        is_repeatable: Whether it can be given any number of times.
    """

    name: str = ""
    names: tuple[str, ...] = ()
    help: str = ""
    metavar: str = ""
    choices: tuple[str, ...] = ()
    default: str | None = None
    takes_value: bool = True
    is_repeatable: bool = False

    @property
    def is_option(self) -> bool:
        """Whether it has a name on the line."""
        return bool(self.names)

    @property
    def stand_in(self) -> str:
        """What stands in a value's place: the metavar, or the values that it can have."""
        return self.metavar or "|".join(self.choices)

    def described(self, mark: str = "") -> str:
        """Return what it does, its values and its default; the default between two marks."""
        notes = [self.help]
        if self.metavar and self.choices:
            notes.append(f"One of: {', '.join(self.choices)}.")
        if self.default is not None:
            notes.append(f"By default {mark}{self.default}{mark}.")
        return " ".join(note for note in notes if note)

    @property
    def longest_name(self) -> str:
        """The name of an option that says most."""
        return max(self.names, key=len)


@dataclass(frozen=True)
class Command:
    """A command, or a group of commands.

    Attributes:
        summary: What it does, in a line.
        help: What it does; paragraphs are apart by an empty line.
        examples: Commands that work as they stand.
        parameters: What it takes, in the order of its help.
        parts: The commands of a group, by name; of a command none.
    """

    summary: str
    help: str = ""
    examples: tuple[str, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    parts: "Mapping[str, Command]" = field(default_factory=dict)

    @property
    def is_group(self) -> bool:
        """Whether the next word names one of several commands."""
        return bool(self.parts)

    def find_option(self, name: str) -> Parameter | None:
        """Return the option of this name, if there is one."""
        found = (parameter for parameter in self.parameters if name in parameter.names)
        return next(found, None)


def read_grammar() -> Command:
    """Return the command line as a whole."""
    return _command(json.loads(FILE.read_bytes()))


def to_json(command: Command) -> str:
    """Write the command line as a whole, for `read_grammar`."""
    return json.dumps(_without_defaults(asdict(command)), indent=1, ensure_ascii=False) + "\n"


def _command(record: Mapping[str, Any]) -> Command:
    parts = {name: _command(part) for name, part in record.get("parts", {}).items()}
    parameters = tuple(map(_parameter, record.get("parameters", ())))
    values = {**record, "examples": tuple(record.get("examples", ()))}
    return Command(**{**values, "parameters": parameters, "parts": parts})


def _parameter(record: Mapping[str, Any]) -> Parameter:
    lists = {name: tuple(record[name]) for name in ("names", "choices") if name in record}
    return Parameter(**{**record, **lists})


def _without_defaults(value: Any) -> Any:
    """Drop what is empty, and truths that need no word: the file is read by people as well."""
    if isinstance(value, dict):
        kept = {name: _without_defaults(part) for name, part in value.items()}
        usual: dict[str, Any] = {"takes_value": True, "is_repeatable": False}
        return {
            name: part
            for name, part in kept.items()
            if part not in ("", [], {}, None) and (name not in usual or part != usual[name])
        }
    if isinstance(value, list | tuple):
        return [_without_defaults(part) for part in value]
    return value
