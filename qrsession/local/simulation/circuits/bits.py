"""Which classical bits an instruction has to do with."""

from collections import Counter
from typing import TypeAlias

from qiskit import QuantumCircuit
from qiskit.circuit import CircuitInstruction, Clbit, Store
from qiskit.circuit.classical import expr

Clbits: TypeAlias = Counter[Clbit]


def clbits_of(instruction: CircuitInstruction) -> tuple[Clbit, ...]:
    """Return the clbits that an instruction reads or writes.

    Those of a classical assignment stand in its expressions alone.
    """
    operation = instruction.operation
    if not isinstance(operation, Store):
        return tuple(instruction.clbits)
    found: list[Clbit] = []
    for side in (operation.lvalue, operation.rvalue):
        for variable in expr.iter_vars(side):
            bits = variable.var
            found += [bits] if isinstance(bits, Clbit) else bits
    return tuple(dict.fromkeys(found))


def positions_of(circuit: QuantumCircuit) -> dict[str, list[int]]:
    """Return, for each register, which of the circuit's clbits its bits are. They may be shared."""
    index_of = {clbit: index for index, clbit in enumerate(circuit.clbits)}
    return {register.name: [index_of[clbit] for clbit in register] for register in circuit.cregs}
