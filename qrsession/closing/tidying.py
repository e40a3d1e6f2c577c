"""Sessions that look forgotten: finding them, and closing them.

What the verb `gc` does, and what `list` says of such sessions, without what they print.
"""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from qrsession.closing.forgotten import Ages, Traces, oldest_that_counts, reasons_for
from qrsession.closing.several import Closings, close_each
from qrsession.errors import QrsessionError, SessionNotFoundError
from qrsession.protocol.status import FINAL_JOB_STATUSES, SessionState
from qrsession.state.entries import SessionEntry
from qrsession.verbs.reports import MOST_JOBS_READ, SessionReport
from qrsession.verbs.workspace import Workspace


@dataclass(frozen=True)
class Judged:
    """A session of the ledger, and why it looks forgotten; no reason where it does not."""

    entry: SessionEntry
    report: SessionReport
    reasons: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """Return the session's fields, and the reasons."""
        return {**self.report.document(), "reasons": list(self.reasons)}


@dataclass(frozen=True)
class Sifted:
    """The sessions of the ledger: those that look forgotten, and the others."""

    forgotten: tuple[Judged, ...]
    kept: tuple[Judged, ...]

    def document(self, closed: Iterable[dict[str, Any]] = ()) -> dict[str, Any]:
        """Return what the envelope has."""
        return {
            "closed": list(closed),
            "forgotten": [judged.document() for judged in self.forgotten],
            "kept": [judged.document() for judged in self.kept],
        }


def sift(workspace: Workspace, ages: Ages) -> Sifted:
    """Look at all sessions of the ledger, and part those that look forgotten from the others."""
    judged = [
        judge(workspace, entry, workspace.look_or_recall(entry), ages)
        for entry in workspace.ledger.read().sessions.values()
    ]
    is_open = [one for one in judged if one.report.state != SessionState.CLOSED]
    return Sifted(
        tuple(one for one in is_open if one.reasons),
        tuple(one for one in is_open if not one.reasons),
    )


def sift_again(workspace: Workspace, sifted: Sifted, ages: Ages) -> Sifted:
    """Look again at what looked forgotten: who was asked may have taken an hour to answer."""
    names = {judged.entry.session_id for judged in sifted.forgotten}
    anew = sift(workspace, ages)
    forgotten = tuple(one for one in anew.forgotten if one.entry.session_id in names)
    others = tuple(one for one in anew.forgotten if one.entry.session_id not in names)
    return Sifted(forgotten, anew.kept + others)


def close_forgotten(
    workspace: Workspace, sifted: Sifted, ages: Ages, *, cancel: bool = False
) -> tuple[Sifted, Closings]:
    """Close what looks forgotten, each looked at once more right before.

    To look at all of them takes a while, in which a job may have been sent to one.

    Returns:
        What looked forgotten to the end, and the rest; and what became of the closes.
    """
    closings, forgotten, kept = Closings(), list[Judged](), list(sifted.kept)
    for judged in sifted.forgotten:
        try:
            reasons = reasons_for(_traces_of(workspace, judged.entry), workspace.now(), ages)
        except SessionNotFoundError:
            # The close says so, and what becomes of it.
            reasons = judged.reasons
        except QrsessionError as error:
            closings.failures.append((judged.entry.name, error))
            continue
        if not reasons:
            workspace.say(f"{judged.entry.name} does not look forgotten any more.")
            kept.append(replace(judged, reasons=()))
            continue
        forgotten.append(judged)
        closings.add(close_each(workspace, [judged.entry], cancel=cancel))
    return Sifted(tuple(forgotten), tuple(kept)), closings


def judge(workspace: Workspace, entry: SessionEntry, report: SessionReport, ages: Ages) -> Judged:
    """Say whether a session looks forgotten.

    The service is asked for its jobs only where it might. One whose service is out of reach does
    not look so: a job of it may run.
    """
    now = workspace.now()
    if not _may_look_forgotten(entry, report, now, ages):
        return Judged(entry, report, ())
    with suppress(QrsessionError):
        return Judged(entry, report, reasons_for(_traces_of(workspace, entry), now, ages))
    return Judged(entry, report, ())


def _may_look_forgotten(
    entry: SessionEntry, report: SessionReport, now: datetime, ages: Ages
) -> bool:
    if report.state == SessionState.CLOSED or not report.accepting_jobs:
        return False
    marks = (entry.closes_with, entry.opener)
    is_orphaned = any(mark is not None and mark.is_gone() for mark in marks)
    return is_orphaned or entry.opened_at <= oldest_that_counts(now, ages)


def _traces_of(workspace: Workspace, entry: SessionEntry) -> Traces:
    client = workspace.service_of(entry).client
    record = client.get_session(entry.session_id)
    moments = [entry.opened_at, record.last_job_started, record.last_job_completed]
    has_jobs, is_in_use = record.started_at is not None, False
    for job in client.list_jobs(session_id=entry.session_id, limit=MOST_JOBS_READ):
        has_jobs = True
        moments.append(job.created)
        if job.status not in FINAL_JOB_STATUSES:
            is_in_use = True
            break
    is_in_use = is_in_use or _is_being_sent_to(workspace, entry)
    return Traces(
        entry=entry,
        state=record.state,
        accepting_jobs=record.accepting_jobs,
        last_seen_alive=max(moment for moment in moments if moment is not None),
        has_jobs=has_jobs,
        is_in_use=is_in_use,
    )


def _is_being_sent_to(workspace: Workspace, entry: SessionEntry) -> bool:
    """Whether a submission of ours may be on its way to a session just now."""
    from qrsession.state.pending import Pending, Sender  # noqa: PLC0415 - as above

    now = workspace.now()
    return any(
        intent.session_id == entry.session_id
        and Sender(intent.pid, intent.host).may_be_alive(now - intent.created_at)
        for intent in Pending(workspace.settings.state_dir).intents.all()
    )
