"""Circuits that branch and loop: what they do, and that Aer's short cuts do not change it."""

import json
import math
from collections import Counter
from typing import Any

import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Gate, Parameter
from qiskit.circuit.classical import expr

from qrsession.codec import encode
from qrsession.local.simulation.programs.sampling import sample
from qrsession.local.simulation.simulator import Simulator


@pytest.fixture(scope="module")
def simulator() -> Simulator:
    """Return one for all tests of this module."""
    return Simulator(2000)


def counts(
    simulator: Simulator, circuit: QuantumCircuit, shots: int = 50, values: Any = None
) -> Counter[str]:
    """Count the bitstrings of the registers joined as Qiskit joins them."""
    pub = [json.loads(json.dumps(encode(circuit))), values, shots]
    data = sample({"pubs": [pub], "version": 2}, simulator, 11)["results"][0]["data"]
    columns = [
        [f"{int(value, 16):0{register['num_bits']}b}" for value in register["samples"]]
        for register in data.values()
    ]
    return Counter(" ".join(reversed(row)) for row in zip(*columns, strict=True))


def test_if_and_else(simulator: Simulator) -> None:
    """Each branch is taken where its condition holds."""
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)) as otherwise:
        circuit.x(1)
    with otherwise:
        circuit.id(1)
    circuit.measure(1, 1)
    found = counts(simulator, circuit, 1000)
    assert set(found) == {"00", "11"}
    assert abs(found["00"] - 500) < 4 * math.sqrt(250)


def test_a_branch_that_holds_the_only_measurement(simulator: Simulator) -> None:
    """Aer searches for branches only after the first measurement, and here there is none before."""
    circuit = QuantumCircuit(2, 2)
    with circuit.if_test((circuit.clbits[0], 0)):
        circuit.x(1)
        circuit.measure(1, 1)
    assert counts(simulator, circuit) == {"10": 50}


def test_a_loop_whose_end_acts_on_its_beginning(simulator: Simulator) -> None:
    """The gate after the measurement matters to the next round, though nothing follows it."""
    circuit = QuantumCircuit(1, 1)
    with circuit.while_loop((circuit.clbits[0], 0)):
        circuit.measure(0, 0)
        circuit.h(0)
    assert counts(simulator, circuit) == {"1": 50}


def test_while_stops_when_its_condition_fails(simulator: Simulator) -> None:
    """Repeat until success: the number of rounds is geometric."""
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.measure(0, 0)
    with circuit.while_loop((circuit.clbits[0], 0)):
        circuit.x(1)
        circuit.h(0)
        circuit.measure(0, 0)
    circuit.measure(1, 1)
    found = counts(simulator, circuit, 3000)
    # An even number of rounds, with probability 1/2 + 1/8 + 1/32 + ... = 2/3.
    assert set(found) == {"01", "11"}
    assert abs(found["01"] - 2000) < 4 * math.sqrt(3000 * 2 / 9)


def test_break_and_continue(simulator: Simulator) -> None:
    """Out of a loop, and on to its next round."""
    circuit = QuantumCircuit(3, 3)
    with circuit.for_loop(range(5)):
        circuit.x(0)
        circuit.measure(0, 0)
        with circuit.if_test((circuit.clbits[0], 1)):
            circuit.continue_loop()
        circuit.x(1)
        with circuit.if_test((circuit.clbits[0], 0)):
            circuit.break_loop()
        circuit.x(2)
    circuit.measure([1, 2], [1, 2])
    assert counts(simulator, circuit) == {"010": 50}


def test_for_with_a_parameter_of_its_own_and_a_free_one(simulator: Simulator) -> None:
    """The loop's variable is bound by the loop, the circuit's by the pub."""
    step, free = Parameter("step"), Parameter("free")
    circuit = QuantumCircuit(2, 2)
    with circuit.for_loop([0, 1, 2], step):
        circuit.rx(step * math.pi / 3, 0)
        circuit.rx(free, 1)
    circuit.measure([0, 1], [0, 1])
    assert counts(simulator, circuit, values=[math.pi / 3]) == {"11": 50}
    assert counts(simulator, circuit, values=[0.0]) == {"01": 50}


def test_switch(simulator: Simulator) -> None:
    """By the value of a register, with a default."""
    qubits = QuantumRegister(2, "q")
    chosen, result = ClassicalRegister(2, "chosen"), ClassicalRegister(2, "result")
    expected = {0: "11 00", 1: "00 01", 2: "01 10", 3: "00 11"}
    for value, bitstring in expected.items():
        circuit = QuantumCircuit(qubits, chosen, result)
        for qubit in range(2):
            if value >> qubit & 1:
                circuit.x(qubit)
        circuit.measure(qubits, chosen)
        circuit.reset(qubits)
        with circuit.switch(chosen) as case:
            with case(0):
                circuit.x(qubits)
            with case(2):
                circuit.x(0)
            with case(case.DEFAULT):
                circuit.id(0)
        circuit.measure(qubits, result)
        assert counts(simulator, circuit) == {bitstring: 50}


def test_expressions_and_store(simulator: Simulator) -> None:
    """Conditions over several bits and registers, and a bit that is set by a store."""
    qubits = QuantumRegister(2, "q")
    first, second = ClassicalRegister(2, "first"), ClassicalRegister(2, "second")
    circuit = QuantumCircuit(qubits, first, second)
    circuit.x(0)
    circuit.measure(qubits, first)
    with circuit.if_test(expr.logic_and(expr.less(first, 2), first[0])):
        circuit.x(1)
        circuit.store(second[1], expr.logic_not(first[1]))
    circuit.measure(1, second[0])
    assert counts(simulator, circuit) == {"11 01": 50}


def test_blocks_with_their_bits_crossed(simulator: Simulator) -> None:
    """A block's own bits are in another order than the circuit's, twice over."""
    inner = QuantumCircuit(2, 2)
    inner.x(0)
    inner.measure(0, 0)
    outer = QuantumCircuit(2, 2)
    outer.if_test((outer.clbits[1], 0), inner, [1, 0], [1, 0])
    circuit = QuantumCircuit(2, 2)
    circuit.x(0)
    circuit.measure(0, 1)
    # outer's qubit 1 is qubit 0 here and its bit 1 is bit 0: inner flips qubit 0 and sees 0.
    circuit.if_test((circuit.clbits[1], 1), outer, [1, 0], [1, 0])
    circuit.measure(0, 1)
    assert counts(simulator, circuit) == {"00": 50}


@pytest.mark.parametrize("crossed", [False, True])
def test_registers_within_blocks(simulator: Simulator, crossed: bool) -> None:
    """A block's condition on a register of its own means the bits that the block was put on."""
    inner = QuantumCircuit(3, 2)
    inner.x(2)
    register = ClassicalRegister(2, "inside")
    outer = QuantumCircuit(QuantumRegister(3, "held"), register)
    outer.if_test((register, 1), inner, range(3), range(2))
    with outer.switch(register) as case, case(2):
        outer.x(1)
    circuit = QuantumCircuit(3, 4)
    circuit.x(0)
    circuit.measure(0, 0)
    # Bit 0 of the register is the circuit's bit 0, or its bit 1 when crossed: its value is 1 or 2.
    bits = [1, 0] if crossed else [0, 1]
    circuit.if_test((circuit.clbits[0], 1), outer, range(3), bits)
    circuit.measure([1, 2], [2, 3])
    assert counts(simulator, circuit) == {"0101" if crossed else "1001": 50}


def test_custom_gates_within_blocks(simulator: Simulator) -> None:
    """They are unrolled there too, and boxes are opened."""
    definition = QuantumCircuit(2)
    definition.x(1)
    gate = Gate("h", 2, [])
    gate.definition = definition
    circuit = QuantumCircuit(2, 2)
    circuit.x(0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)), circuit.box():
        circuit.append(gate, [0, 1])
    circuit.measure(1, 1)
    assert counts(simulator, circuit) == {"11": 50}


def test_teleportation_on_a_wide_circuit(simulator: Simulator) -> None:
    """Any state arrives, however many qubits stand idle beside it, barriers and delays included."""
    angle = 1.1
    bits = [ClassicalRegister(1, name) for name in ("z", "x", "out")]
    circuit = QuantumCircuit(QuantumRegister(120, "q"), *bits)
    alice, here, there = 7, 60, 111
    circuit.ry(angle, alice)
    circuit.h(here)
    circuit.cx(here, there)
    circuit.barrier()
    circuit.cx(alice, here)
    circuit.h(alice)
    circuit.delay(100, range(120))
    circuit.measure(alice, bits[0])
    circuit.measure(here, bits[1])
    with circuit.if_test((bits[1], 1)):
        circuit.x(there)
    with circuit.if_test((bits[0], 1)):
        circuit.z(there)
    circuit.ry(-angle, there)
    circuit.measure(there, bits[2])
    found = counts(simulator, circuit, 400)
    assert {key[0] for key in found} == {"0"}
    assert len(found) == 4
