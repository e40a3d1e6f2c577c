"""Whether circuits fit a device: the checks that a service makes before it runs them.

Circuits must be ISA circuits: made of the device's own instructions, on qubits that have them.
Source: "Transpile" in IBM's guides, and error 1517 of its registry.
"""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.circuit import CircuitInstruction, ControlFlowOp, ParameterExpression, Qubit

from qrsession.errors import JobFailedError
from qrsession.local.devices.device_rules import DeviceRules
from qrsession.local.simulation.circuits.preparing import is_native, stands_for
from qrsession.local.simulation.failures import failed
from qrsession.local.simulation.inputs.fitting import check_delay
from qrsession.protocol import faults

# Fractional gates are calibrated between these angles; rounding may lead a little beyond.
_SMALLEST_RZZ = 0.0
_LARGEST_RZZ = math.pi / 2 + 1e-10
_SOLUTION = "Transpile the circuit to the target of the backend, and submit what comes out of that."


def check_isa(
    circuit: QuantumCircuit,
    values: NDArray[np.float64],
    rules: DeviceRules,
    index: int,
    kind: str = "Pub",
) -> None:
    """Hold the circuit of a pub against what a device runs.

    The circuit's qubit i is the device's qubit i.

    Args:
        circuit: The circuit as it was sent.
        values: Values of its parameters: float64, shape ``(points, parameters)``.
        rules: What the device runs.
        index: The position of the pub, for the reason.
        kind: What stands at that position, if it is no pub.

    Raises:
        JobFailedError: It does not fit; the code is 1517, or 8043 where a delay ends between two
            steps, and the reason says where.
    """
    if circuit.num_qubits > rules.num_qubits:
        raise _not_isa(
            f"{kind} {index}",
            f"the circuit has {circuit.num_qubits} qubits, {rules.name} {rules.num_qubits}",
        )
    check = _Check(circuit, values, rules, f"{kind} {index}")
    check.block(circuit, {qubit: number for number, qubit in enumerate(circuit.qubits)})


def _not_isa(where: str, reason: str) -> JobFailedError:
    return failed(faults.NOT_ISA, f"{where} is not an ISA circuit: {reason}.", _SOLUTION)


class _Check:
    """The check of one circuit."""

    def __init__(
        self, circuit: QuantumCircuit, values: NDArray[np.float64], rules: DeviceRules, where: str
    ) -> None:
        self._columns = {parameter: i for i, parameter in enumerate(circuit.parameters)}
        self._values = values
        self._rules = rules
        self._where = where

    def block(self, circuit: QuantumCircuit, numbers: Mapping[Qubit, int]) -> None:
        """Check a circuit or a block of one, whose qubits are these of the device."""
        for instruction in circuit.data:
            qubits = tuple(numbers[qubit] for qubit in instruction.qubits)
            reason = self._rules.why_not(instruction.name, qubits)
            operation = instruction.operation
            if reason is None and not _is_what_it_is_called(instruction):
                reason = "it is not the instruction that has this name"
            if reason is None and instruction.name == "rzz":
                reason = self._why_not_by(operation.params[0])
            if reason is not None:
                raise _not_isa(self._where, f"{_words(instruction.name, qubits)}: {reason}")
            if instruction.name == "delay":
                check_delay(operation, self._rules, self._where)
            if isinstance(operation, ControlFlowOp):
                for block in operation.blocks:
                    self.block(block, dict(zip(block.qubits, qubits, strict=True)))

    def _why_not_by(self, angle: float | ParameterExpression) -> str | None:
        angles = self._angles(angle)
        wrong = angles[(angles < _SMALLEST_RZZ) | (angles > _LARGEST_RZZ)]
        if wrong.size == 0:
            return None
        return f"its angle must be between 0 and pi/2, and is {wrong[0]:.6g}"

    def _angles(self, angle: float | ParameterExpression) -> NDArray[np.float64]:
        """Return what an angle is at each point of the sweep: float64."""
        if not isinstance(angle, ParameterExpression):
            return np.array([float(angle)])
        used = [(parameter, self._columns[parameter]) for parameter in angle.parameters]
        rows = np.unique(self._values[:, [column for _, column in used]], axis=0)
        names = [parameter for parameter, _ in used]
        return np.array(
            [float(angle.bind(dict(zip(names, row.tolist(), strict=True)))) for row in rows]
        )


def _is_what_it_is_called(instruction: CircuitInstruction) -> bool:
    # A user may call a gate of another kind by the name of one that the device has.
    is_block = isinstance(instruction.operation, ControlFlowOp)
    return is_block or is_native(instruction) or stands_for(instruction) is not None


def _words(name: str, qubits: tuple[int, ...]) -> str:
    if not qubits:
        return f"the instruction {name}"
    numbers = ", ".join(map(str, qubits[:4])) + (", ..." if len(qubits) > 4 else "")  # noqa: PLR2004
    return f"the instruction {name} on qubit{'s' if len(qubits) > 1 else ''} {numbers}"
