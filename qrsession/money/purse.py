"""The budget of a session on disk: ``budgets/<session>.json``, changed under the ledger's lock.

The lock is that of the state folder's own ledger, whichever ledger the session is entered in, so
that all processes of a user share it. It is never held while somebody talks to the network.
"""

import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from qrsession import storage
from qrsession.errors import StorageError, WireFormatError
from qrsession.state.records import file_stem
from qrsession.state.versioned import SCHEMA_VERSION, read_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from qrsession.money.budgets import Budget

FOLDER = "budgets"
_LEDGER = "state.toml"

T = TypeVar("T")


class Purse:
    """What holds a session to its budget, if it has one.

    Args:
        state_dir: The folder of the state.
        session_id: The session.
    """

    def __init__(self, state_dir: Path, session_id: str) -> None:
        self._state_dir = state_dir
        self._folder = state_dir / FOLDER
        self._path = self._folder / f"{file_stem(session_id)}.json"

    def exists(self) -> bool:
        """Whether the session has a budget, as far as is known here."""
        return self._path.exists() or self._path.is_symlink()

    def open(self, budget: "Budget") -> None:
        """Keep a new session's budget; when this returns it is on the disk."""
        self._ensure()
        with storage.locked(self._state_dir / _LEDGER):
            self._write({}, budget)

    def read(self) -> "Budget | None":
        """Return the budget, None where the session has none.

        Raises:
            StorageError: It cannot be read. A job must not be sent then as if there were none.
        """
        found = self._load()
        return None if found is None else found[1]

    def change(self, make: "Callable[[Budget], tuple[Budget, T]]") -> T | None:
        """Change the budget under the lock, and return what came of it; None: it has none.

        Args:
            make: Makes the new budget, and what is returned, of the one that is there.
        """
        self._ensure()
        with storage.locked(self._state_dir / _LEDGER):
            found = self._load()
            if found is None:
                return None
            record, before = found
            after, outcome = make(before)
            if after != before:
                self._write(record, after)
        return outcome

    def _load(self) -> "tuple[dict[str, Any], Budget] | None":
        storage.check_private_folder(self._folder)
        data = storage.read_bytes(self._path)
        if data is None:
            return None
        from qrsession.money.budgets import Budget  # noqa: PLC0415 - few sessions have one

        try:
            record = read_line(data, self._path)
            return record, Budget.from_record(record)
        except WireFormatError as error:
            raise StorageError(
                f"The session's budget cannot be read: {self._path} is damaged. {error}",
                advice="Close the session and open another one; nothing is sent in this one.",
                details={"path": str(self._path), "damaged": True},
            ) from None

    def _write(self, record: dict[str, Any], budget: "Budget") -> None:
        document = {**record, "schema_version": SCHEMA_VERSION, **budget.to_record()}
        storage.write_atomically(self._path, json.dumps(document).encode())

    def _ensure(self) -> None:
        storage.ensure_private_folder(self._state_dir)
        storage.ensure_private_folder(self._folder)


def prune_budgets(state_dir: Path, oldest_s: float) -> None:
    """Remove the budgets that nobody changed since a time (seconds of the epoch)."""
    folder = state_dir / FOLDER
    for path in list(folder.glob("*.json")) if folder.is_dir() else ():
        with suppress(OSError):
            if path.lstat().st_mtime < oldest_s:
                path.unlink()
