"""Under which conditions a runtime serves, as it says itself. Standard library only."""

from dataclasses import asdict, dataclass
from typing import Any

DEFAULT_PLAN = "local"


@dataclass(frozen=True)
class InForce:
    """The conditions of a runtime that is up.

    Attributes:
        plan: The name of the plan that it plays.
        clock_rate: How many seconds of its clock pass in one of real time.
        usage_limit_s: What may be used in 28 days, in seconds; None for any number.
        submissions_per_minute: How many jobs may be submitted in a minute; None for any number.
        scenario: The file of the scenario that it was started with; None for none.
    """

    plan: str = DEFAULT_PLAN
    clock_rate: float = 1.0
    usage_limit_s: float | None = None
    submissions_per_minute: int | None = None
    scenario: str | None = None

    @classmethod
    def from_record(cls, value: Any) -> "InForce":
        """Read what `to_record` wrote. What is missing or strange is taken as the default.

        A runtime of another version may say more, or less.
        """
        record = value if isinstance(value, dict) else {}
        plan, scenario = record.get("plan"), record.get("scenario")
        clock_rate = _number(record.get("clock_rate"))
        submissions = _number(record.get("submissions_per_minute"))
        return cls(
            plan=plan if isinstance(plan, str) else DEFAULT_PLAN,
            clock_rate=1.0 if clock_rate is None else clock_rate,
            usage_limit_s=_number(record.get("usage_limit_s")),
            submissions_per_minute=None if submissions is None else int(submissions),
            scenario=scenario if isinstance(scenario, str) else None,
        )

    def to_record(self) -> dict[str, Any]:
        """Return the conditions by name."""
        return asdict(self)


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number else None
