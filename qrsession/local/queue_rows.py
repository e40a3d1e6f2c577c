"""Which job may run next, asked of the database.

A dedicated session that is active holds its backend: its jobs are next, everybody else's wait.
Without a holder, jobs run in the order of submission; the first job of a dedicated session waits,
in its place, until the backend is free of others' jobs.

A simulator is no machine that one session could have to itself, so it is shared: jobs of dedicated
sessions that are active come first there, and nobody waits for a session that does nothing.

Backends take turns at the lanes, since each would be a machine of its own: a long queue for one
keeps no session on another waiting, which would be charged for it.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass

from qrsession.local.database import Database
from qrsession.local.job_rows import RUNNING_SEQS, SELECT_JOBS, Job

# The indexes are named because SQLite would choose one of all jobs, finished ones among them.
_OF_SESSION = (
    f"{SELECT_JOBS} INDEXED BY jobs_queued_in_session WHERE status = 'Queued' AND session_id = ?"
)
_ON_BACKEND = f"{SELECT_JOBS} INDEXED BY jobs_queued WHERE status = 'Queued' AND backend = ?"
_NOT_THESE = " AND job_id NOT IN (SELECT value FROM json_each(?))"
_FIRST = " ORDER BY seq LIMIT 1"
# Steps from one backend to the next by the index, however many jobs each of them has.
_BACKENDS = """
    WITH RECURSIVE waiting (backend) AS (
        SELECT min(backend) FROM jobs INDEXED BY jobs_queued WHERE status = 'Queued'
        UNION ALL
        SELECT (
            SELECT min(backend) FROM jobs INDEXED BY jobs_queued
            WHERE status = 'Queued' AND backend > w.backend
        )
        FROM waiting AS w WHERE w.backend IS NOT NULL
    )
    SELECT backend FROM waiting WHERE backend IS NOT NULL
"""
# A closed session whose job still runs holds its backend until that job has ended.
_HOLDERS = """
    SELECT backend, session_id FROM sessions INDEXED BY sessions_unclosed
    WHERE state <> 'closed' AND state = 'active' AND mode = 'dedicated'
    UNION
    SELECT j.backend, j.session_id
    FROM jobs AS j INDEXED BY jobs_running CROSS JOIN sessions AS s USING (session_id)
    WHERE j.status = 'Running' AND s.mode = 'dedicated'
"""


def _place(job: Job) -> int:
    return job.seq


def _holds_none(_backend: str) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Held:
    """What may not run now: jobs of backends that are held, and some jobs by their ids."""

    holds: Callable[[str], bool] = _holds_none
    job_ids: tuple[str, ...] = ()


NOTHING_HELD = Held()


class QueueRows:
    """The queue of a database.

    Args:
        database: The database.
        shared_backends: Backends that no session holds: simulators.
    """

    def __init__(self, database: Database, shared_backends: Container[str] = ()) -> None:
        self._database = database
        self._shared_backends = shared_backends
        self._turns: dict[str, int] = {}
        self._num_turns = 0

    def next_job(self, held: Held = NOTHING_HELD) -> Job | None:
        """Return the queued job that is next, None if none may run now.

        It is the next one of the backend whose turn is longest ago; of two that had none, that of
        the job that was submitted first.
        """
        rows = self._database.all(_BACKENDS)
        backends = [backend for (backend,) in rows if not held.holds(backend)]
        if not backends:
            return None
        holders = defaultdict(list)
        for backend, session_id in self._database.all(_HOLDERS):
            holders[backend].append(session_id)
        heads = [self._head(backend, holders[backend], held.job_ids) for backend in backends]
        found = [job for job in heads if job is not None]
        if not found:
            return None
        first = min(found, key=lambda job: (self._turns.get(job.backend, 0), job.seq))
        self._num_turns += 1
        self._turns[first.backend] = self._num_turns
        return first

    def length(self, backend: str) -> int:
        """Return how many jobs wait for a backend or run on it."""
        row = self._database.one(
            "SELECT coalesce(sum(number), 0) FROM job_counts"
            " WHERE backend = ? AND status IN ('Queued', 'Running')",
            (backend,),
        )
        return int(row[0])

    def _head(self, backend: str, holders: Sequence[str], without: tuple[str, ...]) -> Job | None:
        # By session, since a look at each job of the backend would take longer the more there are.
        heads = [self._first(_OF_SESSION, session_id, without) for session_id in holders]
        first = min((job for job in heads if job is not None), key=_place, default=None)
        if backend in self._shared_backends:
            return first or self._first(_ON_BACKEND, backend, without)
        if holders:
            return first
        job = self._first(_ON_BACKEND, backend, without)
        if job is None or job.session_id is None or not self._is_dedicated(job.session_id):
            return job
        return None if self._is_busy(backend) else job

    def _first(self, query: str, name: str, without: tuple[str, ...]) -> Job | None:
        if without:
            row = self._database.first(query + _NOT_THESE + _FIRST, (name, json.dumps(without)))
        else:
            row = self._database.first(query + _FIRST, (name,))
        return None if row is None else Job.from_row(row)

    def _is_dedicated(self, session_id: str) -> bool:
        query = "SELECT 1 FROM sessions WHERE session_id = ? AND mode = 'dedicated'"
        return self._database.first(query, (session_id,)) is not None

    def _is_busy(self, backend: str) -> bool:
        return (
            self._database.first(f"{RUNNING_SEQS} AND backend = ? LIMIT 1", (backend,)) is not None
        )
