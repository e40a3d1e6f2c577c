"""Holding the jobs of a session to its budget: before they are sent, and when they have ended.

No lock is held while the service is asked. See "Budgets" in docs/explanation.md.
"""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from qrsession.clock import utc_now
from qrsession.errors import LimitReachedError, StorageError
from qrsession.money.purse import Purse
from qrsession.money.spending import Spent, final_usage_s, held_s
from qrsession.protocol.fields import optional
from qrsession.protocol.models import JobRecord, JobRequest
from qrsession.protocol.status import FINAL_JOB_STATUSES
from qrsession.service import RuntimeService
from qrsession.state.entries import JobEntry
from qrsession.state.pending import Intent, IntentState
from qrsession.tags import is_own_tag
from qrsession.verbs.reports import MOST_JOBS_READ

if TYPE_CHECKING:
    from qrsession.money.budgets import Ask, Budget


def reserve(service: RuntimeService, request: JobRequest, tag: str) -> int | None:
    """Reserve for a job what it may spend of its session's budget.

    Args:
        service: Where the job is to be sent.
        request: The job.
        tag: The tag of its submission.

    Returns:
        The maximum execution time that the job must be sent with, in seconds; None where its
        session has no budget, or it has no session.

    Raises:
        LimitReachedError: Too little is left; nothing was reserved.
        StorageError: The budget cannot be read or written.
        QrsessionError: The service cannot say what was spent.
    """
    if request.session_id is None:
        return None
    purse = _purse_of(service, request.session_id)
    if not purse.exists():
        return None
    budget = purse.read()
    if budget is None:
        return None
    ask = ask_of(service, request)
    used_s = used_by_session_s(service, budget)
    if budget.reservations and budget.would_give(ask, used_s) < ask.most_s:
        # Jobs may have ended whose results nobody has asked for yet.
        reconcile(service, request.session_id)

    def take(current: "Budget") -> "tuple[Budget, int | LimitReachedError]":
        try:
            return current.reserve(tag, ask, utc_now(), used_s)
        except LimitReachedError as error:
            return current, error

    outcome = purse.change(take)
    if isinstance(outcome, LimitReachedError):
        raise outcome
    return outcome


def has_budget(service: RuntimeService, session_id: str | None) -> bool:
    """Whether a session's jobs are held to a budget, as far as is known here."""
    return session_id is not None and _purse_of(service, session_id).exists()


def release(service: RuntimeService, session_id: str | None, tag: str) -> None:
    """Give back what was reserved for a submission that the service surely did not accept."""
    if session_id is not None:
        purse = _purse_of(service, session_id)
        if purse.exists():
            purse.change(lambda budget: (budget.release(tag), None))


def settle(service: RuntimeService, job: JobRecord) -> None:
    """Put what a job used in place of what was reserved for it, once it has ended.

    What cannot be written now, a later command settles: a result is never lost for it.
    """
    if job.session_id is None or job.status not in FINAL_JOB_STATUSES:
        return
    usage_s = final_usage_s(job)
    tag = next(filter(is_own_tag, job.tags), None)
    purse = _purse_of(service, job.session_id)
    if usage_s is None or tag is None or not purse.exists():
        return
    with suppress(StorageError):
        if service.pending.intents.get(tag) is None:
            # Else a second copy of it may yet appear, and have used something as well.
            purse.change(lambda budget: (budget.settle(tag, usage_s), None))


def reconcile(
    service: RuntimeService, session_id: str, jobs: Iterable[JobRecord] | None = None
) -> "Budget | None":
    """Settle the reservations of jobs that have ended, and of submissions that came to nothing.

    Args:
        service: The session's service.
        session_id: The session.
        jobs: Its jobs, where somebody has asked for them just now.

    Returns:
        The budget as it is then, None where the session has none.
    """
    purse = _purse_of(service, session_id)
    budget = purse.read() if purse.exists() else None
    if budget is None or not budget.reservations:
        return budget
    # In this order: what is begun after the budget was read is not looked at, and an intent goes
    # only after its job's id is in the records.
    begun = {one.tag: service.pending.intents.get(one.tag) for one in budget.reservations}
    known = {job.tag: job for job in service.records.jobs(session_id) if job.tag}
    if jobs is None:
        jobs = service.client.list_jobs(session_id=session_id, limit=MOST_JOBS_READ)
    listed = _by_tag(jobs, known)
    fates = {
        one: fate
        for one in budget.reservations
        if (fate := _fate_of(begun[one.tag], known.get(one.tag), listed.get(one.tag))) is not None
    }

    def apply(current: "Budget") -> "tuple[Budget, Budget]":
        for reservation, fate in fates.items():
            # One that was made anew since belongs to a submission that is on its way.
            if reservation in current.reservations:
                current = current.settle(reservation.tag, fate)
        return current, current

    return purse.change(apply) if fates else budget


def _by_tag(
    jobs: Iterable[JobRecord], known: Mapping[str, JobEntry]
) -> dict[str | None, list[JobRecord]]:
    """Sort jobs by the tags of their submissions; one that lost its tag is told by its id."""
    tag_of = {entry.job_id: tag for tag, entry in known.items()}
    found: dict[str | None, list[JobRecord]] = {}
    for job in jobs:
        tag = next(filter(is_own_tag, job.tags), None) or tag_of.get(job.job_id)
        found.setdefault(tag, []).append(job)
    return found


def _fate_of(
    intent: Intent | None, entry: JobEntry | None, jobs: list[JobRecord] | None
) -> float | None:
    """Return what a submission used in the end, 0 if nothing came of it; None: it goes on."""
    if jobs is not None:
        spent = Spent.by(jobs)
        return spent.usage_s if spent.is_all else None
    if entry is not None:
        # Listed no more: it was deleted at the service. What it used was kept if it had ended.
        return entry.usage_s if entry.status in FINAL_JOB_STATUSES else None
    is_over = intent is None or intent.state == IntentState.NOT_SUBMITTED
    return 0.0 if is_over else None


def ask_of(service: RuntimeService, request: JobRequest) -> "Ask":
    """Return what a job wants of its session's budget."""
    # Imported here: few sessions have a budget, and each submission passes this room.
    from qrsession.money.budgets import Ask  # noqa: PLC0415
    from qrsession.protocol.executions import roughly_s  # noqa: PLC0415

    documents = service.session_documents(request.session_id or "", request.backend)
    configuration = json.loads(documents.configuration)
    return Ask(
        max_execution_time_s=request.cost_s,
        estimate_s=roughly_s(request.program_id, request.params, configuration),
        is_simulated=optional(configuration, "simulator", bool) or False,
    )


def used_by_session_s(service: RuntimeService, budget: "Budget") -> float:
    """Ask for what a dedicated session has used by being there; 0 for a batch, unasked."""
    if not budget.is_dedicated:
        return 0.0
    record = service.client.get_session(budget.session_id)
    return held_s(record, service.now())


def _purse_of(service: RuntimeService, session_id: str) -> Purse:
    return Purse(service.settings.state_dir, session_id)
