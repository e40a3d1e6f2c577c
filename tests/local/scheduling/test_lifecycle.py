"""Sessions as a state machine, by hand and by hypothesis."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from qrsession.local.scheduling import lifecycle
from qrsession.local.scheduling.lifecycle import Session
from qrsession.protocol.status import SESSION_TRANSITIONS, SessionMode, SessionState

pytestmark = pytest.mark.fast

START = datetime(2026, 11, 22, 16, 0, tzinfo=UTC)
DEDICATED, BATCH = SessionMode.DEDICATED, SessionMode.BATCH


def _at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def _opened(mode: SessionMode = DEDICATED, max_ttl_s: int = 1000) -> Session:
    return lifecycle.open_session("s", "b", mode, max_ttl_s, START)


def _ran(session: Session, start_s: float, end_s: float, qpu_s: float = 2.0) -> Session:
    """Submit a job at ``start_s``, run it at once until ``end_s``."""
    session = lifecycle.job_queued(session, _at(start_s), "b")
    session = replace(session, has_queued=True)
    session = replace(session, has_queued=False, has_running=True)
    session = lifecycle.job_started(session, _at(start_s))
    return lifecycle.job_ended(replace(session, has_running=False), _at(end_s), qpu_s)


def test_an_unused_session_closes_after_half_an_hour() -> None:
    """A session costs nothing, and does not stay for ever."""
    session = _opened()
    assert lifecycle.next_deadline(session) == _at(1800)
    assert lifecycle.expire(session, _at(1799)) == session
    # The timer is late; the session is not.
    closed = lifecycle.expire(session, _at(5000))
    assert closed.state is SessionState.CLOSED
    assert closed.closed_at == _at(1800)
    assert closed.state_reason == lifecycle.CLOSED_UNUSED
    assert not closed.accepting_jobs
    assert closed.usage_s == 0


def test_a_queued_job_keeps_an_open_session() -> None:
    """However long it waits; and once it is dropped, the half hour starts anew."""
    session = replace(lifecycle.job_queued(_opened(), _at(10), "b"), has_queued=True)
    assert lifecycle.next_deadline(session) is None
    session = lifecycle.jobs_dropped(replace(session, has_queued=False), _at(4000))
    assert session.state is SessionState.OPEN
    assert lifecycle.next_deadline(session) == _at(5800)


@pytest.mark.parametrize(("mode", "ttl_s"), [(DEDICATED, 60), (BATCH, 1)])
def test_interactive_ttl(mode: SessionMode, ttl_s: int) -> None:
    """Nothing to run for that long makes a session inactive, a job makes it active again."""
    session = _ran(_opened(mode), 10, 12)
    assert session.state is SessionState.ACTIVE
    assert lifecycle.next_deadline(session) == _at(12 + ttl_s)
    session = lifecycle.expire(session, _at(100))
    assert session.state is SessionState.INACTIVE
    assert session.accepting_jobs
    # The maximum time goes on while it is inactive.
    assert lifecycle.next_deadline(session) == _at(1010)
    session = _ran(session, 200, 203)
    assert session.state is SessionState.ACTIVE
    assert (session.started_at, session.activated_at) == (_at(10), _at(200))
    assert [state for state, _ in session.timestamps] == ["open", "active", "inactive", "active"]


def test_usage_of_a_dedicated_session_is_wall_clock() -> None:
    """From the first job's start until inactive, idle time within the TTL included."""
    session = _ran(_opened(), 10, 12)
    assert lifecycle.usage_at(session, _at(30)) == 20
    session = lifecycle.expire(session, _at(100))
    assert session.usage_s == 62
    assert lifecycle.usage_at(session, _at(150)) == 62
    session = lifecycle.set_accepting(_ran(session, 200, 203), _at(210), accepting=False)
    assert session.is_closed
    assert session.usage_s == 72


def test_usage_of_a_batch_is_that_of_its_jobs() -> None:
    """The time between them is not charged."""
    session = _ran(_ran(_opened(BATCH), 10, 20, qpu_s=1.5), 30, 40, qpu_s=2.5)
    assert lifecycle.expire(session, _at(500)).usage_s == 4.0


def test_the_maximum_time_runs_from_the_first_jobs_start() -> None:
    """A job that runs then completes, and holds the backend until it has."""
    session = replace(lifecycle.job_queued(_opened(), _at(500), "b"), has_running=True)
    session = lifecycle.job_started(session, _at(500))
    assert lifecycle.active_time_left_s(session, _at(600)) == 900
    session = lifecycle.expire(session, _at(1600))
    assert session.is_closed
    assert session.closed_at == _at(1500)
    assert session.state_reason == lifecycle.CLOSED_BY_MAX_TTL
    assert lifecycle.active_time_left_s(session, _at(1600)) == 0
    ended = lifecycle.job_ended(replace(session, has_running=False), _at(1700), 3.0)
    assert ended.is_closed
    assert ended.usage_s == 1200
    assert ended.closed_at == _at(1500)


def test_closing_lets_queued_jobs_run() -> None:
    """Drain: closed at once when the last has ended, without an interactive wait."""
    session = _ran(_opened(), 10, 12)
    session = replace(lifecycle.job_queued(session, _at(20), "b"), has_queued=True)
    session = lifecycle.set_accepting(session, _at(21), accepting=False)
    assert session.state is SessionState.ACTIVE
    assert not session.accepting_jobs
    session = lifecycle.job_started(replace(session, has_queued=False, has_running=True), _at(22))
    session = lifecycle.job_ended(replace(session, has_running=False), _at(25), 3.0)
    assert session.is_closed
    assert (session.closed_at, session.usage_s) == (_at(25), 15)
    assert session.state_reason == lifecycle.CLOSED_BY_USER


def test_cancelling_waits_for_the_running_job_alone() -> None:
    """The queued ones have been dropped by then; closing what is closed changes nothing."""
    session = replace(lifecycle.job_queued(_opened(), _at(5), "b"), has_running=True)
    session = lifecycle.cancel(lifecycle.job_started(session, _at(5)), _at(7))
    assert session.state is SessionState.ACTIVE
    # It cannot be taken back.
    assert not lifecycle.set_accepting(session, _at(8), accepting=True).accepting_jobs
    session = lifecycle.job_ended(replace(session, has_running=False), _at(9), 1.0)
    assert session.is_closed
    assert session.is_cancelled
    assert session.state_reason == lifecycle.CANCELLED_BY_USER
    assert lifecycle.cancel(session, _at(10)) == session
    assert lifecycle.set_accepting(session, _at(10), accepting=True) == session


def test_a_draining_session_can_be_opened_again() -> None:
    """While it has not closed."""
    session = replace(lifecycle.job_queued(_opened(), _at(5), "b"), has_queued=True)
    session = lifecycle.set_accepting(session, _at(6), accepting=False)
    assert lifecycle.set_accepting(session, _at(7), accepting=True).accepting_jobs


def test_a_clock_that_was_set_back_does_no_harm() -> None:
    """Events then happen at the time of the last."""
    session = _ran(_opened(), 100, 110)
    session = lifecycle.set_accepting(session, _at(50), accepting=False)
    assert session.closed_at == _at(110)
    assert session.usage_s == 10


def test_a_deadline_that_an_event_overtook() -> None:
    """It is applied at the event's time, for times never go back."""
    session = lifecycle.expire(_ran(_opened(max_ttl_s=100), 10, 150), _at(500))
    assert session.closed_at == _at(150)
    assert session.state_reason == lifecycle.CLOSED_BY_MAX_TTL


def test_a_session_without_a_backend_takes_the_first_jobs() -> None:
    """The wire allows a session to be opened without one."""
    session = lifecycle.open_session("s", None, DEDICATED, 100, START)
    assert lifecycle.job_queued(session, _at(1), "b").backend == "b"


class Sessions(RuleBasedStateMachine):
    """Drives one session by random events, keeping count of its jobs as the store would."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.queued = 0
        self.running = 0
        self.session = _opened()
        self.before = self.session
        self.least_usage_s = 0.0
        self.qpu_s = 0.0
        self.overtime_s = 0.0

    def _become(self, session: Session) -> None:
        self.before, self.session = self.session, session

    def _facts(self) -> Session:
        return replace(self.session, has_queued=self.queued > 0, has_running=self.running > 0)

    def _is_at_rest(self) -> bool:
        is_new_or_over = len(self.session.timestamps) == 1 or self.session.is_closed
        return is_new_or_over and not self.queued and not self.running

    @rule(mode=st.sampled_from(SessionMode), max_ttl_s=st.integers(1, 500))
    @precondition(lambda self: self._is_at_rest())
    def begin(self, mode: SessionMode, max_ttl_s: int) -> None:
        """Start over, with another mode and maximum time: nothing follows an end."""
        self.session = self.before = lifecycle.open_session("s", "b", mode, max_ttl_s, self.now)
        self.least_usage_s = 0.0
        self.qpu_s = 0.0
        self.overtime_s = 0.0

    @rule(seconds=st.sampled_from((-30, 0, 0.5, 1, 7, 59, 60, 61, 300, 1799, 1800, 4000)))
    def pass_time(self, seconds: float) -> None:
        """Let time pass (a clock may be set back, too), and settle what became due."""
        self.now += timedelta(seconds=seconds)
        self._become(lifecycle.expire(self._facts(), self.now))
        deadline = lifecycle.next_deadline(self.session)
        assert deadline is None or deadline > self.now
        if self.session.is_closed and self.queued:
            self.queued = 0
            self._become(lifecycle.jobs_dropped(self._facts(), self.now))

    @rule()
    @precondition(lambda self: self.session.accepting_jobs)
    def submit(self) -> None:
        """Submit a job."""
        self.queued += 1
        self._become(lifecycle.job_queued(self._facts(), self.now, "b"))

    @rule()
    @precondition(lambda self: self.queued)
    def start_job(self) -> None:
        """Run a queued job."""
        self.queued -= 1
        self.running += 1
        self._become(lifecycle.job_started(self._facts(), self.now))
        assert self.session.state is SessionState.ACTIVE

    @rule(qpu_s=st.floats(0, 100))
    @precondition(lambda self: self.running)
    def end_job(self, qpu_s: float) -> None:
        """End a running job."""
        self.running -= 1
        self.qpu_s += qpu_s
        self._become(lifecycle.job_ended(self._facts(), self.now, qpu_s))
        if self.session.closed_at is not None and not self.running:
            until = max(self.now, self.before.updated_at)
            self.overtime_s = (until - self.session.closed_at).total_seconds()

    @rule()
    @precondition(lambda self: self.running and not self.session.is_closed)
    def lose_runtime(self) -> None:
        """Give a running job back to the queue, as a new runtime does after a crash."""
        self.running -= 1
        self.queued += 1
        self._become(self._facts())

    @rule()
    @precondition(lambda self: self.queued)
    def drop_job(self) -> None:
        """Cancel a queued job."""
        self.queued -= 1
        self._become(lifecycle.jobs_dropped(self._facts(), self.now))

    @rule(accepting=st.booleans())
    def set_accepting(self, accepting: bool) -> None:
        """Close, or open again."""
        self._become(lifecycle.set_accepting(self._facts(), self.now, accepting=accepting))

    @rule()
    @precondition(lambda self: len(self.session.timestamps) > 1 or self.queued)
    def cancel(self) -> None:
        """Cancel the session."""
        self.queued = 0
        self._become(lifecycle.cancel(self._facts(), self.now))

    @rule()
    @precondition(lambda self: len(self.session.timestamps) > 1)
    def use_everything_up(self) -> None:
        """Let the instance reach its limit, which cancels what is queued."""
        self._become(lifecycle.reach_limit(self._facts(), self.now))
        assert self.session.is_closed
        if self.queued:
            self.queued = 0
            self._become(lifecycle.jobs_dropped(self._facts(), self.now))

    @invariant()
    def usage_is_that_of_its_windows(self) -> None:
        """Reckoned anew: active time and what outlived the session, or the time of its jobs."""
        session = self.session
        until = session.updated_at
        if session.mode is BATCH:
            assert session.usage_s == pytest.approx(self.qpu_s)
            return
        moments = [*(when for _, when in session.timestamps), until]
        active_s = sum(
            (moments[number + 1] - when).total_seconds()
            for number, (state, when) in enumerate(session.timestamps)
            if state is SessionState.ACTIVE
        )
        if session.closed_at is not None and session.counting_since is not None:
            active_s += (until - session.closed_at).total_seconds()
        assert lifecycle.usage_at(session, until) == pytest.approx(active_s + self.overtime_s)

    @invariant()
    def it_says_why(self) -> None:
        """Of what ended it, or made it wait; and it never outlives its maximum time."""
        session = self.session
        if session.state in {SessionState.INACTIVE, SessionState.CLOSED}:
            assert session.state_reason
        if session.is_cancelled:
            assert not session.accepting_jobs
        if session.closed_at is not None and session.max_ttl_ends_at is not None:
            assert session.closed_at <= session.max_ttl_ends_at
        left_s = lifecycle.active_time_left_s(session, self.now)
        assert 0 <= left_s <= session.max_ttl_s
        assert left_s == 0 or not session.is_closed

    @invariant()
    def only_who_waits_falls_idle(self) -> None:
        """Priority is lost with nothing to run, and kept for the interactive time at most."""
        session = self.session
        if session.state is SessionState.INACTIVE:
            assert not self.running
        if session.state is SessionState.ACTIVE and not (self.queued or self.running):
            deadline = lifecycle.next_deadline(session)
            assert session.idle_since is not None
            assert deadline is not None
            assert deadline <= session.idle_since + timedelta(seconds=session.interactive_ttl_s)

    @invariant()
    def transitions_are_allowed(self) -> None:
        """Also those between two timestamps, and closed is final."""
        states = [state for state, _ in self.session.timestamps]
        assert states[0] is SessionState.OPEN
        assert states[-1] is self.session.state
        for earlier, later in pairwise(states):
            assert later in SESSION_TRANSITIONS[earlier]
        assert self.before.timestamps == self.session.timestamps[: len(self.before.timestamps)]

    @invariant()
    def times_do_not_go_back(self) -> None:
        """Whatever the clock does."""
        moments = [when for _, when in self.session.timestamps]
        assert moments == sorted(moments)
        assert moments[-1] <= self.session.updated_at
        assert self.before.updated_at <= self.session.updated_at
        session = self.session
        ordered = [session.created_at, session.started_at, session.activated_at]
        known = [moment for moment in ordered if moment is not None]
        assert known == sorted(known)

    @invariant()
    def usage_never_decreases(self) -> None:
        """What was shown once stays true."""
        usage_s = lifecycle.usage_at(self.session, self.session.updated_at)
        assert usage_s >= self.least_usage_s
        self.least_usage_s = usage_s

    @invariant()
    def a_closed_session_is_at_rest(self) -> None:
        """It takes no jobs, waits for nothing, and counts only while a job of it runs."""
        session = self.session
        assert session.is_closed == (session.closed_at is not None)
        if session.is_closed:
            assert not session.accepting_jobs
            assert lifecycle.next_deadline(session) is None
            assert session.counting_since is None or self.running
        else:
            assert session.accepting_jobs or self.queued or self.running

    @invariant()
    def it_is_started_once_a_job_ran(self) -> None:
        """And only a dedicated session counts its own time, only while it is active."""
        session = self.session
        assert (session.started_at is None) == (session.last_job_started is None)
        if session.counting_since is not None:
            assert session.mode is DEDICATED
            assert session.state in {SessionState.ACTIVE, SessionState.CLOSED}


Sessions.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestSessions = Sessions.TestCase
