"""How often a job runs its circuits, and how long that holds a device: from its params alone.

A sampler executes each pub's circuit (points of its sweep) x shots times. An estimator does
(points) x (bases of the observables) x (shots for the precision) times, where the basis of a term
is what is measured on each qubit and terms that agree share one; and all of that once for each
noise factor where zero-noise extrapolation is on. Twirling rounds shots up to whole randomizations,
and mitigation of measurements adds the circuits that it learns from, once for a job. The learning
of layers, for PEC and PEA, is left out. An executor does (points of the item) x shots times for
each item, whatever its client means by them. Source of the form of an estimate: IBM's guide
"Workload usage" (estimate-job-run-time).
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from qrsession.errors import WireFormatError
from qrsession.protocol.options import DEFAULT_PRECISION, DEFAULT_SHOTS
from qrsession.protocol.quantum_programs import EXECUTOR, item_points
from qrsession.protocol.treatment import UNTREATED, Treatment, treatment_of
from qrsession.protocol.typed import read_array_shape

# What the guide puts for setting a job up.
SETUP_S = 2.0
DEFAULT_REP_DELAY_S = 250e-6
# The guide's quick formula has 350 microseconds for an execution, the delay among them.
ASSUMED_CIRCUIT_S = 100e-6
# Beyond, the rest is taken to need as many bases as these do, so that a submission stays quick.
_MOST_TERMS_READ = 1000
_BASIS_OF = {**dict.fromkeys("Z01", "Z"), **dict.fromkeys("X+-", "X"), **dict.fromkeys("Yrl", "Y")}
MOST_EXECUTIONS = 1e15
_FINEST_PRECISION = 1e-7
_DEEPEST = 32
_ESTIMATOR_PARTS = 4
_SAMPLER_PARTS = 3
_US = 1e-6


@dataclass(frozen=True)
class PubCount:
    """How often a pub's circuit is executed.

    Attributes:
        parameter_sets: Points of its sweep; for an estimator, elements of its observables, too.
        settings: Bases of an element times noise factors; 1 for a sampler.
        shots: Shots of each.
    """

    parameter_sets: float
    settings: float
    shots: float

    @property
    def executions(self) -> float:
        """All of them together, within what a float can hold."""
        return min(self.parameter_sets * self.settings * self.shots, MOST_EXECUTIONS)


def count_pubs(program_id: str, params: Mapping[str, Any]) -> list[PubCount]:
    """Count the executions of each pub. Params of a form that no service takes count little.

    Args:
        program_id: ``sampler``, ``estimator``, or ``executor``, whose items count as pubs.
        params: The params of the submission.
    """
    if program_id == EXECUTOR:
        return _of_program(_table(params.get("quantum_program")))
    options = _table(params.get("options"))
    count = _of_estimator if program_id == "estimator" else _of_sampler
    pubs = params.get("pubs")
    treatment = _treatment(program_id, params)
    counts = (
        count(pub if isinstance(pub, list) else [pub], params, options, treatment)
        for pub in (pubs if isinstance(pubs, list | tuple) else ())
    )
    return [replace(one, shots=float(_in_all(treatment, one.shots))) for one in counts]


def count_learning(program_id: str, params: Mapping[str, Any]) -> float:
    """Count the executions from which a job learns the errors of its measurements.

    Args:
        program_id: ``sampler`` or ``estimator``.
        params: The params of the submission.
    """
    treatment = _treatment(program_id, params)
    counts = [] if treatment.learning is None else count_pubs(program_id, params)
    if treatment.learning is None or not counts:
        return 0.0
    each = treatment.learning.shots_per_randomization
    if each is None:
        most = max(pub.shots for pub in counts)
        each = treatment.split(max(math.ceil(most), 1))[1]
    return min(float(treatment.learning.num_randomizations * each), MOST_EXECUTIONS)


def _treatment(program_id: str, params: Mapping[str, Any]) -> Treatment:
    try:
        return treatment_of(program_id, params)
    except (AttributeError, TypeError, ValueError):
        # No service takes such options, so nothing will be done.
        return UNTREATED


def _in_all(treatment: Treatment, shots: float) -> int:
    number, each = treatment.split(max(math.ceil(shots), 1))
    return number * each


def own_rep_delay_s(params: Mapping[str, Any]) -> float | None:
    """Return the delay between two shots that the options ask for, None where they do not."""
    options = _table(params.get("options"))
    # An executor's options are those of the execution alone.
    return _number(_table(options.get("execution", options)).get("rep_delay"))


def default_rep_delay_s(configuration: Mapping[str, Any]) -> float | None:
    """Return a device's default delay between two shots, None where it does not say."""
    default_us = _number(configuration.get("default_rep_delay"))
    return None if default_us is None else default_us * _US


def roughly_s(
    program_id: str, params: Mapping[str, Any], configuration: Mapping[str, Any]
) -> float:
    """Return roughly how long a job holds a device, in seconds: without its circuits' length.

    Args:
        program_id: ``sampler``, ``estimator`` or ``executor``.
        params: The params of the submission.
        configuration: The device's, whose ``default_rep_delay`` is in microseconds.
    """
    executions = sum(pub.executions for pub in count_pubs(program_id, params))
    executions += count_learning(program_id, params)
    delay_s = own_rep_delay_s(params) or default_rep_delay_s(configuration) or DEFAULT_REP_DELAY_S
    return SETUP_S + min(executions, MOST_EXECUTIONS) * delay_s


def _of_program(program: Mapping[str, Any]) -> list[PubCount]:
    shots = _number(program.get("shots")) or 1
    items = program.get("items")
    return [
        PubCount(min(item_points(_table(item)), MOST_EXECUTIONS), 1, shots)
        for item in (items if isinstance(items, list) else ())
    ]


def _of_sampler(
    pub: list[Any], params: Mapping[str, Any], options: Mapping[str, Any], treatment: Treatment
) -> PubCount:
    _, values, shots = _filled(pub, _SAMPLER_PARTS)
    own_shots = treatment.twirling.own_shots
    wanted = (shots, params.get("shots"), own_shots, options.get("default_shots"), DEFAULT_SHOTS)
    chosen = next(n for n in map(_number, wanted) if n is not None)
    return PubCount(_size(_sweep_shape(values)), 1, chosen)


def _of_estimator(
    pub: list[Any], params: Mapping[str, Any], options: Mapping[str, Any], treatment: Treatment
) -> PubCount:
    _, observables, values, precision = _filled(pub, _ESTIMATOR_PARTS)
    observables_shape = _shape(observables)
    elements = _size(_broadcast(_sweep_shape(values), observables_shape))
    bases = _bases(observables) / max(_size(observables_shape), 1)
    settings = bases * _noise_factors(treatment)
    given = _number(precision) or _number(params.get("precision"))
    return PubCount(elements, settings, _shots_for(given, options, treatment))


def _shots_for(given: float | None, options: Mapping[str, Any], treatment: Treatment) -> float:
    own_shots = treatment.twirling.own_shots
    for shots in (_number(own_shots), _number(options.get("default_shots"))):
        if given is None and shots is not None:
            return shots
    given = given or _number(options.get("default_precision")) or DEFAULT_PRECISION
    # Rounded first: 0.015625 asks for 4096 shots, and never for 4097.
    return math.ceil(round(max(given, _FINEST_PRECISION) ** -2, 6))


def _noise_factors(treatment: Treatment) -> int:
    zne = treatment.zne
    return 1 if zne is None else max(len(zne.noise_factors), 1)


def _sweep_shape(values: Any) -> tuple[int, ...]:
    """Return the shape of a sweep: that of the values without the axis of the parameters."""
    if isinstance(values, Mapping) and values.get("__type__") == "BindingsArray":
        shape = _table(values.get("__value__")).get("shape")
        if isinstance(shape, list) and all(type(size) is int and size >= 0 for size in shape):
            return tuple(shape)
        return ()
    if isinstance(values, Mapping) and "__type__" not in values:
        # By parameter's name: a number each, or a list each.
        return max((_shape(value) for value in values.values()), key=math.prod, default=())
    return _shape(values)[:-1]


def _shape(value: Any) -> tuple[int, ...]:
    """Return the shape of a typed array, or of a list of lists by its first elements."""
    if isinstance(value, Mapping) and value.get("__type__") == "ndarray":
        try:
            return read_array_shape(value)
        except WireFormatError:
            return ()
    if isinstance(value, Mapping) and value.get("__type__") == "ObservablesArray":
        value = value.get("__value__")
    shape: list[int] = []
    while isinstance(value, list):
        shape.append(len(value))
        value = value[0] if value else None
    return tuple(shape)


def _broadcast(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    """Broadcast as numpy does, except that shapes which do not fit count as they can."""
    width = max(len(one), len(other))
    pairs = zip((1,) * (width - len(one)) + one, (1,) * (width - len(other)) + other, strict=True)
    return tuple(0 if 0 in pair else max(pair) for pair in pairs)


def _bases(observables: Any) -> float:
    """Return in how many bases observables are measured, all elements together."""
    bases, terms_read, terms = 0, 0, 0
    for labels in _label_sets(observables):
        terms += len(labels)
        if terms_read < _MOST_TERMS_READ:
            terms_read += len(labels[:_MOST_TERMS_READ])
            bases += _num_bases(labels[:_MOST_TERMS_READ])
    return max(bases * terms / max(terms_read, 1), 1)


def _label_sets(observables: Any, depth: int = 0) -> Iterator[list[str]]:
    """Give the labels of each element."""
    if isinstance(observables, str):
        yield [observables]
    elif isinstance(observables, list) and depth < _DEEPEST:
        for entry in observables:
            yield from _label_sets(entry, depth + 1)
    elif isinstance(observables, Mapping):
        if "__type__" in observables and depth < _DEEPEST:
            yield from _label_sets(observables.get("__value__"), depth + 1)
        else:
            yield [str(label) for label in observables]


def _num_bases(labels: list[str]) -> int:
    """Count the bases of one observable, each term put where it fits first."""
    bases: list[dict[int, str]] = []
    for label in labels:
        wanted = {at: _BASIS_OF[char] for at, char in enumerate(label) if char in _BASIS_OF}
        for basis in bases:
            if all(basis.get(at, kind) == kind for at, kind in wanted.items()):
                basis.update(wanted)
                break
        else:
            bases.append(wanted)
    return len(bases)


def _filled(pub: list[Any], number: int) -> list[Any]:
    return [*pub, *[None] * number][:number]


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(min(value, MOST_EXECUTIONS)) if is_number and value > 0 else None


def _size(shape: tuple[int, ...]) -> int:
    """Return how many elements there are, within what a float can hold."""
    return min(math.prod(shape), int(MOST_EXECUTIONS))
