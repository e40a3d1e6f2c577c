"""``qrsession forget``: a session leaves the ledger without being closed."""

from typing import Annotated

import typer

from qrsession.cli import options
from qrsession.cli.context import Context
from qrsession.verbs.forgetting import forget


def command(
    context: Context,
    sessions: Annotated[
        list[str],
        typer.Argument(
            metavar="SESSION...",
            help="Names, ids, or their beginnings.",
            callback=options.not_empty,
        ),
    ],
) -> None:
    """Take sessions out of the ledger without closing them. No service is asked.

    It is for sessions whose service is gone, or that others close. One that may still be open is
    said, and until when; `qrsession close ID` closes it, and `qrsession adopt ID` takes it back.
    It closes with no process any more, not even adopted; the end of its own exec closes it all the
    same. Its jobs and results stay here. Prints the ids.

    Examples:
        qrsession forget "$(qrsession open --local)"
        qrsession open --local --name spare && qrsession forget spare --json
    """
    forgotten = forget(context.workspace, sessions)
    for one in forgotten:
        if one.warning is not None:
            context.output.warn(one.warning)
        elif one.was_gone:
            context.output.say(f"{one.entry.name} was not in the ledger any more.")
        else:
            context.output.say(f"Forgot {one.entry.name}.")
    context.show(
        {"forgotten": [one.document() for one in forgotten]},
        lambda _terminal: "\n".join(one.entry.session_id for one in forgotten),
    )
