"""Circuits held against a device's instructions, as IBM's client holds them."""

import json
import math
from collections.abc import Callable

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit
from qiskit.circuit import CircuitInstruction, Gate, Parameter, Qubit
from qiskit.circuit.classical import expr, types
from qiskit.circuit.library import QFTGate, UnitaryGate
from qiskit.primitives.containers.bindings_array import BindingsArray
from qiskit.primitives.containers.observables_array import ObservablesArray
from qiskit_ibm_runtime.utils.utils import is_isa_circuit

from qrsession.circuits.isa import (
    InstructionSet,
    check_bound_angles,
    check_pubs,
    foreign_term,
    is_dynamic,
    register_problem,
)
from qrsession.circuits.isolation import read_circuits
from qrsession.circuits.sources import Transpilation, read_source
from qrsession.circuits.target import build_target
from qrsession.circuits.transpilation import transpile
from qrsession.codec import encode
from qrsession.errors import CircuitError
from qrsession.protocol.typed import Array
from tests.documents import backend_of, parsed

# Eagle, Heron of three revisions, Nighthawk, and Falcon.
DEVICES = ["sherbrooke", "torino", "fez", "boston", "brussels", "miami", "manila"]
DYNAMIC = {"sherbrooke", "torino", "fez", "boston", "brussels", "manila"}
SIMULATOR = {
    "backend_name": "aer_simulator",
    "n_qubits": 4,
    "simulator": True,
    "coupling_map": None,
    "basis_gates": ["h", "cx", "rz", "x"],
    "gates": [],
    "supported_instructions": ["measure", "reset", "delay", "unitary", "if_else", "break_loop"],
}


def instructions_of(machine: str) -> InstructionSet:
    return backend_of(machine).instruction_set


def with_delays() -> QuantumCircuit:
    circuit = QuantumCircuit(3, 2)
    circuit.h(0)
    circuit.delay(130, 0, "ns")
    circuit.delay(33, 1)
    circuit.delay(1, 2, "us")
    circuit.cx(0, 2)
    circuit.measure([0, 2], [0, 1])
    return circuit


def with_delays_in_blocks() -> QuantumCircuit:
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)) as otherwise:
        circuit.delay(101, 1, "ns")
        circuit.cx(1, 0)
    with otherwise:
        circuit.rzz(2.2, 0, 1)
    circuit.measure([0, 1], [0, 1])
    return circuit


def example(name: str) -> Callable[[], QuantumCircuit]:
    return lambda: read_circuits(read_source(f"@{name}"))[0]


CIRCUITS: dict[str, Callable[[], QuantumCircuit]] = {
    **{name: example(name) for name in ("bell", "ghz", "ansatz", "dynamic", "teleportation")},
    "delays": with_delays,
    "delays in blocks": with_delays_in_blocks,
}
NEEDS_BRANCHES = {"dynamic", "teleportation", "delays in blocks"}


@pytest.mark.filterwarnings("ignore:Duration is rounded")
@pytest.mark.parametrize("level", [0, 2])
@pytest.mark.parametrize("machine", DEVICES)
def test_what_is_transpiled_fits_by_both_accounts(machine: str, level: int) -> None:
    backend = backend_of(machine)
    for name, make in CIRCUITS.items():
        if name in NEEDS_BRANCHES and machine not in DYNAMIC:
            with pytest.raises(CircuitError, match="it has no if_else"):
                transpile(make(), backend.target, Transpilation(level, 7), name)
            continue
        circuit = make()
        assert is_isa_circuit(circuit, backend.target) != ""
        with pytest.raises(CircuitError, match="cannot run"):
            backend.instruction_set.check(circuit, name)
        fitted = transpile(circuit, backend.target, Transpilation(level, 7), name)
        assert is_isa_circuit(fitted, backend.target) == "", name
        assert backend.instruction_set.check(fitted, name) is False
        steps = math.lcm(backend.target.acquire_alignment, backend.target.pulse_alignment)
        delays = [item.operation for item in fitted.data if item.name == "delay"]
        assert len(delays) == (3 if name == "delays" else 0)
        for delay in delays:
            assert (delay.unit, delay.duration % steps) == ("dt", 0)


def one(build: Callable[[QuantumCircuit], object], width: int = 156) -> QuantumCircuit:
    circuit = QuantumCircuit(width, 3)
    circuit.sx(0)
    build(circuit)
    return circuit


def in_a_loop(circuit: QuantumCircuit) -> None:
    with circuit.for_loop(range(2)):
        circuit.cz(4, 70)


def in_a_branch(circuit: QuantumCircuit) -> None:
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.h(9)


@pytest.mark.parametrize(
    ("build", "instruction", "qubits", "words"),
    [
        (lambda c: c.h(5), "h", [5], "no such instruction; it has cz, delay,"),
        (lambda c: c.cx(0, 1), "cx", [0, 1], "no such instruction"),
        (lambda c: c.cz(0, 5), "cz", [0, 5], "qubits 0, 5 .* does not couple"),
        (lambda c: c.append(Gate("wobble", 1, []), [3]), "wobble", [3], "no such instruction"),
        (in_a_loop, "cz", [4, 70], "does not couple"),
        (in_a_branch, "h", [9], "no such instruction"),
    ],
)
def test_what_a_device_has_not(
    build: Callable[[QuantumCircuit], object], instruction: str, qubits: list[int], words: str
) -> None:
    circuit = one(build)
    assert is_isa_circuit(circuit, backend_of("fez").target) != ""
    with pytest.raises(CircuitError, match=words) as caught:
        instructions_of("fez").check(circuit, "mine.qpy")
    assert caught.value.exit_code == 2
    assert caught.value.message.startswith("mine.qpy: the instruction ")
    assert "--no-transpile" in caught.value.advice
    assert caught.value.details == {
        "path": "mine.qpy",
        "instruction": instruction,
        "qubits": qubits,
    }


@pytest.mark.parametrize(
    "build",
    [
        lambda c: c.barrier(),
        lambda c: c.measure([3, 4], [0, 1]),
        lambda c: c.delay(100, 3),
        lambda c: c.reset(2),
        lambda c: c.cz(0, 1),
        lambda c: c.rz(Parameter("a"), 1),
        lambda c: c.store(
            c.add_var("flag", expr.lift(0, types.Uint(8))), expr.lift(1, types.Uint(8))
        ),
    ],
)
def test_what_a_device_has(build: Callable[[QuantumCircuit], object]) -> None:
    circuit = one(build)
    assert is_isa_circuit(circuit, backend_of("fez").target) == ""
    assert instructions_of("fez").check(circuit, "mine") is False


def test_a_width_beyond_the_backend() -> None:
    with pytest.raises(CircuitError, match="157 qubits, the backend 156"):
        instructions_of("fez").check(QuantumCircuit(157), "mine")
    instructions_of("fez").check(QuantumCircuit(156), "mine")


def test_faulty_qubits_and_gates() -> None:
    configuration, properties = parsed("fez")
    broken = {"date": "2026-01-01T00:00:00Z", "name": "operational", "unit": "", "value": 0}
    properties["qubits"][5].append(broken)
    for gate in properties["gates"]:
        if (gate["gate"], gate["qubits"]) == ("cz", [0, 1]):
            gate["parameters"].append(broken)
    instructions = InstructionSet(configuration, properties)
    with pytest.raises(CircuitError, match="qubit 5 of the backend is out of order"):
        instructions.check(one(lambda c: c.sx(5)), "mine")
    with pytest.raises(CircuitError, match="cz on qubits 0, 1 cannot run"):
        instructions.check(one(lambda c: c.cz(0, 1)), "mine")
    instructions.check(one(lambda c: c.cz(2, 3)), "mine")


# Angles


def test_angles_of_rzz() -> None:
    instructions = instructions_of("fractional")
    assert instructions.check(one(lambda c: c.rzz(1.5, 0, 1), 5), "mine") is False
    for angle in (-0.1, 1.6, 5.5):
        circuit = one(lambda c, angle=angle: c.rzz(angle, 0, 1), 5)  # type: ignore[misc] # bound now
        assert is_isa_circuit(circuit, backend_of("fractional", use_fractional_gates=True).target)
        with pytest.raises(CircuitError, match=rf"rzz on qubits 0, 1 has the angle {angle}"):
            instructions.check(circuit, "mine")


def numbers_of(rows: list[list[float]]) -> Array:
    return Array(np.array(rows, dtype="<f8").tobytes(), (len(rows), len(rows[0])), "<f8")


def test_angles_that_depend_on_parameters() -> None:
    circuit = QuantumCircuit(2, 1)
    alpha, beta = Parameter("alpha"), Parameter("beta")
    circuit.rzz(alpha, 0, 1)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.rzz(alpha + beta, 0, 1)
    instructions = instructions_of("fractional")
    assert instructions.check(circuit, "mine") is True
    fine = BindingsArray({("alpha", "beta"): [[0.1, 0.2], [1.0, -0.5]]})
    instructions.check_angles(circuit, fine, "mine")
    for values, words in (
        ([[0.1, 0.2], [2.0, -1.0]], "angle 2 where alpha=2"),
        ([[0.1, 0.2], [1.0, -1.5]], "angle -0.5 where "),
    ):
        bindings = BindingsArray({("alpha", "beta"): values})
        with pytest.raises(CircuitError, match=words):
            instructions.check_angles(circuit, bindings, "mine")
        with pytest.raises(CircuitError, match=words):
            check_bound_angles(encode(circuit), numbers_of(values))
    check_bound_angles(encode(circuit), numbers_of([[0.1, 0.2]]))


# Simulators


def test_a_simulator_takes_what_can_be_taken_apart() -> None:
    instructions = InstructionSet(SIMULATOR, {})
    circuit = QuantumCircuit(3, 3)
    circuit.append(QFTGate(3), [0, 1, 2])
    circuit.append(UnitaryGate([[0, 1], [1, 0]]), [0])
    circuit.rzz(-7.0, 0, 1)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.swap(0, 1)
    assert instructions.check(circuit, "mine") is False
    assert (instructions.is_device, instructions.bounds_angles) == (False, False)


def test_a_simulator_refuses_what_nobody_knows() -> None:
    instructions = InstructionSet(SIMULATOR, {})
    circuit = QuantumCircuit(2, 1)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.append(Gate("wobble", 1, []), [1])
    with pytest.raises(CircuitError, match="wobble on qubit") as caught:
        instructions.check(circuit, "mine")
    assert caught.value.details["instruction"] == "wobble"
    with pytest.raises(CircuitError, match="5 qubits, the backend 4"):
        instructions.check(QuantumCircuit(5), "mine")


# What is beside the instructions


def with_register(name: str, size: int) -> QuantumCircuit:
    circuit = QuantumCircuit(1)
    circuit.add_register(ClassicalRegister(size, name))
    return circuit


@pytest.mark.parametrize(
    ("circuit", "words"),
    [
        (with_register("c", 1), ""),
        (with_register("c", 0), "'c' has no bits"),
        (with_register("my reg", 1), "'my reg' needs another name"),
        (with_register("2nd", 1), "'2nd' needs another name"),
        (with_register("lambda", 1), "'lambda' needs another name"),
        (QuantumCircuit(1, 1), ""),
        (QuantumCircuit(1), ""),
    ],
)
def test_names_of_registers(circuit: QuantumCircuit, words: str) -> None:
    problem = register_problem(circuit)
    assert words in problem
    assert bool(problem) is bool(words)


def test_what_is_dynamic() -> None:
    assert is_dynamic(with_delays_in_blocks())
    assert not is_dynamic(with_delays())


def test_terms_that_are_no_paulis() -> None:
    assert foreign_term(ObservablesArray.coerce(["XYZI", {"ZZZZ": 0.5}])) is None
    assert foreign_term(ObservablesArray.coerce(["XYZI", {"0ZZZ": 0.5}])) == "0ZZZ"


def test_pubs_of_all_forms() -> None:
    instructions = instructions_of("fez")
    good, bad = one(lambda c: c.cz(0, 1)), one(lambda c: c.h(0))
    check_pubs("sampler", [good, [good], (good, None), "OPENQASM 3.0;", {}, [], [{}]], instructions)
    for pub in (bad, [bad], (bad, None, 100)):
        with pytest.raises(CircuitError, match="circuit of pub 1"):
            check_pubs("sampler", [good, pub], instructions)
    named = with_register("lambda", 1)
    check_pubs("estimator", [named], instructions)
    with pytest.raises(CircuitError, match="needs another name"):
        check_pubs("sampler", [named], instructions)


def test_a_circuit_is_held_against_all_gates_there_are() -> None:
    """Who transpiled by themselves to fractional gates need not say so again."""
    circuit = one(lambda c: c.rzz(0.3, 0, 1), 5)
    backend = backend_of("fractional")
    assert "rzz" not in backend.target.operation_names
    assert backend.instruction_set.check(circuit, "mine") is False


def test_checking_does_not_change_a_circuit() -> None:
    circuit = one(in_a_branch)
    circuit.data = circuit.data[:-1]
    before = json.dumps(encode(circuit))
    instructions_of("fez").check(circuit, "mine")
    assert json.dumps(encode(circuit)) == before
    assert isinstance(circuit.data[0], CircuitInstruction)
    assert isinstance(circuit.qubits[0], Qubit)
    assert build_target(*parsed("fez")).num_qubits == circuit.num_qubits
