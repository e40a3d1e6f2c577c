"""Which jobs a wait is for: several, each by whatever name a person has for it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qrsession import finding
from qrsession.names import LAST_JOB
from qrsession.outcomes import Outcome, recall_outcome
from qrsession.protocol.status import FINAL_JOB_STATUSES
from qrsession.workspace import Workspace

if TYPE_CHECKING:
    from qrsession.job import RuntimeJob

_MOST_READ = 2000


def find_wanted(
    workspace: Workspace,
    keys: Sequence[str],
    session: str | None,
    where: tuple[str | None, str | None],
    *,
    interactive: bool,
) -> "list[RuntimeJob | Outcome]":
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
    found = finding.find_jobs(
        workspace, keys or [LAST_JOB], session, where, interactive=interactive
    )
    return [_kept_or_asked(workspace, job) for job in found]


def _kept_or_asked(workspace: Workspace, found: finding.FoundJob) -> "RuntimeJob | Outcome":
    if found.entry is None:
        return found.ask(workspace)
    kept = recall_outcome(workspace.records, found.entry)
    if kept is not None:
        return kept
    # Imported here: what was kept needs no service.
    from qrsession.job import RuntimeJob  # noqa: PLC0415

    return RuntimeJob.of_entry(found.service(workspace), found.entry)


def _unfinished(
    workspace: Workspace, session: str, account: str | None, *, interactive: bool
) -> "list[RuntimeJob]":
    """Return the jobs of a session that have not ended, whoever submitted them, oldest first."""
    from qrsession.job import RuntimeJob  # noqa: PLC0415 - as above

    entry = workspace.find_any(session, interactive=interactive)
    service = workspace.service_of(entry, account)
    listed = service.client.list_jobs(session_id=entry.session_id, limit=_MOST_READ)
    left = [record for record in listed if record.status not in FINAL_JOB_STATUSES]
    return [RuntimeJob(service, record) for record in reversed(left)]
