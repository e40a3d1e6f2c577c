"""Running circuit files: what goes into a job, and the way there."""

import math
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from qrsession.circuits.misfits import without_values
from qrsession.circuits.prepared import Place, Preparation
from qrsession.circuits.sources import PreparedCircuit, Source, Transpilation
from qrsession.errors import CircuitError, InvalidValueError
from qrsession.job import RuntimeJob
from qrsession.options import Options
from qrsession.protocol.typed import Array
from qrsession.service import RuntimeService
from qrsession.state.entries import SessionEntry
from qrsession.submission.once import service_that_runs, tag_once
from qrsession.submission.patience import Patience
from qrsession.submission.submit import Sending, submit

PROGRAM_VERSION = 2
# What IBM runs in one job of the sampler; a service may take fewer.
MOST_SHOTS = 10_000_000


def _tell_nobody(_job: RuntimeJob) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
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
        tell: Is told of each job as soon as it is accepted.
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
    tell: Callable[[RuntimeJob], None] = _tell_nobody


@dataclass(frozen=True)
class Submitted:
    """Jobs that were accepted, and whether their circuits came out of the cache."""

    jobs: Sequence[RuntimeJob]
    circuit_cache: str


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
        raise without_values(missing)
    if isinstance(circuit.wire, str):
        # Text has no order of parameters that both ends would agree about.
        return {name: values[name] for name in circuit.parameters} or None
    numbers = [values[name] for name in circuit.parameters]
    if circuit.has_free_angles:
        _check_angles(circuit.wire, numbers)
    return Array(struct.pack(f"<{len(numbers)}d", *numbers), (len(numbers),), "<f8").to_wire()


def _check_angles(wire: Mapping[str, Any], numbers: Sequence[float]) -> None:
    # Expressions of parameters take Qiskit to work out, and few circuits have one here.
    from qrsession.circuits.isa import check_bound_angles  # noqa: PLC0415 - the room of Qiskit

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
                ids = " ".join(job.job_id() for job in jobs)
                request.patience.say(f"Submitted before, and going on: qrsession wait {ids}")
            raise
        service = service_that_runs(created, place.service)
        jobs.append(RuntimeJob.of_submission(service, job_request, created))
        request.tell(jobs[-1])
    return Submitted(jobs, preparation.outcome)
