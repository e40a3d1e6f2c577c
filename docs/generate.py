"""Write the sections of the reference that say what the code says: `python -m docs.generate`.

They stand between marks: ``<!-- generated: NAME -->`` and ``<!-- end -->``.
"""

import json
import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent
_DATA = "_data"


def data_of_commands() -> str:
    """Return a table of what ``data`` holds, command by command."""
    schema = _schema("envelope-v1.json")
    commands = schema["allOf"][0]["else"]["properties"]["command"]["enum"]
    return "\n".join(_commands(commands, schema["$defs"]))


def objects() -> str:
    """Return a table for each object that ``data`` may hold."""
    return "\n".join(_objects(_schema("envelope-v1.json")["$defs"]))


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


def _objects(definitions: Mapping[str, Any]) -> Iterator[str]:
    for name, definition in definitions.items():
        if name.endswith(_DATA) or "properties" not in definition:
            continue
        yield f"### {_title(name)}"
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
    return words.replace("|", "\\|")


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


SECTIONS = {
    "data": data_of_commands,
    "objects": objects,
}
_SECTION = re.compile(r"(<!-- generated: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def regenerated(page: str) -> str:
    """Return a page whose generated sections say what the code says now."""
    return _SECTION.sub(lambda match: f"{match[1]}\n{SECTIONS[match[2]]()}\n{match[3]}", page)


def pages() -> list[Path]:
    """Return the pages that have such sections."""
    return [page for page in sorted(DOCS.rglob("*.md")) if _SECTION.search(page.read_text())]


def main() -> None:
    """Write all pages."""
    for page in pages():
        page.write_text(regenerated(page.read_text()))


if __name__ == "__main__":
    main()
