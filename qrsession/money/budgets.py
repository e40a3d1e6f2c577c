"""A session's budget: what was spent of it, what running jobs may still spend, what is left. Pure.

A job is sent with a maximum of its own (``cost``), which the service enforces, and that maximum is
reserved before: so the jobs together cannot spend more than the budget, however many processes
submit them at once. When a job has ended, what it used takes the place of its reservation.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from qrsession.duration import format_seconds
from qrsession.errors import InvalidValueError, LimitReachedError
from qrsession.protocol.bounds import DEFAULT_MAX_TTL_S, LARGEST_MAX_TTL_S, LONGEST_COST_S
from qrsession.protocol.fields import objects, required, required_moment, write_moment
from qrsession.protocol.status import SessionMode

# What is reserved for a job that names no maximum: a share of what is left, so that several can run
# side by side, but never so little that the service would cut a job short that does what its
# estimate says.
SHARE = 4
LEAST_SHARE_S = 10
LARGEST_SHARE_S = 60
TIMES_ESTIMATE = 3


@dataclass(frozen=True)
class Ask:
    """What a job wants of a budget.

    Attributes:
        max_execution_time_s: The maximum that its user gave it, if any.
        estimate_s: How long it is thought to take.
        is_simulated: Whether a simulator runs it, of which the estimate says nothing.
    """

    max_execution_time_s: int | None
    estimate_s: float
    is_simulated: bool = False

    @property
    def least_s(self) -> int:
        """Below this, sending it would spend money on a job that the service cuts short."""
        if self.max_execution_time_s is not None or self.is_simulated:
            return 1
        return min(max(math.ceil(self.estimate_s), 1), LONGEST_COST_S)

    @property
    def most_s(self) -> int:
        """What it would be given of a budget without end."""
        if self.max_execution_time_s is not None:
            return self.max_execution_time_s
        return min(max(LARGEST_SHARE_S, self._needed_s), LONGEST_COST_S)

    def share_of(self, left_s: float) -> int:
        """Return what it is to have of so much, which may be more than that."""
        if self.max_execution_time_s is not None:
            return self.max_execution_time_s
        smallest_s = max(LEAST_SHARE_S, self._needed_s)
        return min(max(math.floor(left_s / SHARE), smallest_s), self.most_s)

    @property
    def _needed_s(self) -> int:
        return 0 if self.is_simulated else math.ceil(TIMES_ESTIMATE * self.estimate_s)


@dataclass(frozen=True)
class Reservation:
    """What a submission may still spend.

    Attributes:
        tag: The submission's tag, which its job bears.
        cost_s: Its maximum execution time, in seconds.
        created_at: When it was made, UTC.
    """

    tag: str
    cost_s: int
    created_at: datetime


@dataclass(frozen=True)
class Budget:
    """The budget of a session, in QPU seconds.

    Attributes:
        session_id: The session.
        mode: ``dedicated``, whose usage is wall-clock time, or ``batch``, whose usage is that of
            its jobs.
        budget_s: What may be spent in all.
        spent_s: What jobs that have ended used.
        reservations: What those that have not may use.
    """

    session_id: str
    mode: str
    budget_s: int
    spent_s: float = 0.0
    reservations: tuple[Reservation, ...] = ()

    @property
    def is_dedicated(self) -> bool:
        """Whether the session's own time is what it uses."""
        return self.mode != SessionMode.BATCH

    @property
    def reserved_s(self) -> int:
        """What jobs that have not ended may use, together."""
        return sum(reservation.cost_s for reservation in self.reservations)

    def spent_with(self, used_s: float) -> float:
        """Return what was spent, where the session itself is known to have used so much."""
        return max(self.spent_s, used_s)

    def left_s(self, used_s: float = 0.0) -> float:
        """Return what is neither spent nor reserved."""
        return max(self.budget_s - self.spent_with(used_s) - self.reserved_s, 0.0)

    def reserve(
        self, tag: str, ask: Ask, now: datetime, used_s: float = 0.0
    ) -> "tuple[Budget, int]":
        """Reserve for a submission; return the budget then, and the job's maximum in seconds.

        A reservation of the same tag, which an earlier try of the same submission left, is
        replaced.

        Args:
            tag: The submission's tag.
            ask: What it wants.
            now: The time, UTC.
            used_s: What the session itself has used, where its time is what it uses.

        Raises:
            LimitReachedError: So little is left that the job cannot be sent; ``details`` has what
                is left, reserved and spent.
        """
        before = self.release(tag)
        left_s = before.left_s(used_s)
        granted_s = min(ask.share_of(left_s), math.floor(left_s))
        if granted_s < ask.least_s:
            raise before.used_up(ask, used_s)
        reservation = Reservation(tag, granted_s, now)
        return replace(before, reservations=(*before.reservations, reservation)), granted_s

    def would_give(self, ask: Ask, used_s: float = 0.0) -> int:
        """Return the maximum that a job would get now; 0 where it could not be sent."""
        left_s = self.left_s(used_s)
        granted_s = min(ask.share_of(left_s), math.floor(left_s))
        return granted_s if granted_s >= ask.least_s else 0

    def release(self, tag: str) -> "Budget":
        """Forget the reservation of a submission that came to nothing."""
        kept = tuple(one for one in self.reservations if one.tag != tag)
        return replace(self, reservations=kept)

    def settle(self, tag: str, usage_s: float) -> "Budget":
        """Put what a job used in place of its reservation. A second time nothing happens."""
        released = self.release(tag)
        if len(released.reservations) == len(self.reservations):
            return self
        return replace(released, spent_s=self.spent_s + max(usage_s, 0.0))

    def used_up(self, ask: Ask, used_s: float) -> LimitReachedError:
        """Return the error for a job that does not fit."""
        left_s = self.left_s(used_s)
        is_long = ask.least_s > 1
        needed = (
            f"the job is estimated at {format_seconds(ask.estimate_s)}"
            if is_long
            else "a job needs 1 s"
        )
        advice = "Open another session with a budget of its own."
        if is_long and left_s >= 1:
            advice = "To try all the same: --max-execution-time, which the service enforces."
        if self.reservations:
            advice = "Wait for the jobs that have reserved it: qrsession status"
        return LimitReachedError(
            f"The budget of {self.budget_s} s does not allow it: "
            f"{format_seconds(self.spent_with(used_s))} are spent, "
            f"{self.reserved_s} s reserved by jobs that have not ended, "
            f"{format_seconds(left_s)} left; {needed}.",
            advice=advice,
            details={
                "session_id": self.session_id,
                "budget_s": self.budget_s,
                "spent_s": self.spent_with(used_s),
                "reserved_s": self.reserved_s,
                "left_s": left_s,
                "estimate_s": ask.estimate_s,
            },
        )

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> "Budget":
        """Read a budget. Unknown keys are ignored.

        Raises:
            WireFormatError: A key is missing or of another type.
        """
        return cls(
            session_id=required(record, "session_id", str),
            mode=required(record, "mode", str),
            budget_s=required(record, "budget_s", int),
            spent_s=required(record, "spent_s", float),
            reservations=tuple(
                Reservation(
                    required(one, "tag", str),
                    required(one, "cost_s", int),
                    required_moment(one, "created_at"),
                )
                for one in objects(record, "reservations")
            ),
        )

    def to_record(self) -> dict[str, Any]:
        """Write a budget."""
        return {
            "session_id": self.session_id,
            "mode": self.mode,
            "budget_s": self.budget_s,
            "spent_s": self.spent_s,
            "reservations": [
                {
                    "tag": one.tag,
                    "cost_s": one.cost_s,
                    "created_at": write_moment(one.created_at),
                }
                for one in self.reservations
            ],
        }


def check_budget(budget_s: int | None) -> int | None:
    """Hold a budget against its bounds.

    Raises:
        InvalidValueError: It is less than a second, or more than a session can last.
    """
    if budget_s is not None and not 1 <= budget_s <= LARGEST_MAX_TTL_S:
        raise InvalidValueError(
            f"budget is {budget_s} s; it must be at least 1 s.",
            advice="Give QPU seconds, or a duration like 10m.",
        )
    return budget_s


def longest_with(
    max_time_s: int | None, budget_s: int | None, mode: str, longest_s: int | None = None
) -> int | None:
    """Return the maximum time to ask of the service for a session with a budget.

    The usage of a dedicated session is its own time, so the service can end it where the budget
    ends: below the shortest that a user may ask for, too. A batch's usage is that of its jobs.

    Args:
        max_time_s: What the user asked for; None: the service's own maximum.
        budget_s: The budget, if any.
        mode: ``dedicated`` or ``batch``.
        longest_s: The longest that the plan allows, where that is known.
    """
    if budget_s is None or mode == SessionMode.BATCH:
        return max_time_s
    if max_time_s is None and budget_s >= DEFAULT_MAX_TTL_S:
        # What the service does untold is less already, and a plan may allow no more.
        return None
    limits = (max_time_s, budget_s, longest_s if max_time_s is None else None)
    return min(limit for limit in limits if limit is not None)
