"""Circuits without the measurements at their end, for an estimator, which measures by itself.

A measurement is at the end where neither its qubit is used later nor what it gave. Qiskit's own
``remove_final_measurements`` looks at the qubit alone: of a circuit that measures a qubit for the
last time and turns another one by the outcome, it takes the measurement away.
"""

from qiskit import QuantumCircuit
from qiskit.circuit import CircuitInstruction, Clbit, ControlFlowOp, Measure, Qubit
from qiskit.converters import circuit_to_dag, dag_to_circuit


def without_final_measurements(circuit: QuantumCircuit) -> QuantumCircuit:
    """Return a circuit without the measurements at its end; itself, where there are none.

    Barriers after which nothing is left go with them, and the classical bits if none is used.
    """
    kept: list[CircuitInstruction] = []
    used: set[Qubit | Clbit] = set()
    has_lost = False
    for instruction in reversed(circuit.data):
        bits = {*instruction.qubits, *instruction.clbits}
        if isinstance(instruction.operation, Measure) and used.isdisjoint(bits):
            has_lost = True
        elif instruction.name != "barrier":
            kept.append(instruction)
            # Variables may take the values of bits, which no instruction lists.
            used |= {*bits, *circuit.clbits} if _stores(instruction) else bits
        elif not used.isdisjoint(bits):
            kept.append(instruction)
    if not has_lost:
        return circuit
    left = circuit.copy_empty_like()
    for instruction in reversed(kept):
        left.append(instruction)
    return left if not used.isdisjoint(circuit.clbits) else _without_clbits(left)


def _stores(instruction: CircuitInstruction) -> bool:
    if isinstance(instruction.operation, ControlFlowOp):
        return any(_stores(inner) for block in instruction.operation.blocks for inner in block.data)
    return bool(instruction.name == "store")


def _without_clbits(circuit: QuantumCircuit) -> QuantumCircuit:
    dag = circuit_to_dag(circuit)
    dag.remove_clbits(*dag.clbits)
    return dag_to_circuit(dag)
