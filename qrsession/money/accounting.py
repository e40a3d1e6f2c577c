"""What sessions and instances have spent, and what of it calls for a warning.

What the verbs `status`, `close` and `usage`, and the summary of `exec`, say beside a session's
state. All of it is asked for as far as the service tells: what it does not tell is left out, and
fails nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qrsession.duration import format_duration
from qrsession.errors import QrsessionError, UsageError
from qrsession.money.purse import Purse
from qrsession.money.spending import Spent
from qrsession.money.usage import UsageReport
from qrsession.protocol.status import SessionState
from qrsession.state.entries import SessionEntry
from qrsession.verbs.reports import MOST_JOBS_READ, BudgetReport, JobReport, SessionReport
from qrsession.verbs.workspace import Workspace

if TYPE_CHECKING:
    from qrsession.money.budgets import Budget
    from qrsession.protocol.instances import Instance
    from qrsession.protocol.models import JobRecord
    from qrsession.service import RuntimeService

MOST_JOBS_SHOWN = 200


@dataclass(frozen=True)
class Examined:
    """One session in full.

    Attributes:
        report: Its state, and what it spent.
        jobs: Its jobs, newest first.
        budget: Its budget, if it has one.
        warnings: What its user should know now, a sentence each.
    """

    report: SessionReport
    jobs: Sequence[JobReport]
    budget: BudgetReport | None
    warnings: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """Return what the envelope has."""
        return {
            "session": self.report.document(),
            "jobs": [job.to_row() for job in self.jobs],
            "budget": None if self.budget is None else self.budget.document(),
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True)
class UsageOverview:
    """What instances have used, and what the open sessions of the ledger used of that."""

    usages: Sequence[UsageReport]
    sessions: Sequence[SessionReport]


def examine(
    workspace: Workspace,
    entry: SessionEntry,
    *,
    cached: bool = False,
    asks_instance: bool = True,
) -> Examined:
    """Look at a session, its jobs, its budget and its instance.

    Args:
        workspace: The user's sessions.
        entry: The session.
        cached: Whether only what is known here is told, and nobody is asked.
        asks_instance: Whether to ask what the instance has left, too.

    Raises:
        SessionNotFoundError: The service does not know it.
    """
    if cached:
        report, records = workspace.recall(entry), workspace.records
        return Examined(
            report,
            [JobReport.of_entry(job) for job in reversed(records.jobs(entry.session_id))],
            _budget_of(report, Purse(workspace.settings.state_dir, entry.session_id).read()),
            tuple(session_warnings(report)),
        )
    report = workspace.look(entry)
    service = workspace.service_of(entry)
    jobs, is_all = _read_jobs(service, entry.session_id)
    if is_all:
        report = report.with_jobs(Spent.by(jobs))
    warnings = [
        *session_warnings(report),
        *instance_warnings(_usage_of(service) if asks_instance else None),
    ]
    return Examined(
        report,
        [JobReport.of_record(job) for job in jobs[:MOST_JOBS_SHOWN]],
        _budget_of(report, _reconciled(service, entry.session_id, jobs)),
        tuple(warnings),
    )


def account_for(workspace: Workspace, report: SessionReport) -> SessionReport:
    """Add to a session's report what its jobs used, where the service tells."""
    with suppress(QrsessionError):
        service = workspace.service(report.account, report.instance, is_known=True)
        jobs, is_all = _read_jobs(service, report.session_id)
        _reconciled(service, report.session_id, jobs)
        return report.with_jobs(Spent.by(jobs)) if is_all else report
    return report


def survey_usage(
    workspace: Workspace, account: str | None, instance: str | None, *, all_instances: bool
) -> UsageOverview:
    """Ask what instances have used, and what the open sessions of the ledger did.

    Args:
        workspace: The user's sessions.
        account: The account; None: by precedence.
        instance: Its instance; None: as the account chooses.
        all_instances: Whether all that its key sees are asked.

    Raises:
        UsageError: One instance is named, and all are asked for.
        NotAuthorizedError: The key may not read the usage.
    """
    if all_instances and instance is not None:
        raise UsageError("--instance names one, and --all-instances asks for all.")
    service = workspace.service(account, instance)
    place = service.choose_instance()
    known = {place.crn: place.instance} if place.instance is not None else {}
    if all_instances or service.account.is_local:
        known = {one.crn: one for one in _instances_of(service)}
    usages = []
    for crn in (known if all_instances else None) or (place.crn,):
        one = known.get(crn)
        at = service if crn == place.crn else workspace.service(account, crn)
        plan, name = (one.plan, one.name) if one else (None, None)
        usages.append(UsageReport.of(at.usage(), plan=plan, name=name))
    crns = {usage.instance for usage in usages} | {service.instance}
    reports = [
        account_for(workspace, workspace.look_or_recall(entry))
        for entry in workspace.ledger.read().sessions.values()
        if entry.account == service.account.name and entry.instance in crns
    ]
    return UsageOverview(usages, reports)


def session_warnings(report: SessionReport) -> Iterator[str]:
    """Say what is nearly over of a session."""
    if report.is_nearly_over and report.max_time_s is not None:
        left = format_duration(report.time_left_s or 0)
        yield (
            f"The session {report.name} has {left} left of {format_duration(report.max_time_s)}; "
            "then it is closed, and its queued jobs fail."
        )


def instance_warnings(usage: UsageReport | None) -> Iterator[str]:
    """Say where the usage limit of an instance is reached, or nearly."""
    if usage is None:
        return
    if usage.limit_reached:
        yield f"The instance's usage limit is reached: {usage.summary()}; jobs are refused."
    elif usage.is_nearly_reached:
        yield f"The instance's usage limit is near: {usage.summary()}."


def warnings_for_all(
    workspace: Workspace, reports: Iterable[SessionReport], *, cached: bool
) -> tuple[str, ...]:
    """Say what is nearly over of several sessions, and of their instances, each once."""
    found: list[str] = []
    asked: set[tuple[str, str | None]] = set()
    for report in reports:
        found += session_warnings(report)
        place = report.account, report.instance
        if cached or place in asked or report.state == SessionState.CLOSED:
            continue
        asked.add(place)
        with suppress(QrsessionError):
            found += instance_warnings(_usage_of(workspace.service(*place, is_known=True)))
    return tuple(dict.fromkeys(found))


def new_warnings(say: Callable[[str], None]) -> Callable[[Iterable[str]], None]:
    """Return what says each warning once, however often it is looked at."""
    said: set[str] = set()

    def say_new(warnings: Iterable[str]) -> None:
        for warning in warnings:
            # The time left is another one each time.
            kind = warning.partition(" has ")[0]
            if kind not in said:
                said.add(kind)
                say(warning)

    return say_new


def _read_jobs(service: "RuntimeService", session_id: str) -> "tuple[list[JobRecord], bool]":
    """Return a session's jobs, newest first, and whether those are all."""
    jobs = list(service.client.list_jobs(session_id=session_id, limit=MOST_JOBS_READ))
    return jobs, len(jobs) < MOST_JOBS_READ


def _reconciled(
    service: "RuntimeService", session_id: str, jobs: "Iterable[JobRecord]"
) -> "Budget | None":
    from qrsession.money.paying import reconcile  # noqa: PLC0415 - as above

    return reconcile(service, session_id, jobs)


def _budget_of(report: SessionReport, budget: "Budget | None") -> BudgetReport | None:
    if budget is None:
        return None
    used_s = (report.known_usage_s or 0.0) if budget.is_dedicated else 0.0
    return BudgetReport.of(budget, used_s)


def _instances_of(service: "RuntimeService") -> "tuple[Instance, ...]":
    """Return the instances that a service's key sees, none where that cannot be told."""
    with suppress(QrsessionError):
        # The plan that the local runtime plays is another one whenever it is started.
        return service.finder.instances(anew=service.account.is_local) or ()
    return ()


def _usage_of(service: "RuntimeService") -> UsageReport | None:
    with suppress(QrsessionError):
        # A key may be allowed to run jobs, and not to see what that costs.
        return UsageReport.of(service.usage())
    return None
