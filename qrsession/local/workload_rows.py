"""The list of workloads: sessions, batches, and jobs that belong to neither."""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from qrsession.local.database import Database
from qrsession.local.session_rows import from_ms, to_ms

# One row for each workload, in the words of GET /workloads.
_WORKLOADS = """
    SELECT session_id AS id, created_ms, closed_ms AS ended_ms, backend, accepting_jobs,
        CASE mode WHEN 'dedicated' THEN 'session' ELSE 'batch' END AS mode,
        CASE
            WHEN state = 'closed' AND is_cancelled THEN 'canceled'
            WHEN state = 'closed' THEN 'completed'
            WHEN state = 'open' THEN 'pending'
            ELSE 'in_progress'
        END AS status,
        json_extract(record, '$.state_reason') AS reason, '[]' AS tags, usage_s,
        state = 'closed' AS is_final, NULL AS estimated_running_time_s
    FROM sessions
    UNION ALL
    SELECT job_id, created_ms, finished_ms, backend, NULL, 'job',
        CASE status
            WHEN 'Queued' THEN 'pending'
            WHEN 'Running' THEN 'in_progress'
            WHEN 'Completed' THEN 'completed'
            WHEN 'Cancelled' THEN 'canceled'
            ELSE 'failed'
        END,
        reason, tags, qpu_s, status NOT IN ('Queued', 'Running'), estimated_running_time_s
    FROM jobs WHERE session_id IS NULL
"""


@dataclass(frozen=True, slots=True)
class Workload:
    """A session, a batch, or a job of its own. ``tags_json`` is a JSON list of strings."""

    workload_id: str
    created_at: datetime
    ended_at: datetime | None
    backend: str | None
    accepting_jobs: bool | None
    mode: str
    status: str
    reason: str | None
    tags_json: str
    usage_s: float
    is_final: bool
    estimated_running_time_s: float | None


@dataclass(frozen=True, slots=True)
class WorkloadFilter:
    """The query of ``GET /workloads``. ``after`` is the (created, id) of the last one seen."""

    limit: int = 10
    is_newest_first: bool = False
    after: tuple[datetime, str] | None = None
    backend: str | None = None
    search: str | None = None
    mode: str | None = None
    statuses: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    created_after: datetime | None = None
    created_before: datetime | None = None


class WorkloadRows:
    """The workloads of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, wanted: WorkloadFilter) -> tuple[list[Workload], int]:
        """Return workloads, one more than ``limit`` where there are more, and how many match."""
        conditions, values = _conditions(wanted)
        matching = f"FROM ({_WORKLOADS}) WHERE {' AND '.join(conditions) or '1'}"
        (number,) = self._database.one(f"SELECT count(*) {matching}", values)
        order, beyond = ("DESC", "<") if wanted.is_newest_first else ("ASC", ">")
        if wanted.after is not None:
            matching += f" AND (created_ms, id) {beyond} (?, ?)"
            values += [to_ms(wanted.after[0]), wanted.after[1]]
        rows = self._database.all(
            f"SELECT * {matching} ORDER BY created_ms {order}, id {order} LIMIT ?",
            [*values, wanted.limit + 1],
        )
        return [_from_row(row) for row in rows], int(number)


def _conditions(wanted: WorkloadFilter) -> tuple[list[str], list[Any]]:
    conditions: list[str] = []
    values: list[Any] = []
    for column, value in (("backend", wanted.backend), ("mode", wanted.mode)):
        if value is not None:
            conditions.append(f"{column} = ?")
            values.append(value)
    if wanted.search is not None:
        conditions.append("(instr(id, ?) OR instr(tags, ?))")
        values += [wanted.search, wanted.search]
    if wanted.statuses:
        conditions.append(f"status IN ({', '.join('?' * len(wanted.statuses))})")
        values += wanted.statuses
    for tag in wanted.tags:
        conditions.append("EXISTS (SELECT 1 FROM json_each(tags) WHERE value = ?)")
        values.append(tag)
    for comparison, moment in ((">=", wanted.created_after), ("<=", wanted.created_before)):
        if moment is not None:
            conditions.append(f"created_ms {comparison} ?")
            values.append(to_ms(moment))
    return conditions, values


# In the order of the columns of `_WORKLOADS`.
_FIELDS = tuple(field.name for field in fields(Workload))


def _from_row(row: tuple[Any, ...]) -> Workload:
    record = dict(zip(_FIELDS, row, strict=True))
    for name in ("created_at", "ended_at"):
        if record[name] is not None:
            record[name] = from_ms(record[name])
    for name in ("accepting_jobs", "is_final"):
        if record[name] is not None:
            record[name] = bool(record[name])
    return Workload(**record)
