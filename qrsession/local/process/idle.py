"""Notices that nobody needs the runtime any more."""

import asyncio
import logging
import time
from collections.abc import Callable

from qrsession.errors import StorageError
from qrsession.local.store.store import Store

_LOGGER = logging.getLogger(__name__)


def _not_kept() -> float:
    """Return for how long a runtime is kept up that nobody asked for it."""
    return 0.0


class IdleWatch:
    """Calls a function once no session is open, no job is left and no request came for a while.

    It keeps real time. For one event loop.

    Args:
        store: What says whether anything is left to do.
        timeout_s: How long nobody must have asked; None for never to end.
        on_idle: The function.
        kept_for_s: Says for how long it is to stay up all the same, because somebody wants it so.
    """

    def __init__(
        self,
        store: Store,
        timeout_s: float | None,
        on_idle: Callable[[], None],
        kept_for_s: Callable[[], float] = _not_kept,
    ) -> None:
        self._store = store
        self._timeout_s = timeout_s
        self._on_idle = on_idle
        self._kept_for_s = kept_for_s
        self._touched_at_s = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to watch."""
        self.touch()
        if self._timeout_s is not None:
            self._look_in(self._timeout_s)

    def stop(self) -> None:
        """End watching."""
        if self._timer is not None:
            self._timer.cancel()

    def touch(self) -> None:
        """Note that the runtime was needed just now."""
        self._touched_at_s = time.monotonic()

    def _look_in(self, delay_s: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._look)

    def _look(self) -> None:
        if self._timeout_s is None:
            return
        left_s = self._touched_at_s + self._timeout_s - time.monotonic()
        if left_s > 0:
            self._look_in(left_s)
        elif self._is_busy() or self._kept_for_s() > 0:
            self._look_in(self._timeout_s)
        else:
            self._on_idle()

    def _is_busy(self) -> bool:
        try:
            return self._store.sessions.has_unclosed() or self._store.jobs.has_unfinished()
        except StorageError:
            _LOGGER.exception("Whether anything is left to do cannot be read")
            return True
