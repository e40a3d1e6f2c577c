"""``qrsession status``: one session or all of them."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qrsession.accounting import examine, new_warnings, warnings_for_all
from qrsession.cli import options
from qrsession.cli.context import Context
from qrsession.errors import UsageError
from qrsession.protocol.status import SessionState
from qrsession.render.terminal import Terminal
from qrsession.render.views import session_text, sessions_text
from qrsession.render.watch import Watch

if TYPE_CHECKING:
    from qrsession.entries import SessionEntry
    from qrsession.workspace import Workspace

_WATCH_S = 2.0


def command(
    context: Context,
    session: Annotated[
        str | None,
        typer.Argument(
            metavar="SESSION",
            help="A name, an id, or the beginning of one.",
            callback=options.not_empty,
        ),
    ] = None,
    *,
    named: options.Session = None,
    show_all: Annotated[bool, typer.Option("--all", help="All sessions of the ledger.")] = False,
    cached: Annotated[
        bool, typer.Option("--cached", help="What the ledger knows; ask no service.")
    ] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Look again until it is closed.")] = False,
) -> None:
    """Show a session: its state, time left, usage and jobs. Without a name, the current one.

    With --watch it is drawn again every two seconds, until all that is shown is closed.

    Examples:
        qrsession status --all
        qrsession status --all --cached --json
    """
    key = options.one_of(session, named)
    if show_all and key:
        raise UsageError(f"The session {key!r} is named, and --all is given too.")
    if watch and (cached or context.output.mode.json):
        raise UsageError(
            "--watch goes with neither --cached nor --json.",
            advice="Call status again and again for JSON.",
        )

    workspace = context.workspace
    # Chosen once: what is current may change while it is watched.
    entry = None if show_all else workspace.find_any(key, interactive=context.is_interactive)
    view = _see(context, workspace, entry, cached=cached, is_first=True)
    warn = new_warnings(context.output.warn)
    warn(view.data["warnings"])
    if not watch:
        context.show(view.data, view.text)
        return
    with Watch(context.output) as place:
        place.draw(view.text(context.output.terminal))
        while not view.is_over:
            time.sleep(_WATCH_S)
            if entry is not None:
                entry = workspace.find_any(entry.session_id, interactive=False)
            view = _see(context, workspace, entry, cached=False)
            warn(view.data["warnings"])
            place.draw(view.text(context.output.terminal))


@dataclass(frozen=True, slots=True)
class _View:
    """What was seen: for the envelope, for people, and whether there is no more to come."""

    data: dict[str, Any]
    text: Callable[[Terminal], str]
    is_over: bool


def _see(
    context: Context,
    workspace: "Workspace",
    entry: "SessionEntry | None",
    *,
    cached: bool,
    is_first: bool = False,
) -> _View:
    """Look at one session, or at all of them where none is meant."""
    if entry is None:
        return _see_all(workspace, cached=cached)
    # What an instance has left does not change from one look to the next.
    seen = examine(workspace, entry, cached=cached, asks_instance=is_first)
    return _View(
        seen.document(),
        lambda terminal: session_text(
            seen.report, seen.jobs, terminal, now=context.now, budget=seen.budget
        ),
        is_over=seen.report.state == SessionState.CLOSED,
    )


def _see_all(workspace: "Workspace", *, cached: bool) -> _View:
    view = workspace.ledger.read()
    reports = [
        workspace.recall(entry) if cached else workspace.look_or_recall(entry)
        for entry in view.sessions.values()
    ]
    return _View(
        {
            "sessions": [report.document() for report in reports],
            "warnings": list(warnings_for_all(workspace, reports, cached=cached)),
        },
        lambda terminal: sessions_text(reports, terminal, current=view.current),
        is_over=all(report.state == SessionState.CLOSED for report in reports),
    )
