"""The one error of several jobs, so that each end of a wait has an exit code of its own.

A failure counts before a cancellation, that before a job that cannot be known about, and that
before the end of the time.
"""

from collections.abc import Sequence

from qrsession.errors import (
    JobCancelledError,
    JobFailedError,
    QrsessionError,
    WaitInterruptedError,
    WaitTimeoutError,
)
from qrsession.results.outcomes import Outcome

# By the rank of an error: of one job, and of several.
_WORDS = (
    ("failed", "failed"),
    ("was cancelled", "were cancelled"),
    ("cannot be told of", "cannot be told of"),
    ("has not ended in time", "have not ended in time"),
)


def joint_error(outcomes: Sequence[Outcome], going_on: str | None) -> QrsessionError | None:
    """Return the error that jobs come to together, None where nothing went wrong.

    Args:
        outcomes: What is known of each.
        going_on: The command that waits for those that have not ended; None where none is left.
    """
    wrong = [(outcome, outcome.error) for outcome in outcomes if outcome.error is not None]
    if not wrong:
        return None
    _, worst = min(wrong, key=lambda pair: _rank(pair[1]))
    if len(outcomes) == 1:
        return worst
    alike = [error for _, error in wrong if _rank(error) == _rank(worst)]
    words = _WORDS[_rank(worst)][len(alike) > 1]
    found = f"{len(alike)} of {len(outcomes)} jobs {words}"
    message = f"{found}." if isinstance(worst, WaitTimeoutError) else f"{found}. {worst.message}"
    return type(worst)(
        message, advice=_advice(outcomes, worst, going_on), details=_details(outcomes, worst)
    )


def interruption(
    outcomes: Sequence[Outcome], left: Sequence[str], take_up: str
) -> WaitInterruptedError:
    """Return the error for a wait that the user ended.

    Args:
        outcomes: What is known of each job.
        left: The ids of those that have not ended, as far as is known.
        take_up: The command that takes the wait up again.
    """
    what = {0: "all jobs have ended", 1: f"job {left[0] if left else ''} goes on"}
    details = {"job_id": (left or [outcomes[0].job.job_id])[0]}
    return WaitInterruptedError(
        f"Interrupted; {what.get(len(left), f'{len(left)} jobs go on')}.",
        advice=f"Take it up again: {take_up}",
        details=details if len(outcomes) == 1 else {**details, "jobs": documents(outcomes)},
    )


def documents(outcomes: Sequence[Outcome]) -> list[dict[str, object]]:
    """Return what the details of an error say of each job."""
    return [outcome.job.document() for outcome in outcomes]


def _rank(error: QrsessionError) -> int:
    if isinstance(error, JobFailedError):
        return 0
    if isinstance(error, JobCancelledError):
        return 1
    return 3 if isinstance(error, WaitTimeoutError) else 2


def _advice(outcomes: Sequence[Outcome], worst: QrsessionError, going_on: str | None) -> str:
    if going_on is not None:
        return f"The rest goes on; take it up again: {going_on}"
    done = [outcome.job.job_id for outcome in outcomes if outcome.is_done]
    if not done:
        return worst.advice
    if len(done) == 1:
        return f"The other one's result is kept: qrsession result {done[0]}"
    return f"The results of {len(done)} others are kept, such as: qrsession result {done[0]}"


def _details(outcomes: Sequence[Outcome], worst: QrsessionError) -> dict[str, object]:
    return {**worst.details, "jobs": documents(outcomes)}
