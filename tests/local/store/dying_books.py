"""Books whose process is killed at one statement of SQL after the other: ``dying_books.py FOLDER``.

Each round, a child does the same work in a database of its own and kills itself at its Nth
statement; then the next runtime recovers, does what is left, and everything is looked at. A round
in which the child came to the end of its work is the last. Prints how many rounds there were.
"""

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from qrsession.local.account.metering import Meter
from qrsession.local.api.jobs import new_job_id
from qrsession.local.scheduling.bookkeeping import Books
from qrsession.local.scheduling.changes import Changes
from qrsession.local.store.job_rows import Ending, Submission
from qrsession.local.store.listing import JobFilter
from qrsession.local.store.store import Store
from qrsession.protocol.models import JobRequest
from qrsession.protocol.status import JobStatus, SessionMode

START = datetime(2026, 11, 22, 16, 0, tzinfo=UTC)
CHARGE_S = 2.5
COMPLETED = Ending(JobStatus.COMPLETED, result_json=b"{}", logs="ran\n", qpu_s=CHARGE_S)


class TickingClock:
    """A clock on which a second passes at each look."""

    rate = 1.0

    def __init__(self) -> None:
        self._moment = START

    def now(self) -> datetime:
        """Return the time, a second later than before."""
        self._moment += timedelta(seconds=1)
        return self._moment

    def real_seconds_until(self, moment: datetime) -> float:
        """Nothing waits here."""
        return (moment - self._moment).total_seconds()


class Life:
    """One runtime's time with a database."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(folder, shared_backends={"simulator"})
        # What a process has written outlives it, in whatever cache; it is no machine that dies.
        self.store._database.execute("PRAGMA synchronous = OFF")
        meter = Meter(self.store, None)
        self.books = Books(self.store, TickingClock(), Changes(), meter)

    def submit(self, session_id: str | None = None) -> None:
        """Submit a job."""
        request = JobRequest("sampler", "simulator", {}, session_id, cost_s=300)
        self.books.submit(Submission(new_job_id(), request, b"{}", None))

    def work(self) -> Iterator[None]:
        """Do something of everything, and stop between any two."""
        for session_id, mode in (("b", SessionMode.BATCH), ("d", SessionMode.DEDICATED)):
            self.books.open_session(session_id, "simulator", mode, 1000)
            yield
        for chosen in (None, "b", "d", None, "b", "d"):
            self.submit(chosen)
            yield
        for ending in (COMPLETED, COMPLETED, Ending(JobStatus.CANCELLED, qpu_s=1.0), COMPLETED):
            claim = self.books.claim_next()
            yield
            assert claim is not None
            self.books.end(claim.job, ending)
            yield
        self.books.claim_next()
        yield
        self.books.cancel_session("b")
        yield

    def finish(self) -> None:
        """Recover, run what is left, and close what is open."""
        self.books.recover()
        while (claim := self.books.claim_next()) is not None:
            assert self.books.end(claim.job, COMPLETED)
        for session in self.store.sessions.unclosed():
            self.books.set_accepting(session.session_id, accepting=False)
        assert self.store.sessions.unclosed() == []

    def check(self) -> None:
        """One final state, one result where it completed, one charge."""
        jobs, _ = self.store.listing.jobs(JobFilter())
        sessions = [session for name in "bd" if (session := self.store.sessions.get(name))]
        modes = {session.session_id: session.mode for session in sessions}
        charged_s = sum(s.usage_s for s in sessions if s.mode is SessionMode.DEDICATED)
        for job in jobs:
            has_result = self.store.jobs.result(job) is not None
            assert job.status.is_final, job
            assert has_result == (job.status is JobStatus.COMPLETED), job
            assert bool(self.store.jobs.logs(job)) == has_result, job
            if job.session_id is None or modes[job.session_id] is SessionMode.BATCH:
                charged_s += job.qpu_s
        used_s = self.store.listing.used_s(START)
        assert abs(used_s - charged_s) < 1e-6, (used_s, charged_s)
        for session in sessions:
            own_s = sum(job.qpu_s for job in jobs if job.session_id == session.session_id)
            assert session.mode is SessionMode.DEDICATED or abs(session.usage_s - own_s) < 1e-6


def die_at(folder: Path, number: int) -> bool:
    """Do the work in a child that dies at a statement; return whether it came to the end."""
    child = os.fork()
    if not child:
        life = Life(folder)
        left = number

        def count(_statement: str) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

        life.store._database._connection.set_trace_callback(count)
        for _ in life.work():
            pass
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return False
    assert os.WEXITSTATUS(status) == 0
    return True


def main(folder: Path) -> None:
    """Die at each statement once."""
    empty = folder / "empty"
    Life(empty).store.close()
    number, is_over = 0, False
    while not is_over:
        here = Path(shutil.copytree(empty, folder / str(number)))
        is_over = die_at(here, number)
        life = Life(here)
        try:
            life.finish()
            life.check()
        except AssertionError as error:
            raise AssertionError(f"after death at statement {number}: {error}") from error
        finally:
            life.store.close()
        number += 1
    sys.stdout.write(f"{number}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
