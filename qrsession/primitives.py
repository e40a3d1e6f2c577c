"""`Sampler` and `Estimator`: Qiskit's primitives, V2, run by a service.

Source: ``qiskit.primitives.BaseSamplerV2`` and ``BaseEstimatorV2``; "Get started with primitives"
in IBM's guides.
"""

import math
import threading
from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from typing import Any, ClassVar

from qiskit import QuantumCircuit
from qiskit.primitives import BaseEstimatorV2, BaseSamplerV2
from qiskit.primitives.containers.bindings_array import BindingsArray
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.primitives.containers.observables_array import ObservablesArray
from qiskit.primitives.containers.sampler_pub import SamplerPub

from qrsession.backend import Backend
from qrsession.circuits.isa import foreign_term, is_dynamic, register_problem
from qrsession.circuits.misfits import unfit_register
from qrsession.circuits.prepared import Place, Preparation, no_measurement
from qrsession.circuits.reading import measures
from qrsession.circuits.sources import Source, SourceFormat, Transpilation
from qrsession.codec import circuits_to_qpy, decode, encode
from qrsession.errors import CircuitError, InvalidTypeError, InvalidValueError
from qrsession.job import RuntimeJob
from qrsession.options import Options
from qrsession.service import RuntimeService, service_of
from qrsession.session import Session
from qrsession.submission.submit import submit

_PROGRAM_VERSION = 2
_NAME = "the circuit"
_FORMS = {
    SamplerPub: "A pub is (circuit, parameter values, shots); the last two may be left out.",
    EstimatorPub: "A pub is (circuit, observables, parameter values, precision); the last two may "
    "be left out.",
}


class _Primitive:
    """What both primitives share: where their jobs go, and their options.

    Args:
        mode: A `Session`, a `Batch`, or a backend (then each job stands alone).
        options: `Options`, or a dict of its arguments.
        session: An older spelling of ``mode``.
    """

    program_id: ClassVar[str]

    def __init__(
        self,
        mode: "Session | Backend | str | None" = None,
        options: Options | Mapping[str, Any] | None = None,
        *,
        session: Session | None = None,
    ) -> None:
        if mode is not None and session is not None:
            raise InvalidValueError("Give mode or session, not both: they are the same.")
        self._session, self._service, self._backend = _resolve(session or mode)
        self._built = mode if isinstance(mode, Backend) else None
        self.options = Options.of(options)
        self._prepares: Preparation | None = None
        self._transpiled: dict[bytes, tuple[QuantumCircuit, bool]] = {}
        self._lock = threading.Lock()

    @property
    def session(self) -> Session | None:
        """The session that its jobs run in, None in job mode."""
        return self._session

    def backend(self) -> str:
        """Return the name of the backend that its jobs run on."""
        return self._backend

    def _submit(self, pubs: list[Any], extra: Mapping[str, Any]) -> RuntimeJob:
        params = {
            "pubs": encode(pubs),
            "options": encode(self.options.for_primitive(self.program_id)),
            "version": _PROGRAM_VERSION,
            "support_qiskit": True,
            **extra,
        }
        if self._session is not None:
            return self._session.submit(self.program_id, params, self.options)
        request = self.options.to_request(self.program_id, params, backend=self._backend)
        return RuntimeJob.of_submission(self._service, request, submit(self._service, request))

    def _device(self) -> Backend:
        """Return the backend with its target: the session's, the mode's own, or asked for once."""
        if self._session is not None:
            return self._session.device()
        if self._built is None:
            self._built = self._service.backend(self._backend)
        return self._built

    def _fitted(self, circuit: QuantumCircuit, values: BindingsArray) -> QuantumCircuit:
        """Return the circuit that is sent, held against what the backend runs.

        Where the options ask for it, it is transpiled, once for this session. The cache is the one
        that the command line uses too.
        """
        with self._lock:
            if self.options.optimization_level is None:
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
        decoupling = self.options.fields.get("dynamical_decoupling") or {}
        return bool(decoupling.get("enable"))

    def _transpile(self, circuit: QuantumCircuit) -> tuple[QuantumCircuit, bool]:
        """Return a circuit of the backend's, and whether angles in it depend on parameters."""
        source = Source(_NAME, circuits_to_qpy([circuit]), SourceFormat.QPY)
        if source.data not in self._transpiled:
            (prepared,) = self._preparation().prepare(source)
            self._transpiled[source.data] = decode(prepared.wire), prepared.has_free_angles
        return self._transpiled[source.data]

    def _preparation(self) -> Preparation:
        if self._prepares is None:
            if self._session is not None:
                session_id = self._session.session_id
                place = Place.of_session(self._service, session_id, self._backend)
                use_fractional_gates = self._session.use_fractional_gates
            else:
                place = Place.of_documents(self._service, self._device().documents)
                use_fractional_gates = self._device().use_fractional_gates
            transpilation = Transpilation(
                self.options.optimization_level,
                self.options.seed_transpiler,
                use_fractional_gates,
            )
            self._prepares = Preparation(place, transpilation, build=self._device)
        return self._prepares


class Sampler(_Primitive, BaseSamplerV2):
    """Samples the classical registers of circuits. Arguments are those of both primitives.

    Results are Qiskit's ``PrimitiveResult``: ``result[0].data.<register>`` is a ``BitArray`` of
    shape ``pub.shape``, whose bitstrings have classical bit 0 on the right.
    """

    program_id = "sampler"

    def run(self, pubs: Any, *, shots: int | None = None) -> RuntimeJob:
        """Run pubs: circuits, or tuples of circuit, parameter values and shots.

        Args:
            pubs: A list of pubs; one bare circuit will do.
            shots: The shots of pubs that name none; None: ``default_shots``, else 4096.

        Raises:
            CircuitError: A circuit measures nothing, or has parameters without values.
            InvalidValueError: Shots are out of range.
            InvalidTypeError: A pub holds something of the wrong type.
            SessionClosedError: The session takes no more jobs.
        """
        shots = _checked_shots(shots)
        coerced = []
        for pub in _as_list(pubs):
            sampler_pub = _coerced(SamplerPub, pub, shots)
            if not measures(sampler_pub.circuit):
                raise no_measurement(_NAME)
            problem = register_problem(sampler_pub.circuit)
            if problem:
                raise unfit_register(_NAME, problem)
            coerced.append(
                SamplerPub(
                    self._fitted(sampler_pub.circuit, sampler_pub.parameter_values),
                    sampler_pub.parameter_values,
                    shots=_checked_shots(sampler_pub.shots),
                    validate=False,
                )
            )
        return self._submit(coerced, {})


class Estimator(_Primitive, BaseEstimatorV2):
    """Estimates expectation values of observables. Arguments are those of both primitives.

    Results are Qiskit's ``PrimitiveResult``: ``result[0].data.evs`` and ``.stds`` are arrays of
    the pub's shape, broadcast from observables and parameter values.
    """

    program_id = "estimator"

    def run(self, pubs: Any, *, precision: float | None = None) -> RuntimeJob:
        """Run pubs: tuples of circuit, observables, parameter values and precision.

        Args:
            pubs: A list of pubs.
            precision: The standard error aimed at by pubs that name none; None:
                ``default_precision``, else 0.015625.

        Raises:
            CircuitError: A circuit has parameters without values, or observables do not fit it.
            InvalidValueError: A precision is not above 0.
            InvalidTypeError: A pub holds something of the wrong type.
            SessionClosedError: The session takes no more jobs.
        """
        precision = _checked_precision(precision)
        coerced = []
        for pub in _as_list(pubs):
            estimator_pub = _coerced(EstimatorPub, pub, precision)
            self._check_observables(estimator_pub.observables)
            circuit = self._fitted(estimator_pub.circuit, estimator_pub.parameter_values)
            observables = estimator_pub.observables
            # Who brings a circuit that was laid out before has laid its observables out, too.
            if circuit is not estimator_pub.circuit and circuit.layout is not None:
                observables = observables.apply_layout(circuit.layout)
            coerced.append(
                EstimatorPub(
                    circuit,
                    observables,
                    estimator_pub.parameter_values,
                    precision=_checked_precision(estimator_pub.precision),
                    validate=False,
                )
            )
        level = self.options.resilience_level
        return self._submit(coerced, {} if level is None else {"resilience_level": level})

    def _check_observables(self, observables: ObservablesArray) -> None:
        if observables.size == 0:
            raise CircuitError("A pub has no observables.", advice="Give one at least.")
        term = foreign_term(observables)
        # A simulator measures projectors as well.
        if term is not None and self._device().instruction_set.is_device:
            raise CircuitError(
                f"The observable {term!r} has letters other than I, X, Y and Z.",
                advice="Write projectors as sums of Paulis, such as 0.5*I + 0.5*Z.",
            )


def _resolve(mode: Any) -> tuple[Session | None, RuntimeService, str]:
    """Return the session, the service and the backend's name that a mode stands for."""
    if isinstance(mode, Session):
        return mode, mode.service, mode.backend()
    if isinstance(mode, Backend):
        return None, service_of(mode) or RuntimeService(), mode.name
    if isinstance(mode, str):
        return None, RuntimeService(), mode
    raise InvalidTypeError(
        f"A primitive needs a session, a batch or a backend, not {type(mode).__name__}.",
        advice="Open one: Session(backend=...), and give it as mode=session.",
    )


def _as_list(pubs: Any) -> list[Any]:
    """Return the pubs as a list.

    Raises:
        InvalidTypeError: They are no collection.
        InvalidValueError: There is none: a job that measures nothing is paid for all the same.
    """
    # Programs from before the pubs hand over a bare circuit.
    if isinstance(pubs, QuantumCircuit):
        return [pubs]
    if isinstance(pubs, str) or not isinstance(pubs, Iterable):
        raise InvalidTypeError(f"Pubs must be a list of pubs, not {type(pubs).__name__}.")
    found = list(pubs)
    if not found:
        raise InvalidValueError("There is no pub to run.", advice="Give one at least.")
    return found


def _coerced(kind: Any, pub: Any, default: float | None) -> Any:
    """Make a pub of what stands for one, with errors of ours in place of Qiskit's."""
    # Else Qiskit trips over what it takes for a circuit, with an AttributeError.
    circuit = pub[0] if isinstance(pub, tuple | list) and pub else getattr(pub, "circuit", pub)
    if not isinstance(circuit, QuantumCircuit):
        raise InvalidTypeError(
            f"A pub's circuit must be QuantumCircuit, not {type(circuit).__name__}."
        )
    try:
        return kind.coerce(pub, default)
    except (TypeError, ValueError) as error:
        # Whoever catches what Qiskit's own primitives raise catches it here.
        ours = InvalidTypeError if isinstance(error, TypeError) else CircuitError
        raise ours(
            f"A pub cannot be read: {str(error).rstrip('.')}.", advice=_FORMS[kind]
        ) from error


def _checked_shots(shots: Any) -> int | None:
    """Return shots as a plain number, which JSON knows; None where there are none."""
    if shots is None:
        return None
    if isinstance(shots, bool) or not isinstance(shots, Integral):
        raise InvalidTypeError(f"shots must be a whole number, not {shots!r}.")
    found = int(shots)
    if found < 1:
        raise InvalidValueError(f"shots is {found}; it must be at least 1.")
    return found


def _checked_precision(precision: Any) -> float | None:
    """Return a precision as a number that JSON knows, None where there is none."""
    if precision is None:
        return None
    is_number = isinstance(precision, Real) and not isinstance(precision, bool)
    if not is_number:
        raise InvalidTypeError(f"precision must be a number, not {precision!r}.")
    found = float(precision)
    if not 0 < found < math.inf:
        raise InvalidValueError(
            f"precision is {found}; it must be above 0, and finite.",
            advice="It is the standard error that is wanted; an exact value takes endless shots.",
        )
    return precision if isinstance(precision, int | float) else found
