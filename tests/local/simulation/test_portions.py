"""Many shots in portions, points that nothing tells apart in one run."""

import tracemalloc

import numpy as np
import pytest
from qiskit import QuantumCircuit

from qrsession.codec import decode
from qrsession.local.simulation.outcomes import Outcomes, dealt
from qrsession.local.simulation.portions import SHOTS_AT_ONCE, portions
from qrsession.local.simulation.programs.sampling import sample
from qrsession.local.simulation.simulator import Simulator

HALVES = 'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] c; h q[0]; c = measure q;'


@pytest.fixture(scope="module")
def simulator() -> Simulator:
    """Return one for all tests of this module."""
    return Simulator(2000)


def spread(num_qubits: int, depth: int = 1) -> QuantumCircuit:
    """Return a circuit all of whose outcomes are equally likely."""
    circuit = QuantumCircuit(num_qubits)
    for _ in range(depth):
        circuit.h(range(num_qubits))
    circuit.measure_all()
    return circuit


def test_portions_are_all_shots_and_few_where_a_state_is_dear() -> None:
    assert list(portions(spread(3), SHOTS_AT_ONCE)) == [SHOTS_AT_ONCE]
    several = list(portions(spread(20), 1_000_000))
    assert sum(several) == 1_000_000
    assert max(several) < 2 * SHOTS_AT_ONCE
    assert list(portions(spread(25, 101), 1_000_000)) == [1_000_000]
    assert list(portions(spread(2000), 1_000_000)) == [1_000_000]


def test_portions_of_shots_are_no_copies_of_each_other(simulator: Simulator) -> None:
    shots = 2 * SHOTS_AT_ONCE
    tree = sample({"pubs": [[HALVES, None, shots]], "support_qiskit": True}, simulator, 7)
    pub = decode(tree)[0]
    samples = pub.data.c.array[:, 0]
    assert len(samples) == shots
    assert set(samples.tolist()) == {0, 1}
    # Halves of a fair coin: within five standard deviations of half of them.
    for half in (samples[:SHOTS_AT_ONCE], samples[SHOTS_AT_ONCE:]):
        assert abs(int(half.sum()) - SHOTS_AT_ONCE / 2) < 5 * SHOTS_AT_ONCE**0.5 / 2
    assert samples[:SHOTS_AT_ONCE].sum() != samples[SHOTS_AT_ONCE:].sum()


def test_points_without_parameters_share_a_run(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    execute = simulator._execute

    def counted(*arguments: object) -> list[object]:
        calls.append(arguments)
        return execute(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(simulator, "_execute", counted)
    circuit = QuantumCircuit(1, 1)
    circuit.h(0)
    circuit.measure(0, 0)
    points = list(simulator.run(circuit, np.empty((700, 0)), 100, 7))
    assert len(calls) == 3
    assert all(point.counts.sum() == 100 for point in points)
    ones = [int(point.counts[point.bits[:, 0]].sum()) for point in points]
    assert abs(sum(ones) - 35_000) < 5 * 70_000**0.5 / 2
    # Dealt out at random, and not in the order of the outcomes.
    assert 4.0 < float(np.std(ones)) < 6.0


def test_what_is_dealt_is_all_there_was() -> None:
    bits = np.array([[False], [True]])
    shares = list(dealt(Outcomes(bits, np.array([600, 400])), 10, np.random.default_rng(1)))
    assert [int(share.counts.sum()) for share in shares] == [100] * 10
    assert sum(int(share.counts[share.bits[:, 0]].sum()) for share in shares) == 400


@pytest.mark.deep
def test_a_million_shots_take_four_times_their_size(simulator: Simulator) -> None:
    text = 'OPENQASM 3.0; include "stdgates.inc"; qubit[20] q; bit[20] c; h q; c = measure q;'
    tracemalloc.start()
    try:
        sample({"pubs": [[text, None, 1_000_000]], "support_qiskit": True}, simulator, 7)
        held_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert held_bytes < 4 * 3_000_000
