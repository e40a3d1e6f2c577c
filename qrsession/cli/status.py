"""``qrsession status``: one session or all of them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import typer

from qrsession.cli.context import Context
from qrsession.entries import JobEntry, SessionEntry
from qrsession.errors import UsageError
from qrsession.render.terminal import Terminal
from qrsession.render.views import JobView, SessionView, session_text, sessions_text


@dataclass(frozen=True, slots=True)
class Status:
    """What there is to tell of one session."""

    session: SessionView
    jobs: tuple[JobView, ...]
    now: datetime

    def document(self) -> dict[str, Any]:
        """Return the envelope's data."""
        return {
            "session": self.session.document(),
            "jobs": [job.document() for job in self.jobs],
        }

    def text(self, terminal: Terminal) -> str:
        """Return it for people."""
        return session_text(self.session, self.jobs, terminal, now=self.now)


def command(
    context: Context,
    session: Annotated[
        str | None,
        typer.Argument(metavar="SESSION", help="A name, an id, or the beginning of one."),
    ] = None,
    *,
    named: Annotated[
        str | None,
        typer.Option("--session", "-s", metavar="SESSION", help="The same as an option."),
    ] = None,
    show_all: Annotated[bool, typer.Option("--all", help="All sessions of the ledger.")] = False,
    cached: Annotated[
        bool, typer.Option("--cached", help="What the ledger knows; ask no service.")
    ] = False,
) -> None:
    """Show a session: its state, time left, usage and jobs. Without a name, the current one.

    Examples:
        qrsession status --all --cached
        qrsession status --all --cached --json
    """
    if session and named and session != named:
        raise UsageError(f"Two sessions are named: {session!r} and {named!r}.")
    if show_all and (session or named):
        raise UsageError("A session is named, and --all is given too.")
    if not cached:
        raise UsageError("Only --cached is served.", advice="Add --cached.")
    if show_all:
        _show_all(context)
    else:
        status = cached_status(context, session or named)
        context.show(status.document(), status.text)


def _show_all(context: Context) -> None:
    view = context.ledger.read()
    sessions = [cached_session(entry, context.now) for entry in view.sessions.values()]
    context.show(
        {"sessions": [session.document() for session in sessions]},
        lambda terminal: sessions_text(sessions, terminal, current=view.current),
    )


def cached_status(context: Context, key: str | None) -> Status:
    """Return what the ledger knows of the session that is meant, without the network."""
    entry = context.choose_session(key)
    jobs = context.records.jobs(entry.session_id)
    now = context.now
    return Status(cached_session(entry, now), tuple(map(cached_job, jobs)), now)


def cached_session(entry: SessionEntry, now: datetime) -> SessionView:
    """Return what the ledger knows of a session. Its time goes on while nobody asks."""
    time_left_s = None
    if entry.expires_at is not None:
        time_left_s = max((entry.expires_at - now).total_seconds(), 0.0)
    return SessionView(
        name=entry.name,
        session_id=entry.session_id,
        backend=entry.backend,
        mode=entry.mode,
        account=entry.account,
        instance=entry.instance,
        state=entry.state,
        accepting_jobs=entry.accepting_jobs,
        max_time_s=entry.max_time_s,
        time_left_s=time_left_s,
        usage_s=entry.usage_s,
        opened_at=entry.opened_at,
    )


def cached_job(entry: JobEntry) -> JobView:
    """Return what is recorded of a job."""
    return JobView(
        job_id=entry.job_id,
        primitive=entry.primitive,
        status=entry.status,
        created=entry.submitted_at,
        usage_s=entry.usage_s,
        tags=entry.tags,
    )
