"""Budgets: what is reserved, settled and left, and that no order of events overshoots."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    precondition,
    rule,
)

from qrsession.errors import InvalidValueError, LimitReachedError
from qrsession.money.budgets import Ask, Budget, check_budget, longest_with
from qrsession.protocol.bounds import LONGEST_COST_S

pytestmark = pytest.mark.fast

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
MINUTE = Ask(max_execution_time_s=60, estimate_s=3.0)
PLAIN = Ask(max_execution_time_s=None, estimate_s=3.0)


def batch(budget_s: int, spent_s: float = 0.0) -> Budget:
    return Budget("id", "batch", budget_s, spent_s)


def test_a_maximum_is_reserved_and_replaced_by_what_was_used() -> None:
    budget, cost_s = batch(100).reserve("one", MINUTE, NOW)
    assert (cost_s, budget.reserved_s, budget.left_s()) == (60, 60, 40)
    budget, cost_s = budget.reserve("two", MINUTE, NOW)
    assert (cost_s, budget.left_s()) == (40, 0)
    budget = budget.settle("one", 12.5)
    assert (budget.spent_s, budget.reserved_s, budget.left_s()) == (12.5, 40, 47.5)
    assert budget.settle("one", 12.5) == budget
    assert budget.release("two").left_s() == 87.5


def test_the_same_submission_is_reserved_once() -> None:
    budget, _ = batch(100).reserve("one", MINUTE, NOW)
    assert budget.reserve("one", MINUTE, NOW) == (budget, 60)


@pytest.mark.parametrize(
    ("left_s", "estimate_s", "expected_s"),
    [
        (10_000, 3.0, 60),  # No more than a minute,
        (200, 3.0, 50),  # or a quarter of what is left,
        (20, 3.0, 10),  # but ten seconds at least,
        (200, 30.0, 90),  # and three times the estimate always:
        (50, 30.0, 50),  # as far as there is so much.
        (10**6, 9000.0, LONGEST_COST_S),  # No job takes longer.
    ],
)
def test_what_a_job_without_a_maximum_gets(left_s: int, estimate_s: float, expected_s: int) -> None:
    assert batch(left_s).reserve("one", Ask(None, estimate_s), NOW)[1] == expected_s


def test_a_job_that_cannot_end_in_time_is_not_sent() -> None:
    """Its user may still try, with a maximum; and of a simulator the estimate says nothing."""
    budget = batch(100, spent_s=98.0)
    with pytest.raises(LimitReachedError, match=r"98 s are spent.* 2 s left.*estimated at 3 s"):
        budget.reserve("one", PLAIN, NOW)
    assert budget.reserve("one", MINUTE, NOW)[1] == 2
    assert budget.reserve("one", Ask(None, 3.0, is_simulated=True), NOW)[1] == 2


def test_the_error_says_what_is_left() -> None:
    budget = batch(100, spent_s=50.0).reserve("one", MINUTE, NOW)[0]
    with pytest.raises(LimitReachedError) as caught:
        budget.reserve("two", MINUTE, NOW)
    assert caught.value.exit_code == 9
    assert "qrsession status" in caught.value.advice
    assert caught.value.details == {
        "session_id": "id",
        "budget_s": 100,
        "spent_s": 50.0,
        "reserved_s": 50,
        "left_s": 0.0,
        "estimate_s": 3.0,
    }


def test_a_fraction_of_a_second_is_too_little() -> None:
    with pytest.raises(LimitReachedError, match=r"0\.5 s left"):
        batch(10, spent_s=9.5).reserve("one", MINUTE, NOW)


def test_a_dedicated_session_uses_its_own_time() -> None:
    """Whichever is more counts: what the session used, or what its jobs did."""
    budget = Budget("id", "dedicated", 100, 10.0)
    assert budget.left_s(40.0) == 60
    assert budget.left_s(4.0) == 90
    assert budget.reserve("one", MINUTE, NOW, 70.0)[1] == 30


@pytest.mark.parametrize(
    ("max_time_s", "budget_s", "mode", "longest_s", "expected_s"),
    [
        (3600, None, "dedicated", None, 3600),
        (3600, 60, "batch", None, 3600),
        (3600, 60, "dedicated", None, 60),
        (300, 600, "dedicated", None, 300),
        (None, 60, "dedicated", None, 60),
        (None, 60, "batch", None, None),
        (None, 20_000, "dedicated", 14_400, 14_400),
        (None, 30_000, "dedicated", None, None),
        (None, None, "dedicated", 14_400, None),
    ],
)
def test_the_maximum_time_of_a_session_with_a_budget(
    max_time_s: int | None,
    budget_s: int | None,
    mode: str,
    longest_s: int | None,
    expected_s: int | None,
) -> None:
    assert longest_with(max_time_s, budget_s, mode, longest_s) == expected_s


@pytest.mark.parametrize("budget_s", [0, 2**31])
def test_budgets_have_bounds(budget_s: int) -> None:
    with pytest.raises(InvalidValueError, match="budget is"):
        check_budget(budget_s)


asks = st.builds(
    Ask,
    st.none() | st.integers(1, LONGEST_COST_S),
    st.floats(0, 20_000),
    st.booleans(),
)


@given(st.integers(1, 100_000), st.floats(0, 100_000), asks)
def test_a_job_gets_what_it_needs_or_nothing(budget_s: int, spent_s: float, ask: Ask) -> None:
    budget = batch(budget_s, spent_s)
    given_s = budget.would_give(ask)
    assert given_s in {0, *range(ask.least_s, ask.most_s + 1)}
    assert given_s <= budget.left_s()
    if given_s:
        assert budget.reserve("one", ask, NOW)[1] == given_s
        assert Budget.from_record(budget.to_record()) == budget
    else:
        with pytest.raises(LimitReachedError):
            budget.reserve("one", ask, NOW)


@dataclass
class Job:
    """A job as the service has it: it ends it at its maximum."""

    tag: str
    cost_s: int
    used_s: float = 0.0


class Spending(RuleBasedStateMachine):
    """Jobs are sent, run, end, are settled late or twice, and come to nothing, in any order.

    What the service charges is never more than the budget. In a dedicated session time passes for
    the session as well, while jobs run and while none does, until the service closes it.
    """

    jobs: Bundle[Job] = Bundle("jobs")
    ended: Bundle[Job] = Bundle("ended")

    def __init__(self) -> None:
        super().__init__()
        self.budget = batch(300)
        self.charged_s = 0.0
        self.sent = 0
        self.running: list[Job] = []

    @rule(target=jobs, ask=asks)
    def send(self, ask: Ask) -> Job:
        self.sent += 1
        tag = f"tag {self.sent}"
        try:
            self.budget, cost_s = self.budget.reserve(tag, ask, NOW)
        except LimitReachedError:
            return Job(tag, 0)
        job = Job(tag, cost_s)
        self.running.append(job)
        return job

    @rule(target=ended, job=consumes(jobs), share=st.floats(0, 1))
    def end(self, job: Job, share: float) -> Job:
        """It is charged at once, and known of later."""
        job.used_s = job.cost_s * share
        self.charged_s += job.used_s
        if job in self.running:
            self.running.remove(job)
        return job

    @rule(job=ended)
    def settle(self, job: Job) -> None:
        self.budget = self.budget.settle(job.tag, job.used_s)

    @precondition(lambda self: self.running)
    @rule(job=consumes(jobs))
    def come_to_nothing(self, job: Job) -> None:
        """It was never accepted, so it is charged nothing."""
        self.budget = self.budget.release(job.tag)
        if job in self.running:
            self.running.remove(job)

    @invariant()
    def what_may_be_charged_stays_within(self) -> None:
        worst_s = self.charged_s + sum(job.cost_s for job in self.running)
        assert worst_s <= self.budget.budget_s + 1e-6
        assert self.budget.spent_s + self.budget.reserved_s >= worst_s - 1e-6


class Holding(RuleBasedStateMachine):
    """A dedicated session: its jobs run one after another, and its time counts until it idles."""

    def __init__(self) -> None:
        super().__init__()
        self.budget = Budget("id", "dedicated", 300)
        self.clock_s = 0.0
        self.held_s = 0.0
        self.waiting: list[Job] = []
        self.sent = 0

    @rule(ask=asks)
    def send(self, ask: Ask) -> None:
        self.sent += 1
        tag = f"tag {self.sent}"
        try:
            self.budget, cost_s = self.budget.reserve(tag, ask, NOW, self.held_s)
        except LimitReachedError:
            return
        self.waiting.append(Job(tag, cost_s))

    @precondition(lambda self: self.waiting)
    @rule(share=st.floats(0, 1))
    def run(self, share: float) -> None:
        """The first one runs; the service closes the session when its maximum time is up."""
        job = self.waiting.pop(0)
        if self.held_s >= self.budget.budget_s:
            self.budget = self.budget.settle(job.tag, 0.0)
            return
        used_s = job.cost_s * share
        self.held_s += used_s
        self.budget = self.budget.settle(job.tag, used_s)

    @precondition(lambda self: not self.waiting)
    @rule(idle_s=st.floats(0, 60))
    def idle(self, idle_s: float) -> None:
        self.held_s = min(self.held_s + idle_s, self.budget.budget_s)

    @invariant()
    def what_may_be_used_stays_within(self) -> None:
        worst_s = self.held_s + sum(job.cost_s for job in self.waiting)
        assert worst_s <= self.budget.budget_s + 1e-6
        assert math.isfinite(self.budget.left_s(self.held_s))


TestSpending = Spending.TestCase
TestHolding = Holding.TestCase
