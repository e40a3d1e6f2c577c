"""Looking at the jobs of one service, however many, without asking too often.

A service that holds a question until the answer changes (``Prefer: wait``) holds one for each of
the first jobs, so that the end of any is known at once. One that does not is asked for all of them
in turn, with pauses that grow to ten seconds; from three jobs on it is asked for a list, and only
for the jobs that this shows to have changed.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from qrsession.client import poll
from qrsession.errors import QrsessionError
from qrsession.protocol.status import FINAL_JOB_STATUSES
from qrsession.verbs.reports import UNKNOWN_STATUS
from qrsession.waiting.events import Note, NoteKind
from qrsession.waiting.single import Deadline, Waiting

if TYPE_CHECKING:
    import queue

    from qrsession.job import RuntimeJob
    from qrsession.protocol.models import JobRecord
    from qrsession.service import RuntimeService

# Of the connections that a client keeps, some must be left for other questions.
_MOST_HELD = 16
# Between looks at the other jobs of a service that holds, which is one that is asked at no cost.
_LONGEST_PAUSE_HOLDING_S = 0.5
_LEAST_BETWEEN_QUESTIONS_S = 0.1
# To ask for fewer by themselves is cheaper than a list.
_WORTH_A_LIST = 3
# A list begins with the newest job; those further down are asked for by themselves.
_MOST_LISTED = 200

T = TypeVar("T")


@dataclass(frozen=True)
class Sighting:
    """A job as the service knows it just now."""

    job: "RuntimeJob"
    record: "JobRecord"

    @property
    def is_final(self) -> bool:
        """Whether the job has ended."""
        return self.record.status in FINAL_JOB_STATUSES


@dataclass(frozen=True)
class Lost:
    """A job that cannot be looked at any more, and why: the service has none of its id."""

    job: "RuntimeJob"
    error: QrsessionError


@dataclass(frozen=True)
class Broken:
    """A thread that looked ended by a fault of ours, which is to be raised."""

    error: BaseException


Happening: TypeAlias = Sighting | Lost | Note
Seen: TypeAlias = "queue.SimpleQueue[Happening | Broken]"


class _StoppedError(Exception):
    """Nobody waits any more."""


class Rounds:
    """Goes round the jobs of one service, in threads of its own.

    Args:
        jobs: The jobs, all at one service.
        deadline: When whoever waits stops.
        seen: Takes what happens.
        stopped: Set when nobody waits any more.
    """

    def __init__(
        self,
        jobs: "Sequence[RuntimeJob]",
        deadline: Deadline,
        seen: Seen,
        stopped: threading.Event,
    ) -> None:
        self._service: RuntimeService = jobs[0].service
        self._jobs = list(jobs)
        self._deadline = deadline
        self._seen = seen
        self._stopped = stopped
        self._held = 0
        self._is_out_of_reach = False
        self._lock = threading.Lock()

    def start(self) -> None:
        """Begin to look."""
        if len(self._jobs) == 1:
            self._hold_in_thread(self._jobs)
        else:
            self._spawn(self._go_round)

    def _spawn(self, work: Callable[[], object]) -> None:
        def run() -> None:
            try:
                work()
            except _StoppedError:
                pass
            except BaseException as error:  # noqa: BLE001 - whoever waits is told
                self._seen.put(Broken(error))

        threading.Thread(target=run, name="qrsession-watch", daemon=True).start()

    def _go_round(self) -> None:
        waiting = self._new_waiting()
        delays = poll.delays(in_session=any(job.session_id for job in self._jobs))
        holds = self._look_at(self._jobs, waiting)
        while self._jobs:
            if holds:
                self._hand_over()
            pause_s = next(delays)
            if self._stopped.wait(min(pause_s, _LONGEST_PAUSE_HOLDING_S) if holds else pause_s):
                return
            self._look_at(self._changed(waiting), waiting)

    def _look_at(self, jobs: "Sequence[RuntimeJob]", waiting: Waiting) -> bool:
        """Look at jobs, one after another; return whether the service holds questions."""
        holds, ended = False, []
        for job in jobs:
            holds, is_over = self._look(job, waiting)
            ended += [job] if is_over else []
            if not holds:
                self._stopped.wait(_LEAST_BETWEEN_QUESTIONS_S)
        self._jobs = [job for job in self._jobs if job not in ended]
        return holds

    def _look(self, job: "RuntimeJob", waiting: Waiting, hold_s: int = 0) -> tuple[bool, bool]:
        """Look at a job; return whether the service holds questions, and whether it is over."""
        try:
            # That it is back is to be known when it is, not when something has changed.
            holds = self._ask(waiting, lambda: job.look(0 if waiting.is_lost else hold_s))
        except QrsessionError as error:
            self._seen.put(Lost(job, error))
            return False, True
        sighting = Sighting(job, job.record())
        self._seen.put(sighting)
        return holds, sighting.is_final

    def _changed(self, waiting: Waiting) -> "list[RuntimeJob]":
        """Return all jobs but those that a list shows to be as they were.

        What else a list says of a job is not relied upon: the job itself is asked.
        """
        groups: defaultdict[str | None, list[RuntimeJob]] = defaultdict(list)
        for job in self._jobs:
            groups[job.session_id].append(job)
        unchanged: set[RuntimeJob] = set()
        for session_id, jobs in groups.items():
            if len(jobs) >= _WORTH_A_LIST:
                with suppress(QrsessionError):
                    listed = self._ask(waiting, lambda key=session_id: self._list(key))  # type: ignore[misc] # bound now
                    unchanged |= {
                        job for job in jobs if listed.get(job.job_id()) == job.record().status
                    }
        return [job for job in self._jobs if job not in unchanged]

    def _list(self, session_id: str | None) -> dict[str, str]:
        records = self._service.client.list_jobs(session_id=session_id, limit=_MOST_LISTED)
        return {record.job_id: record.status for record in records}

    def _hand_over(self) -> None:
        with self._lock:
            free = _MOST_HELD - self._held
        self._hold_in_thread(self._jobs[:free])
        self._jobs = self._jobs[free:]

    def _hold_in_thread(self, jobs: "Sequence[RuntimeJob]") -> None:
        with self._lock:
            self._held += len(jobs)
        for job in jobs:
            self._spawn(lambda job=job: self._hold(job))  # type: ignore[misc] # bound now

    def _hold(self, job: "RuntimeJob") -> None:
        """Look at one job until it has ended, by questions that the service may hold."""
        waiting = self._new_waiting()
        is_over = False
        try:
            while not is_over:
                # A job that nobody has seen yet is looked at first.
                is_known = job.record().status != UNKNOWN_STATUS
                holds, is_over = self._look(job, waiting, self._deadline.hold_s if is_known else 0)
                # What is left below a second is too short to be held.
                if not is_over and not (holds and self._deadline.hold_s):
                    waiting.pause()
        finally:
            with self._lock:
                self._held -= 1

    def _new_waiting(self) -> Waiting:
        # Without an end: the deadline is for whoever waits, and an outage at its time no error.
        in_session = any(job.session_id for job in self._jobs)
        return Waiting(
            Deadline(None), in_session=in_session, on_lost=self._note_lost, on_back=self._note_back
        )

    def _ask(self, waiting: Waiting, question: Callable[[], T]) -> T:
        def unless_stopped() -> T:
            if self._stopped.is_set():
                raise _StoppedError
            return question()

        return waiting.ask(unless_stopped, self._service.reconnect)

    def _note_lost(self, sentence: str) -> None:
        # Each thread finds it out for itself; it is told once.
        with self._lock:
            was_known, self._is_out_of_reach = self._is_out_of_reach, True
        if not was_known:
            self._seen.put(Note(NoteKind.SERVICE_LOST, sentence))

    def _note_back(self) -> None:
        with self._lock:
            was_lost, self._is_out_of_reach = self._is_out_of_reach, False
        if was_lost:
            self._seen.put(Note.back())
