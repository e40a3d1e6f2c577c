"""``qrsession cancel``: jobs that shall not run, or not to their end."""

from typing import TYPE_CHECKING, Annotated

import typer

from qrsession.cli import options
from qrsession.cli.context import Context
from qrsession.errors import UsageError

if TYPE_CHECKING:
    from qrsession.verbs.cancelling import Cancellations


def command(
    context: Context,
    jobs: options.Jobs = None,
    *,
    session: options.Session = None,
    whole_session: Annotated[
        bool, typer.Option("--all", help="All jobs of the session that have not ended.")
    ] = False,
    account: options.Account = None,
    instance: options.Instance = None,
    local: options.Local = False,
) -> None:
    """Cancel jobs. With -s and no JOB, all of that session's; the session takes more jobs.

    All that are named are found before one is cancelled. One that has ended is no error, and is
    said. Prints the ids of those that are cancelled, or will be in a moment.

    Examples:
        qrsession cancel "$(qrsession run @bell --local --backend aer_simulator --detach)"
        qrsession exec --local -- sh -c 'qrsession run @bell -d; qrsession cancel --all'
    """
    if jobs and whole_session:
        raise UsageError("Name jobs or give --all, not both.")
    if not (jobs or whole_session or session):
        raise UsageError(
            "No job is named.", advice="Name jobs, @last, or a session: qrsession cancel -s NAME"
        )
    where = (options.account_of(account, local=local), instance)
    outcome = _cancel(context, jobs, session, where)
    for job in outcome.jobs:
        context.output.say(job.sentence())
    if not outcome.jobs and not outcome.failures:
        context.output.say("No job of the session is left to be cancelled.")
    outcome.raise_failures()
    context.show(
        {"cancelled": [job.document() for job in outcome.jobs]},
        lambda _terminal: "\n".join(job.job_id for job in outcome.jobs if not job.had_ended),
    )


def _cancel(
    context: Context,
    jobs: list[str] | None,
    session: str | None,
    where: tuple[str | None, str | None],
) -> "Cancellations":
    # Imported here: the help needs none of it.
    from qrsession.verbs.cancelling import cancel_all, cancel_jobs  # noqa: PLC0415
    from qrsession.verbs.finding import find_jobs  # noqa: PLC0415

    workspace, interactive = context.workspace, context.is_interactive
    if not jobs:
        return cancel_all(workspace, workspace.find_any(session, interactive=interactive))
    found = find_jobs(workspace, jobs, session, where, interactive=interactive)
    return cancel_jobs(workspace, found)
