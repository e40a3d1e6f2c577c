"""This machine's time, for all to whom nobody gives another one."""

import sys
import time
from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


def elapsed_s() -> float:
    """Return seconds that pass steadily, those too for which the machine sleeps.

    Setting the machine's clock changes nothing about it. Where the system has no such clock, the
    time of sleep is not counted.
    """
    # By name, since each system has its own.
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    if sys.platform == "darwin":
        # Unlike Python's own monotonic clock, and Linux's of this name, it goes on in sleep.
        return time.clock_gettime(time.CLOCK_MONOTONIC)
    return time.monotonic()
