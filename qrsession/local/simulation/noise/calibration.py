"""What was measured of a device, as its properties say: how long things take, and how well they go.

Documents of devices differ in what they hold. What one does not say is absent here too, and what is
absent causes no noise. Source of the fields: API reference, "backend properties".
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from qrsession.duration import DELAY_UNITS_S
from qrsession.errors import WireFormatError
from qrsession.protocol.fields import objects, optional, required, strings

_NS = 1e-9
# All that IBM's documents use for times; a letter of Greek for one of Latin among them.
_SECONDS = {**DELAY_UNITS_S, "µs": 1e-6, "μs": 1e-6}
_BEYOND_BASIS = frozenset({"reset"})

Qubits = tuple[int, ...]
Placed = tuple[str, Qubits]


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was measured of a device of ``n`` qubits.

    Attributes:
        dt_s: The device's unit of time in seconds; None where it has none.
        t1_s: For each qubit its relaxation time T1 in seconds; infinite where it is not known.
        t2_s: The same for T2, at most twice T1, since no physical channel has more.
        readout: For each qubit the probabilities to read a 1 of state 0, and a 0 of state 1.
        readout_length_s: For each qubit how long a measurement takes; 0 where it is not known.
        gate_error: By name and qubits, one minus the average fidelity of a gate. Variants of a
            measurement, such as ``measure_2``, are here too, with the probability of reading
            the wrong bit.
        gate_length_s: By name and qubits, how long an instruction takes; resets are here too.
        alignment_dt: Pulses start at multiples of so many time steps.
    """

    dt_s: float | None
    t1_s: tuple[float, ...]
    t2_s: tuple[float, ...]
    readout: tuple[tuple[float, float], ...]
    readout_length_s: tuple[float, ...]
    gate_error: Mapping[Placed, float]
    gate_length_s: Mapping[Placed, float]
    alignment_dt: int = 1

    @classmethod
    def of(cls, configuration: Mapping[str, Any], properties: Mapping[str, Any]) -> "Calibration":
        """Read the documents of a device.

        Raises:
            WireFormatError: A document is damaged.
        """
        num_qubits = required(configuration, "n_qubits", int)
        listed = optional(properties, "qubits", list) or []
        qubits = [_Values(values) for values in listed[:num_qubits]]
        qubits += [_Values([]) for _ in range(len(qubits), num_qubits)]
        t1_s = tuple(qubit.time("T1", math.inf) for qubit in qubits)
        pairs = zip(qubits, t1_s, strict=True)
        dt_ns = optional(configuration, "dt", float)
        errors, lengths = _gates(configuration, properties)
        return cls(
            dt_s=None if dt_ns is None else dt_ns * _NS,
            t1_s=t1_s,
            t2_s=tuple(min(qubit.time("T2", math.inf), 2 * t1) for qubit, t1 in pairs),
            readout=tuple(qubit.readout() for qubit in qubits),
            readout_length_s=tuple(qubit.time("readout_length", 0.0) for qubit in qubits),
            gate_error=errors,
            gate_length_s=lengths,
            alignment_dt=_alignment_dt(configuration),
        )


def _alignment_dt(configuration: Mapping[str, Any]) -> int:
    constraints = optional(configuration, "timing_constraints", dict) or {}
    return max(optional(constraints, "pulse_alignment", int) or 1, 1)


def _gates(
    configuration: Mapping[str, Any], properties: Mapping[str, Any]
) -> tuple[dict[Placed, float], dict[Placed, float]]:
    """Return errors and lengths of what the device offers; some documents hold more than that."""
    signed = objects(configuration, "instruction_signatures")
    offered = {
        *strings(configuration, "basis_gates"),
        *(required(signature, "name", str) for signature in signed),
        *_BEYOND_BASIS,
    }
    errors: dict[Placed, float] = {}
    lengths: dict[Placed, float] = {}
    for gate in objects(properties, "gates"):
        name = required(gate, "gate", str)
        if name not in offered:
            continue
        place = (name, tuple(required(gate, "qubits", list)))
        values = _Values(gate.get("parameters") or [])
        error, length_s = values.number("gate_error"), values.time("gate_length", 0.0)
        if error is not None and error > 0:
            errors[place] = min(error, 1.0)
        if length_s > 0:
            lengths[place] = length_s
    return errors, lengths


class _Values:
    """The measured values of one qubit or gate, by name."""

    def __init__(self, entries: Iterable[Any]) -> None:
        try:
            self._entries: dict[str, Any] = {entry["name"]: entry for entry in entries}
        except (TypeError, KeyError) as error:
            raise WireFormatError("The properties of a qubit or gate are damaged.") from error

    def number(self, name: str) -> float | None:
        """Return a value as it is; None where there is none, or none that says anything."""
        value = self._entries.get(name, {}).get("value")
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise WireFormatError(f"The value of {name!r} in the properties is not a number.")
        return float(value) if math.isfinite(value) else None

    def time(self, name: str, default_s: float) -> float:
        """Return a time in seconds; the default where there is none above zero."""
        value = self.number(name)
        if value is None or value <= 0:
            return default_s
        unit = self._entries[name].get("unit") or "s"
        if unit not in _SECONDS:
            raise WireFormatError(f"{name!r} in the properties has the unknown unit {unit!r}.")
        return value * _SECONDS[unit]

    def readout(self) -> tuple[float, float]:
        """Return the probabilities to read a 1 of state 0, and a 0 of state 1."""
        one_of_zero, zero_of_one = self.number("prob_meas1_prep0"), self.number("prob_meas0_prep1")
        if one_of_zero is None or zero_of_one is None:
            one_of_zero = zero_of_one = self.number("readout_error") or 0.0
        return _probability(one_of_zero), _probability(zero_of_one)


def _probability(value: float) -> float:
    return min(max(value, 0.0), 1.0)
