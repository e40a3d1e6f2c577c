"""Forgetting sessions: taking them out of the ledger without closing them.

What the verb `forget` does, without what it prints. No service is asked: a session is forgotten
since its service, or its account, is gone, or since it is somebody else's to close. Nothing that
money hangs on goes with it. Its budget, its jobs, and a close or a submission that is not settled
stay where they are, and it can be adopted again, or closed by its id.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qrsession.duration import format_duration
from qrsession.errors import SessionNotFoundError
from qrsession.protocol.status import SessionState
from qrsession.state.entries import SessionEntry
from qrsession.verbs.workspace import Workspace


@dataclass(frozen=True)
class Forgotten:
    """A session that is in the ledger no more.

    Attributes:
        entry: What the ledger had of it, with its state when its service was last asked.
        warning: What may still become of it, and cost; None where it is over for sure.
        was_gone: Whether it had left the ledger before.
    """

    entry: SessionEntry
    warning: str | None = None
    was_gone: bool = False

    def document(self) -> dict[str, Any]:
        """Return what the envelope has."""
        entry = self.entry
        return {"name": entry.name, "session_id": entry.session_id, "state": entry.state}


def forget(workspace: Workspace, keys: Iterable[str]) -> list[Forgotten]:
    """Take sessions out of the ledger, all that are named or none. No service is asked.

    Args:
        workspace: The user's sessions.
        keys: Names, ids, or their beginnings. One that left the ledger before is no error.

    Raises:
        SessionNotFoundError: One is not known.
        InvalidValueError: One may be any of several.
    """
    view = workspace.ledger.read()
    open_entries: dict[str, SessionEntry] = {}
    gone: dict[str, SessionEntry] = {}
    for key in keys:
        try:
            entry = view.find(key)
        except SessionNotFoundError:
            left = workspace.ledger.history.find(key)
            if left is None:
                raise
            gone[left.entry.session_id] = left.entry
        else:
            open_entries[entry.session_id] = entry
    workspace.ledger.remove(open_entries, are_forgotten=True)
    closing = _closing_ids(workspace.settings.state_dir)
    return [
        *(
            Forgotten(entry, _warning_of(workspace, entry, is_closing=session_id in closing))
            for session_id, entry in open_entries.items()
        ),
        *(Forgotten(entry, was_gone=True) for entry in gone.values()),
    ]


def _closing_ids(state_dir: Path) -> set[str]:
    """Return the ids of the sessions whose close waits to be sent."""
    if not any((state_dir / "pending" / "closings").glob("*.json")):
        # As a rule; and what reads them takes longer to load than all the rest here.
        return set()
    from qrsession.state.pending import Pending  # noqa: PLC0415 - as just said

    return {one.session_id for one in Pending(state_dir).closings.all()}


def _warning_of(workspace: Workspace, entry: SessionEntry, *, is_closing: bool) -> str | None:
    """Say until when a session may be open that nobody closes, and how to close it all the same."""
    is_over = entry.expires_at is not None and entry.expires_at <= workspace.now()
    if entry.state == SessionState.CLOSED or is_over:
        return None
    if is_closing:
        return (
            f"The close of {entry.name} could not be sent yet; the next command that reaches its "
            "service sends it."
        )
    return (
        f"{entry.name} was not closed{_nor_later(entry)}; it may be open, and cost{_until(entry)}. "
        f"Close it: qrsession close {entry.session_id}"
    )


def _nor_later(entry: SessionEntry) -> str:
    mark = entry.closes_with
    return "" if mark is None else f", nor does it close with {mark} any more"


def _until(entry: SessionEntry) -> str:
    if entry.expires_at is not None:
        return f" until {entry.expires_at:%Y-%m-%d %H:%M} UTC"
    if entry.max_time_s is not None:
        return f" until {format_duration(entry.max_time_s)} after its first job"
    return ""
