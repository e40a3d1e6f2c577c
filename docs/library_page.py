"""The sections of the page about the library: its classes, from their own docstrings."""

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import qrsession
from qrsession.backend import Backend

WriteTable = Callable[[Sequence[str], Iterable[Sequence[str]]], str]

# What of each class is for programs, in the order of the page. The rest is for this package.
MEMBERS: Mapping[str, Sequence[str]] = {
    "RuntimeService": (
        *("backends", "backend", "least_busy", "job", "jobs", "delete_job", "usage"),
        *("instance", "choose_instance", "now", "reconnect"),
    ),
    "Session": (
        *("from_id", "run", "status", "details", "usage", "close", "cancel"),
        *("session_id", "service", "backend", "device", "mode", "use_fractional_gates"),
    ),
    "Batch": (),
    "Sampler": ("run", "options", "mode", "session", "backend"),
    "Estimator": ("run", "options", "mode", "session", "backend"),
    "Options": ("update", "copy", "to_dict", "fields"),
    "RuntimeJob": (
        *("job_id", "status", "result", "wait_for_final_state", "cancel", "result_text"),
        *("done", "running", "cancelled", "errored", "in_final_state", "error_message"),
        *("metrics", "usage", "usage_estimation", "logs", "tags", "update_tags"),
        *("creation_date", "session_id", "backend", "properties", "inputs", "primitive_id"),
        *("primitive", "private", "image", "instance", "service", "record", "refresh"),
    ),
    "Backend": (
        *("target", "is_simulator", "configuration", "properties", "service"),
        *("status", "run", "use_fractional_gates", "dtm", "meas_map"),
    ),
}
# Attributes that have no docstring of their own.
_ATTRIBUTES = {
    ("Session", "mode"): "``dedicated``; of a `Batch`, ``batch``.",
    ("Session", "use_fractional_gates"): "Whether circuits may get gates with an angle.",
    ("Backend", "configuration"): "The document of the API, as a dict.",
    ("Backend", "properties"): "The document of the API, as a dict; empty for simulators.",
    ("Backend", "use_fractional_gates"): "As it was given.",
}


def class_of(name: str) -> Any:
    """Return a class by its name on the page."""
    return Backend if name == "Backend" else getattr(qrsession, name)


def public_classes(write_table: WriteTable) -> str:
    """Return a section for each class, with a table of its members."""
    return "\n".join(line for name in MEMBERS for line in _section(name, write_table)).rstrip()


def _section(name: str, write_table: WriteTable) -> Iterator[str]:
    kind = class_of(name)
    yield from (f"## {name}", "", "```text", f"{name}{_arguments(kind.__init__)}", "```", "")
    text = inspect.getdoc(kind) or ""
    yield from (_plain(text.partition("\n\n")[0]), "")
    if MEMBERS[name]:
        rows = [_row(name, kind, member) for member in MEMBERS[name]]
        yield from (write_table(("", "does"), rows), "")


def _row(name: str, kind: Any, member: str) -> tuple[str, str]:
    found = inspect.getattr_static(kind, member, None)
    if (name, member) in _ATTRIBUTES:
        return f"`{member}`", _plain(_ATTRIBUTES[name, member])
    does = _plain((inspect.getdoc(found) or "").partition("\n")[0])
    if isinstance(found, property | cached_property):
        return f"`{member}`", does
    return f"`{member}{_arguments(getattr(kind, member))}`", does


def _arguments(function: Any) -> str:
    """Write the arguments of a function, without their types, which the docstring has."""
    signature = inspect.signature(function)
    kept = [
        parameter.replace(annotation=parameter.empty)
        for parameter in signature.parameters.values()
        if parameter.name != "self"
    ]
    plain = signature.replace(parameters=kept, return_annotation=signature.empty)
    # Functions among the defaults would show where they are in memory.
    return re.sub(r"=<.*?>", "=...", str(plain))


def _plain(text: str) -> str:
    """Write a docstring as a line of Markdown."""
    return re.sub(r"``(.+?)``", r"`\1`", " ".join(text.split()))
