"""Who runs next: sessions, batches and single jobs on two devices and a simulator."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from qrsession.local.bookkeeping import Books, Claim
from qrsession.local.changes import Changes
from qrsession.local.job_rows import Ending, Job, Submission
from qrsession.local.jobs import new_job_id
from qrsession.local.listing import JobFilter
from qrsession.local.metering import Meter
from qrsession.local.store import Store
from qrsession.protocol.models import JobRequest
from qrsession.protocol.status import JobStatus, SessionMode, SessionState
from tests.local.test_store import StandingClock

pytestmark = pytest.mark.fast

SIMULATOR = "simulator"
BACKENDS = ("device", "other", SIMULATOR)
# More often on one device, where they meet.
CHOSEN = st.sampled_from(("device", "device", "device", "other", SIMULATOR))
DONE = Ending(JobStatus.COMPLETED, result_json=b"{}", qpu_s=2.0)
CANCELLED = Ending(JobStatus.CANCELLED)
MOST_SESSIONS = 4


class Desk:
    """The books of one runtime, with a simulator beside devices."""

    def __init__(self, folder: Path) -> None:
        self.clock = StandingClock()
        self.store = Store(folder, shared_backends={SIMULATOR})
        self.books = Books(self.store, self.clock, Changes(), Meter(self.store, None))

    def submit(self, backend: str, session_id: str | None = None) -> str:
        """Submit a job."""
        request = JobRequest("sampler", backend, {}, session_id, cost_s=300)
        submission = Submission(new_job_id(), request, b"{}", None)
        self.books.submit(submission)
        return submission.job_id

    def open(self, backend: str, mode: SessionMode = SessionMode.DEDICATED) -> str:
        """Open a session."""
        return self.books.open_session(new_job_id(), backend, mode, 400).session_id

    def run(self, job_id: str | None = None) -> str | None:
        """Run the job that is next to its end, which must be this one if it is named."""
        claim = self.books.claim_next()
        if claim is None:
            return None
        assert job_id in {None, claim.job.job_id}
        assert self.books.end(claim.job, DONE)
        return claim.job.job_id

    def queued(self, backend: str) -> list[Job]:
        """Return the jobs that wait for a backend, the first submitted first."""
        found, _ = self.store.listing.jobs(JobFilter(is_pending=True, backend=backend))
        return [job for job in reversed(found) if job.status is JobStatus.QUEUED]

    def running(self, backend: str) -> list[Job]:
        """Return the jobs that run on a backend."""
        return [job for job in self.store.jobs.running() if job.backend == backend]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Fresh books."""
    return Desk(tmp_path / "data")


def test_a_batch_does_not_overtake_single_jobs(desk: Desk) -> None:
    """Neither on a device nor on a simulator: a batch has no machine to itself."""
    for backend in ("device", SIMULATOR):
        batch = desk.open(backend, SessionMode.BATCH)
        desk.run(desk.submit(backend, batch))
        single = desk.submit(backend)
        later = [desk.submit(backend, batch) for _ in range(5)]
        assert [desk.run() for _ in range(6)] == [single, *later]


def test_an_active_session_comes_first_on_a_simulator(desk: Desk) -> None:
    """Its jobs overtake; others wait for no idle session."""
    session = desk.open(SIMULATOR)
    desk.run(desk.submit(SIMULATOR, session))
    single = desk.submit(SIMULATOR)
    mine = desk.submit(SIMULATOR, session)
    assert [desk.run(), desk.run()] == [mine, single]


def test_backends_take_turns(desk: Desk) -> None:
    """A queue of hundreds for one device keeps no session on another waiting."""
    crowd = [desk.submit("device") for _ in range(20)]
    assert desk.run() == crowd[0]
    session = desk.open("other")
    mine = [desk.submit("other", session) for _ in range(3)]
    assert [desk.run() for _ in range(6)] == [
        *(mine[0], crowd[1]),
        *(mine[1], crowd[2]),
        *(mine[2], crowd[3]),
    ]


@pytest.mark.parametrize("backend", ["device", SIMULATOR])
def test_a_long_queue_is_not_looked_through(desk: Desk, backend: str) -> None:
    """What is next takes as many steps of the database's machine with 500 jobs as with 5."""
    connection = desk.store._database._connection
    session = desk.open(backend)
    desk.run(desk.submit(backend, session))
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1

    def steps_to_next(num_more: int) -> int:
        nonlocal steps
        for _ in range(num_more):
            desk.submit(backend)
        steps = 0
        connection.set_progress_handler(count, 1)
        assert (desk.store.queue.next_job() is not None) == (backend == SIMULATOR)
        connection.set_progress_handler(None, 1)
        return steps

    few = steps_to_next(5)
    assert 0 < steps_to_next(495) <= 1.1 * few


def test_who_lost_its_priority_queues_again(desk: Desk) -> None:
    """A session that fell idle waits in its turn, and then others wait for it."""
    session = desk.open("device")
    desk.run(desk.submit("device", session))
    first = desk.submit("device")
    assert desk.run() is None
    desk.clock.advance(61)
    assert desk.books.session(session).state is SessionState.INACTIVE
    mine = desk.submit("device", session)
    last = desk.submit("device")
    assert [desk.run(), desk.run(), desk.run()] == [first, mine, None]
    desk.books.set_accepting(session, accepting=False)
    assert desk.run() == last


class Queues(RuleBasedStateMachine):
    """Drives the books of a runtime by random events, and looks who runs beside whom."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.desk = Desk(Path(self.folder.name) / "data")
        self.sessions: list[tuple[str, str]] = []
        self.claims: list[Claim] = []
        self.submitted: set[str] = set()

    def teardown(self) -> None:
        """Close the database."""
        self.desk.store.close()
        self.folder.cleanup()

    def _accepting(self) -> list[tuple[str, str]]:
        books = self.desk.books
        return [(one, where) for one, where in self.sessions if books.session(one).accepting_jobs]

    def _holder(self, backend: str) -> str | None:
        """Return the session that has a device to itself, asked in another way than the queue."""
        holders = {
            session_id
            for session_id, where in self.sessions
            if where == backend
            and (session := self.desk.books.session(session_id)).mode is SessionMode.DEDICATED
            and (session.state is SessionState.ACTIVE or session.has_running)
        }
        assert len(holders) <= 1 or backend == SIMULATOR
        return next(iter(holders), None)

    @rule(backend=CHOSEN, mode=st.sampled_from(SessionMode))
    @precondition(lambda self: len(self._accepting()) < MOST_SESSIONS)
    def open(self, backend: str, mode: SessionMode) -> None:
        """Open a session."""
        self.sessions.append((self.desk.open(backend, mode), backend))

    @rule(backend=CHOSEN)
    def submit_alone(self, backend: str) -> None:
        """Submit a job of its own."""
        self.submitted.add(self.desk.submit(backend))

    @rule(data=st.data())
    @precondition(lambda self: self._accepting())
    def submit_to_session(self, data: st.DataObject) -> None:
        """Submit a job to a session."""
        session_id, backend = data.draw(st.sampled_from(self._accepting()))
        self.submitted.add(self.desk.submit(backend, session_id))

    @rule()
    def claim(self) -> None:
        """Give a lane the next job, and hold it against what the session and the order say."""
        queues = {backend: self.desk.queued(backend) for backend in BACKENDS}
        holders = {backend: self._holder(backend) for backend in BACKENDS}
        free = {backend: not self.desk.running(backend) for backend in BACKENDS}
        claim = self.desk.books.claim_next()
        if claim is None:
            for backend, queue in queues.items():
                is_waiting_for_holder = holders[backend] is not None and all(
                    job.session_id != holders[backend] for job in queue
                )
                assert not queue or backend != SIMULATOR
                assert not queue or is_waiting_for_holder or not free[backend]
            return
        self.claims.append(claim)
        backend, job = claim.job.backend, claim.job
        holder = holders[backend]
        if backend == SIMULATOR:
            return
        if holder is None:
            assert job.job_id == queues[backend][0].job_id
        else:
            mine = [one for one in queues[backend] if one.session_id == holder]
            assert job.job_id == mine[0].job_id

    @rule(data=st.data(), ending=st.sampled_from((DONE, CANCELLED)))
    @precondition(lambda self: self.claims)
    def end(self, data: st.DataObject, ending: Ending) -> None:
        """End a running job; a second time changes nothing."""
        claim = self.claims.pop(data.draw(st.integers(0, len(self.claims) - 1)))
        assert self.desk.books.end(claim.job, ending)
        assert not self.desk.books.end(claim.job, DONE)

    @rule(data=st.data())
    @precondition(lambda self: len(self._accepting()) > 1)
    def close(self, data: st.DataObject) -> None:
        """Close a session: it drains."""
        self.desk.books.set_accepting(data.draw(st.sampled_from(self.sessions))[0], accepting=False)

    @rule(data=st.data())
    @precondition(lambda self: len(self._accepting()) > 1)
    def cancel(self, data: st.DataObject) -> None:
        """Cancel a session: what it has queued will not run."""
        session_id, _ = data.draw(st.sampled_from(self.sessions))
        self.desk.books.cancel_session(session_id)
        assert not self.desk.store.jobs.queued_in_session(session_id)

    @rule(seconds=st.sampled_from((1, 2, 30, 61, 400)))
    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        self.desk.clock.advance(seconds)
        self.desk.books.now()

    @invariant()
    def a_dedicated_session_is_alone(self) -> None:
        """Nobody's job runs on a device beside those of a dedicated session."""
        books = self.desk.books
        for backend in BACKENDS[:2]:
            owners = {job.session_id for job in self.desk.running(backend)}
            dedicated = {
                one for one in owners if one and books.session(one).mode is SessionMode.DEDICATED
            }
            assert not dedicated or owners == dedicated
            assert len(dedicated) <= 1

    @invariant()
    def nothing_is_lost(self) -> None:
        """Every job is there once, and none is queued in a session that is closed."""
        jobs, count = self.desk.store.listing.jobs(JobFilter())
        assert count == len(jobs) == len(self.submitted)
        assert {job.job_id for job in jobs} == self.submitted
        assert not self.desk.store.sessions.closed_with_queued()
        running = {claim.job.job_id for claim in self.claims}
        assert {job.job_id for job in jobs if job.status is JobStatus.RUNNING} == running


Queues.TestCase.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
TestQueues = Queues.TestCase
