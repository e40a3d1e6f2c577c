"""What happens while a command waits, told as the user asked: a live line, lines, or events."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from qrsession.cli.context import Context
from qrsession.protocol.status import FINAL_JOB_STATUSES, JobStatus
from qrsession.render.output import Output
from qrsession.render.progress import Progress
from qrsession.results.outcomes import Outcome, outlook_of
from qrsession.waiting.events import JobLost, JobStatusSeen, JobSubmitted, Note, NoteKind, Tell

if TYPE_CHECKING:
    from qrsession.job import RuntimeJob
    from qrsession.waiting.events import Event

# In this order.
_WORDS: dict[str, str] = {
    JobStatus.COMPLETED: "done",
    JobStatus.RUNNING: "running",
    JobStatus.QUEUED: "queued",
    JobStatus.FAILED: "failed",
    JobStatus.CANCELLED: "cancelled",
}


@contextmanager
def telling(context: Context, jobs: "Sequence[RuntimeJob | Outcome]") -> Iterator[Tell]:
    """Show a wait for jobs, and give what is to be told of everything that happens in it."""
    waited = [job for job in jobs if not isinstance(job, Outcome)]
    ids = [job.job.job_id if isinstance(job, Outcome) else job.job_id() for job in jobs]
    subject = f"job {ids[0]}" if len(ids) == 1 else f"{len(ids)} jobs:"
    later: list[str] = []
    with context.output.progress(subject, lambda: _outlook(waited, len(ids))) as progress:
        yield _Teller(context.output, progress, ids, later.append)
    for sentence in later:
        context.output.say(sentence)


def tell_submitted(output: Output) -> "Callable[[RuntimeJob], None]":
    """Return what tells of a job that was accepted."""
    return lambda job: output.event(
        JobSubmitted(job.job_id(), job.session_id, job.record().backend, job.primitive)
    )


def say_and_tell(output: Output) -> Callable[[str], None]:
    """Return what says a sentence to people, and tells it to programs."""

    def say(sentence: str) -> None:
        output.say(sentence)
        output.event(Note(NoteKind.INFO, sentence))

    return say


class _Teller:
    """Tells of what happens to jobs.

    Args:
        output: Where to.
        progress: The display of the wait.
        ids: The ids of the jobs.
        later: Takes a sentence that must outlive the display.
    """

    def __init__(
        self, output: Output, progress: Progress, ids: Sequence[str], later: Callable[[str], None]
    ) -> None:
        self._output = output
        self._progress = progress
        self._later = later
        self._status = dict.fromkeys(ids, "")

    def __call__(self, event: "Event") -> None:
        self._output.event(event)
        if isinstance(event, JobStatusSeen):
            self._show(event.job_id, event.after)
        elif isinstance(event, JobLost):
            self._show(event.job_id, "lost")
        elif isinstance(event, Note) and event.kind == NoteKind.INFO:
            self._later(event.message)
        elif isinstance(event, Note):
            self._progress.note(event.message)

    def _show(self, job_id: str, status: str) -> None:
        self._status[job_id] = status
        if len(self._status) == 1:
            self._progress.show(status)
        else:
            self._progress.show(tally(self._status.values()), f"job {job_id}: {status}")


def tally(statuses: Iterable[str]) -> str:
    """Say how many jobs are in each state: ``"3 done, 1 running, 3 queued"``."""
    counted = Counter(_WORDS.get(status, status.lower()) for status in statuses if status)
    rest = [word for word in counted if word not in _WORDS.values()]
    return ", ".join(
        f"{counted[word]} {word}" for word in [*_WORDS.values(), *rest] if counted[word]
    )


def _outlook(jobs: "Sequence[RuntimeJob]", number: int) -> tuple[str, str]:
    """Ask for what the first job that has not ended waits behind."""
    left = [job for job in jobs if job.record().status not in FINAL_JOB_STATUSES]
    if not left:
        return "", ""
    state, detail = outlook_of(left[0])
    return (state if number == 1 else ""), detail
