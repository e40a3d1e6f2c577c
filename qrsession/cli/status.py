"""``qrsession status``: one session or all of them."""

from typing import TYPE_CHECKING, Annotated

import typer

from qrsession.cli import options
from qrsession.cli.context import Context
from qrsession.errors import QrsessionError, UsageError
from qrsession.render.views import session_text, sessions_text

if TYPE_CHECKING:
    from qrsession.entries import SessionEntry
    from qrsession.reports import SessionReport
    from qrsession.workspace import Workspace


def command(
    context: Context,
    session: Annotated[
        str | None,
        typer.Argument(metavar="SESSION", help="A name, an id, or the beginning of one."),
    ] = None,
    *,
    named: options.Session = None,
    show_all: Annotated[bool, typer.Option("--all", help="All sessions of the ledger.")] = False,
    cached: Annotated[
        bool, typer.Option("--cached", help="What the ledger knows; ask no service.")
    ] = False,
) -> None:
    """Show a session: its state, time left, usage and jobs. Without a name, the current one.

    Examples:
        qrsession status --all
        qrsession status --all --cached --json
    """
    key = options.one_of(session, named)
    if show_all and key:
        raise UsageError(f"The session {key!r} is named, and --all is given too.")
    if show_all:
        _show_all(context, cached=cached)
    else:
        _show_one(context, key, cached=cached)


def _show_one(context: Context, key: str | None, *, cached: bool) -> None:
    workspace = context.workspace
    entry = workspace.find_any(key, interactive=context.is_interactive)
    report = workspace.recall(entry) if cached else workspace.look(entry)
    jobs = workspace.jobs_of(entry, cached=cached)
    context.show(
        {"session": report.document(), "jobs": [job.to_row() for job in jobs]},
        lambda terminal: session_text(report, jobs, terminal, now=context.now),
    )


def _show_all(context: Context, *, cached: bool) -> None:
    workspace = context.workspace
    view = workspace.ledger.read()
    reports = [
        workspace.recall(entry) if cached else _look(context, workspace, entry)
        for entry in view.sessions.values()
    ]
    context.show(
        {"sessions": [report.document() for report in reports]},
        lambda terminal: sessions_text(reports, terminal, current=view.current),
    )


def _look(context: Context, workspace: "Workspace", entry: "SessionEntry") -> "SessionReport":
    try:
        return workspace.look(entry)
    except QrsessionError as error:
        # One service that is down hides no session of another.
        context.output.warn(f"{entry.name} is shown as it was last seen. {error.message}")
        return workspace.recall(entry)
