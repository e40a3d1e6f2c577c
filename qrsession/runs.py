"""Running circuit files: what goes into a job, what becomes of it, and its result on disk."""

import math
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from qrsession.duration import format_duration
from qrsession.entries import JobEntry, SessionEntry
from qrsession.errors import (
    CircuitError,
    InvalidValueError,
    QrsessionError,
    StorageError,
    WaitInterruptedError,
    WaitTimeoutError,
    WireFormatError,
)
from qrsession.job import OnChange, RuntimeJob
from qrsession.once import service_that_runs, tag_once
from qrsession.options import Options
from qrsession.patience import Patience
from qrsession.prepared import Place, Preparation
from qrsession.protocol.status import JobStatus
from qrsession.protocol.typed import Array
from qrsession.records import Records
from qrsession.reports import JobReport
from qrsession.results import Pub, read_pubs
from qrsession.service import RuntimeService
from qrsession.session import job_of
from qrsession.sources import PreparedCircuit, Source, Transpilation
from qrsession.submit import Sending, submit
from qrsession.waiting import OnLost

PROGRAM_VERSION = 2
# What IBM runs in one job of the sampler; a service may take fewer.
MOST_SHOTS = 10_000_000


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What is to be sampled, and how.

    Attributes:
        sources: The circuit files.
        primitive: The program that runs them.
        shots: Shots of each circuit; None: the service's default (4096).
        values: Values of parameters by name, for all circuits that have one of that name.
        transpilation: How circuits are made to fit the backend.
        options: Options of the job.
        separate: Whether each file makes a job of its own, in place of one job for all.
        detached: Whether nobody waits for the result.
        once: A key under which the same job is found again, in place of a second one.
        patience: How long submission is tried.
    """

    sources: Sequence[Source]
    primitive: str = "sampler"
    shots: int | None = None
    values: Mapping[str, float] = field(default_factory=dict)
    transpilation: Transpilation = field(default_factory=Transpilation)
    options: Options = field(default_factory=Options)
    separate: bool = False
    detached: bool = False
    once: str | None = None
    patience: Patience = field(default_factory=Patience)


@dataclass(frozen=True, slots=True)
class Submitted:
    """Jobs that were accepted, and whether their circuits came out of the cache."""

    jobs: Sequence[RuntimeJob]
    circuit_cache: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """A job with its result, if it has one."""

    job: JobReport
    pubs: Sequence[Pub] = ()


def check_shots(shots: int | None) -> int | None:
    """Hold a number of shots against its bounds.

    Raises:
        InvalidValueError: It is out of range.
    """
    if shots is not None and not 1 <= shots <= MOST_SHOTS:
        raise InvalidValueError(f"shots is {shots}; it must be 1 to {MOST_SHOTS}.")
    return shots


def run_in_session(service: RuntimeService, entry: SessionEntry, request: RunRequest) -> Submitted:
    """Submit circuit files to a session.

    Raises:
        CircuitError: A circuit cannot be read, measures nothing, or lacks a parameter's value.
        SessionClosedError: The session takes no more jobs.
    """
    backend = entry.backend or service.client.get_session(entry.session_id).backend or ""
    place = Place.of_session(service, entry.session_id, backend)
    return _submit(place, request, backend, entry.session_id)


def run_on_backend(service: RuntimeService, backend: str, request: RunRequest) -> Submitted:
    """Submit circuit files to a backend, in no session.

    Raises:
        CircuitError: A circuit cannot be read, measures nothing, or lacks a parameter's value.
        BackendNotFoundError: There is no such backend.
    """
    return _submit(Place.of_backend(service, backend), request, backend, None)


def collect(
    jobs: Sequence[RuntimeJob],
    *,
    timeout_s: float | None = None,
    cancel_on_timeout: bool = False,
    on_change: OnChange | None = None,
    on_lost: OnLost | None = None,
) -> Iterator[Outcome]:
    """Wait for jobs, one after another, and yield their results as they were kept on disk.

    Args:
        jobs: The jobs.
        timeout_s: The longest to wait for all of them together.
        cancel_on_timeout: Whether those that are left are cancelled then.
        on_change: Called with what is known of the first job at once, and of each at every change.
        on_lost: Called with a sentence when the service goes out of reach; the wait goes on.

    Raises:
        JobFailedError: One failed.
        JobCancelledError: One was cancelled.
        WaitTimeoutError: The time ran out; the jobs go on, or were cancelled where asked for.
        WaitInterruptedError: The user interrupted the waiting; the jobs go on.
    """
    waiting = _Budget(timeout_s)
    for job in jobs:
        try:
            if on_change is not None and job is jobs[0]:
                on_change(job.record())
            kept = _recall(job)
            if kept is not None:
                yield kept
                continue
            text = job.await_result_text(waiting.left_s(), on_change=on_change, on_lost=on_lost)
        except WaitTimeoutError:
            if cancel_on_timeout:
                raise _cancelled(jobs) from None
            raise
        except KeyboardInterrupt:
            raise WaitInterruptedError(
                f"Interrupted; job {job.job_id()} goes on.",
                advice=f"Take it up again: qrsession result {job.job_id()} --wait",
                details={"job_id": job.job_id()},
            ) from None
        yield read_outcome(job, text)


def outlook_of(job: RuntimeJob) -> tuple[str, str]:
    """Ask what is to be told of a job that is waited for: its state, and what it waits behind."""
    client = job.service.client
    record = client.get_job(job.job_id())
    words = []
    if record.backend is not None:
        words.append(f"queue {client.get_queue_length(record.backend)}")
    if record.session_id is not None:
        left_s = client.get_session(record.session_id).active_ttl_s
        if left_s is not None:
            words.append(f"{' '.join(format_duration(left_s).split()[:2])} left")
    return record.status, ", ".join(words)


def read_outcome(job: RuntimeJob, text: str | None = None) -> Outcome:
    """Return a finished job's result. Unless it is private, it is on disk before it is read.

    Args:
        job: The job.
        text: Its result, where it is here already; None: it is asked for.

    Raises:
        NotFinishedError: It is not finished yet.
        JobFailedError: It failed.
        JobCancelledError: It was cancelled.
    """
    text = job.result_text() if text is None else text
    report = JobReport.of_record(job.record())
    records = job.service.records
    if not job.record().private:
        try:
            records.write_result(job.job_id(), text.encode())
        except StorageError as error:
            raise StorageError(
                f"The result of job {job.job_id()} cannot be kept: {error.message}",
                advice="The service has it still. Make room, then: "
                f"qrsession result {job.job_id()}",
                details={**error.details, "job_id": job.job_id()},
            ) from error
    records.settle_job(
        report.session_id, report.job_id, status=report.status, usage_s=report.usage_s
    )
    return Outcome(report, read_pubs(text))


def recall_outcome(records: Records, entry: JobEntry) -> Outcome | None:
    """Return a result that was kept on disk, None where there is none that can be read."""
    data = records.read_result(entry.job_id)
    if data is None:
        return None
    report = replace(JobReport.of_entry(entry), status=entry.status or JobStatus.COMPLETED)
    with suppress(WireFormatError, UnicodeDecodeError):
        return Outcome(report, read_pubs(data.decode()))
    # It is damaged; the service may have it still.
    return None


def _recall(job: RuntimeJob) -> Outcome | None:
    """Return the result of a job that was submitted before, which we may be the last to have."""
    records = job.service.records
    with suppress(QrsessionError):
        if records.result_path(job.job_id()).exists():
            return recall_outcome(records, records.find_job(job.job_id()))
    return None


def params_of(circuits: Sequence[PreparedCircuit], request: RunRequest) -> dict[str, Any]:
    """Build the parameters of the sampler for circuits.

    Raises:
        CircuitError: A circuit has a parameter without a value, or none has one of a name given.
    """
    known = {name for circuit in circuits for name in circuit.source_parameters}
    # Of circuits that nobody parsed the service knows the parameters.
    is_known = all(circuit.parameters is not None for circuit in circuits)
    for name in request.values:
        if is_known and name not in known:
            raise CircuitError(
                f"No circuit has a parameter {name!r}.",
                advice=f"Parameters are: {', '.join(sorted(known)) or 'none'}.",
            )
    return {
        "pubs": [
            [circuit.wire, _values_of(circuit, request.values), request.shots]
            for circuit in circuits
        ],
        "options": request.options.for_primitive(request.primitive),
        "version": PROGRAM_VERSION,
        "support_qiskit": True,
    }


def _values_of(circuit: PreparedCircuit, values: Mapping[str, float]) -> dict[str, Any] | None:
    if circuit.parameters is None:
        return dict(values) or None
    missing = [name for name in circuit.parameters if name not in values]
    if missing:
        raise CircuitError(
            f"The circuit's parameters have no values: {', '.join(missing)}.",
            advice=f"Give each one: {' '.join(f'--param {name}=0.5' for name in missing)}",
            details={"parameters": missing},
        )
    if isinstance(circuit.wire, str):
        # Text has no order of parameters that both ends would agree about.
        return {name: values[name] for name in circuit.parameters} or None
    numbers = [values[name] for name in circuit.parameters]
    if circuit.has_free_angles:
        _check_angles(circuit.wire, numbers)
    return Array(struct.pack(f"<{len(numbers)}d", *numbers), (len(numbers),), "<f8").to_wire()


def _check_angles(wire: Mapping[str, Any], numbers: Sequence[float]) -> None:
    # Expressions of parameters take Qiskit to work out, and few circuits have one here.
    from qrsession.isa import check_bound_angles  # noqa: PLC0415 - the room of Qiskit

    check_bound_angles(wire, numbers)


def parse_values(assignments: Sequence[str]) -> dict[str, float]:
    """Read values of parameters from ``name=0.3``.

    Raises:
        InvalidValueError: One is of another form, or no finite number.
    """
    values = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not name.strip() or not equals or not math.isfinite(value):
            raise InvalidValueError(
                f"{assignment!r} gives no parameter a value.", advice="Write --param theta=0.3"
            )
        values[name.strip()] = value
    return values


def _submit(place: Place, request: RunRequest, backend: str, session_id: str | None) -> Submitted:
    keeps = not request.options.environment["private"]
    preparation = Preparation(place, request.transpilation, keeps=keeps)
    groups = [[source] for source in request.sources] if request.separate else [request.sources]
    # All circuits are prepared before the first job is sent: a mistake in the last file must not
    # leave the jobs of the others behind.
    prepared = [params_of(preparation.prepare_all(group), request) for group in groups]
    jobs: list[RuntimeJob] = []
    for at, (group, params) in enumerate(zip(groups, prepared, strict=True)):
        job_request = request.options.to_request(
            request.primitive, params, backend=backend, session_id=session_id
        )
        sending = Sending(
            files=tuple(source.name for source in group),
            detached=request.detached,
            once=tag_once(request, groups[: at + 1], backend, place.service.instance),
            patience=request.patience,
        )
        try:
            created = submit(place.service, job_request, sending)
        except BaseException:
            if jobs:
                ids = ", ".join(job.job_id() for job in jobs)
                request.patience.say(f"Submitted before, and going on: {ids}")
            raise
        jobs.append(job_of(service_that_runs(created, place.service), job_request, created))
    return Submitted(jobs, preparation.outcome)


def _cancelled(jobs: Sequence[RuntimeJob]) -> WaitTimeoutError:
    ids = [job.job_id() for job in jobs]
    for job in jobs:
        try:
            job.cancel()
        except QrsessionError:
            # Finished in the meantime, or out of reach: the message says what was tried.
            continue
    return WaitTimeoutError(
        f"The time ran out; cancelled: {', '.join(ids)}.",
        advice="Give more time with --timeout.",
        details={"job_ids": ids},
    )


class _Budget:
    """What is left of a time-out that several waits share."""

    def __init__(self, timeout_s: float | None) -> None:
        self._ends_at = None if timeout_s is None else time.monotonic() + timeout_s

    def left_s(self) -> float | None:
        """Return the seconds left, None where there is no end."""
        return None if self._ends_at is None else max(self._ends_at - time.monotonic(), 0.0)
