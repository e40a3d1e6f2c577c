"""A person's sessions on this machine: the ledger, and the services that its sessions are at.

What the verbs of the command line do, without what they print.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from qrsession.entries import SessionEntry
from qrsession.errors import (
    InvalidValueError,
    JobNotFoundError,
    NotAuthorizedError,
    QrsessionError,
    SessionClosedError,
    SessionNotFoundError,
    UsageError,
    WaitTimeoutError,
)
from qrsession.modes import OpenMode, first_choice, second_choice, with_way_out
from qrsession.pending import Pending
from qrsession.protocol.status import SessionMode, SessionState
from qrsession.records import Records
from qrsession.reports import JobReport, SessionReport
from qrsession.settings import Settings
from qrsession.spending import held_s
from qrsession.state import Ledger, Warn, log_warning, utc_now
from qrsession.tags import is_own_tag

if TYPE_CHECKING:
    from qrsession.accounts import Account
    from qrsession.job import RuntimeJob
    from qrsession.opening import Entering
    from qrsession.patience import Patience
    from qrsession.runs import Outcome
    from qrsession.service import RuntimeService
    from qrsession.settling import Settler

LAST_JOB = "@last"
_MOST_JOBS_SHOWN = 200


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """What a session is opened with; None where the service shall choose."""

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


class Workspace:
    """The sessions of this machine's user.

    Args:
        settings: Where files live.
        warn: Takes a sentence that the user must see.
        say: Takes a sentence about what goes on.
        now: Returns the time, in UTC.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        warn: Warn = log_warning,
        say: Warn = log_warning,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.settings = settings
        self.ledger = Ledger(settings, warn=warn, now=now)
        self.records = Records(settings.state_dir)
        self._warn = warn
        self._say = say
        self._now = now
        self._settled: set[str] = set()
        self._services: dict[tuple[str | None, str | None, bool], RuntimeService] = {}

    def service(
        self, account: str | None, instance: str | None = None, *, is_known: bool = False
    ) -> "RuntimeService":
        """Return the service of an account, by name or by precedence; said where it is assumed.

        Args:
            account: The account's name; None: by precedence.
            instance: The instance; None: the account's, or the first that serves.
            is_known: Whether just this instance, or none, is meant, so that nothing is looked up.
        """
        key = (account, instance, is_known)
        if key not in self._services:
            # Imported here: what is looked up in the ledger alone needs no service.
            from qrsession.accounts import resolve_account  # noqa: PLC0415
            from qrsession.service import RuntimeService  # noqa: PLC0415

            found = resolve_account(self.settings, account, warn=self._warn)
            if is_known:
                service = RuntimeService.at_instance(found, instance, settings=self.settings)
            else:
                service = RuntimeService(
                    found, instance, settings=self.settings, warn=_leave_unsaid
                )
            if service.account.is_local and account is None and self.settings.account is None:
                self._warn("No account is set up, so this uses the local runtime.")
            if not service.account.verify:
                self._warn(f"Certificates are not checked for the account {found.name!r}.")
            self._services[key] = service
            self._settle(service)
        return self._services[key]

    def service_for_job(
        self, account: str | None, instance: str | None, backend: str
    ) -> "RuntimeService":
        """Return the service for a job that belongs to no session, at the instance that pays it.

        Where nobody named one and it is not free, that is said.

        Raises:
            BackendNotFoundError: No instance has the backend.
        """
        from qrsession.placement import Wants  # noqa: PLC0415 - as the service

        service = self.service(account, instance)
        place = service.choose_instance(Wants(backend))
        if place.may_cost and not place.was_named:
            self._warn(f"No instance is named, so this uses {place}.")
        return service

    def patience(self, limited_s: float | None = None) -> "Patience":
        """Return how long something new is tried: too many requests for so many seconds at most."""
        from qrsession.patience import Patience  # noqa: PLC0415 - few commands make anything new

        return Patience(limited_s=limited_s, say=self._say)

    def _settle(self, service: "RuntimeService") -> None:
        """See to what earlier commands left undone at a service."""
        if service.account.name not in self._settled and not service.pending.is_empty():
            # Once a command will do, however many instances it asks.
            self._settled.add(service.account.name)
            self.settler(service.account).settle_all()

    def settler(self, account: "Account | str") -> "Settler":
        """Return who sees to what earlier commands left undone at the services of an account."""
        from qrsession.accounts import resolve_account  # noqa: PLC0415 - seldom anything is left
        from qrsession.settling import Settler  # noqa: PLC0415

        if isinstance(account, str):
            account = resolve_account(self.settings, account, warn=self._warn)
        return Settler(account, self.ledger, self.settings, say=self._warn, now=self._now)

    def service_of(self, entry: SessionEntry, account: str | None = None) -> "RuntimeService":
        """Return the service that a session is at.

        Raises:
            UsageError: The user named another account.
        """
        if account is not None and account != entry.account:
            raise UsageError(
                f"The session {entry.name} belongs to the account {entry.account!r}, "
                f"not {account!r}.",
                advice="Leave the account out: a session's own is always used.",
            )
        return self.service(entry.account, entry.instance, is_known=True)

    def choose(self, key: str | None, *, interactive: bool) -> SessionEntry:
        """Return the open session that a command is to work on, by the precedence of names.

        Raises:
            SessionClosedError: The one named is closed.
            SessionNotFoundError: It is not known, or none was named and none is open.
            UsageError: None was named, and which one is meant cannot be told.
        """
        named = key or self.settings.session
        try:
            return self.ledger.choose(key, self.settings.session, interactive=interactive)
        except SessionNotFoundError:
            closed = self.ledger.history.find(named) if named else None
            if closed is None:
                raise
            from qrsession.going_on import closed_error  # noqa: PLC0415 - seldom needed

            raise closed_error(closed.entry) from None

    def open(self, request: OpenRequest, *, make_current: bool = True) -> SessionReport:
        """Open a session and enter it into the ledger.

        Raises:
            InvalidValueError: The name is taken, or the maximum time out of range.
            BackendNotFoundError: There is no such backend, or none that is wide enough.
            InstanceNotFoundError: There is no such instance.
            NotAuthorizedError: The plan does not allow it, and the mode was not left to us.
        """
        from qrsession.budgets import check_budget, longest_with  # noqa: PLC0415 - for one command
        from qrsession.instances import opening_text  # noqa: PLC0415
        from qrsession.opening import COMMAND, Entering  # noqa: PLC0415
        from qrsession.placement import Wants  # noqa: PLC0415
        from qrsession.session import parse_max_time  # noqa: PLC0415

        # All that can be wrong here is looked at before anything is opened.
        max_time_s = parse_max_time(request.max_time)
        budget_s = check_budget(request.budget_s)
        earlier = self._opened_before(request)
        if earlier is not None:
            return earlier
        self.ledger.check_free(request.name)
        service = self.service(request.account, request.instance)
        place = service.choose_instance(Wants(request.backend, request.min_num_qubits))
        backend = request.backend or service.least_busy(request.min_num_qubits)
        mode, reason = first_choice(request.mode, place.instance)
        if place.may_cost and not service.account.is_local:
            self._warn(opening_text(place, longest_with(max_time_s, budget_s, mode)))
        if reason is not None:
            self._say(reason)
        entering = Entering(request.name or "", make_current, COMMAND, request.once, budget_s)
        try:
            entry = self._enter(mode, service, backend, request, entering)
        except NotAuthorizedError as error:
            reason = second_choice(request.mode, error)
            if reason is None:
                raise with_way_out(error) from error
            self._say(reason)
            entry = self._enter(SessionMode.BATCH, service, backend, request, entering)
        if budget_s is not None:
            self._say(_budget_text(entry, budget_s))
        return self._report(entry)

    def _enter(
        self,
        mode: SessionMode,
        service: "RuntimeService",
        backend: str,
        request: OpenRequest,
        entering: "Entering",
    ) -> SessionEntry:
        from qrsession.session import Batch, Session  # noqa: PLC0415 - for one command

        kind = Batch if mode is SessionMode.BATCH else Session
        patience = self.patience(request.timeout_s)
        _, entry = kind.entered(service, backend, request.max_time, entering, patience)
        return entry

    def _opened_before(self, request: OpenRequest) -> SessionReport | None:
        """Return the open session that the same key was given before, if there is one.

        Raises:
            InvalidValueError: It has another name, backend, mode or budget.
        """
        if request.once is None:
            return None
        entries = self.ledger.read().sessions.values()
        entry = next((entry for entry in entries if entry.once == request.once), None)
        if entry is None:
            return None
        report = self.look(entry)
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

    def look(self, entry: SessionEntry) -> SessionReport:
        """Ask the service for a session's state, and keep what it says."""
        from qrsession.opening import seen  # noqa: PLC0415 - what is cached needs no service

        service = self.service_of(entry)
        record = service.client.get_session(entry.session_id)
        last_seen = seen(entry, record, self._now())
        if last_seen.state == SessionState.CLOSED:
            self.ledger.update(last_seen)
            self.ledger.remove([entry.session_id])
        elif last_seen != replace(entry, seen_at=last_seen.seen_at):
            # Looking again and again need not write again and again.
            self.ledger.update(last_seen)
        return self._report(last_seen, service).held_for(held_s(record, service.now()))

    def recall(self, entry: SessionEntry) -> SessionReport:
        """Report on a session as the ledger knows it, without the network."""
        return self._report(entry)

    def look_or_recall(self, entry: SessionEntry) -> SessionReport:
        """Look at a session, or recall it where its service is out of reach: one hides no other."""
        try:
            return self.look(entry)
        except QrsessionError as error:
            self._warn(f"{entry.name} is shown as it was last seen. {error.message}")
            return self.recall(entry)

    def adopt(self, session_id: str, account: str | None, *, name: str | None) -> SessionReport:
        """Enter a session that was opened elsewhere into the ledger, and make it current.

        Raises:
            SessionNotFoundError: The account has none of that id.
            SessionClosedError: It is closed.
            InvalidValueError: The name is taken, or the ledger has it by another one.
        """
        from qrsession.opening import seen  # noqa: PLC0415 - few commands take one up

        sessions = self.ledger.read().sessions.values()
        known = next((one.name for one in sessions if one.session_id == session_id), None)
        if known is None:
            self.ledger.check_free(name)
        elif name not in {None, known}:
            raise InvalidValueError(
                f"The session is in the ledger already, and is named {known!r} there.",
                advice=f"Use that name, or leave --name out: qrsession status {known}",
                details={"session_id": session_id},
            )
        service = self.service(account)
        record = service.client.get_session(session_id)
        if record.state == SessionState.CLOSED:
            raise SessionClosedError(
                f"The session {session_id} is closed.", details={"session_id": session_id}
            )
        self.settler(service.account).note_adopted(session_id)
        entry = SessionEntry(
            name=name or "",
            session_id=session_id,
            backend=record.backend,
            mode=record.mode,
            account=service.account.name,
            instance=service.instance,
            opened_at=record.started_at or self._now(),
        )
        return self._report(self.ledger.add(seen(entry, record, self._now())), service)

    def find_any(self, key: str | None, *, interactive: bool) -> SessionEntry:
        """Return a session to look at: an open one as `choose`, or else a closed one by its name.

        Raises:
            SessionNotFoundError: It is not known, or none was named and none is open.
            UsageError: None was named, and which one is meant cannot be told.
        """
        try:
            return self.choose(key, interactive=interactive)
        except SessionClosedError as error:
            closed = self.ledger.history.find(error.details["session_id"])
            if closed is None:
                raise
            return replace(closed.entry, state=SessionState.CLOSED, accepting_jobs=False)

    def jobs_of(self, entry: SessionEntry, *, cached: bool) -> list[JobReport]:
        """Return a session's jobs, newest first, as the service or as our own records know them."""
        if cached:
            return [JobReport.of_entry(job) for job in self.records.jobs(entry.session_id)][::-1]
        client = self.service_of(entry).client
        records = client.list_jobs(session_id=entry.session_id, limit=_MOST_JOBS_SHOWN)
        return [JobReport.of_record(record) for record in records]

    def find_result(
        self,
        key: str,
        session: str | None,
        account: str | None,
        *,
        instance: str | None = None,
        interactive: bool,
    ) -> "Outcome | RuntimeJob":
        """Find a job by its id, the beginning of it, ``@last``, or the tag of its submission.

        Returns its result where that was kept on disk, else the job.

        Raises:
            JobNotFoundError: It is known neither here nor to the service.
            InvalidValueError: Several jobs begin so.
        """
        if is_own_tag(key):
            return self._settle_tag(key, account)
        from qrsession.runs import recall_outcome  # noqa: PLC0415 - most commands run nothing

        try:
            if key == LAST_JOB:
                chosen = self.find_any(session, interactive=interactive)
                entry = self.records.last_job(chosen.session_id)
            else:
                entry = self.records.find_job(key)
        except JobNotFoundError:
            if key == LAST_JOB:
                raise
            # Another machine may have submitted it.
            return self.service(account, instance).job(key)
        kept = recall_outcome(self.records, entry)
        if kept is not None:
            return kept
        return self.service(entry.account, entry.instance, is_known=True).job(entry.job_id)

    def _settle_tag(self, tag: str, account: str | None) -> "RuntimeJob":
        """Find the job of a submission that is in doubt, looking for it as long as it may come.

        Raises:
            JobNotFoundError: It was not submitted, and can be submitted again.
            SubmissionUnknownError: The service is out of reach, so nothing is certain.
        """
        from qrsession.settling import find_tagged  # noqa: PLC0415 - seldom needed

        intent = Pending(self.settings.state_dir).intents.get(tag)
        if intent is None:
            service = self.service(account)
        else:
            service = self.service(intent.account, intent.instance, is_known=True)
        return service.job(find_tagged(service, tag, intent, self.patience()))

    def select_to_close(
        self, keys: Iterable[str], *, everything: bool, interactive: bool
    ) -> list[SessionEntry]:
        """Return the sessions that ``close`` is to close.

        Raises:
            SessionNotFoundError: One is not known, or none was named and none is open.
            UsageError: Names and ``--all`` contradict each other, or none can be told.
        """
        named = list(dict.fromkeys(keys))
        if everything:
            if named:
                raise UsageError("Name sessions or give --all, not both.")
            return list(self.ledger.read().sessions.values())
        if not named:
            return [self.find_any(None, interactive=interactive)]
        return [self.find_any(key, interactive=interactive) for key in named]

    def close(self, entry: SessionEntry, *, cancel: bool = False) -> SessionReport:
        """Close a session, by draining it or by dropping its queued jobs. Twice is no error."""
        from qrsession.opening import close_session, seen  # noqa: PLC0415 - few commands close

        service = self.service_of(entry)
        if entry.state != SessionState.CLOSED:
            close_session(service, entry.session_id, cancel=cancel)
        record = service.client.get_session(entry.session_id)
        last_seen = seen(entry, record, self._now())
        self.ledger.update(last_seen)
        self.ledger.remove([entry.session_id])
        return self._report(last_seen, service).held_for(held_s(record, service.now()))

    def wait_until_closed(
        self, report: SessionReport, timeout_s: float | None, sleep: Callable[[float], None]
    ) -> SessionReport:
        """Wait until a session that was closed has drained.

        Raises:
            WaitTimeoutError: The time ran out; the session drains on.
        """
        from qrsession.client import poll  # noqa: PLC0415 - only for those who wait

        client = self.service(report.account, report.instance, is_known=True).client
        deadline = None if timeout_s is None else self._now() + timedelta(seconds=timeout_s)
        for delay_s in poll.delays(in_session=True):
            record = client.get_session(report.session_id)
            if record.state == SessionState.CLOSED:
                return replace(
                    report,
                    state=record.state,
                    accepting_jobs=False,
                    usage_s=record.elapsed_time_s,
                    usage_estimate_s=None,
                    time_left_s=None if report.time_left_s is None else 0.0,
                )
            if deadline is not None and self._now() >= deadline:
                raise WaitTimeoutError(
                    f"The session {report.name} has not drained after {timeout_s:g} s.",
                    advice=f"It drains on; look again: qrsession status {report.name}",
                    details={"session_id": report.session_id, "state": record.state},
                )
            sleep(delay_s)
        raise AssertionError("the delays have no end")  # pragma: no cover

    def _report(
        self, entry: SessionEntry, service: "RuntimeService | None" = None
    ) -> SessionReport:
        # Its time is up by the service's clock, where that was heard just now.
        return SessionReport.of(entry, self._now() if service is None else service.now())


def _budget_text(entry: SessionEntry, budget_s: int) -> str:
    if entry.mode == SessionMode.BATCH:
        return f"Its jobs may use {budget_s} s together; the service ends each at its share."
    return (
        f"It may use {budget_s} s: the service closes it {entry.max_time_s or budget_s} s after "
        "its first job has begun, and ends each job at its share."
    )


def _leave_unsaid(_sentence: str) -> None:
    """Say nothing: whoever is about to spend money says it, and how much time it is for."""
