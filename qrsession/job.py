"""`RuntimeJob`: a job at the service.

All that can be asked of a job stands in one module, longer than most, since it is one interface:
that of ``RuntimeJobV2``.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from qrsession.errors import LimitReachedError, NotFinishedError, ServiceUnavailableError
from qrsession.job_details import (
    backend_of,
    decoded_by,
    failure_details,
    inputs_of,
    properties_of,
    raise_without_result,
    register,
)
from qrsession.money.paying import settle
from qrsession.protocol import faults
from qrsession.protocol.models import JobCreated, JobMetrics, JobRecord, JobRequest
from qrsession.protocol.routes import LONGEST_HOLD_S
from qrsession.protocol.status import FINAL_JOB_STATUSES, JobStatus
from qrsession.protocol.typed import is_program_result, parse_result
from qrsession.service import RuntimeService
from qrsession.state.entries import JobEntry
from qrsession.tags import is_own_tag, without_own_tag
from qrsession.verbs.reports import UNKNOWN_STATUS
from qrsession.waiting.single import Deadline, OnLost, Waiting

if TYPE_CHECKING:
    from qrsession.backend import Backend

# What qiskit-ibm-runtime and the primitives of Qiskit call the states.
_QISKIT_STATUS = {
    JobStatus.QUEUED: "QUEUED",
    JobStatus.RUNNING: "RUNNING",
    JobStatus.COMPLETED: "DONE",
    JobStatus.FAILED: "ERROR",
    JobStatus.CANCELLED: "CANCELLED",
}

OnChange = Callable[[JobRecord], None]


class RuntimeJob:
    """A job: its state, its result, and what it used.

    Made by a primitive's ``run``, by `Session.run`, or by `RuntimeService.job`. It is one of
    Qiskit's ``BasePrimitiveJob``, and has what ``RuntimeJobV2`` of qiskit-ibm-runtime has.

    Args:
        service: The service that runs it.
        record: What is known of it.
        decoder: Makes the result of the service's text, in place of our own decoder: see
            `result`.
    """

    ERROR: ClassVar[str] = _QISKIT_STATUS[JobStatus.FAILED]
    JOB_FINAL_STATES: ClassVar[tuple[str, ...]] = tuple(
        _QISKIT_STATUS[status]
        for status in (JobStatus.COMPLETED, JobStatus.CANCELLED, JobStatus.FAILED)
    )

    def __init__(
        self,
        service: RuntimeService,
        record: JobRecord,
        decoder: Any = None,
    ) -> None:
        self._service = service
        self._record = record
        self._decoder = decoder
        self._backend: Backend | None = None
        self._properties: dict[str, Any] | None = None
        register(RuntimeJob)

    @classmethod
    def of_submission(
        cls, service: RuntimeService, request: JobRequest, created: JobCreated
    ) -> "RuntimeJob":
        """Make a job of a submission that was accepted, without a request."""
        record = JobRecord(
            job_id=created.job_id,
            status=JobStatus.QUEUED,
            backend=created.backend,
            program_id=request.program_id,
            session_id=request.session_id,
            tags=request.tags,
            private=request.private,
            runtime=request.runtime,
        )
        return cls(service, record)

    @classmethod
    def of_entry(cls, service: RuntimeService, entry: JobEntry) -> "RuntimeJob":
        """Make a job of our own records, without a request: its state is to be asked for."""
        record = JobRecord(
            job_id=entry.job_id,
            status=UNKNOWN_STATUS,
            backend=entry.backend,
            program_id=entry.primitive,
            created=entry.submitted_at,
            session_id=entry.session_id,
            tags=entry.tags,
        )
        return cls(service, record)

    def __repr__(self) -> str:
        return f"<RuntimeJob({self.job_id()!r}, {self._record.program_id!r}, {self._name()!r})>"

    def __reduce__(self) -> tuple[Any, ...]:
        """Be copied and pickled as what is known of it: the copy is of the same job."""
        return type(self), (self._service, self._record, self._decoder)

    def job_id(self) -> str:
        """Return its id."""
        return self._record.job_id

    @property
    def session_id(self) -> str | None:
        """The id of its session, None in job mode."""
        return self._record.session_id

    @property
    def primitive(self) -> str:
        """The program that it runs: ``sampler``, ``estimator``, or another client's."""
        return self._record.program_id

    @property
    def tags(self) -> list[str]:
        """Its tags, as they were when the service was last asked."""
        return list(without_own_tag(self._record.tags))

    @property
    def primitive_id(self) -> str:
        """The program that it runs, as `primitive`, by its name in qiskit-ibm-runtime."""
        return self._record.program_id

    @property
    def creation_date(self) -> datetime | None:
        """When it was created, UTC. The service is asked where that is not known yet."""
        if self._record.created is None:
            self._ask()
        return self._record.created

    @property
    def private(self) -> bool:
        """Whether the service shows its inputs to nobody, and its result once."""
        return self._record.private

    @property
    def image(self) -> str:
        """The image of the runtime that it asked for, ``name:tag``; empty for the service's own."""
        return self._record.runtime or ""

    @property
    def instance(self) -> str | None:
        """The CRN of the instance that runs it, None where none is named."""
        return self._service.instance

    @property
    def usage_estimation(self) -> dict[str, float | None]:
        """What it may use: ``quantum_seconds``, None where the service says nothing."""
        if self._record.estimated_running_time_s is None:
            self._ask()
        return {"quantum_seconds": self._record.estimated_running_time_s}

    @property
    def inputs(self) -> dict[str, Any]:
        """What it was sent, asked for each time: circuits, observables and values as objects.

        Its ``"pubs"`` is a list of ``[circuit, values, shots]``, or of ``[circuit, observables,
        values, precision]``. A service shows no inputs of a private job. Imports Qiskit.
        """
        return inputs_of(self._service, self.job_id())

    @property
    def service(self) -> RuntimeService:
        """The service that runs it."""
        return self._service

    def backend(self, timeout: float | None = None) -> "Backend | None":  # noqa: ARG002 - as there
        """Return its backend as Qiskit sees it, built once; its name is ``record().backend``.

        Args:
            timeout: Taken as by qiskit-ibm-runtime; the backend is known without waiting.

        Raises:
            BackendNotFoundError: The account has it no more.
        """
        if self._backend is None:
            if self._record.backend is None:
                self._ask()
            self._backend = backend_of(self._service, self._record)
        return self._backend

    def properties(self, *, refresh: bool = False) -> dict[str, Any] | None:
        """Return its backend's properties as they were when it ran, or else was created.

        Args:
            refresh: Whether the service is asked again; else once.

        Returns:
            The document of the API, with ``qubits``, ``gates`` and ``last_update_date``; None for a
            simulator that has none. Source: ``properties`` in the API reference.
        """
        if self._properties is None or refresh:
            self._properties = properties_of(self._service, self._record, self._measured())
        return self._properties

    def record(self) -> JobRecord:
        """Return what was last known of it, without asking."""
        return self._record

    def refresh(self) -> JobRecord:
        """Ask the service, unless the job's last known state is final."""
        if self._record.status not in FINAL_JOB_STATUSES:
            self._record = self._service.client.get_job(self.job_id())
        return self._record

    def _ask(self) -> None:
        """Ask the service whatever state is known, for what a new job's record has not."""
        self._record = self._service.client.get_job(self.job_id())

    def look(self, hold_s: int = 0) -> bool:
        """Ask the service once, and return whether it is one that holds such questions.

        Args:
            hold_s: For how many seconds it may hold this one, until the state changes.
        """
        record, was_held = self._service.client.await_job(self.job_id(), hold_s)
        if self._record.status not in FINAL_JOB_STATUSES:
            self._record = record
        return was_held

    def status(self) -> str:
        """Return its state: QUEUED, RUNNING, DONE, ERROR or CANCELLED.

        A state that this version does not know is passed on in upper case.
        """
        self.refresh()
        return self._name()

    def done(self) -> bool:
        """Return whether it completed."""
        return self.status() == _QISKIT_STATUS[JobStatus.COMPLETED]

    def running(self) -> bool:
        """Return whether it runs."""
        return self.status() == _QISKIT_STATUS[JobStatus.RUNNING]

    def errored(self) -> bool:
        """Return whether it failed."""
        return self.status() == _QISKIT_STATUS[JobStatus.FAILED]

    def cancelled(self) -> bool:
        """Return whether it was cancelled."""
        return self.status() == _QISKIT_STATUS[JobStatus.CANCELLED]

    def in_final_state(self) -> bool:
        """Return whether its state will not change any more."""
        return self.refresh().status in FINAL_JOB_STATUSES

    def error_message(self) -> str | None:
        """Return why it failed or was cancelled, None where it was not."""
        record = self.refresh()
        if not record.reason:
            return None
        return (
            f"{record.reason} (code {record.reason_code})" if record.reason_code else record.reason
        )

    def wait_for_final_state(
        self,
        timeout: float | None = None,
        poll_interval: float | None = None,
        *,
        on_change: OnChange | None = None,
        on_lost: OnLost | None = None,
    ) -> JobRecord:
        """Wait until it has completed, failed or was cancelled, and return what it came to.

        A service that is out of reach, for less than a day, does not end the waiting.

        Args:
            timeout: The longest to wait, in seconds; None: as long as it takes.
            poll_interval: The least time between two questions, in seconds; None: 0.1 in a session
                and 0.5 outside, and longer with time. A service that holds questions is asked at
                once.
            on_change: Called with what is known whenever the state has changed.
            on_lost: Called with a sentence when the service goes out of reach.

        Raises:
            WaitTimeoutError: The time ran out; the job goes on.
            ServiceUnavailableError: The service stayed out of reach.
        """
        self._wait(self._waiting(timeout, on_lost, poll_interval), on_change)
        settle(self._service, self._record)
        return self._record

    def await_result_text(
        self,
        timeout: float | None = None,
        poll_interval: float | None = None,
        *,
        on_change: OnChange | None = None,
        on_lost: OnLost | None = None,
    ) -> str:
        """Wait for its result and return it as the service sends it: JSON text.

        Arguments and errors are those of `wait_for_final_state` and of `result_text`.
        """
        waiting = self._waiting(timeout, on_lost, poll_interval)
        self._wait(waiting, on_change)
        return waiting.ask(self.result_text, self._service.reconnect)

    def _waiting(
        self, timeout_s: float | None, on_lost: OnLost | None, least_pause_s: float | None
    ) -> Waiting:
        return Waiting(
            Deadline(timeout_s),
            in_session=self.session_id is not None,
            on_lost=on_lost,
            least_pause_s=least_pause_s or 0.0,
        )

    def _wait(self, waiting: Waiting, on_change: OnChange | None) -> None:
        while self._record.status not in FINAL_JOB_STATUSES:
            before = self._record.status
            was_held = waiting.ask(
                lambda: self.look(waiting.deadline.hold_s), self._service.reconnect
            )
            record = self._record
            if record.status != before and on_change is not None:
                on_change(record)
            if record.status not in FINAL_JOB_STATUSES:
                waiting.check(self.job_id(), record.status)
                # A second's fraction is too short to be held.
                if not (was_held and waiting.deadline.hold_s):
                    waiting.pause()

    def result(
        self,
        timeout: float | None = None,
        decoder: Any = None,
        poll_interval: float | None = None,
    ) -> Any:
        """Wait for its result and return it: for a primitive, Qiskit's ``PrimitiveResult``.

        For the program ``executor`` it is the document of its schema, with an array of numpy in
        place of each tensor; register ``c`` of item i is ``result["data"][i]["results"]["c"]``,
        bool of shape ``(*shape of the item, shots, bits)``.

        Args:
            timeout: The longest to wait, in seconds.
            decoder: Makes the result of the service's text, in place of the job's own: a function
                of it, an object with a method ``decode``, or several, one after another.
            poll_interval: As in `wait_for_final_state`.

        Raises:
            JobFailedError: It failed, or exceeded its maximum execution time.
            JobCancelledError: It was cancelled.
            WaitTimeoutError: The time ran out; the job goes on.
        """
        began_s = time.monotonic()
        text = self.held_result_text(timeout)
        if text is None:
            spent_s = time.monotonic() - began_s
            left_s = None if timeout is None else max(timeout - spent_s, 0.0)
            text = self.await_result_text(left_s, poll_interval)
        decoder = decoder or self._decoder
        if decoder is not None:
            return decoded_by(decoder, text)
        from qrsession.codec import decode, decode_program_result  # noqa: PLC0415 - of Qiskit

        document = parse_result(text)
        # It may be tens of megabytes, and so is what is made of it.
        del text
        if is_program_result(document):
            return decode_program_result(document)
        return decode(document)

    def held_result_text(self, timeout: float | None = None) -> str | None:
        """Ask for the result straight away, of a service that holds the request until it is there.

        That saves a short job one request of three. A service that does not hold has said so at
        the cost of one request, once.

        Args:
            timeout: The longest to wait, in seconds.

        Returns:
            The result as the service sends it, JSON text; None: to be waited for otherwise.
        """
        hold_s = LONGEST_HOLD_S if timeout is None else int(min(timeout, LONGEST_HOLD_S))
        if self._record.status in FINAL_JOB_STATUSES or hold_s < 1:
            return None
        with suppress(ServiceUnavailableError, LimitReachedError):
            # Waiting has more patience.
            return self._service.client.await_job_results(self.job_id(), hold_s)
        return None

    def result_text(self) -> str:
        """Return the result as the service sends it: JSON text.

        Raises:
            NotFinishedError: It is not finished yet.
            JobFailedError: It failed, or exceeded its maximum execution time.
            JobCancelledError: It was cancelled.
        """
        record = self.refresh()
        settle(self._service, record)
        raise_without_result(self._service, record)
        text = self._service.client.get_job_results(record.job_id)
        if text is None:
            raise NotFinishedError(
                f"Job {record.job_id} is completed, but the service has no result of it.",
                advice="The result of a private job can be read once.",
                details=failure_details(record),
            )
        return text

    def cancel(self) -> None:
        """Cancel it.

        Raises:
            RequestRefusedError: It is finished already.
        """
        self._service.client.cancel_job(self.job_id())

    def metrics(self) -> dict[str, Any]:
        """Return what the service measured, by the names of its API.

        ``timestamps``: when it was ``created``, ``running`` and ``finished``, in UTC as text, None
        where that has not come; ``usage``: ``qpu_charge_time_seconds``, and whether they are final
        (``status`` is ``complete``); ``circuits_execution_time_ns``, ``caller``,
        ``qiskit_version``.
        """
        return self._measured().to_wire()

    def usage(self, *, partial: bool = False) -> float:
        """Return what it used, in QPU seconds; 0 while that is not settled.

        Args:
            partial: Whether to return what is known while it is not settled.
        """
        usage = self._measured().usage
        return usage.qpu_charge_time_s if usage.is_complete or partial else 0.0

    def _measured(self) -> JobMetrics:
        return self._service.client.get_job_metrics(self.job_id())

    def logs(self) -> str:
        """Return what it logged."""
        return self._service.client.get_job_logs(self.job_id())

    def update_tags(self, new_tags: list[str]) -> list[str]:
        """Replace its tags, and return them; the tag of its submission stays."""
        from qrsession.options import check_tags  # noqa: PLC0415 - seldom needed

        tags = check_tags(new_tags)
        record = self._service.client.get_job(self.job_id())
        own = tuple(tag for tag in record.tags if is_own_tag(tag))
        self._service.client.set_job_tags(self.job_id(), (*tags, *own))
        self._record = self._service.client.get_job(self.job_id())
        return self.tags

    def _name(self) -> str:
        try:
            status = JobStatus(self._record.status)
        except ValueError:
            return self._record.status.upper()
        if self._record.reason_code == faults.RAN_TOO_LONG:
            status = JobStatus.FAILED
        return _QISKIT_STATUS[status]
