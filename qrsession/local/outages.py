"""Plays what a scenario says of backends: whether they take jobs and run them, and their queues."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from qrsession.local.refusals import bad_request
from qrsession.local.scenario.backends import BackendRule, BackendState
from qrsession.local.scenario.reading import ALWAYS
from qrsession.protocol import faults

_AVAILABLE = "available"
# In the words of ``GET /backends`` and of ``GET /backends/{name}/status``. The list knows no
# internal use, and whoever picks a backend from it must not pick such a one.
_LISTED_AS = {
    BackendState.ONLINE: "online",
    BackendState.PAUSED: "paused",
    BackendState.INTERNAL: "paused",
    BackendState.OFFLINE: "offline",
}
_STATUS_AS = {**_LISTED_AS, BackendState.ONLINE: "active", BackendState.INTERNAL: "internal"}


@dataclass(frozen=True, slots=True)
class Standing:
    """How a backend stands: its state, and why, in words."""

    state: BackendState = BackendState.ONLINE
    reason: str = _AVAILABLE

    @property
    def listed_as(self) -> dict[str, str]:
        """The field ``status`` of the list of backends."""
        return {"name": _LISTED_AS[self.state], "reason": self.reason}

    @property
    def status_as(self) -> dict[str, Any]:
        """The fields of its own status: a paused one is operational, and takes jobs."""
        return {
            "state": self.state is not BackendState.OFFLINE,
            "status": _STATUS_AS[self.state],
            "message": self.reason,
        }


@dataclass(frozen=True, slots=True)
class _Part:
    rule: BackendRule
    until_s: float | None


class Outages:
    """Says how backends stand now."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._parts: list[_Part] = []

    def play(self, rules: Sequence[BackendRule]) -> None:
        """Begin these rules in place of those before."""
        self._parts = []
        self.add(rules)

    def add(self, rules: Sequence[BackendRule]) -> None:
        """Put rules before those that are there, since the latest word on a backend counts."""
        now_s = self._monotonic()
        added = [_Part(rule, None if rule.for_s is None else now_s + rule.for_s) for rule in rules]
        self._parts = [*added, *self._parts]

    def __len__(self) -> int:
        return len(self._parts)

    def standing(self, name: str) -> Standing:
        """Say how a backend stands."""
        for rule in self._rules_of(name):
            if rule.status is not None:
                usual = _AVAILABLE if rule.status is BackendState.ONLINE else rule.status.value
                return Standing(rule.status, rule.reason or usual)
        return Standing()

    def listed(self, name: str) -> dict[str, Any]:
        """Return what the list of backends says of one in place of what it would; maybe nothing."""
        has_word = any(rule.status is not None for rule in self._rules_of(name))
        return {"status": self.standing(name).listed_as} if has_word else {}

    def queue_length(self, name: str, real: int) -> int:
        """Return how many jobs are said to wait for a backend, where ``real`` ones do."""
        said = (rule.queue_length for rule in self._rules_of(name))
        return next((length for length in said if length is not None), real)

    def holds(self, name: str) -> bool:
        """Return whether a backend runs no jobs now."""
        return bool(self._parts) and self.standing(name).state is not BackendState.ONLINE

    def check(self, name: str) -> None:
        """Refuse a job for a backend that is offline: 400, with the code of such a backend.

        Raises:
            FaultError: It is offline.
        """
        if not self._parts:
            return
        standing = self.standing(name)
        if standing.state is BackendState.OFFLINE:
            raise bad_request(
                f"The backend {name} is not available: {standing.reason}.",
                code=faults.BACKEND_NOT_AVAILABLE,
                solution="Submit the job to another backend, or later.",
            )

    def next_due_s(self) -> float | None:
        """Return in how many seconds a rule ends next; None where none does."""
        now_s = self._monotonic()
        left = (part.until_s - now_s for part in self._parts if part.until_s is not None)
        return min((left_s for left_s in left if left_s > 0), default=None)

    def document(self) -> dict[str, Any]:
        """Write the rules, and for how many seconds each still holds."""
        now_s = self._monotonic()
        return {
            "backends": [
                {
                    **part.rule.to_document(),
                    "left_s": ALWAYS
                    if part.until_s is None
                    else round(max(part.until_s - now_s, 0.0), 3),
                }
                for part in self._parts
            ]
        }

    def _rules_of(self, name: str) -> Iterator[BackendRule]:
        now_s = self._monotonic()
        for part in self._parts:
            is_over = part.until_s is not None and part.until_s <= now_s
            if not is_over and fnmatchcase(name, part.rule.name):
                yield part.rule
