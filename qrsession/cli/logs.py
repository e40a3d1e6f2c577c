"""``qrsession logs``: what a job logged."""

from qrsession.cli import options
from qrsession.cli.context import Context
from qrsession.names import LAST_JOB


def command(
    context: Context,
    job: options.Job = LAST_JOB,
    *,
    session: options.Session = None,
    account: options.Account = None,
    instance: options.Instance = None,
    local: options.Local = False,
) -> None:
    """Print what a job logged. Without a name, the session's last job.

    A job that logged nothing, or nothing yet, prints nothing, and that is said on stderr.

    Examples:
        qrsession logs "$(qrsession run @bell --local --backend aer_simulator --detach)"
        qrsession logs @last --json
    """
    # Imported here: its help needs none of it.
    from qrsession.render.jobs import logs_text  # noqa: PLC0415
    from qrsession.verbs.finding import find_job  # noqa: PLC0415

    where = (options.account_of(account, local=local), instance)
    workspace = context.workspace
    found = find_job(workspace, job, session, where, interactive=context.is_interactive)
    asked = found.ask(workspace)
    logs = asked.logs()
    if not logs.strip():
        ended = "" if asked.in_final_state() else " yet"
        context.output.say(f"Job {found.job_id} logged nothing{ended}.")
    context.show({"job": {"job_id": found.job_id}, "logs": logs}, lambda _terminal: logs_text(logs))
