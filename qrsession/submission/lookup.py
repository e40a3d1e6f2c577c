"""Finding the job of a submission by its tag, telling it from its twins, and recording it.

Both who submits and who later settles what was left undone look for a job in this way. See
"Exactly once" in docs/explanation.md.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from qrsession.errors import (
    LimitReachedError,
    NotFoundError,
    QrsessionError,
    RequestRefusedError,
    ServiceUnavailableError,
    WireFormatError,
)
from qrsession.protocol.models import JobCreated, JobRecord
from qrsession.service import RuntimeService
from qrsession.state.entries import JobEntry
from qrsession.state.pending import Intent
from qrsession.state.records import Records
from qrsession.submission.patience import Patience
from qrsession.tags import without_own_tag

# A service shows a new job in its list after a while, so the first looks come quickly.
_FIRST_LOOKS_S = (0.0, 0.2, 0.5, 1.0, 2.0)
_LATER_LOOKS_S = 5.0
_MOST_TWINS = 20
# Of a service that lists all jobs, whatever it is asked for.
_MOST_READ = 1000


@dataclass(frozen=True)
class Found:
    """What a search came to: the job, or whether it is certain that there was none to the end."""

    job: JobRecord | None
    is_certain: bool


def look_up(service: RuntimeService, tag: str, window_s: float, patience: Patience) -> Found:
    """Look for the job of a submission for some seconds, one last time when they are over."""
    ends_at_s = patience.clock() + window_s
    for pause_s in _looks():
        left_s = ends_at_s - patience.clock()
        patience.sleep(max(min(pause_s, left_s), 0.0))
        is_last = patience.clock() >= ends_at_s
        try:
            found = first_of(tagged_jobs(service, tag))
        except QrsessionError:
            service.reconnect()
            if is_last:
                return Found(None, is_certain=False)
            continue
        if found is not None or is_last:
            return Found(found, is_certain=True)
    raise AssertionError("the looks have no end")  # pragma: no cover


def tagged_jobs(service: RuntimeService, tag: str) -> list[JobRecord]:
    """Ask the service for the jobs that bear a tag.

    Raises:
        WireFormatError: It lists jobs without regard to the tag, and none of the latest bears it.
    """
    for most in (_MOST_TWINS, _MOST_READ):
        listed = list(service.client.list_jobs(tags=(tag,), limit=most))
        found = [job for job in listed if tag in job.tags]
        if found or not listed:
            return found
    # To take this for "there is none" would send the job a second time.
    raise WireFormatError(
        f"The service lists jobs without regard to their tags, and none of the latest {most} "
        f"bears {tag}."
    )


def first_of(jobs: list[JobRecord]) -> JobRecord | None:
    """Return the job that was created first: the same one, whoever looks."""
    oldest = datetime.min.replace(tzinfo=UTC)
    return min(
        jobs,
        key=lambda job: (job.created or oldest, job.job_id),
        default=None,
    )


def cancel_twins(
    service: RuntimeService,
    job_id: str,
    jobs: list[JobRecord],
    say: Callable[[str], None],
    seen_to: tuple[str, ...] = (),
) -> tuple[str, ...]:
    """Cancel the jobs of a submission but one, and tell of each once.

    Args:
        service: Where they are.
        job_id: The one that counts.
        jobs: All that bear the tag.
        say: Takes a sentence about each of the others.
        seen_to: The ids of those that were cancelled before.

    Returns:
        The ids of those that were seen to, now and before.

    Raises:
        ServiceUnavailableError: The service is out of reach.
    """
    for twin in jobs:
        if twin.job_id == job_id or twin.job_id in seen_to:
            continue
        what = "was cancelled"
        try:
            service.client.cancel_job(twin.job_id)
        except (RequestRefusedError, NotFoundError):
            what = "had ended already"
        except (ServiceUnavailableError, LimitReachedError):
            raise
        except QrsessionError as error:
            say(f"Job {twin.job_id} is a second copy of {job_id}; cancel it: {error.message}")
            continue
        seen_to = (*seen_to, twin.job_id)
        say(f"Job {twin.job_id} is a second copy of {job_id}; it {what}.")
    return seen_to


def record(
    records: Records,
    intent: Intent,
    created: JobCreated,
    tags: tuple[str, ...],
    *,
    detached: bool = False,
) -> None:
    """Enter the job of a submission into the records."""
    records.add_job(
        JobEntry(
            job_id=created.job_id,
            session_id=created.session_id or intent.session_id,
            backend=created.backend,
            primitive=intent.program_id,
            account=intent.account,
            instance=intent.instance,
            submitted_at=intent.created_at,
            tag=intent.tag,
            tags=without_own_tag(tags),
            files=intent.files,
            detached=detached,
        )
    )


def _looks() -> Iterator[float]:
    yield from _FIRST_LOOKS_S
    while True:
        yield _LATER_LOOKS_S
