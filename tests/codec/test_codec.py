"""Typed JSON of Qiskit's objects, held against what IBM's own client writes and reads."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from ibm_quantum_schemas.estimator.version_0_1 import ParamsModel as EstimatorParams
from ibm_quantum_schemas.sampler.version_0_1 import ParamsModel as SamplerParams
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Parameter, ParameterVector
from qiskit.primitives import (
    BitArray,
    DataBin,
    PrimitiveResult,
    PubResult,
    StatevectorEstimator,
    StatevectorSampler,
)
from qiskit.primitives.containers.bindings_array import BindingsArray
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.primitives.containers.observables_array import ObservablesArray
from qiskit.primitives.containers.sampler_pub import SamplerPub
from qiskit.quantum_info import PauliList, SparsePauliOp
from qiskit.transpiler import CouplingMap
from qiskit_ibm_runtime.json import RuntimeDecoder, RuntimeEncoder

from qrsession.codec import decode, encode
from qrsession.errors import CircuitError, InvalidTypeError
from qrsession.protocol.typed import DTYPES


def bell(name: str = "bell") -> QuantumCircuit:
    circuit = QuantumCircuit(2, name=name, metadata={"of": "a test", "level": 1})
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure_all()
    return circuit


def ansatz() -> QuantumCircuit:
    """Parameters whose order by name is not that of their use."""
    circuit = QuantumCircuit(2)
    circuit.rx(Parameter("zeta"), 0)
    circuit.ry(Parameter("alpha"), 1)
    vector = ParameterVector("v", 2)
    circuit.rz(vector[1] + vector[0], 0)
    return circuit


def dynamic() -> QuantumCircuit:
    circuit = QuantumCircuit(
        QuantumRegister(2, "q"), ClassicalRegister(1, "a"), ClassicalRegister(2, "b")
    )
    circuit.h(0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.cregs[0], 1)):
        circuit.x(1)
    with circuit.for_loop(range(3)):
        circuit.sx(0)
    circuit.measure([0, 1], [1, 2])
    return circuit


def pub_of_sweep() -> SamplerPub:
    circuit = ansatz()
    circuit.measure_all()
    values = np.arange(24.0).reshape(2, 3, 4)
    return SamplerPub.coerce((circuit, values, 100))


SAMPLER_PUBS: dict[str, Callable[[], SamplerPub]] = {
    "plain": lambda: SamplerPub.coerce((bell(), None, 1024)),
    "no shots": lambda: SamplerPub.coerce(bell()),
    "one point": lambda: SamplerPub.coerce((ansatz().measure_all(inplace=False), [1, 2, 3, 4], 5)),
    "by name": lambda: SamplerPub.coerce(
        (
            ansatz().measure_all(inplace=False),
            {"zeta": [1, 2], "alpha": [3, 4], ("v[0]", "v[1]"): [[5, 6], [7, 8]]},
        )
    ),
    "sweep": pub_of_sweep,
    "dynamic": lambda: SamplerPub.coerce((dynamic(), None, 7)),
}
ESTIMATOR_PUBS: dict[str, Callable[[], EstimatorPub]] = {
    "word": lambda: EstimatorPub.coerce((ansatz(), "ZZ", [1, 2, 3, 4], 0.1)),
    "operator": lambda: EstimatorPub.coerce(
        (ansatz(), SparsePauliOp(["ZZ", "XI"], [0.5, 0.25]), [1, 2, 3, 4])
    ),
    "several": lambda: EstimatorPub.coerce(
        (bell().remove_final_measurements(inplace=False), [["ZZ"], ["XX"]], None, 0.5)
    ),
    "sweep": lambda: EstimatorPub.coerce((ansatz(), ["ZZ", "XX"], np.ones((3, 1, 4)))),
}


def sampler_result() -> PrimitiveResult[Any]:
    return StatevectorSampler(seed=1).run([pub_of_sweep(), (bell(), None, 9)]).result()


def estimator_result() -> PrimitiveResult[Any]:
    pubs = [(ansatz(), ["ZZ", "XX"], np.ones((3, 1, 4))), (ansatz(), "ZI", np.zeros(4))]
    return StatevectorEstimator(seed=1).run(pubs, precision=0.01).result()


OBJECTS: dict[str, Callable[[], Any]] = {
    "circuit": bell,
    "parametrised circuit": ansatz,
    "dynamic circuit": dynamic,
    "circuit with metadata": lambda: QuantumCircuit(
        1, metadata={"angles": np.arange(3.0), "at": datetime(2026, 1, 2, tzinfo=UTC), "n": 5}
    ),
    **{f"sampler pub, {name}": make for name, make in SAMPLER_PUBS.items()},
    **{f"estimator pub, {name}": make for name, make in ESTIMATOR_PUBS.items()},
    "sampler result": sampler_result,
    "estimator result": estimator_result,
    "pub result": lambda: PubResult(DataBin(evs=np.float64(0.5), stds=np.float64(0.1)), {"a": 1}),
    "bits": lambda: BitArray(np.array([[1, 255], [0, 3]], np.uint8), 9),
    "bits of a sweep": lambda: BitArray(np.arange(24, dtype=np.uint8).reshape(2, 3, 4, 1), 5),
    "data bin": lambda: DataBin(
        shape=(2,), a=np.arange(2.0), b=BitArray(np.zeros((2, 4, 1), np.uint8), 2)
    ),
    "observables": lambda: ObservablesArray([["ZZ", {"XI": 0.5, "IY": -1}]]),
    "one observable": lambda: ObservablesArray("ZZ"),
    "bindings": lambda: BindingsArray({"a": [1.0, 2.0], ("b", "c"): [[1, 2], [3, 4]]}),
    "operator": lambda: SparsePauliOp(["XYZ", "III"], [1, 0.5 - 2j]),
    "Paulis": lambda: PauliList(["XY", "-ZI", "iII"]),
    "coupling": lambda: CouplingMap([(0, 1), (1, 2), (2, 1)]),
    "numbers": lambda: [np.int64(3), np.float64(0.25), 1, 2.5, True, None],
    "complex": lambda: [1 - 2j, np.complex128(0.5j)],
    "arrays": lambda: [np.arange(6).reshape(2, 3), np.zeros(0), np.array(2.5), np.eye(2) * 1j],
    "array of objects": lambda: np.array([1, None, "a"], dtype=object),
    "times": lambda: [datetime(2026, 11, 22, 16, 0, 1, 5000, UTC), date(2026, 11, 22)],
    "a set": lambda: {5},
    "a tree": lambda: {"a": [{"b": (1, 2)}, []], "c": {}, "5": "x"},
}


def as_ibm_writes(value: Any) -> Any:
    return json.loads(json.dumps(value, cls=RuntimeEncoder))


def as_ibm_reads(document: Any) -> Any:
    return json.loads(json.dumps(document), cls=RuntimeDecoder)


@pytest.mark.parametrize("make", OBJECTS.values(), ids=OBJECTS)
def test_what_is_written_is_what_ibm_writes(make: Callable[[], Any]) -> None:
    value = make()
    assert json.loads(json.dumps(encode(value))) == as_ibm_writes(value)


def contents(value: Any) -> Any:
    """Take a tree apart into what compares, since few of Qiskit's results do."""
    if isinstance(value, np.ndarray):
        data = value.tolist() if value.dtype == object else value.tobytes()
        return (value.dtype.str, value.shape, data)
    if isinstance(value, QuantumCircuit):
        return (value, value.name, contents(value.metadata), [reg.name for reg in value.cregs])
    if isinstance(value, list | tuple):
        return (type(value), [contents(entry) for entry in value])
    for kind, parts in PARTS.items():
        if isinstance(value, kind):
            return (kind, contents(parts(value)))
    return value


PARTS: dict[Any, Callable[[Any], Any]] = {
    dict: lambda value: list(value.items()),
    PrimitiveResult: lambda value: (list(value), value.metadata),
    PubResult: lambda value: (type(value), value.data, value.metadata),
    DataBin: lambda value: (value.shape, dict(value.items())),
    BindingsArray: lambda value: (value.shape, value.data),
    ObservablesArray: lambda value: value.tolist(),
}


@pytest.mark.parametrize("make", OBJECTS.values(), ids=OBJECTS)
def test_what_is_read_is_what_ibm_reads(make: Callable[[], Any]) -> None:
    value = make()
    assert contents(decode(as_ibm_writes(value))) == contents(as_ibm_reads(as_ibm_writes(value)))
    assert contents(as_ibm_reads(encode(value))) == contents(as_ibm_reads(as_ibm_writes(value)))


# Pubs, tuples and couplings come back as lists, times of a day as midnight.
SAME_AGAIN = [
    name
    for name in OBJECTS
    if not any(word in name for word in ("pub,", "times", "tree", "coupling", "metadata"))
]


@pytest.mark.parametrize("name", SAME_AGAIN)
def test_what_is_written_and_read_is_the_same_again(name: str) -> None:
    value = OBJECTS[name]()
    assert contents(decode(json.loads(json.dumps(encode(value))))) == contents(value)


@pytest.mark.parametrize("make", SAMPLER_PUBS.values(), ids=SAMPLER_PUBS)
def test_sampler_pubs_fit_the_schema(make: Callable[[], SamplerPub]) -> None:
    pub = make()
    circuit, values, shots = encode(pub)
    SamplerParams.model_validate({"pubs": [(circuit, values, shots or 1)]})
    array = decode(values)
    assert array.shape == (*pub.shape, pub.circuit.num_parameters)


def test_values_are_in_the_order_of_the_names() -> None:
    _, values, _ = encode(SAMPLER_PUBS["by name"]())
    assert decode(values).tolist() == [[3, 5, 6, 1], [4, 7, 8, 2]]


@pytest.mark.parametrize(
    ("values", "left"),
    [
        ([[1, 2], [3, 4]], [[2], [4]]),
        ({"alpha": [1, 3], "zeta": [2, 4]}, [[2], [4]]),
        ({("zeta", "alpha"): [[2, 1], [4, 3]]}, [[2], [4]]),
    ],
)
def test_values_of_parameters_that_a_transpiler_took_away_are_left_out(
    values: Any, left: list[Any]
) -> None:
    circuit = QuantumCircuit(1, 1)
    circuit.rx(Parameter("zeta"), 0)
    circuit.rz(Parameter("alpha"), 0)
    circuit.measure(0, 0)
    given = SamplerPub.coerce((circuit, values))
    without = QuantumCircuit(1, 1)
    without.rx(circuit.parameters[1], 0)
    without.measure(0, 0)
    for fitted, expected in ((without, left), (QuantumCircuit(1, 1), [[], []])):
        pub = SamplerPub(fitted, given.parameter_values, shots=5, validate=False)
        assert decode(encode(pub)[1]).tolist() == expected


@pytest.mark.parametrize("make", ESTIMATOR_PUBS.values(), ids=ESTIMATOR_PUBS)
def test_estimator_pubs_fit_the_schema(make: Callable[[], EstimatorPub]) -> None:
    pub = make()
    circuit, observables, values, precision = encode(pub)
    assert decode(values).shape == (*pub.parameter_values.shape, pub.circuit.num_parameters)
    assert ObservablesArray(observables).tolist() == pub.observables.tolist()
    if pub.observables.ndim <= 1:
        # The schema knows no more than one dimension.
        EstimatorParams.model_validate({"pubs": [(circuit, observables, values, precision)]})


@given(
    st_numpy.arrays(
        dtype=st.sampled_from(sorted(DTYPES)).map(np.dtype),
        shape=st_numpy.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
    ),
    st.booleans(),
)
def test_arrays_round_trip(array: np.ndarray, by_columns: bool) -> None:
    if by_columns:
        array = np.asfortranarray(array)
    for document in (encode(array), as_ibm_writes(array)):
        read = decode(document)
        assert read.dtype == array.dtype
        np.testing.assert_array_equal(read, array)
        assert read.flags.writeable


TREES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.complex_numbers(allow_nan=False)
    | st.datetimes(timezones=st.just(UTC)),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text().filter(lambda key: key != "__type__"), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(TREES)
def test_trees_round_trip(tree: Any) -> None:
    assert decode(json.loads(json.dumps(encode(tree)))) == tree


PAULIS = st.integers(1, 5).flatmap(
    lambda width: st.lists(
        st.tuples(
            st.text("IXYZ", min_size=width, max_size=width),
            st.complex_numbers(max_magnitude=1e3, allow_nan=False),
        ),
        min_size=1,
        max_size=5,
    )
)


@given(PAULIS)
def test_operators_round_trip(terms: list[tuple[str, complex]]) -> None:
    operator = SparsePauliOp.from_list(terms)
    assert decode(json.loads(json.dumps(encode(operator)))) == operator


@given(st.integers(1, 70), st.integers(1, 5), st.data())
def test_bit_arrays_round_trip(num_bits: int, shots: int, data: Any) -> None:
    bits = BitArray.from_samples(
        data.draw(st.lists(st.integers(0, 2**num_bits - 1), min_size=shots, max_size=shots)),
        num_bits,
    )
    read = decode(json.loads(json.dumps(encode(bits))))
    assert read == bits
    assert read.get_counts() == bits.get_counts()


@pytest.mark.parametrize(
    ("number", "plain"),
    [
        (np.bool_(True), True),  # noqa: FBT003 - numpy's own
        (np.int8(-5), -5),
        (np.uint64(2**64 - 1), 2**64 - 1),
        (np.float32(0.5), 0.5),
        (np.longdouble(0.5), 0.5),
        (np.complex64(1 + 2j), {"__type__": "complex", "__value__": [1.0, 2.0]}),
        (np.str_("a"), "a"),
    ],
)
def test_scalars_of_numpy(number: Any, plain: Any) -> None:
    assert json.loads(json.dumps(encode([number]))) == [plain]


def test_big_endian_arrays_are_turned_round() -> None:
    array = np.array([1.5, 2.5], dtype=">f8")
    np.testing.assert_array_equal(decode(encode(array)), array)


def test_an_array_of_parameters_keeps_its_rows_of_different_length() -> None:
    assert decode({"__type__": "ndarray", "__value__": [[1], [2, 3]]}).tolist() == [[1], [2, 3]]


def test_the_name_of_an_extrapolator_in_place_of_an_array() -> None:
    document = {"__type__": "ndarray", "__value__": "polynomial_degree_2"}
    assert decode(document) == as_ibm_reads(document) == "polynomial_degree_2"


def test_types_that_are_not_known_stay_as_they_are() -> None:
    document = {
        "__type__": "ThingsToCome",
        "__value__": {"spans": [{"__type__": "datetime", "__value__": "2026-11-22T16:00:00Z"}]},
    }
    spans = decode(document)["__value__"]["spans"]
    assert spans == [datetime(2026, 11, 22, 16, tzinfo=UTC)]
    assert decode({"__type__": ["a"], "__value__": 5}) == {"__type__": ["a"], "__value__": 5}
    assert decode({"__type__": None}) == {"__type__": None}


@pytest.mark.parametrize(
    "value",
    [
        object(),
        b"bytes",
        Parameter("a"),
        np.array(["a"]),
        np.array(["2026-01-01"], dtype="M8[D]"),
        np.zeros(2, dtype=[("a", "<i4")]),
        np.array([object()], dtype=object),
        print,
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_has_no_place_on_the_wire(value: Any) -> None:
    with pytest.raises(InvalidTypeError, match="cannot be sent"):
        encode({"a": [value]})


def test_metadata_that_has_no_place_on_the_wire() -> None:
    with pytest.raises(CircuitError, match="cannot be sent"):
        encode(QuantumCircuit(1, metadata={"a": object()}))
