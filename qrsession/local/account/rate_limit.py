"""How many jobs may be submitted in a minute. Source: API reference, "jobs": 5 for each user."""

import math
from collections import deque
from datetime import datetime, timedelta

from qrsession.local.api.refusals import FaultError
from qrsession.local.clock import Clock
from qrsession.protocol import faults
from qrsession.protocol.faults import Fault

WINDOW = timedelta(minutes=1)
_TOO_MANY_REQUESTS = 429


class RateLimit:
    """Counts accepted submissions in a window that slides with the runtime's clock.

    Refused ones do not count, so that a client that asks too often is not shut out by asking.
    """

    def __init__(self, most_per_minute: int | None, clock: Clock) -> None:
        self._most = most_per_minute
        self._clock = clock
        self._accepted: deque[datetime] = deque()

    def check(self) -> None:
        """Refuse a submission above the limit: 429, with the real seconds to wait.

        Raises:
            FaultError: There were too many in the last minute.
        """
        if self._most is None:
            return
        now = self._clock.now()
        while self._accepted and self._accepted[0] + WINDOW <= now:
            self._accepted.popleft()
        if len(self._accepted) < self._most:
            return
        free_at = self._accepted[-self._most] + WINDOW
        wait_s = max(math.ceil(self._clock.real_seconds_until(free_at)), 1)
        raise FaultError(
            Fault(
                _TOO_MANY_REQUESTS,
                faults.TOO_MANY_REQUESTS,
                f"Too many jobs were submitted: the limit is {self._most} in a minute.",
                f"Submit the job again in {wait_s} seconds.",
            ),
            retry_after_s=wait_s,
        )

    def clear(self) -> None:
        """Forget what was submitted."""
        self._accepted.clear()

    def note(self) -> None:
        """Count a submission that was accepted."""
        if self._most is not None:
            self._accepted.append(self._clock.now())
