"""Angles of rzz: folded into what a device has, to the same unitary, phase included."""

import math

import numpy as np
import pytest
from qiskit import QuantumCircuit, generate_preset_pass_manager
from qiskit.circuit import Parameter
from qiskit.circuit.library import RZZGate
from qiskit.converters import dag_to_circuit
from qiskit.quantum_info import Operator
from qiskit_ibm_runtime.utils.utils import is_isa_circuit

from qrsession.circuits.angles import LARGEST_RZZ_ANGLE, fold_rzz, is_within_bounds
from qrsession.circuits.sources import Transpilation
from qrsession.circuits.transpilation import transpile
from tests.documents import backend_of

TURN = 2 * math.pi
CORNERS = [k * math.pi / 4 for k in range(-20, 21)]
NEAR_CORNERS = [corner + off for corner in CORNERS for off in (-1e-9, -1e-15, 1e-15, 1e-9)]


def angles_of(circuit: QuantumCircuit) -> list[float]:
    return [float(item.params[0]) for item in circuit.data if item.name == "rzz"]


@pytest.mark.fast
@pytest.mark.parametrize("angle", [*CORNERS, *NEAR_CORNERS, 0.3, -0.3, 2.0, -2.0, 100.0, -1000.0])
def test_the_unitary_stays(angle: float) -> None:
    folded = dag_to_circuit(fold_rzz([angle], [0, 1]))
    assert all(0 <= found <= LARGEST_RZZ_ANGLE for found in angles_of(folded))
    assert Operator(folded) == Operator(RZZGate(angle))


@pytest.mark.fast
def test_what_is_within_bounds() -> None:
    assert is_within_bounds(0.0)
    assert is_within_bounds(math.pi / 2 + 1e-12)
    assert not is_within_bounds(math.pi / 2 + 1e-6)
    assert not is_within_bounds(-1e-6)


def rotations(seed: int) -> QuantumCircuit:
    chance = np.random.default_rng(seed)
    circuit = QuantumCircuit(4)
    for _ in range(10):
        one, other = map(int, chance.permutation(4)[:2])
        circuit.rzz(chance.uniform(-3 * TURN, 3 * TURN), one, other)
        circuit.ry(chance.uniform(-TURN, TURN), one)
    return circuit


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_transpiled_circuits_keep_to_the_bounds(level: int) -> None:
    target = backend_of("fractional", use_fractional_gates=True).target
    for seed in range(3):
        circuit = rotations(seed)
        fitted = transpile(circuit, target, Transpilation(level, seed), "rotations")
        assert "rzz" in fitted.count_ops()
        assert is_isa_circuit(fitted, target) == ""
        wide = QuantumCircuit(fitted.num_qubits).compose(circuit, range(4))
        assert Operator.from_circuit(fitted) == Operator(wide)


def test_blocks_are_folded_too() -> None:
    target = backend_of("fractional", use_fractional_gates=True).target
    circuit = QuantumCircuit(2, 1)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.rzz(-2.5, 0, 1)
    for level in (0, 2):
        fitted = transpile(circuit, target, Transpilation(level, 1), "blocks")
        assert is_isa_circuit(fitted, target) == ""


def test_a_parameter_is_left_to_its_values() -> None:
    target = backend_of("fractional", use_fractional_gates=True).target
    circuit = QuantumCircuit(2)
    circuit.rzz(Parameter("angle"), 0, 1)
    fitted = transpile(circuit, target, Transpilation(2, 1), "parametrised")
    assert [item.params for item in fitted.data if item.name == "rzz"] == [[*fitted.parameters]]
    assert [parameter.name for parameter in fitted.parameters] == ["angle"]


def test_no_rzz_where_it_is_not_asked_for() -> None:
    target = backend_of("fractional").target
    fitted = transpile(rotations(1), target, Transpilation(2, 1), "rotations")
    assert not {"rzz", "rx"} & set(fitted.count_ops())


def test_qiskits_own_transpiler_folds_for_our_targets() -> None:
    backend = backend_of("fractional", use_fractional_gates=True)
    fitted = generate_preset_pass_manager(1, backend, seed_transpiler=1).run(rotations(2))
    assert all(map(is_within_bounds, angles_of(fitted)))
    assert is_isa_circuit(fitted, backend.target) == ""
