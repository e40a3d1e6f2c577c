"""What was begun and not seen to its end: submissions, openings of sessions, and closes.

- ``pending/<tag>.json``, an intent: a submission that may be on its way.
- ``pending/openings/<key>.json``: a session that may be open though nobody was told its id.
- ``pending/closings/<session>.json``: a close that could not be sent.

A file is written before the request leaves and goes when the matter is settled, by whoever sent
it or by a later command (`qrsession.submission.settling`). Nothing here takes the ledger's lock, so
submissions do not wait for each other.
"""

import os
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from qrsession import storage
from qrsession.errors import StorageError, WireFormatError
from qrsession.processes import liveness
from qrsession.protocol.fields import moment, optional, required, required_moment, strings
from qrsession.state.records import file_stem
from qrsession.state.versioned import read_line, to_line

# Longer than an upload may take and a reply be looked for: who is still at it then has hung, or
# its process id belongs to another process by now.
_LONGEST_LIFE = timedelta(minutes=20)


@dataclass(frozen=True)
class Sender:
    """The process that was to send something.

    Attributes:
        pid: Its number.
        host: Its machine.
    """

    pid: int = field(default_factory=os.getpid)
    host: str = field(default_factory=socket.gethostname)

    def may_be_alive(self, age: timedelta) -> bool:
        """Whether it may still be at it, for something that was begun so long ago."""
        if abs(age) > _LONGEST_LIFE:
            # What began in the future began by a clock that was wrong.
            return False
        if self.host != socket.gethostname() or sys.platform == "win32":
            # Another machine's processes cannot be seen; and on Windows, looking would kill.
            return True
        return not liveness.is_gone(self.pid)


class IntentState(StrEnum):
    """How far a submission has come.

    ``sending``: its process may be at it. ``in_doubt``: nobody knows whether the job exists.
    ``watched``: the job is known, and a second one of the same submission may yet appear.
    ``not_submitted``: it was looked for long enough, and is watched for still.
    """

    SENDING = "sending"
    IN_DOUBT = "in_doubt"
    WATCHED = "watched"
    NOT_SUBMITTED = "not_submitted"


@dataclass(frozen=True)
class Intent:
    """A submission that was about to be sent: if it was, the job bears the tag.

    Attributes:
        tag: The job's tag.
        account: The account that it is for.
        instance: That account's instance (CRN), if any.
        session_id: Its session, None in job mode.
        backend: Its backend.
        program_id: ``sampler`` or ``estimator``.
        created_at: When it was about to be sent, UTC.
        pid: The process that was to send it.
        host: The machine of that process.
        state: How far it has come.
        sent_at: When it was last sent, UTC; None until it was in doubt.
        job_id: The job that counts, where it is known and watched.
        files: The circuit files that the job is made of.
        twins: Second copies of the job that were seen to.
        is_shared: Whether others may submit under the same tag, derived from a key.
    """

    tag: str
    account: str
    session_id: str | None
    backend: str
    program_id: str
    created_at: datetime
    pid: int
    host: str = ""
    instance: str | None = None
    state: str = IntentState.SENDING
    sent_at: datetime | None = None
    job_id: str | None = None
    files: tuple[str, ...] = ()
    twins: tuple[str, ...] = ()
    is_shared: bool = False

    @property
    def key(self) -> str:
        """What its file is named after."""
        return self.tag

    @property
    def last_sent_at(self) -> datetime:
        """When it was sent last, as far as is known, UTC."""
        return self.sent_at or self.created_at

    def may_be_at_work(self, now: datetime) -> bool:
        """Whether its own process may still see to it."""
        sender = Sender(self.pid, self.host)
        return self.state == IntentState.SENDING and sender.may_be_alive(now - self.last_sent_at)

    def left_to_look_s(self, now: datetime, lost_s: float) -> float:
        """Return for how many seconds its job may stay hidden yet, of so many in all."""
        if self.state == IntentState.NOT_SUBMITTED:
            return 0.0
        # A clock that was set back meanwhile must not keep anybody looking for hours.
        return min(max(lost_s - (now - self.last_sent_at).total_seconds(), 0.0), lost_s)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Intent":
        """Read an intent. Unknown keys are ignored."""
        return cls(
            tag=required(record, "tag", str),
            account=required(record, "account", str),
            session_id=optional(record, "session_id", str),
            backend=required(record, "backend", str),
            program_id=required(record, "program_id", str),
            created_at=required_moment(record, "created_at"),
            pid=required(record, "pid", int),
            host=optional(record, "host", str) or "",
            instance=optional(record, "instance", str),
            state=optional(record, "state", str) or IntentState.SENDING,
            sent_at=moment(record, "sent_at"),
            job_id=optional(record, "job_id", str),
            files=strings(record, "files"),
            twins=strings(record, "twins"),
            is_shared=optional(record, "is_shared", bool) or False,
        )


@dataclass(frozen=True)
class Opening:
    """A session that was about to be opened.

    Attributes:
        key: A name of its own.
        account: The account that it is for.
        instance: That account's instance (CRN), if any.
        backend: The backend that it was to hold.
        mode: ``dedicated`` or ``batch``.
        created_at: When it was about to be asked for, UTC.
        pid: The process that asked.
        host: The machine of that process.
        is_in_doubt: Whether a reply was lost, so that a session may be open that is not known.
    """

    key: str
    account: str
    backend: str
    mode: str
    created_at: datetime
    pid: int
    host: str = ""
    instance: str | None = None
    is_in_doubt: bool = False

    def may_be_at_work(self, now: datetime) -> bool:
        """Whether its own process may still see to it."""
        sender = Sender(self.pid, self.host)
        return not self.is_in_doubt and sender.may_be_alive(now - self.created_at)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Opening":
        """Read an opening. Unknown keys are ignored."""
        return cls(
            key=required(record, "key", str),
            account=required(record, "account", str),
            backend=required(record, "backend", str),
            mode=required(record, "mode", str),
            created_at=required_moment(record, "created_at"),
            pid=required(record, "pid", int),
            host=optional(record, "host", str) or "",
            instance=optional(record, "instance", str),
            is_in_doubt=optional(record, "is_in_doubt", bool) or False,
        )


@dataclass(frozen=True)
class Closing:
    """A close that could not be sent.

    Attributes:
        session_id: The session.
        account: The account that it belongs to.
        instance: That account's instance (CRN), if any.
        is_cancelling: Whether its queued jobs are to be dropped.
        created_at: When it was first tried, UTC.
    """

    session_id: str
    account: str
    created_at: datetime
    instance: str | None = None
    is_cancelling: bool = False

    @property
    def key(self) -> str:
        """What its file is named after."""
        return self.session_id

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Closing":
        """Read a closing. Unknown keys are ignored."""
        return cls(
            session_id=required(record, "session_id", str),
            account=required(record, "account", str),
            created_at=required_moment(record, "created_at"),
            instance=optional(record, "instance", str),
            is_cancelling=optional(record, "is_cancelling", bool) or False,
        )


class _Entry(Protocol):
    @property
    def key(self) -> str: ...

    @property
    def created_at(self) -> datetime: ...


EntryT = TypeVar("EntryT", bound=_Entry)


class Drawer(Generic[EntryT]):
    """Files of one kind, one for each matter that is not settled.

    Args:
        state_dir: The folder of the state.
        folder: The drawer's own folder, in it or deeper.
        read: Makes an entry of a record.
    """

    def __init__(
        self, state_dir: Path, folder: Path, read: Callable[[Mapping[str, Any]], EntryT]
    ) -> None:
        self._state_dir = state_dir
        self._folder = folder
        self._read = read

    def put(self, entry: EntryT) -> None:
        """Keep an entry, in place of one of the same key; on return it is on the disk."""
        self._ensure()
        storage.write_atomically(self._path(entry.key), to_line(entry))

    def claim(self, entry: EntryT, instead_of: EntryT | None) -> bool:
        """Keep an entry if the one of its key is still what the caller saw; return if it was."""
        self._ensure()
        with storage.locked(self._folder / "claims"):
            if self.get(entry.key) != instead_of:
                return False
            storage.write_atomically(self._path(entry.key), to_line(entry))
        return True

    def drop(self, key: str) -> bool:
        """Forget an entry that is settled; return if it was there."""
        # One that a crash of the machine brings back is settled again, at no harm.
        return storage.remove_file(self._path(key), durable=False)

    def get(self, key: str) -> EntryT | None:
        """Return the entry of a key, None where there is none that can be read."""
        path = self._path(key)
        data = storage.read_bytes(path)
        with suppress(WireFormatError):
            # None: another process may have settled it.
            return None if data is None else self._read(read_line(data, path))
        return None

    def all(self) -> list[EntryT]:
        """Return the entries, oldest first.

        One that is damaged, or was written by a newer version, hides no other.
        """
        storage.check_private_folder(self._folder)
        found = []
        for path in self._folder.glob("*.json") if self._folder.is_dir() else ():
            with suppress(WireFormatError, StorageError):
                data = storage.read_bytes(path)
                if data is not None:
                    found.append(self._read(read_line(data, path)))
        return sorted(found, key=lambda entry: (entry.created_at, entry.key))

    def is_damaged(self, key: str) -> bool:
        """Whether there is an entry of a key that cannot be read."""
        return self._path(key).exists() and self.get(key) is None

    def has_files(self) -> bool:
        """Whether there is any entry, read or not."""
        return any(self._folder.glob("*.json"))

    def count_files(self) -> int:
        """Return how many entries there are, read or not."""
        return sum(1 for _ in self._folder.glob("*.json"))

    def _ensure(self) -> None:
        storage.ensure_private_folder(self._state_dir)
        for folder in (*reversed(self._between()), self._folder):
            storage.ensure_private_folder(folder)

    def _between(self) -> list[Path]:
        below = self._folder.relative_to(self._state_dir).parents
        return [self._state_dir / part for part in below if part != Path()]

    def _path(self, key: str) -> Path:
        return self._folder / f"{file_stem(key)}.json"


class Pending:
    """All that is not settled in a state folder."""

    def __init__(self, state_dir: Path) -> None:
        folder = state_dir / "pending"
        self.intents = Drawer(state_dir, folder, Intent.from_record)
        self.openings = Drawer(state_dir, folder / "openings", Opening.from_record)
        self.closings = Drawer(state_dir, folder / "closings", Closing.from_record)

    def is_empty(self) -> bool:
        """Whether nothing at all is left undone, by the names of the files alone."""
        return not any(
            drawer.has_files() for drawer in (self.intents, self.openings, self.closings)
        )
