"""``qrsession env``: the variables that make a shell's commands use one session.

With ``--for`` they make scripts of another client use the local runtime.
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
    """Other clients, whose scripts can be led to the local runtime."""

    QISKIT_IBM_RUNTIME = "qiskit-ibm-runtime"


def command(
    context: Context,
    *,
    session: options.Session = None,
    client: Annotated[
        Client | None,
        typer.Option("--for", help="Make scripts of this client use the local runtime, as is."),
    ] = None,
    local: Annotated[
        bool, typer.Option("--local", help="Goes with --for, which leads nowhere else.")
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

    With --for they are those by which scripts of IBM's own client use the local runtime, which
    stays up for twelve hours from then.

    Examples:
        eval "$(qrsession env)"
        eval "$(qrsession env --local --for qiskit-ibm-runtime)"
    """
    syntax = Syntax(form or shell)
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
    from qrsession.unmodified import client_variables, variables_to_remove  # noqa: PLC0415

    if unset:
        return removals_text(variables_to_remove(os.environ), syntax)
    found = client_variables(context.settings, os.environ)
    lines = assignments_text(found.variables, syntax)
    if found.replaced:
        context.output.warn(f"{', '.join(found.replaced)} had another value here.")
    context.output.say(
        f"The local runtime at {found.url} stays up until {found.kept_until:%Y-%m-%d %H:%M} UTC."
    )
    return lines
