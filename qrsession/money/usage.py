"""What an instance has used and has left, in QPU seconds."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from qrsession.duration import format_seconds

if TYPE_CHECKING:
    from qrsession.protocol.models import InstanceUsage

# From here on a limit is near.
NEARLY = 0.9


@dataclass(frozen=True)
class UsageReport:
    """The usage of an instance, in seconds; None where nothing limits it, or it is not known.

    Attributes:
        instance: Its CRN.
        plan: What its plan is called, or the plan's id.
        consumed_s: What was used in the period, by all who use the instance.
        limit_s: What may be used in the period.
        allocation_s: What the plan allots for it, of which the limit may be a part.
        remaining_s: What is left of the limit.
        limit_reached: Whether nothing is left.
        period_start: When the period began, UTC.
        period_end: When it ends, UTC; for a rolling period, now.
        name: What its owner called it.
    """

    instance: str
    plan: str
    consumed_s: float
    limit_s: float | None
    allocation_s: float | None
    remaining_s: float | None
    limit_reached: bool
    period_start: datetime | None
    period_end: datetime | None
    name: str | None = None

    @classmethod
    def of(
        cls, usage: "InstanceUsage", *, plan: str | None = None, name: str | None = None
    ) -> "UsageReport":
        """Report what the service says of an instance."""
        remaining_s = None
        if usage.limit_s is not None:
            remaining_s = max(usage.limit_s - usage.consumed_s, 0.0)
        return cls(
            instance=usage.instance,
            plan=plan or usage.plan_id,
            consumed_s=usage.consumed_s,
            limit_s=usage.limit_s,
            allocation_s=usage.allocation_s,
            remaining_s=remaining_s,
            limit_reached=usage.limit_reached or remaining_s == 0,
            period_start=usage.period_start,
            period_end=usage.period_end,
            name=name,
        )

    @property
    def is_nearly_reached(self) -> bool:
        """Whether less than a tenth is left, but something."""
        if self.limit_reached or not self.limit_s:
            return False
        return self.consumed_s > NEARLY * self.limit_s

    def summary(self) -> str:
        """Say what was used and what is left, in a few words."""
        if self.limit_s is None or self.remaining_s is None:
            return f"{format_seconds(self.consumed_s)} are used, and no limit is known"
        used = f"{format_seconds(self.consumed_s)} of {format_seconds(self.limit_s)} are used"
        return f"{used}, {format_seconds(self.remaining_s)} left"

    def document(self) -> dict[str, Any]:
        """Return the fields of the envelope."""
        return {
            "instance": self.instance,
            "name": self.name,
            "plan": self.plan,
            "consumed_s": self.consumed_s,
            "limit_s": self.limit_s,
            "allocation_s": self.allocation_s,
            "remaining_s": self.remaining_s,
            "limit_reached": self.limit_reached,
            "period": {"start": self.period_start, "end": self.period_end},
        }
