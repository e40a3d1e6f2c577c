"""Delays in the time steps of a device, as they have to be on the wire: QPY keeps no unit of time.

A device counts time in steps, and some start operations at every 8th or 16th step alone. Qiskit
refuses a delay that ends in between, unless the whole circuit is scheduled and padded with more
delays. A delay that is off by half a step of the device, a few nanoseconds, is what was meant.
Source: "Timing constraints" in Qiskit's API reference of the transpiler.
"""

import math
from typing import TYPE_CHECKING

from qiskit.circuit import ControlFlowOp, Delay, QuantumCircuit
from qiskit.converters import circuit_to_dag, dag_to_circuit
from qiskit.dagcircuit import DAGCircuit
from qiskit.transpiler import Target
from qiskit.transpiler.basepasses import TransformationPass

from qrsession.duration import DELAY_UNITS_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from qrsession.backend import Backend

# Of a simulator that has none. Nothing happens there while time goes by.
_STEP_S = 1e-9
_HOLDS_BLOCKS = frozenset({"if_else", "while_loop", "for_loop", "switch_case", "box"})


class AlignDelays(TransformationPass):
    """Round each delay of a known length to the nearest that the device has.

    Args:
        target: The device's target, with its time step.
    """

    def __init__(self, target: Target) -> None:
        super().__init__()
        self._dt = target.dt
        self._alignment = _alignment(target)

    def run(self, dag: DAGCircuit) -> DAGCircuit:
        """Round the delays of a circuit and of its blocks."""
        for node in dag.control_flow_op_nodes():
            blocks = [self._aligned(block) for block in node.op.blocks]
            dag.substitute_node(node, node.op.replace_blocks(blocks))
        for node in dag.op_nodes(Delay):
            steps = self._steps(node.op)
            if steps is not None:
                dag.substitute_node(node, Delay(steps, "dt"))
        return dag

    def _aligned(self, block: QuantumCircuit) -> QuantumCircuit:
        return dag_to_circuit(self.run(circuit_to_dag(block)))

    def _steps(self, delay: Delay) -> int | None:
        """Return a delay's length in steps; None where it is an expression."""
        length, unit = delay.duration, delay.unit
        if not isinstance(length, int | float) or (unit != "dt" and unit not in DELAY_UNITS_S):
            return None
        steps = length if unit == "dt" else length * DELAY_UNITS_S[unit] / self._dt
        return round(steps / self._alignment) * self._alignment


def in_steps(circuit: QuantumCircuit, device: "Callable[[], Backend]") -> QuantumCircuit:
    """Return a circuit whose delays in seconds are in time steps of a backend.

    It is the circuit itself where there are none. Delays in time steps stay as they are, and so do
    those whose length is an expression.

    Args:
        circuit: The circuit.
        device: Gives the backend, where it is needed.
    """
    if not _has_seconds(circuit):
        return circuit
    target = device().target
    return _in_steps(circuit, target.dt or _STEP_S, _alignment(target))


def _has_seconds(circuit: QuantumCircuit) -> bool:
    """Tell whether there are delays in seconds. Most circuits have none at all."""
    names = set(circuit.count_ops())
    if "delay" not in names and _HOLDS_BLOCKS.isdisjoint(names):
        return False
    return any(
        _is_in_seconds(instruction.operation)
        or (
            isinstance(instruction.operation, ControlFlowOp)
            and any(map(_has_seconds, instruction.operation.blocks))
        )
        for instruction in circuit.data
        if instruction.name == "delay" or instruction.name in _HOLDS_BLOCKS
    )


def _is_in_seconds(operation: object) -> bool:
    return (
        isinstance(operation, Delay)
        and isinstance(operation.duration, int | float)
        and operation.unit in DELAY_UNITS_S
    )


def _in_steps(circuit: QuantumCircuit, step_s: float, alignment: int) -> QuantumCircuit:
    changed = circuit.copy_empty_like()
    for instruction in circuit.data:
        operation = instruction.operation
        if _is_in_seconds(operation):
            steps = operation.duration * DELAY_UNITS_S[operation.unit] / step_s
            operation = Delay(round(steps / alignment) * alignment, "dt")
        elif isinstance(operation, ControlFlowOp):
            blocks = [_in_steps(block, step_s, alignment) for block in operation.blocks]
            operation = operation.replace_blocks(blocks)
        changed.append(operation, instruction.qubits, instruction.clbits)
    return changed


def _alignment(target: Target) -> int:
    return math.lcm(target.acquire_alignment, target.pulse_alignment)
