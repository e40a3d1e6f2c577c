"""How long a request that creates something is tried, looked for and waited with."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import TypeVar

from qrsession.clock import utc_now
from qrsession.diagnostics import Log
from qrsession.errors import (
    LimitReachedError,
    QrsessionError,
    ReplyLostError,
    ServiceUnavailableError,
    WaitTimeoutError,
    WireFormatError,
)

log = Log("submit")
_FIRST_PAUSE_S = 2.0
_LONGEST_PAUSE_S = 60.0

T = TypeVar("T")


@dataclass(frozen=True)
class Patience:
    """The times of a submission, in seconds, and how it waits and speaks meanwhile.

    Attributes:
        answered_s: How long a job is looked for where the service itself answered that it failed.
        lost_s: How long it is looked for where no answer came: a proxy may deliver a request late.
        most_sends: How often a submission is sent in all.
        limited_s: How long too many requests (429) are waited out; None: without end.
        left_s: Returns what is left of that for a command that sends several things, or does more
            than to send; None: it counts for each by itself.
        say: Takes a sentence about what is waited for.
        sleep: How to wait.
        clock: Returns seconds that pass steadily.
        now: Returns the time, in UTC.
    """

    answered_s: float = 10.0
    lost_s: float = 120.0
    most_sends: int = 4
    limited_s: float | None = None
    left_s: Callable[[], float] | None = None
    say: Callable[[str], None] = log.note
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = utc_now

    def through_limits(self, what: str, send: Callable[[], T]) -> T:
        """Send something, and again for as long as the service answers 429.

        Such an answer means that nothing was accepted, so nothing can come to exist twice.

        Raises:
            LimitReachedError: It is not to be waited out at all.
            WaitTimeoutError: It was waited out for too long.
        """
        began_s, pause_s = self.clock(), _FIRST_PAUSE_S
        while True:
            try:
                return send()
            except LimitReachedError as error:
                if error.details.get("http_status") != HTTPStatus.TOO_MANY_REQUESTS:
                    raise
                if self.limited_s == 0:
                    raise
                told_s = error.details.get("retry_after_s") or pause_s
                left_s = self._left_s(began_s)
                if left_s <= 0:
                    raise WaitTimeoutError(
                        f"Too many requests: the {what} was not accepted in {self.limited_s:g} s.",
                        advice="Nothing was submitted; try again later.",
                        details=error.details,
                    ) from error
                wait_s = min(told_s, left_s)
                self.say(f"Too many requests: the {what} is sent again in {wait_s:.0f} s.")
                self.sleep(wait_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _left_s(self, began_s: float) -> float:
        if self.left_s is not None:
            return self.left_s()
        if self.limited_s is None:
            return float("inf")
        return self.limited_s - (self.clock() - began_s)


def is_in_doubt(error: QrsessionError) -> bool:
    """Whether what a request was to create may exist, though it failed.

    The reply was lost or damaged, or a server answered 5xx, perhaps a gateway after the service
    had done the work.
    """
    if isinstance(error, ReplyLostError | WireFormatError):
        return True
    return was_answered(error)


def was_answered(error: QrsessionError) -> bool:
    """Whether the service itself, or a gateway before it, answered that it failed (5xx)."""
    return isinstance(error, ServiceUnavailableError) and "http_status" in error.details
