"""Every envelope and every event that a test has printed is held against the schema in the package.

In a form of it that knows no other fields than those that it names: what is printed beyond them
is a field that nobody told users about.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

from jsonschema import Draft202012Validator

from qrsession.errors import QrsessionError
from qrsession.render import envelope
from qrsession.waiting import events

_SCHEMAS = files("qrsession").joinpath("schemas")
_NOTHING_ELSE = {"unevaluatedProperties": False}


def read_schema(name: str) -> dict[str, Any]:
    """Return a schema of the package, as it is."""
    found: dict[str, Any] = json.loads(_SCHEMAS.joinpath(f"{name}-v1.json").read_text("utf-8"))
    return found


def strict(schema: Any, definitions: Mapping[str, Any], *, is_part: bool = False) -> Any:
    """Return a schema by which no object has fields that are not named.

    What is a part of something larger (``allOf``, ``anyOf``) may not say that of itself.
    """
    if isinstance(schema, list):
        return [strict(one, definitions, is_part=is_part) for one in schema]
    if not isinstance(schema, dict):
        return schema
    rewritten = {}
    for key, value in schema.items():
        if key in {"properties", "$defs"}:
            inner_is_part = key == "$defs"
            rewritten[key] = {
                name: strict(one, definitions, is_part=inner_is_part) for name, one in value.items()
            }
        elif key in {"allOf", "anyOf", "if", "then", "else"}:
            rewritten[key] = strict(value, definitions, is_part=True)
        elif key == "items":
            rewritten[key] = strict(value, definitions)
        else:
            rewritten[key] = value
    if is_part or not _names_fields(schema, definitions):
        return rewritten
    return rewritten | _NOTHING_ELSE


def _names_fields(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> bool:
    if "properties" in schema:
        return True
    target = schema.get("$ref")
    if target is not None:
        return _names_fields(definitions[target.rpartition("/")[2]], definitions)
    parts = [*schema.get("allOf", ()), *schema.get("anyOf", ())]
    return any(_names_fields(part, definitions) for part in parts)


@cache
def validator(name: str) -> Draft202012Validator:
    """Return what holds documents strictly against a schema of the package."""
    schema = read_schema(name)
    # The conditions at the top choose what `data` is, and say nothing of it themselves.
    strictly = strict(schema, schema["$defs"])
    for condition in strictly.get("allOf", ()):
        data = condition["then"].get("properties", {}).get("data", {})
        if "$ref" in data:
            condition["then"]["properties"]["data"] = data | _NOTHING_ELSE
    return Draft202012Validator(strictly, format_checker=Draft202012Validator.FORMAT_CHECKER)


def check(document: Mapping[str, Any], name: str = "envelope") -> None:
    """Hold a document, as it was printed, strictly against a schema of the package."""
    validator(name).validate(document)


def check_all_that_is_printed() -> None:
    """Have every envelope and every event that this process makes from now on checked."""
    # Read now: a command that has run out of files could not.
    validator("envelope")
    ok, failed, told = envelope.envelope_of, envelope.failure_of, events.event_document

    def envelope_of(command: str, data: Mapping[str, Any]) -> dict[str, Any]:
        return _checked(ok(command, data))

    def failure_of(command: str, error: QrsessionError) -> dict[str, Any]:
        return _checked(failed(command, error))

    def event_document(event: events.Event, time: datetime) -> dict[str, Any]:
        return _checked(told(event, time), "event")

    envelope.envelope_of, envelope.failure_of = envelope_of, failure_of
    events.event_document = event_document


def _checked(made: dict[str, Any], name: str = "envelope") -> dict[str, Any]:
    check(json.loads(envelope.to_json(made)), name)
    return made
