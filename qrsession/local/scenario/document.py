"""A scenario as a whole, and its reading from TOML or JSON."""

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qrsession.errors import InvalidTypeError, InvalidValueError
from qrsession.local.scenario.account import (
    TokenRule,
    UsageRule,
    read_token_rule,
    read_usage_rule,
)
from qrsession.local.scenario.backends import BackendRule, read_backend_rule
from qrsession.local.scenario.jobs import JobRule, read_job_rule
from qrsession.local.scenario.reading import as_table, read_list
from qrsession.local.scenario.requests import Rule, read_rule
from qrsession.protocol.options import Field, Table, check_options

_LARGEST_FILE_BYTES = 1024 * 1024

_SCENARIO: Table = {
    "seed": Field(int, low=0),
    "rules": Field(object),
    "jobs": Field(object),
    "backends": Field(object),
    "tokens": Field(object),
    "usage": Field(object),
}


@dataclass(frozen=True, slots=True)
class Scenario:
    """What goes wrong.

    Attributes:
        rules: For requests, in their order.
        seed: Of the chances of all rules.
        jobs: For jobs, in their order.
        backends: For backends, in their order.
        tokens: What becomes of tokens.
        usage: What the instance may use.
    """

    rules: tuple[Rule, ...] = ()
    seed: int = 0
    jobs: tuple[JobRule, ...] = ()
    backends: tuple[BackendRule, ...] = ()
    tokens: TokenRule | None = None
    usage: UsageRule | None = None

    @classmethod
    def from_document(cls, document: Any) -> "Scenario":
        """Read what a file or a request says.

        Raises:
            InvalidValueError: A field is unknown or out of bounds, or has no meaning where it
                stands. ``details`` has its path: ``rules[2].status``.
            InvalidTypeError: A field has the wrong type, likewise.
        """
        if not isinstance(document, dict):
            raise InvalidTypeError(
                "A scenario must be a table with lists of rules, jobs, backends."
            )
        check_options(document, _SCENARIO, "scenario")
        tokens, usage = document.get("tokens"), document.get("usage")
        return cls(
            rules=read_list(document, "rules", read_rule),
            seed=document.get("seed", 0),
            jobs=read_list(document, "jobs", read_job_rule),
            backends=read_list(document, "backends", read_backend_rule),
            tokens=None if tokens is None else read_token_rule(as_table(tokens, "tokens")),
            usage=None if usage is None else read_usage_rule(as_table(usage, "usage")),
        )


def read_scenario(file: Path) -> Scenario:
    """Read a scenario from a file: JSON where its name ends so, TOML else.

    Raises:
        InvalidValueError: It cannot be read, or is no scenario; the message names the file and,
            where one is wrong, the field.
    """
    return _read(file)[1]


def read_document(file: Path) -> Any:
    """Read the document of a scenario that holds from a file; errors are as of `read_scenario`."""
    return _read(file)[0]


def _read(file: Path) -> tuple[Any, Scenario]:
    try:
        with file.open("rb") as stream:
            data = stream.read(_LARGEST_FILE_BYTES + 1)
    except OSError as error:
        raise InvalidValueError(f"The scenario {file} cannot be read: {error.strerror}.") from error
    try:
        document = _parse(data, is_toml=file.suffix.lower() != ".json")
        return document, Scenario.from_document(document)
    except InvalidValueError as error:
        raise type(error)(
            f"The scenario {file} is not valid: {error.message}",
            advice=error.advice,
            details={**error.details, "file": str(file)},
        ) from error


def parse_scenario(data: bytes, *, is_toml: bool) -> Scenario:
    """Read a scenario from TOML or JSON.

    Raises:
        InvalidValueError: It is neither that nor a scenario.
    """
    return Scenario.from_document(_parse(data, is_toml=is_toml))


def _parse(data: bytes, *, is_toml: bool) -> Any:
    if len(data) > _LARGEST_FILE_BYTES:
        raise InvalidValueError(f"It is larger than {_LARGEST_FILE_BYTES} bytes.")
    try:
        text = data.decode()
        document = tomllib.loads(text) if is_toml else json.loads(text)
        if not is_toml:
            # JSON may hold halves of characters, which what it says of jobs must not.
            json.dumps(document, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        form = "TOML" if is_toml else "JSON"
        raise InvalidValueError(f"It is no {form}: {error}.") from error
    return document
