"""``qrsession env``: the variables that make a shell's commands use one session."""

from enum import StrEnum
from typing import Annotated

import typer

from qrsession.cli import options
from qrsession.cli.context import Context
from qrsession.render.variables import Syntax, assignments_text, removals_text
from qrsession.settings import ACCOUNT_VARIABLE, SESSION_VARIABLE, STATE_VARIABLE


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


def command(
    context: Context,
    *,
    session: options.Session = None,
    shell: Annotated[Shell, typer.Option("--shell", help="Whose syntax.")] = Shell.SH,
    form: Annotated[
        Format | None, typer.Option("--format", help="A file's form, in place of a shell's.")
    ] = None,
    unset: Annotated[
        bool, typer.Option("--unset", help="Lines that remove the variables.")
    ] = False,
) -> None:
    """Print lines that name the session for the commands after them.

    Examples:
        eval "$(qrsession env)"
        eval "$(qrsession env --unset)"
    """
    syntax = Syntax(form or shell)
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
