"""The conditions under which a runtime serves: what `serve` and `local start` can ask for."""

import math
from dataclasses import dataclass
from pathlib import Path

from qrsession.errors import InvalidValueError
from qrsession.local.account.plans import PLANS, Plan, PlanName
from qrsession.local.cluster.address import check_engine
from qrsession.local.in_force import InForce
from qrsession.local.scenario import Scenario, read_scenario

# Beyond, a millisecond of a laptop would be minutes of a session.
FASTEST_CLOCK = 100_000.0
SLOWEST_CLOCK = 0.01


@dataclass(frozen=True, slots=True)
class Conditions:
    """How the service behaves; by default without any limit that a laptop has no need of.

    Attributes:
        clock_rate: How many seconds of sessions, limits and usage pass in one of real time.
        submissions_per_minute: How many jobs may be submitted in a minute of that clock; None for
            any number. IBM's service takes 5.
        scenario_file: What goes wrong; None for nothing.
        plan_name: The plan of the account.
        usage_limit_s: What the instance may use in 28 days, in place of what its plan allows.
        engine: The Dask scheduler of the cluster that runs the jobs; None for this machine.
    """

    clock_rate: float = 1.0
    submissions_per_minute: int | None = None
    scenario_file: Path | None = None
    plan_name: str = PlanName.LOCAL
    usage_limit_s: float | None = None
    engine: str | None = None

    @property
    def plan(self) -> Plan:
        """The plan, with what it allows."""
        return PLANS[PlanName(self.plan_name)]

    @property
    def allocation_s(self) -> float | None:
        """What the instance may use in 28 days, in seconds; None for any number."""
        return self.plan.allocation_s if self.usage_limit_s is None else self.usage_limit_s

    @property
    def in_force(self) -> InForce:
        """These conditions, for whoever asks under which ones a runtime serves."""
        return InForce(
            plan=str(self.plan_name),
            clock_rate=self.clock_rate,
            usage_limit_s=self.allocation_s,
            submissions_per_minute=self.submissions_per_minute,
            scenario=None if self.scenario_file is None else str(self.scenario_file.absolute()),
        )

    def check(self) -> Scenario:
        """Hold the conditions against their bounds, and return the scenario.

        Raises:
            InvalidValueError: One is out of bounds, or the scenario is not valid.
            UsageError: The engine needs what is not installed.
        """
        rate = self.clock_rate
        if not (math.isfinite(rate) and SLOWEST_CLOCK <= rate <= FASTEST_CLOCK):
            raise InvalidValueError(
                f"The clock's rate is {rate:g}; it must be {SLOWEST_CLOCK:g} to {FASTEST_CLOCK:g}.",
            )
        if self.submissions_per_minute is not None and self.submissions_per_minute < 1:
            raise InvalidValueError("There must be at least one submission a minute.")
        if self.plan_name not in set(PlanName):
            raise InvalidValueError(
                f"There is no plan {self.plan_name!r}; use one of {', '.join(PlanName)}."
            )
        limit_s = self.usage_limit_s
        if limit_s is not None and not (math.isfinite(limit_s) and limit_s > 0):
            raise InvalidValueError(
                f"The usage limit is {limit_s:g}; it must be more than 0 seconds."
            )
        if self.engine is not None:
            check_engine(self.engine)
        return Scenario() if self.scenario_file is None else read_scenario(self.scenario_file)

    def checked_arguments(self) -> tuple[str, ...]:
        """Return these conditions as arguments of ``python -m qrsession.local``.

        Raises:
            InvalidValueError: One is out of bounds, or the scenario is not valid.
            UsageError: The engine needs what is not installed.
        """
        self.check()
        given: list[str] = []
        if self.clock_rate != 1:
            given += ["--clock-rate", repr(self.clock_rate)]
        if self.submissions_per_minute is not None:
            given += ["--submissions-per-minute", str(self.submissions_per_minute)]
        if self.plan_name != PlanName.LOCAL:
            given += ["--plan", self.plan_name]
        if self.usage_limit_s is not None:
            given += ["--usage-limit", repr(self.usage_limit_s)]
        if self.scenario_file is not None:
            # The runtime in the background works in another folder.
            given += ["--scenario", str(self.scenario_file.absolute())]
        if self.engine is not None:
            given += ["--engine", self.engine]
        return tuple(given)
