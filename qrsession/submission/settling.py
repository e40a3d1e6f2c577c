"""What earlier commands left undone, seen to by the next one that uses the network.

A submission whose command was killed, or whose reply was lost, is looked up by its tag: a job that
is found is entered into the records, a second copy of it is cancelled, and one that was looked for
long enough is marked as not submitted. A close that could not be sent is sent. Nothing is ever
submitted from here. See "Exactly once" in docs/explanation.md.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

from qrsession.accounts.account import Account
from qrsession.errors import (
    JobNotFoundError,
    LimitReachedError,
    NotFoundError,
    QrsessionError,
    ServiceUnavailableError,
    StorageError,
    SubmissionUnknownError,
)
from qrsession.protocol.models import JobCreated, JobRecord, Workload
from qrsession.protocol.status import SessionMode
from qrsession.service import RuntimeService
from qrsession.settings import Settings
from qrsession.state.ledger import Ledger, Warn
from qrsession.state.pending import Closing, Intent, IntentState, Opening, Pending
from qrsession.state.records import Records
from qrsession.submission.lookup import cancel_twins, first_of, look_up, record, tagged_jobs
from qrsession.submission.opening import send_close
from qrsession.submission.patience import Patience

# How long a submission that was in doubt is looked up by each command.
WATCHED_FOR = timedelta(hours=24)
# A session that nobody used closes by itself; past this, one that is open is used by somebody.
UNUSED_FOR = timedelta(minutes=30)
Entry = TypeVar("Entry", Intent, Opening, Closing)
# What one command does about what others left: so many requests at most, in so many seconds.
_MOST_AT_ONCE = 20
_MOST_WATCHED_AT_ONCE = 4
_LONGEST_S = 15.0
_LOOKED_FOR = frozenset({IntentState.WATCHED, IntentState.NOT_SUBMITTED})
# No session lasts for so long.
_CLOSES_BY_ITSELF = timedelta(days=7)
# The two clocks of the service and of this machine may differ by so much.
_SKEW = timedelta(seconds=30)


class Settler:
    """Settles what was left undone at the services of one account.

    Args:
        account: The account.
        ledger: The sessions of this machine's user.
        settings: Where files live.
        say: Takes a sentence that the user should see.
        now: Returns the time, in UTC.
        patience: How long a job may stay hidden after its submission.
    """

    def __init__(
        self,
        account: Account,
        ledger: Ledger,
        settings: Settings,
        *,
        say: Warn,
        now: Callable[[], datetime],
        patience: Patience | None = None,
    ) -> None:
        self._account = account
        self._ledger = ledger
        self._settings = settings
        self._say = say
        self._now = now
        patience = patience or Patience()
        self._lost_s = patience.lost_s
        self._clock = patience.clock
        self._ends_at_s = float("inf")
        self._pending = Pending(settings.state_dir)
        self._records = Records(settings.state_dir)
        self._services: dict[str | None, RuntimeService] = {}

    def settle_all(self) -> None:
        """See to everything of the account, as far as its service can be reached now."""
        pending = self._pending
        intents = self._ours(pending.intents.all())
        unsettled = [intent for intent in intents if intent.state not in _LOOKED_FOR]
        watched = [intent for intent in intents if intent.state in _LOOKED_FOR]
        self._ends_at_s = self._clock() + _LONGEST_S
        # Out of reach for one, out of reach for all: the command itself will say so.
        with suppress(ServiceUnavailableError, LimitReachedError):
            self._settle_some(self.settle_closing, self._ours(pending.closings.all()))
            self._settle_some(self.settle_intent, unsettled)
            self._settle_some(self.settle_opening, self._ours(pending.openings.all()))
            self._settle_some(self.settle_intent, watched, _MOST_WATCHED_AT_ONCE)

    def _settle_some(
        self,
        settle: Callable[[Entry], object],
        entries: Sequence[Entry],
        most: int = _MOST_AT_ONCE,
    ) -> None:
        """See to some of many, others each time: one that nobody can settle holds up no other."""
        for entry in random.sample(entries, min(most, len(entries))):
            if self._clock() >= self._ends_at_s:
                return
            try:
                settle(entry)
            except (ServiceUnavailableError, LimitReachedError):
                raise
            except StorageError as error:
                self._say(f"What an earlier command left undone stays so: {error.message}")
                return
            except QrsessionError as error:
                self._say(f"What an earlier command left undone stays so: {error.message}")

    def _ours(self, entries: Iterable[Entry]) -> list[Entry]:
        return [entry for entry in entries if entry.account == self._account.name]

    def settle_intent(self, intent: Intent) -> JobRecord | None:
        """Look for the job of a submission, and return it if there is one.

        Raises:
            ServiceUnavailableError: The service is out of reach.
        """
        intents, now = self._pending.intents, self._now()
        if intent.may_be_at_work(now):
            return None
        if intent.last_sent_at > now + _SKEW:
            # The clock was set back since: it counts from now.
            intent = replace(intent, sent_at=now)
            intents.put(intent)
        known = self._records.find_tagged(intent.tag)
        if known is not None and intent.state == IntentState.SENDING:
            # Its command was killed after all was done.
            intents.drop(intent.tag)
            return None
        service = self._service_of(intent.instance)
        try:
            jobs = tagged_jobs(service, intent.tag)
        except (ServiceUnavailableError, LimitReachedError):
            raise
        except QrsessionError:
            return None
        counted = intent.job_id or (known.job_id if known else None)
        first = self._take_up(service, intent, counted, jobs)
        if first is None and counted is None:
            self._mark_absent(intent)
        if now - intent.last_sent_at > WATCHED_FOR:
            intents.drop(intent.tag)
        return first

    def _take_up(
        self,
        service: RuntimeService,
        intent: Intent,
        counted: str | None,
        jobs: list[JobRecord],
    ) -> JobRecord | None:
        """Enter the job of a submission, if it is not yet, and cancel all others."""
        first = first_of(jobs)
        if not intent.is_shared:
            # Nobody else has this tag, so what we hold on to is what counts. Of a key that others
            # may have, all hold on to the first, or each would cancel what the others keep.
            first = next((job for job in jobs if job.job_id == counted), first)
        if first is None:
            return None
        if counted != first.job_id:
            self._adopt(intent, first)
            intent = replace(intent, state=IntentState.WATCHED, job_id=first.job_id)
            # First of all: should the service go out of reach now, later commands know.
            self._pending.intents.put(intent)
        twins = cancel_twins(service, first.job_id, jobs, self._say, seen_to=intent.twins)
        if twins != intent.twins:
            self._pending.intents.put(replace(intent, twins=twins))
        return first

    def _mark_absent(self, intent: Intent) -> None:
        """Note that no job came of a submission, once it was looked for long enough."""
        if intent.state == IntentState.NOT_SUBMITTED:
            return
        if (self._now() - intent.last_sent_at).total_seconds() >= self._lost_s:
            self._say(
                f"A submission to {intent.backend} at {_clock(intent.created_at)} was cut short; "
                "no job came of it."
            )
            self._pending.intents.put(replace(intent, state=IntentState.NOT_SUBMITTED))

    def _adopt(self, intent: Intent, job: JobRecord) -> None:
        created = JobCreated(job.job_id, job.backend or intent.backend, job.session_id)
        record(self._records, intent, created, job.tags)
        self._say(
            f"A submission at {_clock(intent.created_at)} was cut short; its job was found: "
            f"qrsession result {job.job_id}"
        )

    def settle_closing(self, closing: Closing) -> None:
        """Send a close that could not be sent.

        Raises:
            ServiceUnavailableError: The service is out of reach.
        """
        service = self._service_of(closing.instance)
        try:
            send_close(service, closing.session_id, cancel=closing.is_cancelling)
        except (ServiceUnavailableError, LimitReachedError):
            raise
        except NotFoundError:
            # Nothing is there to be closed.
            pass
        except QrsessionError:
            if self._now() - closing.created_at > _CLOSES_BY_ITSELF:
                self._pending.closings.drop(closing.key)
            return
        else:
            self._say(f"The session {closing.session_id} is closed now; an earlier try failed.")
        self._ledger.remove([closing.session_id])
        self._pending.closings.drop(closing.key)

    def settle_opening(self, opening: Opening) -> None:
        """Forget the opening of a session that nobody heard of, once there can be none.

        Raises:
            ServiceUnavailableError: The service is out of reach.
        """
        now = self._now()
        if opening.may_be_at_work(now):
            return
        age = now - opening.created_at
        if age.total_seconds() < self._lost_s:
            return
        try:
            is_settled = age > WATCHED_FOR or not self.perhaps_of(opening)
        except ServiceUnavailableError:
            raise
        except QrsessionError:
            # This service, or this key, lists no workloads.
            is_settled = age > UNUSED_FOR
        if is_settled:
            self._pending.openings.drop(opening.key)

    def note_adopted(self, session_id: str) -> None:
        """Forget the opening that a session came of, now that somebody knows it for ours."""
        for opening in self._ours(self._pending.openings.all()):
            with suppress(QrsessionError):
                if session_id in {one.workload_id for one in self.perhaps_of(opening)}:
                    self._pending.openings.drop(opening.key)
                    return

    def perhaps_of(self, opening: Opening) -> list[Workload]:
        """Return the open sessions that an opening may have come to, and that nobody knows.

        A neighbour with the same account may have opened one of them, so none is taken or closed.
        """
        is_batch = opening.mode == SessionMode.BATCH
        mode = SessionMode.BATCH if is_batch else SessionMode.DEDICATED
        known = {entry.session_id for entry in self._ledger.read().sessions.values()}
        known |= {closed.entry.session_id for closed in self._ledger.history.read()}
        latest = opening.created_at + timedelta(seconds=self._lost_s) + _SKEW
        return [
            workload
            for workload in self._service_of(opening.instance).client.list_workloads(
                mode, backend=opening.backend, created_after=opening.created_at - _SKEW
            )
            if workload.workload_id not in known
            and not workload.is_over
            and (workload.created is None or workload.created <= latest)
        ]

    def _service_of(self, instance: str | None) -> RuntimeService:
        """Return the service at the instance that something was sent to."""
        if instance not in self._services:
            self._services[instance] = RuntimeService.at_instance(
                self._account, instance, settings=self._settings
            )
        return self._services[instance]


def find_tagged(
    service: RuntimeService, tag: str, intent: Intent | None, patience: Patience
) -> str:
    """Return the id of the job that bears the tag of a submission.

    It is looked for until it was absent for so long that it can come no more.

    Raises:
        JobNotFoundError: There is none, and can be none.
        SubmissionUnknownError: The service is out of reach, so nothing is certain.
    """
    known = service.records.find_tagged(tag)
    if known is not None:
        return known.job_id
    intents = service.pending.intents
    window_s = patience.lost_s if intents.is_damaged(tag) else 0.0
    if intent is not None:
        window_s = intent.left_to_look_s(patience.now(), patience.lost_s)
    found = look_up(service, tag, window_s, patience)
    if found.job is not None:
        if intent is not None:
            created = JobCreated(found.job.job_id, found.job.backend or "", found.job.session_id)
            record(service.records, intent, created, found.job.tags)
            watched = replace(intent, state=IntentState.WATCHED, job_id=found.job.job_id)
            # Unless its own process has gone on meanwhile, and knows better.
            intents.claim(watched, instead_of=intent)
        return found.job.job_id
    if not found.is_certain:
        raise SubmissionUnknownError(
            f"Whether a job with the tag {tag} exists cannot be told: the service is out of reach.",
            advice="Try again when it is back.",
            details={"tag": tag},
        )
    if intent is not None:
        given_up = replace(intent, state=IntentState.NOT_SUBMITTED)
        if intent.may_be_at_work(patience.now()) or not intents.claim(given_up, instead_of=intent):
            raise SubmissionUnknownError(
                f"The submission {tag} is on its way: process {intent.pid} is at it.",
                advice=f"Do not submit it again. Look later: qrsession result {tag} --wait",
                details={"tag": tag, "pid": intent.pid},
            )
    raise JobNotFoundError(
        f"No job with the tag {tag} exists: it was not submitted.",
        advice="It can be submitted again.",
        details={"tag": tag},
    )


def _clock(moment: datetime) -> str:
    return f"{moment.astimezone():%H:%M:%S}"
