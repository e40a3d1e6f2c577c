"""The program ``estimator``: values of known states, and errors that are what they say."""

import json
import math
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.primitives import PrimitiveResult, StatevectorEstimator
from qiskit.primitives.containers.observables_array import ObservablesArray
from qiskit.quantum_info import SparsePauliOp

from qrsession.codec import decode, encode
from qrsession.errors import JobFailedError
from qrsession.local.simulation.estimation.grouping import group_terms
from qrsession.local.simulation.programs.estimating import estimate
from qrsession.local.simulation.simulator import Simulator
from qrsession.protocol.faults import JOB_NOT_VALID, TOO_MANY_SHOTS

HEADER = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'
BELL = HEADER + "qubit[2] q; h q[0]; cx q[0], q[1];"
FLIPPED = HEADER + "qubit[2] q; x q[0];"
TURNED = HEADER + "input float[64] a; qubit[1] q; rx(a) q[0];"


@pytest.fixture(scope="module")
def simulator() -> Simulator:
    """Return one for all tests of this module."""
    return Simulator(2000)


def run(simulator: Simulator, pub: Any, seed: int = 7, **params: Any) -> tuple[Any, Any]:
    """Run one pub, and return its expectation values and standard errors."""
    tree = estimate({"pubs": [pub], "version": 2, **params}, simulator, seed)
    (result,) = json.loads(json.dumps(tree))["results"]
    return result["data"]["evs"], result["data"]["stds"]


def failure(simulator: Simulator, pub: Any, **params: Any) -> JobFailedError:
    """Return the error of a pub that is refused."""
    with pytest.raises(JobFailedError) as caught:
        estimate({"pubs": [pub], "version": 2, **params}, simulator, 7)
    assert "Pub 0" in caught.value.message
    return caught.value


def sent(value: Any) -> Any:
    """Return an object as it goes over the wire."""
    return json.loads(json.dumps(encode(value)))


@pytest.mark.parametrize(
    ("circuit", "observable", "expected"),
    [
        (BELL, "ZZ", 1.0),
        (BELL, "XX", 1.0),
        (BELL, "YY", -1.0),
        (BELL, {"ZZ": 1.0, "XX": 0.5, "YY": -2.0, "II": 0.25}, 3.75),
        (FLIPPED, "IZ", -1.0),
        (FLIPPED, "ZI", 1.0),
        (FLIPPED, "01", 1.0),
        (FLIPPED, "10", 0.0),
        (FLIPPED, "I1", 1.0),
        (FLIPPED, {"0Z": 3.0}, -3.0),
        (FLIPPED, "II", 1.0),
        (HEADER + "qubit[2] q; h q[0]; x q[1]; h q[1];", "-+", 1.0),
        (HEADER + "qubit[2] q; h q[0]; s q[0]; h q[1]; sdg q[1];", "lr", 1.0),
        (HEADER + "qubit[2] q; h q[0]; s q[0]; h q[1]; sdg q[1];", {"IY": 1.0, "YI": 2.0}, -1.0),
    ],
)
def test_eigenstates_have_their_values_without_error(
    simulator: Simulator, circuit: str, observable: Any, expected: float
) -> None:
    """The last letter is qubit 0; letters beyond the Paulis are projectors."""
    value, error = run(simulator, [circuit, observable])
    assert value == pytest.approx(expected)
    assert error == pytest.approx(0.0)


def test_values_agree_with_the_exact_ones(simulator: Simulator) -> None:
    """Four qubits, terms that share bases and terms that do not, a sweep against a column."""
    a, b = Parameter("a"), Parameter("b")
    circuit = QuantumCircuit(4)
    circuit.ry(a, 0)
    circuit.cx(0, 1)
    circuit.rx(b, 2)
    circuit.cx(2, 3)
    circuit.cz(1, 2)
    operator = SparsePauliOp.from_list([("ZZII", 0.5), ("IXXI", -1.5), ("YYII", 0.7), ("IIIZ", 2)])
    observables = [["ZIII"], ["IIXX"], [operator]]
    values = np.array([[0.1, 0.2], [1.0, 2.0], [2.5, 0.7]])
    exact = StatevectorEstimator().run([(circuit, observables, values)]).result()[0].data.evs
    wire = [[sent(entry) for entry in row] for row in observables]
    evs, stds = run(simulator, [sent(circuit), wire, sent(values), 0.01])
    evs, stds = np.array(evs), np.array(stds)
    assert evs.shape == stds.shape == exact.shape == (3, 3)
    assert np.all(np.abs(evs - exact) <= 4.5 * stds + 1e-9)
    assert stds.max() > 0


def test_stds_are_the_spread_of_repeated_estimates(simulator: Simulator) -> None:
    """A sum of terms measured together: their correlation counts in the error."""
    circuit = HEADER + "qubit[2] q; ry(1.0) q[0]; cx q[0], q[1]; ry(0.4) q[1];"
    observable = {"ZZ": 1.0, "ZI": 1.0, "IZ": 1.0, "XX": 0.5}
    pairs = [run(simulator, [circuit, observable, None, 0.1], seed=seed) for seed in range(400)]
    evs, stds = np.array(pairs).T
    spread = evs.std(ddof=1)
    # The spread of 400 estimates is known to 3.5%.
    assert stds.mean() == pytest.approx(spread, rel=0.15)


def test_precision_decides_the_shots_and_the_error(simulator: Simulator) -> None:
    """A Pauli without a preference has the target precision as its error."""
    for precision, shots in ((0.1, 100), (0.015625, 4096), (0.05, 400), (1 / 3, 9)):
        tree = estimate({"pubs": [[BELL, "ZI", None, precision]]}, simulator, 3)
        (result,) = tree["results"]
        assert result["metadata"]["shots"] == shots
        assert result["metadata"]["target_precision"] == precision
        assert result["data"]["stds"] == pytest.approx(precision, rel=0.2)
        assert result["data"]["ensemble_standard_error"] == result["data"]["stds"]


def test_where_precision_comes_from(simulator: Simulator) -> None:
    """The pub's own, else the job's, else shots or precision of its options, else 1/64."""
    cases: list[tuple[Any, dict[str, Any], int]] = [
        ([BELL, "ZI", None, 0.5], {"precision": 0.1}, 4),
        ([BELL, "ZI"], {"precision": 0.1, "options": {"default_shots": 7}}, 100),
        ([BELL, "ZI"], {"options": {"default_shots": 7, "default_precision": 0.2}}, 7),
        ([BELL, "ZI"], {"options": {"default_precision": 0.2}}, 25),
        ([BELL, "ZI"], {}, 4096),
    ]
    for pub, params, shots in cases:
        tree = estimate({"pubs": [pub], **params}, simulator, 3)
        assert tree["results"][0]["metadata"]["shots"] == shots


@pytest.mark.parametrize(
    ("observables", "values", "shape"),
    [
        ("Z", [0.3], ()),
        (["Z"], [0.3], (1,)),
        (["Z", "Y"], [0.3], (2,)),
        ("Z", [[0.1], [0.2], [0.3]], (3,)),
        (["Z", "Y", "X"], [0.1, 0.2, 0.3], (3,)),
        ([["Z"], ["Y"]], [0.1, 0.2, 0.3], (2, 3)),
        ([[["Z", "X"]]], [[[0.1]], [[0.2]]], (1, 2, 2)),
        ([["Z", {"Y": 2.0}]], {"a": [[[0.1]], [[0.2]], [[0.3]]]}, (3, 2)),
    ],
)
def test_shapes_broadcast_as_numpys(
    simulator: Simulator, observables: Any, values: Any, shape: tuple[int, ...]
) -> None:
    """Each element is its own observable at its own point."""
    evs, stds = run(simulator, [TURNED, observables, values, 0.02])
    angles = np.array(values["a"] if isinstance(values, dict) else values)
    if angles.shape[-1] == 1:
        # As Qiskit has it, the last axis is the parameter's own.
        angles = angles[..., 0]
    letters = np.vectorize(lambda entry: next(iter(entry)))(np.array(observables, dtype=object))
    scales = np.vectorize(lambda entry: 2.0 if isinstance(entry, dict) else 1.0)(
        np.array(observables, dtype=object)
    )
    exact = np.select(
        [letters == "Z", letters == "Y"],
        [np.cos(angles) * scales, -np.sin(angles) * scales],
        np.zeros(np.broadcast_shapes(angles.shape, letters.shape)),
    )
    assert np.shape(evs) == shape
    assert np.all(np.abs(np.array(evs) - exact) <= 4.5 * np.array(stds) + 1e-3)


def test_typed_results_are_qiskits(simulator: Simulator) -> None:
    """With ``support_qiskit``; observables may come typed as well."""
    observables = ObservablesArray.coerce([{"ZZ": 1.0}, {"XX": 2.0}])
    params = {"pubs": [[BELL, sent(observables), None, 0.1]], "support_qiskit": True}
    result = decode(json.loads(json.dumps(estimate(params, simulator, 1))))
    assert isinstance(result, PrimitiveResult)
    assert result[0].data.evs.tolist() == [1.0, 2.0]
    assert result[0].data.stds.shape == result[0].data.ensemble_standard_error.shape == (2,)
    assert result.metadata["version"] == 2
    assert result[0].metadata["resilience"] == {}
    scalar = decode(
        estimate({"pubs": [[BELL, "ZZ"]], "support_qiskit": True, "version": 2}, simulator, 1)
    )
    assert scalar[0].data.evs.shape == scalar[0].data.shape == ()


def test_seeds(simulator: Simulator) -> None:
    """Options have two, the job has one, pubs and groups have their own randomness."""
    pub = [HEADER + "qubit[2] q; ry(1.0) q[0]; ry(1.0) q[1];", ["ZI", "XI", "IZ"], None, 0.01]
    first = run(simulator, pub, seed=1)
    assert first == run(simulator, pub, seed=1)
    assert first != run(simulator, pub, seed=2)
    for options in ({"seed_estimator": 5}, {"simulator": {"seed_simulator": 5}}):
        assert run(simulator, pub, seed=1, options=options) == run(
            simulator, pub, seed=2, options=options
        )
    tree = estimate({"pubs": [pub, pub]}, simulator, 1)
    assert tree["results"][0]["data"] != tree["results"][1]["data"]


def test_dynamic_circuits_and_measured_ones(simulator: Simulator) -> None:
    """What was measured before does not mix with what is measured for the observable."""
    circuit = QuantumCircuit(2, 3)
    circuit.h(0)
    circuit.measure(0, 2)
    with circuit.if_test((circuit.clbits[2], 1)):
        circuit.x([0, 1])
    circuit.measure(0, 0)
    evs, stds = run(simulator, [sent(circuit), ["IZ", "ZI", "ZZ"], None, 0.02])
    assert evs[0] == 1.0
    assert abs(evs[1]) < 4.5 * stds[1]
    assert evs[1] == evs[2]


def test_wide_circuits(simulator: Simulator) -> None:
    """A hundred qubits, as many letters."""
    circuit = QuantumCircuit(100)
    circuit.h(0)
    for qubit in range(99):
        circuit.cx(qubit, qubit + 1)
    parity = "Z" * 100
    ends = "Z" + "I" * 98 + "Z"
    evs, _ = run(simulator, [sent(circuit), [parity, ends, "X" * 100], None, 0.1])
    assert evs == [1.0, 1.0, 1.0]


def test_one_shot_claims_no_certainty(simulator: Simulator) -> None:
    """Its error is the widest there can be."""
    value, error = run(simulator, [BELL, {"ZI": 2.0, "IZ": 1.0}], options={"default_shots": 1})
    assert abs(value) in {1.0, 3.0}
    assert error == 3.0


def test_terms_share_bases() -> None:
    """Terms that agree qubit by qubit are measured together, whatever their order."""
    groups = group_terms(["ZZII", "IIZZ", "XXXX", "IXIX", "IIII", "0I1I", "YIII", "+III", "ZZII"])
    by_basis = {
        "".join(group.basis.get(qubit, "I") for qubit in range(3, -1, -1)): sorted(group.terms)
        for group in groups
    }
    assert by_basis == {
        "XXXX": ["+III", "IXIX", "XXXX"],
        "ZZZZ": ["0I1I", "IIZZ", "ZZII"],
        "YIII": ["YIII"],
    }


@pytest.mark.parametrize(
    ("pub", "words"),
    [
        ([BELL], "no observables"),
        ([BELL, "Z"], "1 qubits and the circuit 2"),
        ([BELL, ["ZZ", "Z"]], "observables"),
        ([BELL, "QQ"], "cannot be read"),
        ([BELL, 5], "cannot be read"),
        ([BELL, {"ZZ": [1.0, 2.0]}], "cannot be read"),
        ([BELL, {"ZZ": {"__type__": "complex", "__value__": [1.0, 1.0]}}], "cannot be read"),
        ([BELL, "ZZ", None, 0], "above 0"),
        ([BELL, "ZZ", None, -0.5], "above 0"),
        ([BELL, "ZZ", None, "fine"], "must be a number"),
        ([BELL, "ZZ", None, 0.1, 5], "parts"),
        ([TURNED, "Z"], "without a value: a"),
        ([TURNED, ["Z", "Y", "X"], [0.1, 0.2]], "broadcast"),
    ],
)
def test_pubs_that_are_refused(simulator: Simulator, pub: Any, words: str) -> None:
    """Each with what is wrong."""
    error = failure(simulator, pub)
    assert error.details["reason_code"] == JOB_NOT_VALID
    assert words in error.message


@pytest.mark.parametrize("precision", [1e-4, 1e-200])
def test_too_much_precision_is_refused(simulator: Simulator, precision: float) -> None:
    """It would take more shots than there may be."""
    error = failure(simulator, [BELL, "ZZ", None, precision])
    assert error.details["reason_code"] == TOO_MANY_SHOTS
    assert math.isclose(float(error.advice.split()[-1].rstrip(".")), 0.001)
