"""What Qiskit's importer of OpenQASM 3 leaves out."""

from typing import Any

from qiskit import QuantumCircuit
from qiskit.circuit import ClassicalRegister


def with_named_bits(circuit: QuantumCircuit, program: Any) -> QuantumCircuit:
    """Make a register of each single ``bit name;``, in the order of declaration.

    Qiskit's importer leaves such bits without a register, and the sampler returns registers alone:
    what was measured into them would be lost.

    Args:
        circuit: What the importer made of the program.
        program: The program, as ``openqasm3`` parsed it.
    """
    import openqasm3.ast as qasm3  # noqa: PLC0415 - with the parser, which few circuits need

    declared = [
        (statement.identifier.name, statement.type.size is None)
        for statement in program.statements
        if isinstance(statement, qasm3.ClassicalDeclaration)
        and isinstance(statement.type, qasm3.BitType)
    ]
    if not any(is_single for _, is_single in declared):
        return circuit
    single_bits = iter(bit for bit in circuit.clbits if not circuit.find_bit(bit).registers)
    by_name = {register.name: register for register in circuit.cregs}
    named = QuantumCircuit(
        circuit.qubits, circuit.clbits, name=circuit.name, global_phase=circuit.global_phase
    )
    named.add_register(*circuit.qregs)
    for name, is_single in declared:
        named.add_register(
            ClassicalRegister(bits=[next(single_bits)], name=name) if is_single else by_name[name]
        )
    for instruction in circuit.data:
        named.append(instruction)
    return named
