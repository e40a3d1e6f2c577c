"""Our primitives beside Qiskit's own, for every form of a pub.

Circuits are in eigenstates of what is measured, so that outcomes are certain and values are equal
to the last bit; what is measured across has an expectation of 0, within five standard errors.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Parameter, ParameterVector
from qiskit.primitives import (
    BackendSamplerV2,
    BaseSamplerV2,
    BitArray,
    PrimitiveResult,
    StatevectorEstimator,
    StatevectorSampler,
)
from qiskit.primitives.containers.bindings_array import BindingsArray
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.primitives.containers.observables_array import ObservablesArray
from qiskit.primitives.containers.sampler_pub import SamplerPub
from qiskit.quantum_info import Operator, Pauli, PauliList, SparseObservable, SparsePauliOp

from qrsession import Estimator, Sampler, Session
from qrsession.backend import Backend

pytestmark = pytest.mark.timeout(240)
PI = np.pi
SHOTS = 5
NO_POINTS = "no points"
ONE_SHOT = "precision as a whole number"
PRECISION = 0.05
A, B = Parameter("a"), Parameter("b")
V = ParameterVector("v", 3)


def flips() -> QuantumCircuit:
    """Return a circuit of two angles: a turns qubit 0, b qubit 1."""
    circuit = QuantumCircuit(2)
    circuit.rx(A, 0)
    circuit.rx(B, 1)
    return circuit


def vector() -> QuantumCircuit:
    circuit = QuantumCircuit(3)
    for place, angle in enumerate(V):
        circuit.rx(angle, place)
    return circuit


def registers() -> QuantumCircuit:
    circuit = QuantumCircuit(
        QuantumRegister(3), ClassicalRegister(1, "alpha"), ClassicalRegister(9, "beta")
    )
    circuit.x([0, 2])
    circuit.measure([0, 2, 1], [0, 9, 4])
    return circuit


def one() -> QuantumCircuit:
    circuit = QuantumCircuit(1)
    circuit.x(0)
    return circuit


def measured(circuit: QuantumCircuit) -> QuantumCircuit:
    return circuit.measure_all(inplace=False)


SAMPLED: dict[str, Any] = {
    "a bare circuit": measured(one()),
    "a tuple of one": (measured(one()),),
    "a list": [measured(one())],
    "None for values": (measured(one()), None),
    "shots": (measured(one()), None, 7),
    "shots of numpy": (measured(one()), None, np.int64(7)),
    "no values": (measured(one()), []),
    "arrays of no values": (measured(one()), np.empty((2, 3, 0))),
    "a pub": SamplerPub.coerce((measured(flips()), [0, PI], 9)),
    "one point": (measured(flips()), [0, PI]),
    "a tuple of values": (measured(flips()), (PI, 0.0)),
    "whole numbers": (measured(flips()), [0, 0]),
    "numbers of 32 bits": (measured(flips()), np.array([0, PI], dtype=np.float32)),
    "points": (measured(flips()), [[0, PI], [PI, 0], [PI, PI]]),
    "axes": (measured(flips()), np.arange(12).reshape(2, 3, 2) % 4 * PI),
    NO_POINTS: (measured(flips()), np.zeros((0, 2))),
    "names": (measured(flips()), {"b": PI, "a": 0}),
    "parameters": (measured(flips()), {A: [0, PI], B: [PI, 0]}),
    "a name and a parameter": (measured(flips()), {"a": 0, B: PI}),
    "axes by name": (measured(flips()), {"b": [[0], [PI]], "a": [[PI], [0]]}),
    "several names at once": (measured(flips()), {("b", "a"): [[0, PI], [PI, PI]]}),
    "an array of bindings": (measured(flips()), BindingsArray({("b", "a"): [[[0, PI]]]})),
    "a vector": (measured(vector()), [PI, 0, PI]),
    "a vector by itself": (measured(vector()), {V: [[PI, 0, PI], [0, 0, PI]]}),
    "registers": (registers(),),
}


def of(data: Any) -> dict[str, Any]:
    """Return all that a sampler's pub is made of, its bits included."""
    assert all(isinstance(field, BitArray) for field in data.values())
    return {
        "shape": data.shape,
        **{
            name: (field.shape, field.num_shots, field.num_bits, field.array.dtype)
            for name, field in data.items()
        },
        "bits": {name: field.array.tolist() for name, field in data.items()},
    }


@pytest.fixture(scope="module")
def sampled(session: Session, backend: Backend) -> dict[str, dict[str, Any]]:
    """Run all forms, by each sampler in one job."""
    samplers: dict[str, BaseSamplerV2] = {
        "ours": Sampler(mode=session),
        "of a statevector": StatevectorSampler(),
        "of our backend": BackendSamplerV2(backend=backend),
    }
    found = {}
    for name, sampler in samplers.items():
        # Qiskit's sampler for backends cannot make an array of the results of no circuits.
        forms = [form for form in SAMPLED if name != "of our backend" or form != NO_POINTS]
        result = sampler.run([SAMPLED[form] for form in forms], shots=SHOTS).result()
        found[name] = dict(zip(forms, result, strict=True))
    return found


@pytest.mark.parametrize("form", SAMPLED)
def test_the_sampler_takes_every_form(sampled: dict[str, dict[str, Any]], form: str) -> None:
    found = {name: pubs[form] for name, pubs in sampled.items() if form in pubs}
    ours = found.pop("ours")
    assert len(found) == (1 if form == NO_POINTS else 2)
    for theirs in found.values():
        assert of(ours.data) == of(theirs.data)
        assert type(ours) is type(theirs)


def test_pubs_may_come_from_anywhere(session: Session) -> None:
    """From a generator; shots of numpy are shots of the job."""

    def pubs() -> Iterator[Any]:
        yield measured(one())
        yield (measured(flips()), [0, PI])

    result = Sampler(mode=session).run(pubs(), shots=np.int32(3)).result()  # type: ignore[arg-type] # as programs do
    assert [pub.data.meas.get_counts() for pub in result] == [{"1": 3}, {"10": 3}]


ESTIMATED: dict[str, Any] = {
    "a label": (one(), "Z"),
    "a Pauli": (one(), Pauli("Z")),
    "a Pauli with a sign": (one(), Pauli("-Z")),
    "a sum": (flips(), SparsePauliOp(["ZZ", "IZ"], [1.5, -0.5]), [0, PI]),
    "a sum that repeats a term": (one(), SparsePauliOp(["Z", "Z"], [1, 2])),
    "a sparse observable": (one(), SparseObservable("Z")),
    "a dict": (one(), {"Z": 2.0, "I": -1.0}),
    "the identity": (one(), "I"),
    "a list": (one(), ["Z", Pauli("I"), SparsePauliOp("Z"), {"Z": -3.0}]),
    "a list of Paulis": (one(), PauliList(["Z", "I"])),
    "nested": (one(), [["Z"], ["I"]]),
    "an array": (one(), ObservablesArray([["Z", "I"]])),
    "no values": (one(), "Z", []),
    "points of no values": (one(), ["Z", "I"], np.empty((3, 2, 0))),
    "a pub": EstimatorPub.coerce((flips(), "ZZ", [0, PI], 0.1)),
    "precision": (one(), "Z", None, 0.1),
    "precision of numpy": (one(), "Z", None, np.float32(0.1)),
    ONE_SHOT: (one(), "Z", None, 1),
    "one value for all": (flips(), ["ZI", "IZ"], [0, PI]),
    "one observable for all": (flips(), "ZI", [[0, PI], [PI, 0]]),
    "one in a list for all": (flips(), ["ZI"], [[0, PI], [PI, 0]]),
    "pairs": (flips(), ["ZI", "IZ"], [[0, PI], [PI, 0]]),
    "a grid": (flips(), [["ZI"], ["IZ"], ["ZZ"]], [[0, PI], [PI, 0]]),
    "axes that stretch": (flips(), [["ZI"], ["IZ"]], np.zeros((3, 1, 5, 2))),
    "no points": (flips(), "ZZ", np.zeros((0, 2))),
    "by name": (flips(), "ZI", {"b": [0, PI], "a": [PI, 0]}),
    "a vector": (vector(), ["ZII", "IIZ"], {V: [PI, 0, 0]}),
}


@pytest.fixture(scope="module")
def estimated(session: Session) -> dict[str, PrimitiveResult[Any]]:
    ours = Estimator(mode=session).run(list(ESTIMATED.values()), precision=PRECISION)
    # To a statevector a precision means noise, even where a value is certain.
    coerced = [EstimatorPub.coerce(pub) for pub in ESTIMATED.values()]
    exact = [EstimatorPub(pub.circuit, pub.observables, pub.parameter_values) for pub in coerced]
    return {"ours": ours.result(), "of a statevector": StatevectorEstimator().run(exact).result()}


@pytest.mark.parametrize("form", ESTIMATED)
def test_the_estimator_takes_every_form(
    estimated: dict[str, PrimitiveResult[Any]], form: str
) -> None:
    number = list(ESTIMATED).index(form)
    ours, theirs = (estimated[name][number].data for name in ("ours", "of a statevector"))
    assert ours.shape == theirs.shape
    for field in ("evs", "stds"):
        assert ours[field].shape == theirs[field].shape
        assert ours[field].dtype == theirs[field].dtype
    np.testing.assert_allclose(ours.evs, theirs.evs, atol=1e-12)
    # What a single shot says has an error that nobody knows.
    assert not ours.stds.any() or form == ONE_SHOT


def test_projectors_are_measured_where_a_statevector_takes_none(session: Session) -> None:
    letters = {"0": 0.0, "1": 1.0, "Z": -1.0}
    pubs = [(one(), [SparseObservable(letter) for letter in letters])]
    (pub,) = Estimator(mode=session).run(pubs, precision=PRECISION).result()
    np.testing.assert_allclose(pub.data.evs, list(letters.values()), atol=1e-12)
    with pytest.raises(Exception, match="is not valid"):
        StatevectorEstimator().run(pubs).result()


NOT_SAMPLED: dict[str, Any] = {
    "no values": (measured(flips()),),
    "too few": (measured(flips()), [0]),
    "too many": (measured(flips()), [0, 1, 2]),
    "a parameter left out": (measured(flips()), {"a": 0}),
    "a parameter too many": (measured(flips()), {"a": 0, "b": 1, "c": 2}),
    "a name that is none": (measured(flips()), {3: 0, "b": 1}),
    "shapes that do not fit": (measured(flips()), {"a": [0, 1], "b": [0, 1, 2]}),
    "complex numbers": (measured(flips()), [0j, 1]),
    "words": (measured(flips()), ["x", "y"]),
    "rows of different lengths": (measured(flips()), [[0], [0, 1]]),
    "a generator": (measured(flips()), iter([0, 1])),
    "0 shots": (measured(one()), None, 0),
    "shots below 0": (measured(one()), None, -3),
    "half a shot": (measured(one()), None, 2.5),
    "true shots": (measured(one()), None, True),
    "a tuple of four": (measured(one()), None, 3, 4),
    "a tuple of none": (),
    "a word for a circuit": ("x",),
    "None": None,
    "a number": 5,
}
NOT_ESTIMATED: dict[str, Any] = {
    "a bare circuit": one(),
    "a tuple of one": (one(),),
    "a tuple of five": (one(), "Z", None, None, 1),
    "a number": (one(), 3),
    "None": (one(), None),
    "an operator": (one(), Operator(np.diag([1, -1]))),
    "letters that are none": (flips(), "AB", [0, 1]),
    "a wrong width": (flips(), "ZZZ", [0, 1]),
    "several widths": (flips(), ["ZZ", "Z"], [0, 1]),
    "an imaginary sign": (one(), Pauli("iZ")),
    "an imaginary weight": (one(), {"Z": 1j}),
    "an empty dict": (one(), {}),
    "a weight of 0": (one(), {"Z": 0}),
    "a weight that is free": (one(), SparsePauliOp("Z", [Parameter("c")])),
    "shapes that do not fit": (flips(), ["ZZ", "XX", "YY"], np.zeros((2, 2))),
    "too few values": (flips(), "ZZ", [0]),
    "precision below 0": (one(), "Z", None, -0.1),
    "a word for precision": (one(), "Z", None, "x"),
}


@pytest.mark.parametrize(
    ("ours", "theirs", "pub"),
    [
        *(pytest.param(Sampler, StatevectorSampler, p, id=n) for n, p in NOT_SAMPLED.items()),
        *(pytest.param(Estimator, StatevectorEstimator, p, id=n) for n, p in NOT_ESTIMATED.items()),
    ],
)
def test_what_qiskit_refuses_we_refuse_with_its_error(
    session: Session, ours: Any, theirs: Any, pub: Any
) -> None:
    """Whoever catches Qiskit's error catches ours, and nothing has been sent."""
    with pytest.raises((TypeError, ValueError)) as refused:
        theirs().run([pub]).result()
    with pytest.raises(type(refused.value)) as caught:
        ours(mode=session).run([pub])
    assert type(caught.value).__module__ == "qrsession.errors"


@pytest.mark.parametrize("precision", [0, 0.0, float("nan"), float("inf"), -1])
def test_a_precision_that_takes_endless_shots_is_not_sent(
    session: Session, precision: float
) -> None:
    """Of a pub and of the job; a statevector could be exact."""
    estimator = Estimator(mode=session)
    with pytest.raises(ValueError, match=r"precision (is|must be)"):
        estimator.run([(one(), "Z", None, precision)])
    with pytest.raises(ValueError, match="precision is"):
        estimator.run([(one(), "Z")], precision=precision)


# Pubs that nobody thought of.


@st.composite
def values_of(draw: st.DrawFn, names: list[str], shape: tuple[int, ...]) -> Any:
    """Return whole turns and half turns for parameters, in one of the forms of bindings."""
    count = len(names)
    turns = draw(hnp.arrays(np.int8, (*shape, count), elements=st.integers(-3, 3))) * PI
    form = draw(st.sampled_from(["array", "list", "by name", "at once", "bindings"]))
    if form == "array" or not count:
        return turns
    if form == "list":
        return turns.tolist() if turns.size else turns
    order = draw(st.permutations(range(count)))
    if form == "by name":
        return {names[place]: turns[..., place] for place in order}
    at_once = {tuple(names[place] for place in order): turns[..., order]}
    return at_once if form == "at once" else BindingsArray(at_once, shape=shape)


@st.composite
def observables_of(draw: st.DrawFn, width: int, shape: tuple[int, ...]) -> ObservablesArray:
    words = st.text("IXYZ", min_size=width, max_size=width)
    sums = st.dictionaries(words, st.sampled_from([0.5, 1.0, -2.0]), min_size=1, max_size=3)
    size = int(np.prod(shape))
    flat = draw(st.lists(sums, min_size=size, max_size=size))
    array = np.empty(shape, dtype=object)
    array.ravel()[:] = flat
    return ObservablesArray(array.tolist() if shape else flat[0])


@st.composite
def circuits_of(draw: st.DrawFn) -> tuple[QuantumCircuit, list[str]]:
    width = draw(st.integers(1, 3))
    names = draw(st.lists(st.sampled_from("zyxdcba"), unique=True, max_size=4))
    circuit = QuantumCircuit(width)
    for place, name in enumerate(names):
        circuit.rx(Parameter(name), place % width)
    # Qiskit orders parameters by name, and so do the columns of an array.
    return circuit, sorted(names)


@st.composite
def estimator_pubs(draw: st.DrawFn) -> tuple[Any, ...]:
    circuit, names = draw(circuits_of())
    shapes = draw(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3))
    of_values, of_observables = shapes.input_shapes
    if not names:
        of_values = ()
    observables = draw(observables_of(circuit.num_qubits, of_observables))
    return circuit, observables, draw(values_of(names, of_values))


@st.composite
def sampler_pubs(draw: st.DrawFn) -> tuple[Any, ...]:
    circuit, names = draw(circuits_of())
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3))
    return measured(circuit), draw(values_of(names, shape)), draw(st.integers(1, 4))


def assert_samples_are_equal(session: Session, pubs: list[Any]) -> None:
    ours = Sampler(mode=session).run(pubs).result()
    theirs = StatevectorSampler().run(pubs).result()
    assert [of(pub.data) for pub in ours] == [of(pub.data) for pub in theirs]


def assert_estimates_agree(session: Session, pubs: list[Any]) -> None:
    ours = Estimator(mode=session, options={"seed_estimator": 1}).run(pubs, precision=PRECISION)
    theirs = StatevectorEstimator().run(pubs).result()
    for pub, mine, exact in zip(pubs, ours.result(), theirs, strict=True):
        assert mine.data.evs.shape == mine.data.stds.shape == exact.data.evs.shape
        # No term has a greater error than the precision, and errors of terms add up at most.
        weights = [
            sum(abs(weight) for term, weight in each.items() if set(term) & {"X", "Y"})
            for each in pub[1].ravel().tolist()
        ]
        bound = 5 * PRECISION * np.reshape(weights, pub[1].shape) + 1e-9
        assert (abs(mine.data.evs - exact.data.evs) <= bound).all()


@settings(max_examples=3, deadline=None, derandomize=True, database=None)
@given(pubs=st.lists(sampler_pubs(), min_size=8, max_size=12))
def test_samples_of_any_pubs_are_equal(session: Session, pubs: list[Any]) -> None:
    assert_samples_are_equal(session, pubs)


@settings(max_examples=3, deadline=None, derandomize=True, database=None)
@given(pubs=st.lists(estimator_pubs(), min_size=8, max_size=12))
def test_estimates_of_any_pubs_agree(session: Session, pubs: list[Any]) -> None:
    assert_estimates_agree(session, pubs)


@pytest.mark.deep
@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(pubs=st.lists(sampler_pubs(), min_size=1, max_size=12))
def test_samples_of_many_pubs_are_equal(session: Session, pubs: list[Any]) -> None:
    assert_samples_are_equal(session, pubs)


@pytest.mark.deep
@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(pubs=st.lists(estimator_pubs(), min_size=1, max_size=12))
def test_estimates_of_many_pubs_agree(session: Session, pubs: list[Any]) -> None:
    assert_estimates_agree(session, pubs)
