"""Options that several verbs have, and what they mean together."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from qrsession.duration import parse_duration
from qrsession.errors import InvalidValueError, UsageError
from qrsession.settings import LOCAL_ACCOUNT

SLURM = "slurm"


@dataclass(frozen=True)
class MaxTimeChoice:
    """How long a session may last, and whether that is a bound that the plan may undercut."""

    max_time: str | None
    is_at_most: bool = False


def not_empty(value: str | list[str] | None) -> str | list[str] | None:
    """Refuse an empty name: a script's unset variable must not close or use another session.

    Raises:
        typer.BadParameter: It is empty, or one of several is.
    """
    names = [value] if isinstance(value, str) else value or []
    if not all(name.strip() for name in names):
        raise typer.BadParameter("it is empty.")
    return value


Session = Annotated[
    str | None,
    typer.Option(
        "--session",
        "-s",
        metavar="SESSION",
        help="A name, an id, or the beginning of one.",
        callback=not_empty,
    ),
]
SessionArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="SESSION", help="A name, an id, or the beginning of one.", callback=not_empty
    ),
]
Job = Annotated[
    str,
    typer.Argument(
        metavar="[JOB]",
        help="An id, its beginning, or @last of the session.",
        callback=not_empty,
    ),
]
Jobs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[JOB...]",
        help="Ids, their beginnings, or @last of the session.",
        callback=not_empty,
    ),
]
Account = Annotated[
    str | None,
    typer.Option(
        "--account",
        metavar="NAME",
        help="The account, in place of QRSESSION_ACCOUNT.",
        callback=not_empty,
    ),
]
Instance = Annotated[
    str | None,
    typer.Option(
        "--instance",
        metavar="CRN",
        help="The instance, by CRN or name; by default the account's.",
        callback=not_empty,
    ),
]
Local = Annotated[bool, typer.Option("--local", help="Use the local runtime: --account local.")]
Backend = Annotated[
    str | None,
    typer.Option(
        "--backend",
        "-b",
        metavar="NAME",
        help="The backend; by default the least busy.",
        callback=not_empty,
    ),
]
MinQubits = Annotated[
    int | None,
    typer.Option(
        "--min-qubits", metavar="N", min=1, help="The least busy backend that is so wide."
    ),
]
MaxTime = Annotated[
    str | None,
    typer.Option(
        "--max-time",
        metavar="TIME",
        help='The longest it may last: "1h 30m", or seconds from 300; slurm: as the job.',
    ),
]
Mode = Annotated[
    str,
    typer.Option(
        "--mode",
        metavar="MODE",
        help="dedicated, batch, or auto: dedicated where the plan allows it.",
    ),
]
Budget = Annotated[
    str | None,
    typer.Option(
        "--budget", metavar="TIME", help='The QPU seconds that it may use: 600, or "10m".'
    ),
]
Timeout = Annotated[
    str | None,
    typer.Option("--timeout", metavar="TIME", help="Stop waiting after so long; exit code 124."),
]
Events = Annotated[
    bool,
    typer.Option(
        "--events", help="Print what happens as lines of JSON, the envelope last; implies --json."
    ),
]
FailFast = Annotated[
    bool,
    typer.Option(
        "--fail-fast", help="Stop at the first job that fails or is cancelled; the rest goes on."
    ),
]
Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="FORMAT",
        help="counts, histogram, json, csv or npz. On a terminal a histogram or plot by default, "
        "else counts.",
    ),
]
OutputFile = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="FILE",
        help="Write the result to a file; its ending says how: .csv, .npz, .txt, else JSON.",
    ),
]


class OnTimeout(StrEnum):
    """What becomes of a job when the time to wait for it is over."""

    DETACH = "detach"
    CANCEL = "cancel"


OnTimeoutOption = Annotated[
    OnTimeout | None,
    typer.Option(
        "--on-timeout",
        show_default=False,
        help="What becomes of the job then: it goes on (detach, by default), or is cancelled.",
    ),
]


def cancels_on_timeout(on_timeout: OnTimeout | None, timeout: str | None) -> bool:
    """Return whether jobs are cancelled when the time is over.

    Raises:
        UsageError: There is no time-out.
    """
    if on_timeout is not None and timeout is None:
        raise UsageError(
            "--on-timeout says what --timeout leads to, which is not given.",
            advice="Add --timeout, for example --timeout 10m.",
        )
    return on_timeout is OnTimeout.CANCEL


def account_of(account: str | None, *, local: bool) -> str | None:
    """Return the account that two options name together.

    Raises:
        UsageError: They contradict each other.
    """
    if local and account not in {None, LOCAL_ACCOUNT}:
        raise UsageError(f"--local and --account {account} contradict each other.")
    return LOCAL_ACCOUNT if local else account


def max_time_of(max_time: str | None, say: Callable[[str], None]) -> MaxTimeChoice:
    """Read how long a session may last; ``slurm`` is what is left of a job of Slurm.

    Raises:
        UsageError: This is no such job, or too little is left of it.
    """
    if max_time != SLURM:
        return MaxTimeChoice(max_time)
    from qrsession.neighbours.slurm import session_time_s  # noqa: PLC0415 - for jobs of Slurm alone

    left_s = session_time_s(say)
    return MaxTimeChoice(None if left_s is None else str(left_s), is_at_most=True)


def min_qubits_of(min_qubits: int | None, backend: str | None) -> int:
    """Return the width that the least busy backend must have.

    Raises:
        UsageError: A backend is named as well.
    """
    if min_qubits is not None and backend is not None:
        raise UsageError("--backend names one, and --min-qubits asks for any that is wide enough.")
    return min_qubits or 0


def budget_of(budget: str | None) -> int | None:
    """Read a budget: whole seconds, or ``"10m"``.

    Raises:
        InvalidValueError: It has another form, or is out of range.
    """
    if budget is None:
        return None
    from qrsession.money.budgets import check_budget  # noqa: PLC0415 - few commands are given one

    return check_budget(parse_duration(budget))


def one_of(argument: str | None, option: str | None) -> str | None:
    """Return what is named by an argument, or by an option that means the same.

    Raises:
        UsageError: Both are given, and differ.
    """
    if argument and option and argument != option:
        raise UsageError(f"Two sessions are named: {argument!r} and {option!r}.")
    return argument or option


def seconds_of(timeout: str | None, name: str = "--timeout") -> float | None:
    """Read a time-out: seconds, which may have a fraction, or ``"5m"``.

    Args:
        timeout: What the user gave.
        name: The option's name, for the error.

    Raises:
        InvalidValueError: It has another form.
    """
    if timeout is None:
        return None
    try:
        timeout_s = float(timeout)
    except ValueError:
        try:
            return float(parse_duration(timeout))
        except InvalidValueError as error:
            raise InvalidValueError(f"{name}: {error.message}", advice=error.advice) from None
    if not 0 <= timeout_s < float("inf"):
        raise InvalidValueError(f"{name} is {timeout}; it must be 0 or more seconds.")
    return timeout_s


def check_wait(timeout: str | None, *, wait: bool) -> None:
    """Refuse a time-out of a wait that nobody asked for.

    Raises:
        UsageError: There is one.
    """
    if timeout is not None and not wait:
        raise UsageError("--timeout is for --wait, which is not given.", advice="Add --wait.")
