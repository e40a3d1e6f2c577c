"""The clock that rules sessions, time limits, usage, the times in bodies and the ``Date`` header.

It is injected, so that tests and faster clocks need no waiting. Tokens, retries, held requests and
the limits of lanes keep real time and do not use it.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Protocol


class Clock(Protocol):
    """What the runtime asks of a clock."""

    @property
    def rate(self) -> float:
        """How many of its seconds pass in one of real time."""
        ...

    def now(self) -> datetime:
        """Return the time in UTC, in whole milliseconds, never earlier than the last answer."""
        ...

    def real_seconds_until(self, moment: datetime) -> float:
        """Return how many seconds of real time pass until a moment; negative once it is past."""
        ...


class ClockFace(NamedTuple):
    """What a clock shows, for a process that has another one: a line through a point.

    Attributes:
        real_s: A moment of real time, in seconds since the epoch.
        shown_s: What the clock showed then, in seconds since the epoch.
        rate: How many of its seconds pass in one of real time.
    """

    real_s: float = 0.0
    shown_s: float = 0.0
    rate: float = 1.0

    def at(self, real_s: float) -> datetime:
        """Return what the clock shows at a moment of real time."""
        shown_s = self.shown_s + (real_s - self.real_s) * self.rate
        return datetime.fromtimestamp(shown_s, UTC)


REAL_TIME = ClockFace()


def face_of(clock: Clock, real_s: float) -> ClockFace:
    """Read a clock for a process that has another one. ``real_s`` is the system's time now."""
    return ClockFace(real_s, clock.now().timestamp(), clock.rate)


class SystemClock:
    """The system's clock, except that it stands still while the system's is set back."""

    rate = 1.0

    def __init__(self) -> None:
        self._latest = datetime.min.replace(tzinfo=UTC)

    def now(self) -> datetime:
        """Return the time in UTC, in whole milliseconds, never earlier than the last answer."""
        self._latest = max(self._latest, _whole_milliseconds(datetime.now(UTC)))
        return self._latest

    def real_seconds_until(self, moment: datetime) -> float:
        """Return how many seconds pass until a moment; negative once it is past."""
        return (moment - self.now()).total_seconds()


class SimulatedClock:
    """A clock that goes at a rate of its own from a moment of its own.

    Args:
        start: What it shows now.
        rate: How many of its seconds pass in one of real time.
        monotonic: Real time, in seconds since whenever.
    """

    def __init__(
        self,
        start: datetime,
        rate: float = 1.0,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._start = start
        self.rate = rate
        self._monotonic = monotonic
        self._started_s = monotonic()

    def now(self) -> datetime:
        """Return the time in UTC, in whole milliseconds, never earlier than the last answer."""
        passed_s = (self._monotonic() - self._started_s) * self.rate
        return _whole_milliseconds(self._start + timedelta(seconds=passed_s))

    def real_seconds_until(self, moment: datetime) -> float:
        """Return how many seconds of real time pass until a moment; negative once it is past."""
        return (moment - self.now()).total_seconds() / self.rate


def start_clock(rate: float, latest: datetime | None) -> Clock:
    """Return a clock that starts now, or at the latest time that is on record if that is later.

    A clock that once went fast, or a system's clock that was set back, leaves times behind that
    are yet to come; nothing must happen before what has happened.
    """
    system = SystemClock()
    now = system.now()
    if rate == 1 and (latest is None or latest <= now):
        return system
    return SimulatedClock(now if latest is None else max(now, latest), rate)


def _whole_milliseconds(moment: datetime) -> datetime:
    # The wire has milliseconds: a time that was read from it must compare equal to ours.
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
