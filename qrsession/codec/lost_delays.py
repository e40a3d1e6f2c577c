"""Delays that QPY cannot hold: it keeps their length and no unit, and reads all as time steps.

Qiskit writes them without a word (2.3 to 2.6; Qiskit's issue 8293). What it reads is so many time
steps as there were microseconds, or raises wherever the delay is looked at: where the length has a
fraction, or is a parameter, of which it says that the unit is ``expr``.
"""

from qiskit import QuantumCircuit
from qiskit.circuit import ControlFlowOp, Delay, ParameterExpression
from qiskit.exceptions import QiskitError

from qrsession.errors import CircuitError

_DELAY = "delay"
_STEPS = "dt"
_LOOKED_AT = frozenset({_DELAY, "if_else", "while_loop", "for_loop", "switch_case", "box"})


def check_delays(circuit: QuantumCircuit) -> None:
    """Hold a circuit, before it is written as QPY or after it was read, against such delays.

    Raises:
        CircuitError: It has one.
    """
    # Most circuits have neither, and counting costs next to nothing.
    if _LOOKED_AT.isdisjoint(circuit.count_ops()):
        return
    for instruction in circuit.data:
        if instruction.name not in _LOOKED_AT:
            continue
        try:
            operation = instruction.operation
        except QiskitError as error:
            raise CircuitError(
                "The circuit has a delay in seconds, or one whose length is a parameter: QPY has "
                "lost its unit.",
                advice="Write the delay in time steps: circuit.delay(1000, qubit, unit='dt').",
            ) from error
        if isinstance(operation, Delay):
            _check_delay(operation)
        elif isinstance(operation, ControlFlowOp):
            for block in operation.blocks:
                check_delays(block)


def _check_delay(delay: Delay) -> None:
    if isinstance(delay.duration, ParameterExpression):
        raise CircuitError(
            "The circuit has a delay whose length is a parameter, and QPY loses its unit.",
            advice="Make a circuit for each length: circuit.assign_parameters({length: 1000}).",
        )
    if isinstance(delay.duration, int | float) and delay.unit != _STEPS:
        raise CircuitError(
            f"The circuit has a delay of {delay.duration} {delay.unit}, and QPY loses the unit.",
            advice="Transpile it to the backend, which makes time steps (dt) of seconds.",
        )
