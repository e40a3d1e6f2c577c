"""The plans that the runtime can play: what each allows. Numbers are IBM's.

Source: guides "Introduction to execution modes" and "Plans overview"; API reference, "accounts".
"""

from dataclasses import dataclass
from enum import StrEnum

from qrsession.protocol.bounds import DEFAULT_MAX_TTL_S

_OPEN_ALLOCATION_S = 600


class PlanName(StrEnum):
    """What ``--plan`` takes."""

    LOCAL = "local"
    OPEN = "open"
    PAYG = "payg"
    PREMIUM = "premium"


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan.

    Attributes:
        name: Its name here.
        display_name: Its name in the catalog; clients compare it in lower case.
        pricing_type: How it is paid, in the catalog's words.
        plan_id: Its id, fixed so that a client may keep it.
        allows_dedicated: Whether sessions may have a backend to themselves.
        allocation_s: Seconds of usage in a period; None for any number.
        max_ttl_s: The longest that a session may be asked to last; more is refused, not cut down.
    """

    name: PlanName
    display_name: str
    pricing_type: str
    plan_id: str
    allows_dedicated: bool = True
    allocation_s: int | None = None
    max_ttl_s: int = DEFAULT_MAX_TTL_S


PLANS = {
    plan.name: plan
    for plan in (
        Plan(PlanName.LOCAL, "local", "free", "10ca1000-0000-4000-8000-0000000000f1"),
        Plan(
            PlanName.OPEN,
            "Open",
            "free",
            "10ca1000-0000-4000-8000-0000000000f2",
            allows_dedicated=False,
            allocation_s=_OPEN_ALLOCATION_S,
        ),
        Plan(PlanName.PAYG, "Pay-as-you-go", "paygo", "10ca1000-0000-4000-8000-0000000000f3"),
        Plan(PlanName.PREMIUM, "Premium", "subscription", "10ca1000-0000-4000-8000-0000000000f4"),
    )
}
