"""The records that state is made of: a session and a job.

Readers ignore keys that they do not know; the files keep them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

from qrsession.processes.mark import ProcessMark
from qrsession.protocol.fields import as_object, optional, required, required_moment, strings

# Who opened a session: a command, or a program for itself.
COMMAND = "command"
LIBRARY = "library"


@dataclass(frozen=True)
class SessionEntry:
    """A session as the ledger keeps it.

    Attributes:
        name: Its name in this ledger.
        session_id: Its id at the service.
        backend: The backend that it holds, None where the service did not say.
        mode: ``dedicated`` or ``batch``.
        account: The name of the account that opened it.
        instance: The account's instance (CRN), if any.
        url: The service's URL, where the account's own may change.
        max_time_s: The longest it may last, in seconds, counted from its first job.
        opened_at: When it was opened, UTC.
        state: Its state when the service was last asked.
        accepting_jobs: Whether it took jobs then.
        expires_at: When its time is up, UTC; None until its first job has started.
        usage_s: What it had used then, in seconds.
        seen_at: When the service was last asked, UTC.
        opened_by: ``command``, or ``library`` where a program opened it for itself.
        once: The key by which `open --once` finds it again, if any.
        budget_s: What its jobs may spend, in QPU seconds, if that is limited.
        closes_with: The process with whose end it is closed, if any.
        opener: The program that opened it for itself, if one did.
    """

    name: str
    session_id: str
    backend: str | None
    mode: str
    account: str
    opened_at: datetime
    instance: str | None = None
    url: str | None = None
    max_time_s: int | None = None
    state: str = "open"
    accepting_jobs: bool = True
    expires_at: datetime | None = None
    usage_s: float | None = None
    seen_at: datetime | None = None
    opened_by: str = COMMAND
    once: str | None = None
    budget_s: int | None = None
    closes_with: ProcessMark | None = None
    opener: ProcessMark | None = None

    @classmethod
    def from_record(cls, name: str, record: Any) -> "SessionEntry":
        """Read an entry. Unknown keys are ignored.

        Raises:
            WireFormatError: A key is missing or of another type.
        """
        entry = as_object(record, f"The session {name!r}")
        accepting_jobs = optional(entry, "accepting_jobs", bool)
        return cls(
            name=name,
            session_id=required(entry, "session_id", str),
            backend=optional(entry, "backend", str),
            mode=required(entry, "mode", str),
            account=required(entry, "account", str),
            opened_at=_in_utc(required(entry, "opened_at", datetime)),
            instance=optional(entry, "instance", str),
            url=optional(entry, "url", str),
            max_time_s=optional(entry, "max_time_s", int),
            state=optional(entry, "state", str) or "open",
            accepting_jobs=True if accepting_jobs is None else accepting_jobs,
            expires_at=_optional_moment(entry, "expires_at"),
            usage_s=optional(entry, "usage_s", float),
            seen_at=_optional_moment(entry, "seen_at"),
            opened_by=optional(entry, "opened_by", str) or COMMAND,
            once=optional(entry, "once", str),
            budget_s=optional(entry, "budget_s", int),
            closes_with=ProcessMark.from_record(entry.get("closes_with")),
            opener=ProcessMark.from_record(entry.get("opener")),
        )

    def to_record(self) -> dict[str, Any]:
        """Write an entry: its known keys, without those that have no value and without the name."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            key: value.to_record() if isinstance(value, ProcessMark) else value
            for key, value in values.items()
            if key != "name" and value is not None
        }


@dataclass(frozen=True)
class JobEntry:
    """A job of ours.

    Attributes:
        job_id: Its id at the service.
        session_id: Its session, None in job mode.
        backend: Its backend.
        primitive: ``sampler`` or ``estimator``.
        account: The account that it runs for.
        submitted_at: When it was accepted, UTC.
        instance: The account's instance (CRN), if any.
        tag: The tag of its submission.
        tags: The user's own tags.
        files: The circuit files that it was made of, as the user named them.
        detached: Whether nobody waited for it.
        status: Its state when the service was last asked.
        usage_s: What it had used then, in seconds.
        verdicts: What was expected of its result and what was seen, a sentence each, where somebody
            expected something.
    """

    job_id: str
    session_id: str | None
    backend: str
    primitive: str
    account: str
    submitted_at: datetime
    instance: str | None = None
    tag: str | None = None
    tags: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    detached: bool = False
    status: str | None = None
    usage_s: float | None = None
    verdicts: tuple[str, ...] = ()

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "JobEntry":
        """Read a job. Unknown keys are ignored."""
        return cls(
            job_id=required(record, "job_id", str),
            session_id=optional(record, "session_id", str),
            backend=required(record, "backend", str),
            primitive=required(record, "primitive", str),
            account=required(record, "account", str),
            submitted_at=required_moment(record, "submitted_at"),
            instance=optional(record, "instance", str),
            tag=optional(record, "tag", str),
            tags=strings(record, "tags"),
            files=strings(record, "files"),
            detached=optional(record, "detached", bool) or False,
            status=optional(record, "status", str),
            usage_s=optional(record, "usage_s", float),
            verdicts=strings(record, "verdicts"),
        )


def _in_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _optional_moment(record: Mapping[str, Any], key: str) -> datetime | None:
    moment = optional(record, key, datetime)
    return None if moment is None else _in_utc(moment)
