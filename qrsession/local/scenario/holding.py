"""What holds for some jobs for a while: they are hidden, or wait in the queue."""

from collections.abc import Callable


class Holding:
    """Jobs, each for some seconds of real time.

    Args:
        monotonic: Real time, in seconds since whenever.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._until_s: dict[str, float] = {}

    def add(self, job_id: str, for_s: float) -> None:
        """Hold a job from now."""
        self._until_s[job_id] = self._monotonic() + for_s

    def drop(self, job_id: str) -> None:
        """Let go of a job, if it is held."""
        self._until_s.pop(job_id, None)

    def clear(self) -> None:
        """Let go of all of them."""
        self._until_s.clear()

    def job_ids(self) -> tuple[str, ...]:
        """Return those that are held now."""
        if self._until_s:
            now_s = self._monotonic()
            self._until_s = {
                job_id: until_s for job_id, until_s in self._until_s.items() if until_s > now_s
            }
        return tuple(self._until_s)

    def next_due_s(self) -> float | None:
        """Return in how many seconds the next is let go; None where none is held."""
        now_s = self._monotonic()
        return min((until_s - now_s for until_s in self._until_s.values()), default=None)
