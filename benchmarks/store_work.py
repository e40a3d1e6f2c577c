"""What the runtime asks of its database, in an empty one and in one of many finished jobs.

``store_work.py drop FOLDER JOB_ID`` cancels a queued job while no runtime is up. ``store_work.py
times FOLDER`` prints ``{name: [full_us, empty_us]}``, the medians of calls that take turns. The
full database is made in the folder when there is none. Nothing goes by HTTP, which takes longer
than either and would hide the difference; a call is what a handler does for a request.
"""

import json
import random
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

from qrsession.local.account.metering import Meter
from qrsession.local.api.job_bodies import job_body, page_body
from qrsession.local.api.jobs import new_job_id
from qrsession.local.clock import start_clock
from qrsession.local.scheduling.bookkeeping import Books, Claim
from qrsession.local.scheduling.changes import Changes
from qrsession.local.store.job_rows import Ending, Submission
from qrsession.local.store.listing import JobFilter
from qrsession.local.store.store import Store
from qrsession.local.store.workload_rows import WorkloadFilter
from qrsession.protocol.models import JobRequest
from qrsession.protocol.routes import API_VERSION
from qrsession.protocol.status import JobStatus

NUM_FINISHED = 100_000
TURNS = 300
BACKEND = "aer_simulator"
_PARAMS = json.dumps({"pubs": ["x" * 800], "version": 2}).encode()
_ENDING = Ending(JobStatus.COMPLETED, result_json=b"r" * 1500, qpu_s=0.1)
_START_MS = 1_700_000_000_000
# Each in one statement; a hundred thousand submissions would take minutes.
_JOBS = (
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :number)"
    " INSERT INTO jobs (job_id, program_id, backend, status, created_ms, started_ms, finished_ms,"
    " cost_s, tags, private, caller, generation, attempts, qpu_s)"
    " SELECT printf('%08x', i) || lower(hex(randomblob(6))), 'sampler', 'aer_simulator',"
    " 'Completed', :start + 1000 * i, :start + 1000 * i, :start + 1000 * i + 500, 300,"
    " '[\"all\"]', 0, 'benchmark', 1, 1, 0.1 FROM n"
)
_PARTS = (
    "INSERT INTO job_params SELECT seq, randomblob(800) FROM jobs",
    "INSERT INTO job_results SELECT seq, randomblob(1500), '' FROM jobs",
    "INSERT INTO job_tags SELECT 'all', seq FROM jobs",
)


class Desk:
    """A store and what a runtime does with it."""

    def __init__(self, folder: Path, num_finished: int = 0) -> None:
        self.store = Store(folder, shared_backends=(BACKEND,))
        self.books = Books(self.store, start_clock(1.0, None), Changes(), Meter(self.store, None))
        database = self.store._database  # noqa: SLF001 - to fill it fast
        if num_finished and not database.one("SELECT count(*) FROM jobs")[0]:
            with self.store.transaction():
                database.execute(_JOBS, {"number": num_finished, "start": _START_MS})
                for statement in _PARTS:
                    database.execute(statement)
        self._claim: Claim | None = None
        self.job_ids = [row[0] for row in database.all("SELECT job_id FROM jobs")]

    def submit(self) -> None:
        """Submit a job."""
        job_id = new_job_id()
        request = JobRequest("sampler", BACKEND, {}, None, cost_s=300, tags=("one",))
        self.books.submit(Submission(job_id, request, _PARAMS, "benchmark"))
        self.job_ids.append(job_id)

    def claim(self) -> None:
        """Claim the job that is next."""
        self._claim = self.books.claim_next()

    def end(self) -> None:
        """End the job that was claimed."""
        if self._claim is None or not self.books.end(self._claim.job, _ENDING):
            raise RuntimeError("There was no job to end.")

    def get(self, job_id: str) -> None:
        """Make the body of GET /jobs/{id}: the job with its params."""
        job = self.store.jobs.get(job_id)
        if job is None:
            raise RuntimeError(f"Job {job_id} is not there.")
        job_body(job, API_VERSION, self.store.jobs.params(job))

    def list_jobs(self) -> None:
        """Make the body of GET /jobs: the newest page, and the number of all."""
        jobs, count = self.store.listing.jobs(JobFilter(limit=10, backend=BACKEND))
        page_body([job_body(job, API_VERSION, None) for job in jobs], count, 10, 0)

    def list_workloads(self) -> None:
        """Read a page of GET /workloads."""
        self.store.workloads.page(WorkloadFilter(limit=10, is_newest_first=True))


def _time_us(work: Callable[[], object]) -> float:
    started_ns = time.perf_counter_ns()
    work()
    return (time.perf_counter_ns() - started_ns) / 1000


def times(folder: Path) -> dict[str, tuple[float, float]]:
    """Take turns between both, and return the medians of each call, in microseconds."""
    full = Desk(folder / "full", NUM_FINISHED)
    empty = Desk(folder / f"empty-{time.monotonic_ns()}")
    chance = random.Random(1)  # noqa: S311 - no secret
    taken: dict[str, tuple[list[float], list[float]]] = {}
    for _ in range(TURNS):
        for side, desk in enumerate((full, empty)):

            def take(name: str, work: Callable[[], object], side: int = side) -> None:
                taken.setdefault(name, ([], []))[side].append(_time_us(work))

            take("submit", desk.submit)
            job_id = chance.choice(desk.job_ids)
            take("get", partial(desk.get, job_id))
            take("list", desk.list_jobs)
            take("workloads", desk.list_workloads)
            take("claim", desk.claim)
            take("end", desk.end)
    full.store.close()
    empty.store.close()
    return {name: (median(both[0]), median(both[1])) for name, both in taken.items()}


def drop(folder: Path, job_id: str) -> None:
    """Cancel a queued job, so that no runtime runs it."""
    desk = Desk(folder)
    job = desk.store.jobs.get(job_id)
    if job is None or not desk.books.end(job, Ending(JobStatus.CANCELLED)):
        raise RuntimeError(f"Job {job_id} was not queued.")
    desk.store.close()


if __name__ == "__main__":
    if sys.argv[1] == "drop":
        drop(Path(sys.argv[2]), sys.argv[3])
    else:
        print(json.dumps(times(Path(sys.argv[2]))))
