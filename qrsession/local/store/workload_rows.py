"""The list of workloads: sessions, batches, and jobs that belong to neither."""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, TypeAlias

from qrsession.local.store.database import Database
from qrsession.local.store.job_rows import QUEUED_SEQS, RUNNING_SEQS
from qrsession.local.store.session_rows import from_ms, to_ms

# One row for each workload, in the words of GET /workloads. The two are read apart, each in the
# order of an index, since SQLite would sort all of both for one page.
_SESSIONS = """
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
"""
_WORD_OF_STATUS = """
        CASE status
            WHEN 'Queued' THEN 'pending'
            WHEN 'Running' THEN 'in_progress'
            WHEN 'Completed' THEN 'completed'
            WHEN 'Cancelled' THEN 'canceled'
            ELSE 'failed'
        END
"""
_SINGLE_JOBS = f"""
    SELECT job_id AS id, created_ms, finished_ms AS ended_ms, backend, NULL AS accepting_jobs,
        'job' AS mode, {_WORD_OF_STATUS} AS status, reason, tags, qpu_s AS usage_s,
        status NOT IN ('Queued', 'Running') AS is_final, estimated_running_time_s
    FROM jobs INDEXED BY jobs_single WHERE session_id IS NULL
"""  # noqa: S608 - all ours
# Few jobs are pending, so they are sought where they are and not among all.
_PENDING_JOBS = _SINGLE_JOBS.replace(
    "INDEXED BY jobs_single WHERE", f"WHERE seq IN ({QUEUED_SEQS} UNION ALL {RUNNING_SEQS}) AND"
)
_PENDING = frozenset({"pending", "in_progress"})
# What can be counted without a visit to every job.
_COUNTED_JOBS = f"SELECT backend, {_WORD_OF_STATUS} AS status, number FROM single_job_counts"  # noqa: S608 - all ours
_JOB_MODE = "job"

# A part of a WHERE clause and the values of its places.
_Condition: TypeAlias = tuple[str, list[Any]]


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
        counted, more = _by_count(wanted), _by_visit(wanted)
        number = 0
        rows: list[tuple[Any, ...]] = []
        if wanted.mode != _JOB_MODE:
            mode = [] if wanted.mode is None else [("mode = ?", [wanted.mode])]
            conditions = [*mode, *counted, *more]
            number += self._count(f"count(*) FROM ({_SESSIONS})", conditions)
            rows += self._first(_SESSIONS, conditions, wanted)
        if wanted.mode in {None, _JOB_MODE}:
            is_pending = bool(wanted.statuses) and _PENDING.issuperset(wanted.statuses)
            jobs = _PENDING_JOBS if is_pending else _SINGLE_JOBS
            counts = f"count(*) FROM ({jobs})" if more else f"sum(number) FROM ({_COUNTED_JOBS})"
            number += self._count(counts, [*counted, *more])
            rows += self._first(jobs, [*counted, *more], wanted)
        rows.sort(key=lambda row: (row[1], row[0]), reverse=wanted.is_newest_first)
        return [_from_row(row) for row in rows[: wanted.limit + 1]], number

    def _count(self, source: str, conditions: list[_Condition]) -> int:
        where, values = _joined(conditions)
        row = self._database.one(f"SELECT {source} WHERE {where}", values)
        return int(row[0] or 0)

    def _first(
        self, source: str, conditions: list[_Condition], wanted: WorkloadFilter
    ) -> list[tuple[Any, ...]]:
        order, beyond = ("DESC", "<") if wanted.is_newest_first else ("ASC", ">")
        if wanted.after is not None:
            seen = [to_ms(wanted.after[0]), wanted.after[1]]
            conditions = [*conditions, (f"(created_ms, id) {beyond} (?, ?)", seen)]
        where, values = _joined(conditions)
        return self._database.all(
            f"SELECT * FROM ({source}) WHERE {where}"  # noqa: S608 - all ours
            f" ORDER BY created_ms {order}, id {order} LIMIT ?",
            [*values, wanted.limit + 1],
        )


def _joined(conditions: list[_Condition]) -> tuple[str, list[Any]]:
    where = " AND ".join(condition for condition, _ in conditions) or "1"
    return where, [value for _, values in conditions for value in values]


def _by_count(wanted: WorkloadFilter) -> list[_Condition]:
    """Return the conditions that `single_job_counts` can answer."""
    conditions: list[_Condition] = []
    if wanted.backend is not None:
        conditions.append(("backend = ?", [wanted.backend]))
    if wanted.statuses:
        places = ", ".join("?" * len(wanted.statuses))
        conditions.append((f"status IN ({places})", list(wanted.statuses)))
    return conditions


def _by_visit(wanted: WorkloadFilter) -> list[_Condition]:
    """Return the other conditions, but for the mode's."""
    conditions: list[_Condition] = []
    if wanted.search is not None:
        conditions.append(("(instr(id, ?) OR instr(tags, ?))", [wanted.search, wanted.search]))
    conditions += [
        ("EXISTS (SELECT 1 FROM json_each(tags) WHERE value = ?)", [tag]) for tag in wanted.tags
    ]
    for comparison, moment in ((">=", wanted.created_after), ("<=", wanted.created_before)):
        if moment is not None:
            conditions.append((f"created_ms {comparison} ?", [to_ms(moment)]))
    return conditions


# In the order of the columns of `_SESSIONS` and `_SINGLE_JOBS`.
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
