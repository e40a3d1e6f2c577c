"""How long a session may last in a job of Slurm: what is left of the allocation, less a margin.

Newer releases of Slurm tell a job when it ends, by ``SLURM_JOB_END_TIME``; else ``squeue`` is
asked. Source: the manual pages of sbatch and squeue.
"""

import os
import re
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence

from qrsession.duration import format_duration
from qrsession.errors import InvalidValueError, UsageError
from qrsession.session_arguments import SHORTEST_SESSION_S

# What `exec` needs at its end: so long it tries to close the session unless told otherwise.
MARGIN_S = 60
_JOB_ID = "SLURM_JOB_ID"
_END_TIME = "SLURM_JOB_END_TIME"
_ARRAY_VARIABLES = ("SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID")
# A controller that is busy may take long; one that does not answer at all is asked in vain.
_ANSWER_LIMIT_S = 30.0
_LEFT = re.compile(r"(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+)", re.ASCII)
_UNIT_S = (86_400, 3_600, 60, 1)
_UNLIMITED = "UNLIMITED"
_OVER = "INVALID"
_LONGEST_SHOWN = 200
_HOW_ELSE = 'Give a time: --max-time "1h 30m".'

Ask = Callable[[Sequence[str]], str]


def session_time_s(say: Callable[[str], None]) -> int | None:
    """Return the longest that a session of this job may last, in seconds; None: without a limit.

    Args:
        say: Takes a sentence about where the time comes from.

    Raises:
        UsageError: This is no job of Slurm, or Slurm does not say what is left of it.
        InvalidValueError: Too little is left for a session.
    """
    left_s = allocation_left_s(os.environ, now_epoch_s=time.time(), ask=_ask_squeue)
    if left_s is None:
        say("The job has no time limit, so the session lasts as long as the service allows.")
        return None
    max_time_s = int(left_s) - MARGIN_S
    if max_time_s < SHORTEST_SESSION_S:
        raise InvalidValueError(
            f"Slurm leaves {format_duration(max(left_s, 0))} of this job; less {MARGIN_S} s for "
            f"closing, that is too short for a session, which has {SHORTEST_SESSION_S} s at least.",
            advice="Ask for more time with sbatch --time, or run single jobs: run --backend.",
            details={"left_s": left_s, "margin_s": MARGIN_S},
        )
    say(
        f"Slurm leaves {format_duration(left_s)} of this job; the session may last "
        f"{format_duration(max_time_s)}."
    )
    return max_time_s


def allocation_left_s(environ: Mapping[str, str], *, now_epoch_s: float, ask: Ask) -> float | None:
    """Return what is left of the job that an environment is of, in seconds; None: no limit.

    Args:
        environ: The environment.
        now_epoch_s: The time, in seconds since the epoch.
        ask: Runs a command line, and returns what it prints.

    Raises:
        UsageError: It is of no job, or Slurm does not say what is left.
    """
    job = environ.get(_JOB_ID)
    if not job:
        raise UsageError(
            f"--max-time slurm: this is no job of Slurm ({_JOB_ID}).", advice=_HOW_ELSE
        )
    ends = environ.get(_END_TIME, "")
    if ends.isascii() and ends.isdecimal() and int(ends) > 0:
        return int(ends) - now_epoch_s
    array, task = (environ.get(name) for name in _ARRAY_VARIABLES)
    # One task of an array bears the array's own number, by which all tasks would be listed.
    name = f"{array}_{task}" if array and task else job
    said = ask(["squeue", "--noheader", "--jobs", name, "--format", "%L"])
    # A heterogeneous job has a line for each part; the first to end ends the session's use.
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    if not lines:
        raise UsageError(f"squeue does not list the job {name}.", advice=_HOW_ELSE)
    limits = [left_s for left_s in map(parse_left, lines) if left_s is not None]
    return min(limits, default=None)


def parse_left(text: str) -> float | None:
    """Read what is left of a job as squeue writes it, such as ``1-02:03:04``; None: no limit.

    Raises:
        UsageError: It is not a time, as of a job whose limit is not set yet.
    """
    if text == _UNLIMITED:
        return None
    if text == _OVER:
        # What squeue writes once the limit has passed.
        return 0.0
    match = _LEFT.fullmatch(text)
    if match is None:
        raise UsageError(
            f"squeue says {text[:_LONGEST_SHOWN]!r} where the time left of the job should be.",
            advice=_HOW_ELSE,
        )
    return float(
        sum(int(count or 0) * unit_s for count, unit_s in zip(match.groups(), _UNIT_S, strict=True))
    )


def _ask_squeue(command: Sequence[str]) -> str:
    # What a user has squeue show by default must not change what it answers here.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("SQUEUE_")}
    try:
        done = subprocess.run(  # noqa: S603 - our own words, and the PATH of the job
            command,
            capture_output=True,
            text=True,
            errors="replace",
            env=environ,
            stdin=subprocess.DEVNULL,
            timeout=_ANSWER_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise UsageError(
            f"squeue did not answer in {_ANSWER_LIMIT_S:.0f} s.", advice=_HOW_ELSE
        ) from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UsageError(f"squeue cannot be run: {reason}.", advice=_HOW_ELSE) from error
    if done.returncode:
        words = done.stderr.strip()[:_LONGEST_SHOWN] or f"exit code {done.returncode}"
        raise UsageError(f"squeue does not say what is left of the job: {words}", advice=_HOW_ELSE)
    return done.stdout
