"""One SQLite connection: opened, migrated, and every fault of it told as a `StorageError`."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from qrsession.errors import StorageError
from qrsession.local.store.schema import MIGRATIONS

Values: TypeAlias = Sequence[Any] | Mapping[str, Any]

BUSY_TIMEOUT_S = 5.0
_CACHED_STATEMENTS = 256
_DAMAGE = ("SQLITE_NOTADB", "SQLITE_CORRUPT")
_DAMAGE_ADVICE = (
    "It was left as it is. Put a copy back, or move it aside to start with an empty one; "
    "`sqlite3 FILE .recover` saves what can be read."
)
# By how SQLite's names of errors begin.
_ADVICE = {
    "SQLITE_BUSY": "Another program has it open: end that, or see `qrsession local status`.",
    "SQLITE_LOCKED": "Another program has it open: end that, or see `qrsession local status`.",
    "SQLITE_FULL": "Make room on the disk and try again; what was accepted before is kept.",
    "SQLITE_IOERR": "See whether the disk is full or fails, and try again; what was accepted "
    "before is kept.",
}


class Database:
    """The connection of one runtime to its database, which no other process may open meanwhile.

    A damaged or foreign file is reported and left as it is: once SQLite has found damage, what can
    be read is read, and nothing is written any more.
    """

    def __init__(self, path: Path, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> None:
        self._path = path
        self._is_damaged = False
        _make_private(path)
        self._refuse_emptied()
        try:
            # Calls come from one event loop; which thread runs that is the caller's choice.
            self._connection = sqlite3.connect(
                path,
                timeout=busy_timeout_s,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=_CACHED_STATEMENTS,
            )
        except sqlite3.Error as error:
            raise self._as_storage_error(error) from error
        try:
            self._prepare()
        except BaseException:
            self._connection.close()
            raise

    def _refuse_emptied(self) -> None:
        """Refuse a file that lost all it had: SQLite would begin anew, and drop the log beside."""
        log = self._path.with_name(f"{self._path.name}-wal")
        if log.exists() and log.stat().st_size and not self._path.stat().st_size:
            raise StorageError(
                f"The runtime's database {self._path} is empty, and its log {log.name} is not.",
                advice="Both are left as they are. Put a copy of the database back, or move both "
                "aside to start with an empty one.",
                details={"path": str(self._path)},
            )

    def _prepare(self) -> None:
        # Two runtimes on one file would each take the other's running jobs for orphans.
        self.execute("PRAGMA locking_mode = EXCLUSIVE")
        # Before anything is written to it.
        self._check_version()
        self.execute("PRAGMA journal_mode = WAL")
        self.execute("PRAGMA synchronous = NORMAL")
        self.execute("PRAGMA foreign_keys = ON")
        self.execute("PRAGMA temp_store = MEMORY")
        # The first write takes the lock for good; a runtime that is just ending is waited for.
        with self.transaction():
            for number in range(self._check_version(), len(MIGRATIONS)):
                self._migrate(number)

    def _check_version(self) -> int:
        """Return how many migrations the database has had; refuse one that is not ours."""
        version = int(self.one("PRAGMA user_version")[0])
        if version > len(MIGRATIONS):
            raise StorageError(
                f"{self._path} was written by a newer qrsession (schema {version}).",
                advice="Upgrade qrsession, or give it another home by QRSESSION_HOME.",
                details={"path": str(self._path)},
            )
        if not version and self.one("SELECT count(*) FROM sqlite_master")[0]:
            raise StorageError(
                f"{self._path} is the database of another program.",
                advice="It was left as it is. Move it aside, or name another folder.",
                details={"path": str(self._path)},
            )
        return version

    def _migrate(self, number: int) -> None:
        # Not `executescript`, which would commit what went before it.
        statement = ""
        for line in MIGRATIONS[number].splitlines(keepends=True):
            statement += line
            if sqlite3.complete_statement(statement):
                self.execute(statement)
                statement = ""
        self.execute(f"PRAGMA user_version = {number + 1}")

    def close(self) -> None:
        """Close the connection; the write-ahead log is folded into the file."""
        self._connection.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Do everything inside or, when anything raises, nothing."""
        self.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            # SQLite may have rolled back by itself, on a full disk for one.
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            raise

    def execute(self, statement: str, values: Values = ()) -> int:
        """Run a statement and return how many rows it changed."""
        self._refuse_damaged()
        try:
            return self._connection.execute(statement, values).rowcount
        except sqlite3.Error as error:
            raise self._as_storage_error(error) from error

    def insert(self, statement: str, values: Values) -> int:
        """Run an INSERT and return the row's number."""
        self._refuse_damaged()
        try:
            return self._connection.execute(statement, values).lastrowid or 0
        except sqlite3.Error as error:
            raise self._as_storage_error(error) from error

    def all(self, query: str, values: Values = ()) -> list[tuple[Any, ...]]:
        """Return all rows of a query."""
        try:
            return self._connection.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise self._as_storage_error(error) from error

    def first(self, query: str, values: Values = ()) -> tuple[Any, ...] | None:
        """Return the first row of a query, None where there is none."""
        rows = self.all(query, values)
        return rows[0] if rows else None

    def one(self, query: str, values: Values = ()) -> tuple[Any, ...]:
        """Return the row of a query that always has one."""
        return self.all(query, values)[0]

    def _refuse_damaged(self) -> None:
        # What is written to a damaged tree of pages may destroy what could still be saved.
        if self._is_damaged:
            raise self._as_storage_error(sqlite3.DatabaseError("it was found to be damaged"))

    def _as_storage_error(self, error: sqlite3.Error) -> StorageError:
        name = getattr(error, "sqlite_errorname", "") or type(error).__name__
        self._is_damaged = self._is_damaged or name.startswith(_DAMAGE)
        advices = [advice for prefix, advice in _ADVICE.items() if name.startswith(prefix)]
        return StorageError(
            f"The runtime's database {self._path} cannot be used: {error}.",
            advice=_DAMAGE_ADVICE if self._is_damaged else next(iter(advices), None),
            details={"path": str(self._path), "sqlite": name},
        )


def _make_private(path: Path) -> None:
    """Make folder and file, readable for their owner alone, before SQLite would make them."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.parent.chmod(0o700)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            os.fchmod(descriptor, 0o600)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise StorageError(
            f"The runtime's database {path} cannot be used: {error.strerror}.",
            details={"path": str(path)},
        ) from error
