"""The rows of jobs: insert, claim, finish, drop, requeue.

A job changes state by one checked UPDATE each time. A claim raises the job's generation, and so
does giving it back to the queue, so that the result of a claim that was given up counts nothing.
"""

import json
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from qrsession.local.database import Database
from qrsession.local.session_rows import from_ms, to_ms
from qrsession.protocol.models import JobRequest
from qrsession.protocol.status import JobStatus

SELECT_JOBS = (
    "SELECT seq, job_id, program_id, backend, session_id, status, reason, reason_code,"
    " reason_solution, created_ms, started_ms, finished_ms, cost_s, tags, private, caller,"
    " runtime, log_level, calibration_id, generation, attempts, qpu_s,"
    " circuits_execution_time_ns, qiskit_version, estimated_running_time_s FROM jobs"
)


# A partial index is never chosen by chance where one of all jobs would do as well.
QUEUED_SEQS = "SELECT seq FROM jobs INDEXED BY jobs_queued WHERE status = 'Queued'"
RUNNING_SEQS = "SELECT seq FROM jobs INDEXED BY jobs_running WHERE status = 'Running'"


@dataclass(frozen=True, slots=True)
class Job:
    """A job without its large parts. ``seq`` is its place in the order of submission."""

    seq: int
    job_id: str
    program_id: str
    backend: str
    session_id: str | None
    status: JobStatus
    reason: str | None
    reason_code: int | None
    reason_solution: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    cost_s: int
    tags: tuple[str, ...]
    private: bool
    caller: str | None
    runtime: str | None
    log_level: str | None
    calibration_id: str | None
    generation: int
    attempts: int
    qpu_s: float
    circuits_execution_time_ns: int | None
    qiskit_version: str | None
    estimated_running_time_s: float | None

    @classmethod
    def from_row(cls, row: tuple[Any, ...]) -> "Job":
        """Read a row of `SELECT_JOBS`."""
        record = dict(zip(_JOB_FIELDS, row, strict=True))
        record["status"] = JobStatus(record["status"])
        for name in ("created_at", "started_at", "finished_at"):
            if record[name] is not None:
                record[name] = from_ms(record[name])
        record["tags"] = tuple(json.loads(record["tags"]))
        record["private"] = bool(record["private"])
        return cls(**record)


# In the order of the columns of `SELECT_JOBS`.
_JOB_FIELDS = tuple(field.name for field in fields(Job))


@dataclass(frozen=True, slots=True)
class Submission:
    """A job as it was submitted: the checked request, and ``params`` as the bytes that were sent.

    ``request.cost_s`` is set.
    """

    job_id: str
    request: JobRequest
    params_json: bytes
    caller: str | None
    estimated_running_time_s: float | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """How a job ended: a final status, why where it is no success, and what it is charged."""

    status: JobStatus
    reason: str | None = None
    reason_code: int | None = None
    reason_solution: str | None = None
    result_json: bytes | None = None
    logs: str = ""
    qpu_s: float = 0.0
    circuits_execution_time_ns: int | None = None
    qiskit_version: str | None = None


class JobRows:
    """The jobs of a database. Whoever calls these joins them to transactions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, submission: Submission, now: datetime) -> None:
        """Insert a queued job with its params and tags."""
        request = submission.request
        seq = self._database.insert(
            "INSERT INTO jobs (job_id, program_id, backend, session_id, status, created_ms,"
            " cost_s, tags, private, caller, runtime, log_level, calibration_id,"
            " estimated_running_time_s)"
            " VALUES (?, ?, ?, ?, 'Queued', ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                submission.job_id,
                request.program_id,
                request.backend,
                request.session_id,
                to_ms(now),
                request.cost_s,
                json.dumps(request.tags, ensure_ascii=False),
                request.private,
                submission.caller,
                request.runtime,
                request.log_level,
                request.calibration_id,
                submission.estimated_running_time_s,
            ),
        )
        self._database.execute(
            "INSERT INTO job_params VALUES (?, ?)", (seq, submission.params_json)
        )
        self._add_tags(seq, request.tags)

    def get(self, job_id: str) -> Job | None:
        """Return a job."""
        row = self._database.first(f"{SELECT_JOBS} WHERE job_id = ?", (job_id,))
        return None if row is None else Job.from_row(row)

    def params(self, job: Job) -> bytes | None:
        """Return the params as they were sent; None for a private job that has ended."""
        row = self._database.first("SELECT params FROM job_params WHERE seq = ?", (job.seq,))
        return None if row is None else row[0]

    def result(self, job: Job) -> bytes | None:
        """Return the result as the lane gave it, None where there is none."""
        row = self._database.first("SELECT result FROM job_results WHERE seq = ?", (job.seq,))
        return None if row is None else row[0]

    def logs(self, job: Job) -> str:
        """Return what the job logged, empty where it logged nothing."""
        row = self._database.first("SELECT logs FROM job_results WHERE seq = ?", (job.seq,))
        return "" if row is None else str(row[0])

    def forget_result(self, job: Job) -> None:
        """Delete a job's result, and keep the rest."""
        self._database.execute("UPDATE job_results SET result = NULL WHERE seq = ?", (job.seq,))

    def delete(self, job: Job) -> None:
        """Delete a job and everything that belongs to it."""
        self._database.execute("DELETE FROM jobs WHERE seq = ?", (job.seq,))

    def set_tags(self, job: Job, tags: tuple[str, ...]) -> None:
        """Replace a job's tags."""
        self._database.execute(
            "UPDATE jobs SET tags = ? WHERE seq = ?",
            (json.dumps(tags, ensure_ascii=False), job.seq),
        )
        self._database.execute("DELETE FROM job_tags WHERE seq = ?", (job.seq,))
        self._add_tags(job.seq, tags)

    def has_unfinished(self) -> bool:
        """Return whether any job is queued or running."""
        query = f"SELECT EXISTS ({QUEUED_SEQS}) OR EXISTS ({RUNNING_SEQS})"
        return bool(self._database.one(query)[0])

    def queued_in_session(self, session_id: str) -> list[Job]:
        """Return the queued jobs of a session."""
        rows = self._database.all(
            f"{SELECT_JOBS} INDEXED BY jobs_queued_in_session"
            " WHERE status = 'Queued' AND session_id = ? ORDER BY seq",
            (session_id,),
        )
        return [Job.from_row(row) for row in rows]

    def running(self) -> list[Job]:
        """Return the running jobs."""
        rows = self._database.all(f"{SELECT_JOBS} INDEXED BY jobs_running WHERE status = 'Running'")
        return [Job.from_row(row) for row in rows]

    def claim(self, job: Job, now: datetime) -> bool:
        """Take a queued job to run it, as generation ``job.generation + 1``.

        Returns whether it was still there to be taken.
        """
        changed = self._database.execute(
            "UPDATE jobs SET status = 'Running', started_ms = ?, generation = generation + 1,"
            " attempts = attempts + 1 WHERE seq = ? AND generation = ? AND status = 'Queued'",
            (to_ms(now), job.seq, job.generation),
        )
        return changed == 1

    def end(self, job: Job, ending: Ending, now: datetime) -> bool:
        """Give a job its final state and its result.

        ``job.status`` and ``job.generation`` are those that the ending is about. Returns False,
        with nothing changed, where the job is no longer there, or in another state or generation.
        """
        changed = self._database.execute(
            "UPDATE jobs SET status = ?, reason = ?, reason_code = ?, reason_solution = ?,"
            " finished_ms = ?, qpu_s = ?, circuits_execution_time_ns = ?, qiskit_version = ?"
            " WHERE seq = ? AND generation = ? AND status = ?",
            (
                ending.status,
                _as_text(ending.reason),
                ending.reason_code,
                _as_text(ending.reason_solution),
                to_ms(now),
                ending.qpu_s,
                ending.circuits_execution_time_ns,
                ending.qiskit_version,
                job.seq,
                job.generation,
                job.status,
            ),
        )
        if changed != 1:
            return False
        if ending.result_json is not None or ending.logs:
            self._database.execute(
                "INSERT INTO job_results VALUES (?, ?, ?)",
                (job.seq, ending.result_json, _as_text(ending.logs)),
            )
        if job.private:
            self._database.execute("DELETE FROM job_params WHERE seq = ?", (job.seq,))
        return True

    def requeue(self, job: Job, *, is_counted: bool) -> None:
        """Give a running job back to the queue, in its old place.

        ``is_counted`` says whether this run of it counts as an attempt.
        """
        self._database.execute(
            "UPDATE jobs SET status = 'Queued', started_ms = NULL, generation = generation + 1,"
            " attempts = attempts - ? WHERE seq = ? AND status = 'Running'",
            (0 if is_counted else 1, job.seq),
        )

    def _add_tags(self, seq: int, tags: tuple[str, ...]) -> None:
        for tag in tags:
            self._database.execute("INSERT OR IGNORE INTO job_tags VALUES (?, ?)", (tag, seq))


def _as_text(words: str | None) -> str | None:
    """Return words as they can be stored: JSON may hold halves of characters, and UTF-8 may not."""
    return None if words is None else words.encode("utf-8", "replace").decode()
