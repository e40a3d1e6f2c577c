"""What a session that a command ran in came to: the end of `exec`, told to people.

The service is asked for the jobs, since the command's programs may run some that this ledger does
not know; results are those that were kept here.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from qrsession.errors import QrsessionError
from qrsession.protocol.status import JobStatus
from qrsession.results.pubs import Pub
from qrsession.state.entries import JobEntry
from qrsession.verbs.reports import JobReport, SessionReport
from qrsession.verbs.workspace import Workspace

if TYPE_CHECKING:
    from qrsession.protocol.models import JobRecord

# More are counted, and not read: a page with them would be read by nobody.
MOST_JOBS = 200


class Absence(StrEnum):
    """Why a job's result is not shown. The value is said."""

    PRIVATE = "it ran privately, so none is kept"
    NOT_KEPT = "it was not fetched on this machine"
    NOT_READ = "what was kept cannot be read as counts or values"


@dataclass(frozen=True)
class JobRecap:
    """A job of the session.

    Attributes:
        job: What is known of it.
        files: The circuit files that it was made of, as the user named them.
        pubs: Its result, where one was kept.
        absence: Why a job that completed has none; None where it has, or did not complete.
        verdicts: What was expected of it and what was seen, a sentence each.
    """

    job: JobReport
    files: tuple[str, ...] = ()
    pubs: Sequence[Pub] = ()
    absence: Absence | None = None
    verdicts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Recap:
    """A session behind a command.

    Attributes:
        session: The session, after it was closed or could not be.
        exit_code: The command's own exit code.
        lasted_s: The time from the opening until now, in seconds.
        jobs: Its jobs, in order of submission; the newest, where there are more than are told.
        num_left_out: How many older ones there are at least.
        is_told_by_service: Whether the service said so, and not only this machine's records.
    """

    session: SessionReport
    exit_code: int
    lasted_s: float
    jobs: Sequence[JobRecap]
    num_left_out: int = 0
    is_told_by_service: bool = True

    @property
    def is_left_open(self) -> bool:
        """Whether it could not be closed."""
        return self.session.accepting_jobs


def recap(workspace: Workspace, session: SessionReport, exit_code: int) -> Recap:
    """Look back at a session. What the service does not tell is told from the records here.

    Args:
        workspace: The user's sessions.
        session: The session, as it was last seen.
        exit_code: How the command in it ended.
    """
    known: dict[str, JobEntry] = {}
    with suppress(QrsessionError):
        known = {entry.job_id: entry for entry in workspace.records.jobs(session.session_id)}
    found = _ask(workspace, session)
    if found is None:
        jobs = [_recap_job(workspace, JobReport.of_entry(one), one) for one in known.values()]
    else:
        jobs = [
            _recap_job(
                workspace,
                JobReport.of_record(record),
                known.get(record.job_id),
                is_private=record.private,
            )
            for record in reversed(found)
        ]
    num_jobs = max(len(jobs), len(known))
    return Recap(
        session=session,
        exit_code=exit_code,
        lasted_s=max((workspace.now() - session.opened_at).total_seconds(), 0.0),
        jobs=jobs[-MOST_JOBS:],
        num_left_out=num_jobs - min(len(jobs), MOST_JOBS),
        is_told_by_service=found is not None,
    )


def _ask(workspace: Workspace, session: SessionReport) -> "list[JobRecord] | None":
    """Return a session's jobs, newest first; None where the service does not tell."""
    if session.accepting_jobs:
        # It was just tried for a minute to close it, in vain.
        return None
    with suppress(QrsessionError):
        service = workspace.service(session.account, session.instance, is_known=True)
        # One more than is told: then it is known that there are more.
        return list(service.client.list_jobs(session_id=session.session_id, limit=MOST_JOBS + 1))
    return None


def _recap_job(
    workspace: Workspace, job: JobReport, entry: JobEntry | None, *, is_private: bool = False
) -> JobRecap:
    files = () if entry is None else entry.files
    if entry is not None and not is_private:
        from qrsession.results.outcomes import recall_outcome  # noqa: PLC0415 - for kept results alone

        try:
            kept = recall_outcome(workspace.records, entry)
            unread = workspace.records.result_path(entry.job_id).exists()
        except QrsessionError:
            kept, unread = None, True
        if kept is not None:
            return JobRecap(job, files, kept.pubs, verdicts=entry.verdicts)
        if unread:
            return JobRecap(job, files, absence=Absence.NOT_READ)
    if job.status != JobStatus.COMPLETED:
        return JobRecap(job, files)
    return JobRecap(job, files, absence=Absence.PRIVATE if is_private else Absence.NOT_KEPT)
