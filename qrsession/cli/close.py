"""``qrsession close``: take no more jobs."""

from typing import Annotated

import typer

from qrsession.cli import options
from qrsession.cli.context import Context


def command(
    context: Context,
    sessions: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SESSION...]",
            help="Names, ids, or their beginnings.",
            callback=options.not_empty,
        ),
    ] = None,
    *,
    session: options.Session = None,
    close_all: Annotated[bool, typer.Option("--all", help="All sessions of the ledger.")] = False,
    cancel: Annotated[
        bool, typer.Option("--cancel", help="Drop queued jobs; by default they run.")
    ] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it has drained.")] = False,
    timeout: options.Timeout = None,
) -> None:
    """Close sessions: no new jobs are taken, and those queued run to their end.

    Without a name it closes the current one. Closing what is closed is no error. Prints the ids,
    and on stderr what was used, and how much of it was idle.

    Examples:
        qrsession close --all
        qrsession close --all --cancel --wait --timeout 60
    """
    # Imported here: its help needs none of it.
    from qrsession.closing.close import closed_text, select_to_close  # noqa: PLC0415
    from qrsession.closing.several import close_each  # noqa: PLC0415
    from qrsession.money.accounting import account_for  # noqa: PLC0415
    from qrsession.waiting.single import Deadline  # noqa: PLC0415

    options.check_wait(timeout, wait=wait)
    deadline = Deadline(options.seconds_of(timeout))
    keys = [*(sessions or []), *([session] if session else [])]
    workspace = context.workspace
    entries = select_to_close(
        workspace, keys, everything=close_all, interactive=context.is_interactive
    )
    closings = close_each(workspace, entries, cancel=cancel)
    if wait:
        closings.wait(workspace, deadline)
    closed = [account_for(workspace, report) for report in closings.reports]
    for report in closed:
        context.output.say(closed_text(report))
    closings.raise_failures()
    data = [report.closed_document() for report in closed]
    context.show(
        {"closed": data}, lambda _terminal: "\n".join(report.session_id for report in closed)
    )
