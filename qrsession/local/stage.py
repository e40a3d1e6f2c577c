"""Everything that a scenario directs: requests, jobs, backends, tokens and usage, in one place."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from qrsession.local.casting import Cast
from qrsession.local.directing import Director
from qrsession.local.metering import Meter
from qrsession.local.outages import Outages
from qrsession.local.refusals import bad_request
from qrsession.local.scenario import Scenario
from qrsession.local.scenario.account import TokenRule, UsageRule
from qrsession.local.tokens import Tokens

# Ten times as many as a document may have. Each request is held against them all, in 3 ms.
_MOST_RULES = 10_000


@dataclass(frozen=True, slots=True)
class Stage:
    """Where scenarios are played, one at a time."""

    director: Director
    cast: Cast
    outages: Outages
    tokens: Tokens
    meter: Meter

    def play(self, scenario: Scenario, now: datetime) -> None:
        """Begin a scenario in place of the one before; what that has started goes on."""
        self.director.play(scenario)
        self.cast.play(scenario.jobs, scenario.seed)
        self.outages.play(scenario.backends)
        self.tokens.play(scenario.tokens or TokenRule())
        self.meter.play(scenario.usage or UsageRule(), now)

    def add(self, scenario: Scenario, now: datetime) -> None:
        """Add a scenario to the one that plays, whose rules go on.

        Rules of requests and jobs come behind, those of backends before the others, and what is
        said of tokens and usage counts from now.

        Raises:
            FaultError: There would be more rules than any request should be held against.
        """
        sizes = (
            len(self.director) + len(scenario.rules),
            len(self.cast) + len(scenario.jobs),
            len(self.outages) + len(scenario.backends),
        )
        if max(sizes) > _MOST_RULES:
            raise bad_request(
                f"The scenario would have more than {_MOST_RULES} rules of a kind.",
                solution="End it (DELETE) or reset the runtime, and begin anew.",
            )
        self.director.add(scenario.rules)
        self.cast.add(scenario.jobs)
        self.outages.add(scenario.backends)
        if scenario.tokens is not None:
            self.tokens.add(scenario.tokens)
        if scenario.usage is not None:
            self.meter.play(scenario.usage, now)

    def clear(self, now: datetime) -> None:
        """End the scenario, and undo what it has started, save for requests that are late."""
        self.play(Scenario(), now)
        self.director.reveal()
        self.cast.release()

    def next_due_s(self) -> float | None:
        """Return in how many seconds a job may run that may not yet; None where there is none."""
        due = (self.cast.next_due_s(), self.outages.next_due_s())
        return min((seconds for seconds in due if seconds is not None), default=None)

    def document(self) -> dict[str, Any]:
        """Write the scenario, and how far it is."""
        return {
            "schema_version": 1,
            **self.director.document(),
            **self.cast.document(),
            **self.outages.document(),
            "tokens": self.tokens.document(),
            "usage": self.meter.document(),
        }
