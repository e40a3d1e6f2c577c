"""The database: what survives, what is refused, and that a job ends once."""

import sqlite3
import stat
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from qrsession.errors import StorageError
from qrsession.local.account.metering import Meter
from qrsession.local.api.jobs import new_job_id
from qrsession.local.api.refusals import FaultError
from qrsession.local.config import MOST_ATTEMPTS
from qrsession.local.scheduling import lifecycle
from qrsession.local.scheduling.bookkeeping import Books
from qrsession.local.scheduling.changes import Changes
from qrsession.local.store.job_rows import Ending, Submission
from qrsession.local.store.listing import JobFilter
from qrsession.local.store.store import DATABASE_NAME, Store
from qrsession.local.store.workload_rows import WorkloadFilter
from qrsession.protocol.models import JobRequest
from qrsession.protocol.status import JobStatus, SessionMode, SessionState

pytestmark = pytest.mark.fast

DATA = Path(__file__).parents[2] / "data"
START = datetime(2026, 11, 22, 16, 0, tzinfo=UTC)
COMPLETED = Ending(JobStatus.COMPLETED, result_json=b'{"a":1}', logs="said\n", qpu_s=2.5)


class StandingClock:
    """A clock that the test moves."""

    rate = 1.0

    def __init__(self) -> None:
        self.moment = START

    def now(self) -> datetime:
        """Return the moment that the test chose."""
        return self.moment

    def real_seconds_until(self, moment: datetime) -> float:
        """Nothing waits in these tests."""
        return (moment - self.moment).total_seconds()

    def advance(self, seconds: float) -> None:
        """Move the clock."""
        self.moment += timedelta(seconds=seconds)


class Desk:
    """A store with its books, as one runtime has them; `reopen` is the next runtime."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = StandingClock()
        self.store = Store(folder)
        self.books = Books(self.store, self.clock, Changes(), Meter(self.store, None))

    def reopen(self) -> None:
        """Forget everything but the file, as a kill does, and recover."""
        self.store.close()
        self.store = Store(self.folder)
        self.books = Books(self.store, self.clock, Changes(), Meter(self.store, None))
        self.books.recover()

    def submit(
        self, session_id: str | None = None, *, backend: str = "b", private: bool = False
    ) -> str:
        """Submit a job."""
        request = JobRequest(
            "sampler", backend, {}, session_id, cost_s=300, tags=("one", "two"), private=private
        )
        submission = Submission(new_job_id(), request, b'{"pubs": [ ]}', "caller")
        self.books.submit(submission)
        return submission.job_id

    def open(self, name: str, mode: SessionMode = SessionMode.DEDICATED, ttl_s: int = 1000) -> str:
        """Open a session."""
        return self.books.open_session(name, "b", mode, ttl_s).session_id

    def status(self, job_id: str) -> JobStatus:
        """Return a job's status."""
        job = self.store.jobs.get(job_id)
        assert job is not None
        return job.status


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A fresh store with its books."""
    return Desk(tmp_path / "data")


def test_the_file_is_private(desk: Desk) -> None:
    """Folder, database and its companions, and loose modes are mended."""
    files = list(desk.folder.iterdir())
    assert desk.folder / DATABASE_NAME in files
    assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600] * len(files)
    assert stat.S_IMODE(desk.folder.stat().st_mode) == 0o700
    desk.store.close()
    (desk.folder / DATABASE_NAME).chmod(0o644)
    Store(desk.folder).close()
    assert stat.S_IMODE((desk.folder / DATABASE_NAME).stat().st_mode) == 0o600


def test_a_job_survives(desk: Desk) -> None:
    """All of it, its params byte by byte."""
    job_id = desk.submit(desk.open("s"))
    before = desk.store.jobs.get(job_id)
    desk.reopen()
    after = desk.store.jobs.get(job_id)
    assert after is not None
    assert after == before
    assert (after.cost_s, after.tags, after.caller) == (300, ("one", "two"), "caller")
    assert desk.store.jobs.params(after) == b'{"pubs": [ ]}'


def test_a_session_survives(desk: Desk) -> None:
    """In any state, to the millisecond."""
    desk.open("s")
    desk.submit("s")
    desk.clock.advance(1.234)
    claim = desk.books.claim_next()
    assert claim is not None
    desk.clock.advance(2.5)
    desk.books.end(claim.job, COMPLETED)
    before = desk.books.session("s")
    assert before.state is SessionState.ACTIVE
    desk.reopen()
    assert desk.books.session("s") == before
    assert before.timestamps[1][1] == START + timedelta(seconds=1.234)


def test_a_claimed_job_ends_once(desk: Desk) -> None:
    """A second ending, of whichever kind, changes nothing."""
    job_id = desk.submit()
    claim = desk.books.claim_next()
    assert claim is not None
    assert claim.params_json == b'{"pubs": [ ]}'
    assert desk.books.claim_next() is None
    assert desk.books.end(claim.job, COMPLETED)
    ended = desk.store.jobs.get(job_id)
    assert ended is not None
    for other in (COMPLETED, Ending(JobStatus.FAILED, "late"), Ending(JobStatus.CANCELLED)):
        assert not desk.books.end(claim.job, other)
    assert desk.store.jobs.get(job_id) == ended
    assert desk.store.jobs.result(ended) == b'{"a":1}'
    assert desk.store.listing.used_s(START) == 2.5


def test_an_older_claim_is_refused(desk: Desk) -> None:
    """The runtime that was believed dead may not overwrite what the next one does."""
    job_id = desk.submit()
    first = desk.books.claim_next()
    desk.reopen()
    assert desk.status(job_id) is JobStatus.QUEUED
    second = desk.books.claim_next()
    assert first is not None
    assert second is not None
    stale = replace(first.job, status=JobStatus.QUEUED, generation=first.job.generation - 1)
    assert not desk.store.jobs.claim(stale, START)
    desk.store.jobs.requeue(second.job, is_counted=True)
    assert not desk.store.jobs.claim(stale, START)
    second = desk.books.claim_next()
    assert second is not None
    assert second.job.generation > first.job.generation
    assert not desk.books.end(first.job, Ending(JobStatus.FAILED, "too late"))
    assert desk.status(job_id) is JobStatus.RUNNING
    assert desk.books.end(second.job, COMPLETED)
    assert not desk.books.end(first.job, COMPLETED)
    assert desk.store.listing.used_s(START) == 2.5


def test_a_job_that_kills_runtimes_is_given_up(desk: Desk) -> None:
    """After it ran again three times, with a reason; other jobs run on in their order."""
    assert MOST_ATTEMPTS == 1 + 3
    killer, other = desk.submit(), desk.submit()
    for attempt in range(MOST_ATTEMPTS):
        claim = desk.books.claim_next()
        assert claim is not None
        assert (claim.job.job_id, claim.job.attempts) == (killer, attempt + 1)
        desk.reopen()
    job = desk.store.jobs.get(killer)
    assert job is not None
    assert (job.status, job.reason_code) == (JobStatus.FAILED, 5203)
    assert job.reason
    claim = desk.books.claim_next()
    assert claim is not None
    assert claim.job.job_id == other


def test_a_runtime_that_stops_costs_no_attempt(desk: Desk) -> None:
    """However often it is stopped under the job."""
    job_id = desk.submit()
    for _ in range(2 * MOST_ATTEMPTS):
        assert desk.books.claim_next() is not None
        desk.books.give_back()
        desk.reopen()
    job = desk.store.jobs.get(job_id)
    assert job is not None
    assert (job.status, job.attempts) == (JobStatus.QUEUED, 0)


def test_a_job_that_its_session_did_not_outlive(desk: Desk) -> None:
    """The session ended while no runtime was up: its jobs fail, and say so."""
    desk.open("s", ttl_s=100)
    running, queued = desk.submit("s"), desk.submit("s")
    desk.books.claim_next()
    desk.clock.advance(500)
    desk.reopen()
    for job_id in (running, queued):
        job = desk.store.jobs.get(job_id)
        assert job is not None
        assert (job.status, job.reason_code) == (JobStatus.FAILED, 4001)
    session = desk.books.session("s")
    assert session.closed_at == START + timedelta(seconds=100)
    assert session.usage_s == 100
    assert desk.books.claim_next() is None


def test_a_running_job_of_a_closed_session_is_given_up_too(desk: Desk) -> None:
    """It ran on past its session's end when the runtime died; nothing may wait for it for ever."""
    desk.open("s", ttl_s=100)
    job_id = desk.submit("s")
    desk.books.claim_next()
    desk.clock.advance(500)
    assert desk.books.session("s").is_closed
    assert desk.status(job_id) is JobStatus.RUNNING
    desk.reopen()
    assert desk.status(job_id) is JobStatus.FAILED
    assert desk.books.session("s").counting_since is None
    assert not desk.store.jobs.has_unfinished()


def test_dedicated_time_is_charged_once(desk: Desk) -> None:
    """The session's own, and not its jobs' beside it; a batch is charged its jobs."""
    desk.open("d")
    desk.open("b", SessionMode.BATCH)
    desk.submit("d")
    claim = desk.books.claim_next()
    assert claim is not None
    desk.clock.advance(10)
    desk.books.end(claim.job, COMPLETED)
    desk.books.set_accepting("d", accepting=False)
    assert desk.store.listing.used_s(START) == 10
    desk.submit("b")
    claim = desk.books.claim_next()
    assert claim is not None
    desk.books.end(claim.job, COMPLETED)
    assert desk.store.listing.used_s(START) == 12.5
    assert desk.store.listing.used_s(START + timedelta(days=1)) == 0


def test_what_a_submission_is_refused_for_leaves_nothing(desk: Desk) -> None:
    """A transaction that fails leaves no job behind."""
    desk.open("s")
    desk.books.cancel_session("s")
    for session_id in ("s", "unknown"):
        with pytest.raises(FaultError):
            desk.submit(session_id)
    assert desk.store.listing.jobs(JobFilter()) == ([], 0)


def test_a_private_job_leaves_no_params(desk: Desk) -> None:
    """Once it has ended."""
    job_id = desk.submit(private=True)
    claim = desk.books.claim_next()
    assert claim is not None
    assert desk.store.jobs.params(claim.job) is not None
    desk.books.end(claim.job, COMPLETED)
    job = desk.store.jobs.get(job_id)
    assert job is not None
    assert desk.store.jobs.params(job) is None


def test_two_runtimes_cannot_share_a_database(desk: Desk) -> None:
    """Each would take the other's running jobs for orphans."""
    with pytest.raises(StorageError, match="locked") as caught:
        Store(desk.folder, busy_timeout_s=0.05)
    assert "local status" in caught.value.advice
    assert desk.submit()


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"SQLite format 3\x00" * 300])
def test_a_damaged_database_is_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    """It is said, with what to do, and never deleted."""
    path = tmp_path / DATABASE_NAME
    path.write_bytes(content)
    with pytest.raises(StorageError) as caught:
        Store(tmp_path)
    assert str(path) in caught.value.message
    assert "left as it is" in caught.value.advice
    assert path.read_bytes() == content


def test_a_database_of_the_first_version_is_taken_up(tmp_path: Path) -> None:
    """What an older release wrote is all there, and what came since is empty."""
    with sqlite3.connect(tmp_path / DATABASE_NAME) as connection:
        connection.executescript((DATA / "runtime-v1.sql").read_text())
    connection.close()
    store = Store(tmp_path)
    queued, done = (store.jobs.get(f"d6147q3traac73bef6{end}0") for end in "fg")
    assert queued is not None
    assert done is not None
    assert (queued.status, queued.tags) == (JobStatus.QUEUED, ("run-1",))
    assert (done.status, done.qpu_s, done.estimated_running_time_s) == (
        JobStatus.COMPLETED,
        1.5,
        None,
    )
    assert store.jobs.result(done) == b'{"results":[]}'
    assert [session.session_id for session in store.sessions.unclosed()] == [queued.session_id]
    assert store.workloads.page(WorkloadFilter(mode="job"))[1] == 1
    assert store.listing.used_s(START - timedelta(days=1)) == 1.5
    assert store.instance.limit_s() is None
    store.close()
    Store(tmp_path).close()


def test_a_newer_database_is_left_as_it_is(desk: Desk) -> None:
    """A schema that this version does not know is not guessed at."""
    desk.store.close()
    with sqlite3.connect(desk.folder / DATABASE_NAME) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StorageError, match="newer"):
        Store(desk.folder)


def test_a_folder_that_is_none_of_ours(tmp_path: Path) -> None:
    """A file in the folder's place, and a link in the database's place."""
    (tmp_path / "file").write_text("here")
    with pytest.raises(StorageError):
        Store(tmp_path / "file")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / DATABASE_NAME).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageError):
        Store(tmp_path / "data")
    assert not (tmp_path / "elsewhere").exists()


def test_a_full_disk_loses_nothing(desk: Desk) -> None:
    """The write fails as a whole and can be made again."""
    job_id = desk.submit()
    claim = desk.books.claim_next()
    assert claim is not None
    database = desk.store._database
    pages = int(database.one("PRAGMA page_count")[0])
    database.execute(f"PRAGMA max_page_count = {pages}")
    large = replace(COMPLETED, result_json=b"x" * 1_000_000)
    with pytest.raises(StorageError, match="full"):
        desk.books.end(claim.job, large)
    assert desk.status(job_id) is JobStatus.RUNNING
    database.execute("PRAGMA max_page_count = 1000000")
    assert desk.books.end(claim.job, large)
    job = desk.store.jobs.get(job_id)
    assert job is not None
    assert desk.store.jobs.result(job) == large.result_json


def test_filters_of_the_list(desk: Desk) -> None:
    """Each alone, with the number of all that match, and the pages."""
    desk.open("s")
    first = desk.submit()
    desk.clock.advance(10)
    second = desk.submit("s")
    desk.clock.advance(10)
    third = desk.submit(backend="c")
    claim = desk.books.claim_next()
    assert claim is not None
    desk.books.end(claim.job, COMPLETED)
    job = desk.store.jobs.get(third)
    assert job is not None
    desk.store.jobs.set_tags(job, ("two", "three"))

    def ids(**wanted: object) -> list[str]:
        page = replace(JobFilter(), **wanted)  # type: ignore[arg-type]  # the names are checked
        jobs, count = desk.store.listing.jobs(page)
        unlimited, _ = desk.store.listing.jobs(replace(page, limit=200, offset=0))
        assert count == len(unlimited)
        return [job.job_id for job in jobs]

    assert ids() == [third, second, first]
    assert ids(is_newest_first=False, limit=2) == [first, second]
    assert ids(is_newest_first=False, limit=2, offset=2) == [third]
    assert ids(is_pending=True) == [third, second]
    assert ids(is_pending=False) == [first]
    assert ids(backend="c") == [third]
    assert ids(program_id="estimator") == []
    assert ids(session_id="s") == [second]
    assert ids(session_id="unknown") == []
    assert ids(tags=("two",)) == [third, second, first]
    assert ids(tags=("two", "one")) == [second, first]
    assert ids(created_after=START + timedelta(seconds=10)) == [third, second]
    assert ids(created_before=START + timedelta(seconds=10)) == [second, first]
    assert desk.store.listing.tags("THRE") == ["three"]
    assert desk.store.listing.tags("%") == []


def test_deleting_a_job_takes_all_of_it(desk: Desk) -> None:
    """Counts, tags, params and result, but not what was charged."""
    desk.submit()
    claim = desk.books.claim_next()
    assert claim is not None
    desk.books.end(claim.job, COMPLETED)
    desk.store.jobs.delete(claim.job)
    assert desk.store.listing.jobs(JobFilter()) == ([], 0)
    assert desk.store.listing.tags("one") == []
    assert desk.store.jobs.result(claim.job) is None
    assert desk.store.jobs.params(claim.job) is None
    assert desk.store.listing.used_s(START) == 2.5


def test_work_in_a_full_store_is_found_by_index(desk: Desk) -> None:
    """What a hot path asks visits no finished jobs: 20,000 do not make it 3 times slower."""

    def work() -> float:
        begun_s = time.perf_counter()
        for _ in range(20):
            job_id = desk.submit("s")
            claim = desk.books.claim_next()
            assert claim is not None
            assert desk.store.jobs.get(job_id) is not None
            assert desk.store.jobs.has_unfinished()
            desk.books.end(claim.job, COMPLETED)
            desk.store.listing.jobs(JobFilter(limit=20))
            desk.store.listing.jobs(JobFilter(limit=20, is_pending=True))
            desk.store.listing.jobs(JobFilter(limit=20, backend="a rare one"))
            desk.store.listing.jobs(JobFilter(limit=20, program_id="estimator"))
            desk.store.workloads.page(WorkloadFilter(limit=20, is_newest_first=True))
            desk.store.workloads.page(WorkloadFilter(limit=20, mode="job", statuses=("pending",)))
            desk.store.queue.length("b")
        return time.perf_counter() - begun_s

    desk.open("s")
    work()
    empty_s = min(work() for _ in range(5))
    with desk.store.transaction():
        desk.store._database.execute(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
            " INSERT INTO jobs (job_id, session_id, program_id, backend, status, created_ms,"
            " cost_s, tags, private)"
            " SELECT 'x' || i, iif(i % 2, 's', NULL), 'sampler', 'b', 'Completed', i, 1, '[]', 0"
            " FROM n"
        )
    full_s = min(work() for _ in range(5))
    assert desk.store.listing.jobs(JobFilter())[1] > 20_000
    assert full_s < 3 * empty_s


def test_the_number_of_single_jobs_is_kept(desk: Desk) -> None:
    """Through all that becomes of them; a session's jobs are no workloads."""
    desk.open("s")
    ids = [desk.submit(), desk.submit(backend="c"), desk.submit(), desk.submit("s")]

    def numbers(**wanted: object) -> int:
        page = replace(WorkloadFilter(), **wanted)  # type: ignore[arg-type]  # the names are checked
        found, number = desk.store.workloads.page(page)
        assert number == len(found)
        return number

    claim = desk.books.claim_next()
    assert claim is not None
    desk.books.end(claim.job, COMPLETED)
    assert numbers() == 4
    assert numbers(mode="job") == 3
    assert numbers(mode="job", backend="b") == 2
    assert numbers(statuses=("pending",)) == 3
    assert numbers(mode="job", statuses=("pending", "completed")) == 3
    assert numbers(statuses=("completed",), backend="b") == 1
    assert numbers(search=ids[1]) == 1
    assert numbers(tags=("one",)) == 3
    desk.store.jobs.delete(claim.job)
    assert numbers(mode="job") == 2
    desk.reopen()
    assert numbers(mode="session") == 1
    assert numbers(mode="batch") == 0


def test_sessions_are_settled_by_the_books(desk: Desk) -> None:
    """Whoever looks sees the state of now, and the earliest moment is made known."""
    moments: list[datetime] = []
    desk.books.ring(moments.append)
    desk.open("s")
    assert moments == [START + timedelta(seconds=lifecycle.UNUSED_TTL_S)]
    desk.clock.advance(lifecycle.UNUSED_TTL_S)
    assert desk.books.session("s").is_closed
    assert not desk.store.sessions.has_unclosed()
