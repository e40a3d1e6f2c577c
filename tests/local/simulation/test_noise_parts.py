"""Noisy circuits taken apart, put off and run together: the outcomes are those of the whole."""

import math
from collections import Counter

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.circuit.classical import expr
from qiskit_aer import AerSimulator

from qrsession.local.simulation.noise.channels import DeviceNoise
from qrsession.local.simulation.noise.clifford import CliffordGates
from qrsession.local.simulation.noise.cutting import cut
from qrsession.local.simulation.noise.frames import with_frames
from qrsession.local.simulation.noise.inserting import Method, with_noise
from qrsession.local.simulation.noise.runs import Noise, Way
from qrsession.local.simulation.outcomes import Wanted
from qrsession.local.simulation.simulator import Simulator
from tests.local.simulation.noisy_devices import device, frequencies
from tests.local.simulation.test_noise_reference import p_value

SHOTS = 10_000
T1_US = 100.0


@pytest.fixture(scope="module")
def simulator() -> Simulator:
    """A simulator with the memory of a lane."""
    return Simulator(1000)


def sigmas(probability: float, shots: int = SHOTS) -> float:
    """Return five standard errors of a frequency."""
    return 5 * math.sqrt(max(probability * (1 - probability), 1 / shots) / shots)


def test_many_qubits_that_nothing_joins_are_exact(simulator: Simulator) -> None:
    """Twenty of them, no two alike, and two pairs: far beyond any density matrix together."""
    twin = device(
        24,
        {"T1": (T1_US, "us"), "T2": (2 * T1_US, "us"), "readout_error": (0.02, "")},
        [("cz", (0, 1), 0.05, 0.0)],
    )
    theta = Parameter("theta")
    circuit = QuantumCircuit(24, 24)
    for pair in ((0, 1), (2, 3)):
        circuit.h(pair[0])
        circuit.h(pair[1])
        circuit.cz(*pair)
        circuit.h(pair[1])
    for qubit in range(4, 24):
        circuit.rx(theta * qubit, qubit)
        circuit.delay(20, qubit, unit="us")
    circuit.measure(range(24), range(23, -1, -1))
    account = simulator.open_account()
    rows = np.array([[0.05], [0.07]])
    for row, outcomes in zip(rows, simulator.run(circuit, rows, SHOTS, 5, twin), strict=True):
        assert outcomes.counts.sum() == SHOTS
        bits = outcomes.bits[:, ::-1]
        seen = outcomes.counts @ bits / SHOTS
        for qubit in range(4, 24):
            is_one = math.sin(row[0] * qubit / 2) ** 2 * math.exp(-20 / T1_US)
            is_read = is_one * 0.98 + (1 - is_one) * 0.02
            assert seen[qubit] == pytest.approx(is_read, abs=sigmas(is_read))
        # A pair has its correlation, less what the gate and reading take; parts have none.
        signs = 1.0 - 2.0 * bits
        reading = 0.96**2
        for pair, expected in (
            ((0, 1), reading * (1 - 0.05 * 4 / 3)),
            ((2, 3), reading),
            ((1, 2), 0.0),
            ((0, 3), 0.0),
        ):
            parity = outcomes.counts @ (signs[:, pair[0]] * signs[:, pair[1]]) / SHOTS
            assert parity == pytest.approx(expected, abs=2 * sigmas((1 + expected) / 2))
    assert account.ways == {Way(Noise.EXACT, Method.DENSITY_MATRIX)}


@pytest.mark.parametrize("is_overwritten", [False, True])
def test_a_measurement_on_the_way_is_put_off(simulator: Simulator, is_overwritten: bool) -> None:
    """It collapses its qubit whether its bit is kept or written over, and costs no shot by shot."""
    twin = device(2, {"T1": (T1_US, "us"), "T2": (2 * T1_US, "us")})
    circuit = QuantumCircuit(2, 3)
    circuit.h(0)
    circuit.cz(0, 1)
    circuit.measure(0, 0)
    # Without the measurement, this would undo the first one.
    circuit.h(0)
    circuit.measure(0, 1)
    circuit.reset(0)
    circuit.x(0)
    circuit.measure(0, 2)
    circuit.delay(50, 0, unit="us")
    circuit.measure(0, 0 if is_overwritten else 2)
    account = simulator.open_account()
    seen = frequencies(simulator, circuit, twin, SHOTS)
    assert account.ways == {Way(Noise.EXACT, Method.DENSITY_MATRIX)}
    ones = [sum(p for bits, p in seen.items() if bits[-1 - i] == "1") for i in range(3)]
    decayed = math.exp(-50 / T1_US)
    expected = [decayed, 0.5, 1.0] if is_overwritten else [0.5, 0.5, decayed]
    assert ones == pytest.approx(expected, abs=sigmas(0.5))
    if not is_overwritten:
        both = sum(p for bits, p in seen.items() if bits[-2:] in {"00", "11"})
        assert both == pytest.approx(0.5, abs=sigmas(0.5))


def test_circuits_run_together_are_independent(simulator: Simulator) -> None:
    """Equal circuits give the same distribution, and each draws from it by itself."""
    twin = device(1, {"readout_error": (0.1, "")})
    circuit = QuantumCircuit(1, 1)
    circuit.h(0)
    circuit.measure(0, 0)
    wanted = [Wanted(circuit, np.zeros((1, 0)), 1000, seed) for seed in range(100)]
    runs = simulator.run_all(wanted, twin)
    ones = np.array([int((next(run).counts * [0, 1])[1]) for run in runs])
    # Chi-squared with 99 degrees of freedom: its mean, and six standard deviations.
    spread = float(((ones - 500) ** 2 / 250).sum())
    assert abs(spread - 100) < 6 * math.sqrt(200)


def test_what_is_read_wrongly_is_assigned_wrongly(simulator: Simulator) -> None:
    """A classical assignment copies the bit that was read, of a qubit that nothing else touches."""
    twin = device(2, {"readout_error": (0.3, "")})
    circuit = QuantumCircuit(2, 2)
    circuit.measure(0, 0)
    circuit.store(circuit.clbits[1], expr.lift(circuit.clbits[0]))
    circuit.x(1)
    seen = frequencies(simulator, circuit, twin, 4000)
    assert set(seen) == {"00", "11"}
    assert seen["11"] == pytest.approx(0.3, abs=sigmas(0.3, 4000))


def test_frames_are_what_aers_stabilizer_gives_with_the_same_errors() -> None:
    """Clifford circuits with measurements and resets on the way, and errors that matter."""
    shots = 2500
    twin = device(
        4,
        {"T1": (3.0, "us"), "T2": (4.0, "us")},
        [(name, (q,), 0.03, 200.0) for name in ("sx", "x") for q in range(4)]
        + [("cz", (q, q + 1), 0.05, 400.0) for q in range(3)],
    )
    noise = DeviceNoise(twin.calibration)
    aer = AerSimulator(method="stabilizer", max_parallel_threads=1)
    for number in range(2):
        rng = np.random.default_rng(number)
        circuit = QuantumCircuit(4, 6)
        for _ in range(24):
            qubit = int(rng.integers(4))
            match int(rng.integers(8)):
                case 0:
                    circuit.measure(qubit, int(rng.integers(2)))
                case 1:
                    circuit.reset(qubit)
                case 2:
                    circuit.delay(0.3, qubit, unit="us")
                case 3:
                    circuit.rz(float(rng.integers(4)) * math.pi / 2, qubit)
                case 4 | 5:
                    circuit.sx(qubit)
                case _:
                    circuit.cz(qubit, (qubit + 1) % 4)
        circuit.measure(range(4), range(2, 6))
        small = cut(circuit, noise)
        noisy = with_noise(small, noise, Method.STABILIZER)
        result = aer.run(
            noisy.circuit, noise_model=noisy.model, shots=shots, seed_simulator=5
        ).result()
        theirs = Counter({int(key, 16): n for key, n in result.data(0)["counts"].items()})
        plain = CliffordGates().plain(small.circuit)
        (first,) = aer.run(plain, shots=1, seed_simulator=6).result().get_counts()
        reference = np.array([bit == "1" for bit in reversed(first)])
        outcomes = with_frames(small, noise, reference, shots, 7)
        values = (outcomes.bits @ (1 << np.arange(6))).tolist()
        ours = Counter(dict(zip(values, outcomes.counts.tolist(), strict=True)))
        assert p_value(ours, theirs) > 1e-4
        # The test sees errors: without them, what is seen differs.
        without = aer.run(plain, shots=shots, seed_simulator=8).result().data(0)["counts"]
        clean = Counter({int(key, 16): n for key, n in without.items()})
        assert p_value(clean, theirs) < 1e-6
