"""``qrsession env``: the variables that make a shell's commands use one session.

With ``--for`` they are those of another client: scripts of IBM's use the local runtime by them,
programs of QRMI the session.
"""

import os
from enum import StrEnum
from typing import Annotated

import typer

from qrsession.cli import options
from qrsession.cli.context import Context
from qrsession.errors import UsageError
from qrsession.render.variables import Syntax, assignments_text, removals_text
from qrsession.settings import (
    ACCOUNT_VARIABLE,
    LOCAL_ACCOUNT,
    SESSION_VARIABLE,
    STATE_VARIABLE,
)


class Shell(StrEnum):
    """Shells that the lines can be for."""

    SH = "sh"
    FISH = "fish"
    PWSH = "pwsh"


class Format(StrEnum):
    """Forms of the lines that are for no shell."""

    DOTENV = "dotenv"
    GITHUB = "github"
    JSON = "json"


class Client(StrEnum):
    """Other clients, whose programs can be led to the local runtime, or to a session."""

    QISKIT_IBM_RUNTIME = "qiskit-ibm-runtime"
    QRMI = "qrmi"


def command(
    context: Context,
    *,
    session: options.Session = None,
    client: Annotated[
        Client | None,
        typer.Option("--for", help="The variables of this client; one of them holds a key."),
    ] = None,
    local: Annotated[
        bool,
        typer.Option("--local", help="Goes with --for qiskit-ibm-runtime, which leads there."),
    ] = False,
    shell: Annotated[Shell, typer.Option("--shell", help="Whose syntax.")] = Shell.SH,
    form: Annotated[
        Format | None, typer.Option("--format", help="A file's form, in place of a shell's.")
    ] = None,
    unset: Annotated[
        bool, typer.Option("--unset", help="Lines that remove the variables.")
    ] = False,
) -> None:
    """Print lines that name the session for the commands after them.

    With --for qiskit-ibm-runtime they are those by which scripts of that client use the local
    runtime, which stays up for twelve hours from then; with --for qrmi those by which programs of
    QRMI use the session. Both print a key, which a step of GitHub's is told to mask.

    Examples:
        eval "$(qrsession env)"
        eval "$(qrsession env --local --for qiskit-ibm-runtime)"
    """
    syntax = Syntax(form or shell)
    if client is Client.QRMI:
        if local:
            raise UsageError("--local and --for qrmi: a session knows its account.")
        context.output.data(_lines_for_qrmi(context, session, syntax, unset=unset))
        return
    if client is not None:
        _check_local(context, session, local=local)
        context.output.data(_lines_for_client(context, syntax, unset=unset))
        return
    if local:
        raise UsageError(
            "--local goes with --for; a session knows its account.",
            advice="qrsession env --local --for qiskit-ibm-runtime",
        )
    if unset:
        names = (SESSION_VARIABLE, ACCOUNT_VARIABLE, STATE_VARIABLE)
        context.output.data(removals_text(names, syntax))
        return
    entry = context.choose_session(session)
    variables = {
        SESSION_VARIABLE: entry.session_id,
        ACCOUNT_VARIABLE: entry.account,
        STATE_VARIABLE: str(context.settings.state_file),
    }
    context.output.data(assignments_text(variables, syntax))


def _check_local(context: Context, session: str | None, *, local: bool) -> None:
    """Refuse what would lead scripts elsewhere than somebody asked for.

    Raises:
        UsageError: A session is named, or the environment names another account.
    """
    if session is not None:
        raise UsageError("--for is about the local runtime, and --session about a session.")
    account = context.settings.account
    if not local and account not in {None, LOCAL_ACCOUNT}:
        raise UsageError(
            f"--for leads scripts to the local runtime, and QRSESSION_ACCOUNT is {account}.",
            advice="Add --local if you want that; IBM's client finds saved accounts by itself.",
        )


def _lines_for_client(context: Context, syntax: Syntax, *, unset: bool) -> str:
    # Imported here because the help of this command needs none of it.
    from qrsession.neighbours.unmodified import client_variables, variables_to_remove  # noqa: PLC0415

    if unset:
        return removals_text(variables_to_remove(os.environ), syntax)
    found = client_variables(context.settings, os.environ)
    lines = assignments_text(found.variables, syntax)
    _mask(context, found.key, syntax)
    if found.replaced:
        context.output.warn(f"{', '.join(found.replaced)} had another value here.")
    context.output.say(
        f"The local runtime at {found.url} stays up until {found.kept_until:%Y-%m-%d %H:%M} UTC."
    )
    return lines


def _lines_for_qrmi(context: Context, session: str | None, syntax: Syntax, *, unset: bool) -> str:
    # Imported here, as above.
    from qrsession.neighbours.qrmi import qrmi_variables, variables_to_remove  # noqa: PLC0415

    if unset:
        names = variables_to_remove(os.environ, session)
        if not names:
            context.output.say("No variables of QRMI are set here for a session.")
        return removals_text(names, syntax)
    entry = context.workspace.choose(session, interactive=context.is_interactive)
    found = qrmi_variables(entry, context.settings, context.output.warn)
    lines = assignments_text(found.variables, syntax)
    _mask(context, found.secret, syntax)
    if found.budget is not None:
        context.output.warn(
            f"QRMI's jobs are not held to the budget of {entry.name} together; each may use "
            f"{found.timeout_s} s."
        )
    return lines


def _mask(context: Context, secret: str, syntax: Syntax) -> None:
    """Have GitHub keep a secret out of the logs, before anything is printed that has it.

    stdout goes to the file that `GITHUB_ENV` names, and the runner reads commands on both streams.
    Elsewhere nobody would take the line, and it would show the secret.
    """
    if syntax is Syntax.GITHUB and os.environ.get("GITHUB_ACTIONS") == "true":
        context.output.mask(secret)
