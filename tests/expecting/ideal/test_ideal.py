"""What should come out of a circuit: exact, whatever it is made of, or refused."""

import math

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Clbit, Instruction, Parameter
from qiskit.circuit.classical import expr, types
from qiskit.circuit.library import QFTGate, UnitaryGate
from qiskit.circuit.random import random_circuit, random_clifford_circuit
from qiskit.quantum_info import Statevector
from qiskit.quantum_info.random import random_unitary
from qiskit_aer import AerSimulator

from qrsession.circuits.isolation import read_circuits
from qrsession.circuits.sources import read_source
from qrsession.errors import CircuitError
from qrsession.expecting.ideal import branching, ideal_distribution
from qrsession.expecting.ideal.branching import run_branches
from qrsession.expecting.ideal.compiling import compile_circuit
from qrsession.expecting.ideal.limits import MOST_BRANCHES
from qrsession.expecting.ideal.narrowing import narrow
from qrsession.expecting.ideal.registers import Registers, final_positions
from qrsession.expecting.ideal.stabilizers import run_stabilizers


def ghz(num_qubits: int) -> QuantumCircuit:
    circuit = QuantumCircuit(num_qubits, num_qubits)
    circuit.h(0)
    for qubit in range(num_qubits - 1):
        circuit.cx(qubit, qubit + 1)
    return circuit


def measured(circuit: QuantumCircuit) -> QuantumCircuit:
    circuit.measure(range(circuit.num_qubits), range(circuit.num_qubits))
    return circuit


def probabilities(circuit: QuantumCircuit) -> dict[str, float]:
    found = dict(ideal_distribution(circuit).probabilities)
    assert math.fsum(found.values()) == pytest.approx(1.0, abs=1e-12)
    return found


@pytest.mark.parametrize("seed", range(6))
def test_random_circuits_are_those_of_qiskit(seed: int) -> None:
    circuit = random_circuit(5, 6, max_operands=4, seed=seed)
    expected = Statevector(circuit).probabilities_dict(decimals=14)
    circuit.add_register(ClassicalRegister(5, "c"))
    ours = probabilities(measured(circuit))
    assert ours == pytest.approx({bits: p for bits, p in expected.items() if p > 1e-13}, abs=1e-12)


@pytest.mark.parametrize("by_aer", [False, True])
def test_numpy_and_aer_agree(monkeypatch: pytest.MonkeyPatch, *, by_aer: bool) -> None:
    if by_aer:
        monkeypatch.setattr(branching, "_MOST_BY_NUMPY", 0)
    circuit = QuantumCircuit(4, 4)
    circuit.append(UnitaryGate(random_unitary(16, seed=3)), [2, 0, 3, 1])
    circuit.append(QFTGate(3), [3, 1, 0])
    expected = Statevector(circuit).probabilities_dict()
    assert probabilities(measured(circuit)) == pytest.approx(expected, abs=1e-12)


def test_bundled_circuits_are_as_they_say() -> None:
    def example(name: str) -> dict[str, float]:
        (circuit,) = read_circuits(read_source(name))
        return probabilities(circuit)

    assert example("@bell") == pytest.approx({"00": 0.5, "11": 0.5})
    assert example("@dynamic") == pytest.approx({"1 0": 0.5, "0 1": 0.5})
    assert example("@grover")["10110"] > 0.99
    arrived = sum(chance for bits, chance in example("@teleportation").items() if bits[0] == "1")
    assert arrived == pytest.approx(math.sin(math.pi / 6) ** 2)


def test_registers_share_their_bits_and_stand_in_order() -> None:
    low, alone = ClassicalRegister(2, "low"), ClassicalRegister(1, "alone")
    circuit = QuantumCircuit(QuantumRegister(2, "q"), low, alone)
    circuit.add_register(ClassicalRegister(name="again", bits=[low[1]]))
    circuit.x(1)
    circuit.measure([0, 1], low)
    assert probabilities(circuit) == {"1 0 10": 1.0}
    assert Registers(circuit).widths == [1, 1, 2]
    assert list(final_positions(circuit)) == [0, 1]


def test_qubits_that_nothing_sees_cost_nothing() -> None:
    circuit = QuantumCircuit(100, 1)
    circuit.t(range(100))
    for qubit in range(99):
        circuit.rxx(0.1, qubit, qubit + 1)
    # What is reset before it is seen does not matter either.
    circuit.reset(50)
    circuit.ry(2 * math.pi / 3, 50)
    circuit.measure(50, 0)
    circuit.rzz(0.3, 50, 51)
    assert probabilities(circuit) == pytest.approx({"0": 0.25, "1": 0.75})


def test_measuring_and_resetting_on_the_way_parts_the_state() -> None:
    circuit = QuantumCircuit(2, 3)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure(0, 0)
    circuit.reset(0)
    circuit.h(0)
    circuit.measure(0, 1)
    circuit.measure(1, 2)
    quarter = {"000": 0.25, "010": 0.25, "101": 0.25, "111": 0.25}
    assert probabilities(circuit) == pytest.approx(quarter)
    # Qubit 0 ends with its second measurement.
    assert list(final_positions(circuit)) == [1, 2]


def test_a_circuit_may_end_with_something_else_than_a_measurement() -> None:
    """Of all that it measures it goes on to make use."""
    circuit = QuantumCircuit(1, 2)
    circuit.h(0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(0)
        circuit.measure(0, 1)
    assert probabilities(circuit) == pytest.approx({"00": 0.5, "01": 0.5})


def test_branches_loops_and_switches() -> None:
    circuit = QuantumCircuit(2)
    bits = ClassicalRegister(2, "bits")
    tries = ClassicalRegister(1, "tries")
    circuit.add_register(bits, tries)
    # Until it is 1: always is, in the end.
    with circuit.while_loop((tries, 0)):
        circuit.h(0)
        circuit.measure(0, tries[0])
    # Two quarter turns, of three: the third round is left out.
    with circuit.for_loop(range(3)) as index:
        with circuit.if_test(expr.less(expr.lift(bits), 3)):
            circuit.rx(math.pi / 4, 1)
        circuit.rx(index * math.pi / 4, 1)
        with circuit.if_test((tries, 1)):
            circuit.continue_loop()
        circuit.x(1)
    circuit.measure(1, bits[0])
    with circuit.switch(expr.bit_and(bits, 1)) as case:
        with case(0):
            circuit.x(0)
        with case(case.DEFAULT):
            circuit.z(0)
    circuit.measure(0, bits[1])
    # 3 * 45 and (0 + 1 + 2) * 45 degrees: 270, as good as 90 for what is measured.
    assert probabilities(circuit) == pytest.approx({"1 00": 0.5, "1 11": 0.5})


def test_dynamic_circuits_agree_with_shots_of_aer() -> None:
    circuit = QuantumCircuit(3, 3)
    circuit.ry(0.7, 0)
    circuit.cx(0, 1)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)) as otherwise:
        circuit.ry(1.1, 1)
    with otherwise:
        circuit.ry(0.4, 2)
    circuit.cx(1, 2)
    circuit.measure([1, 2], [1, 2])
    shots = 20_000
    counts = AerSimulator(seed_simulator=5).run(circuit, shots=shots).result().get_counts()
    ours = probabilities(circuit)
    assert set(counts) <= set(ours)
    for bits, chance in ours.items():
        limit = 5 * math.sqrt(chance * (1 - chance) / shots)
        assert counts.get(bits, 0) / shots == pytest.approx(chance, abs=limit)


@pytest.mark.parametrize("seed", range(8))
def test_stabilizers_agree_with_state_vectors(seed: int) -> None:
    rng = np.random.default_rng(seed)
    circuit = random_clifford_circuit(5, 25, seed=seed)
    circuit.add_register(ClassicalRegister(3, "a"), ClassicalRegister(2, "b"))
    count = int(rng.integers(1, 6))
    circuit.measure(rng.permutation(5)[:count].tolist(), rng.permutation(5)[:count].tolist())
    program, registers = narrow(compile_circuit(circuit)), Registers(circuit)
    by_stabilizers = run_stabilizers(program, registers)
    assert by_stabilizers == pytest.approx(run_branches(program, registers), abs=1e-12)


def test_wide_clifford_circuits_are_exact() -> None:
    assert probabilities(measured(ghz(127))) == {"0" * 127: 0.5, "1" * 127: 0.5}


def with_variable() -> QuantumCircuit:
    circuit = QuantumCircuit(1, 1)
    circuit.add_var("counter", expr.lift(0, types.Uint(8)))
    circuit.measure(0, 0)
    return circuit


def endless() -> QuantumCircuit:
    circuit = QuantumCircuit(1, 1)
    with circuit.while_loop((circuit.clbits[0], 0)):
        circuit.z(0)
    circuit.measure(0, 0)
    return circuit


def many_courses() -> QuantumCircuit:
    circuit = QuantumCircuit(1, 1)
    for _ in range(MOST_BRANCHES.bit_length() + 1):
        circuit.h(0)
        circuit.measure(0, 0)
    return circuit


def unknown() -> QuantumCircuit:
    circuit = QuantumCircuit(1, 1)
    circuit.append(Instruction("mystery", 1, 0, []), [0])
    circuit.measure(0, 0)
    return circuit


def long_loop() -> QuantumCircuit:
    circuit = QuantumCircuit(1, 1)
    with circuit.for_loop(range(10**12)):
        circuit.x(0)
    circuit.measure(0, 0)
    return circuit


def wide(*, is_dynamic: bool) -> QuantumCircuit:
    circuit = ghz(30)
    if is_dynamic:
        circuit.measure(3, 3)
        circuit.h(3)
    else:
        circuit.t(3)
        circuit.h(3)
    return measured(circuit)


def flat() -> QuantumCircuit:
    circuit = QuantumCircuit(30, 30)
    circuit.h(range(30))
    return measured(circuit)


@pytest.mark.parametrize(
    ("circuit", "words"),
    [
        (with_variable(), "classical variables"),
        (endless(), "a loop does not end"),
        (many_courses(), "its courses are too many"),
        (unknown(), "'mystery' has no matrix"),
        (long_loop(), "operations when written out"),
        (wide(is_dynamic=True), "measures on the way"),
        (wide(is_dynamic=False), "not all of its gates are Clifford gates"),
        (flat(), "has 2^30 outcomes"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_worked_out_is_refused(
    monkeypatch: pytest.MonkeyPatch, circuit: QuantumCircuit, words: str
) -> None:
    monkeypatch.setattr(branching, "MOST_STEPS", 20_000)
    with pytest.raises(CircuitError, match="ideal distribution is not known") as caught:
        ideal_distribution(circuit)
    assert words in caught.value.message
    assert "--reference" in caught.value.advice


def test_final_measurements_are_found() -> None:
    circuit = QuantumCircuit(5, 4)
    circuit.add_bits([Clbit()])
    circuit.rx(Parameter("angle"), 0)
    circuit.measure(0, 2)
    circuit.barrier()
    circuit.measure(1, 0)
    circuit.measure(2, 0)  # overwrites qubit 1
    circuit.measure(3, 1)
    circuit.x(3)  # goes on after its measurement
    circuit.measure(4, 4)  # into a bit of no register
    assert list(final_positions(circuit)) == [2, None, 0, None, None]
