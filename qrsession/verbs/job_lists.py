"""Lists of jobs: a session's, those of no session, and all that are recorded here.

What the verb `jobs` does, without what it prints. The state of a job that has ended is for good,
so of the jobs that are recorded here a service is asked for the others alone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from qrsession.errors import JobNotFoundError, QrsessionError, SessionNotFoundError
from qrsession.protocol.status import FINAL_JOB_STATUSES
from qrsession.state.entries import JobEntry, SessionEntry
from qrsession.verbs.reports import MOST_JOBS_READ, JobReport, SessionReport
from qrsession.verbs.workspace import Workspace

if TYPE_CHECKING:
    from qrsession.protocol.models import JobRecord
    from qrsession.service import RuntimeService

_MOST_LISTED = 200
# Jobs that a service does not list among its latest are asked for one by one, up to so many.
_MOST_ASKED = 50
_SETTLED_AFTER = timedelta(days=1)


class Scope(StrEnum):
    """Whose jobs are listed."""

    SESSION = "session"
    NO_SESSION = "no_session"
    ALL = "all"


@dataclass(frozen=True)
class JobQuery:
    """Which jobs are wanted.

    Attributes:
        limit: How many at most: the newest.
        statuses: The states, as the wire spells them; empty: whatever state.
        tags: The user's tags that a job must have, all of them.
        backend: Its backend; None: whichever.
        cached: Whether only what is known here is told, and nobody is asked.
    """

    limit: int
    statuses: frozenset[str] = frozenset()
    tags: tuple[str, ...] = ()
    backend: str | None = None
    cached: bool = False

    @property
    def is_narrow(self) -> bool:
        """Whether it leaves some jobs out."""
        return bool(self.statuses or self.tags or self.backend)

    def fits(self, job: JobEntry | JobReport) -> bool:
        """Whether a job is wanted, whatever its state."""
        return self.backend in {None, job.backend} and set(self.tags) <= set(job.tags)

    def fits_in_state(self, job: JobReport) -> bool:
        """Whether a job is wanted in the state that it is in."""
        return self.fits(job) and (not self.statuses or job.status in self.statuses)

    def may_fit(self, entry: JobEntry) -> bool:
        """Whether a job that is recorded here is wanted, or may be once its state is known."""
        is_settled = self.cached or entry.status in FINAL_JOB_STATUSES
        report = JobReport.of_entry(entry)
        return self.fits_in_state(report) if is_settled else self.fits(entry)


@dataclass(frozen=True)
class JobList:
    """Jobs, newest first.

    Attributes:
        session: The session whose jobs they are, None where they are of several or of none.
        jobs: The jobs.
        has_more: Whether older ones were left out.
        names: The names of their sessions, by id, as far as they are known here.
    """

    session: SessionReport | None
    jobs: Sequence[JobReport]
    has_more: bool
    names: dict[str, str]

    def document(self) -> dict[str, Any]:
        """Return what the envelope has."""
        return {
            "session": None if self.session is None else self.session.document(),
            "jobs": [
                {**job.to_row(), "session_id": job.session_id, "backend": job.backend}
                for job in self.jobs
            ],
        }


def list_jobs(
    workspace: Workspace, scope: Scope, session: str | None, query: JobQuery, *, interactive: bool
) -> JobList:
    """List jobs.

    Where those of a session are wanted, none is named and none is open, they are all that are
    recorded here, which is said.

    Args:
        workspace: The user's sessions.
        scope: Whose jobs.
        session: What the session is called; None: by precedence.
        query: Which of them.
        interactive: Whether a person sits at a terminal.

    Raises:
        SessionNotFoundError: The session that is named is not known, here or to its service.
        UsageError: Which session is meant cannot be told.
        ServiceUnavailableError: The session's service is out of reach.
    """
    if scope is Scope.SESSION:
        try:
            entry = workspace.find_any(session, interactive=interactive)
        except SessionNotFoundError:
            if session or workspace.settings.session:
                raise
            workspace.say("No session is open; these are all jobs that are known here.")
        else:
            return _list_of_session(workspace, entry, query)
    return _list_recorded(workspace, query, without_session=scope is Scope.NO_SESSION)


def _list_of_session(workspace: Workspace, entry: SessionEntry, query: JobQuery) -> JobList:
    """List what the service of a session tells, and what else our records have."""
    own = [JobReport.of_entry(job) for job in reversed(workspace.records.jobs(entry.session_id))]
    if query.cached:
        report, seen = workspace.recall(entry), own
    else:
        report = workspace.look(entry)
        # A filter may leave few of many.
        most = max(MOST_JOBS_READ if query.is_narrow else 0, query.limit + 1)
        service = workspace.service_of(entry)
        listed = list(service.client.list_jobs(session_id=entry.session_id, limit=most))
        _keep_ends(service, listed[: query.limit], own)
        seen = _merged([JobReport.of_record(job) for job in listed], own, is_all=len(listed) < most)
    jobs = [job for job in seen if query.fits_in_state(job)]
    has_more = len(jobs) > query.limit
    return JobList(report, jobs[: query.limit], has_more, {entry.session_id: entry.name})


def _list_recorded(workspace: Workspace, query: JobQuery, *, without_session: bool) -> JobList:
    """List jobs that are recorded here, of all sessions or of none, in the state they are in now.

    A service that is out of reach hides nothing: its jobs are shown as they were last seen, which
    is said.
    """

    def is_wanted(entry: JobEntry) -> bool:
        return query.may_fit(entry) and not (without_session and entry.session_id)

    entries = workspace.records.newest_jobs(query.limit + 1, is_wanted)
    reports = {entry.job_id: JobReport.of_entry(entry) for entry in entries}
    if not query.cached:
        going_on = [entry for entry in entries if _may_change(entry, workspace.now())]
        reports |= _ask_for(workspace, going_on)
    jobs = [job for job in reports.values() if query.fits_in_state(job)]
    shown = jobs[: query.limit]
    return JobList(None, shown, len(entries) > query.limit, _names_of(workspace, shown))


def _merged(
    listed: Sequence[JobReport], own: Iterable[JobReport], *, is_all: bool
) -> list[JobReport]:
    """Add to the jobs that a service lists those that our records alone have.

    A service may have deleted them, or not list them yet. Where it has not listed all, those that
    are older than what it listed are no news.
    """
    known = {job.job_id for job in listed}
    missing = [job for job in own if job.job_id not in known]
    if not is_all:
        oldest = min((job.created for job in listed if job.created), default=None)
        missing = [
            job for job in missing if oldest and job.created is not None and job.created > oldest
        ]
    if not missing:
        return list(listed)
    return sorted([*listed, *missing], key=_age_of)


def _age_of(job: JobReport) -> float:
    return 0.0 if job.created is None else -job.created.timestamp()


def _ask_for(workspace: Workspace, entries: Sequence[JobEntry]) -> dict[str, JobReport]:
    """Ask the services of jobs what became of them, and keep what has ended."""
    places: dict[tuple[str, str | None], list[JobEntry]] = {}
    for entry in entries:
        places.setdefault((entry.account, entry.instance), []).append(entry)
    found: dict[str, JobReport] = {}
    for (account, instance), there in places.items():
        try:
            service = workspace.service(account, instance, is_known=True)
            for entry, record in _look_for(service, there):
                # When it was submitted is known here to the moment by which it is sorted.
                report = JobReport.of_record(record)
                found[entry.job_id] = replace(report, created=report.created or entry.submitted_at)
        except QrsessionError as error:
            workspace.warn(
                f"Jobs of the account {account} are shown as they were last seen. {error.message}"
            )
    return found


def _look_for(
    service: "RuntimeService", entries: Sequence[JobEntry]
) -> "list[tuple[JobEntry, JobRecord]]":
    wanted = {entry.job_id: entry for entry in entries}
    found: list[tuple[JobEntry, JobRecord]] = []
    if len(entries) > 1:
        found += [
            (wanted.pop(record.job_id), record)
            for record in service.client.list_jobs(limit=_MOST_LISTED)
            if record.job_id in wanted
        ]
    for entry in list(wanted.values())[:_MOST_ASKED]:
        try:
            found.append((entry, service.client.get_job(entry.job_id)))
        except JobNotFoundError:
            # It was deleted there, and stays as it was last seen.
            continue
    known = [JobReport.of_entry(entry) for entry in entries]
    _keep_ends(service, [record for _, record in found], known)
    return found


def _may_change(entry: JobEntry, now: datetime) -> bool:
    """Whether a service may know more of a job by now than our records have."""
    if entry.status not in FINAL_JOB_STATUSES:
        return True
    # What it used is settled some time after its end.
    return entry.usage_s is None and now - entry.submitted_at < _SETTLED_AFTER


def _keep_ends(
    service: "RuntimeService", records: "Iterable[JobRecord]", known: Iterable[JobReport]
) -> None:
    """Keep what jobs of ours came to, as far as that is news."""
    from qrsession.verbs.job_ends import note_end  # noqa: PLC0415 - what is cached needs none of it

    before = {job.job_id: (job.status, job.usage_s) for job in known}
    for record in records:
        report = JobReport.of_record(record)
        is_news = before.get(record.job_id) not in {None, (report.status, report.usage_s)}
        if is_news and record.status in FINAL_JOB_STATUSES:
            note_end(service, record, is_known=True)


def _names_of(workspace: Workspace, jobs: Iterable[JobReport]) -> dict[str, str]:
    names = {one.session_id: one.name for one in workspace.ledger.read().sessions.values()}
    ids = {job.session_id for job in jobs if job.session_id is not None}
    for session_id in ids.difference(names):
        left = workspace.ledger.history.get(session_id)
        if left is not None:
            names[session_id] = left.entry.name
    return {session_id: name for session_id, name in names.items() if session_id in ids}
