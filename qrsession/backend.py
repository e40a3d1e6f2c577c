"""A backend of the service, as Qiskit sees backends: built from its two documents.

Source: "Get backend information" in IBM's guides; ``configuration`` and ``properties`` in the API
reference.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qiskit.circuit import (
    ControlFlowOp,
    Delay,
    ForLoopOp,
    Gate,
    IfElseOp,
    Measure,
    Parameter,
    Reset,
    SwitchCaseOp,
    WhileLoopOp,
)
from qiskit.circuit.controlflow import BreakLoopOp, ContinueLoopOp
from qiskit.circuit.library import get_standard_gate_name_mapping
from qiskit.providers import BackendV2, QubitProperties
from qiskit.providers import Options as RunOptions
from qiskit.transpiler import InstructionProperties, Target

from qrsession.errors import UsageError, WireFormatError
from qrsession.protocol.fields import objects, optional, required

if TYPE_CHECKING:
    from qrsession.service import RuntimeService

_NS = 1e-9
_UNIT = {"": 1.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": _NS}
_FREQUENCY_UNIT = {"Hz": 1.0, "MHz": 1e6, "GHz": 1e9}
_CONTROL_FLOW: dict[str, type[ControlFlowOp] | type[BreakLoopOp] | type[ContinueLoopOp]] = {
    "if_else": IfElseOp,
    "while_loop": WhileLoopOp,
    "for_loop": ForLoopOp,
    "switch_case": SwitchCaseOp,
    "break_loop": BreakLoopOp,
    "continue_loop": ContinueLoopOp,
}
_Values = Mapping[str, tuple[float, str]]


class Backend(BackendV2):
    """A QPU or simulator of a service, with the target that circuits are transpiled to.

    Args:
        configuration: The body of ``GET /backends/{name}/configuration``.
        properties: The body of ``GET /backends/{name}/properties``; empty for simulators.
        service: The service that it belongs to.
    """

    def __init__(
        self,
        configuration: Mapping[str, Any],
        properties: Mapping[str, Any] | None = None,
        service: "RuntimeService | None" = None,
    ) -> None:
        super().__init__(
            provider=service,
            name=required(configuration, "backend_name", str),
            description=optional(configuration, "description", str),
            backend_version=optional(configuration, "backend_version", str),
        )
        self.configuration = dict(configuration)
        self.properties = dict(properties or {})
        self._target: Target | None = None

    @property
    def service(self) -> "RuntimeService | None":
        """The service that it belongs to."""
        service: RuntimeService | None = self.provider
        return service

    @property
    def is_simulator(self) -> bool:
        """Whether it simulates."""
        return optional(self.configuration, "simulator", bool) or False

    @property
    def target(self) -> Target:
        """Its instructions, by qubits, with durations in seconds and errors where it has them."""
        if self._target is None:
            self._target = build_target(self.configuration, self.properties)
        return self._target

    @property
    def max_circuits(self) -> int | None:
        """The most circuits in a job; None, since the primitives have no such limit."""
        return None

    @classmethod
    def _default_options(cls) -> RunOptions:
        return RunOptions()

    def run(self, run_input: Any, **options: Any) -> Any:  # noqa: ARG002 - Qiskit's signature
        """Refuse: a runtime runs primitives.

        Raises:
            UsageError: Always.
        """
        raise UsageError(
            f"{self.name} runs primitives, not bare circuits.",
            advice="Use Sampler(mode=backend), or open a Session with this backend.",
        )


def build_target(configuration: Mapping[str, Any], properties: Mapping[str, Any]) -> Target:
    """Build the target that a backend's two documents describe.

    Raises:
        WireFormatError: A document lacks what a target needs.
    """
    num_qubits = required(configuration, "n_qubits", int)
    dt_ns = optional(configuration, "dt", float)
    timing = configuration.get("timing_constraints") or {}
    target = Target(
        description=optional(configuration, "backend_name", str),
        num_qubits=num_qubits,
        dt=None if dt_ns is None else dt_ns * _NS,
        granularity=timing.get("granularity", 1),
        min_length=timing.get("min_length", 1),
        pulse_alignment=timing.get("pulse_alignment", 1),
        acquire_alignment=timing.get("acquire_alignment", 1),
        qubit_properties=_qubit_properties(properties) or None,
    )
    _add_gates(target, configuration, properties)
    _add_measure(target, configuration, properties)
    supported = optional(configuration, "supported_instructions", list)
    if supported is None:
        # Older documents do not say, and all backends have these.
        supported = ["delay", "reset"]
    working = _working_qubits(num_qubits, properties)
    is_all_to_all = configuration.get("coupling_map") is None
    measured = _gate_properties(properties)
    for operation in (Delay(Parameter("t")), Reset()):
        if operation.name in supported:
            placed = {
                (qubit,): _instruction_properties(measured.get((operation.name, (qubit,))))
                for qubit in working
            }
            target.add_instruction(operation, None if is_all_to_all else placed)
    for name, operation in _CONTROL_FLOW.items():
        if name in supported:
            target.add_instruction(operation, name=name)
    return target


def _add_gates(
    target: Target, configuration: Mapping[str, Any], properties: Mapping[str, Any]
) -> None:
    standard = get_standard_gate_name_mapping()
    couplings = {
        required(gate, "name", str): gate.get("coupling_map")
        for gate in objects(configuration, "gates")
    }
    parameters = {
        required(gate, "name", str): gate.get("parameters") or []
        for gate in objects(configuration, "gates")
    }
    measured = _gate_properties(properties)
    working = set(_working_qubits(target.num_qubits, properties))
    for name in optional(configuration, "basis_gates", list) or []:
        if name in _CONTROL_FLOW or name in {"measure", "reset", "delay"}:
            continue
        coupling = couplings.get(name)
        gate = standard.get(name)
        if gate is None:
            if not coupling:
                # A gate that Qiskit does not know, on qubits that nobody names, has no use.
                continue
            symbols = [Parameter(str(symbol)) for symbol in parameters.get(name, [])]
            gate = Gate(name, len(coupling[0]), symbols)
        if coupling is None:
            target.add_instruction(gate, None, name=name)
            continue
        placed = {}
        for qubits in map(tuple, coupling):
            found = measured.get((name, qubits))
            broken = found is not None and found.get("operational", (1.0, ""))[0] == 0
            if working.issuperset(qubits) and not broken:
                placed[qubits] = _instruction_properties(found)
        target.add_instruction(gate, placed, name=name)


def _add_measure(
    target: Target, configuration: Mapping[str, Any], properties: Mapping[str, Any]
) -> None:
    if configuration.get("coupling_map") is None:
        target.add_instruction(Measure(), None)
        return
    by_qubit = _qubit_values(properties)
    placed = {}
    for qubit in _working_qubits(target.num_qubits, properties):
        values = by_qubit[qubit] if qubit < len(by_qubit) else {}
        placed[(qubit,)] = InstructionProperties(
            duration=_seconds(values, "readout_length"), error=_number(values, "readout_error")
        )
    target.add_instruction(Measure(), placed)


def _instruction_properties(values: _Values | None) -> InstructionProperties | None:
    if values is None:
        return None
    return InstructionProperties(
        duration=_seconds(values, "gate_length"), error=_number(values, "gate_error")
    )


def _gate_properties(properties: Mapping[str, Any]) -> dict[tuple[str, tuple[int, ...]], _Values]:
    return {
        (required(gate, "gate", str), tuple(required(gate, "qubits", list))): _named_values(
            objects(gate, "parameters")
        )
        for gate in objects(properties, "gates")
    }


def _qubit_values(properties: Mapping[str, Any]) -> list[_Values]:
    return [_named_values(values) for values in optional(properties, "qubits", list) or []]


def _qubit_properties(properties: Mapping[str, Any]) -> list[QubitProperties]:
    return [
        QubitProperties(
            t1=_seconds(values, "T1"),
            t2=_seconds(values, "T2"),
            frequency=_scaled(values, "frequency", _FREQUENCY_UNIT),
        )
        for values in _qubit_values(properties)
    ]


def _working_qubits(num_qubits: int, properties: Mapping[str, Any]) -> list[int]:
    values = _qubit_values(properties)
    broken = {
        qubit for qubit, named in enumerate(values) if named.get("operational", (1.0, ""))[0] == 0
    }
    return [qubit for qubit in range(num_qubits) if qubit not in broken]


def _named_values(entries: list[dict[str, Any]]) -> dict[str, tuple[float, str]]:
    return {
        required(entry, "name", str): (
            required(entry, "value", float),
            optional(entry, "unit", str) or "",
        )
        for entry in entries
    }


def _number(values: _Values, name: str) -> float | None:
    return values[name][0] if name in values else None


def _seconds(values: _Values, name: str) -> float | None:
    return _scaled(values, name, _UNIT)


def _scaled(values: _Values, name: str, units: Mapping[str, float]) -> float | None:
    if name not in values:
        return None
    number, unit = values[name]
    if unit not in units:
        raise WireFormatError(f"The property {name!r} has the unknown unit {unit!r}.")
    return number * units[unit]
