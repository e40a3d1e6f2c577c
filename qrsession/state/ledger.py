"""The ledger on disk: which sessions are open, and which one is current.

Read without a lock, since the file is only ever replaced as a whole; changed under one. See
docs/reference/files.md.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qrsession import storage
from qrsession.clock import utc_now
from qrsession.diagnostics import Log
from qrsession.errors import InvalidValueError, StorageError, WireFormatError
from qrsession.names import check_name, free_name, new_name
from qrsession.settings import SESSION_VARIABLE, Settings
from qrsession.state.entries import SessionEntry
from qrsession.state.view import (
    SCHEMA_VERSION,
    LedgerView,
    parse_document,
    view_of,
)

if TYPE_CHECKING:
    from qrsession.state.history import History

Warn = Callable[[str], None]

log = Log("session")


def log_warning(text: str) -> None:
    """Pass a warning to the log of this package, where no one else takes it."""
    import logging  # noqa: PLC0415 - seldom needed, and start-up time counts

    logging.getLogger("qrsession").warning(text)


@dataclass(frozen=True)
class _Document:
    """A ledger that is being changed: everything in the file, and its sessions by name."""

    everything: dict[str, Any]
    sessions: dict[str, Any]


class Ledger:
    """The ledger of open sessions. Any number of processes and threads may use it at once.

    Args:
        settings: Where it lives.
        warn: Takes a sentence about something that the user should know.
        now: Returns the time, in UTC.
        lock_timeout_s: How long a change waits for the changes of others.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        warn: Warn = log_warning,
        now: Callable[[], datetime] = utc_now,
        lock_timeout_s: float = storage.LOCK_TIMEOUT_S,
    ) -> None:
        self._path = settings.state_file
        self._state_dir = settings.state_dir
        self._warn = warn
        self._now = now
        self._lock_timeout_s = lock_timeout_s

    @property
    def history(self) -> "History":
        """The sessions that are closed."""
        from qrsession.state.history import History  # noqa: PLC0415 - reading the ledger needs none

        return History(self._state_dir, now=self._now)

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    def read(self) -> LedgerView:
        """Return the open sessions.

        Raises:
            StorageError: The file is damaged, was written by a newer version, or may not be
                trusted. It stays as it is.
        """
        self._check_folder()
        try:
            return self._view_of(self._load())
        except WireFormatError as error:
            raise StorageError(
                f"{self._path} is damaged. {error}",
                advice="Mend it, or open a session: that sets the file aside and begins a new one.",
                details={"path": str(self._path), "damaged": True},
            ) from None

    def _view_of(self, document: Mapping[str, Any]) -> LedgerView:
        return replace(view_of(document), is_past=self._is_past)

    def _is_past(self, name: str) -> bool:
        return self.history.has_name(name)

    def find(self, key: str) -> SessionEntry:
        """Return an open session by name, id or unique prefix of either; see `LedgerView.find`."""
        return self.read().find(key)

    def choose(
        self, explicit: str | None, environment: str | None, *, interactive: bool
    ) -> SessionEntry:
        """Return the session that a command is to work on; see `LedgerView.choose`."""
        entry = self.read().choose(explicit, environment, interactive=interactive)
        named = "which was named" if explicit else f"which {SESSION_VARIABLE} names"
        why = named if explicit or environment else "the current one"
        log.note("%s (%s), %s", entry.name, entry.session_id, why)
        return entry

    def check_free(self, name: str | None) -> None:
        """Check, before a session is opened, that it can be entered, under this name if it has one.

        Raises:
            InvalidValueError: An open session has the name, or it is no name at all.
            StorageError: The file was written by a newer version, or its folder cannot be used.
        """
        if name is not None:
            check_name(name)
        self._ensure_folder()
        try:
            taken = view_of(self._load()).sessions
        except WireFormatError:
            # A damaged file is set aside when the session is entered.
            return
        if name in taken:
            raise InvalidValueError(
                f"A session named {name!r} is open already.",
                advice=f"Choose another name, or close it: qrsession close {name}",
                details={"name": name},
            )

    def add(self, entry: SessionEntry, *, make_current: bool = True) -> SessionEntry:
        """Enter a session that was opened, and return the entry with the name that it got.

        It never fails for the sake of a name, for the session is there already: an empty name
        is replaced by a word pair, and a number is added to one that was taken meanwhile. A
        session whose id is in the ledger keeps its name.
        """
        with self._changing() as document:
            names = {record["session_id"]: name for name, record in document.sessions.items()}
            name = names.get(entry.session_id)
            if name is None:
                wanted = check_name(entry.name) if entry.name else new_name(document.sessions)
                name = free_name(wanted, document.sessions)
                if entry.name not in {"", name}:
                    self._warn(f"The name {entry.name!r} was taken meanwhile; it is {name!r}.")
            document.sessions[name] = document.sessions.get(name, {}) | entry.to_record()
            if make_current:
                document.everything["current"] = name
        return replace(entry, name=name)

    def update(self, entry: SessionEntry) -> bool:
        """Replace what is known of a session, if it is still open; return whether it is."""
        with self._changing() as document:
            record = document.sessions.get(entry.name, {})
            is_open = bool(record.get("session_id") == entry.session_id)
            if is_open:
                document.sessions[entry.name] = record | entry.to_record()
        return is_open

    def set_current(self, key: str) -> SessionEntry:
        """Make a session the current one; ``key`` as in `find`."""
        with self._changing() as document:
            entry = self._view_of(document.everything).find(key)
            document.everything["current"] = entry.name
        return entry

    def remove(
        self, session_ids: Iterable[str], *, are_forgotten: bool = False
    ) -> tuple[SessionEntry, ...]:
        """Move sessions that are closed to the history; return those that were still here.

        Where the current one is among them, none is current afterwards. Those that
        ``are_forgotten`` need not be closed, and the history says so.
        """
        wanted = frozenset(session_ids)
        removed = []
        with self._changing() as document:
            for entry in view_of(document.everything).sessions.values():
                if entry.session_id in wanted:
                    # First the history, then the ledger: killed in between, it is in both.
                    record = document.sessions.pop(entry.name)
                    self.history.add(entry, record, was_forgotten=are_forgotten)
                    removed.append(entry)
            if document.everything.get("current") not in document.sessions:
                document.everything.pop("current", None)
        for session_id in (
            () if are_forgotten else wanted.difference(entry.session_id for entry in removed)
        ):
            self.history.note_closed(session_id)
        self.history.prune()
        return tuple(removed)

    @contextmanager
    def _changing(self) -> Iterator[_Document]:
        import tomli_w  # noqa: PLC0415 - reading needs none of it, and start-up time counts

        self._ensure_folder()
        with storage.locked(self._path, timeout_s=self._lock_timeout_s):
            try:
                everything = self._load()
                view_of(everything)
            except WireFormatError as error:
                self._set_aside(str(error))
                everything = _empty_document()
            before = tomli_w.dumps(everything)
            document = _Document(everything, everything.setdefault("sessions", {}))
            yield document
            after = tomli_w.dumps(everything)
            if after != before:
                storage.write_atomically(self._path, after.encode())

    def _load(self) -> dict[str, Any]:
        data = storage.read_bytes(self._path)
        # An empty file is what `mktemp` makes for --state.
        if data is None or not data.strip():
            return _empty_document()
        return parse_document(data, str(self._path))

    def _set_aside(self, reason: str) -> None:
        stem = f"{self._path.name}.damaged-{self._now():%Y%m%dT%H%M%SZ}"
        aside = self._path.with_name(stem)
        number = 2
        while aside.exists() or aside.is_symlink():
            aside = self._path.with_name(f"{stem}-{number}")
            number += 1
        storage.move_file(self._path, aside)
        self._warn(
            f"{self._path} was damaged and is now {aside}. {reason} "
            "Sessions that it held may still be open."
        )

    def _check_folder(self) -> None:
        if self._path.parent == self._state_dir:
            storage.check_private_folder(self._state_dir)
        else:
            storage.check_folder_of_ours(self._path.parent)

    def _ensure_folder(self) -> None:
        storage.ensure_private_folder(self._state_dir)
        if self._path.parent != self._state_dir:
            if not self._path.parent.exists():
                storage.ensure_private_folder(self._path.parent)
            storage.check_folder_of_ours(self._path.parent)


def _empty_document() -> dict[str, Any]:
    return {"schema_version": SCHEMA_VERSION, "sessions": {}}
