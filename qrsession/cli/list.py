"""``qrsession list``: every session that may cost something."""

from typing import Annotated

import typer

from qrsession.cli import options
from qrsession.cli.context import Context
from qrsession.errors import UsageError


def command(
    context: Context,
    *,
    remote: Annotated[
        bool,
        typer.Option("--remote", help="Also the account's sessions that the ledger has not."),
    ] = False,
    account: options.Account = None,
    local: options.Local = False,
) -> None:
    """List the sessions of the ledger with their live state, and those that may be open unseen.

    A session whose reply was lost, or whose close could not be sent, is listed until it is settled.
    `qrsession adopt` takes one into the ledger.

    Examples:
        qrsession list
        qrsession list --remote --local --json
    """
    # Imported here: its help needs none of it.
    from qrsession.render.views import overview_text  # noqa: PLC0415
    from qrsession.verbs.overview import survey  # noqa: PLC0415

    named_account = options.account_of(account, local=local)
    if named_account is not None and not remote:
        raise UsageError(
            "--account and --local say whose sessions --remote adds.",
            advice="Add --remote; without it, all sessions of the ledger are listed.",
        )
    overview = survey(context.workspace, account=named_account, remote=remote)
    context.show(overview.document(), lambda terminal: overview_text(overview, terminal))
