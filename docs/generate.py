"""Write the sections of the reference that say what the code says: `python -m docs.generate`.

They stand between marks: ``<!-- generated: NAME -->`` and ``<!-- end -->``.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from docs.library_page import public_classes
from docs.options_page import older_options, option_tables
from qrsession.cli.grammar import Command, Parameter, read_grammar
from qrsession.cli.topics import (
    EXEC_CODES,
    EXIT_CODES,
    OTHER_VARIABLES,
    OWN_VARIABLES,
    errors_by_exit_code,
)

DOCS = Path(__file__).parent
_DATA = "_data"
BAR = "\\|"
# What every command takes is said once.
_OF_ALL = {"--quiet", "--verbose", "--help", "--json", "--state"}


def commands() -> str:
    """Return a section for each command, from its own help."""
    return "\n".join(
        line for name, verb in read_grammar().parts.items() for line in _command(name, verb)
    ).rstrip()


def exit_codes() -> str:
    """Return a table of exit codes, with the codes of errors that end so."""
    errors = errors_by_exit_code()
    rows = [
        (str(code), meaning, ", ".join(f"`{name}`" for name in errors.get(code, ())))
        for code, meaning in EXIT_CODES.items()
    ]
    return _table(("code", "meaning", "`error.code`"), rows)


def exit_codes_of_exec() -> str:
    """Return a table of the exit codes of `exec`."""
    return _table(("code", "meaning"), EXEC_CODES.items())


def own_variables() -> str:
    """Return a table of the variables of this program."""
    return _variables(OWN_VARIABLES)


def other_variables() -> str:
    """Return a table of the variables of others that count here."""
    return _variables(OTHER_VARIABLES)


def events() -> str:
    """Return a table for each event."""
    return "\n".join(_objects(_schema("event-v1.json")["$defs"], keeps_names=True)).rstrip()


def data_of_commands() -> str:
    """Return a table of what ``data`` holds, command by command."""
    schema = _schema("envelope-v1.json")
    commands = schema["allOf"][0]["else"]["properties"]["command"]["enum"]
    return "\n".join(_commands(commands, schema["$defs"]))


def objects() -> str:
    """Return a table for each object that ``data`` may hold."""
    return "\n".join(_objects(_schema("envelope-v1.json")["$defs"])).rstrip()


def _command(name: str, command: Command, level: int = 2) -> Iterator[str]:
    yield f"{'#' * level} {name}"
    yield ""
    yield command.help or command.summary
    yield ""
    if command.is_group:
        for part, inner in command.parts.items():
            yield from _command(f"{name} {part}", inner, level + 1)
        return
    arguments = [each for each in command.parameters if not each.is_option]
    words = " ".join(["qrsession", name, *(each.stand_in for each in arguments), "[OPTIONS]"])
    yield from ("```text", words, "```", "")
    rows = [(_term(each), each.described("`")) for each in command.parameters if _is_its_own(each)]
    if rows:
        yield from (_table(("", "does"), rows), "")
    if command.examples:
        yield from ("For example:", "", "```sh", *command.examples, "```", "")


def _is_its_own(parameter: Parameter) -> bool:
    return _OF_ALL.isdisjoint(parameter.names)


def _term(parameter: Parameter) -> str:
    value = parameter.stand_in
    if not parameter.is_option:
        return f"`{value}`"
    names = ", ".join(f"`{name}`" for name in parameter.names)
    return f"{names} `{value}`" if parameter.takes_value else names


def _variables(variables: Mapping[str, str]) -> str:
    return _table(("variable", "does"), [(f"`{name}`", does) for name, does in variables.items()])


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    # A bar would end the cell, even in code.
    return "\n".join(f"| {' | '.join(cell.replace('|', BAR) for cell in line)} |" for line in lines)


def _commands(commands: list[str], definitions: Mapping[str, Any]) -> Iterator[str]:
    yield "| command | `data` |"
    yield "| --- | --- |"
    for command in commands:
        data = definitions[f"{command.replace(' ', '_')}{_DATA}"]
        forms = [_inline(form) for form in data.get("anyOf", [data])]
        yield f"| `{command}` | {'<br>or '.join(forms)} |"


def _inline(form: Mapping[str, Any]) -> str:
    required = form.get("required", ())
    return ", ".join(
        f"`{name}`{'' if name in required else '?'}: {_type(value)}"
        for name, value in form["properties"].items()
    )


def _objects(definitions: Mapping[str, Any], *, keeps_names: bool = False) -> Iterator[str]:
    for name, definition in definitions.items():
        if name.endswith(_DATA) or "properties" not in definition:
            continue
        yield f"### {name if keeps_names else _title(name)}"
        yield ""
        base = definition.get("allOf")
        also = f" All of {_type(base[0])}, and:" if base else ""
        yield f"{definition['description']}{also}"
        yield ""
        yield "| field | type | meaning |"
        yield "| --- | --- | --- |"
        required = definition.get("required", ())
        for field, value in definition["properties"].items():
            mark = "" if field in required else " (may be absent)"
            yield f"| `{field}` | {_type(value)} | {_meaning(value)}{mark} |"
        yield ""


def _meaning(value: Mapping[str, Any]) -> str:
    words = str(value.get("description", ""))
    choices = [choice for choice in value.get("enum", ()) if choice is not None]
    if choices:
        words = f"{words} One of {', '.join(f'`{choice}`' for choice in choices)}.".strip()
    return words.replace("|", BAR)


def _type(value: Mapping[str, Any]) -> str:
    if "$ref" in value:
        name = value["$ref"].rpartition("/")[2]
        return _named(name)
    if "anyOf" in value:
        return " or ".join(_type(one) for one in value["anyOf"])
    kinds = value.get("type", "any")
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds == ["array"]:
        return f"list of {_type(value['items'])}"
    if kinds == ["object"] and "properties" in value:
        return f"{{{_inline(value)}}}"
    if kinds == ["object"] and "additionalProperties" in value:
        return f"object of {_type(value['additionalProperties'])} by name"
    return " or ".join(kinds)


# What is no object with fields of its own is said where it stands.
_PLAIN = {
    "numbers": "number, or nested lists of them",
    "pub": "[sampled pub](#sampled-pub) or [estimated pub](#estimated-pub)",
    "warnings": "list of string",
}


def _named(name: str) -> str:
    if name in _PLAIN:
        return _PLAIN[name]
    return f"[{_title(name).lower()}](#{name.replace('_', '-')})"


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        files("qrsession").joinpath("schemas", name).read_text("utf-8")
    )
    return found


SECTIONS: dict[str, Callable[[], str]] = {
    "commands": commands,
    "exit-codes": exit_codes,
    "exit-codes-of-exec": exit_codes_of_exec,
    "own-variables": own_variables,
    "other-variables": other_variables,
    "events": events,
    "data": data_of_commands,
    "objects": objects,
    "library": lambda: public_classes(_table),
    "options": lambda: option_tables(_table),
    "older-options": lambda: older_options(_table),
}
_SECTION = re.compile(r"(<!-- generated: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def regenerated(page: str) -> str:
    """Return a page whose generated sections say what the code says now."""
    return _SECTION.sub(lambda match: f"{match[1]}\n{SECTIONS[match[2]]()}\n\n{match[3]}", page)


def pages() -> list[Path]:
    """Return the pages that have such sections."""
    return [page for page in sorted(DOCS.rglob("*.md")) if _SECTION.search(page.read_text())]


def main() -> None:
    """Write all pages."""
    for page in pages():
        page.write_text(regenerated(page.read_text()))


if __name__ == "__main__":
    main()
