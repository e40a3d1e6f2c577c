"""What happens while a command waits, as data: the lines of ``--events``.

Each line is one JSON object with ``schema_version``, ``event`` and ``time`` (RFC 3339, UTC) before
the fields of its event. The envelope is the last line, and no event: it has ``command`` in place of
``event``. New events and new fields may come within a schema version.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, TypeAlias

from qrsession.errors import WireFormatError
from qrsession.protocol.fields import as_object, optional, required

SCHEMA_VERSION = 1


class NoteKind(StrEnum):
    """What a note is about."""

    SERVICE_LOST = "service_lost"
    SERVICE_BACK = "service_back"
    INFO = "info"


@dataclass(frozen=True)
class JobSubmitted:
    """A job was accepted, and its id is on the disk."""

    event: ClassVar[str] = "job_submitted"
    job_id: str
    session_id: str | None
    backend: str | None
    primitive: str


@dataclass(frozen=True)
class JobStatusSeen:
    """A job is in another state than before; ``before`` is None where it is seen first."""

    event: ClassVar[str] = "job_status"
    job_id: str
    session_id: str | None
    before: str | None
    after: str
    reason: str | None = None
    reason_code: int | None = None


@dataclass(frozen=True)
class ResultKept:
    """A job's result is on the disk; ``path`` is where."""

    event: ClassVar[str] = "result_kept"
    job_id: str
    path: str


@dataclass(frozen=True)
class JobLost:
    """A job cannot be waited for any more: ``code`` and ``message`` are those of an error."""

    event: ClassVar[str] = "job_error"
    job_id: str
    code: str
    message: str


@dataclass(frozen=True)
class SessionStateSeen:
    """A session is in another state than before; ``before`` is None where it is seen first."""

    event: ClassVar[str] = "session_state"
    session_id: str
    name: str
    before: str | None
    after: str
    accepting_jobs: bool


@dataclass(frozen=True)
class Note:
    """A sentence for people about the wait itself."""

    event: ClassVar[str] = "note"
    kind: str
    message: str

    @classmethod
    def back(cls) -> "Note":
        """Return the note that a service is within reach again."""
        return cls(NoteKind.SERVICE_BACK, "The service answers again.")


Event: TypeAlias = JobSubmitted | JobStatusSeen | ResultKept | JobLost | SessionStateSeen | Note
Tell: TypeAlias = Callable[[Event], None]

_KINDS: dict[str, type[Event]] = {
    kind.event: kind
    for kind in (JobSubmitted, JobStatusSeen, ResultKept, JobLost, SessionStateSeen, Note)
}
# Words of Python, and names that say more in a class than in a line.
_SPELT = {"before": "from", "after": "to"}
_MAY_BE_NONE = frozenset({"session_id", "backend", "before", "reason", "reason_code"})


def event_document(event: Event, time: datetime) -> dict[str, Any]:
    """Return the line of an event that happened at a time."""
    values = {_SPELT.get(f.name, f.name): getattr(event, f.name) for f in fields(event)}
    return {"schema_version": SCHEMA_VERSION, "event": event.event, "time": time, **values}


def read_event(document: Mapping[str, Any]) -> Event:
    """Read an event from its line. Unknown fields are ignored.

    Raises:
        WireFormatError: The event is not known, or a field is missing or of another type.
    """
    line = as_object(document, "The event")
    name = required(line, "event", str)
    kind = _KINDS.get(name)
    if kind is None:
        raise WireFormatError(f"There is no event {name!r}.")
    return kind(**{field.name: _read(line, field.name) for field in fields(kind)})


def ignore(_event: Event) -> None:
    """Tell nobody."""


def _read(line: Mapping[str, Any], name: str) -> Any:
    types = {"reason_code": int, "accepting_jobs": bool}
    spelt, wanted = _SPELT.get(name, name), types.get(name, str)
    return (optional if name in _MAY_BE_NONE else required)(line, spelt, wanted)
