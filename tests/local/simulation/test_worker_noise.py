"""What the noise of a twin does, measured by its effect and held against what can be worked out."""

import math
from itertools import pairwise

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Instruction, Parameter
from qiskit.quantum_info import SuperOp
from qiskit_aer.noise import (
    depolarizing_error,
    thermal_relaxation_error,
)

from qrsession.errors import JobFailedError
from qrsession.local.simulation.circuits.preparing import prepared
from qrsession.local.simulation.noise.channels import DeviceNoise
from qrsession.local.simulation.noise.inserting import Method
from qrsession.local.simulation.noise.runs import Noise, Way
from qrsession.local.simulation.programs.estimating import estimate
from qrsession.local.simulation.simulator import Simulator
from qrsession.local.simulation.twin import Twin
from tests.local.simulation.noisy_devices import device, frequencies

SHOTS = 20_000
T1_US, T2_US = 100.0, 150.0
RELAXING = {"T1": (T1_US, "us"), "T2": (T2_US, "us")}
MISREADING = {"prob_meas1_prep0": (0.1, ""), "prob_meas0_prep1": (0.3, "")}


@pytest.fixture(scope="module")
def simulator() -> Simulator:
    """Return one for all tests of this module."""
    return Simulator(2000)


def close_to(probability: float, shots: int = SHOTS) -> object:
    """Return what a frequency equals if it is within five standard deviations."""
    return pytest.approx(probability, abs=5 * math.sqrt(probability * (1 - probability) / shots))


def test_a_measurement_is_read_wrongly_even_if_nothing_was_done(simulator: Simulator) -> None:
    """State 0 and state 1 have an error of their own, on 60 qubits at once as on one."""
    twin = device(60, MISREADING)
    circuit = QuantumCircuit(60, 60)
    circuit.x(7)
    circuit.measure(range(60), range(60))
    seen = frequencies(simulator, circuit, twin, SHOTS)
    ones = [sum(p for bits, p in seen.items() if bits[59 - i] == "1") for i in range(60)]
    assert ones[7] == close_to(0.7)
    assert all(one == close_to(0.1) for i, one in enumerate(ones) if i != 7)
    both = sum(p for bits, p in seen.items() if bits[-1] == bits[-2] == "1")
    assert both == close_to(0.01)


def test_a_symmetric_error_is_taken_where_there_is_no_other(simulator: Simulator) -> None:
    twin = device(1, {"readout_error": (0.2, "")})
    circuit = QuantumCircuit(1, 1)
    circuit.x(0)
    circuit.measure(0, 0)
    assert frequencies(simulator, circuit, twin, SHOTS)["0"] == close_to(0.2)


@pytest.mark.parametrize(("duration", "unit"), [(80, "us"), (20_000, "dt"), (8e-5, "s")])
def test_a_delay_relaxes(simulator: Simulator, duration: float, unit: str) -> None:
    """By exp(-t/T1), whatever the unit; and what follows the measurement makes no difference."""
    circuit = QuantumCircuit(1, 1)
    circuit.x(0)
    circuit.delay(duration, 0, unit=unit)
    circuit.measure(0, 0)
    circuit.delay(1, 0, unit="s")
    seen = frequencies(simulator, circuit, device(1, RELAXING), SHOTS)
    assert seen["1"] == close_to(math.exp(-80 / T1_US))


def test_a_delay_dephases(simulator: Simulator) -> None:
    """By exp(-t/T2), also where T2 is longer than T1; beyond 2 T1 it is cut."""
    circuit = QuantumCircuit(1, 1)
    circuit.rz(math.pi / 2, 0)
    circuit.sx(0)
    circuit.delay(90, 0, unit="us")
    circuit.rz(math.pi, 0)
    circuit.sx(0)
    circuit.rz(math.pi / 2, 0)
    circuit.measure(0, 0)
    for t2_us, effective_us in ((150.0, 150.0), (900.0, 200.0)):
        twin = device(1, {"T1": (T1_US, "us"), "T2": (t2_us, "us")})
        seen = frequencies(simulator, circuit, twin, SHOTS)
        stays = (1 + math.exp(-90 / effective_us)) / 2
        assert max(seen.values()) == close_to(stays)


@pytest.mark.parametrize("is_followed", [False, True])
def test_gates_depolarize_by_their_error(simulator: Simulator, is_followed: bool) -> None:
    """Twenty of them, as a density matrix and shot by shot; virtual ones are perfect."""
    error, times, shots = 0.02, 20, 5000
    twin = device(2, gates=[("cz", (0, 1), error, 0.0)])
    circuit = QuantumCircuit(2, 3)
    for _ in range(times):
        circuit.cz(0, 1)
        circuit.rz(0.3, 0)
    if is_followed:
        circuit.measure(0, 2)
        with circuit.if_test((circuit.clbits[2], 1)):
            circuit.rz(0.1, 0)
    circuit.measure([0, 1], [0, 1])
    seen = frequencies(simulator, circuit, twin, shots)
    # The channel's average fidelity is 1 - error, so it depolarizes with 4/3 of that.
    stays = (1 - error * 4 / 3) ** times
    zeros = sum(p for bits, p in seen.items() if bits[1:] == "00")
    assert zeros == close_to(stays + (1 - stays) / 4, shots)
    method = Method.STATEVECTOR if is_followed else Method.DENSITY_MATRIX
    assert Way(Noise.EXACT, method) in simulator.account.ways
    simulator.open_account()


@pytest.mark.parametrize("t2_us", [80.0, T2_US])
@pytest.mark.parametrize(("name", "qubits"), [("sx", (1,)), ("cz", (2, 1))])
def test_channels_are_those_of_aer(name: str, qubits: tuple[int, ...], t2_us: float) -> None:
    """Relaxation and depolarizing, so that the whole has the error that was measured."""
    error, length_ns = 0.01, 300.0
    twin = device(3, {"T1": (T1_US, "us"), "T2": (t2_us, "us")}, [(name, qubits, error, length_ns)])
    found = DeviceNoise(twin.calibration).of_gate(name, qubits)
    assert found is not None
    single = thermal_relaxation_error(T1_US, t2_us, length_ns / 1000)
    relaxation = SuperOp(single if len(qubits) == 1 else single.expand(single))
    dim = 2 ** len(qubits)
    fidelity = (np.trace(relaxation.data).real / dim + 1) / (dim + 1)
    strength = dim * (fidelity - 1 + error) / (dim * fidelity - 1)
    wanted = SuperOp(depolarizing_error(strength, len(qubits))).compose(relaxation)
    assert np.allclose(found.matrix, wanted.data, atol=1e-12)
    whole = (np.trace(found.matrix).real / dim + 1) / (dim + 1)
    assert whole == pytest.approx(1 - error, abs=1e-12)
    operators = found.kraus.params
    again = sum(np.kron(operator.conj(), operator) for operator in operators)
    assert np.allclose(again, found.matrix, atol=1e-9)


def test_a_gate_is_never_better_than_relaxation_makes_it() -> None:
    twin = device(1, RELAXING, [("sx", (0,), 1e-9, 10_000.0)])
    noise = DeviceNoise(twin.calibration)
    found = noise.of_gate("sx", (0,))
    assert found is not None
    relaxed = SuperOp(thermal_relaxation_error(T1_US, T2_US, 10.0))
    assert np.allclose(found.matrix, relaxed.data, atol=1e-12)
    assert noise.of_gate("rz", (0,)) is None


def test_channels_are_worked_out_once(simulator: Simulator) -> None:
    """For a device; another circuit of the same gates finds them."""
    twin = device(2, RELAXING, [("sx", (0,), 0.01, 100.0)])
    noise = DeviceNoise(twin.calibration)
    assert noise.of_gate("sx", (0,)) is noise.of_gate("sx", (0,))
    circuit = QuantumCircuit(2, 1)
    circuit.sx(0)
    circuit.measure(0, 0)
    first = frequencies(simulator, circuit, twin, 100, seed=3)
    assert frequencies(simulator, circuit, twin, 100, seed=3) == first


def test_the_pauli_twirl_of_relaxation() -> None:
    """Where T2 is longer than T1 too, for which there is no mixture of Cliffords and resets."""
    twin = device(1, RELAXING, [("id", (0,), 0.0, 20_000.0)])
    channel = DeviceNoise(twin.calibration).of_gate("id", (0,))
    assert channel is not None
    decayed, dephased = math.exp(-20 / T1_US), math.exp(-20 / T2_US)
    wanted = {
        "x": (1 - decayed) / 4,
        "y": (1 - decayed) / 4,
        "z": (1 + decayed - 2 * dephased) / 4,
    }
    terms, probabilities = channel.twirled.circuits, channel.twirled.probabilities
    found = dict(zip([term.data[0].name for term in terms], probabilities, strict=True))
    assert {name: found[name] for name in wanted} == pytest.approx(wanted, abs=1e-9)
    assert sum(probabilities) == pytest.approx(1)


def test_conditions_are_of_what_was_read(simulator: Simulator) -> None:
    """A bit that is read wrongly takes the wrong branch."""
    twin = device(3, {"prob_meas1_prep0": (0.2, ""), "prob_meas0_prep1": (0.0, "")})
    circuit = QuantumCircuit(3, 2)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
    circuit.measure(1, 1)
    seen = frequencies(simulator, circuit, twin, 4000)
    # A 0 is read as 1 in a fifth of the cases, and then qubit 1 is 1 without fail.
    assert seen.get("11", 0) == close_to(0.2, 4000)
    assert seen.get("01", 0) == 0
    assert seen["00"] == close_to(0.64, 4000)


def test_blocks_have_noise(simulator: Simulator) -> None:
    """Gates and delays in branches and loops; each turn of a loop has errors of its own."""
    twin = device(2, RELAXING)
    branching = QuantumCircuit(2, 2)
    branching.x(0)
    branching.measure(0, 0)
    with branching.if_test((branching.clbits[0], 1)):
        branching.x(1)
        branching.delay(50, 1, unit="us")
    branching.measure(1, 1)
    seen = frequencies(simulator, branching, twin, 4000)
    assert seen["11"] == close_to(math.exp(-50 / T1_US), 4000)
    looping = QuantumCircuit(1, 1)
    looping.x(0)
    looping.measure(0, 0)
    with looping.while_loop((looping.clbits[0], 1)):
        looping.delay(50, 0, unit="us")
        looping.measure(0, 0)
    # It ends in every shot, which it would not if each turn had the errors of the first.
    assert frequencies(simulator, looping, twin, 1000) == {"0": 1.0}


def test_measuring_midway_collapses_and_relaxation_goes_on(simulator: Simulator) -> None:
    circuit = QuantumCircuit(2, 3)
    circuit.x(0)
    circuit.delay(50, 0, unit="us")
    circuit.measure(0, 0)
    circuit.delay(50, 0, unit="us")
    circuit.measure(0, 1)
    circuit.reset(0)
    circuit.measure(0, 2)
    seen = frequencies(simulator, circuit, device(2, RELAXING), 4000)
    half = math.exp(-50 / T1_US)
    assert seen["011"] == close_to(half**2, 4000)
    assert seen["001"] == close_to(half * (1 - half), 4000)
    assert set(seen) == {"000", "001", "011"}


@pytest.mark.parametrize("is_dynamic", [False, True])
def test_variants_of_measuring_have_errors_of_their_own(
    simulator: Simulator, is_dynamic: bool
) -> None:
    """Beside the usual measurement of the same qubit, which has another."""
    twin = device(
        2, {"readout_error": (0.05, "")}, [("measure_2", (0,), 0.25, 800.0)], ["measure_2"]
    )
    circuit = QuantumCircuit(2, 3)
    circuit.x(0)
    circuit.append(Instruction("measure_2", 1, 1, []), [0], [0])
    if is_dynamic:
        with circuit.if_test((circuit.clbits[0], 1)):
            circuit.x(1)
    circuit.measure(0, 1)
    seen = frequencies(simulator, prepared(circuit), twin, 4000)
    right = sum(p for bits, p in seen.items() if bits[2] == "1")
    assert right == close_to(0.75, 4000)
    again = sum(p for bits, p in seen.items() if bits[1] == "1")
    assert again == close_to(0.95, 4000)


def test_sweeps_have_noise_at_each_point(simulator: Simulator) -> None:
    """As density matrices at once, and shot by shot."""
    theta = Parameter("theta")
    twin = device(2, RELAXING)
    for midway in (False, True):
        circuit = QuantumCircuit(2, 2)
        circuit.sx(1)
        circuit.rz(theta, 1)
        circuit.sx(1)
        circuit.delay(50, 1, unit="us")
        circuit.measure(1, 0)
        if midway:
            circuit.id(1)
            circuit.measure(1, 1)
        points = np.array([[0.3], [1.1], [2.5]])
        outcomes = list(simulator.run(circuit, points, 4000, 5, twin))
        for (angle,), found in zip(points, outcomes, strict=True):
            wanted = math.cos(angle / 2) ** 2 * math.exp(-50 / T1_US)
            ones = found.counts[found.bits[:, 0]].sum() / 4000
            assert ones == close_to(wanted, 4000)


def test_wide_clifford_circuits_run_with_pauli_errors(simulator: Simulator) -> None:
    """A chain of 60 qubits, its rotations written as a device has them."""
    twin = device(
        60, {**RELAXING, **MISREADING}, [("cz", (i, i + 1), 0.002, 80.0) for i in range(59)]
    )
    shots = 300
    simulator.open_account()
    seen = frequencies(simulator, chain(60, math.pi / 2), twin, shots)
    assert simulator.account.ways == {Way(Noise.PAULI_TWIRLED, Method.STABILIZER)}
    # Of qubits that are 0 or 1 together, half of each: the mean is that of the errors of readout,
    # and Pauli errors keep a half a half.
    first = sum(p for bits, p in seen.items() if bits[-1] == "1")
    assert first == close_to((0.1 + 0.7) / 2, shots)
    assert len(seen) > 1


def test_wide_circuits_that_branch_run_with_pauli_errors(simulator: Simulator) -> None:
    twin = device(60, {"readout_error": (0.1, "")})
    circuit = chain(60, math.pi / 2)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(59)
    circuit.measure(59, 59)
    seen = frequencies(simulator, circuit, twin, 500)
    # Qubit 59 is made 0 by what is read of qubit 0, which is wrong in a tenth; so is its own bit.
    assert sum(p for bits, p in seen.items() if bits[0] == "1") == close_to(0.18, 500)


def test_wide_circuits_of_other_gates_are_refused(simulator: Simulator) -> None:
    """With their width, and why; without noise they are as wide as ever."""
    twin = device(60, RELAXING)
    with pytest.raises(JobFailedError, match="uses 60 qubits with noise") as refused:
        frequencies(simulator, chain(60, 0.3), twin, 10)
    assert "not Clifford" in refused.value.message
    assert "--ideal" in refused.value.advice


def chain(num_qubits: int, angle: float) -> QuantumCircuit:
    """Return a chain in which each qubit follows the one before, each measured."""
    circuit = QuantumCircuit(num_qubits, num_qubits)
    circuit.rz(math.pi / 2, 0)
    circuit.sx(0)
    circuit.rz(math.pi / 2, 0)
    for left, right in pairwise(range(num_qubits)):
        circuit.rz(math.pi / 2, right)
        circuit.sx(right)
        circuit.rz(angle, right)
        circuit.cz(left, right)
        circuit.rz(angle, right)
        circuit.sx(right)
        circuit.rz(math.pi / 2, right)
    circuit.measure(range(num_qubits), range(num_qubits))
    return circuit


def test_other_bases_are_measured_with_the_devices_gates(simulator: Simulator) -> None:
    """So an expectation value has the error of the gate that turns the qubit as well."""
    error = 0.05
    twin = device(1, gates=[("sx", (0,), error, 0.0)])
    text = 'OPENQASM 3.0; include "stdgates.inc"; rz(pi/2) $0; sx $0; rz(pi/2) $0;'
    params = {"pubs": [[text, ["X"], None, 0.02]], "version": 2}
    tree = estimate(params, simulator, 5, twin)
    (found,) = tree["results"][0]["data"]["evs"]
    # Twice depolarized by twice the error; five standard errors of 2500 shots.
    assert abs(found) == pytest.approx((1 - 2 * error) ** 2, abs=0.1)
    (found,) = estimate(params, simulator, 5, ideal(twin))["results"][0]["data"]["evs"]
    assert abs(found) == 1


def ideal(twin: Twin) -> Twin:
    """Return a twin without its noise."""
    return Twin(twin.rules, twin.calibration, is_noisy=False)


def test_a_delay_without_a_unit_of_time_fails(simulator: Simulator) -> None:
    twin = device(1, RELAXING)
    calibration = twin.calibration
    object.__setattr__(calibration, "dt_s", None)
    circuit = QuantumCircuit(1, 1)
    circuit.x(0)
    circuit.delay(100, 0)
    circuit.measure(0, 0)
    with pytest.raises(JobFailedError, match="units of dt"):
        frequencies(simulator, circuit, twin, 10)


def test_an_unknown_label_is_the_usual_measurement() -> None:
    twin = device(1, MISREADING)
    assert DeviceNoise(twin.calibration).of_readout(0, "measure_9") == (0.1, 0.3)
