"""Looking at many jobs at once, at as many services as they are at, until a deadline.

What threads see comes out of one queue. A thread that stands in a request cannot be ended, so they
are daemons: who stops waiting, or is interrupted, need not wait for them.
"""

import queue
import threading
from collections import defaultdict
from contextlib import suppress
from typing import TYPE_CHECKING

from qrsession.errors import NotFoundError, QrsessionError
from qrsession.waiting.rounds import Broken, Happening, Lost, Rounds, Seen, Sighting
from qrsession.waiting.single import Deadline

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from qrsession.job import RuntimeJob

# The time of a wait for the queue stands still while the machine sleeps, and the deadline does not.
_LONGEST_TURN_S = 5.0
# How much later than asked for a wait may end, for the sake of the truth at its deadline.
_LAST_LOOK_LIMIT_S = 5.0
_LAST_LOOKERS = 8


class Watch:
    """Looks at jobs, to be used in a ``with`` statement, which gives what happens.

    Args:
        jobs: The jobs, each once.
        deadline: When to stop looking.
    """

    def __init__(self, jobs: "Sequence[RuntimeJob]", deadline: Deadline) -> None:
        self._jobs = jobs
        self._deadline = deadline
        self._stopped = threading.Event()

    def __enter__(self) -> "Iterator[Happening]":
        """Begin to look.

        What happens ends when all jobs have ended or are lost, or else at the deadline after one
        last look: a job that had ended by then is seen to have.
        """
        return self._happenings()

    def __exit__(self, *_error: object) -> None:
        self._stopped.set()

    def _happenings(self) -> "Iterator[Happening]":
        left = list(self._jobs)
        seen: Seen = queue.SimpleQueue()
        if self._deadline.left_s > 0:
            self._start(seen)
        while left and self._deadline.left_s > 0:
            try:
                happening = seen.get(timeout=min(self._deadline.left_s, _LONGEST_TURN_S))
            except queue.Empty:
                continue
            if isinstance(happening, Broken):
                raise happening.error
            yield happening
            if isinstance(happening, Lost) or (
                isinstance(happening, Sighting) and happening.is_final
            ):
                left = [job for job in left if job is not happening.job]
        self._stopped.set()
        yield from look_once(left)

    def _start(self, seen: Seen) -> None:
        groups: defaultdict[int, list[RuntimeJob]] = defaultdict(list)
        for job in self._jobs:
            groups[id(job.service)].append(job)
        for jobs in groups.values():
            Rounds(jobs, self._deadline, seen, self._stopped).start()


def look_once(jobs: "Sequence[RuntimeJob]") -> "Iterator[Happening]":
    """Look at jobs once, at several at a time, and for a few seconds at most."""
    questions: queue.SimpleQueue[RuntimeJob] = queue.SimpleQueue()
    answers: queue.SimpleQueue[Happening | None] = queue.SimpleQueue()
    for job in jobs:
        questions.put(job)

    def look() -> None:
        with suppress(queue.Empty):
            while True:
                answers.put(_look(questions.get_nowait()))

    for _ in range(min(len(jobs), _LAST_LOOKERS)):
        threading.Thread(target=look, name="qrsession-last-look", daemon=True).start()
    limit = Deadline(_LAST_LOOK_LIMIT_S)
    for _ in jobs:
        try:
            happening = answers.get(timeout=limit.left_s)
        except queue.Empty:
            return
        if happening is not None:
            yield happening


def _look(job: "RuntimeJob") -> Happening | None:
    try:
        job.look()
    except NotFoundError as error:
        return Lost(job, error)
    except QrsessionError:
        # Out of reach: what was seen before counts.
        return None
    return Sighting(job, job.record())
