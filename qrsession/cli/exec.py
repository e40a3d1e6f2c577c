"""``qrsession exec``: a session around a command."""

import os
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from qrsession.cli import options
from qrsession.cli.context import Context
from qrsession.cli.reporting import EndTeller, Report, Summary
from qrsession.errors import InterruptedCommandError, QrsessionError, UsageError
from qrsession.settings import ACCOUNT_VARIABLE, SESSION_VARIABLE, STATE_VARIABLE

if TYPE_CHECKING:
    from qrsession.closing.ending import Closer, Ending
    from qrsession.processes.supervise import AbandonedError, Supervisor
    from qrsession.verbs.admission import OpenRequest
    from qrsession.verbs.reports import SessionReport
    from qrsession.verbs.workspace import Workspace

EXIT_NOT_OPENED = 125
_OPENS = (
    "The session is still being opened, and will be closed at once; the command is not run. "
    "Once more, and that is not waited for."
)
_GOES_ON = "The session is being closed; once more, and that is left to a later command."


class OnFailure(StrEnum):
    """What becomes of queued jobs when the command failed."""

    DRAIN = "drain"
    CANCEL = "cancel"


def command(
    context: Context,
    arguments: Annotated[list[str], typer.Argument(metavar="CMD [ARGS...]", help="The command.")],
    *,
    backend: options.Backend = None,
    max_time: options.MaxTime = None,
    mode: options.Mode = "dedicated",
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="The session's name.")
    ] = None,
    min_qubits: options.MinQubits = None,
    budget: options.Budget = None,
    account: options.Account = None,
    instance: options.Instance = None,
    local: options.Local = False,
    on_failure: Annotated[
        OnFailure,
        typer.Option("--on-failure", help="What becomes of queued jobs if the command fails."),
    ] = OnFailure.CANCEL,
    close_timeout: Annotated[
        str, typer.Option("--close-timeout", metavar="TIME", help="How long closing is tried.")
    ] = "60",
    summary: Summary = None,
    report: Report = None,
) -> None:
    """Open a session, run a command in it, and close the session whatever happens.

    The command finds the session in its environment, and this qrsession first in its PATH. The
    exit code is the command's own; 125 if no session could be opened, 126 or 127 if the command
    cannot be executed or found, 128+n if signal n ended it.

    Signals are passed on to the command, and where there is no terminal, as in CI, to all that it
    started, which gets a process group of its own; the third SIGINT, SIGTERM, SIGHUP or SIGQUIT
    that is passed on kills it. The session is closed when the command itself ends, whatever it left
    running. A second Ctrl-C while it is being closed gives up, and says what is open. If exec
    itself is killed, a process in the background closes the session: see `open --close-with`.

    Examples:
        qrsession exec --local -- qrsession run @bell
        qrsession exec --local --max-time "10m" -- sh -c 'qrsession run @ghz && qrsession status'
    """
    # Imported here: its help needs none of it.
    from qrsession.closing.ending import Closer, still_open_text  # noqa: PLC0415
    from qrsession.closing.guarding import guard_own, own_mark  # noqa: PLC0415
    from qrsession.money.modes import parse_mode  # noqa: PLC0415
    from qrsession.processes.supervise import Supervisor  # noqa: PLC0415
    from qrsession.verbs.admission import OpenRequest  # noqa: PLC0415

    teller = EndTeller(context, summary, report)
    teller.check()
    close_timeout_s = options.seconds_of(close_timeout, "--close-timeout") or 0.0
    longest = options.max_time_of(max_time, context.output.say)
    request = OpenRequest(
        backend,
        longest.max_time,
        parse_mode(mode),
        name,
        options.account_of(account, local=local),
        instance,
        options.min_qubits_of(min_qubits, backend),
        budget_s=options.budget_of(budget),
        is_at_most=longest.is_at_most,
        closes_with=own_mark(),
    )
    workspace = context.workspace
    with Supervisor(lambda: context.output.warn(_OPENS)) as supervisor:
        session = _open(context, workspace, request, teller)
        supervisor.hold()
        entry = workspace.ledger.find(session.session_id)
        guard = guard_own(workspace, entry, cancel=on_failure is OnFailure.CANCEL)
        end = supervisor.run(arguments, _environment(context, session))
        if end.trouble:
            context.output.fail(context.command, _not_run(end.trouble))
        is_dropping = not end.is_success and on_failure is OnFailure.CANCEL
        closer = Closer(workspace, entry, cancel=is_dropping)
        ending, abandoned = _close(context, supervisor, closer, close_timeout_s)
        if not ending.is_closed:
            context.output.warn(still_open_text(ending, is_watched=guard is not None))
        elif guard is not None:
            guard.dismiss()
    exit_code = end.exit_code if abandoned is None else abandoned.exit_code
    teller.tell_end(workspace, ending.report, exit_code)
    raise typer.Exit(exit_code)


def _close(
    context: Context, supervisor: "Supervisor", closer: "Closer", timeout_s: float
) -> "tuple[Ending, AbandonedError | None]":
    """Close the session; the second signal meanwhile gives up, and is returned."""
    from qrsession.processes.supervise import AbandonedError  # noqa: PLC0415 - as above

    try:
        with supervisor.closing(lambda: context.output.warn(_GOES_ON)):
            return closer.close(timeout_s), None
    except AbandonedError as error:
        return closer.abandon(), error


def _open(
    context: Context, workspace: "Workspace", request: "OpenRequest", teller: EndTeller
) -> "SessionReport":
    from qrsession.processes.supervise import AbandonedError  # noqa: PLC0415 - as above
    from qrsession.verbs.admission import open_new  # noqa: PLC0415 - as above

    try:
        return open_new(workspace, request, make_current=False)
    except UsageError:
        raise
    except AbandonedError as abandoned:
        error, exit_code = _not_waited_for(), abandoned.exit_code
    except QrsessionError as refused:
        error, exit_code = refused, EXIT_NOT_OPENED
    context.output.fail(context.command, error)
    teller.tell_failure(error)
    raise typer.Exit(exit_code) from error


def _not_waited_for() -> QrsessionError:
    return InterruptedCommandError(
        "Interrupted while the session was being opened; the command was not run.",
        advice="One that was opened unseen costs nothing and closes by itself: qrsession list",
    )


def _not_run(trouble: str) -> UsageError:
    return UsageError(trouble, advice="Check the command after `--`, and the PATH.")


def _environment(context: Context, session: "SessionReport") -> dict[str, str]:
    from qrsession.processes.supervise import with_own_scripts  # noqa: PLC0415 - as above

    return {
        **with_own_scripts(os.environ),
        SESSION_VARIABLE: session.session_id,
        ACCOUNT_VARIABLE: session.account,
        STATE_VARIABLE: str(context.settings.state_file),
    }
