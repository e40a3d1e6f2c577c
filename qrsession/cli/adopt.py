"""``qrsession adopt``: a session that was opened elsewhere."""

from typing import Annotated

import typer

from qrsession.cli import options
from qrsession.cli.context import Context
from qrsession.verbs.admission import adopt


def command(
    context: Context,
    session_id: Annotated[
        str,
        typer.Argument(metavar="ID", help="The session's id.", callback=options.not_empty),
    ],
    *,
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="Its name; by default a short word pair."),
    ] = None,
    account: options.Account = None,
    local: options.Local = False,
) -> None:
    """Take a session of the account into the ledger, and make it current.

    Examples:
        qrsession adopt --local "$(qrsession open --local)"
        qrsession list --remote --local
    """
    session = adopt(
        context.workspace, session_id, options.account_of(account, local=local), name=name
    )
    context.output.say(f"Adopted {session.name} on {session.backend}.")
    context.show({"session": session.document()}, lambda _terminal: session.session_id)
