"""Plays the rules of a scenario: which one decides about a request, and what is hidden.

In memory alone: a runtime that starts anew plays its scenario from the beginning.
"""

import asyncio
import logging
import re
import time
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Protocol

from qrsession.local.scenario import Rule, Scenario
from qrsession.local.scenario.counting import Turns
from qrsession.local.scenario.holding import Holding
from qrsession.local.scenario.patterns import LONGEST_PATH, path_pattern, safe_pattern

_LOGGER = logging.getLogger(__name__)


class Asked(Protocol):
    """A request, as far as rules look at it."""

    @property
    def method(self) -> str:
        """The HTTP method."""
        ...

    @property
    def path(self) -> str:
        """The path below the API's base."""
        ...

    @property
    def session_ids(self) -> frozenset[str]:
        """The sessions that it is about."""
        ...

    @property
    def tags(self) -> frozenset[str]:
        """The tags that it names, or that its job has."""
        ...


@dataclass(slots=True)
class _Part:
    """A rule and how far it is."""

    rule: Rule
    path: re.Pattern[str] | None
    turns: Turns

    def matches(self, asked: Asked) -> bool:
        rule = self.rule
        return (
            (rule.method is None or rule.method == asked.method)
            and (self.path is None or _matches(self.path, asked.path))
            and (rule.session_id is None or rule.session_id in asked.session_ids)
            and (rule.tag is None or any(fnmatchcase(tag, rule.tag) for tag in asked.tags))
        )


class Director:
    """Plays the rules of one scenario at a time. For one event loop."""

    def __init__(
        self, scenario: Scenario | None = None, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._hidden = Holding(monotonic)
        self._tasks: set[asyncio.Task[None]] = set()
        self.play(scenario or Scenario())

    def play(self, scenario: Scenario) -> None:
        """Begin the rules of a scenario, from their beginning, in place of those before.

        What those before have started goes on: late requests arrive, hidden jobs stay hidden.
        """
        self._seed = scenario.seed
        self._parts: list[_Part] = []
        self.add(scenario.rules)

    def add(self, rules: Iterable[Rule]) -> None:
        """Put rules behind those that are there, which go on."""
        for rule in rules:
            turns = Turns(rule, f"{self._seed}:{len(self._parts)}")
            self._parts.append(_Part(rule, _path_pattern(rule), turns))

    def choose(self, asked: Asked) -> Rule | None:
        """Return the rule that decides about a request, None where it is to be left alone."""
        for part in self._parts:
            if not part.turns.is_over and part.matches(asked) and part.turns.fires():
                return part.rule
        return None

    def __len__(self) -> int:
        return len(self._parts)

    @property
    def is_idle(self) -> bool:
        """Whether no rule can apply any more."""
        return all(part.turns.is_over for part in self._parts)

    def hide(self, job_id: str, for_s: float) -> None:
        """Keep a job out of lists for a while."""
        self._hidden.add(job_id, for_s)

    def reveal(self) -> None:
        """Show all hidden jobs."""
        self._hidden.clear()

    def hidden(self) -> tuple[str, ...]:
        """Return the jobs that lists do not show now."""
        return self._hidden.job_ids()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something that no request waits for."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def drop_late(self) -> None:
        """Let the requests that are late never arrive."""
        for task in self._tasks:
            task.cancel()

    async def stop(self) -> None:
        """Drop the requests that are late: the runtime ends."""
        self.drop_late()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def document(self) -> dict[str, Any]:
        """Write the rules, how far they are, and what they have started."""
        return {
            "seed": self._seed,
            "rules": [part.turns.document() for part in self._parts],
            "late_requests": len(self._tasks),
            "hidden_jobs": list(self.hidden()),
        }

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _LOGGER.error("A late request failed", exc_info=error)


def _matches(pattern: re.Pattern[str], path: str) -> bool:
    return len(path) <= LONGEST_PATH and pattern.fullmatch(path) is not None


def _path_pattern(rule: Rule) -> re.Pattern[str] | None:
    if rule.path_regex is not None:
        return safe_pattern(rule.path_regex, "path_regex")
    return None if rule.path is None else path_pattern(rule.path, "path")
