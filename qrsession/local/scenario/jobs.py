"""What becomes of jobs: which, how often, how they end, after how long, and what they cost.

::

    [[jobs]]                # the next sampler job fails after three seconds, and is charged two
    program = "sampler"
    outcome = "failed"
    code = 1517
    reason = "The instruction cx on qubits (0, 2) is not supported."
    run_s = 3
    charge_s = 2
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from qrsession.local.scenario.reading import (
    HOW_OFTEN,
    LONGEST_DELAY_S,
    check_meaning,
    missing,
    read_times,
    write_times,
)
from qrsession.protocol.options import Field, Table, check_options

# The bounds of ``reason_code``. Source: API reference, "jobs".
_LOWEST_CODE, _HIGHEST_CODE = 1000, 9999
_LARGEST_CHARGE_S = 28 * 86_400


class Outcome(StrEnum):
    """How a job ends. COMPLETED runs it for real; the others never start its circuits."""

    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class JobRule:
    """One rule for jobs that are submitted while it plays.

    Attributes:
        outcome: How the job ends.
        name: For whoever reads the counts.
        program: The program, such as ``sampler``; ``*`` and ``?`` stand for others, here and below.
        backend: The backend.
        session_id: The session of the job, as it stands.
        tag: A tag of the job.
        skip: How many jobs that match pass unharmed first.
        times: How often the rule applies; None for always.
        probability: How likely it applies to a job that matches.
        code: IBM's code of the reason; by default the one for a job that failed, or was cancelled.
        reason: Why it ended.
        solution: What to do about it.
        logs: What the job wrote.
        queue_s: How long it waits in the queue before it may run; others pass it.
        run_s: How long it is running, and has its lane, at least; the job's own limit still holds.
        charge_s: What it is charged, in seconds; None for ``run_s``, or what it really took if that
            is more.
    """

    outcome: Outcome = Outcome.COMPLETED
    name: str | None = None
    program: str | None = None
    backend: str | None = None
    session_id: str | None = None
    tag: str | None = None
    skip: int = 0
    times: int | None = 1
    probability: float = 1.0
    code: int | None = None
    reason: str | None = None
    solution: str | None = None
    logs: str = ""
    queue_s: float = 0.0
    run_s: float = 0.0
    charge_s: float | None = None

    def to_document(self) -> dict[str, Any]:
        """Write the rule as it would be given, without what is as by default."""
        written = {n: value for n, value in asdict(self).items() if value != _DEFAULTS[n]}
        if self.times is None:
            written["times"] = write_times(None)
        return written


_DEFAULTS = asdict(JobRule())

_MATCHING: Table = {
    **HOW_OFTEN,
    "program": Field(str),
    "backend": Field(str),
    "session_id": Field(str),
    "tag": Field(str),
}
_OUTCOME: Table = {"outcome": Field(str, choices=tuple(Outcome))}
_LASTING: Table = {
    "queue_s": Field(float, low=0, high=LONGEST_DELAY_S),
    "run_s": Field(float, low=0, high=LONGEST_DELAY_S),
    "charge_s": Field(float, low=0, high=_LARGEST_CHARGE_S),
}
_REASONS: Table = {
    "code": Field(int, low=_LOWEST_CODE, high=_HIGHEST_CODE),
    "reason": Field(str),
    "solution": Field(str),
    "logs": Field(str),
}


def read_job_rule(entry: Mapping[str, Any], path: str) -> JobRule:
    """Read one rule.

    Raises:
        InvalidValueError: A field is unknown or out of bounds, or has no meaning for the outcome.
        InvalidTypeError: A field has the wrong type.
    """
    check_options({k: v for k, v in entry.items() if k == "outcome"}, _OUTCOME, path)
    outcome = Outcome(entry.get("outcome", Outcome.COMPLETED))
    effects = _LASTING if outcome is Outcome.COMPLETED else {**_LASTING, **_REASONS}
    check_meaning(entry, _REASONS, effects, path, f'the outcome "{outcome}"')
    check_options(entry, {**_OUTCOME, **_MATCHING, **effects}, path)
    if "outcome" not in entry and not any(name in entry for name in _LASTING):
        raise missing(path, "outcome")
    fields = {**entry, "outcome": outcome}
    if "times" in fields:
        fields["times"] = read_times(fields["times"], f"{path}.times")
    return JobRule(**fields)
