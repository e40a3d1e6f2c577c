"""Circuits twirled, folded and decoupled: they mean what they meant."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.circuit.library import U1Gate, U2Gate, U3Gate, XGate
from qiskit.quantum_info import Operator, Statevector

from qrsession.local.simulation.outcomes import Outcomes
from qrsession.local.simulation.treatment.bench import split_shots
from qrsession.local.simulation.treatment.decoupling import decoupled
from qrsession.local.simulation.treatment.folding import folded
from qrsession.local.simulation.treatment.natives import Natives
from qrsession.local.simulation.treatment.twirling import Twirled, twirled
from qrsession.protocol.treatment import Amplifier, Decoupling, Strategy, Twirling
from tests.local.simulation import noisy

pytestmark = pytest.mark.fast

NATIVES = Natives(XGate(), has_rz=True)


def random_circuit(rng: np.random.Generator, pair: str, num_qubits: int = 4) -> QuantumCircuit:
    """Return a circuit of a device's gates, with delays and barriers between."""
    circuit = QuantumCircuit(num_qubits)
    for _ in range(30):
        qubits = [int(qubit) for qubit in rng.choice(num_qubits, 2, replace=False)]
        match int(rng.integers(6)):
            case 0:
                circuit.rz(rng.uniform(0, 6), qubits[0])
            case 1:
                circuit.sx(qubits[0])
            case 2:
                circuit.x(qubits[0])
            case 3:
                circuit.delay(10, qubits[0])
            case 4:
                circuit.barrier(qubits)
            case _:
                getattr(circuit, pair)(*qubits)
    return circuit


def probabilities(circuit: QuantumCircuit, flips: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the probabilities of a circuit that ends by measuring all, with bits flipped back."""
    bare = circuit.remove_final_measurements(inplace=False)
    mask = sum(1 << index for index, flip in enumerate(flips) if flip)
    found = Statevector(bare).probabilities()
    return np.array([found[index ^ mask] for index in range(len(found))])


def twirl(
    circuit: QuantumCircuit, strategy: Strategy = Strategy.ACCUMULATED, seed: int = 1
) -> Twirled:
    both = Twirling(True, True, None, None, strategy)  # noqa: FBT003 - as declared
    return twirled(circuit, both, NATIVES, np.random.default_rng(seed))


@pytest.mark.parametrize("pair", ["cz", "cx", "ecr"])
@pytest.mark.parametrize("strategy", Strategy)
def test_a_twirled_and_folded_circuit_means_the_same(pair: str, strategy: Strategy) -> None:
    """Random circuits, gates and measurements twirled, a noise factor between the whole ones."""
    rng = np.random.default_rng(3)
    for seed in range(4):
        circuit = random_circuit(rng, pair)
        expected = Statevector(circuit).probabilities()
        circuit.measure_all()
        form = twirl(folded(circuit, 2.4, Amplifier.RANDOM, rng), strategy, seed)
        assert probabilities(form.circuit, form.flips) == pytest.approx(expected, abs=1e-9)


def test_the_oldest_devices_have_other_names_for_the_same() -> None:
    """Turns by ``u1``, ``u2`` and ``u3``, in the circuit and for the Paulis."""
    rules = replace(noisy.twin().rules, places={"u1": None, "u2": None, "u3": None, "cx": None})
    natives = Natives.of(rules)
    circuit = QuantumCircuit(2)
    circuit.append(U2Gate(0.3, 0.4), [0])
    circuit.append(U3Gate(0.5, 0.6, 0.7), [1])
    circuit.cx(0, 1)
    circuit.append(U1Gate(0.8), [0])
    circuit.cx(1, 0)
    circuit.append(U2Gate(0.9, 1.0), [0])
    expected = Statevector(circuit).probabilities()
    circuit.measure_all()
    both = Twirling(True, True, None, None, Strategy.ALL)  # noqa: FBT003 - as declared
    for seed in range(8):
        form = twirled(circuit, both, natives, np.random.default_rng(seed))
        assert set(form.circuit.count_ops()) <= {"u1", "u2", "u3", "cx", "measure", "barrier"}
        assert probabilities(form.circuit, form.flips) == pytest.approx(expected, abs=1e-9)


def test_forms_differ_and_equal_choices_are_equal_forms() -> None:
    circuit = random_circuit(np.random.default_rng(5), "cz")
    circuit.measure_all()
    forms = [twirl(circuit, seed=seed) for seed in range(30)]
    assert len({form.choices for form in forms}) > 25
    assert twirl(circuit, seed=3).circuit == forms[3].circuit
    assert any(form.flips.any() for form in forms)


def test_each_qubit_of_a_gate_gets_each_pauli_alike() -> None:
    """Of 400 forms a quarter each, within five standard deviations."""
    circuit = QuantumCircuit(2)
    circuit.cz(0, 1)
    choices = np.array([twirl(circuit, seed=seed).choices for seed in range(400)])
    assert choices.shape == (400, 2)
    for pauli in range(4):
        expected, deviation = 100, math.sqrt(400 * 3 / 16)
        assert np.abs((choices == pauli).sum(axis=0) - expected).max() < 5 * deviation


def test_parameters_stay_parameters() -> None:
    """A turn about Z in a flipped frame turns the other way, whatever its angle will be."""
    theta = Parameter("theta")
    circuit = QuantumCircuit(2)
    circuit.sx([0, 1])
    circuit.cz(0, 1)
    circuit.rz(2 * theta, 0)
    circuit.sx([0, 1])
    expected = Statevector(circuit.assign_parameters([0.7])).probabilities()
    circuit.measure_all()
    for seed in range(8):
        form = twirl(circuit, seed=seed)
        assert list(form.circuit.parameters) == [theta]
        bound = form.circuit.assign_parameters([0.7])
        assert probabilities(bound, form.flips) == pytest.approx(expected, abs=1e-9)


def test_what_the_program_reads_is_not_flipped() -> None:
    """Bits that a block depends on, and whatever is within the block."""
    circuit = QuantumCircuit(2, 2)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
    circuit.measure(1, 1)
    flips = np.array([twirl(circuit, seed=seed).flips for seed in range(30)])
    assert not flips[:, 0].any()
    assert 0 < flips[:, 1].mean() < 1
    for seed in range(10):
        blocks = [part for part in twirl(circuit, seed=seed).circuit.data if part.name == "if_else"]
        assert len(blocks) == 1
        assert blocks[0].operation == circuit.data[1].operation


def test_a_qubit_goes_on_as_it_was_measured() -> None:
    """Measured, turned on, measured again: the second bit does not know of the first flip."""
    circuit = QuantumCircuit(1, 2)
    circuit.x(0)
    circuit.measure(0, 0)
    circuit.x(0)
    circuit.measure(0, 1)
    for seed in range(8):
        form = twirl(circuit, seed=seed)
        is_one, bits = False, []
        for part in form.circuit.data:
            if part.name == "x":
                is_one = not is_one
            else:
                bits.append(is_one)
        assert [bool(bit) for bit in np.array(bits) ^ form.flips] == [True, False]


def frames_in_delays(strategy: Strategy) -> float:
    """Return how often qubit 2 is flipped while it waits beside a gate of the other two."""
    circuit = QuantumCircuit(3, 1)
    circuit.cz(1, 2)
    circuit.barrier()
    circuit.cz(0, 1)
    circuit.delay(100, 2)
    circuit.barrier()
    circuit.measure(2, 0)
    flipped = 0
    for seed in range(100):
        is_one = False
        for part in twirl(circuit, strategy, seed).circuit.data:
            if part.qubits[-1:] == (circuit.qubits[2],) and part.name == "x":
                is_one = not is_one
            if part.name == "delay":
                flipped += is_one
    return flipped / 100


def test_strategies_differ_in_the_delays_of_idle_qubits() -> None:
    """Half of the time in the other state, where they are twirled: within five deviations."""
    assert frames_in_delays(Strategy.ACTIVE) == 0
    for strategy in (Strategy.ACCUMULATED, Strategy.CIRCUIT, Strategy.ALL):
        assert abs(frames_in_delays(strategy) - 0.5) < 5 * 0.05


def fold_counts(factor: float, amplifier: Amplifier) -> list[int]:
    """Return how often each of ten gates is done after folding."""
    circuit = QuantumCircuit(2)
    for index in range(10):
        circuit.cz(0, 1)
        circuit.rz(index, 0)
    counts, run = [], 0
    for part in folded(circuit, factor, amplifier, np.random.default_rng(7)).data:
        if part.name == "cz":
            run += 1
        else:
            counts.append(run)
            run = 0
    return counts


@pytest.mark.parametrize("amplifier", Amplifier)
@pytest.mark.parametrize("factor", [1, 1.2, 2, 3, 4.4, 5])
def test_folding_makes_as_many_gates_as_asked(factor: float, amplifier: Amplifier) -> None:
    counts = fold_counts(factor, amplifier)
    assert sum(counts) == pytest.approx(10 * factor)
    assert max(counts) - min(counts) in (0, 2)
    if factor == 2:
        front = [3] * 5 + [1] * 5
        if amplifier is Amplifier.FRONT:
            assert counts == front
        elif amplifier is Amplifier.BACK:
            assert counts == front[::-1]
        else:
            assert counts not in (front, front[::-1])


def fill(
    circuit: QuantumCircuit,
    sequence: str = "XX",
    slack: str = "middle",
    *,
    skips: bool = False,
    alignment_dt: int = 1,
) -> QuantumCircuit:
    device = noisy.twin(alignment_dt=alignment_dt)
    how = Decoupling(sequence, slack, "alap", skips)
    return decoupled(circuit, how, device.calibration, NATIVES)


def waiting(length: float, unit: str = "dt") -> QuantumCircuit:
    circuit = QuantumCircuit(1)
    circuit.sx(0)
    circuit.delay(length, 0, unit)
    return circuit


def pieces(circuit: QuantumCircuit) -> list[float]:
    return [part.operation.duration for part in circuit.data if part.name == "delay"]


@pytest.mark.parametrize(
    ("sequence", "slack", "expected"),
    [
        # 1003 steps, of which two pulses take 40 each: 923 to be shared out.
        ("XX", "middle", [230, 463, 230]),
        ("XX", "edges", [231, 461, 231]),
        ("XpXm", "middle", [230, 463, 230]),
        ("XY4", "middle", [105, 210, 213, 210, 105]),
        ("XY4", "edges", [106, 210, 210, 210, 107]),
    ],
)
def test_delays_are_parted(sequence: str, slack: str, expected: list[int]) -> None:
    filled = fill(waiting(1003), sequence, slack)
    assert pieces(filled) == expected
    assert filled.count_ops()["x"] == len(expected) - 1
    assert Operator(_bare(filled)).equiv(Operator(_bare(waiting(1003))))


def _bare(circuit: QuantumCircuit) -> QuantumCircuit:
    bare = circuit.copy_empty_like()
    for part in circuit.data:
        if part.name != "delay":
            bare.append(part)
    return bare


def test_pieces_are_aligned() -> None:
    parted = pieces(fill(waiting(1000), alignment_dt=16))
    assert sum(parted) == 1000 - 80
    assert [piece % 16 for piece in parted[::2]] == [0, 0]


@pytest.mark.parametrize(("length", "unit"), [(2.5, "us"), (2500.0, "ns"), (2.5e-6, "s")])
def test_units_are_kept_and_nothing_is_lost(length: float, unit: str) -> None:
    filled = fill(waiting(length, unit))
    assert {part.operation.unit for part in filled.data if part.name == "delay"} == {unit}
    scale = length / 2500
    assert sum(pieces(filled)) == pytest.approx((2500 - 80) * scale)


def test_what_pulses_do_not_fit_into_stays() -> None:
    assert fill(waiting(79)) == waiting(79)
    unknown = QuantumCircuit(1)
    unknown.sx(0)
    unknown.delay(Parameter("t"), 0)
    assert fill(unknown) == unknown


def test_qubits_in_state_zero_may_be_left_alone() -> None:
    circuit = QuantumCircuit(1, 1)
    circuit.delay(1000, 0)
    circuit.x(0)
    circuit.reset(0)
    circuit.delay(1000, 0)
    circuit.sx(0)
    circuit.delay(1000, 0)
    assert len(pieces(fill(circuit, skips=True))) == 1 + 1 + 3
    assert len(pieces(fill(circuit))) == 9


def test_shots_are_dealt_out_at_random() -> None:
    """All of them, the same number to each; no share has only the first outcome."""
    outcomes = Outcomes(np.array([[False], [True]]), np.array([600, 400]))
    shares = split_shots(outcomes, 10, np.random.default_rng(3))
    assert [int(share.counts.sum()) for share in shares] == [100] * 10
    ones = [int(share.counts[share.bits[:, 0]].sum()) for share in shares]
    assert sum(ones) == 400
    # Hypergeometric: 40 on average, deviation 4.6.
    assert all(abs(number - 40) < 5 * 4.6 for number in ones)
    assert any(one != other for one, other in pairwise(ones))
