"""One wait for a job: its time-out, its pauses, and its patience with a service out of reach."""

import time
from collections.abc import Callable
from http import HTTPStatus
from typing import TypeVar

from qrsession.client import poll
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


class Waiting:
    """The clock of one wait. It counts steadily, whatever becomes of the machine's own clock.

    Args:
        timeout_s: The longest to wait; None: as long as it takes.
        in_session: Whether the job is in a session, where the next question comes sooner.
        on_lost: Called with a sentence when the service goes out of reach, once in an outage.
    """

    def __init__(
        self, timeout_s: float | None, *, in_session: bool, on_lost: OnLost | None = None
    ) -> None:
        self._started_s = time.monotonic()
        self._timeout_s = timeout_s
        self._in_session = in_session
        self._on_lost = on_lost
        self._delays = poll.delays(in_session=in_session)
        self._lost_since_s: float | None = None

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
                    self._lost_since_s = None
                    self._delays = poll.delays(in_session=self._in_session)
                return answer

    def may_hold(self) -> bool:
        """Whether there is time enough for a request that the service may hold."""
        return self._left_s() > LONGEST_HOLD_S

    def pause(self, at_least_s: float = 0.0) -> None:
        """Wait before the next question, and not beyond the time-out."""
        delay_s = max(next(self._delays), at_least_s)
        time.sleep(min(delay_s, max(self._left_s(), 0.0)))

    def check(self, job_id: str, status: str) -> None:
        """Raise when the time is up."""
        if self._left_s() <= 0:
            waited_s = round(self._timeout_s or 0, 2)
            raise WaitTimeoutError(
                f"Job {job_id} is still {status.lower()} after {waited_s:g} s.",
                advice=f"It goes on; take it up again: qrsession result {job_id} --wait",
                details={"job_id": job_id, "status": status},
            )

    def _note_lost(self, error: ServiceUnavailableError) -> None:
        if self._lost_since_s is not None:
            return
        self._lost_since_s = time.monotonic()
        if self._on_lost is not None:
            self._on_lost(f"{error.message.rstrip('.')}; the job goes on, and so does the wait.")

    def _pause_or_raise(self, error: QrsessionError, at_least_s: float | None = None) -> None:
        lost_since_s = self._lost_since_s or time.monotonic()
        if time.monotonic() - lost_since_s > PATIENCE_S or self._left_s() <= 0:
            raise error
        self.pause(at_least_s or 0.0)

    def _left_s(self) -> float:
        if self._timeout_s is None:
            return float("inf")
        return self._timeout_s - (time.monotonic() - self._started_s)
