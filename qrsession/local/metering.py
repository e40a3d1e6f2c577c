"""What the instance has used, and what it may use: the plan's allocation, and a limit of its own.

Usage is counted over a rolling period, as the open plan's. Source: API reference, "instances".
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from qrsession.local import lifecycle
from qrsession.local.lifecycle import Session
from qrsession.local.refusals import FaultError
from qrsession.local.scenario.account import LARGEST_LIMIT_S, UsageRule
from qrsession.local.store import Store
from qrsession.protocol import faults
from qrsession.protocol.faults import Fault

PERIOD = timedelta(days=28)


class Meter:
    """Reads what was used, and holds it against the limit.

    Args:
        store: Where usage is kept.
        allocation_s: What the plan allows in a period, in seconds; None for any number.
    """

    def __init__(self, store: Store, allocation_s: float | None) -> None:
        self._store = store
        self.allocation_s = allocation_s
        # No other process can open the database, so what it says need not be asked each time.
        self._instance_limit_s = store.instance.limit_s()
        self._rule = UsageRule()
        self._played_limit_s: float | None = None

    def play(self, rule: UsageRule, now: datetime) -> None:
        """Let a scenario's limit count from now in place of all others, or none of it."""
        self._rule = rule
        self._played_limit_s = rule.limit_s
        if rule.left_s is not None:
            self._played_limit_s = self.consumed_s(now) + rule.left_s

    def document(self) -> dict[str, Any]:
        """Write what a scenario says of usage, and the limit that comes of it."""
        return {**self._rule.to_document(), "played_limit_s": self._played_limit_s}

    @property
    def instance_limit_s(self) -> int | None:
        """The limit that the instance was given below its plan's, in seconds."""
        return self._instance_limit_s

    @property
    def limit_s(self) -> float | None:
        """What may be used in a period, in seconds; None for any number."""
        if self._played_limit_s is not None:
            return self._played_limit_s
        limits = [limit for limit in (self.allocation_s, self._instance_limit_s) if limit]
        return min(limits, default=None)

    def consumed_s(self, now: datetime) -> float:
        """Return the seconds used in the period, those of open sessions among them."""
        ongoing_s = sum(
            lifecycle.usage_at(session, now) - session.usage_s
            for session in self._store.sessions.unclosed()
        )
        return self._store.listing.used_s(now - PERIOD) + ongoing_s

    def is_reached(self, now: datetime) -> bool:
        """Return whether nothing is left to use."""
        limit_s = self.limit_s
        return limit_s is not None and self.consumed_s(now) >= limit_s

    def check(self, now: datetime) -> None:
        """Refuse a job once nothing is left: 409.

        Raises:
            FaultError: The limit is reached.
        """
        if self.is_reached(now):
            raise FaultError(
                Fault(
                    409,
                    faults.USAGE_LIMIT_REACHED,
                    f"The instance has used all of its {self.limit_s:g} seconds.",
                    "Raise the limit of the instance, or wait until older usage is out of the"
                    " period.",
                )
            )

    def limit_instance(self, limit_s: int | None, now: datetime) -> None:
        """Give the instance a limit of its own, or none: 409 where more was used already.

        Raises:
            FaultError: It has used more than that.
        """
        consumed_s = self.consumed_s(now)
        if limit_s is not None and consumed_s > limit_s:
            raise FaultError(
                Fault(
                    409,
                    faults.BAD_REQUEST,
                    f"The instance has used {consumed_s:.3f} seconds already.",
                    "Choose a limit above that.",
                )
            )
        self._store.instance.set_limit(limit_s)
        self._instance_limit_s = limit_s

    def ends_at(self, sessions: Sequence[Session], now: datetime) -> datetime | None:
        """Return when sessions that are open will have used up, or have used up, what is left.

        None where there is no limit, or nothing open that uses it; ``now`` where nothing was left
        before they did.
        """
        limit_s = self.limit_s
        if limit_s is None or not sessions:
            return None
        # Another version may have stored a larger one.
        left_s = min(limit_s, LARGEST_LIMIT_S) - self._store.listing.used_s(now - PERIOD)
        if left_s <= 0:
            return now
        starts = [session.counting_since for session in sessions]
        return _used_up_at(sorted(start for start in starts if start is not None), left_s)


def _used_up_at(starts: Sequence[datetime], left_s: float) -> datetime | None:
    """Return when sessions that have been counting since some moments have used so much."""
    for number, start in enumerate(starts, 1):
        moment = start + timedelta(seconds=left_s / number)
        if number == len(starts) or moment <= starts[number]:
            return moment
        # Until the next one starts, these go on alone.
        left_s -= number * (starts[number] - start).total_seconds()
    return None
