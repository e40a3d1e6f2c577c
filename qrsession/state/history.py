"""Sessions that left the ledger, closed or forgotten: one file each, kept for 90 days."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from qrsession import storage
from qrsession.errors import StorageError, WireFormatError
from qrsession.money.purse import prune_budgets
from qrsession.protocol.fields import as_object, optional, required
from qrsession.state.entries import SessionEntry
from qrsession.state.records import Records, file_stem
from qrsession.state.view import SCHEMA_VERSION, parse_document

KEPT_DAYS = 90
_DAY_S = 86_400.0
_SUFFIX = ".toml"


@dataclass(frozen=True)
class ClosedSession:
    """A session of the past: its last entry, and when it left the ledger (UTC).

    Where it ``was_forgotten``, it left without being closed, and may be open.
    """

    entry: SessionEntry
    closed_at: datetime
    was_forgotten: bool = False


class History:
    """The closed sessions of a state folder.

    Args:
        state_dir: The folder.
        now: Returns the time, in UTC.
    """

    def __init__(self, state_dir: Path, *, now: Callable[[], datetime]) -> None:
        self._state_dir = state_dir
        self._folder = state_dir / "history"
        self._now = now

    def add(
        self, entry: SessionEntry, record: dict[str, Any], *, was_forgotten: bool = False
    ) -> None:
        """Keep the record of a session, with the keys that only other versions know."""
        import tomli_w  # noqa: PLC0415 - reading needs none of it, and start-up time counts

        storage.ensure_private_folder(self._state_dir)
        storage.ensure_private_folder(self._folder)
        document = {
            "schema_version": SCHEMA_VERSION,
            "name": entry.name,
            "closed_at": self._now(),
            "session": record,
        }
        if was_forgotten:
            document["was_forgotten"] = True
        path = self._path(entry.session_id)
        storage.write_atomically(path, tomli_w.dumps(document).encode())

    def note_closed(self, session_id: str) -> None:
        """Note that a session which was forgotten is closed; of all others nothing changes."""
        left = self.get(session_id)
        if left is None or not left.was_forgotten:
            return
        path = self._path(session_id)
        record = parse_document(storage.read_bytes(path) or b"", str(path)).get("session", {})
        self.add(left.entry, record)

    def read(self) -> list[ClosedSession]:
        """Return the closed sessions, last closed first. A file that cannot be read is skipped."""
        storage.check_private_folder(self._folder)
        closed = []
        for path in self._folder.glob(f"*{_SUFFIX}") if self._folder.is_dir() else ():
            with suppress(WireFormatError, StorageError):
                closed.append(_read_file(path))
        return sorted(closed, key=lambda session: session.closed_at, reverse=True)

    def get(self, session_id: str) -> ClosedSession | None:
        """Return the session of this id, None where there is none that can be read."""
        storage.check_private_folder(self._folder)
        with suppress(WireFormatError, StorageError):
            path = self._path(session_id)
            return _read_file(path) if path.exists() else None
        return None

    def has_name(self, name: str) -> bool:
        """Whether a closed session has this name."""
        return any(session.entry.name == name for session in self.read())

    def find(self, key: str) -> ClosedSession | None:
        """Return the session closed last that has this name or id, or the only one to begin so."""
        closed = self.read()
        for session in closed:
            if key in {session.entry.name, session.entry.session_id}:
                return session
        found = [session for session in closed if session.entry.session_id.startswith(key)]
        return found[0] if key and len(found) == 1 else None

    def prune(self) -> None:
        """Remove what is older than 90 days: closed sessions with their jobs, and results."""
        now_s = self._now().timestamp()
        oldest_s = now_s - KEPT_DAYS * _DAY_S
        records = Records(self._state_dir)
        for path in list(self._folder.glob(f"*{_SUFFIX}")) if self._folder.is_dir() else ():
            with suppress(OSError):
                if path.lstat().st_mtime < oldest_s:
                    records.forget_jobs(path.stem)
                    path.unlink()
        records.prune_results(oldest_s)
        prune_budgets(self._state_dir, oldest_s)
        for folder in (self._state_dir, self._folder):
            storage.sweep_temporaries(folder, now_s)

    def _path(self, session_id: str) -> Path:
        return self._folder / f"{file_stem(session_id)}{_SUFFIX}"


def _read_file(path: Path) -> ClosedSession:
    document = parse_document(storage.read_bytes(path) or b"", str(path))
    name = required(document, "name", str)
    record = as_object(document.get("session"), "The session")
    return ClosedSession(
        SessionEntry.from_record(name, record),
        required(document, "closed_at", datetime),
        was_forgotten=optional(document, "was_forgotten", bool) or False,
    )
