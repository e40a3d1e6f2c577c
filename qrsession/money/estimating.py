"""What a run would use, before anything is sent: an estimate, and all that it is made of.

    overhead of each job + executions x (rep_delay + length of the circuit)

Source of the form, of the overhead and of the quick formula behind the assumed length: IBM's guide
"Workload usage" (estimate-job-run-time). Error mitigation and suppression add what it leaves out.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from qrsession.protocol.executions import (
    ASSUMED_CIRCUIT_S,
    DEFAULT_REP_DELAY_S,
    SETUP_S,
    count_pubs,
    default_rep_delay_s,
    own_rep_delay_s,
)
from qrsession.protocol.fields import optional

if TYPE_CHECKING:
    from qrsession.circuits.prepared import Place
    from qrsession.service import RuntimeService
    from qrsession.state.entries import SessionEntry
    from qrsession.verbs.runs import RunRequest

FORMULA = "total_s = jobs x overhead_s + sum of executions x (rep_delay_s + circuit_s)"
OVERHEAD_SOURCE = 'IBM\'s guide "Workload usage", for each job'
FROM_OPTIONS = "the job's options"
FROM_BACKEND = "the backend's default_rep_delay"
ASSUMED_DELAY = "assumed, since the backend does not say"
FROM_TARGET = "longest path by the target's durations"
ASSUMED_LENGTH = "assumed, by the guide's quick formula"


@dataclass(frozen=True)
class CircuitEstimate:
    """What one circuit adds.

    Attributes:
        file: The file that it is from, as the user named it.
        shots: Shots of each setting.
        parameter_sets: Points of its sweep.
        settings: Bases and noise factors that each point is measured in; 1 for a sampler.
        executions: All three multiplied.
        circuit_s: How long the circuit takes, in seconds.
        circuit_source: Where that is from.
    """

    file: str
    shots: int
    parameter_sets: int
    settings: float
    executions: int
    circuit_s: float
    circuit_source: str


@dataclass(frozen=True)
class Estimate:
    """What a run would use, in QPU seconds, and what that is made of.

    Attributes:
        backend: Where it would run.
        session_id: In which session, None in job mode.
        is_simulated: Whether a simulator would run it, which takes as long as it takes: the
            estimate is that of a device then.
        jobs: How many jobs it makes.
        rep_delay_s: The delay between two shots, in seconds.
        rep_delay_source: Where that is from.
        circuits: What each circuit adds.
        max_execution_time_s: Where the service would end each job, if that is given.
        budget_left_s: What is left of the session's budget, if it has one.
        overhead_s: What each job takes beside its circuits, in seconds.
    """

    backend: str
    session_id: str | None
    is_simulated: bool
    jobs: int
    rep_delay_s: float
    rep_delay_source: str
    circuits: Sequence[CircuitEstimate]
    max_execution_time_s: int | None = None
    budget_left_s: float | None = None
    overhead_s: float = SETUP_S

    @property
    def total_s(self) -> float:
        """All of it."""
        return self.jobs * self.overhead_s + sum(map(self.run_s, self.circuits))

    @property
    def fits(self) -> bool | None:
        """Whether the session's budget has as much left; None where it has none."""
        return None if self.budget_left_s is None else self.total_s <= self.budget_left_s

    def run_s(self, circuit: CircuitEstimate) -> float:
        """Return how long a circuit's executions take."""
        return circuit.executions * (self.rep_delay_s + circuit.circuit_s)

    def document(self) -> dict[str, Any]:
        """Return the ``estimate`` of the envelope."""
        return {
            "total_s": round(self.total_s, 6),
            "formula": FORMULA,
            "backend": self.backend,
            "session_id": self.session_id,
            "simulated": self.is_simulated,
            "jobs": self.jobs,
            "overhead_s": self.overhead_s,
            "overhead_source": OVERHEAD_SOURCE,
            "rep_delay_s": self.rep_delay_s,
            "rep_delay_source": self.rep_delay_source,
            "circuits": [asdict(circuit) for circuit in self.circuits],
            "max_execution_time_s": self.max_execution_time_s,
            "budget_left_s": self.budget_left_s,
            "fits": self.fits,
        }


def estimate_in_session(
    service: "RuntimeService", entry: "SessionEntry", request: "RunRequest"
) -> Estimate:
    """Estimate a run in a session. Nothing is submitted.

    Raises:
        CircuitError: A circuit cannot be read, measures nothing, or lacks a parameter's value.
    """
    from qrsession.circuits.prepared import Place  # noqa: PLC0415
    from qrsession.money.paying import reconcile, used_by_session_s  # noqa: PLC0415 - as it needs them

    backend = entry.backend or service.client.get_session(entry.session_id).backend or ""
    budget = reconcile(service, entry.session_id)
    left_s = None if budget is None else budget.left_s(used_by_session_s(service, budget))
    place = Place.of_session(service, entry.session_id, backend)
    return _estimate(place, request, backend, entry.session_id, left_s)


def estimate_on_backend(service: "RuntimeService", backend: str, request: "RunRequest") -> Estimate:
    """Estimate a run on a backend, in no session. Nothing is submitted.

    Raises:
        CircuitError: A circuit cannot be read, measures nothing, or lacks a parameter's value.
        BackendNotFoundError: There is no such backend.
    """
    from qrsession.circuits.prepared import Place  # noqa: PLC0415 - as above

    return _estimate(Place.of_backend(service, backend), request, backend, None, None)


def _estimate(
    place: "Place",
    request: "RunRequest",
    backend: str,
    session_id: str | None,
    budget_left_s: float | None,
) -> Estimate:
    configuration = json.loads(place.documents().configuration)
    circuits = list(_circuits(place, request))
    delay_s, source = _rep_delay(request, configuration)
    return Estimate(
        backend=backend,
        session_id=session_id,
        is_simulated=optional(configuration, "simulator", bool) or False,
        jobs=len(request.sources) if request.separate else 1,
        rep_delay_s=delay_s,
        rep_delay_source=source,
        circuits=circuits,
        max_execution_time_s=request.options.max_execution_time,
        budget_left_s=budget_left_s,
    )


def _circuits(place: "Place", request: "RunRequest") -> Iterator[CircuitEstimate]:
    from qrsession.circuits.prepared import Preparation  # noqa: PLC0415
    from qrsession.circuits.reading import duration_s  # noqa: PLC0415 - the room of Qiskit
    from qrsession.circuits.sources import circuit_names  # noqa: PLC0415
    from qrsession.verbs.runs import check_letters, params_of, tell_of_measurements  # noqa: PLC0415

    keeps = not request.options.environment["private"]
    preparation = Preparation(
        place, request.transpilation, keeps=keeps, is_estimated=request.is_estimated
    )
    backend = place.service.build_backend(
        place.documents(), use_fractional_gates=request.transpilation.use_fractional_gates
    )
    prepared = [
        (source.name, circuit)
        for source in request.sources
        for circuit in preparation.prepare_all([source])
    ]
    circuits = [circuit for _, circuit in prepared]
    check_letters(request.observables, place)
    params = params_of(circuits, request, circuit_names(request.sources))
    tell_of_measurements(circuits, request)
    counts = count_pubs(request.primitive, params)
    for (name, circuit), count in zip(prepared, counts, strict=True):
        length_s = duration_s(circuit.wire, backend.target)
        yield CircuitEstimate(
            file=name,
            shots=round(count.shots),
            parameter_sets=round(count.parameter_sets),
            settings=count.settings,
            executions=round(count.executions),
            circuit_s=ASSUMED_CIRCUIT_S if length_s is None else length_s,
            circuit_source=ASSUMED_LENGTH if length_s is None else FROM_TARGET,
        )


def _rep_delay(request: "RunRequest", configuration: dict[str, Any]) -> tuple[float, str]:
    own_s = own_rep_delay_s({"options": request.options.for_primitive(request.primitive)})
    if own_s is not None:
        return own_s, FROM_OPTIONS
    default_s = default_rep_delay_s(configuration)
    return (DEFAULT_REP_DELAY_S, ASSUMED_DELAY) if default_s is None else (default_s, FROM_BACKEND)
