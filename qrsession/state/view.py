"""What the ledger says, apart from the disk: entries, finding one, and choosing the one meant.

The file is TOML::

    schema_version = 1
    current = "calm-otter"

    [sessions.calm-otter]
    session_id = "5a6d4397-42c6-4dc6-969a-b1c90286a715"
    backend = "aer_simulator"
    mode = "dedicated"
    account = "local"
    opened_at = 2026-01-31T12:00:00.000Z
    ...

Keys that this version does not know stay in it, beside ``schema_version`` as in each entry.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from qrsession.errors import (
    InvalidValueError,
    SessionNotFoundError,
    StorageError,
    UsageError,
    WireFormatError,
)
from qrsession.names import listed
from qrsession.protocol.fields import as_object, optional
from qrsession.settings import SESSION_VARIABLE
from qrsession.state.entries import COMMAND, SessionEntry
from qrsession.state.plain_toml import read_plain

SCHEMA_VERSION = 1
_MOST_CANDIDATES = 5


def _never(_name: str) -> bool:
    return False


@dataclass(frozen=True)
class LedgerView:
    """The open sessions by name, in the order in which they were opened, and the current one.

    Attributes:
        sessions: The open sessions by name.
        current: The name of the current one.
        is_past: Tells whether a name is that of a closed session. It then stands for none of the
            open ones that begin so: who closes ``run-1`` twice must not close ``run-10``.
    """

    sessions: Mapping[str, SessionEntry]
    current: str | None
    is_past: Callable[[str], bool] = field(default=_never, repr=False, compare=False)

    def find(self, key: str) -> SessionEntry:
        """Return the session with this name, this id, or the one that begins so.

        Raises:
            SessionNotFoundError: There is none.
            InvalidValueError: Several begin so; ``details`` has their names.
        """
        if key in self.sessions:
            return self.sessions[key]
        entries = self.sessions.values()
        found = [entry for entry in entries if entry.session_id == key]
        if not found and key:
            found = [
                entry
                for entry in entries
                if entry.name.startswith(key) or entry.session_id.startswith(key)
            ]
            if found and self.is_past(key):
                found = []
        if not found:
            raise SessionNotFoundError(
                f"No open session has the name or id {key!r}.", details={"session": key}
            )
        if len(found) > 1:
            names = [entry.name for entry in found]
            raise InvalidValueError(
                f"{key!r} may be any of {listed(names, _MOST_CANDIDATES)}.",
                advice="Write more of the name or id.",
                details={"candidates": names},
            )
        return found[0]

    def choose(
        self, explicit: str | None, environment: str | None, *, interactive: bool
    ) -> SessionEntry:
        """Return the session that a command is to work on.

        Args:
            explicit: What the user named on the command line.
            environment: What the environment names.
            interactive: Whether a person sits at a terminal. Where none does, the current session
                counts only if no other is open: on a shared machine one program's ``open`` must
                not redirect another's ``run``.

        Raises:
            SessionNotFoundError: The one named is not there, or none was named and none is open.
            UsageError: None was named, and which one is meant cannot be told.
        """
        if explicit:
            return self.find(explicit)
        if environment:
            try:
                return self.find(environment)
            except SessionNotFoundError as error:
                raise SessionNotFoundError(
                    f"{SESSION_VARIABLE} names the session {environment!r}, which is not open.",
                    advice=f"Unset {SESSION_VARIABLE}, or name a session with -s.",
                    details=error.details,
                ) from None
        # A program's own sessions are for that program, unless they are named.
        names = [entry.name for entry in self.sessions.values() if entry.opened_by == COMMAND]
        current = self.sessions.get(self.current or "")
        if current is not None and (interactive or len(names) == 1):
            return current
        if not names:
            raise SessionNotFoundError("No session was named, and none is open.")
        if interactive:
            raise UsageError(
                f"No session is current; open are {listed(names, _MOST_CANDIDATES)}.",
                advice="Name one with -s.",
            )
        raise UsageError(
            f"Which session is meant? Open are {listed(names, _MOST_CANDIDATES)}, "
            "and without a terminal the current one counts only if it is the only one.",
            advice=f"Name one with -s or {SESSION_VARIABLE}, or use `qrsession exec`.",
        )


def parse_document(data: bytes, path: str) -> dict[str, Any]:
    """Read a state file as TOML and check its schema version.

    Raises:
        WireFormatError: It is not TOML, or has no version.
        StorageError: A newer version of this program wrote it.
    """
    try:
        text = data.decode()
        document = read_plain(text)
        if document is None:
            import tomllib  # noqa: PLC0415 - seldom needed, and start-up time counts

            document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise WireFormatError(f"It is not TOML: {error}.") from None
    version = document.get("schema_version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise WireFormatError("It has no schema_version.")
    if version > SCHEMA_VERSION:
        raise StorageError(
            f"{path} was written by a newer qrsession (schema {version}).",
            advice="Update qrsession, or name another file with --state.",
            details={"path": path, "schema_version": version},
        )
    return document


def view_of(document: Mapping[str, Any]) -> LedgerView:
    """Read the sessions of a ledger's document.

    Raises:
        WireFormatError: An entry misses something, or something has another type.
    """
    current = optional(document, "current", str)
    sessions = as_object(document.get("sessions", {}), "The table 'sessions'")
    entries = {name: SessionEntry.from_record(name, sessions[name]) for name in sessions}
    return LedgerView(entries, current if current in entries else None)
