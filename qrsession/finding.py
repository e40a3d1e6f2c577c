"""Finding a job again, by whatever name a person has for it: what the verb `result` begins with."""

from typing import TYPE_CHECKING

from qrsession.errors import JobNotFoundError
from qrsession.outcomes import Outcome, recall_outcome
from qrsession.pending import Pending
from qrsession.tags import is_own_tag
from qrsession.workspace import Workspace

if TYPE_CHECKING:
    from qrsession.job import RuntimeJob

LAST_JOB = "@last"


def find_result(
    workspace: Workspace,
    key: str,
    session: str | None,
    where: tuple[str | None, str | None],
    *,
    interactive: bool,
) -> "Outcome | RuntimeJob":
    """Find a job by its id, the beginning of it, ``@last``, or the tag of its submission.

    Args:
        workspace: The user's sessions.
        key: What the job is called.
        session: The session whose last job is meant; None: by precedence.
        where: The account and the instance to ask for a job that is not known here.
        interactive: Whether a person sits at a terminal.

    Returns:
        Its result where that was kept on disk, else the job.

    Raises:
        JobNotFoundError: It is known neither here nor to the service.
        InvalidValueError: Several jobs begin so.
    """
    account, instance = where
    if is_own_tag(key):
        return settle_tag(workspace, key, account)
    try:
        if key == LAST_JOB:
            chosen = workspace.find_any(session, interactive=interactive)
            entry = workspace.records.last_job(chosen.session_id)
        else:
            entry = workspace.records.find_job(key)
    except JobNotFoundError:
        if key == LAST_JOB:
            raise
        # Another machine may have submitted it.
        return workspace.service(account, instance).job(key)
    kept = recall_outcome(workspace.records, entry)
    if kept is not None:
        return kept
    return workspace.service(entry.account, entry.instance, is_known=True).job(entry.job_id)


def settle_tag(workspace: Workspace, tag: str, account: str | None) -> "RuntimeJob":
    """Find the job of a submission that is in doubt, looking for it as long as it may come.

    Raises:
        JobNotFoundError: It was not submitted, and can be submitted again.
        SubmissionUnknownError: The service is out of reach, so nothing is certain.
    """
    from qrsession.settling import find_tagged  # noqa: PLC0415 - seldom needed

    intent = Pending(workspace.settings.state_dir).intents.get(tag)
    if intent is None:
        service = workspace.service(account)
    else:
        service = workspace.service(intent.account, intent.instance, is_known=True)
    return service.job(find_tagged(service, tag, intent, workspace.patience()))
