"""``qrsession jobs``: the jobs of a session, or all that are known here."""

from enum import StrEnum
from typing import Annotated

import typer

from qrsession.cli import options
from qrsession.cli.context import Context
from qrsession.errors import UsageError
from qrsession.protocol.status import JobStatus
from qrsession.render.jobs import jobs_text
from qrsession.verbs.job_lists import JobQuery, Scope, list_jobs


class Status(StrEnum):
    """States that jobs can be in. ``pending`` is queued or running."""

    QUEUED = "queued"
    RUNNING = "running"
    PENDING = "pending"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"


def command(
    context: Context,
    *,
    session: options.Session = None,
    show_all: Annotated[
        bool, typer.Option("--all", help="Every job that is recorded here, of all sessions.")
    ] = False,
    no_session: Annotated[
        bool, typer.Option("--no-session", help="Jobs that ran in no session: run --backend.")
    ] = False,
    limit: Annotated[
        int, typer.Option("--limit", "-n", metavar="N", min=1, help="The newest so many.")
    ] = 20,
    status: Annotated[
        list[Status] | None, typer.Option("--status", help="Only jobs in this state; repeatable.")
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option(
            "--tag",
            metavar="TAG",
            help="Only jobs with this tag; repeatable.",
            callback=options.not_empty,
        ),
    ] = None,
    backend: Annotated[
        str | None,
        typer.Option(
            "--backend",
            "-b",
            metavar="NAME",
            help="Only jobs on this backend.",
            callback=options.not_empty,
        ),
    ] = None,
    cached: Annotated[
        bool, typer.Option("--cached", help="As last seen, from our records; ask no service.")
    ] = False,
) -> None:
    """List the jobs of the session, newest first, in the state that they are in now.

    Where no session is named and none is open, all jobs that are recorded here are listed. A
    session's are all that its service knows, whoever submitted them.

    Examples:
        qrsession jobs --all
        qrsession jobs --all --cached --status failed --json
    """
    if sum((session is not None, show_all, no_session)) > 1:
        raise UsageError("Give one of --session, --all and --no-session.")
    scope = Scope.ALL if show_all else Scope.NO_SESSION if no_session else Scope.SESSION
    query = JobQuery(limit, _statuses_of(status or []), tuple(tag or ()), backend, cached)
    found = list_jobs(context.workspace, scope, session, query, interactive=context.is_interactive)
    context.show(found.document(), lambda terminal: jobs_text(found, terminal, now=context.now))
    if found.has_more:
        context.output.say(f"Older ones are left out; to see more: --limit {10 * limit}.")


def _statuses_of(wanted: list[Status]) -> frozenset[str]:
    pending = (
        {JobStatus.QUEUED.value, JobStatus.RUNNING.value} if Status.PENDING in wanted else set()
    )
    return frozenset(pending | {one.capitalize() for one in wanted if one is not Status.PENDING})
