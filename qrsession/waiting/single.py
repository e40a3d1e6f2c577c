"""Waiting for a job: its time-out, its pauses, and its patience with a service out of reach."""

import time
from collections.abc import Callable
from http import HTTPStatus
from typing import TypeVar

from qrsession.client import poll
from qrsession.clock import elapsed_s
from qrsession.errors import (
    LimitReachedError,
    QrsessionError,
    ServiceUnavailableError,
    WaitTimeoutError,
)
from qrsession.protocol.routes import LONGEST_HOLD_S

# How long a service may be out of reach in one go: a night, with a laptop in the bag. The job goes
# on meanwhile, and whoever wants to wait for less gives a time-out.
PATIENCE_S = 24 * 3600.0

OnLost = Callable[[str], None]
T = TypeVar("T")


class Deadline:
    """The end of a wait. It comes on time, though the machine sleeps or its clock is set.

    Args:
        timeout_s: In how many seconds it comes; None: never.
        clock: Returns seconds that pass steadily.
    """

    def __init__(self, timeout_s: float | None, clock: Callable[[], float] = elapsed_s) -> None:
        self.timeout_s = timeout_s
        self._clock = clock
        self._began_s = clock()

    @property
    def whole_s(self) -> float:
        """In how many seconds it came, as people read it; 0 where it never does."""
        return round(self.timeout_s or 0, 2)

    @property
    def left_s(self) -> float:
        """The seconds that are left, infinite where there is no end; never below 0."""
        if self.timeout_s is None:
            return float("inf")
        return max(self.timeout_s - (self._clock() - self._began_s), 0.0)

    @property
    def hold_s(self) -> int:
        """For how many whole seconds a service may hold a question, so that it answers in time."""
        return int(min(self.left_s, LONGEST_HOLD_S))


class Waiting:
    """The course of one wait.

    Args:
        deadline: The longest to wait.
        in_session: Whether the job is in a session, where the next question comes sooner.
        on_lost: Called with a sentence when the service goes out of reach, once in an outage.
        on_back: Called when it answers again.
        least_pause_s: The least to wait between two questions that are answered at once.
    """

    def __init__(
        self,
        deadline: Deadline,
        *,
        in_session: bool,
        on_lost: OnLost | None = None,
        on_back: Callable[[], None] | None = None,
        least_pause_s: float = 0.0,
    ) -> None:
        self.deadline = deadline
        self._least_pause_s = least_pause_s
        self._in_session = in_session
        self._on_lost = on_lost
        self._on_back = on_back
        self._delays = poll.delays(in_session=in_session)
        self._lost_since_s: float | None = None

    @property
    def is_lost(self) -> bool:
        """Whether the service was out of reach when it was last asked."""
        return self._lost_since_s is not None

    def ask(self, question: Callable[[], T], reconnect: Callable[[], None]) -> T:
        """Ask something of the service until it answers.

        Raises:
            ServiceUnavailableError: The time is up, or it stayed out of reach for a day.
            LimitReachedError: The time is up, and it has too many requests.
        """
        while True:
            try:
                answer = question()
            except ServiceUnavailableError as error:
                self._note_lost(error)
                self._pause_or_raise(error)
                reconnect()
            except LimitReachedError as error:
                if error.details.get("http_status") != HTTPStatus.TOO_MANY_REQUESTS:
                    raise
                self._pause_or_raise(error, error.details.get("retry_after_s"))
            else:
                if self._lost_since_s is not None:
                    self._note_back()
                return answer

    def pause(self, at_least_s: float = 0.0) -> None:
        """Wait before the next question, and not beyond the time-out."""
        delay_s = max(next(self._delays), at_least_s, self._least_pause_s)
        time.sleep(min(delay_s, self.deadline.left_s))

    def check(self, job_id: str, status: str) -> None:
        """Raise when the time is up."""
        if self.deadline.left_s <= 0:
            raise WaitTimeoutError(
                f"Job {job_id} is still {status.lower()} after {self.deadline.whole_s:g} s.",
                advice=f"It goes on; take it up again: qrsession result {job_id} --wait",
                details={"job_id": job_id, "status": status},
            )

    def _note_lost(self, error: ServiceUnavailableError) -> None:
        if self._lost_since_s is not None:
            return
        self._lost_since_s = elapsed_s()
        if self._on_lost is not None:
            self._on_lost(f"{error.message.rstrip('.')}; the job goes on, and so does the wait.")

    def _note_back(self) -> None:
        self._lost_since_s = None
        self._delays = poll.delays(in_session=self._in_session)
        if self._on_back is not None:
            self._on_back()

    def _pause_or_raise(self, error: QrsessionError, at_least_s: float | None = None) -> None:
        now_s = elapsed_s()
        lost_since_s = now_s if self._lost_since_s is None else self._lost_since_s
        if now_s - lost_since_s > PATIENCE_S or self.deadline.left_s <= 0:
            raise error
        self.pause(at_least_s or 0.0)
