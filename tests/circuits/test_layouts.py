"""Observables in the order of a circuit's own qubits, laid out on the circuit that is sent."""

import io

import numpy as np
import pytest
from qiskit import QuantumCircuit, qpy
from qiskit.circuit.random import random_circuit
from qiskit.primitives.containers.observables_array import ObservablesArray
from qiskit.quantum_info import SparsePauliOp, Statevector, random_pauli_list

from qrsession.circuits.reading import prepare_circuit, prepare_source
from qrsession.circuits.sources import PreparedCircuit, Source, SourceFormat, Transpilation
from qrsession.circuits.transpilation import transpile
from qrsession.circuits.untranspiled import prepare_untranspiled
from qrsession.codec import decode
from qrsession.errors import CircuitError
from qrsession.pubs.building import estimator_pub
from qrsession.pubs.observables import Observable, Term, parse_observable
from qrsession.pubs.values import ParameterValues
from qrsession.pubs.wanted import WantedObservables, observable_on_wire
from tests.documents import backend_of, parsed

pytestmark = pytest.mark.fast


def random_observable(num_qubits: int, seed: int) -> tuple[Observable, SparsePauliOp]:
    labels = random_pauli_list(num_qubits, 4, seed=seed, phase=False).to_labels()
    numbers = np.random.default_rng(seed).normal(size=4).tolist()
    terms = [Term(number, label) for number, label in zip(numbers, labels, strict=True)]
    pairs = list(zip(labels, numbers, strict=True))
    return Observable("random", tuple(terms)), SparsePauliOp.from_list(pairs)


def sent(prepared: PreparedCircuit, observable: Observable) -> dict[str, float]:
    found = estimator_pub(
        prepared, "mine", WantedObservables((observable,)), ParameterValues(), None
    )
    wire, observables, _, precision = found
    assert (wire, precision) == (prepared.wire, None)
    assert isinstance(observables, dict)
    return observables


def is_same(found: dict[str, float], wanted: SparsePauliOp) -> bool:
    return bool(SparsePauliOp.from_list(list(found.items())).equiv(wanted))


def check(machine: str, level: int, seed: int, *, is_measured: bool = True) -> None:
    """Qiskit lays the same observable out on the same circuit, and the state has its value."""
    backend = backend_of(machine)
    num_qubits = 2 + seed % 3
    circuit = random_circuit(num_qubits, 4, max_operands=2, seed=seed)
    observable, operator = random_observable(num_qubits, seed)
    value = Statevector(circuit).expectation_value(operator).real
    if is_measured:
        circuit.measure_all()
    prepared = prepare_circuit(
        circuit, backend, Transpilation(level, seed=seed), "mine", is_estimated=True
    )
    assert prepared.lost_measurements is is_measured
    fitted: QuantumCircuit = decode(prepared.wire)
    assert "measure" not in fitted.count_ops()
    found = sent(prepared, observable)
    # What is sent as QPY keeps its layout.
    assert fitted.layout is not None
    assert is_same(found, operator.apply_layout(fitted.layout))
    assert ObservablesArray.coerce(found).num_qubits == fitted.num_qubits
    if fitted.num_qubits <= 5:
        state = Statevector(fitted)
        on_device = SparsePauliOp.from_list(list(found.items()))
        assert state.expectation_value(on_device).real == pytest.approx(value, abs=1e-9)


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_layouts_are_applied_as_qiskit_does(level: int) -> None:
    for seed in range(4):
        check("manila", level, seed, is_measured=bool(seed % 2))


@pytest.mark.deep
@pytest.mark.parametrize("machine", ["manila", "sherbrooke", "fez"])
@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_layouts_of_many_random_circuits(machine: str, level: int) -> None:
    for seed in range(100, 150):
        check(machine, level, seed)


@pytest.mark.parametrize("level", [None, 0, 2])
def test_a_circuit_that_was_laid_out_before_has_two_widths(level: int | None) -> None:
    backend = backend_of("manila")
    circuit = random_circuit(3, 4, max_operands=2, seed=11)
    observable, operator = random_observable(3, 11)
    laid_out = transpile(circuit, backend.target, Transpilation(1, seed=2), "mine")
    buffer = io.BytesIO()
    qpy.dump(laid_out, buffer, version=17)
    source = Source("mine", buffer.getvalue(), SourceFormat.QPY)
    (prepared,) = prepare_source(source, backend, Transpilation(level, seed=5), is_estimated=True)
    by_own_qubits = operator.apply_layout(laid_out.layout)
    if level is None:
        wire = decode(prepared.wire)
        assert wire == laid_out
    else:
        wire = decode(prepared.wire)
        by_own_qubits = by_own_qubits.apply_layout(wire.layout)
    assert is_same(sent(prepared, observable), by_own_qubits)
    whole, operator = random_observable(5, 12)
    wanted = operator if level is None else operator.apply_layout(wire.layout)
    assert is_same(sent(prepared, whole), wanted)
    with pytest.raises(CircuitError, match="has 2 letters, and mine has 3 or 5 qubits"):
        sent(prepared, parse_observable("ZZ"))


def test_without_couplings_qubits_may_still_be_permuted() -> None:
    """The transpiler takes a swap at the beginning for other names of the qubits."""
    backend = backend_of("manila")
    circuit = QuantumCircuit(3)
    circuit.swap(0, 2)
    circuit.x(0)
    circuit.swap(1, 2)
    prepared = prepare_circuit(circuit, backend, Transpilation(2), "mine", is_estimated=True)
    for letters, value in (("IIZ", -1), ("IZI", 1), ("ZII", 1)):
        found = SparsePauliOp.from_list(list(sent(prepared, parse_observable(letters)).items()))
        assert Statevector(decode(prepared.wire)).expectation_value(found).real == pytest.approx(
            value
        )


HEADER = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'


@pytest.mark.parametrize(
    ("text", "left", "width"),
    [
        ("qubit[2] q; bit[2] c; x q[0]; c = measure q;", "qubit[2] q; bit[2] c; x q[0];", 2),
        ("qubit q; x q; bit c = measure q; // the end", "qubit q; x q;", 1),
        (
            "qubit[2] q; bit[2] c; measure q[0] -> c[0]; barrier q;\nmeasure q[1] -> c[1];",
            "qubit[2] q; bit[2] c;",
            2,
        ),
        ("qubit[2] q; x q[0]; barrier q;", None, 2),
        ("qubit[2] q; bit c; c = measure q[0]; x q[1];", None, 2),
        ("qubit[2] q; bit c; c = measure q[0]; if (c) { x q[1]; }", None, 2),
        ("bit c; x $3; c = measure $3;", "bit c; x $3;", 4),
    ],
)
def test_text_that_goes_as_it_is_loses_the_measurements_at_its_end(
    text: str, left: str | None, width: int
) -> None:
    configuration = {**parsed("manila")[0], "coupling_map": None, "simulator": True, "n_qubits": 9}
    source = Source("mine", (HEADER + text).encode(), SourceFormat.QASM3)
    prepared = prepare_untranspiled(source, configuration, {}, is_estimated=True)
    assert prepared is not None
    assert prepared.wire == HEADER + (text if left is None else f"{left}\n")
    assert prepared.lost_measurements is (left is not None)
    assert prepared.layouts == (tuple(range(width)),)
    sampled = prepare_untranspiled(source, configuration, {})
    assert sampled is not None
    assert sampled.wire == HEADER + text


def test_a_term_of_a_hundred_and_more_qubits_is_laid_out() -> None:
    places = list(np.random.default_rng(3).permutation(156)[:100].tolist())
    letters = "".join(np.random.default_rng(4).choice(list("IXYZ"), 100).tolist())
    (found,) = observable_on_wire(parse_observable(letters), places, 156)
    wanted = SparsePauliOp(letters).apply_layout(places, 156)
    assert found == wanted.paulis[0].to_label()
