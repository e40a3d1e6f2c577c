"""The file of accounts that is shared with qiskit-ibm-runtime: read, and changed as a whole.

What it holds is an object for each account, by name. IBM's client reads and writes it too, so
nothing here looks into the accounts: what we do not know stays as it is. The format is theirs to
the byte (keys sorted, indented by 4), so that a change of ours is a small difference.
"""

import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from qrsession import storage
from qrsession.errors import StorageError
from qrsession.state.ledger import Warn, log_warning

_INDENT = 4


class AccountFile:
    """The accounts of this user on disk: objects by name.

    It holds keys, so it is for its owner alone: loose modes, which IBM's client leaves behind, are
    mended whenever it is looked at, and that is said.

    Args:
        path: The file, which need not exist.
        warn: Takes a sentence about something that the user should know.
    """

    def __init__(self, path: Path, *, warn: Warn = log_warning) -> None:
        self.path = path
        self._warn = warn

    def read(self) -> dict[str, Any]:
        """Return the accounts; a file that does not exist has none.

        A symbolic link is followed, and a file of another user is read: clusters and containers
        hand out secrets so. Who may write here, see `changing`.

        Raises:
            StorageError: It cannot be read, or is damaged.
        """
        self._mend()
        return self._parsed()

    def _parsed(self) -> dict[str, Any]:
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise StorageError(
                f"The accounts in {self.path} cannot be read: {error.strerror}.",
                advice="Check the owner and the mode of the file.",
            ) from error
        return self._parse(data)

    def names(self) -> list[str]:
        """Return the names of the accounts, and leave the file as it is: nobody reads keys now.

        Raises:
            StorageError: As `read`.
        """
        return list(self._parsed())

    @contextmanager
    def changing(self) -> Iterator[dict[str, Any]]:
        """Lend the accounts to be changed, and write them where they were, under a lock.

        Nothing is written where the block raises, or changes nothing.

        Raises:
            StorageError: It is a symbolic link, belongs to another user, is damaged, or cannot be
                written. It stays as it is.
        """
        self._prepare_folder()
        self._check_ours()
        with storage.locked(self.path):
            self._mend()
            data = storage.read_bytes(self.path)
            document = {} if data is None else self._parse(data)
            before = _to_bytes(document)
            yield document
            after = _to_bytes(document)
            if after != before:
                storage.write_atomically(self.path, after)

    def _parse(self, data: bytes) -> dict[str, Any]:
        try:
            document = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise self._damaged(str(error)) from error
        if not isinstance(document, dict):
            raise self._damaged("it is not a JSON object")
        return document

    def _damaged(self, reason: str) -> StorageError:
        return StorageError(
            f"The accounts in {self.path} cannot be read: {reason}.",
            advice="Mend the file, or move it away and save the accounts anew.",
            details={"path": str(self.path), "damaged": True},
        )

    def _mend(self) -> None:
        mending = storage.mend_mode(self.path)
        if mending is storage.Mending.DONE:
            self._warn(
                f"{self.path} was readable by others, and is 0600 now; "
                "consider replacing the keys in it."
            )
        elif mending is storage.Mending.FAILED:
            self._warn(
                f"{self.path} is readable by others, and its mode cannot be changed; "
                f"try: chmod 600 {storage.quoted(self.path)}"
            )

    def _prepare_folder(self) -> None:
        folder = self.path.parent
        if folder.exists():
            # It is IBM's as much as ours, so its mode is left alone.
            storage.check_folder_of_ours(folder, group_may_write=True)
        else:
            storage.ensure_private_folder(folder)

    def _check_ours(self) -> None:
        """Check what is about to be replaced, before a lock is made beside it."""
        try:
            status = self.path.lstat()
        except OSError:
            # It is not there, or the attempt to read it will say why not.
            return
        if stat.S_ISLNK(status.st_mode):
            target = os.path.realpath(self.path)
            raise StorageError(
                f"{self.path} is a symbolic link, and keys are not written through one.",
                advice=f"Put the file in its place: mv {storage.quoted(target)} "
                f"{storage.quoted(self.path)}",
                details={"path": str(self.path), "target": target},
            )
        if hasattr(os, "getuid") and status.st_uid != os.getuid():
            raise StorageError(
                f"{self.path} belongs to another user, so no key is written to it.",
                advice="Run this as that user, or move the file away.",
                details={"path": str(self.path)},
            )


def _to_bytes(document: dict[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, indent=_INDENT).encode()
