"""The one place where errors become lines on stderr, the envelope and the exit code."""

import os
import re
import signal
import sys
import warnings
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType

import typer

from qrsession.cli.app import VERBS, build_app
from qrsession.cli.building import Call
from qrsession.errors import (
    InterruptedCommandError,
    QrsessionError,
    TerminatedCommandError,
    UsageError,
)
from qrsession.render.output import Mode, Output
from qrsession.settings import log_file_of

_PROGRAM = "qrsession"
# What a shell reports of a program that SIGPIPE ended.
_READER_GONE = 141
_VERBOSITY_OF_TRACEBACKS = 2
# Typer does not name the superclasses of its errors: BadParameter, UsageError, ClickException.
_TyperError: type[Exception] = typer.BadParameter.__mro__[2]


class Terminated(KeyboardInterrupt):
    """SIGTERM came. Who cleans up after Ctrl-C cleans up after this."""


def run(arguments: Sequence[str]) -> int:
    """Run a command line, and return its exit code.

    Args:
        arguments: The arguments, without the program's name.
    """
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _terminate)
    # urllib3's word on certificates that are not checked, at each request; ours is one line.
    warnings.filterwarnings("ignore", message="Unverified HTTPS request")
    call = Call(Output(_mode_of(arguments)))
    log_file = log_file_of(os.environ)
    if log_file is not None:
        call.diagnosis.write_to(log_file)
    code = _run(arguments, call)
    call.diagnosis.end(code)
    return code


def _run(arguments: Sequence[str], call: Call) -> int:
    try:
        code = _invoke(arguments, call)
        call.output.flush()
    except BrokenPipeError:
        return _leave_stdout()
    except SystemExit as end:
        # A server that was told to end says by its code which signal told it.
        return end.code if isinstance(end.code, int) else 1
    except BaseException as error:  # noqa: BLE001 - this is the boundary
        if isinstance(error, _TyperError) and not call.command:
            # Of an option that lacks its value Typer does not say whose it is.
            call.command = _verb_in(arguments)
        return _fail(call, error)
    return code


def _invoke(arguments: Sequence[str], call: Call) -> int:
    app = build_app()
    try:
        with app.make_context(_PROGRAM, list(arguments), obj=call) as context:
            app.invoke(context)
    except typer.Exit as end:
        return end.exit_code
    return 0


def _fail(call: Call, error: BaseException) -> int:
    ours = _as_ours(error, call)
    try:
        call.output.fail(call.command, ours)
        call.diagnosis.tell_error(error)
        if call.output.mode.verbosity >= _VERBOSITY_OF_TRACEBACKS:
            import traceback  # noqa: PLC0415 - seldom wanted

            call.output.trace("".join(traceback.format_exception(error)))
        call.output.flush()
    except BrokenPipeError:
        _leave_stdout()
    except QrsessionError:
        # The error itself was told on stderr; that stdout is full as well is the lesser news.
        _leave_stdout()
    return ours.exit_code


def of_signal(error: QrsessionError) -> QrsessionError:
    """Return an error as it is told: who waits treats both signals alike, and says what goes on."""
    if isinstance(error, InterruptedCommandError) and isinstance(error.__context__, Terminated):
        return TerminatedCommandError(error.message, advice=error.advice, details=error.details)
    return error


def _as_ours(error: BaseException, call: Call) -> QrsessionError:
    if isinstance(error, InterruptedCommandError):
        return of_signal(error)
    if isinstance(error, QrsessionError):
        if error.advice == UsageError.default_advice and call.command:
            error.advice = f"See `{_PROGRAM} {call.command} --help`."
        return error
    if isinstance(error, _TyperError):
        return _usage_error(error, call)
    if isinstance(error, Terminated):
        return TerminatedCommandError("Terminated.")
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        return InterruptedCommandError("Interrupted.")
    return QrsessionError(f"This is a fault of {_PROGRAM}: {type(error).__name__}: {error}")


def _usage_error(error: Exception, call: Call) -> UsageError:
    context = getattr(error, "ctx", None)
    if context is not None:
        call.command = context.command_path.removeprefix(_PROGRAM).strip()
    path = f"{_PROGRAM} {call.command}".rstrip()
    message = error.format_message() if hasattr(error, "format_message") else str(error)
    return UsageError(message, advice=f"See `{path} --help`.")


def _mode_of(arguments: Sequence[str]) -> Mode:
    """Read off how to talk before the arguments are parsed, for they may be wrong."""
    ours = list(arguments[: arguments.index("--")] if "--" in arguments else arguments)
    verb = VERBS.get(_verb_in(ours))
    flags = "".join(word[1:] for word in ours if re.fullmatch("-[qv]+", word))
    return Mode(
        json=not {"--json", "--events"}.isdisjoint(ours) and (verb is None or verb.has_envelope),
        quiet="--quiet" in ours or "q" in flags,
        verbosity=ours.count("--verbose") + flags.count("v"),
        events="--events" in ours,
    )


def _verb_in(arguments: Sequence[str]) -> str:
    """Return the name of the command, "" where there is none of that name."""
    first = next((word for word in arguments if not word.startswith("-")), "")
    return first if first in VERBS else ""


def _leave_stdout() -> int:
    # Python flushes stdout when it ends, and would complain.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
    return _READER_GONE


def _terminate(_signal: int, _frame: FrameType | None) -> None:
    raise Terminated
