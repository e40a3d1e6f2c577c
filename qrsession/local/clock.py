"""The clock that rules sessions, time limits, usage and the times in bodies.

It is injected, so that tests and faster clocks need no waiting. Tokens, retries and the limits of
lanes keep real time and do not use it.
"""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the runtime asks of a clock."""

    def now(self) -> datetime:
        """Return the time in UTC, in whole milliseconds, never earlier than the last answer."""
        ...

    def real_seconds_until(self, moment: datetime) -> float:
        """Return how many seconds of real time pass until a moment; negative once it is past."""
        ...


class SystemClock:
    """The system's clock, except that it stands still while the system's is set back."""

    def __init__(self) -> None:
        self._latest = datetime.min.replace(tzinfo=UTC)

    def now(self) -> datetime:
        """Return the time in UTC, in whole milliseconds, never earlier than the last answer."""
        now = datetime.now(UTC)
        # The wire has milliseconds: a time that was read from it must compare equal to ours.
        now = now.replace(microsecond=now.microsecond // 1000 * 1000)
        self._latest = max(self._latest, now)
        return self._latest

    def real_seconds_until(self, moment: datetime) -> float:
        """Return how many seconds pass until a moment; negative once it is past."""
        return (moment - self.now()).total_seconds()
