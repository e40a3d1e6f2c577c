"""`Sampler` and `Estimator`: Qiskit's primitives, V2, run by a service.

Source: ``qiskit.primitives.BaseSamplerV2`` and ``BaseEstimatorV2``; "Get started with primitives"
in IBM's guides.
"""

import threading
from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar

from qiskit import QuantumCircuit
from qiskit.primitives import BaseEstimatorV2, BaseSamplerV2
from qiskit.primitives.containers.bindings_array import BindingsArray
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.primitives.containers.observables_array import ObservablesArray
from qiskit.primitives.containers.sampler_pub import SamplerPub
from qiskit.providers import BackendV2

from qrsession.backend import Backend
from qrsession.circuits.delays import in_steps
from qrsession.circuits.isa import foreign_term, is_dynamic, register_problem
from qrsession.circuits.misfits import no_pauli, unfit_register
from qrsession.circuits.prepared import Place, Preparation, no_measurement
from qrsession.circuits.reading import measures
from qrsession.circuits.sources import Source, SourceFormat, Transpilation
from qrsession.codec import circuits_to_qpy, decode, encode
from qrsession.errors import CircuitError, InvalidTypeError, InvalidValueError
from qrsession.job import RuntimeJob
from qrsession.job_details import register
from qrsession.options import PROGRAM_VERSION, Options
from qrsession.protocol.models import BackendSummary
from qrsession.pub_forms import (
    FORM_OF,
    apart,
    check_precision,
    check_shots,
    coerced,
    listed_pubs,
)
from qrsession.service import RuntimeService, service_of
from qrsession.session import Session, current_session
from qrsession.state.ledger import log_warning
from qrsession.submission.submit import submit

register(RuntimeJob)
_NAME = "the circuit"


class _Primitive:
    """What both primitives share: where their jobs go, and their options.

    Args:
        mode: A `Session`, a `Batch`, or a backend (then each job stands alone).
            None: the session whose ``with`` block this is in.
        options: `Options`, or a dict of its arguments; the primitive has a copy.
        session: An older spelling of ``mode``.
        backend: Another.

    Raises:
        InvalidTypeError: The mode is something else, such as a backend of another package.
    """

    program_id: ClassVar[str]
    version: ClassVar[int] = PROGRAM_VERSION

    def __init__(
        self,
        mode: "Session | Backend | str | None" = None,
        options: Options | Mapping[str, Any] | None = None,
        *,
        session: Session | None = None,
        backend: "Backend | str | None" = None,
    ) -> None:
        given = [one for one in (mode, session, backend) if one is not None]
        if len(given) > 1:
            raise InvalidValueError(
                "Give one of mode, session and backend: they are the same.",
                advice="Write mode=session, or mode=backend.",
            )
        where = given[0] if given else current_session()
        self._session, self._service, self._backend = _resolve(where)
        self._built = where if isinstance(where, Backend) else None
        _warn_outside(self._session, self._backend)
        self._options = Options.of(options).copy()
        self._preparations: dict[Transpilation, Preparation] = {}
        self._transpiled: dict[tuple[Transpilation, bytes], tuple[QuantumCircuit, bool]] = {}
        # Fitting asks for the backend.
        self._lock = threading.RLock()

    def __repr__(self) -> str:
        where = self._session or self._backend
        return f"<{type(self).__name__}(mode={where!r}, options={self._options!r})>"

    def __reduce__(self) -> tuple[Any, ...]:
        """Be copied and pickled as its mode and its options, of which the copy has its own."""
        if self._session is None and self._built is None:
            # A name alone would lead to whatever account is the default one over there.
            self._device()
        return type(self), (self._session or self._built, self._options)

    @property
    def options(self) -> Options:
        """Its options, its own: set them as attributes, or assign others, which are copied."""
        return self._options

    @options.setter
    def options(self, options: Options | Mapping[str, Any] | None) -> None:
        self._options = Options.of(options).copy()

    @property
    def session(self) -> Session | None:
        """The session that its jobs run in, None in job mode."""
        return self._session

    @property
    def mode(self) -> Session | None:
        """The session or the batch that its jobs run in, None in job mode."""
        return self._session

    def backend(self) -> Backend:
        """Return the backend that its jobs run on, asked for once."""
        return self._device()

    def _check_open(self) -> None:
        if self._session is not None:
            self._session.check_open()

    def _submit(self, pubs: list[Any]) -> RuntimeJob:
        params = encode(self._options.to_params(self.program_id, pubs))
        if self._session is not None:
            return self._session.submit(self.program_id, params, self._options)
        request = self._options.to_request(self.program_id, params, backend=self._backend)
        return RuntimeJob.of_submission(self._service, request, submit(self._service, request))

    def _device(self) -> Backend:
        """Return the backend with its target: the session's, the mode's own, or asked for once."""
        if self._session is not None:
            return self._session.device()
        with self._lock:
            if self._built is None:
                self._built = self._service.backend(self._backend)
            return self._built

    def _timed(self, circuit: QuantumCircuit) -> QuantumCircuit:
        """Return a circuit whose delays keep their length on the wire."""
        return in_steps(circuit, self._device)

    def _fitted(self, circuit: QuantumCircuit, values: BindingsArray) -> QuantumCircuit:
        """Return the circuit that is sent, held against what the backend runs.

        Where the options ask for it, it is transpiled, once for this session. The cache is the one
        that the command line uses too.
        """
        with self._lock:
            if self._options.optimization_level is None:
                fitted = circuit
                has_free_angles = self._device().instruction_set.check(circuit, _NAME)
            else:
                fitted, has_free_angles = self._transpile(circuit)
            if has_free_angles:
                self._device().instruction_set.check_angles(fitted, values, _NAME)
        if self._decouples and is_dynamic(fitted):
            raise CircuitError(
                f"{_NAME} branches or loops, and dynamical decoupling is on.",
                advice="Leave the option dynamical_decoupling.enable out.",
            )
        return fitted

    @property
    def _decouples(self) -> bool:
        return bool(self._options.dynamical_decoupling.enable)

    def _transpile(self, circuit: QuantumCircuit) -> tuple[QuantumCircuit, bool]:
        """Return a circuit of the backend's, and whether angles in it depend on parameters."""
        source = Source(_NAME, circuits_to_qpy([circuit]), SourceFormat.QPY, is_ours=True)
        key = self._transpilation(), source.data
        if key not in self._transpiled:
            (prepared,) = self._preparation().prepare(source)
            self._transpiled[key] = decode(prepared.wire), prepared.has_free_angles
        return self._transpiled[key]

    def _transpilation(self) -> Transpilation:
        """Return how the options, as they are now, want circuits to be made fit."""
        where = self._session or self._device()
        return Transpilation(
            self._options.optimization_level,
            self._options.seed_transpiler,
            where.use_fractional_gates,
        )

    def _preparation(self) -> Preparation:
        transpilation = self._transpilation()
        if transpilation not in self._preparations:
            if self._session is not None:
                session_id = self._session.session_id
                place = Place.of_session(self._service, session_id, self._backend)
            else:
                place = Place.of_documents(self._service, self._device().documents)
            self._preparations[transpilation] = Preparation(
                place, transpilation, build=self._device
            )
        return self._preparations[transpilation]


class Sampler(_Primitive, BaseSamplerV2):
    """Samples the classical registers of circuits. Arguments are those of both primitives.

    Results are Qiskit's ``PrimitiveResult``: ``result[0].data.<register>`` is a ``BitArray`` of
    shape ``pub.shape``, whose bitstrings have classical bit 0 on the right.
    """

    program_id = "sampler"

    def run(
        self,
        pubs: Any = None,
        parameter_values: Any = None,
        *,
        shots: int | None = None,
        circuits: Any = None,
    ) -> RuntimeJob:
        """Run pubs: circuits, or tuples of circuit, parameter values and shots.

        Args:
            pubs: A list of pubs; one pub, or one bare circuit, will do.
            parameter_values: As programs from before the pubs have them: values for each circuit
                of a list, or for the one circuit.
            shots: The shots of pubs that name none; None: ``default_shots``, else 4096.
            circuits: An older spelling of ``pubs``.

        Raises:
            CircuitError: A circuit measures nothing, or has parameters without values.
            InvalidValueError: Shots are out of range.
            InvalidTypeError: A pub holds something of the wrong type.
            SessionClosedError: The session takes no more jobs.
        """
        self._check_open()
        shots = check_shots(shots)
        given = _one_of(pubs, circuits)
        if parameter_values is not None:
            given = apart(given, parameter_values)
        sent = []
        for pub in listed_pubs(given, FORM_OF[SamplerPub]):
            sampler_pub = coerced(SamplerPub, pub, shots)
            if not measures(sampler_pub.circuit):
                raise no_measurement(_NAME)
            problem = register_problem(sampler_pub.circuit)
            if problem:
                raise unfit_register(_NAME, problem)
            sent.append(
                SamplerPub(
                    self._fitted(self._timed(sampler_pub.circuit), sampler_pub.parameter_values),
                    sampler_pub.parameter_values,
                    shots=check_shots(sampler_pub.shots),
                    validate=False,
                )
            )
        return self._submit(sent)


class Estimator(_Primitive, BaseEstimatorV2):
    """Estimates expectation values of observables. Arguments are those of both primitives.

    Results are Qiskit's ``PrimitiveResult``: ``result[0].data.evs`` and ``.stds`` are arrays of
    the pub's shape, broadcast from observables and parameter values.
    """

    program_id = "estimator"

    def run(
        self,
        pubs: Any = None,
        observables: Any = None,
        parameter_values: Any = None,
        *,
        precision: float | None = None,
        circuits: Any = None,
    ) -> RuntimeJob:
        """Run pubs: tuples of circuit, observables, parameter values and precision.

        Args:
            pubs: A list of pubs; one pub will do.
            observables: As programs from before the pubs have them: one for each circuit of a
                list, or those of the one circuit.
            parameter_values: Likewise.
            precision: The standard error aimed at by pubs that name none; None:
                ``default_precision``, else 0.015625.
            circuits: An older spelling of ``pubs``.

        Raises:
            CircuitError: A circuit has parameters without values, or observables do not fit it.
            InvalidValueError: A precision is not above 0.
            InvalidTypeError: A pub holds something of the wrong type.
            SessionClosedError: The session takes no more jobs.
        """
        self._check_open()
        precision = check_precision(precision)
        given = _one_of(pubs, circuits)
        if observables is not None or parameter_values is not None:
            given = apart(given, observables, parameter_values)
        sent = []
        for pub in listed_pubs(given, FORM_OF[EstimatorPub]):
            estimator_pub = coerced(EstimatorPub, pub, precision)
            self._check_observables(estimator_pub.observables)
            timed = self._timed(estimator_pub.circuit)
            circuit = self._fitted(timed, estimator_pub.parameter_values)
            observables = estimator_pub.observables
            # Who brings a circuit that was laid out before has laid its observables out, too.
            if circuit is not timed and circuit.layout is not None:
                observables = observables.apply_layout(circuit.layout)
            sent.append(
                EstimatorPub(
                    circuit,
                    observables,
                    estimator_pub.parameter_values,
                    precision=check_precision(estimator_pub.precision),
                    validate=False,
                )
            )
        return self._submit(sent)

    def _check_observables(self, observables: ObservablesArray) -> None:
        if observables.size == 0:
            raise CircuitError("A pub has no observables.", advice="Give one at least.")
        term = foreign_term(observables)
        # A simulator measures projectors as well.
        if term is not None and self._device().instruction_set.is_device:
            raise no_pauli(term)


def _one_of(pubs: Any, circuits: Any) -> Any:
    if pubs is not None and circuits is not None:
        raise InvalidValueError("Give pubs or circuits, not both: they are the same.")
    return circuits if pubs is None else pubs


def _warn_outside(session: Session | None, backend: str) -> None:
    """Say where a job would stand alone, and wait for its turn, against all appearance."""
    current = current_session()
    if session is None and current is not None and current.backend() == backend:
        _tell_of_outside(current.session_id, backend)


@cache
def _tell_of_outside(session_id: str, backend: str) -> None:
    # Cached, and so said once: older code makes a primitive for each of its jobs.
    log_warning(
        f"Jobs of a primitive that is given the backend {backend} stand alone, outside of the "
        f"session {session_id} that this is in: give the session in its place."
    )


def _resolve(mode: Any) -> tuple[Session | None, RuntimeService, str]:
    """Return the session, the service and the backend's name that a mode stands for."""
    if isinstance(mode, Session):
        return mode, mode.service, mode.backend()
    if isinstance(mode, Backend):
        return None, service_of(mode) or RuntimeService(), mode.name
    if isinstance(mode, str):
        return None, RuntimeService(), mode
    kind = "None" if mode is None else type(mode).__name__
    advice = "Open one: Session(backend=...), and give it as mode=session."
    if isinstance(mode, BackendSummary):
        advice = f"Ask for the backend itself: service.backend({mode.name!r})."
    if isinstance(mode, BackendV2):
        name = str(mode.name)
        advice = f"{kind} is of another package. Name the service's: mode={name!r}."
    elif hasattr(mode, "session_id"):
        advice = f"{kind} is of another package. Take it up: Session.from_id(session_id, service)."
    raise InvalidTypeError(
        f"A primitive needs a session, a batch or a backend, not {kind}.", advice=advice
    )


# As older programs import them.
SamplerV2 = Sampler
EstimatorV2 = Estimator
