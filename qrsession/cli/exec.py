"""``qrsession exec``: a session around a command."""

import os
import time
from enum import StrEnum
from typing import Annotated

import typer

from qrsession.admission import OpenRequest, open_new
from qrsession.cli import options
from qrsession.cli.context import Context
from qrsession.cli.reporting import EndTeller, Report, Summary
from qrsession.closing import close
from qrsession.errors import QrsessionError, UsageError
from qrsession.modes import parse_mode
from qrsession.reports import SessionReport
from qrsession.settings import ACCOUNT_VARIABLE, SESSION_VARIABLE, STATE_VARIABLE
from qrsession.supervise import Supervisor, with_own_scripts
from qrsession.workspace import Workspace

EXIT_NOT_OPENED = 125
_RETRY_S = 1.0


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

    Examples:
        qrsession exec --local -- qrsession run @bell
        qrsession exec --local --max-time "10m" -- sh -c 'qrsession run @ghz && qrsession status'
    """
    teller = EndTeller(context, summary, report)
    teller.check()
    close_timeout_s = options.seconds_of(close_timeout) or 0.0
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
    )
    workspace = context.workspace
    with Supervisor() as supervisor:
        session = _open(context, workspace, request, teller)
        end = supervisor.run(arguments, _environment(context, session))
        if end.trouble:
            context.output.fail(context.command, _not_run(end.trouble))
        is_dropping = not end.is_success and on_failure is OnFailure.CANCEL
        closed = _close(context, workspace, session, close_timeout_s, cancel=is_dropping)
    teller.tell_end(workspace, closed, end.exit_code)
    raise typer.Exit(end.exit_code)


def _open(
    context: Context, workspace: Workspace, request: OpenRequest, teller: EndTeller
) -> SessionReport:
    try:
        return open_new(workspace, request, make_current=False)
    except UsageError:
        raise
    except QrsessionError as error:
        context.output.fail(context.command, error)
        teller.tell_failure(error)
        raise typer.Exit(EXIT_NOT_OPENED) from error


def _not_run(trouble: str) -> UsageError:
    return UsageError(trouble, advice="Check the command after `--`, and the PATH.")


def _environment(context: Context, session: SessionReport) -> dict[str, str]:
    return {
        **with_own_scripts(os.environ),
        SESSION_VARIABLE: session.session_id,
        ACCOUNT_VARIABLE: session.account,
        STATE_VARIABLE: str(context.settings.state_file),
    }


def _close(
    context: Context,
    workspace: Workspace,
    session: SessionReport,
    timeout_s: float,
    *,
    cancel: bool,
) -> SessionReport:
    """Close the session, trying for a while; what stays open is said, and until when."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            entry = workspace.find_any(session.session_id, interactive=False)
            return close(workspace, entry, cancel=cancel)
        except QrsessionError as error:
            if time.monotonic() >= deadline:
                context.output.warn(_still_open(session, error))
                return session
        time.sleep(_RETRY_S)


def _still_open(session: SessionReport, error: QrsessionError) -> str:
    until = "its maximum time is up"
    if session.max_time_s is not None:
        until += f", {session.max_time_s} s after its first job"
    return (
        f"The session {session.name} ({session.session_id}) could not be closed: {error.message} "
        f"It stays open until {until}. Close it: qrsession close {session.session_id}"
    )
