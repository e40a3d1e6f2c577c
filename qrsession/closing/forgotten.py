"""Which sessions look forgotten, and why. Pure: what is known of a session's use, and the time.

The rules stand in `RULES`. None of them holds for a session in which a job is queued or runs, one
that takes no more jobs, or one that closes with a process that lives.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from qrsession.duration import format_duration
from qrsession.protocol.status import SessionMode, SessionState
from qrsession.state.entries import SessionEntry

_MINUTE_S = 60
_HOUR_S = 3600
_DAY_S = 86_400
# While it holds a device, or may take it back at once.
_COSTING = frozenset({SessionState.ACTIVE, SessionState.INACTIVE, SessionState.PENDING_INACTIVE})


@dataclass(frozen=True)
class Ages:
    """How long a session has shown no sign of life before a rule holds, in seconds.

    Attributes:
        orphaned_s: Where its process is gone.
        idle_s: Where it costs though nothing runs.
        unused_s: Where no job was ever run in it.
    """

    orphaned_s: float = 0
    idle_s: float = 2 * _HOUR_S
    unused_s: float = _DAY_S

    @classmethod
    def of(cls, age_s: float | None) -> "Ages":
        """Return one age for all rules, or the usual ones."""
        return cls() if age_s is None else cls(age_s, age_s, age_s)


@dataclass(frozen=True)
class Traces:
    """What is known of a session's use.

    Attributes:
        entry: What the ledger has.
        state: Its state at the service.
        accepting_jobs: Whether it takes jobs.
        last_seen_alive: When it was opened, or a job of it was submitted, began or ended: the
            last of these, UTC.
        has_jobs: Whether any job was ever sent to it.
        is_in_use: Whether a job of it is queued, runs, or is being submitted.
    """

    entry: SessionEntry
    state: str
    accepting_jobs: bool
    last_seen_alive: datetime
    has_jobs: bool = False
    is_in_use: bool = False


@dataclass(frozen=True)
class Rule:
    """One way in which a session looks forgotten.

    Attributes:
        age_s: How long it must have been without a sign of life.
        reason: Says why it looks forgotten, given that time; None where the rule does not hold.
    """

    age_s: Callable[[Ages], float]
    reason: Callable[[Traces, str], str | None]


def _process_gone(traces: Traces, _age: str) -> str | None:
    mark = traces.entry.closes_with
    return f"its process {mark.pid} is gone" if mark is not None and mark.is_gone() else None


def _program_gone(traces: Traces, _age: str) -> str | None:
    mark = traces.entry.opener
    if mark is None or not mark.is_gone():
        return None
    return f"the program that opened it, process {mark.pid}, is gone"


def _idle(traces: Traces, age: str) -> str | None:
    costs = traces.entry.mode == SessionMode.DEDICATED and traces.state in _COSTING
    return f"no job for {age}" if costs else None


def _unused(traces: Traces, age: str) -> str | None:
    is_unused = traces.state == SessionState.OPEN and not traces.has_jobs
    return f"opened {age} ago, never used" if is_unused else None


RULES = (
    Rule(lambda ages: ages.orphaned_s, _process_gone),
    Rule(lambda ages: ages.orphaned_s, _program_gone),
    Rule(lambda ages: ages.idle_s, _idle),
    Rule(lambda ages: ages.unused_s, _unused),
)


def reasons_for(traces: Traces, now: datetime, ages: Ages) -> tuple[str, ...]:
    """Return why a session looks forgotten; nothing where it does not."""
    if traces.is_in_use or not traces.accepting_jobs or traces.state == SessionState.CLOSED:
        return ()
    mark = traces.entry.closes_with
    if mark is not None and mark.is_gone() is False:
        # A program may compute for hours between two jobs, and its end closes the session.
        return ()
    age_s = (now - traces.last_seen_alive).total_seconds()
    age = _age_text(age_s)
    found = [rule.reason(traces, age) for rule in RULES if age_s >= rule.age_s(ages)]
    return tuple(reason for reason in found if reason is not None)


def _age_text(age_s: float) -> str:
    """Write an age in the unit that suits it: nobody counts the minutes of days."""
    for unit_s in (_DAY_S, _HOUR_S, _MINUTE_S):
        if age_s >= unit_s:
            return format_duration(age_s // unit_s * unit_s)
    return format_duration(max(age_s, 0))


def oldest_that_counts(now: datetime, ages: Ages) -> datetime:
    """Return the time since which a session may have been without a sign of life, and not look so.

    What was opened later need not be asked for its jobs, unless its process is gone.
    """
    return now - timedelta(seconds=min(ages.idle_s, ages.unused_s))
