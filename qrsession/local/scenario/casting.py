"""Plays what a scenario says of jobs: each is given its part when it is submitted.

A part is in memory alone: a job that outlives its runtime runs as any other. A job that only
pretends to run has a lane all the same, so that others wait for it as they would.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

from qrsession.local.lanes.lane import Interruption, ran_too_long
from qrsession.local.scenario.counting import Turns
from qrsession.local.scenario.holding import Holding
from qrsession.local.scenario.jobs import JobRule, Outcome
from qrsession.local.store.job_rows import Ending, Job
from qrsession.protocol import faults
from qrsession.protocol.models import JobRequest
from qrsession.protocol.status import JobStatus

_AS_THE_SCENARIO_SAYS = {
    Outcome.FAILED: (
        JobStatus.FAILED,
        faults.JOB_FAILED_TO_RUN,
        "The job failed as the scenario says.",
    ),
    Outcome.CANCELLED: (
        JobStatus.CANCELLED,
        faults.JOB_CANCELLED,
        "The job was cancelled as the scenario says.",
    ),
}


@dataclass(frozen=True, slots=True)
class _Part:
    rule: JobRule
    turns: Turns

    def matches(self, request: JobRequest) -> bool:
        rule = self.rule
        return (
            (rule.program is None or fnmatchcase(request.program_id, rule.program))
            and (rule.backend is None or fnmatchcase(request.backend, rule.backend))
            and (rule.session_id is None or rule.session_id == request.session_id)
            and (rule.tag is None or any(fnmatchcase(tag, rule.tag) for tag in request.tags))
        )


class Cast:
    """Gives jobs their parts, and plays them. For one event loop."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._given: dict[str, JobRule] = {}
        self._waiting = Holding(monotonic)
        self._running: dict[str, asyncio.Event] = {}
        self.play((), 0)

    def play(self, rules: Sequence[JobRule], seed: int) -> None:
        """Begin these rules in place of those before; parts that are given stay."""
        self._seed = seed
        self._parts: list[_Part] = []
        self.add(rules)

    def add(self, rules: Iterable[JobRule]) -> None:
        """Put rules behind those that are there, which go on."""
        for rule in rules:
            turns = Turns(rule, f"{self._seed}:jobs:{len(self._parts)}")
            self._parts.append(_Part(rule, turns))

    def __len__(self) -> int:
        return len(self._parts)

    def release(self) -> None:
        """Take all parts back: jobs that wait run as any other, those that run end now."""
        self._given.clear()
        self._waiting.clear()
        for is_over in self._running.values():
            is_over.set()

    def assign(self, job_id: str, request: JobRequest) -> None:
        """Give a job that was just submitted its part, if there is one for it."""
        for part in self._parts:
            if not part.turns.is_over and part.matches(request) and part.turns.fires():
                self._given[job_id] = part.rule
                if part.rule.queue_s:
                    self._waiting.add(job_id, part.rule.queue_s)
                return

    def drop(self, job_id: str) -> None:
        """Forget a job: it was cancelled."""
        self._given.pop(job_id, None)
        self._waiting.drop(job_id)
        if job_id in self._running:
            self._running[job_id].set()

    def waiting(self) -> tuple[str, ...]:
        """Return the jobs that must wait in the queue still."""
        return self._waiting.job_ids()

    def next_due_s(self) -> float | None:
        """Return in how many seconds the next of them may run; None where none waits."""
        return self._waiting.next_due_s()

    async def perform(
        self, job: Job, run: Callable[[], Awaitable[Ending | Interruption]]
    ) -> Ending | Interruption:
        """Say how a job ends, after the time that its part takes. ``run`` runs it for real.

        A job whose part is longer than it may run is cancelled at its limit, as in a lane.
        """
        rule = self._given.pop(job.job_id, None)
        if rule is None:
            return await run()
        is_over = self._running[job.job_id] = asyncio.Event()
        started_s = self._monotonic()
        try:
            ending = await run() if rule.outcome is Outcome.COMPLETED else _ending_of(rule)
            if isinstance(ending, Interruption):
                if not is_over.is_set():
                    # It goes back to the queue, and its part with it.
                    self._given[job.job_id] = rule
                return ending
            held_s = min(rule.run_s, job.cost_s)
            left_s = started_s + held_s - self._monotonic()
            if left_s > 0:
                with suppress(TimeoutError):
                    await asyncio.wait_for(is_over.wait(), left_s)
        finally:
            del self._running[job.job_id]
        charge_s = max(held_s, ending.qpu_s) if rule.charge_s is None else rule.charge_s
        if rule.run_s > job.cost_s and not is_over.is_set():
            ending = _ran_too_long(job.cost_s)
        return replace(ending, qpu_s=charge_s)

    def document(self) -> dict[str, Any]:
        """Write the rules, how far they are, and which jobs wait because of them."""
        return {
            "jobs": [part.turns.document() for part in self._parts],
            "queued_jobs": list(self.waiting()),
        }


def _ending_of(rule: JobRule) -> Ending:
    status, code, reason = _AS_THE_SCENARIO_SAYS[rule.outcome]
    return Ending(
        status,
        reason=rule.reason or reason,
        reason_code=code if rule.code is None else rule.code,
        reason_solution=rule.solution,
        logs=rule.logs,
    )


def _ran_too_long(cost_s: int) -> Ending:
    failure = ran_too_long(cost_s)
    return Ending(
        JobStatus.CANCELLED,
        reason=failure.reason,
        reason_code=failure.code,
        reason_solution=failure.solution,
    )
