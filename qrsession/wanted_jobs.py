"""Which jobs a wait is for: several, each by whatever name a person has for it."""

from collections.abc import Sequence

from qrsession.errors import JobNotFoundError
from qrsession.finding import LAST_JOB, settle_tag
from qrsession.job import RuntimeJob
from qrsession.outcomes import Outcome, recall_outcome
from qrsession.protocol.status import FINAL_JOB_STATUSES
from qrsession.tags import is_own_tag
from qrsession.workspace import Workspace

_MOST_READ = 2000


def find_jobs(
    workspace: Workspace,
    keys: Sequence[str],
    session: str | None,
    where: tuple[str | None, str | None],
    *,
    interactive: bool,
) -> list[RuntimeJob | Outcome]:
    """Find jobs by their ids, the beginnings of them, ``@last``, or the tags of their submissions.

    Nobody is asked about a job of our own records: who waits for it will ask.

    Args:
        workspace: The user's sessions.
        keys: What the jobs are called; none: all jobs of the session that have not ended, where one
            is named, and else its last one.
        session: The session whose jobs are meant; None: by precedence.
        where: The account and the instance to ask for a job that is not known here.
        interactive: Whether a person sits at a terminal.

    Returns:
        Each job once, in the order of its names; in its place its result where that was kept.

    Raises:
        JobNotFoundError: One is known neither here nor to the service.
        InvalidValueError: Several jobs begin so.
    """
    if not keys and session is not None:
        return list(_unfinished(workspace, session, where[0], interactive=interactive))
    found = [
        _find(workspace, key, session, where, interactive=interactive) for key in keys or [LAST_JOB]
    ]
    return list({_id_of(job): job for job in found}.values())


def _find(
    workspace: Workspace,
    key: str,
    session: str | None,
    where: tuple[str | None, str | None],
    *,
    interactive: bool,
) -> RuntimeJob | Outcome:
    if is_own_tag(key):
        return settle_tag(workspace, key, where[0])
    if key == LAST_JOB:
        chosen = workspace.find_any(session, interactive=interactive)
        entry = workspace.records.last_job(chosen.session_id)
    else:
        try:
            entry = workspace.records.find_job(key)
        except JobNotFoundError:
            # Another machine may have submitted it.
            return workspace.service(*where).job(key)
    kept = recall_outcome(workspace.records, entry)
    if kept is not None:
        return kept
    service = workspace.service(entry.account, entry.instance, is_known=True)
    return RuntimeJob.of_entry(service, entry)


def _unfinished(
    workspace: Workspace, session: str, account: str | None, *, interactive: bool
) -> list[RuntimeJob]:
    """Return the jobs of a session that have not ended, whoever submitted them, oldest first."""
    entry = workspace.find_any(session, interactive=interactive)
    service = workspace.service_of(entry, account)
    listed = service.client.list_jobs(session_id=entry.session_id, limit=_MOST_READ)
    left = [record for record in listed if record.status not in FINAL_JOB_STATUSES]
    return [RuntimeJob(service, record) for record in reversed(left)]


def _id_of(job: RuntimeJob | Outcome) -> str:
    return job.job.job_id if isinstance(job, Outcome) else job.job_id()
