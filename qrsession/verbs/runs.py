"""Running circuit files: what goes into a job, and the way there."""

import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from qrsession.circuits.misfits import no_pauli
from qrsession.circuits.prepared import Place, Preparation
from qrsession.circuits.sources import PreparedCircuit, Source, Transpilation, circuit_names
from qrsession.errors import InvalidValueError, StorageError
from qrsession.job import RuntimeJob
from qrsession.options import Options
from qrsession.pubs.building import check_names, estimator_pub, sampler_pub, values_for
from qrsession.pubs.values import ParameterValues
from qrsession.pubs.wanted import WantedObservables
from qrsession.results.captioning import with_known
from qrsession.service import RuntimeService
from qrsession.state.entries import SessionEntry
from qrsession.submission.once import service_that_runs, tag_once
from qrsession.submission.patience import Patience
from qrsession.submission.submit import Sending, submit

if TYPE_CHECKING:
    from qrsession.pubs.captions import Caption
    from qrsession.results.outcomes import Outcome

ESTIMATOR = "estimator"
# What IBM runs in one job of the sampler; a service may take fewer.
MOST_SHOTS = 10_000_000


def _tell_nobody(_job: RuntimeJob) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class RunRequest:
    """What is to be sampled or estimated, and how.

    Attributes:
        sources: The circuit files.
        primitive: The program that runs them.
        shots: Shots of each circuit; None: the service's default (4096).
        values: Values of parameters, for all circuits that have one of a name.
        observables: What an estimator measures of each circuit.
        precision: The standard error that it aims at; None: the service's default (0.015625).
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
    values: ParameterValues = field(default_factory=ParameterValues)
    observables: WantedObservables = field(default_factory=WantedObservables)
    precision: float | None = None
    transpilation: Transpilation = field(default_factory=Transpilation)
    options: Options = field(default_factory=Options)
    separate: bool = False
    detached: bool = False
    once: str | None = None
    patience: Patience = field(default_factory=Patience)
    tell: Callable[[RuntimeJob], None] = _tell_nobody

    @property
    def is_estimated(self) -> bool:
        """Whether values are estimated of the circuits, in place of bits that are sampled."""
        return self.primitive == ESTIMATOR


@dataclass(frozen=True)
class Submitted:
    """Jobs that were accepted, and whether their circuits came out of the cache.

    Attributes:
        jobs: The jobs.
        circuit_cache: ``hit`` where all circuits were in the cache, else ``miss``.
        captions: What the pubs of each job are of, where that says more than a file's name. It is
            known here even where nothing may be kept of it.
    """

    jobs: Sequence[RuntimeJob]
    circuit_cache: str
    captions: "Sequence[Sequence[Caption]]" = ()

    def captioned(self, outcomes: "Sequence[Outcome]") -> "list[Outcome]":
        """Return the results of the jobs with what they are of."""
        own = dict(zip((job.job_id() for job in self.jobs), self.captions, strict=False))
        return [
            replace(outcome, pubs=with_known(outcome.pubs, own.get(outcome.job.job_id, ())))
            for outcome in outcomes
        ]


def check_shots(shots: int | None) -> int | None:
    """Hold a number of shots against its bounds.

    Raises:
        InvalidValueError: It is out of range.
    """
    if shots is not None and not 1 <= shots <= MOST_SHOTS:
        raise InvalidValueError(f"shots is {shots}; it must be 1 to {MOST_SHOTS}.")
    return shots


@dataclass(frozen=True)
class Site:
    """Where jobs go.

    Attributes:
        place: What their circuits are prepared for.
        backend: The device's name.
        session_id: Their session; None: each is on its own.
    """

    place: Place
    backend: str
    session_id: str | None = None

    @classmethod
    def of_session(cls, service: RuntimeService, entry: SessionEntry) -> "Site":
        """Return the site of the jobs of a session."""
        backend = entry.backend or service.client.get_session(entry.session_id).backend or ""
        place = Place.of_session(service, entry.session_id, backend)
        return cls(place, backend, entry.session_id)

    @classmethod
    def of_backend(cls, service: RuntimeService, backend: str) -> "Site":
        """Return the site of jobs without a session.

        Raises:
            BackendNotFoundError: There is no such backend.
        """
        return cls(Place.of_backend(service, backend), backend)


def run_in_session(service: RuntimeService, entry: SessionEntry, request: RunRequest) -> Submitted:
    """Submit circuit files to a session.

    Raises:
        CircuitError: A circuit cannot be read, measures nothing, or lacks a parameter's value.
        SessionClosedError: The session takes no more jobs.
    """
    return _submit(Site.of_session(service, entry), request)


def run_on_backend(service: RuntimeService, backend: str, request: RunRequest) -> Submitted:
    """Submit circuit files to a backend, in no session.

    Raises:
        CircuitError: A circuit cannot be read, measures nothing, or lacks a parameter's value.
        BackendNotFoundError: There is no such backend.
    """
    return _submit(Site.of_backend(service, backend), request)


def prepare(
    site: Site, request: RunRequest, groups: Sequence[Sequence[Source]]
) -> tuple[list[list[PreparedCircuit]], str]:
    """Prepare the circuits of groups of files for a site.

    Returns:
        The circuits of each group, and ``hit`` where all were in the cache, else ``miss``.

    Raises:
        CircuitError: A circuit cannot be read, or measures nothing.
    """
    check_letters(request.observables, site.place)
    preparation = Preparation(
        site.place,
        request.transpilation,
        keeps=_keeps(request),
        is_estimated=request.is_estimated,
    )
    circuits = [preparation.prepare_all(group) for group in groups]
    tell_of_measurements(chain.from_iterable(circuits), request)
    return circuits, preparation.outcome


def params_of(
    circuits: Sequence[PreparedCircuit], request: RunRequest, names: Sequence[str] = ()
) -> dict[str, Any]:
    """Build the parameters of a primitive for circuits.

    Args:
        circuits: The circuits.
        request: What is to be done with them.
        names: What they are called, for messages; none: by number.

    Raises:
        CircuitError: A circuit has a parameter without a value, or none has one of a name given; or
            an observable has another width than a circuit.
    """
    check_names(circuits, request.values)
    if request.is_estimated:
        names = names or [f"circuit {at}" for at in range(len(circuits))]
        pubs = [
            estimator_pub(circuit, name, request.observables, request.values, request.precision)
            for name, circuit in zip(names, circuits, strict=True)
        ]
    else:
        pubs = [sampler_pub(circuit, request.values, request.shots) for circuit in circuits]
    return request.options.to_params(request.primitive, pubs)


def check_letters(observables: WantedObservables, place: Place) -> None:
    """Refuse observables that the backend does not measure.

    Raises:
        CircuitError: One has a projector, and the backend is a device.
    """
    foreign = next((one for one in observables.items if not one.is_pauli), None)
    if foreign is None:
        return
    # A simulator measures projectors, too. Few observables have one, and few jobs load this.
    from qrsession.circuits.untranspiled import is_device  # noqa: PLC0415

    if is_device(json.loads(place.documents().configuration)):
        raise no_pauli(foreign.text)


def tell_of_measurements(circuits: Iterable[PreparedCircuit], request: RunRequest) -> None:
    """Say once that circuits lost the measurements at their end, if they did."""
    if any(circuit.lost_measurements for circuit in circuits):
        request.patience.say("The estimator measures by itself: final measurements are left out.")


def send(
    site: Site,
    request: RunRequest,
    circuits: Sequence[PreparedCircuit],
    params: dict[str, Any],
    sending: Sending,
) -> RuntimeJob:
    """Submit one job of circuits that are prepared, and tell of it.

    Args:
        site: Where it goes.
        request: What is to be run. Its sources are those of this job.
        circuits: Their circuits.
        params: The parameters of the program, of `params_of`.
        sending: What is said of the submission beside.

    Raises:
        SessionClosedError: The session takes no more jobs.
    """
    own = site.place.service
    job_request = request.options.to_request(
        request.primitive, params, backend=site.backend, session_id=site.session_id
    )
    created = submit(own, job_request, sending)
    # Only a job that is to exist once may have been submitted somewhere else, earlier.
    service = own if sending.once is None else service_that_runs(created, own)
    job = RuntimeJob.of_submission(service, job_request, created)
    if _keeps(request):
        captions = captions_of(circuits, request)
        _keep_captions(service, created.job_id, captions)
    request.tell(job)
    return job


def _keeps(request: RunRequest) -> bool:
    return not request.options.environment["private"]


def _submit(site: Site, request: RunRequest) -> Submitted:
    groups = [[source] for source in request.sources] if request.separate else [request.sources]
    # All circuits are prepared before the first job is sent: a mistake in the last file must not
    # leave the jobs of the others behind.
    circuits, circuit_cache = prepare(site, request, groups)
    check_names([*chain.from_iterable(circuits)], request.values)
    prepared = [
        params_of(group, _with_own_values(request, group), circuit_names(sources))
        for sources, group in zip(groups, circuits, strict=True)
    ]
    jobs: list[RuntimeJob] = []
    for at, (group, params) in enumerate(zip(groups, prepared, strict=True)):
        sending = Sending(
            files=tuple(source.name for source in group),
            detached=request.detached,
            once=tag_once(request, groups[: at + 1], site.backend, site.place.service.instance),
            patience=request.patience,
        )
        try:
            own = replace(request, sources=group)
            jobs.append(send(site, own, circuits[at], params, sending))
        except BaseException:
            if jobs:
                ids = " ".join(job.job_id() for job in jobs)
                request.patience.say(f"Submitted before, and going on: qrsession wait {ids}")
            raise
    captions = [
        captions_of(group, replace(request, sources=sources))
        for sources, group in zip(groups, circuits, strict=True)
    ]
    return Submitted(jobs, circuit_cache, captions)


def _with_own_values(request: RunRequest, circuits: Sequence[PreparedCircuit]) -> RunRequest:
    """Leave out the values of parameters that only circuits of other jobs have."""
    if any(circuit.parameters is None for circuit in circuits):
        return request
    known = {name for circuit in circuits for name in circuit.source_parameters}
    return replace(request, values=request.values.of(known))


def captions_of(circuits: Sequence[PreparedCircuit], request: RunRequest) -> "list[Caption]":
    """Return what the pubs of a job are of, nothing where that is no more than a file's name."""
    if not (request.values or request.observables):
        return []
    # Imported here, as below, because most jobs are of a single point.
    from qrsession.pubs.captions import Caption  # noqa: PLC0415

    captions = [
        Caption(
            name,
            values_for(circuit, request.values),
            tuple(one.text for one in request.observables.items),
            request.observables.has_axis,
        )
        for name, circuit in zip(circuit_names(request.sources), circuits, strict=True)
    ]
    return captions if any(caption.says_something for caption in captions) else []


def _keep_captions(service: RuntimeService, job_id: str, captions: "Sequence[Caption]") -> None:
    if not captions:
        return
    from qrsession.pubs.captions import write_captions  # noqa: PLC0415 - as above

    # The job is submitted, whether this can be kept or not.
    with suppress(StorageError):
        service.records.write_captions(job_id, write_captions(captions))
