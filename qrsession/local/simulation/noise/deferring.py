"""Measurements put off to the end of a circuit, where one run gives all shots.

What is measured on the way is copied to a qubit of its own, which nothing disturbs and which is
measured at the end. With few such measurements that costs less than to follow each shot by itself.
"""

from dataclasses import replace

from qiskit import QuantumCircuit
from qiskit.circuit import CircuitInstruction, Clbit, Measure, Qubit
from qiskit.circuit.library import CXGate

from qrsession.local.simulation.noise.channels import DEPHASING
from qrsession.local.simulation.noise.cutting import Cut


def deferred(cut: Cut) -> Cut:
    """Return a circuit with the same outcomes that ends with all of its measurements.

    It is for density matrices alone: a measurement whose bit is written over leaves nothing but
    a channel.

    Args:
        cut: A circuit that does not branch. What stands for its measurements has negative numbers
            in place of those of the device's qubits.
    """
    data = list(cut.circuit.data)
    last_on = {qubit: place for place, part in enumerate(data) for qubit in part.qubits}
    last_into = {clbit: place for place, part in enumerate(data) for clbit in part.clbits}
    target = QuantumCircuit(cut.circuit.qubits, cut.circuit.clbits)
    numbers = dict(cut.numbers)
    ending: list[tuple[Qubit, Clbit]] = []
    for place, part in enumerate(data):
        if part.name != "measure":
            _append(target, part)
            continue
        (qubit,), (clbit,) = part.qubits, part.clbits
        is_kept, is_last = last_into[clbit] == place, last_on[qubit] == place
        if is_kept and is_last:
            ending.append((qubit, clbit))
        elif is_kept:
            copy = Qubit()
            target.add_bits([copy])
            numbers[copy] = -1 - len(ending)
            _append(target, CircuitInstruction(CXGate(), (qubit, copy)))
            ending.append((copy, clbit))
        elif not is_last:
            _append(target, CircuitInstruction(DEPHASING.superoperator, (qubit,)))
    for qubit, clbit in ending:
        _append(target, CircuitInstruction(Measure(), (qubit,), (clbit,)))
    return replace(cut, circuit=target, numbers=numbers, is_sampled=True)


def _append(target: QuantumCircuit, part: CircuitInstruction) -> None:
    target._append(part)  # noqa: SLF001 - checked before
