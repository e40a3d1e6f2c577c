"""How much memory a lane may use: a fair share of the machine's, or of the container's."""

import sys
from pathlib import Path

from qrsession.processes import limits

# The rest is for the system, the runtime itself and what a lane holds beside Aer's state.
_FRACTION_FOR_LANES = 0.75
# Beside Aer's state: parsing, samples, results, and the address space of allocator and threads.
_MARGIN_BYTES = 2 * 2**30
_LEAST_SHARE_MB = 256
_CGROUP_FILES = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def share_mb(num_lanes: int, limit_bytes: int | None = None) -> int:
    """Return how many MiB Aer may use in each of so many lanes.

    ``limit_bytes`` is what they may have together, where that is less than there is.
    """
    there_bytes = min(_available_bytes(), limit_bytes or sys.maxsize)
    return max(int(there_bytes * _FRACTION_FOR_LANES / num_lanes) >> 20, _LEAST_SHARE_MB)


def _available_bytes() -> int:
    physical = limits.physical_bytes() or sys.maxsize
    for file in _CGROUP_FILES:
        try:
            limit = file.read_text(encoding="ascii").strip()
        except OSError:
            continue
        if limit.isdecimal():
            return min(int(limit), physical)
    return physical


def limit_address_space(memory_mb: int) -> None:
    """Bound what this process may ask for from now on, where the system lets it.

    It is the second fence. The first is Aer's own estimate, which is refused with its reason;
    this one turns what no estimate foresaw into an error of this process alone.
    """
    limits.limit_address_space(memory_mb * 2**20 + _MARGIN_BYTES)
