"""What programs hand to a primitive, and the pubs that come of it."""

from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter, ParameterVector
from qiskit.primitives.containers.bindings_array import BindingsArray
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.primitives.containers.observables_array import ObservablesArray
from qiskit.primitives.containers.sampler_pub import SamplerPub
from qiskit.quantum_info import Pauli, PauliList, SparseObservable, SparsePauliOp

from qrsession.errors import CircuitError, InvalidTypeError, InvalidValueError
from qrsession.pub_forms import (
    FORM_OF,
    apart,
    check_precision,
    check_shots,
    coerced,
    listed_pubs,
)

pytestmark = pytest.mark.fast

ANGLES = ParameterVector("v", 2)
LONE = Parameter("a")


def measured() -> QuantumCircuit:
    circuit = QuantumCircuit(2, 2)
    circuit.h(0)
    circuit.measure([0, 1], [0, 1])
    return circuit


def turned() -> QuantumCircuit:
    """Return a circuit with the parameters a, v[0] and v[1], in this order."""
    circuit = QuantumCircuit(2)
    circuit.rx(ANGLES[1], 0)
    circuit.ry(ANGLES[0], 1)
    circuit.rz(LONE, 0)
    return circuit


BARE, TURNED = measured(), turned()
ORDERED = [0.1, 0.2, 0.3]

VALUES: list[Any] = [
    ORDERED,
    tuple(ORDERED),
    np.array(ORDERED),
    {"a": 0.1, ("v[0]", "v[1]"): [0.2, 0.3]},
    {LONE: 0.1, ANGLES: [0.2, 0.3]},
    {LONE: 0.1, ANGLES[0]: np.float64(0.2), ANGLES[1]: np.array(0.3)},
    {("a", ANGLES[0], "v[1]"): ORDERED},
    BindingsArray({("a", "v[0]", "v[1]"): ORDERED}),
]


@pytest.mark.parametrize("values", VALUES, ids=range(len(VALUES)))
def test_values_by_whatever_name(values: Any) -> None:
    pubs = [
        coerced(SamplerPub, (TURNED, values), None),
        coerced(EstimatorPub, (TURNED, "ZZ", values), None),
    ]
    for pub in pubs:
        assert pub.shape == ()
        np.testing.assert_array_equal(pub.parameter_values.as_array(TURNED.parameters), ORDERED)


OBSERVABLES: list[Any] = [
    "ZX",
    Pauli("ZX"),
    {"ZX": 1.0},
    SparsePauliOp("ZX"),
    SparseObservable.from_label("ZX"),
    ObservablesArray("ZX"),
    ["ZX"],
    [{"ZX": 1}],
    PauliList(["ZX"]),
    [["ZX"], [Pauli("ZX")]],
    np.array(["ZX", "ZX"]),
]


@pytest.mark.parametrize("observables", OBSERVABLES, ids=range(len(OBSERVABLES)))
def test_observables_of_whatever_type_are_broadcast(observables: Any) -> None:
    grid = np.zeros((4, 1, 1, 3))
    pub = coerced(EstimatorPub, (TURNED, observables, grid, 0.25), 0.5)
    assert pub.precision == 0.25
    expected = ObservablesArray.coerce(observables)
    assert pub.observables.tolist() == expected.tolist()
    assert pub.shape == np.broadcast_shapes(expected.shape, (4, 1, 1))


@pytest.mark.parametrize(
    "pub",
    [BARE, (BARE,), (BARE, None), (BARE, [], None), [BARE], SamplerPub(BARE), (BARE, None, 7)],
    ids=range(7),
)
def test_shots_of_a_pub_go_before_those_of_the_run(pub: Any) -> None:
    own = pub[2] if isinstance(pub, tuple) and len(pub) > 2 and pub[2] else 5
    found = coerced(SamplerPub, pub, 5)
    assert (found.circuit, found.shots, found.shape) == (BARE, own, ())


@pytest.mark.parametrize(
    ("given", "pubs"),
    [
        (BARE, [BARE]),
        ([BARE], [BARE]),
        (iter([BARE]), [BARE]),
        ((BARE, BARE), [BARE, BARE]),
        ((BARE, (BARE, None)), [BARE, (BARE, None)]),
        # What can only be a pub.
        ((TURNED, ORDERED), [(TURNED, ORDERED)]),
        ((TURNED, "ZZ", ORDERED), [(TURNED, "ZZ", ORDERED)]),
        ((BARE, None, 5), [(BARE, None, 5)]),
    ],
    ids=range(8),
)
def test_one_pub_and_many(given: Any, pubs: list[Any]) -> None:
    assert listed_pubs(given, "a form") == pubs
    pub = SamplerPub(BARE)
    assert listed_pubs(pub, "a form") == [pub]


def test_circuits_observables_and_values_apart() -> None:
    """As programs from before the pubs have them."""
    assert apart(TURNED, "ZZ", ORDERED) == [(TURNED, "ZZ", ORDERED)]
    assert apart([BARE, TURNED], ["ZZ", "XX"], [[], ORDERED]) == [
        (BARE, "ZZ", []),
        (TURNED, "XX", ORDERED),
    ]
    assert apart((BARE, BARE), ["ZZ", "XX"], None) == [(BARE, "ZZ", None), (BARE, "XX", None)]
    (pub,) = apart([TURNED], np.array([ORDERED]))
    np.testing.assert_array_equal(
        coerced(SamplerPub, pub, None).parameter_values.as_array(), ORDERED
    )


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (([BARE, BARE], ["ZZ"]), InvalidValueError),
        (([BARE], "ZZ"), InvalidTypeError),
        # A sum has a length too, and is one observable.
        (([BARE, BARE], SparsePauliOp(["ZZ", "XX"])), InvalidTypeError),
        (("bell", ["ZZ"]), InvalidTypeError),
        ((5, ["ZZ"]), InvalidTypeError),
    ],
    ids=range(5),
)
def test_what_does_not_go_together_says_what_to_write(given: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind, match=r"Write one tuple for each circuit: \[\(circuit"):
        apart(*given)


@pytest.mark.parametrize(
    ("kind", "pub", "error"),
    [
        (SamplerPub, [TURNED, BARE], CircuitError),
        (SamplerPub, (TURNED, [0.1]), CircuitError),
        (SamplerPub, (BARE, None, 2.5), InvalidTypeError),
        (SamplerPub, (BARE, None, 5, 6), CircuitError),
        (SamplerPub, (TURNED, {"b": 0.1}), CircuitError),
        (SamplerPub, (TURNED, {("b", "v[0]", "v[1]"): ORDERED}), CircuitError),
        (SamplerPub, ORDERED, InvalidTypeError),
        (EstimatorPub, BARE, CircuitError),
        (EstimatorPub, (BARE, "ZZZ"), CircuitError),
        (EstimatorPub, (BARE, "ZQ"), CircuitError),
        (EstimatorPub, (TURNED, ["ZZ", "XX"], np.zeros((3, 3))), CircuitError),
    ],
    ids=range(11),
)
def test_what_is_no_pub_says_what_to_write(kind: Any, pub: Any, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        coerced(kind, pub, None)
    assert f"Write {FORM_OF[kind]}" in str(caught.value)


@pytest.mark.parametrize("precision", [0, -1, float("nan"), float("inf"), np.float64(0)])
def test_a_precision_that_is_none(precision: Any) -> None:
    with pytest.raises(InvalidValueError, match="must be above 0"):
        check_precision(precision)


def test_shots_and_precision_are_numbers() -> None:
    assert check_shots(None) is check_precision(None) is None
    assert (check_shots(np.int64(5)), type(check_shots(np.int64(5)))) == (5, int)
    assert check_precision(np.float32(0.5)) == 0.5
    wrong: list[Any] = [True, 2.5, "5"]
    for value in wrong:
        with pytest.raises(InvalidTypeError):
            check_shots(value)
    for value in (True, "0.1", 1j):
        with pytest.raises(InvalidTypeError):
            check_precision(value)
    with pytest.raises(InvalidValueError, match="at least 1"):
        check_shots(0)
