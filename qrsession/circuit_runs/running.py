"""What ``Backend.run`` does: it checks its arguments and has the sampler run the circuits.

Source: ``qiskit.providers.BackendV2.run`` in Qiskit's API reference.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import count
from numbers import Integral
from typing import TYPE_CHECKING, Any

from qiskit import QuantumCircuit
from qiskit.circuit import ClassicalRegister

from qrsession.circuit_runs.jobs import CircuitJob
from qrsession.errors import InvalidTypeError, InvalidValueError
from qrsession.options import Options
from qrsession.primitives import Sampler
from qrsession.session import Session

if TYPE_CHECKING:
    from qrsession.backend import Backend

_CLASSIFIED = 2  # as MeasLevel of Qiskit


@dataclass(frozen=True)
class RunArguments:
    """How circuits are to be run: the options of ``Backend.run``, checked.

    Raises:
        InvalidTypeError: One is of the wrong type.
        InvalidValueError: One is out of its range.
    """

    shots: int
    memory: bool
    seed_simulator: int | None
    meas_level: int
    session: Session | None
    sampler_options: Mapping[str, Any] | None

    def __post_init__(self) -> None:
        _check_whole("shots", self.shots, 1)
        if self.seed_simulator is not None:
            _check_whole("seed_simulator", self.seed_simulator, 0)
        if not isinstance(self.memory, bool):
            raise InvalidTypeError(f"memory must be True or False, not {self.memory!r}.")
        if self.meas_level != _CLASSIFIED:
            raise InvalidValueError(
                f"meas_level is {self.meas_level!r}; it must be {_CLASSIFIED}.",
                advice="What is measured are bits.",
            )
        if not isinstance(self.session, Session | None):
            raise InvalidTypeError(
                f"session must be a Session or a Batch, not {type(self.session).__name__}."
            )
        if not isinstance(self.sampler_options, Mapping | None):
            raise InvalidTypeError(
                f"sampler_options must be a dict, not {type(self.sampler_options).__name__}."
            )

    def options(self) -> Options:
        """Return the options of the sampler, the seed among them."""
        given = dict(self.sampler_options or {})
        if self.seed_simulator is not None:
            seed = {"seed_simulator": int(self.seed_simulator)}
            given["simulator"] = {**(given.get("simulator") or {}), **seed}
        return Options.of(given)


def run_circuits(backend: "Backend", run_input: Any, given: Mapping[str, Any]) -> CircuitJob:
    """Run circuits on a backend: one job of the sampler, however many there are.

    Raises:
        InvalidTypeError: What is to be run is no circuit, or an argument is unknown or of the
            wrong type.
        InvalidValueError: An argument is out of its range, or the session is on another backend.
        CircuitError: A circuit measures nothing, or is not made of the backend's instructions.
    """
    set_before = dict(backend.options)
    unknown = sorted(set(given) - set(set_before))
    if unknown:
        raise InvalidTypeError(
            f"run has no option {unknown[0]!r}; it has {', '.join(set_before)}.",
            advice="Give what the Sampler is to do as sampler_options={...}.",
        )
    arguments = RunArguments(**{**set_before, **given})
    session = arguments.session
    if session is not None and session.backend() != backend.name:
        raise InvalidValueError(
            f"The session is on {session.backend()}, and the circuits are for {backend.name}.",
            advice="Give a session on the same backend.",
        )
    circuits = _as_circuits(run_input)
    sampler = Sampler(mode=session or backend, options=arguments.options())
    job = sampler.run([_to_sample(circuit) for circuit in circuits], shots=int(arguments.shots))
    return CircuitJob(backend, job, circuits, has_memory=arguments.memory)


def _as_circuits(run_input: Any) -> list[QuantumCircuit]:
    if isinstance(run_input, QuantumCircuit):
        return [run_input]
    if not isinstance(run_input, Iterable):
        raise InvalidTypeError(f"run takes circuits, not {type(run_input).__name__}.")
    circuits = list(run_input)
    for circuit in circuits:
        if not isinstance(circuit, QuantumCircuit):
            raise InvalidTypeError(f"run takes circuits, not {type(circuit).__name__}.")
    return circuits


def _to_sample(circuit: QuantumCircuit) -> QuantumCircuit:
    """Return a circuit whose bits are all in registers, since results come by register.

    Its metadata stays here: it may hold anything, and goes back to whoever gave it.
    """
    sampled = circuit.copy()
    sampled.metadata = {}
    loose = [bit for bit in sampled.clbits if not sampled.find_bit(bit).registers]
    if loose:
        taken = {register.name for register in sampled.cregs}
        name = next(name for number in count() if (name := f"loose_{number}") not in taken)
        sampled.add_register(ClassicalRegister(bits=loose, name=name))
    return sampled


def _check_whole(name: str, value: Any, low: int) -> None:
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise InvalidTypeError(f"{name} must be a whole number, not {value!r}.")
    if int(value) < low:
        raise InvalidValueError(f"{name} is {value}; it must be at least {low}.")
