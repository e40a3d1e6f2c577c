"""The target that a backend's two documents describe: what it runs, where, how long, how well.

It is the target that ``qiskit-ibm-runtime`` builds of the same documents, so that a circuit which
fits one fits the other. In one point it is stricter: nothing is placed on a faulty qubit, not even
what the properties forget to list there. Documents come by the hundred kilobytes, so entries are
read as they stand, and only one that turns out to be damaged is looked at closely.

Source: "Get backend information" and "Fractional gates" in IBM's guides; ``configuration`` and
``properties`` in the API reference.
"""

from collections.abc import Container, Mapping
from functools import cache
from typing import Any

from qiskit.circuit import (
    ForLoopOp,
    Gate,
    IfElseOp,
    Instruction,
    Parameter,
    SwitchCaseOp,
    WhileLoopOp,
)
from qiskit.circuit.library import get_standard_gate_name_mapping
from qiskit.exceptions import QiskitError
from qiskit.providers import QubitProperties
from qiskit.transpiler import InstructionProperties, Target

from qrsession.circuits.angles import LARGEST_RZZ_ANGLE, register_folding
from qrsession.errors import WireFormatError
from qrsession.protocol.fields import objects, optional, required, strings

_NS = 1e-9
_POWER_OF_PREFIX = {
    "f": -15,
    "p": -12,
    "n": -9,
    "u": -6,
    "µ": -6,
    "m": -3,
    "k": 3,
    "M": 6,
    "G": 9,
    "T": 12,
    "P": 15,
}
_PLAIN_UNITS = frozenset({"Hz"})
_CONTROL_FLOW: dict[str, type[Instruction]] = {
    "if_else": IfElseOp,
    "while_loop": WhileLoopOp,
    "for_loop": ForLoopOp,
    "switch_case": SwitchCaseOp,
}
# The other names of control flow have no place in a target.
_WITHOUT_GATE = frozenset({"box", "break_loop", "continue_loop"})
_NON_UNITARY = frozenset({"measure", "reset", "delay"})
# Rotations that a device does by keeping account of its frame, and waiting: a parameter makes no
# pulse of its own there. All other gates with a parameter are fractional.
_NEVER_FRACTIONAL = frozenset({"rz", "p", "u1", "delay"})
_DOMAIN = {"granularity": 1, "min_length": 1, "pulse_alignment": 1, "acquire_alignment": 1}

# Each takes room in a target, and a document that claims more would take all that there is.
_MOST_QUBITS = 100_000

_Qubits = tuple[int, ...]
_Places = dict[_Qubits, InstructionProperties | None]


def build_target(
    configuration: Mapping[str, Any],
    properties: Mapping[str, Any],
    *,
    use_fractional_gates: bool | None = False,
) -> Target:
    """Build the target that a backend's two documents describe.

    Args:
        configuration: The backend's configuration, as the service gives it.
        properties: Its properties; empty where it has none.
        use_fractional_gates: Whether gates with an angle that takes time, such as ``rzz`` and
            ``rx``, belong to it; None: as true.

    Returns:
        Durations in seconds, frequencies in Hz, ``rzz`` with angles in [0, pi/2].

    Raises:
        WireFormatError: A document is damaged, or lacks what a target needs.
    """
    operations = _operations(configuration, with_fractional=use_fractional_gates is not False)
    calibration = _Calibration(properties, operations)
    num_qubits = required(configuration, "n_qubits", int)
    if num_qubits > _MOST_QUBITS:
        raise WireFormatError(f"The backend claims {num_qubits} qubits, more than any device has.")
    dt_ns = optional(configuration, "dt", float)
    timing = optional(configuration, "timing_constraints", dict) or {}
    register_folding()
    try:
        target = Target(
            num_qubits=num_qubits,
            dt=None if dt_ns is None else dt_ns * _NS,
            qubit_properties=calibration.qubit_properties(num_qubits),
            **{name: timing.get(name, default) for name, default in _DOMAIN.items()},
        )
        for name, places in _places(configuration, calibration, operations, num_qubits).items():
            target.add_instruction(
                operations[name],
                places,
                name=name,
                angle_bounds=[(0, LARGEST_RZZ_ANGLE)] if name == "rzz" else None,
            )
        for name, operation in _CONTROL_FLOW.items():
            if name in operations:
                target.add_instruction(operation, name=name)
    except (QiskitError, TypeError, ValueError, OverflowError, AttributeError) as error:
        words = error.message if isinstance(error, QiskitError) else str(error)
        raise WireFormatError(f"The backend's documents make no target: {words}") from error
    return target


def has_fractional_gates(configuration: Mapping[str, Any]) -> bool:
    """Tell whether a backend has fractional gates that can be asked for."""
    return not {"rzz", "rx"}.isdisjoint(strings(configuration, "basis_gates"))


def _operations(
    configuration: Mapping[str, Any], *, with_fractional: bool
) -> dict[str, Instruction]:
    """Return the operations of a configuration by name; those of control flow are classes."""
    gates = {required(gate, "name", str): gate for gate in objects(configuration, "gates")}
    standard = _standard_gates()
    others = (_NON_UNITARY | _CONTROL_FLOW.keys()) & _supported(configuration)
    operations: dict[str, Any] = {}
    for name in {*strings(configuration, "basis_gates"), *others}:
        known = standard.get(name)
        if name in _CONTROL_FLOW:
            operations[name] = _CONTROL_FLOW[name]
        elif known is not None:
            if with_fractional or not known.params or name in _NEVER_FRACTIONAL:
                operations[name] = known
        elif name in gates and name not in _WITHOUT_GATE:
            operations[name] = _opaque_gate(name, gates[name])
    for signature in objects(configuration, "instruction_signatures"):
        name = required(signature, "name", str)
        operations[name] = Instruction(
            name,
            required(signature, "num_qubits", int),
            required(signature, "num_clbits", int),
            [Parameter(parameter) for parameter in strings(signature, "parameters")],
        )
    return operations


def _supported(configuration: Mapping[str, Any]) -> frozenset[str]:
    # Older documents do not say what else is supported, and all backends have these.
    return frozenset(strings(configuration, "supported_instructions")) or _NON_UNITARY


def _opaque_gate(name: str, gate: Mapping[str, Any]) -> Gate:
    coupling = _coupling(gate)
    parameters = [Parameter(parameter) for parameter in strings(gate, "parameters")]
    return Gate(name, len(coupling[0]) if coupling else 0, parameters)


@cache
def _standard_gates() -> dict[str, Instruction]:
    gates: dict[str, Instruction] = get_standard_gate_name_mapping()
    return gates


def _coupling(gate: Mapping[str, Any]) -> list[_Qubits]:
    coupling = optional(gate, "coupling_map", list) or []
    try:
        return list(map(tuple, coupling))
    except TypeError:
        raise WireFormatError("A coupling_map must hold lists of qubits.") from None


def _places(
    configuration: Mapping[str, Any],
    calibration: "_Calibration",
    operations: Mapping[str, Instruction],
    num_qubits: int,
) -> dict[str, _Places | None]:
    """Return where each operation but those of control flow can be used, None for everywhere."""
    places: dict[str, _Places | None] = {
        name: None for name in operations if name not in _CONTROL_FLOW
    }
    for gate in objects(configuration, "gates"):
        coupling = _coupling(gate) if gate["name"] in places else []
        if coupling:
            places[gate["name"]] = dict.fromkeys(coupling)
    for name in places.keys() & calibration.gates.keys():
        places[name] = {**(places[name] or {}), **calibration.gates[name]}
    working = [(qubit,) for qubit in range(num_qubits) if qubit not in calibration.faulty]
    if "measure" in places and calibration.readout:
        places["measure"] = {qubit: calibration.readout.get(qubit) for qubit in working}
    for name in _NON_UNITARY & _supported(configuration) & places.keys():
        if places[name] is None:
            places[name] = dict.fromkeys(working)
    for name, placed in places.items():
        if placed:
            calibration.remove_broken(name, placed)
    return places


class _Calibration:
    """What was measured of a backend.

    Args:
        properties: The backend's properties.
        names: The operations whose calibration is wanted.

    Attributes:
        gates: By name and qubits, error and duration in seconds.
        faulty: The qubits that do not work.
        readout: By qubit, error and duration of a measurement.

    Raises:
        WireFormatError: An entry is damaged.
    """

    def __init__(self, properties: Mapping[str, Any], names: Container[str]) -> None:
        self.gates: dict[str, _Places] = {}
        self._broken: dict[str, list[_Qubits]] = {}
        self.faulty: set[int] = set()
        self.readout: _Places = {}
        self._qubits: list[QubitProperties] = []
        for qubit, entries in enumerate(optional(properties, "qubits", list) or []):
            self._add_qubit(qubit, entries)
        for gate in objects(properties, "gates"):
            try:
                if gate["gate"] in names:
                    self._add_gate(gate["gate"], tuple(gate["qubits"]), gate["parameters"])
            except (KeyError, TypeError):
                # One of these says which field it is.
                required(gate, "gate", str)
                required(gate, "qubits", list)
                required(gate, "parameters", list)
                raise WireFormatError("The properties of a gate are damaged.") from None

    def qubit_properties(self, num_qubits: int) -> list[QubitProperties] | None:
        """Return those of as many qubits, None where nothing was measured."""
        if not self._qubits:
            return None
        missing = [QubitProperties() for _ in range(len(self._qubits), num_qubits)]
        return [*self._qubits[:num_qubits], *missing]

    def remove_broken(self, name: str, places: _Places) -> None:
        """Take out of an operation's places those that do not work."""
        # Whether a qubit can be measured is said of the qubit.
        for qubits in self._broken.get(name, ()) if name != "measure" else ():
            places.pop(qubits, None)
        if self.faulty:
            for qubits in [place for place in places if not self.faulty.isdisjoint(place)]:
                del places[qubits]

    def _add_qubit(self, qubit: int, entries: Any) -> None:
        try:
            found = {entry["name"]: entry for entry in entries}.get
        except (KeyError, TypeError):
            raise _damage(entries) from None
        self._qubits.append(
            QubitProperties(
                t1=_value(found("T1")), t2=_value(found("T2")), frequency=_value(found("frequency"))
            )
        )
        self.readout[qubit,] = InstructionProperties(
            _value(found("readout_length")), _value(found("readout_error"))
        )
        if _value(found("operational")) == 0:
            self.faulty.add(qubit)

    def _add_gate(self, name: str, qubits: _Qubits, entries: Any) -> None:
        error = duration = None
        for entry in entries:
            kind = entry["name"]
            if kind == "gate_error":
                error = _value(entry)
            elif kind == "gate_length":
                duration = _value(entry)
            elif kind == "operational" and _value(entry) == 0:
                self._broken.setdefault(name, []).append(qubits)
        self.gates.setdefault(name, {})[qubits] = InstructionProperties(duration, error)


def _value(entry: dict[str, Any] | None) -> float | None:
    """Return a measured value in seconds or Hz, or as it is where it has no unit."""
    if entry is None:
        return None
    try:
        value: float = entry["value"]
        scale, divides = _scale_of(entry.get("unit") or "")
        # Powers of ten below 1 are no binary fractions: dividing rounds once, and not twice.
        return value / scale if divides else value * scale
    except (KeyError, TypeError, AttributeError):
        raise _damage([entry]) from None


@cache
def _scale_of(unit: str) -> tuple[float, bool]:
    """Return the power of ten of a unit's prefix, and whether to divide by it.

    One letter alone is a unit, not a prefix.
    """
    if len(unit) <= 1 or unit in _PLAIN_UNITS:
        return 1.0, False
    power = _POWER_OF_PREFIX.get(unit[0])
    if power is None or (len(unit) > len("us") and unit[1:] not in _PLAIN_UNITS):
        raise WireFormatError(f"A property has the unknown unit {unit!r}.")
    return float(10 ** abs(power)), power < 0


def _damage(entries: Any) -> WireFormatError:
    """Return the error for entries of which one is damaged, naming the field."""
    try:
        for entry in entries:
            required(entry, "name", str)
            required(entry, "value", float)
            optional(entry, "unit", str)
    except WireFormatError as error:
        return error
    except (TypeError, AttributeError):
        pass
    return WireFormatError("The properties of a qubit or gate are damaged.")
