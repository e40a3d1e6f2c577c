"""Waiting for a job to change: what a held request waits on."""

import asyncio
from collections import defaultdict
from collections.abc import Coroutine
from typing import Any

# No job has this id: what waits under it waits for the end of the runtime alone.
_NO_JOB = ""


class Changes:
    """Tells whoever waits for a job that its state changed. For one event loop."""

    def __init__(self) -> None:
        self._waiting: defaultdict[str, set[asyncio.Future[None]]] = defaultdict(set)
        self._is_ending = False

    async def wait(self, job_id: str, timeout_s: float | None) -> None:
        """Return when the job's state has changed, the time is over or the runtime ends."""
        if self._is_ending:
            return
        change = asyncio.get_running_loop().create_future()
        waiting = self._waiting[job_id]
        waiting.add(change)
        try:
            await asyncio.wait((change,), timeout=timeout_s)
        finally:
            waiting.discard(change)
            # After a change the set is another one, in which others may wait already.
            if not waiting and self._waiting.get(job_id) is waiting:
                del self._waiting[job_id]

    async def pause(self, seconds: float) -> bool:
        """Return after a time or when the runtime ends; say whether the time is over."""
        await self.wait(_NO_JOB, seconds)
        return not self._is_ending

    async def unless_ending(self, work: Coroutine[Any, Any, None]) -> bool:
        """Do something until it is done or the runtime ends; say whether it is done."""
        task = asyncio.ensure_future(work)
        end = asyncio.ensure_future(self.wait(_NO_JOB, None))
        await asyncio.wait((task, end), return_when=asyncio.FIRST_COMPLETED)
        is_done = task.done()
        task.cancel()
        end.cancel()
        await asyncio.gather(task, end, return_exceptions=True)
        return is_done

    def notify(self, job_id: str) -> None:
        """Wake those who wait for a job."""
        for change in self._waiting.pop(job_id, ()):
            if not change.done():
                change.set_result(None)

    def notify_all(self) -> None:
        """Wake those who wait for any job."""
        for job_id in [job_id for job_id in self._waiting if job_id != _NO_JOB]:
            self.notify(job_id)

    def release_all(self) -> None:
        """Wake everybody, and let nobody wait any more: the runtime ends."""
        self._is_ending = True
        for job_id in list(self._waiting):
            self.notify(job_id)
