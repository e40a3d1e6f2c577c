"""Sessions that come into the ledger: opened by a command, or opened elsewhere and adopted.

What the verbs `open`, `exec` and `adopt` do, without what they print.
"""

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from qrsession.duration import format_duration
from qrsession.errors import (
    InvalidValueError,
    NotAuthorizedError,
    SessionClosedError,
    SessionNotFoundError,
)
from qrsession.money.modes import OpenMode, first_choice, second_choice, with_way_out
from qrsession.processes.mark import ProcessMark
from qrsession.protocol.status import SessionMode, SessionState
from qrsession.state.entries import COMMAND, SessionEntry
from qrsession.verbs.reports import SessionReport
from qrsession.verbs.workspace import Workspace

if TYPE_CHECKING:
    from qrsession.service import RuntimeService
    from qrsession.submission.opening import Entering


@dataclass(frozen=True)
class OpenRequest:
    """What a session is opened with; None where the service shall choose.

    Where it ``is_at_most`` the maximum time, a plan that allows less makes it shorter, and is no
    reason to refuse.
    """

    backend: str | None = None
    max_time: str | None = None
    mode: OpenMode = OpenMode.DEDICATED
    name: str | None = None
    account: str | None = None
    instance: str | None = None
    min_num_qubits: int = 0
    once: str | None = None
    timeout_s: float | None = None
    budget_s: int | None = None
    is_at_most: bool = False
    closes_with: ProcessMark | None = None


def open_new(
    workspace: Workspace, request: OpenRequest, *, make_current: bool = True
) -> SessionReport:
    """Open a session and enter it into the ledger.

    Raises:
        InvalidValueError: The name is taken, or the maximum time out of range.
        BackendNotFoundError: There is no such backend, or none that is wide enough.
        InstanceNotFoundError: There is no such instance.
        NotAuthorizedError: The plan does not allow it, and the mode was not left to us.
    """
    # Imported here: a call that is wrong needs little of it, and the help of the verbs nothing.
    from qrsession.accounts.instances import opening_text  # noqa: PLC0415
    from qrsession.accounts.placement import Wants  # noqa: PLC0415
    from qrsession.money.budgets import check_budget, longest_with  # noqa: PLC0415
    from qrsession.session_arguments import parse_max_time  # noqa: PLC0415
    from qrsession.submission.opening import Entering  # noqa: PLC0415

    # All that can be wrong here is looked at before anything is opened.
    max_time_s = parse_max_time(request.max_time)
    budget_s = check_budget(request.budget_s)
    earlier = _opened_before(workspace, request)
    if earlier is not None:
        return earlier
    workspace.ledger.check_free(request.name)
    service = workspace.service(request.account, request.instance)
    place = service.choose_instance(Wants(request.backend, request.min_num_qubits))
    backend = request.backend or service.least_busy_name(request.min_num_qubits)
    if request.is_at_most and max_time_s is not None:
        max_time_s = _longest_allowed_s(workspace, service, max_time_s)
        request = replace(request, max_time=str(max_time_s))
    mode, reason = first_choice(request.mode, place.instance)
    if place.may_cost and not service.account.is_local:
        workspace.warn(opening_text(place, longest_with(max_time_s, budget_s, mode)))
    if reason is not None:
        workspace.say(reason)
    entering = Entering(
        request.name or "", make_current, COMMAND, request.once, budget_s, request.closes_with
    )

    def enter(chosen: SessionMode) -> SessionEntry:
        return _enter(workspace, service, chosen, (backend, request), entering)

    try:
        entry = enter(mode)
    except NotAuthorizedError as error:
        reason = second_choice(request.mode, error)
        if reason is None:
            raise with_way_out(error) from error
        workspace.say(reason)
        entry = enter(SessionMode.BATCH)
    if budget_s is not None:
        workspace.say(_budget_text(entry, budget_s))
    return workspace.recall(entry)


def adopt(
    workspace: Workspace, session_id: str, account: str | None, *, name: str | None
) -> SessionReport:
    """Enter a session that was opened elsewhere into the ledger, and make it current.

    Raises:
        SessionNotFoundError: The account has none of that id.
        SessionClosedError: It is closed.
        InvalidValueError: The name is taken, or the ledger has it by another one.
    """
    from qrsession.submission.opening import seen  # noqa: PLC0415 - as above

    sessions = workspace.ledger.read().sessions.values()
    known = next((one.name for one in sessions if one.session_id == session_id), None)
    if known is None:
        workspace.ledger.check_free(name)
    elif name not in {None, known}:
        raise InvalidValueError(
            f"The session is in the ledger already, and is named {known!r} there.",
            advice=f"Use that name, or leave --name out: qrsession status {known}",
            details={"session_id": session_id},
        )
    service = workspace.service(account)
    record = service.client.get_session(session_id)
    if record.state == SessionState.CLOSED:
        raise SessionClosedError(
            f"The session {session_id} is closed.", details={"session_id": session_id}
        )
    workspace.settler(service.account).note_adopted(session_id)
    left = workspace.ledger.history.get(session_id)
    # One that was forgotten comes back as it was.
    before = left.entry if left is not None and left.was_forgotten else None
    entry = SessionEntry(
        name=name or (before.name if before else ""),
        session_id=session_id,
        backend=record.backend,
        mode=record.mode,
        account=service.account.name,
        instance=service.instance,
        opened_at=before.opened_at if before else record.started_at or workspace.now(),
        once=before.once if before else None,
        budget_s=before.budget_s if before else None,
    )
    adopted = workspace.ledger.add(seen(entry, record, workspace.now()))
    return SessionReport.of(adopted, service.now())


def _enter(
    workspace: Workspace,
    service: "RuntimeService",
    mode: SessionMode,
    wanted: tuple[str, OpenRequest],
    entering: "Entering",
) -> SessionEntry:
    from qrsession.session import Batch, Session  # noqa: PLC0415 - as above

    backend, request = wanted
    kind = Batch if mode is SessionMode.BATCH else Session
    patience = workspace.patience(request.timeout_s)
    _, entry = kind.entered(service, backend, request.max_time, entering, patience)
    return entry


def _longest_allowed_s(workspace: Workspace, service: "RuntimeService", max_time_s: int) -> int:
    """Return a maximum time, cut to what the plan allows; where it says nothing, to the default.

    A time that the service refuses would end a job of a cluster before it has begun.
    """
    from qrsession.accounts.plan_limits import longest_session_s  # noqa: PLC0415 - as above
    from qrsession.protocol.bounds import DEFAULT_MAX_TTL_S  # noqa: PLC0415 - as above

    longest_s = longest_session_s(service)
    limit_s = DEFAULT_MAX_TTL_S if longest_s is None else longest_s
    if max_time_s > limit_s:
        whose = "the service's default" if longest_s is None else "the longest that the plan allows"
        workspace.say(f"The session may last {format_duration(limit_s)}: {whose}.")
    return min(max_time_s, limit_s)


def _opened_before(workspace: Workspace, request: OpenRequest) -> SessionReport | None:
    """Return the open session that the same key was given before, if there is one.

    Raises:
        InvalidValueError: It has another name, backend, mode or budget.
    """
    if request.once is None:
        return None
    entries = workspace.ledger.read().sessions.values()
    entry = next((entry for entry in entries if entry.once == request.once), None)
    if entry is None:
        return None
    if entry.closes_with is not None and entry.closes_with.is_gone():
        _end_with_its_process(workspace, entry)
        return None
    try:
        report = workspace.look(entry)
    except SessionNotFoundError:
        workspace.forget(entry)
        return None
    if report.state == SessionState.CLOSED:
        return None
    is_other = (
        request.mode not in {OpenMode.AUTO, entry.mode}
        or request.backend not in {None, entry.backend}
        or request.budget_s not in {None, entry.budget_s}
        or request.name not in {None, entry.name}
    )
    if is_other:
        budget = "" if entry.budget_s is None else f", with a budget of {entry.budget_s} s"
        raise InvalidValueError(
            f"The session of the key {request.once!r} is {entry.name}, on {entry.backend}, "
            f"{entry.mode}{budget}.",
            advice=f"Use another key, or close it: qrsession close {entry.name}",
            details={"session_id": entry.session_id},
        )
    return replace(report, was_open=True)


def _end_with_its_process(workspace: Workspace, entry: SessionEntry) -> None:
    """Close a session whose process is gone: its watcher is about to, unless that is gone too.

    Who was given it would have it closed under the next job.
    """
    from qrsession.closing.close import close  # noqa: PLC0415 - seldom needed

    workspace.say(f"{entry.name} ends with {entry.closes_with}, which is gone; another is opened.")
    with suppress(SessionNotFoundError):
        close(workspace, entry)


def _budget_text(entry: SessionEntry, budget_s: int) -> str:
    if entry.mode == SessionMode.BATCH:
        return f"Its jobs may use {budget_s} s together; the service ends each at its share."
    return (
        f"It may use {budget_s} s: the service closes it {entry.max_time_s or budget_s} s after "
        "its first job has begun, and ends each job at its share."
    )
