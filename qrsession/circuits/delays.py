"""Delays in the time steps of a device.

A device counts time in steps, and some start operations at every 8th or 16th step alone. Qiskit
refuses a delay that ends in between, unless the whole circuit is scheduled and padded with more
delays. A delay that is off by half a step of the device, a few nanoseconds, is what was meant.
Source: "Timing constraints" in Qiskit's API reference of the transpiler.
"""

import math

from qiskit.circuit import Delay, QuantumCircuit
from qiskit.converters import circuit_to_dag, dag_to_circuit
from qiskit.dagcircuit import DAGCircuit
from qiskit.transpiler import Target
from qiskit.transpiler.basepasses import TransformationPass

from qrsession.duration import DELAY_UNITS_S


class AlignDelays(TransformationPass):
    """Round each delay of a known length to the nearest that the device has.

    Args:
        target: The device's target, with its time step.
    """

    def __init__(self, target: Target) -> None:
        super().__init__()
        self._dt = target.dt
        self._alignment = math.lcm(target.acquire_alignment, target.pulse_alignment)

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
