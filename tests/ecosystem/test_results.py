"""What Qiskit's containers offer works on our results, and results may be copied and kept."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Parameter
from qiskit.primitives import BitArray, DataBin, PrimitiveResult
from qiskit.quantum_info import SparsePauliOp

from qrsession import Estimator, Sampler, Session
from qrsession.codec import decode, encode

SHOTS = 6


@pytest.fixture(scope="module")
def sampled(session: Session) -> Any:
    """Return a result of two registers: b counts 5, a says which way a sweep of two points went."""
    turn = Parameter("turn")
    circuit = QuantumCircuit(
        QuantumRegister(4), ClassicalRegister(1, "a"), ClassicalRegister(3, "b")
    )
    circuit.rx(turn, 0)
    circuit.x([1, 3])
    circuit.measure(range(4), range(4))
    return Sampler(mode=session).run([(circuit, [[0.0], [np.pi]])], shots=SHOTS).result()


@pytest.fixture(scope="module")
def estimated(session: Session) -> Any:
    circuit = QuantumCircuit(1)
    circuit.x(0)
    return Estimator(mode=session).run([(circuit, ["Z", "I"])], precision=0.1).result()


def test_registers_are_joined(sampled: Any) -> None:
    """The first register is the rightmost, and shots stay together."""
    joined = sampled[0].join_data()
    assert (joined.shape, joined.num_bits, joined.num_shots) == ((2,), 4, SHOTS)
    assert joined.get_counts(0) == {"1010": SHOTS}
    assert joined.get_counts(1) == {"1011": SHOTS}
    assert sampled[0].join_data(["b"]).get_counts() == {"101": 2 * SHOTS}
    assert sampled[0].join_data(["a", "b"]) == joined


def test_bits_are_counted_sliced_and_put_together(sampled: Any) -> None:
    a, b = sampled[0].data.a, sampled[0].data.b
    assert a.get_counts() == {"0": SHOTS, "1": SHOTS}
    assert a.get_int_counts(1) == {1: SHOTS}
    assert b.get_bitstrings(0) == ["101"] * SHOTS
    assert b.slice_bits([1]).get_counts() == {"0": 2 * SHOTS}
    assert b.slice_shots([0, 1]).num_shots == 2
    assert b.postselect([0, 1], [1, 0]).get_counts() == {"101": 2 * SHOTS}
    assert (b.bitcount() == 2).all()
    assert b.bitcount().shape == (2, SHOTS)
    np.testing.assert_array_equal(b.expectation_values("ZZZ"), [1.0, 1.0])
    np.testing.assert_array_equal(a.expectation_values(SparsePauliOp("Z")), [1.0, -1.0])
    assert b.transpose().shape == b.reshape(2).shape == (2,)
    assert BitArray.concatenate([a, a]).shape == (4,)
    assert BitArray.concatenate_shots([b, b]).num_shots == 2 * SHOTS
    assert BitArray.concatenate_bits([a, b]) == sampled[0].join_data()
    assert (a & ~a).get_counts() == {"0": 2 * SHOTS}
    assert a[1].get_counts() == {"1": SHOTS}


def test_a_data_bin_is_a_mapping(sampled: Any, estimated: Any) -> None:
    data = sampled[0].data
    assert (list(data), data.shape, data.ndim, data.size) == (["a", "b"], (2,), 1, 2)
    assert data["a"] is data.a
    values = estimated[0].data
    assert isinstance(values, DataBin)
    assert {"evs", "stds"} <= set(values)
    np.testing.assert_array_equal(values.evs, [-1.0, 1.0])


def test_a_result_is_a_sequence_of_pubs(sampled: Any) -> None:
    assert isinstance(sampled, PrimitiveResult)
    assert len(sampled) == 1
    assert list(sampled) == [sampled[0]]
    assert sampled[0].metadata["shots"] == SHOTS
    assert sampled.metadata["version"] == 2


def pickled(result: Any) -> Any:
    return pickle.loads(pickle.dumps(result))  # noqa: S301 - our own


@pytest.mark.parametrize("name", ["sampled", "estimated"])
@pytest.mark.parametrize(
    "again",
    [
        pytest.param(pickled, id="pickled"),
        pytest.param(copy.deepcopy, id="copied"),
        pytest.param(lambda result: decode(encode(result)), id="sent"),
    ],
)
def test_a_result_comes_back_as_it_was(
    request: pytest.FixtureRequest, name: str, again: Any
) -> None:
    """Its arrays are its own: what is done to one leaves the other."""
    result = request.getfixturevalue(name)
    other = again(result)
    assert type(other) is type(result)
    assert set(other.metadata) == set(result.metadata)
    (one,), (two,) = list(result), list(other)
    assert type(one) is type(two)
    assert one.metadata == two.metadata
    assert one.data.shape == two.data.shape
    assert list(one.data) == list(two.data)
    for field in one.data:
        first, second = (getattr(pub.data[field], "array", pub.data[field]) for pub in (one, two))
        assert first.dtype == second.dtype
        np.testing.assert_array_equal(first, second)
        assert second.flags.writeable
        assert not np.shares_memory(first, second)


def test_a_result_is_read_twice_and_is_the_same(session: Session) -> None:
    circuit = QuantumCircuit(1)
    circuit.h(0)
    circuit.measure_all()
    job = Sampler(mode=session).run([circuit], shots=50)
    first, again = job.result(), job.result()
    assert first[0].data.meas == again[0].data.meas
    elsewhere = session.service.job(job.job_id()).result()
    assert first[0].data.meas == elsewhere[0].data.meas
