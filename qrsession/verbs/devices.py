"""What a person wants to know of one backend, from its two documents. Needs no Qiskit.

Source of the fields: "backends" in IBM's API reference, and section "units" of its properties:
values carry a unit with an SI prefix.
"""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from statistics import median
from typing import Any

from qrsession.errors import InvalidValueError, WireFormatError
from qrsession.protocol.fields import moment
from qrsession.protocol.models import BackendSummary

# Both letters for micro are sent.
_PREFIXES = {"": 1.0, "m": 1e-3, "u": 1e-6, "µ": 1e-6, "μ": 1e-6, "n": 1e-9, "p": 1e-12}
_PAIR = 2


@dataclass(frozen=True)
class DeviceOverview:
    """A backend in detail. Times in seconds, errors as probabilities; None: it does not say.

    Attributes:
        version: The version of the backend.
        basis_gates: The gates that its circuits are made of.
        instructions: What circuits may hold beside gates: measurements, delays, control flow.
        coupled_pairs: How many pairs of qubits have a two-qubit gate; None: any with any.
        t1_median_s: Relaxation time, the median of its qubits.
        t2_median_s: Dephasing time, the median of its qubits.
        readout_error_median: Of reading a qubit out, the median.
        readout_length_median_s: How long that takes.
        two_q_error_median: Of its two-qubit gates, the median of those that work.
        faulty_qubits: The qubits that do not work.
        dt_s: The length of a sample, which delays are counted in.
        max_shots: The most shots that a job may have.
        calibrated_at: When its properties were measured last, UTC.
    """

    version: str
    basis_gates: tuple[str, ...] = ()
    instructions: tuple[str, ...] = ()
    coupled_pairs: int | None = None
    t1_median_s: float | None = None
    t2_median_s: float | None = None
    readout_error_median: float | None = None
    readout_length_median_s: float | None = None
    two_q_error_median: float | None = None
    faulty_qubits: tuple[int, ...] = ()
    dt_s: float | None = None
    max_shots: int | None = None
    calibrated_at: datetime | None = None

    @classmethod
    def of(
        cls, configuration: Mapping[str, Any], properties: Mapping[str, Any]
    ) -> "DeviceOverview":
        """Read a backend's two documents; what is missing or strange is left out."""
        basis = _words(configuration.get("basis_gates"))
        qubits = [_values(qubit) for qubit in _objects_of(properties.get("qubits"))]
        max_shots = configuration.get("max_shots")
        return cls(
            version=str(configuration.get("backend_version") or ""),
            basis_gates=basis,
            instructions=tuple(
                word
                for word in _words(configuration.get("supported_instructions"))
                if word not in basis
            ),
            coupled_pairs=_pairs_of(configuration.get("coupling_map")),
            t1_median_s=_median_of(qubits, "T1"),
            t2_median_s=_median_of(qubits, "T2"),
            readout_error_median=_median_of(qubits, "readout_error"),
            readout_length_median_s=_median_of(qubits, "readout_length"),
            two_q_error_median=_two_q_error(properties.get("gates")),
            faulty_qubits=tuple(
                index for index, values in enumerate(qubits) if values.get("operational") == 0
            ),
            dt_s=_nanoseconds(configuration.get("dt")),
            max_shots=max_shots if isinstance(max_shots, int) else None,
            calibrated_at=_when(properties),
        )

    @classmethod
    def from_json(cls, configuration: str, properties: str) -> "DeviceOverview":
        """Read the two documents as JSON text."""
        both = json.loads(configuration), json.loads(properties)
        return cls.of(*(document if isinstance(document, dict) else {} for document in both))

    def document(self) -> dict[str, Any]:
        """Return the fields by name."""
        return asdict(self)


def wide_enough(
    backends: Iterable[BackendSummary], min_num_qubits: int
) -> tuple[BackendSummary, ...]:
    """Return the backends with so many qubits.

    Raises:
        InvalidValueError: The number is less than one.
    """
    if min_num_qubits < 1:
        raise InvalidValueError(f"A backend has at least one qubit, not {min_num_qubits}.")
    return tuple(one for one in backends if (one.num_qubits or 0) >= min_num_qubits)


def _two_q_error(gates: Any) -> float | None:
    errors = []
    for gate in gates if isinstance(gates, list) else []:
        qubits = gate.get("qubits") if isinstance(gate, dict) else None
        if not isinstance(qubits, list) or len(qubits) != _PAIR:
            continue
        error = _values(gate.get("parameters")).get("gate_error")
        # An error of 1 marks a gate that does not work, and says nothing of the others.
        if error is not None and error < 1:
            errors.append(error)
    return median(errors) if errors else None


def _median_of(qubits: Iterable[Mapping[str, float]], name: str) -> float | None:
    values = [qubit[name] for qubit in qubits if name in qubit]
    return median(values) if values else None


def _values(parameters: Any) -> dict[str, float]:
    """Return measured values by name, in units without a prefix."""
    found = {}
    for entry in parameters if isinstance(parameters, list) else []:
        if isinstance(entry, dict) and _is_number(entry.get("value")):
            unit = str(entry.get("unit") or "")
            # `us`, `ns`, `GHz`; a unit of one letter has no prefix.
            prefix = unit[0] if len(unit) > 1 else ""
            found[str(entry.get("name"))] = entry["value"] * _PREFIXES.get(prefix, 1.0)
    return found


def _nanoseconds(value: Any) -> float | None:
    return float(value) * 1e-9 if _is_number(value) else None


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def _objects_of(values: Any) -> list[Any]:
    return values if isinstance(values, list) else []


def _words(values: Any) -> tuple[str, ...]:
    return tuple(value for value in _objects_of(values) if isinstance(value, str))


def _pairs_of(coupling_map: Any) -> int | None:
    if not isinstance(coupling_map, list):
        return None
    pairs = [pair for pair in coupling_map if isinstance(pair, list) and len(pair) == _PAIR]
    # A gate that goes both ways couples one pair.
    return len({tuple(sorted(map(str, pair))) for pair in pairs})


def _when(properties: Mapping[str, Any]) -> datetime | None:
    try:
        return moment(properties, "last_update_date")
    except WireFormatError:
        return None
