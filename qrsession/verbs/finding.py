"""Finding jobs again, by whatever names a person has for them: what verbs about jobs begin with."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qrsession.errors import JobNotFoundError, SessionNotFoundError
from qrsession.names import LAST_JOB
from qrsession.protocol.status import FINAL_JOB_STATUSES
from qrsession.results.outcomes import Outcome, recall_outcome
from qrsession.state.entries import JobEntry
from qrsession.tags import is_own_tag
from qrsession.verbs.reports import MOST_JOBS_READ
from qrsession.verbs.workspace import Workspace

if TYPE_CHECKING:
    from qrsession.job import RuntimeJob
    from qrsession.service import RuntimeService


@dataclass(frozen=True)
class FoundJob:
    """A job that was found by a name: in our records, or else at the service.

    Attributes:
        job_id: Its id.
        session_id: Its session, None in job mode.
        entry: What our records have of it; None where another machine submitted it.
        job: The job, where the service was asked for it already.
    """

    job_id: str
    session_id: str | None
    entry: JobEntry | None = None
    job: "RuntimeJob | None" = None

    def service(self, workspace: Workspace) -> "RuntimeService":
        """Return the service that the job is at: that of the account that submitted it."""
        if self.job is not None:
            return self.job.service
        if self.entry is None:  # pragma: no cover - one of the two is always there
            raise JobNotFoundError(f"The job {self.job_id} is not known.")
        return workspace.service(self.entry.account, self.entry.instance, is_known=True)

    def ask(self, workspace: Workspace) -> "RuntimeJob":
        """Return the job as its service knows it; it is asked once.

        Raises:
            JobNotFoundError: The service has none of that id.
        """
        return self.job or self.service(workspace).job(self.job_id)


def find_job(
    workspace: Workspace,
    key: str,
    session: str | None,
    where: tuple[str | None, str | None],
    *,
    interactive: bool,
) -> FoundJob:
    """Find a job by its id, the beginning of it, ``@last``, or the tag of its submission.

    What our records have needs no service. Where a person sits at a terminal, and no session
    is named and none is open, ``@last`` is the job that was submitted last of all that are recorded
    here, which is said.

    Args:
        workspace: The user's sessions.
        key: What the job is called.
        session: The session whose last job is meant; None: by precedence.
        where: The account and the instance to ask for a job that is not known here.
        interactive: Whether a person sits at a terminal.

    Raises:
        JobNotFoundError: It is known neither here nor to the service.
        SessionNotFoundError: The session whose last job is meant is not known.
        InvalidValueError: Several jobs begin so.
    """
    if is_own_tag(key):
        return _at_service(_settle_tag(workspace, key, where[0]))
    if key == LAST_JOB:
        return _recorded(_last_job(workspace, session, interactive=interactive))
    try:
        return _recorded(workspace.records.find_job(key))
    except JobNotFoundError:
        # Another machine may have submitted it.
        return _at_service(workspace.service(*where).job(key))


def find_jobs(
    workspace: Workspace,
    keys: Iterable[str],
    session: str | None,
    where: tuple[str | None, str | None],
    *,
    interactive: bool,
) -> list[FoundJob]:
    """Find several jobs, all of them or none, each once, in the order of their names.

    Arguments and errors are those of `find_job`.
    """
    found = [
        find_job(workspace, key, session, where, interactive=interactive)
        for key in dict.fromkeys(keys)
    ]
    return list({one.job_id: one for one in found}.values())


def find_result(
    workspace: Workspace,
    key: str,
    session: str | None,
    where: tuple[str | None, str | None],
    *,
    interactive: bool,
) -> "Outcome | RuntimeJob":
    """Find a job as `find_job` does, and its result.

    Returns:
        Its result where that was kept on disk, else the job.
    """
    found = find_job(workspace, key, session, where, interactive=interactive)
    return _kept(workspace, found) or found.ask(workspace)


def find_wanted(
    workspace: Workspace,
    keys: Sequence[str],
    session: str | None,
    where: tuple[str | None, str | None],
    *,
    interactive: bool,
) -> "list[RuntimeJob | Outcome]":
    """Find the jobs that a wait is for, each by a name that `find_job` knows.

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
    found = find_jobs(workspace, keys or [LAST_JOB], session, where, interactive=interactive)
    return [_kept(workspace, job) or _unasked(workspace, job) for job in found]


def _unfinished(
    workspace: Workspace, session: str, account: str | None, *, interactive: bool
) -> "list[RuntimeJob]":
    """Return the jobs of a session that have not ended, whoever submitted them, oldest first."""
    from qrsession.job import RuntimeJob  # noqa: PLC0415 - a result that was kept needs none of it

    entry = workspace.find_any(session, interactive=interactive)
    service = workspace.service_of(entry, account)
    listed = service.client.list_jobs(session_id=entry.session_id, limit=MOST_JOBS_READ)
    left = [record for record in listed if record.status not in FINAL_JOB_STATUSES]
    return [RuntimeJob(service, record) for record in reversed(left)]


def _kept(workspace: Workspace, found: FoundJob) -> Outcome | None:
    """Return the result of a job that was kept on disk."""
    return None if found.entry is None else recall_outcome(workspace.records, found.entry)


def _unasked(workspace: Workspace, found: FoundJob) -> "RuntimeJob":
    """Return a job; one of our own records without a request."""
    if found.entry is None:
        return found.ask(workspace)
    from qrsession.job import RuntimeJob  # noqa: PLC0415 - as above

    return RuntimeJob.of_entry(found.service(workspace), found.entry)


def _recorded(entry: JobEntry) -> FoundJob:
    return FoundJob(entry.job_id, entry.session_id, entry=entry)


def _at_service(job: "RuntimeJob") -> FoundJob:
    return FoundJob(job.job_id(), job.session_id, job=job)


def _last_job(workspace: Workspace, session: str | None, *, interactive: bool) -> JobEntry:
    try:
        chosen = workspace.find_any(session, interactive=interactive)
    except SessionNotFoundError:
        if session or workspace.settings.session or not interactive:
            # On a shared machine the last job may be somebody else's.
            raise
        newest = workspace.records.newest_jobs(1)
        if not newest:
            raise
        workspace.say(f"No session is open; the last job that is known here is {newest[0].job_id}.")
        return newest[0]
    return workspace.records.last_job(chosen.session_id)


def _settle_tag(workspace: Workspace, tag: str, account: str | None) -> "RuntimeJob":
    """Find the job of a submission that is in doubt, looking for it as long as it may come.

    Raises:
        JobNotFoundError: It was not submitted, and can be submitted again.
        SubmissionUnknownError: The service is out of reach, so nothing is certain.
    """
    from qrsession.state.pending import Pending  # noqa: PLC0415 - seldom needed
    from qrsession.submission.settling import find_tagged  # noqa: PLC0415 - seldom needed

    intent = Pending(workspace.settings.state_dir).intents.get(tag)
    if intent is None:
        service = workspace.service(account)
    else:
        service = workspace.service(intent.account, intent.instance, is_known=True)
    return service.job(find_tagged(service, tag, intent, workspace.patience()))
