"""How far a rule of a scenario is: what it looked at, what it decided, and what is left of it."""

import random
from typing import Any, Protocol

from qrsession.local.scenario.reading import write_times


class Limited(Protocol):
    """A rule that applies so often."""

    @property
    def skip(self) -> int:
        """How many that match pass first."""
        ...

    @property
    def times(self) -> int | None:
        """How often it applies; None for always."""
        ...

    @property
    def probability(self) -> float:
        """How likely it applies to what matches."""
        ...

    def to_document(self) -> dict[str, Any]:
        """Write the rule as it would be given."""
        ...


class Turns:
    """Counts for one rule.

    Args:
        rule: The rule.
        chance_of: What its chances come from. Each rule has some of its own, so that none depends
            on how others are asked.
    """

    def __init__(self, rule: Limited, chance_of: str) -> None:
        self._rule = rule
        self._chance = random.Random(chance_of)  # noqa: S311 - no secret
        self.matched = 0
        self.fired = 0

    @property
    def is_over(self) -> bool:
        """Whether the rule applies no more."""
        return self._rule.times is not None and self.fired >= self._rule.times

    def fires(self) -> bool:
        """Count a match, and say whether the rule applies to it."""
        self.matched += 1
        if self.matched <= self._rule.skip or self._chance.random() >= self._rule.probability:
            return False
        self.fired += 1
        return True

    def document(self) -> dict[str, Any]:
        """Write the rule, and how far it is."""
        times = self._rule.times
        return {
            **self._rule.to_document(),
            "matched": self.matched,
            "fired": self.fired,
            "left": write_times(None if times is None else times - self.fired),
        }
