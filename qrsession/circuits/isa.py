"""Whether circuits are made of a backend's own instructions, before anything is sent.

What the service would fail a job for (code 1517), and what ``qiskit-ibm-runtime`` refuses to send:
an instruction that the backend has not, or not there; a width or an angle beyond it; registers that
cannot name a result. A device is told by its coupling map. A simulator has none, and runs whatever
can be taken apart, so there only the width counts, and instructions that nobody knows.

Source: "Transpile" (ISA circuits) and "Fractional gates" in IBM's guides.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.circuit import ControlFlowOp, Instruction, Parameter, ParameterExpression
from qiskit.primitives.containers.bindings_array import BindingsArray
from qiskit.primitives.containers.observables_array import ObservablesArray

from qrsession.circuits.angles import LARGEST_RZZ_ANGLE, is_within_bounds
from qrsession.circuits.misfits import (
    TRANSPILE,
    qubits_text,
    too_wide,
    unfit_register,
    why_misplaced,
)
from qrsession.circuits.target import build_target
from qrsession.circuits.untranspiled import faulty_qubits, is_device
from qrsession.codec import decode
from qrsession.errors import CircuitError
from qrsession.protocol.fields import strings
from qrsession.protocol.register_names import register_name_problem
from qrsession.protocol.typed import Array

# What devices take beside their gates, anywhere.
_EVERYWHERE = frozenset({"barrier", "store"})
_PAULIS = frozenset("IXYZ")


class InstructionSet:
    """What a backend runs as it is, its fractional gates included.

    Args:
        configuration: The backend's configuration.
        properties: Its properties; empty where it has none.
    """

    def __init__(self, configuration: Mapping[str, Any], properties: Mapping[str, Any]) -> None:
        self._configuration = configuration
        self._properties = properties
        self._target = build_target(configuration, properties, use_fractional_gates=None)
        self._placed: set[tuple[str, tuple[int, ...]]] = set()
        self.is_device = is_device(configuration)
        self.bounds_angles = self.is_device and self._target.gate_has_angle_bounds("rzz")

    @cached_property
    def _names(self) -> frozenset[str]:
        supported = strings(self._configuration, "supported_instructions")
        return frozenset((*self._target.operation_names, *supported, *_EVERYWHERE))

    def check(self, circuit: QuantumCircuit, name: str) -> bool:
        """Hold a circuit against what the backend runs.

        Args:
            circuit: The circuit; its qubit i is the backend's qubit i.
            name: What the user calls it.

        Returns:
            Whether an angle that has bounds depends on parameters: see `check_angles`.

        Raises:
            CircuitError: It does not fit. ``details`` has ``path`` and, where it is about one
                instruction, ``instruction`` and ``qubits``.
        """
        num_qubits = self._target.num_qubits
        if num_qubits is not None and circuit.num_qubits > num_qubits:
            raise too_wide(name, circuit.num_qubits, num_qubits)
        if self.is_device:
            return self._check_placed(circuit, range(circuit.num_qubits), name)
        self._check_known(circuit, name)
        return False

    def check_angles(self, circuit: QuantumCircuit, values: BindingsArray, name: str) -> None:
        """Hold angles that depend on parameters against the backend's bounds.

        Args:
            circuit: The circuit, which was held against the backend.
            values: Values of its parameters, of any shape.
            name: What the user calls it.

        Raises:
            CircuitError: An angle is out of bounds; the message names the values that lead there.
        """
        if self.bounds_angles:
            _check_angles(circuit, values, name)

    def _check_placed(self, circuit: QuantumCircuit, on: Iterable[int], name: str) -> bool:
        is_free = False
        index_of = dict(zip(circuit.qubits, on, strict=True))
        for instruction in circuit.data:
            operation_name = instruction.name
            qubits = tuple(index_of[qubit] for qubit in instruction.qubits)
            place = (operation_name, qubits)
            if place not in self._placed and operation_name not in _EVERYWHERE:
                if not self._target.instruction_supported(*place):
                    raise self._misplaced(operation_name, qubits, name)
                self._placed.add(place)
            if operation_name == "rzz" and self.bounds_angles:
                angle = instruction.params[0]
                if isinstance(angle, ParameterExpression):
                    is_free = True
                elif not is_within_bounds(angle):
                    raise _out_of_bounds(name, float(angle), qubits)
            if instruction.is_control_flow():
                for block in instruction.operation.blocks:
                    is_free |= self._check_placed(block, qubits, name)
        return is_free

    def _check_known(self, circuit: QuantumCircuit, name: str) -> None:
        for instruction in circuit.data:
            if instruction.name in self._names and not instruction.is_control_flow():
                continue
            operation = instruction.operation
            if isinstance(operation, ControlFlowOp):
                for block in operation.blocks:
                    self._check_known(block, name)
            elif isinstance(operation, Instruction) and operation.definition is None:
                qubits = tuple(circuit.find_bit(qubit).index for qubit in instruction.qubits)
                raise self._misplaced(instruction.name, qubits, name)

    def _misplaced(self, operation: str, qubits: tuple[int, ...], name: str) -> CircuitError:
        """Say why an instruction cannot stand where it does."""
        if self.is_device:
            faulty = faulty_qubits(self._properties)
            why = why_misplaced(operation, qubits, self._target.operation_names, faulty)
            advice = TRANSPILE
        else:
            why = "the backend does not know it, and it has no definition"
            advice = "Define it, or use standard gates."
        return CircuitError(
            f"{name}: the instruction {operation} on {qubits_text(qubits)} cannot run: {why}.",
            advice=advice,
            details={"path": name, "instruction": operation, "qubits": list(qubits)},
        )


def check_bound_angles(wire: Mapping[str, Any], values: Array) -> None:
    """Hold the angles of a circuit on the wire against a device's bounds.

    Args:
        wire: A typed circuit.
        values: Values of its parameters, in their order: float64 of shape ``(…, num_parameters)``.

    Raises:
        CircuitError: An angle is out of bounds; the message names the values that lead there.
    """
    circuit: QuantumCircuit = decode(wire)
    names = tuple(parameter.name for parameter in circuit.parameters)
    numbers = np.frombuffer(values.data, dtype=values.dtype).reshape(values.shape)
    _check_angles(circuit, BindingsArray({names: numbers}), "the circuit")


def has_free_angles(circuit: QuantumCircuit) -> bool:
    """Tell whether the angle of an ``rzz`` depends on parameters."""
    return next(_free_angles(circuit), None) is not None


def is_dynamic(circuit: QuantumCircuit) -> bool:
    """Tell whether a circuit branches or loops."""
    return any(instruction.is_control_flow() for instruction in circuit.data)


def check_pubs(program_id: str, pubs: Iterable[Any], instructions: InstructionSet) -> None:
    """Hold the circuits of pubs against a backend, where Qiskit's objects are given.

    Args:
        program_id: ``sampler`` or ``estimator``.
        pubs: Circuits, lists that begin with one, or Qiskit's pubs. What is JSON already is not
            looked at.
        instructions: What the backend runs.

    Raises:
        CircuitError: One does not fit.
    """
    for index, pub in enumerate(pubs):
        name = f"the circuit of pub {index}"
        parts = pub if isinstance(pub, list | tuple) else [getattr(pub, "circuit", pub)]
        if not parts or not isinstance(parts[0], QuantumCircuit):
            continue
        is_free = instructions.check(parts[0], name)
        problem = register_problem(parts[0]) if program_id == "sampler" else ""
        if problem:
            raise unfit_register(name, problem)
        if is_free and hasattr(pub, "parameter_values"):
            instructions.check_angles(parts[0], pub.parameter_values, name)


def register_problem(circuit: QuantumCircuit) -> str:
    """Return why the sampler cannot name its results by a circuit's registers, "" if it can."""
    for register in circuit.cregs:
        if register.size == 0:
            return f"the classical register {register.name!r} has no bits"
        problem = register_name_problem(register.name)
        if problem:
            return problem
    return ""


def foreign_term(observables: ObservablesArray) -> str | None:
    """Return a term that is no product of Paulis, such as a projector; None if there is none."""
    for observable in observables.ravel().tolist():
        for term in observable:
            if not _PAULIS.issuperset(term):
                return str(term)
    return None


def _check_angles(circuit: QuantumCircuit, values: BindingsArray, name: str) -> None:
    expressions = set(_free_angles(circuit))
    columns = {
        parameter: array.reshape(-1, array.shape[-1])[:, column]
        for parameters, array in values.data.items()
        for column, parameter in enumerate(parameters)
    }
    for expression in expressions:
        parameters = list(expression.parameters)
        rows = np.stack([columns[p.name] for p in parameters], axis=-1)
        if isinstance(expression, Parameter):
            # The common case of a long sweep, at once.
            rows = rows[(rows < 0) | (rows > LARGEST_RZZ_ANGLE)][:, None]
        for row in rows:
            given = dict(zip(parameters, map(float, row), strict=True))
            angle = float(expression.bind(given))
            if not is_within_bounds(angle):
                chosen = ", ".join(f"{p.name}={value:g}" for p, value in given.items())
                raise _out_of_bounds(name, angle, None, f" where {chosen}")


def _free_angles(circuit: QuantumCircuit) -> Iterator[ParameterExpression]:
    for instruction in circuit.data:
        if instruction.name == "rzz":
            if isinstance(instruction.params[0], ParameterExpression):
                yield instruction.params[0]
        elif instruction.is_control_flow():
            for block in instruction.operation.blocks:
                yield from _free_angles(block)


def _out_of_bounds(
    name: str, angle: float, qubits: tuple[int, ...] | None, where: str = ""
) -> CircuitError:
    on = "" if qubits is None else f" on {qubits_text(qubits)}"
    return CircuitError(
        f"{name}: the instruction rzz{on} has the angle {angle:.12g}{where}; the backend takes "
        "angles from 0 to pi/2.",
        advice=TRANSPILE if qubits is not None else "Choose values that keep it within bounds.",
        details={"path": name, "instruction": "rzz", "qubits": list(qubits or ())},
    )
