"""Pubs on the wire, of circuits that are on it already. No Qiskit here."""

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from qrsession.circuits.misfits import without_values
from qrsession.circuits.sources import PreparedCircuit
from qrsession.errors import CircuitError
from qrsession.pubs.values import ParameterValues, nest
from qrsession.pubs.wanted import WantedObservables, observable_on_wire

# What numpy.savez calls an array that was given no name.
_NAMELESS_ARRAY = re.compile(r"arr_\d+")

if TYPE_CHECKING:
    from qrsession.pubs.observables import Observable


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
        CircuitError: A parameter has no values, or an observable has another width.
    """
    sent: list[Any] = [_on_wire(one, circuit, name) for one in observables.items]
    for _ in values_for(circuit, values).shape if observables.has_axis else ():
        sent = [[one] for one in sent]
    wire = sent if observables.has_axis else sent[0]
    return [circuit.wire, wire, values_of(circuit, values), precision]


def _on_wire(observable: "Observable", circuit: PreparedCircuit, name: str) -> dict[str, float]:
    for places in circuit.layouts:
        if len(places) == observable.num_qubits:
            return observable_on_wire(observable, places, circuit.num_wire_qubits)
    widths = " or ".join(str(len(places)) for places in circuit.layouts)
    letters = f"{observable.num_qubits} letter{'s' * (observable.num_qubits != 1)}"
    raise CircuitError(
        f"{observable.text!r} has {letters}, and {name} has {widths} qubit{'s' * (widths != '1')}.",
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
            raise CircuitError(
                f"No circuit has a parameter {name!r}.",
                advice=_advice_on(name, sorted(known)),
            )


def _advice_on(name: str, known: Sequence[str]) -> str:
    if not known:
        return "There are none: leave its value out."
    if _NAMELESS_ARRAY.fullmatch(name):
        return f"Save arrays with their names: numpy.savez(file, {known[0]}=...)."
    return f"Parameters are: {', '.join(known)}."
