"""Delays whose length depends on a parameter: QPY keeps no unit of theirs.

Qiskit writes them without a word, and what it reads then says ``Unknown unit expr`` wherever the
delay is looked at (Qiskit 2.0 to 2.6), at the service as well as here.
"""

from qiskit import QuantumCircuit
from qiskit.circuit import ControlFlowOp, ParameterExpression
from qiskit.exceptions import QiskitError

from qrsession.errors import CircuitError

_DELAY = "delay"
_HOLDS_BLOCKS = frozenset({"if_else", "while_loop", "for_loop", "switch_case", "box"})
_LOOKED_AT = _HOLDS_BLOCKS | {_DELAY}


def check_delays(circuit: QuantumCircuit) -> None:
    """Hold a circuit, before it is written as QPY or after it was read, against such delays.

    Raises:
        CircuitError: It has one.
    """
    if _has_lost_delay(circuit):
        raise CircuitError(
            "The circuit has a delay whose length is a parameter, and QPY loses its unit.",
            advice="Make a circuit for each length: circuit.assign_parameters({delay: value}).",
        )


def _has_lost_delay(circuit: QuantumCircuit) -> bool:
    # Most circuits have neither, and counting costs next to nothing.
    if _LOOKED_AT.isdisjoint(circuit.count_ops()):
        return False
    for instruction in circuit.data:
        if instruction.name not in _LOOKED_AT:
            continue
        try:
            operation = instruction.operation
        except QiskitError:
            return True
        if instruction.name == _DELAY and isinstance(operation.duration, ParameterExpression):
            return True
        if isinstance(operation, ControlFlowOp) and any(map(_has_lost_delay, operation.blocks)):
            return True
    return False
