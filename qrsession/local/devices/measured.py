"""What was measured of a device, held against what can be: before a twin of it is offered.

A snapshot that a user wrote or changed may say what no device has. Simulated as it stands it would
give wrong counts without a word, so it is refused with the place of the value. Source of the
fields: API reference, "backend properties".
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from qrsession.errors import WireFormatError
from qrsession.protocol.fields import as_object, objects, optional, required

_TIMES = frozenset({"T1", "T2"})
_LENGTHS = frozenset({"readout_length", "gate_length"})
_PROBABILITIES = frozenset({"readout_error", "prob_meas0_prep1", "prob_meas1_prep0", "gate_error"})
_LARGEST_DT_NS = 1e9
_LONGEST_SHOWN = 40


def check_measured(configuration: Mapping[str, Any], properties: Mapping[str, Any]) -> None:
    """Hold the documents of a device against what can be.

    Values that are null or absent were not measured, and cause no noise.

    Raises:
        WireFormatError: They are damaged, tell of other qubits than the device has, or hold a
            value that nothing physical has; the message says where.
    """
    dt_ns = optional(configuration, "dt", float)
    if dt_ns is not None and not 0 < dt_ns < _LARGEST_DT_NS:
        raise WireFormatError(f"The device counts time in {dt_ns:g} ns, which cannot be.")
    num_qubits = required(configuration, "n_qubits", int)
    qubits = optional(properties, "qubits", list) or []
    if qubits and len(qubits) != num_qubits:
        raise WireFormatError(
            f"The properties tell of {len(qubits)} qubits, and the device has {num_qubits}."
        )
    for number, values in enumerate(qubits):
        where = f"qubit {number}"
        if not isinstance(values, list):
            raise WireFormatError(f"The properties of {where} are not a list.")
        _check_values((as_object(value, f"A value of {where}") for value in values), where)
    for gate in objects(properties, "gates"):
        name, places = required(gate, "gate", str), required(gate, "qubits", list)
        where = f"{name[:_LONGEST_SHOWN]!r} on {str(places)[:_LONGEST_SHOWN]}"
        if not all(type(qubit) is int and 0 <= qubit < num_qubits for qubit in places):
            raise WireFormatError(f"The properties tell of {where}, which the device lacks.")
        if len(set(places)) < len(places):
            raise WireFormatError(f"The properties tell of {where}, which is no gate.")
        _check_values(objects(gate, "parameters"), where)


def _check_values(values: Iterable[Mapping[str, Any]], where: str) -> None:
    for entry in values:
        name = required(entry, "name", str)
        value = entry.get("value")
        if value is None or name not in _TIMES | _LENGTHS | _PROBABILITIES:
            continue
        optional(entry, "unit", str)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise WireFormatError(f"The {name} of {where} is not a number.")
        if not _can_be(name, value):
            raise WireFormatError(
                f"The {name} of {where} is {str(value)[:_LONGEST_SHOWN]}, which cannot be."
            )


def _can_be(name: str, value: float) -> bool:
    if abs(value) > 1e30 or not math.isfinite(value):  # noqa: PLR2004 - in any unit too long
        return False
    if name in _TIMES:
        return value > 0
    return value >= 0 and (name in _LENGTHS or value <= 1)
