"""Keeping the local runtime up for those who cannot start it: other programs than qrsession.

A file of the running runtime says until when. It holds over a restart of the runtime, and not over
one of the machine. It is real time, whatever the rate of the runtime's clock is.
"""

import json
import math
import time
from collections.abc import Callable
from pathlib import Path

from qrsession.errors import StorageError
from qrsession.storage import read_bytes, write_atomically

# As long as a day's work, so that a shell that was set up in the morning serves until night.
KEEP_S = 12 * 3600.0
# Beyond the year 30,000: nothing wrote that, and arithmetic may not hold it.
_LATEST_EPOCH_S = 1e12


def keep_up(file: Path, clock: Callable[[], float] = time.time) -> float:
    """Ask that the runtime stays up for twelve hours from now, though nobody uses it.

    Args:
        file: Where that is written down; its folder exists.
        clock: Real time, in seconds since the epoch.

    Returns:
        Until when, in seconds since the epoch.

    Raises:
        StorageError: The file cannot be written.
    """
    until_epoch_s = math.ceil(clock() + KEEP_S)
    record = {"schema_version": 1, "until": until_epoch_s}
    write_atomically(file, f"{json.dumps(record)}\n".encode(), durable=False)
    return until_epoch_s


def kept_for_s(file: Path, clock: Callable[[], float] = time.time) -> float:
    """Return for how many seconds more the runtime is to stay up; 0 where nobody asked for it.

    A file that cannot be read asks for nothing. A clock that was set back cannot keep the runtime
    up for longer than was ever asked for.
    """
    try:
        record = json.loads(read_bytes(file) or b"null")
    except (StorageError, ValueError, RecursionError):
        return 0.0
    until_epoch_s = record.get("until") if isinstance(record, dict) else None
    if isinstance(until_epoch_s, bool) or not isinstance(until_epoch_s, int | float):
        return 0.0
    if not 0 < until_epoch_s < _LATEST_EPOCH_S:
        return 0.0
    left_s = until_epoch_s - clock()
    return min(left_s, KEEP_S) if left_s > 0 else 0.0
