"""Angles of ``rzz`` that a device does not have, folded into those that it has.

A device's ``rzz`` takes angles in [0, pi/2]. All others are such an angle with gates of one qubit
around it, up to a phase:

- ``rzz(a + pi) = -i (z ⊗ z) rzz(a)``, and ``rz(pi) = -i z``;
- ``rzz(-a) = (x ⊗ 1) rzz(a) (x ⊗ 1)``, since x turns z into -z.

Source: "Fractional gates" in IBM's guides; "Angle bounds on gates" in Qiskit's API reference.
"""

import math
from functools import cache

from qiskit.circuit import Qubit
from qiskit.circuit.library import RZGate, RZZGate, XGate
from qiskit.dagcircuit import DAGCircuit
from qiskit.transpiler.passes import WrapAngles

LARGEST_RZZ_ANGLE = math.pi / 2
# Sums of angles end a little beyond a bound that they should meet.
ANGLE_TOLERANCE = 1e-10
# Below it a rotation is none: its effect is beyond any shot's reach, and its gate costs fidelity.
_NO_ANGLE = 1e-8


def is_within_bounds(angle: float) -> bool:
    """Tell whether a device's ``rzz`` takes an angle, rounding errors allowed for."""
    return 0 <= angle <= LARGEST_RZZ_ANGLE + ANGLE_TOLERANCE


@cache
def register_folding() -> None:
    """Teach Qiskit's pass for bounds of angles what to do with ``rzz``, once in a process.

    The pass is part of Qiskit's own translation stage, so it serves whoever transpiles to a target
    of ours, and by whatever pass manager.
    """
    WrapAngles.DEFAULT_REGISTRY.add_wrapper("rzz", fold_rzz)


def fold_rzz(angles: list[float], _qubits: list[int]) -> DAGCircuit:
    """Return a circuit of two qubits that equals ``rzz`` of any angle, with the angle in bounds."""
    angle = float(angles[0])
    # The nearest multiple of pi leaves an angle in [-pi/2, pi/2].
    half_turns = round(angle / math.pi)
    rest = angle - half_turns * math.pi
    dag = DAGCircuit()
    first, second = pair = (Qubit(), Qubit())
    dag.add_qubits(pair)
    # rzz(k pi) = (-i)**k (z ⊗ z)**k, and (-i z) ⊗ (-i z) = -(z ⊗ z).
    dag.global_phase = -half_turns * math.pi / 2
    if half_turns % 2:
        dag.global_phase += math.pi
        dag.apply_operation_back(RZGate(math.pi), (first,))
        dag.apply_operation_back(RZGate(math.pi), (second,))
    if abs(rest) > _NO_ANGLE:
        is_flipped = rest < 0
        if is_flipped:
            dag.apply_operation_back(XGate(), (first,))
        dag.apply_operation_back(RZZGate(min(abs(rest), LARGEST_RZZ_ANGLE)), pair)
        if is_flipped:
            dag.apply_operation_back(XGate(), (first,))
    return dag
