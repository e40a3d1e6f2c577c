"""Lists for people: jobs by filter, tags by search, workloads by page, usage by span of time."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from qrsession.local.store.database import Database
from qrsession.local.store.job_rows import QUEUED_SEQS, RUNNING_SEQS, SELECT_JOBS, Job
from qrsession.local.store.session_rows import to_ms

_DAY_MS = 86_400_000
_MOST_TAGS_FOUND = 1000


@dataclass(frozen=True, slots=True)
class JobFilter:
    """The query of ``GET /jobs``; None where it does not ask. ``hidden`` jobs are left out."""

    limit: int = 200
    offset: int = 0
    is_newest_first: bool = True
    is_pending: bool | None = None
    program_id: str | None = None
    backend: str | None = None
    session_id: str | None = None
    tags: tuple[str, ...] = ()
    created_after: datetime | None = None
    created_before: datetime | None = None
    hidden: tuple[str, ...] = ()


class Listing:
    """The lists of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def jobs(self, wanted: JobFilter) -> tuple[list[Job], int]:
        """Return one page of jobs, and how many match on all pages."""
        counted, counted_values = _by_count(wanted)
        more, more_values = _by_visit(wanted)
        where = " AND ".join([*counted, *more]) or "1"
        values = (*counted_values, *more_values)
        order = "DESC" if wanted.is_newest_first else "ASC"
        # Few jobs are pending, so they are sought where they are and not among all.
        few = f"seq IN ({QUEUED_SEQS} UNION ALL {RUNNING_SEQS}) AND " if wanted.is_pending else ""
        rows = self._database.all(
            f"{SELECT_JOBS} WHERE {few}{where} ORDER BY seq {order} LIMIT ? OFFSET ?",
            (*values, wanted.limit, wanted.offset),
        )
        # The counts are kept by program, backend and status; anything else has to be visited.
        table, column = ("jobs", "count(*)") if more else ("job_counts", "sum(number)")
        query = f"SELECT coalesce({column}, 0) FROM {table} WHERE {where}"  # noqa: S608 - all ours
        (number,) = self._database.one(query, values)
        return [Job.from_row(row) for row in rows], int(number)

    def tags(self, search: str) -> list[str]:
        """Return the tags that contain a text, in either case, sorted."""
        escaped = search.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
        rows = self._database.all(
            r"SELECT DISTINCT tag FROM job_tags WHERE tag LIKE ? ESCAPE '\' ORDER BY tag LIMIT ?",
            (f"%{escaped}%", _MOST_TAGS_FOUND),
        )
        return [row[0] for row in rows]

    def waits_s(self, backend: str, most: int = 100) -> list[float]:
        """Return how long the jobs that started last on a backend had waited, in seconds."""
        rows = self._database.all(
            "SELECT (started_ms - created_ms) / 1000.0 FROM jobs"
            " WHERE backend = ? AND started_ms IS NOT NULL ORDER BY seq DESC LIMIT ?",
            (backend, most),
        )
        return sorted(row[0] for row in rows)

    def charge(self, when: datetime, used_s: float) -> None:
        """Add to what the instance has used."""
        if used_s > 0:
            self._database.execute(
                "INSERT INTO usage_days VALUES (?, ?)"
                " ON CONFLICT (day) DO UPDATE SET used_s = used_s + excluded.used_s",
                (to_ms(when) // _DAY_MS, used_s),
            )

    def used_s(self, start: datetime) -> float:
        """Return what the instance has used since the day of ``start``, in seconds."""
        row: tuple[Any, ...] = self._database.one(
            "SELECT coalesce(sum(used_s), 0) FROM usage_days WHERE day >= ?",
            (to_ms(start) // _DAY_MS,),
        )
        return float(row[0])


def _by_count(wanted: JobFilter) -> tuple[list[str], list[Any]]:
    """Return the conditions that `job_counts` can answer, with their values."""
    conditions: list[str] = []
    values: list[Any] = []
    if wanted.program_id is not None:
        conditions.append("program_id = ?")
        values.append(wanted.program_id)
    if wanted.backend is not None:
        conditions.append("backend = ?")
        values.append(wanted.backend)
    if wanted.is_pending is not None:
        negation = "" if wanted.is_pending else "NOT "
        conditions.append(f"status {negation}IN ('Queued', 'Running')")
    return conditions, values


def _by_visit(wanted: JobFilter) -> tuple[list[str], list[Any]]:
    """Return the other conditions, with their values."""
    conditions: list[str] = []
    values: list[Any] = []
    if wanted.session_id is not None:
        conditions.append("session_id = ?")
        values.append(wanted.session_id)
    for tag in wanted.tags:
        conditions.append("seq IN (SELECT seq FROM job_tags WHERE tag = ?)")
        values.append(tag)
    if wanted.created_after is not None:
        conditions.append("created_ms >= ?")
        values.append(to_ms(wanted.created_after))
    if wanted.created_before is not None:
        conditions.append("created_ms <= ?")
        values.append(to_ms(wanted.created_before))
    if wanted.hidden:
        conditions.append("job_id NOT IN (SELECT value FROM json_each(?))")
        values.append(json.dumps(wanted.hidden))
    return conditions, values
