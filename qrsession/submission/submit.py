"""Submission of jobs: an intent on disk before, a record after, and never a blind second try.

The service has no idempotency key, so each job bears a tag of its own by which it can be found
where the reply to its submission was lost. See "Exactly once" in docs/explanation.md.
"""

from contextlib import suppress
from dataclasses import dataclass, field, replace

from qrsession.accounts.account import Resubmit
from qrsession.diagnostics import Log
from qrsession.errors import (
    LimitReachedError,
    QrsessionError,
    ServiceUnavailableError,
    SessionClosedError,
    StorageError,
    SubmissionUnknownError,
)
from qrsession.money.going_on import at_limit, at_session_end
from qrsession.money.paying import release, reserve
from qrsession.protocol.models import JobCreated, JobRecord, JobRequest
from qrsession.service import RuntimeService
from qrsession.state.pending import Intent, IntentState, Sender
from qrsession.submission.lookup import cancel_twins, first_of, look_up, record, tagged_jobs
from qrsession.submission.patience import Patience, is_in_doubt, was_answered
from qrsession.tags import new_tag

log = Log("submit")

_OTHERS_POLL_S = 0.2


@dataclass(frozen=True)
class Sending:
    """What is said of a submission beside its request.

    Attributes:
        files: The circuit files that the job was made of, for the record.
        detached: Whether nobody is going to wait for it, for the record.
        once: The tag of a job that is to exist once, however often it is asked for.
        patience: How long it is tried, looked for and waited with.
        is_repeated: Whether it is a further one of a row of like jobs: what it may use of a budget
            was told with the first.
    """

    files: tuple[str, ...] = ()
    detached: bool = False
    once: str | None = None
    patience: Patience = field(default_factory=Patience)
    is_repeated: bool = False


def submit(
    service: RuntimeService, request: JobRequest, sending: Sending | None = None
) -> JobCreated:
    """Submit a job so that it exists once, and record its id before returning.

    Args:
        service: Where to.
        request: The job, with the user's tags alone.
        sending: What is said of it beside; None: nothing, with ordinary patience.

    Raises:
        SubmissionUnknownError: The reply was lost and the job was not found since. It is not
            submitted again, unless the account says so; its intent stays on disk under the tag in
            ``details``, for later commands to settle.
        WaitTimeoutError: The service answered 429 for longer than it was to be waited out.
        LimitReachedError: What is left of the session's budget, or of the instance's usage limit,
            does not allow it.
        SessionClosedError: The session takes no more jobs.
        QrsessionError: The service did not accept it.
    """
    try:
        return _Submission(service, request, sending or Sending()).run()
    except LimitReachedError as error:
        raise at_limit(service, error) from error
    except SessionClosedError as error:
        raise at_session_end(service, request.session_id, error) from error


class _Submission:
    """One submission on its way."""

    def __init__(self, service: RuntimeService, request: JobRequest, sending: Sending) -> None:
        self._service = service
        self._sending = sending
        self._patience = sending.patience
        self._intents = service.pending.intents
        sender = Sender()
        self._intent = Intent(
            tag=sending.once or new_tag(),
            account=service.account.name,
            instance=service.instance,
            session_id=request.session_id,
            backend=request.backend,
            program_id=request.program_id,
            created_at=self._patience.now(),
            pid=sender.pid,
            host=sender.host,
            files=sending.files,
            is_shared=sending.once is not None,
        )
        self._request = replace(request, tags=(*request.tags, self._intent.tag))
        self._was_sent = False
        # Whether a second job of this tag may come to exist that we did not ask for.
        self._has_rival = False

    def run(self) -> JobCreated:
        """Submit it, or take up what became of an earlier try."""
        self._service.records.check_folders()
        if self._sending.once is None:
            self._intents.put(self._intent)
        else:
            earlier = self._claim()
            if earlier is not None:
                return earlier
        try:
            self._reserve()
            created = self._deliver()
            if self._is_watched() or self._sending.once is not None:
                # A second one may have come from a proxy, or from another machine with this key.
                created = self._keep_first(created)
            self._record(created)
            log.note("job %s on %s", created.job_id, created.backend)
        except QrsessionError:
            raise
        except BaseException:
            self._give_up()
            raise
        if self._is_watched():
            self._note(IntentState.WATCHED, job_id=created.job_id)
        else:
            self._intents.drop(self._intent.tag)
        return created

    def _is_watched(self) -> bool:
        return self._has_rival or self._intent.state != IntentState.SENDING

    def _give_up(self) -> None:
        """Leave it to later commands after an interruption: none must wait for us."""
        # What cannot be written now is told from a process that has ended.
        with suppress(QrsessionError):
            if not self._was_sent:
                self._forget()
                return
            self._note(IntentState.IN_DOUBT)
            self._patience.say(
                "Interrupted while a job was being submitted. See what became of it: "
                f"qrsession result {self._intent.tag} --wait"
            )

    def _reserve(self) -> None:
        """Reserve for it what it may spend, where its session has a budget."""
        try:
            cost_s = reserve(self._service, self._request, self._intent.tag)
        except QrsessionError:
            self._forget()
            raise
        if cost_s is None:
            return
        if cost_s != self._request.cost_s and not self._sending.is_repeated:
            self._patience.say(f"Of the session's budget, this job may use {cost_s} s at most.")
        self._request = replace(self._request, cost_s=cost_s)

    def _deliver(self) -> JobCreated:
        """Send it until it is accepted, found or given up."""
        error: QrsessionError | None = None
        for _ in range(self._patience.most_sends):
            try:
                return self._patience.through_limits("job", self._send)
            except QrsessionError as caught:
                error = caught
            if not is_in_doubt(error):
                self._forget()
                raise error
            self._note(IntentState.IN_DOUBT)
            answered = was_answered(error)
            window_s = self._patience.answered_s if answered else self._patience.lost_s
            what = "The service answered that it failed" if answered else "The reply was lost"
            self._patience.say(
                f"{what}; the job is looked for by its tag {self._intent.tag}, for up to "
                f"{window_s:.0f} s."
            )
            found = look_up(self._service, self._intent.tag, window_s, self._patience)
            if found.job is not None:
                return _created(found.job, self._request)
            may_send = answered or self._service.account.resubmit == Resubmit.AUTO
            if not (found.is_certain and may_send):
                raise self._unknown() from error
        raise ServiceUnavailableError(
            f"The job was not submitted: it was sent {self._patience.most_sends} times, and the "
            f"service has none with its tag. It answered last: {error.message if error else ''}",
            advice="Try again later; should one appear yet, the next command tells.",
            details={"tag": self._intent.tag},
        ) from error

    def _send(self) -> JobCreated:
        if not self._holds():
            # The machine slept for so long that somebody took this submission for dead.
            self._intent = replace(self._intent, sent_at=self._patience.now())
            earlier = self._claim()
            if earlier is not None:
                return earlier
            self._reserve()
        log.detail("sent under the tag %s", self._intent.tag)
        self._was_sent = True
        return self._service.client.create_job(self._request)

    def _holds(self) -> bool:
        """Whether the intent is as this process left it; from the second time on, renew it."""
        if not self._was_sent:
            return self._intents.get(self._intent.tag) == self._intent
        # Too many requests may be waited out for hours: nobody is to think that we are gone.
        renewed = replace(self._intent, sent_at=self._patience.now())
        is_ours = self._intents.claim(renewed, instead_of=self._intent)
        if is_ours:
            self._intent = renewed
        return is_ours

    def _forget(self) -> None:
        """Drop the intent of what was surely not accepted, unless an earlier try may still be."""
        if self._intent.state == IntentState.SENDING:
            release(self._service, self._request.session_id, self._intent.tag)
            if self._has_rival:
                self._note(IntentState.NOT_SUBMITTED)
            else:
                self._intents.drop(self._intent.tag)

    def _note(self, state: IntentState, job_id: str | None = None) -> None:
        sent_at = self._patience.now()
        self._intent = replace(self._intent, state=state, job_id=job_id, sent_at=sent_at)
        self._intents.put(self._intent)

    def _unknown(self) -> SubmissionUnknownError:
        tag = self._intent.tag
        return SubmissionUnknownError(
            f"The reply to the submission was lost, and no job with the tag {tag} was found since.",
            advice=f"It was not sent again. Settle it: qrsession result {tag} --wait",
            details={
                "tag": tag,
                "backend": self._request.backend,
                "session_id": self._request.session_id,
            },
        )

    def _record(self, created: JobCreated, earlier: Intent | None = None) -> None:
        try:
            record(
                self._service.records,
                earlier or self._intent,
                created,
                self._request.tags,
                detached=self._sending.detached,
            )
        except StorageError as error:
            with suppress(StorageError):
                self._note(IntentState.IN_DOUBT)
            raise StorageError(
                f"Job {created.job_id} was submitted, and cannot be entered: {error.message}",
                advice=f"It goes on, and a later command enters it: qrsession result "
                f"{created.job_id} --wait",
                details={**error.details, "job_id": created.job_id, "tag": self._intent.tag},
            ) from error

    # A job that is to exist once

    def _claim(self) -> JobCreated | None:
        """Find the job of an earlier try; return None where this process is to submit it."""
        while True:
            known = self._known()
            if known is not None:
                return known
            earlier = self._intents.get(self._intent.tag)
            if earlier is not None and earlier.may_be_at_work(self._patience.now()):
                self._patience.sleep(_OTHERS_POLL_S)
                continue
            is_damaged = self._intents.is_damaged(self._intent.tag)
            found = self._look_for_earlier(earlier, is_damaged=is_damaged)
            if found is not None:
                self._patience.say(f"This was submitted before: job {found.job_id}.")
                created = _created(found, self._request)
                self._record(created, earlier)
                self._intents.drop(self._intent.tag)
                return created
            if self._intents.claim(self._intent, instead_of=earlier):
                # Another process may have claimed, submitted and recorded it since we looked.
                known = self._known()
                if known is not None:
                    self._intents.drop(self._intent.tag)
                    return known
                # Should the request of the earlier try arrive after all, its job is a second one.
                self._has_rival = earlier is not None or is_damaged
                return None

    def _known(self) -> JobCreated | None:
        """Return the job of this tag that is in our own records."""
        known = self._service.records.find_tagged(self._intent.tag)
        if known is None:
            return None
        self._patience.say(f"This was submitted before: job {known.job_id}.")
        return JobCreated(known.job_id, known.backend, known.session_id)

    def _look_for_earlier(self, earlier: Intent | None, *, is_damaged: bool) -> JobRecord | None:
        service, tag, window_s = self._service, self._intent.tag, self._patience.lost_s
        if earlier is not None:
            service = _service_at(service, earlier.instance)
            window_s = earlier.left_to_look_s(self._patience.now(), window_s)
        elif not is_damaged:
            # Another machine may have submitted it.
            return first_of(tagged_jobs(service, tag))
        if earlier is None or earlier.state != IntentState.NOT_SUBMITTED:
            self._patience.say(
                "An earlier try was cut short; its job is looked for by the tag "
                f"{tag}, for up to {window_s:.0f} s."
            )
        found = look_up(service, tag, window_s, self._patience)
        if found.job is None and not found.is_certain:
            raise self._unknown()
        return found.job

    def _keep_first(self, created: JobCreated) -> JobCreated:
        """Where several jobs bear the tag, keep the first and cancel the others."""
        try:
            jobs = tagged_jobs(self._service, self._intent.tag)
            first = first_of(jobs)
            if first is not None:
                created = _created(first, self._request)
                twins = cancel_twins(self._service, first.job_id, jobs, self._patience.say)
                self._intent = replace(self._intent, twins=twins)
        except QrsessionError:
            # Later commands look again.
            self._has_rival = True
        return created


def _service_at(service: RuntimeService, instance: str | None) -> RuntimeService:
    """Return the service of the same account at the instance that something was sent to."""
    if instance in {None, service.instance}:
        return service
    return RuntimeService.at_instance(service.account, instance, settings=service.settings)


def _created(job: JobRecord, request: JobRequest) -> JobCreated:
    return JobCreated(job.job_id, job.backend or request.backend, job.session_id)
