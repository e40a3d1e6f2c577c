"""What this process may use from now on: bounds that the system holds, as far as it has them.

They are for processes that do what may go wrong on the input's account. macOS takes a bound of the
address space and does not hold it, and Windows has none of these.
"""

import contextlib
import os
from pathlib import Path

_OOM_SCORE = Path("/proc/self/oom_score_adj")
_STATM = Path("/proc/self/statm")


def limit_address_space(more_bytes: int) -> None:
    """Bound how much this process may ask for beside what it has, where the system lets it.

    What it has counts, since libraries reserve a lot that they never use.
    """
    try:
        # Imported here: Windows has none.
        import resource  # noqa: PLC0415

        used_bytes = int(_STATM.read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    except (ImportError, OSError, ValueError):
        # No way to know what the libraries have mapped, as on macOS, which ignores the limit.
        return
    wanted_bytes = used_bytes + more_bytes
    _, hard_bytes = resource.getrlimit(resource.RLIMIT_AS)
    if hard_bytes != resource.RLIM_INFINITY:
        wanted_bytes = min(wanted_bytes, hard_bytes)
    resource.setrlimit(resource.RLIMIT_AS, (wanted_bytes, hard_bytes))


def limit_cpu_time(more_s: int) -> None:
    """Let the system end this process (SIGXCPU) once it has worked for so many seconds more."""
    try:
        # As above.
        import resource  # noqa: PLC0415
    except ImportError:
        return
    usage = resource.getrusage(resource.RUSAGE_SELF)
    wanted_s = int(usage.ru_utime + usage.ru_stime) + 1 + more_s
    _, hard_s = resource.getrlimit(resource.RLIMIT_CPU)
    if hard_s != resource.RLIM_INFINITY:
        wanted_s = min(wanted_s, hard_s)
    resource.setrlimit(resource.RLIMIT_CPU, (wanted_s, hard_s))


def leave_no_core() -> None:
    """Let the system write no image of this process should it crash."""
    # As above.
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource  # noqa: PLC0415

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def physical_bytes() -> int | None:
    """Return how much memory the machine has, None where nobody tells."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def offer_to_be_killed_first() -> None:
    """Let the system end this process before others, should memory run out; Linux alone."""
    with contextlib.suppress(OSError):
        _OOM_SCORE.write_text("500", encoding="ascii")
