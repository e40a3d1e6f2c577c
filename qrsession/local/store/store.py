"""Everything that the runtime must not lose: one database, its rows by noun.

SQLite is the truth and memory may be lost at any moment, so nothing here is cached. A call takes
well under a millisecond and is made from the event loop.
"""

from collections.abc import Container, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from qrsession.local.store.database import BUSY_TIMEOUT_S, Database
from qrsession.local.store.instance_rows import InstanceRows
from qrsession.local.store.job_rows import JobRows
from qrsession.local.store.listing import Listing
from qrsession.local.store.queue_rows import QueueRows
from qrsession.local.store.session_rows import SessionRows, from_ms
from qrsession.local.store.workload_rows import WorkloadRows

DATABASE_NAME = "runtime.sqlite3"


class Store:
    """The database of one runtime.

    Attributes:
        sessions: The rows of sessions.
        jobs: The rows of jobs.
        queue: Which job may run next.
        listing: Lists of jobs, tags and usage.
        workloads: The list of sessions and single jobs.
        instance: What the instance was given.

    Args:
        data_dir: The folder of the database.
        busy_timeout_s: How long a call waits for another process that has the database open.
        shared_backends: Backends that no session holds: simulators.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        busy_timeout_s: float = BUSY_TIMEOUT_S,
        shared_backends: Container[str] = (),
    ) -> None:
        self._database = Database(data_dir / DATABASE_NAME, busy_timeout_s=busy_timeout_s)
        self.sessions = SessionRows(self._database)
        self.jobs = JobRows(self._database)
        self.queue = QueueRows(self._database, shared_backends)
        self.listing = Listing(self._database)
        self.workloads = WorkloadRows(self._database)
        self.instance = InstanceRows(self._database)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Do everything inside or, when anything raises, nothing. Not to be nested."""
        with self._database.transaction():
            yield

    def latest_moment(self) -> datetime | None:
        """Return the latest time on record, None in an empty store."""
        (latest_ms,) = self._database.one(
            "SELECT max(latest) FROM ("
            " SELECT max(max(created_ms, coalesce(started_ms, 0), coalesce(finished_ms, 0)))"
            " AS latest FROM jobs"
            " UNION ALL SELECT max(record ->> 'updated_at') FROM sessions)"
        )
        return None if latest_ms is None else from_ms(latest_ms)

    def clear(self) -> None:
        """Forget all jobs, sessions and usage; what the instance was given stays."""
        with self._database.transaction():
            for table in ("jobs", "sessions", "usage_days"):
                self._database.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names

    def close(self) -> None:
        """Close the database."""
        self._database.close()
