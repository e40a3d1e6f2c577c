"""Pubs on the wire, of circuits that are on it already. No Qiskit here."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from qrsession.circuits.misfits import no_parameter, without_values
from qrsession.circuits.sources import PreparedCircuit
from qrsession.errors import CircuitError
from qrsession.pubs.values import ParameterValues, nest
from qrsession.pubs.wanted import WantedObservables, observable_on_wire

if TYPE_CHECKING:
    from qrsession.pubs.observables import Observable

# Coefficients up to here count as none, and an observable without any is an error of the job.
# Source: "SparseObservable.simplify" and "ObservablesArray" in Qiskit's API reference.
_ZERO = 1e-8


def sampler_pub(circuit: PreparedCircuit, values: ParameterValues, shots: int | None) -> list[Any]:
    """Return what is sampled of a circuit.

    Raises:
        CircuitError: It has a parameter without values.
    """
    return [circuit.wire, values_of(circuit, values), shots]


def estimator_pub(
    circuit: PreparedCircuit,
    name: str,
    observables: WantedObservables,
    values: ParameterValues,
    precision: float | None,
) -> list[Any]:
    """Return what is estimated of a circuit.

    The first axis of several observables runs over them, and those of the sweep follow: on the wire
    they have the shape ``(M, 1, …, 1)``, and so broadcast against the values.

    Args:
        circuit: The circuit.
        name: What the user calls it.
        observables: What is estimated, a letter for each qubit of the circuit as it was written.
        values: Values of parameters, for all circuits.
        precision: The standard error that is aimed at, None for the service's default.

    Raises:
        CircuitError: A parameter has no values, or an observable has another width or is zero.
    """
    sent: list[Any] = [_on_wire(one, circuit, name) for one in observables.items]
    for _ in values_for(circuit, values).shape if observables.has_axis else ():
        sent = [[one] for one in sent]
    wire = sent if observables.has_axis else sent[0]
    return [circuit.wire, wire, values_of(circuit, values), precision]


def check_observables(
    circuits: Iterable[PreparedCircuit], names: Iterable[str], observables: WantedObservables
) -> None:
    """Hold observables against circuits, before there are values.

    Raises:
        CircuitError: One has another width, or is zero.
    """
    for circuit, name in zip(circuits, names, strict=True):
        for observable in observables.items:
            _on_wire(observable, circuit, name)


def _on_wire(observable: "Observable", circuit: PreparedCircuit, name: str) -> dict[str, float]:
    places = _places_of(observable, circuit, name)
    found = observable_on_wire(observable, places, circuit.num_wire_qubits)
    if all(abs(coefficient) <= _ZERO for coefficient in found.values()):
        raise CircuitError(
            f"{observable.short_text!r} is zero, and services estimate nothing of it.",
            advice=f"Give a term a coefficient of more than {_ZERO:g}, or leave it out.",
            details={"path": name, "observable": observable.text},
        )
    return found


def _places_of(observable: "Observable", circuit: PreparedCircuit, name: str) -> tuple[int, ...]:
    for places in circuit.layouts:
        if len(places) == observable.num_qubits:
            return places
    widths = [len(places) for places in circuit.layouts]
    qubits = f"{' or '.join(map(str, widths))} qubit{'s' * (widths[-1:] != [1])}"
    letters = f"{observable.num_qubits} letter{'s' * (observable.num_qubits != 1)}"
    raise CircuitError(
        f"{observable.short_text!r} has {letters}, and {name} has {qubits}.",
        advice="Give each qubit a letter, qubit 0 on the right; I for those left out.",
        details={"path": name, "observable": observable.text},
    )


def values_for(circuit: PreparedCircuit, values: ParameterValues) -> ParameterValues:
    """Return those values that are of a circuit's own parameters; all, where nobody parsed it."""
    return values if circuit.parameters is None else values.of(circuit.source_parameters)


def values_of(circuit: PreparedCircuit, values: ParameterValues) -> dict[str, Any] | None:
    """Return the values of a circuit's parameters on the wire.

    Raises:
        CircuitError: A parameter has none, or an angle is out of the backend's bounds.
    """
    values = values_for(circuit, values)
    if circuit.parameters is None:
        return _by_name(values, values.columns)
    missing = [name for name in circuit.parameters if name not in values.columns]
    if missing:
        raise without_values(missing)
    if isinstance(circuit.wire, str):
        # Text has no order of parameters that both ends would agree about.
        return _by_name(values, circuit.parameters)
    array = values.to_array(circuit.parameters)
    if circuit.has_free_angles:
        # Expressions of parameters take Qiskit to work out, and few circuits have one here.
        from qrsession.circuits.isa import check_bound_angles  # noqa: PLC0415 - the room of Qiskit

        check_bound_angles(circuit.wire, array)
    return array.to_wire()


def _by_name(values: ParameterValues, names: Iterable[str]) -> dict[str, Any] | None:
    # Of numbers of one parameter, services take a last axis of length 1 for that of parameters.
    shape = (*values.shape, 1) if values.shape[-1:] == (1,) else values.shape
    return {name: nest(values.columns[name], shape) for name in names} or None


def check_names(circuits: Sequence[PreparedCircuit], values: ParameterValues) -> None:
    """Hold the names of parameters that have values against those of the circuits.

    Raises:
        CircuitError: No circuit has a parameter of one.
    """
    # Of circuits that nobody parsed the service knows the parameters.
    if any(circuit.parameters is None for circuit in circuits):
        return
    known = {name for circuit in circuits for name in circuit.source_parameters}
    for name in values.columns:
        if name not in known:
            raise no_parameter(name, known)
