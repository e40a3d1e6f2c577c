"""A person's sessions on this machine: the ledger, and the services that its sessions are at.

What the verbs of the command line stand on. What opens, closes and finds things has rooms of its
own: `admission`, `closing`, `finding`.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from qrsession.clock import utc_now
from qrsession.errors import QrsessionError, SessionClosedError, SessionNotFoundError, UsageError
from qrsession.money.spending import held_s
from qrsession.protocol.status import SessionState
from qrsession.settings import Settings
from qrsession.state.entries import SessionEntry
from qrsession.state.ledger import Ledger, Warn, log_warning
from qrsession.state.records import Records
from qrsession.verbs.reports import SessionReport

if TYPE_CHECKING:
    from qrsession.accounts.account import Account
    from qrsession.protocol.models import SessionRecord
    from qrsession.service import RuntimeService
    from qrsession.submission.patience import Patience
    from qrsession.submission.settling import Settler


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
        self.warn = warn
        self.say = say
        self.now = now
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
            from qrsession.accounts.account import resolve_account  # noqa: PLC0415
            from qrsession.service import RuntimeService  # noqa: PLC0415

            found = resolve_account(self.settings, account, warn=self.warn)
            if is_known:
                service = RuntimeService.at_instance(found, instance, settings=self.settings)
            else:
                service = RuntimeService(
                    found, instance, settings=self.settings, warn=_leave_unsaid
                )
            if service.account.is_local and account is None and self.settings.account is None:
                self.warn("No account is set up, so this uses the local runtime.")
            if not service.account.verify:
                self.warn(f"Certificates are not checked for the account {found.name!r}.")
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
        from qrsession.accounts.placement import Wants  # noqa: PLC0415 - as the service

        service = self.service(account, instance)
        place = service.choose_instance(Wants(backend))
        if place.may_cost and not place.was_named:
            self.warn(f"No instance is named, so this uses {place}.")
        return service

    def patience(self, limited_s: float | None = None) -> "Patience":
        """Return how long something new is tried: too many requests for so many seconds at most."""
        from qrsession.submission.patience import Patience  # noqa: PLC0415 - few commands make anything new

        return Patience(limited_s=limited_s, say=self.say)

    def _settle(self, service: "RuntimeService") -> None:
        """See to what earlier commands left undone at a service."""
        if service.account.name not in self._settled and not service.pending.is_empty():
            # Once a command will do, however many instances it asks.
            self._settled.add(service.account.name)
            self.settler(service.account).settle_all()

    def settler(self, account: "Account | str") -> "Settler":
        """Return who sees to what earlier commands left undone at the services of an account."""
        from qrsession.accounts.account import resolve_account  # noqa: PLC0415 - seldom anything is left
        from qrsession.submission.settling import Settler  # noqa: PLC0415

        if isinstance(account, str):
            account = resolve_account(self.settings, account, warn=self.warn)
        return Settler(account, self.ledger, self.settings, say=self.warn, now=self.now)

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
            from qrsession.money.going_on import left_error  # noqa: PLC0415 - seldom needed

            raise left_error(closed) from None

    def look(self, entry: SessionEntry) -> SessionReport:
        """Ask the service for a session's state, and keep what it says."""
        from qrsession.submission.opening import seen  # noqa: PLC0415 - what is cached needs no service

        service = self.service_of(entry)
        record = service.client.get_session(entry.session_id)
        last_seen = seen(entry, record, self.now())
        if last_seen.state == SessionState.CLOSED:
            self.ledger.update(last_seen)
            self.ledger.remove([entry.session_id])
        elif last_seen != replace(entry, seen_at=last_seen.seen_at):
            # Looking again and again need not write again and again.
            self.ledger.update(last_seen)
        return self.report(last_seen, record, service)

    def report(
        self, entry: SessionEntry, record: "SessionRecord", service: "RuntimeService"
    ) -> SessionReport:
        """Report on a session that its service told of just now."""
        # Its time is up by the service's clock, where that was heard.
        now = service.now()
        return SessionReport.of(entry, now).held_for(held_s(record, now))

    def recall(self, entry: SessionEntry) -> SessionReport:
        """Report on a session as the ledger knows it, without the network."""
        return SessionReport.of(entry, self.now())

    def forget(self, entry: SessionEntry) -> None:
        """Move a session to the history that its own service does not know: none is open."""
        self.ledger.remove([entry.session_id])
        self.warn(f"The service does not know {entry.name} ({entry.session_id}); it is forgotten.")

    def look_or_recall(self, entry: SessionEntry) -> SessionReport:
        """Look at a session, or recall it where its service is out of reach: one hides no other."""
        try:
            return self.look(entry)
        except QrsessionError as error:
            self.warn(f"{entry.name} is shown as it was last seen. {error.message}")
            return self.recall(entry)

    def find_any(self, key: str | None, *, interactive: bool) -> SessionEntry:
        """Return a session to look at: an open one as `choose`, else one of the past by its name.

        Raises:
            SessionNotFoundError: It is not known, or none was named and none is open.
            UsageError: None was named, and which one is meant cannot be told.
        """
        try:
            return self.choose(key, interactive=interactive)
        except (SessionClosedError, SessionNotFoundError) as error:
            session_id = error.details.get("session_id")
            closed = self.ledger.history.get(session_id) if session_id else None
            if closed is None:
                raise
            if closed.was_forgotten:
                # It may be open, so that it can be looked at, and closed, by its name.
                return closed.entry
            return replace(closed.entry, state=SessionState.CLOSED, accepting_jobs=False)


def _leave_unsaid(_sentence: str) -> None:
    """Say nothing: whoever is about to spend money says it, and how much time it is for."""
