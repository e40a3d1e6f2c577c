"""``qrsession status``: one session or all of them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qrsession.cli import options
from qrsession.cli.context import Context
from qrsession.errors import UsageError
from qrsession.money.accounting import examine, new_warnings, warnings_for_all
from qrsession.protocol.status import SessionState
from qrsession.render.terminal import Terminal
from qrsession.render.views import session_text, sessions_text
from qrsession.verbs.reports import JobReport, SessionReport

if TYPE_CHECKING:
    from qrsession.state.entries import SessionEntry
    from qrsession.verbs.workspace import Workspace


@dataclass(frozen=True)
class View:
    """What was seen: for the envelope, for people, and as sessions with the jobs of one of them."""

    data: dict[str, Any]
    text: Callable[[Terminal], str]
    sessions: Sequence[SessionReport]
    jobs: Sequence[JobReport] = ()

    @property
    def open_sessions(self) -> list[SessionReport]:
        """The sessions that are not closed."""
        return [one for one in self.sessions if one.state != SessionState.CLOSED]


def command(
    context: Context,
    session: options.SessionArgument = None,
    *,
    named: options.Session = None,
    show_all: Annotated[bool, typer.Option("--all", help="All sessions of the ledger.")] = False,
    cached: Annotated[
        bool, typer.Option("--cached", help="What the ledger knows; ask no service.")
    ] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Look again until it is closed.")] = False,
    timeout: options.Timeout = None,
    events: options.Events = False,
) -> None:
    """Show a session: its state, time left, usage and jobs. Without a name, the current one.

    With --watch it is drawn again every two seconds, until all that is shown is closed. A service
    that is out of reach does not end it. Ctrl-C does, and changes nothing.

    Examples:
        qrsession status --all
        qrsession status --all --cached --json
    """
    key = options.one_of(session, named)
    if show_all and key:
        raise UsageError(f"The session {key!r} is named, and --all is given too.")
    _check_watch(watch=watch, cached=cached, events=events, timeout=timeout, context=context)
    deadline_s = options.seconds_of(timeout)

    warn = new_warnings(context.output.warn)
    workspace = context.workspace
    if watch:
        # Each look would say it again.
        workspace.warn = lambda sentence: warn([sentence])
    # Chosen once: what is current may change while it is watched.
    entry = None if show_all else workspace.find_any(key, interactive=context.is_interactive)
    view = _see(context, workspace, entry, cached=cached, is_first=True)
    warn(view.data["warnings"])
    if not watch:
        context.show(view.data, view.text)
        return
    # Imported here because few look twice.
    from qrsession.cli.watching import watch as watch_sessions  # noqa: PLC0415
    from qrsession.waiting.single import Deadline  # noqa: PLC0415

    watch_sessions(context, view, _looker(context, workspace, entry, warn), Deadline(deadline_s))


def _check_watch(
    *, watch: bool, cached: bool, events: bool, timeout: str | None, context: Context
) -> None:
    """Refuse options that have no meaning together."""
    if watch and cached:
        raise UsageError("--watch looks again and again, and --cached never changes.")
    if watch and context.output.mode.json and not events:
        raise UsageError(
            "--watch goes on, and --json is one object.",
            advice="Add --events: a line of JSON for each change, the envelope last.",
        )
    if not watch and (events or timeout is not None):
        name = "--events" if events else "--timeout"
        raise UsageError(f"{name} is for --watch, which is not given.", advice="Add --watch.")


def _looker(
    context: Context,
    workspace: "Workspace",
    entry: "SessionEntry | None",
    warn: Callable[[Iterable[str]], None],
) -> Callable[[], View]:
    """Return what looks again at what was looked at first."""

    def look() -> View:
        chosen = entry
        if entry is not None:
            chosen = workspace.find_any(entry.session_id, interactive=False)
        view = _see(context, workspace, chosen, cached=False)
        warn(view.data["warnings"])
        return view

    return look


def _see(
    context: Context,
    workspace: "Workspace",
    entry: "SessionEntry | None",
    *,
    cached: bool,
    is_first: bool = False,
) -> View:
    """Look at one session, or at all of them where none is meant."""
    if entry is None:
        return _see_all(workspace, cached=cached)
    # What an instance has left does not change from one look to the next.
    seen = examine(workspace, entry, cached=cached, asks_instance=is_first)
    return View(
        seen.document(),
        lambda terminal: session_text(
            seen.report, seen.jobs, terminal, now=context.now, budget=seen.budget
        ),
        [seen.report],
        seen.jobs,
    )


def _see_all(workspace: "Workspace", *, cached: bool) -> View:
    view = workspace.ledger.read()
    reports = [
        workspace.recall(entry) if cached else workspace.look_or_recall(entry)
        for entry in view.sessions.values()
    ]
    return View(
        {
            "sessions": [report.document() for report in reports],
            "warnings": list(warnings_for_all(workspace, reports, cached=cached)),
        },
        lambda terminal: sessions_text(reports, terminal, current=view.current),
        reports,
    )
