"""Circuits to targets: the result fits, means the same, and comes again with its seed."""

import functools
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import qiskit_ibm_runtime
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import ControlFlowOp, ForLoopOp, IfElseOp, Parameter, Qubit
from qiskit.circuit.classical import expr
from qiskit.circuit.random import random_circuit
from qiskit.providers.fake_provider import GenericBackendV2
from qiskit.quantum_info import Operator, hellinger_fidelity
from qiskit.transpiler import CouplingMap, Target
from qiskit_aer import AerSimulator

from qrsession.circuits.sources import Transpilation
from qrsession.circuits.target import build_target
from qrsession.circuits.transpilation import transpile
from qrsession.errors import CircuitError

SNAPSHOTS = Path(qiskit_ibm_runtime.__file__).parent / "fake_provider" / "backends"
BASIS = ["rz", "sx", "x", "cx", "measure", "reset", "delay"]
ONE_WAY = [(0, 1), (2, 1), (2, 3), (4, 3)]
SHOTS = 3000
LEVELS = pytest.mark.parametrize("level", [0, 1, 2, 3])


def snapshot(name: str) -> Target:
    folder = SNAPSHOTS / name
    return build_target(
        json.loads((folder / f"conf_{name}.json").read_text()),
        json.loads((folder / f"props_{name}.json").read_text()),
    )


@functools.cache
def target_of(name: str) -> Target:
    if name == "all to all":
        target = Target.from_configuration(BASIS, num_qubits=5)
        target.add_instruction(IfElseOp, name="if_else")
        target.add_instruction(ForLoopOp, name="for_loop")
        return target
    if name == "one way":
        return Target.from_configuration(BASIS, 5, CouplingMap(ONE_WAY))
    if name == "generic":
        backend = GenericBackendV2(
            5, ["id", "rz", "sx", "x", "cz"], coupling_map=ONE_WAY, seed=1, control_flow=True
        )
        return backend.target
    return snapshot(name)


TARGETS = pytest.mark.parametrize(
    "target_name", ["all to all", "one way", "generic", "manila", "sherbrooke", "fez"]
)


def strangers(
    circuit: QuantumCircuit, target: Target, places: dict[Qubit, int] | None = None
) -> list[Any]:
    """Return the instructions of a circuit, blocks included, that a target does not have."""
    places = places or {qubit: index for index, qubit in enumerate(circuit.qubits)}
    found = []
    for item in circuit.data:
        qubits = tuple(places[qubit] for qubit in item.qubits)
        operation = item.operation
        if isinstance(operation, ControlFlowOp):
            if operation.name not in target.operation_names:
                found.append(operation.name)
            for block in operation.blocks:
                inner = dict(zip(block.qubits, qubits, strict=True))
                found += strangers(block, target, inner)
        elif operation.name != "barrier" and not target.instruction_supported(
            operation.name, qubits, parameters=list(operation.params)
        ):
            found.append((operation.name, qubits))
    return found


SEEDS = pytest.mark.parametrize(
    "seeds", [range(1), pytest.param(range(1, 8), marks=pytest.mark.deep)], ids=["one", "more"]
)


@LEVELS
@TARGETS
@SEEDS
def test_random_circuits_fit_and_mean_the_same(level: int, target_name: str, seeds: range) -> None:
    target = target_of(target_name)
    for seed in seeds:
        circuit = random_circuit(4, 4, max_operands=3, seed=seed)
        fitted = transpile(circuit, target, Transpilation(level, seed=seed), "random")
        assert strangers(fitted, target) == []
        if fitted.num_qubits <= 5:
            wide = QuantumCircuit(fitted.num_qubits).compose(circuit, range(4))
            assert Operator.from_circuit(fitted).equiv(Operator(wide))


@pytest.mark.parametrize("seed", range(8))
def test_level_3_comes_to_an_end(seed: int) -> None:
    """Synthesis goes back and forth between two forms of some circuits."""
    circuit = random_circuit(4, 5, max_operands=3, seed=seed)
    target = target_of("sherbrooke")
    assert strangers(transpile(circuit, target, Transpilation(3, seed), "random"), target) == []


def mixed() -> QuantumCircuit:
    """Two registers, a parameter's value, a mid-circuit measurement and a reset, asymmetric."""
    circuit = QuantumCircuit(
        QuantumRegister(3, "q"), ClassicalRegister(2, "a"), ClassicalRegister(1, "b")
    )
    circuit.h(0)
    circuit.cp(0.7, 0, 2)
    circuit.ry(1.1, 1)
    circuit.cx(2, 1)
    circuit.measure(1, 2)
    circuit.reset(1)
    circuit.ccx(0, 2, 1)
    circuit.measure([0, 1], [1, 0])
    return circuit


def dynamic() -> QuantumCircuit:
    circuit = QuantumCircuit(2, 2)
    circuit.ry(1.0, 0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)) as otherwise:
        circuit.h(1)
        circuit.cx(1, 0)
    with otherwise:
        circuit.x(1)
    with circuit.for_loop(range(3)):
        circuit.sx(0)
    circuit.measure([0, 1], [0, 1])
    return circuit


def in_rounds(rounds: range) -> QuantumCircuit:
    """Return a circuit whose loop turns three qubits that a device does not couple in a ring."""
    circuit = QuantumCircuit(3, 3)
    angle = Parameter("angle")
    with circuit.for_loop(rounds, angle):
        circuit.ry(angle, 0)
        circuit.cx(0, 1)
        circuit.cx(1, 2)
        circuit.cx(2, 0)
        circuit.ccx(0, 1, 2)
    circuit.measure([0, 1, 2], [0, 1, 2])
    return circuit


def used(circuit: QuantumCircuit) -> set[Qubit]:
    return {qubit for part in circuit.data for qubit in part.qubits if part.name != "barrier"}


@pytest.mark.parametrize("level", [1, 2, 3])
def test_a_loop_stays_on_its_own_qubits(level: int) -> None:
    """Unrolled, its qubits need not be put back each round by ways over others."""
    circuit = in_rounds(range(1, 4))
    fitted = transpile(circuit, target_of("fez"), Transpilation(level, seed=1), "loop")
    assert len(used(fitted)) == 3
    assert "for_loop" not in fitted.count_ops()
    narrow = transpile(circuit, target_of("generic"), Transpilation(level, seed=1), "loop")
    reference = AerSimulator(seed_simulator=5, max_parallel_threads=1)
    unfitted = transpile(circuit, reference.target, Transpilation(0), "loop")
    assert hellinger_fidelity(sampled(narrow), sampled(unfitted)) > 0.99


def test_a_long_loop_stays_a_loop() -> None:
    circuit = in_rounds(range(10_001))
    fitted = transpile(circuit, target_of("generic"), Transpilation(1, seed=1), "loop")
    assert fitted.count_ops()["for_loop"] == 1


def test_a_loop_within_a_loop_is_unrolled_and_one_that_branches_is_not() -> None:
    nested = QuantumCircuit(2, 2)
    with nested.for_loop(range(2)), nested.for_loop(range(3)):
        nested.sx(0)
        nested.cx(0, 1)
    branching = QuantumCircuit(2, 2)
    with branching.for_loop(range(2)):
        branching.measure(0, 0)
        with branching.if_test((branching.clbits[0], 1)):
            branching.x(1)
    for circuit, number in ((nested, 0), (branching, 1)):
        circuit.measure([0, 1], [0, 1])
        fitted = transpile(circuit, target_of("generic"), Transpilation(1, seed=1), "loop")
        assert fitted.count_ops().get("for_loop", 0) == number
        reference = AerSimulator(seed_simulator=5, max_parallel_threads=1)
        unfitted = transpile(circuit, reference.target, Transpilation(0), "loop")
        assert hellinger_fidelity(sampled(fitted), sampled(unfitted)) > 0.99


def test_a_loop_with_a_variable_of_its_own_stays_a_loop() -> None:
    circuit = QuantumCircuit(1, 1)
    with circuit.for_loop(range(2)):
        flag = circuit.add_var("flag", expr.lift(True))  # noqa: FBT003 - a literal of Qiskit's
        with circuit.if_test(flag):
            circuit.x(0)
    circuit.measure(0, 0)
    fitted = transpile(circuit, target_of("generic"), Transpilation(1, seed=1), "loop")
    assert fitted.count_ops()["for_loop"] == 1


def sampled(circuit: QuantumCircuit) -> dict[str, int]:
    simulator = AerSimulator(seed_simulator=3, max_parallel_threads=1)
    counts: dict[str, int] = simulator.run(circuit, shots=SHOTS).result().get_counts()
    return counts


@LEVELS
@pytest.mark.parametrize("target_name", ["all to all", "generic", "manila"])
@pytest.mark.parametrize("make", [mixed, dynamic])
def test_counts_stay_what_they_were(level: int, target_name: str, make: Any) -> None:
    target = target_of(target_name)
    circuit = make()
    if make is dynamic and "if_else" not in target.operation_names:
        with pytest.raises(CircuitError, match="if_else"):
            transpile(circuit, target, Transpilation(level, seed=1), "dynamic")
        return
    fitted = transpile(circuit, target, Transpilation(level, seed=1), "mixed")
    assert strangers(fitted, target) == []
    assert [reg.name for reg in fitted.cregs] == [reg.name for reg in circuit.cregs]
    reference = AerSimulator(seed_simulator=5, max_parallel_threads=1)
    unfitted = transpile(circuit, reference.target, Transpilation(0), "mixed")
    assert hellinger_fidelity(sampled(fitted), sampled(unfitted)) > 0.99


@LEVELS
@pytest.mark.parametrize("target_name", ["all to all", "generic", "fez"])
def test_a_seed_makes_it_repeatable(level: int, target_name: str) -> None:
    target = target_of(target_name)
    circuit = random_circuit(5, 5, seed=11)
    first, second = (
        transpile(circuit, target, Transpilation(level, seed=42), "random") for _ in range(2)
    )
    assert first == second


@LEVELS
@pytest.mark.parametrize("target_name", ["all to all", "generic"])
def test_parameters_stay(level: int, target_name: str) -> None:
    circuit = QuantumCircuit(2)
    circuit.rx(Parameter("zeta"), 0)
    circuit.rzz(2 * Parameter("alpha"), 0, 1)
    circuit.h([0, 1])
    circuit.measure_all()
    fitted = transpile(circuit, target_of(target_name), Transpilation(level, 1), "parametrised")
    assert [parameter.name for parameter in fitted.parameters] == ["alpha", "zeta"]
    values = {"zeta": 0.3, "alpha": 0.9}
    bound = [whole.assign_parameters(values) for whole in (circuit, fitted)]
    assert hellinger_fidelity(*map(sampled, bound)) > 0.99


def test_optimisation_is_worth_its_time() -> None:
    circuit = QuantumCircuit(3)
    for _ in range(5):
        circuit.cx(0, 1)
        circuit.rz(0.1, 1)
        circuit.cx(0, 1)
        circuit.h(2)
        circuit.h(2)
    target = target_of("all to all")
    sizes = [
        transpile(circuit, target, Transpilation(level, 1), "long").size() for level in range(4)
    ]
    assert sizes[1] < sizes[0]
    assert sizes[2] <= sizes[1]
    assert sizes[3] <= sizes[2]
    assert sizes[3] <= 5


def test_what_cannot_be_rewritten_is_one_error() -> None:
    target = Target.from_configuration(["x", "measure"], num_qubits=2)
    circuit = QuantumCircuit(1)
    circuit.rx(math.pi / 3, 0)
    with pytest.raises(CircuitError, match="cannot be transpiled") as caught:
        transpile(circuit, target, Transpilation(1), "mine.qasm")
    assert caught.value.details == {"path": "mine.qasm"}


def test_a_circuit_that_is_too_wide() -> None:
    with pytest.raises(CircuitError, match="has 6 qubits, the backend 5"):
        transpile(QuantumCircuit(6), target_of("generic"), Transpilation(0), "wide")


FRESH = """
import sys
from qiskit import QuantumCircuit, generate_preset_pass_manager
from qiskit.transpiler import CouplingMap, Target
from qrsession.circuits.sources import Transpilation
from qrsession.circuits.transpilation import transpile
circuit = QuantumCircuit(3)
circuit.h(0); circuit.ccx(0, 1, 2); circuit.measure_all()
for coupling in (None, CouplingMap.from_line(3)):
    target = Target.from_configuration(["rz", "sx", "x", "cz", "measure"], 3, coupling)
    for level in range(4):
        transpile(circuit, target, Transpilation(level, 1), "fresh")
print("qiskit_ibm_runtime" in sys.modules)
generate_preset_pass_manager(1, target=target)
print("qiskit_ibm_runtime" in sys.modules)
"""


def test_no_plug_in_is_looked_for() -> None:
    """IBM's whole client is a plug-in of the transpiler, which Qiskit's own way loads."""
    done = subprocess.run([sys.executable, "-c", FRESH], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
