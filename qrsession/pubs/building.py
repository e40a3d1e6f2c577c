"""Pubs on the wire, of circuits that are on it already. No Qiskit here."""

from collections.abc import Sequence
from typing import Any

from qrsession.circuits.misfits import without_values
from qrsession.circuits.sources import PreparedCircuit
from qrsession.errors import CircuitError
from qrsession.pubs.values import ParameterValues


def sampler_pub(circuit: PreparedCircuit, values: ParameterValues, shots: int | None) -> list[Any]:
    """Return what is sampled of a circuit.

    Raises:
        CircuitError: It has a parameter without values.
    """
    return [circuit.wire, values_of(circuit, values), shots]


def values_of(circuit: PreparedCircuit, values: ParameterValues) -> dict[str, Any] | None:
    """Return the values of a circuit's parameters on the wire.

    Raises:
        CircuitError: A parameter has none, or an angle is out of the backend's bounds.
    """
    if circuit.parameters is None:
        return {name: values.nested(name) for name in values.columns} or None
    missing = [name for name in circuit.parameters if name not in values.columns]
    if missing:
        raise without_values(missing)
    if isinstance(circuit.wire, str):
        # Text has no order of parameters that both ends would agree about.
        return {name: values.nested(name) for name in circuit.parameters} or None
    array = values.to_array(circuit.parameters)
    if circuit.has_free_angles:
        # Expressions of parameters take Qiskit to work out, and few circuits have one here.
        from qrsession.circuits.isa import check_bound_angles  # noqa: PLC0415 - the room of Qiskit

        check_bound_angles(circuit.wire, array)
    return array.to_wire()


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
                advice=f"Parameters are: {', '.join(sorted(known)) or 'none'}.",
            )
