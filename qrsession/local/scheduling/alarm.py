"""A timer that goes off at the earliest of the moments it was set to."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from qrsession.local.clock import Clock

# Timers of the event loop may not lie farther ahead than this, and stand still while a laptop
# sleeps; an early call does no harm.
_FARTHEST_S = 3600.0


class Alarm:
    """Calls a function at a moment of the runtime's clock. For one event loop."""

    def __init__(self, clock: Clock, on_ring: Callable[[], None]) -> None:
        self._clock = clock
        self._on_ring = on_ring
        self._timer: asyncio.TimerHandle | None = None
        self._moment: datetime | None = None

    def set(self, moment: datetime) -> None:
        """Ring at a moment, unless it is to ring earlier already."""
        if self._moment is not None and self._moment <= moment:
            return
        self.clear()
        delay_s = min(max(self._clock.real_seconds_until(moment), 0.0), _FARTHEST_S)
        self._moment = moment
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._ring)

    def clear(self) -> None:
        """Do not ring."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._moment = None

    def _ring(self) -> None:
        moment = self._moment
        self._timer = self._moment = None
        if moment is not None and self._clock.real_seconds_until(moment) > 0:
            self.set(moment)
        else:
            self._on_ring()
