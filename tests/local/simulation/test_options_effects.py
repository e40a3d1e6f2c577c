"""What the primitives' options do to the results of a noisy device, and what they leave alone."""

import json
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from ibm_quantum_schemas.estimator.version_0_1 import PrimitiveResultWrapperModel
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.primitives import PrimitiveResult
from qiskit_ibm_runtime import RuntimeDecoder
from scipy.stats import chi2

from qrsession.codec import decode, encode
from qrsession.errors import QrsessionError
from qrsession.local.simulation.programs.estimating import estimate
from qrsession.local.simulation.programs.sampling import sample
from qrsession.local.simulation.simulator import Simulator
from qrsession.local.simulation.twin import Twin
from qrsession.protocol.faults import JOB_NOT_VALID
from tests.local.simulation import noisy

READOUT = (0.02, 0.14)
T1_S = 20e-6
# A probability so small that a bound of it does not fail by chance in the life of this project.
NEVER = 1e-6


@pytest.fixture(scope="module")
def simulator() -> Simulator:
    """Return one for all tests of this module."""
    return Simulator(2000)


def device_circuit(*flipped: int, measured: int = 1) -> QuantumCircuit:
    """Return a circuit on the whole device whose qubits of these numbers are flipped."""
    circuit = QuantumCircuit(noisy.NUM_QUBITS, measured)
    for qubit in flipped:
        circuit.x(qubit)
    return circuit


def sampled(
    simulator: Simulator,
    circuit: QuantumCircuit,
    device: Twin | None,
    shots: int | None = None,
    seed: int = 3,
    **options: Any,
) -> dict[str, Any]:
    """Run a sampler, and return its plain result."""
    params = {"pubs": [[encode(circuit), None, shots]], "options": options}
    tree: dict[str, Any] = json.loads(json.dumps(sample(params, simulator, seed, device)))
    return tree


def estimated(
    simulator: Simulator, pub: list[Any], device: Twin | None, seed: int = 3, **params: Any
) -> dict[str, Any]:
    """Run an estimator, and return its plain result."""
    circuit, *rest = pub
    params = {"pubs": [[encode(circuit), *rest]], **params}
    tree: dict[str, Any] = json.loads(json.dumps(estimate(params, simulator, seed, device)))
    return tree


def data_of(tree: dict[str, Any]) -> dict[str, Any]:
    data: dict[str, Any] = tree["results"][0]["data"]
    return data


@pytest.mark.parametrize("is_flipped", [False, True])
def test_twirled_measurements_are_wrong_alike(simulator: Simulator, is_flipped: bool) -> None:
    """A 1 is read wrong seven times as often as a 0; twirled, both as often as the mean."""
    circuit = device_circuit(*([0] if is_flipped else []))
    circuit.measure(0, 0)
    device = noisy.twin(readout=READOUT)
    plain = noisy.ones(sampled(simulator, circuit, device, 20_000))[0]
    twirling = {"enable_measure": True, "num_randomizations": 500, "shots_per_randomization": 40}
    tree = sampled(simulator, circuit, device, 20_000, twirling=twirling)
    wrong, twirled = READOUT[is_flipped], sum(READOUT) / 2
    assert abs(abs(plain - is_flipped) - wrong) < 5 * math.sqrt(wrong * (1 - wrong) / 20_000)
    # Beside the shots' own spread: of 500 randomizations about half are flipped, give or take 11.
    half = (READOUT[1] - READOUT[0]) * 0.5 / math.sqrt(500)
    deviation = math.hypot(math.sqrt(twirled * (1 - twirled) / 20_000), half)
    found = abs(noisy.ones(tree)[0] - is_flipped)
    assert abs(found - twirled) < 5 * deviation
    assert tree["results"][0]["metadata"]["num_randomizations"] == 500


def test_ibms_decoder_reads_when_shots_ran(simulator: Simulator) -> None:
    """A span covers each shot of its pub once, also where randomizations have a few too many."""
    turned = QuantumCircuit(noisy.NUM_QUBITS, 1)
    turned.rx(Parameter("angle"), 0)
    turned.measure(0, 0)
    angles = [[[0.1], [0.2], [0.3]], [[0.4], [0.5], [0.6]]]
    pubs = [[encode(turned), angles, 10], [encode(turned), [0.5], 7]]
    device = noisy.twin(readout=READOUT)
    twirling = {"enable_measure": True, "num_randomizations": 4, "shots_per_randomization": 3}
    kinds = {}
    for options in ({}, {"twirling": twirling}):
        params = {"pubs": pubs, "options": options, "support_qiskit": True}
        text = json.dumps(sample(params, simulator, 3, device))
        result = json.loads(text, cls=RuntimeDecoder)
        spans = result.metadata["execution"]["execution_spans"]
        assert [span.pub_idxs for span in spans] == [[0], [1]]
        assert spans[0].start <= spans[0].stop <= spans[1].start <= spans[1].stop
        for index, span in enumerate(spans):
            mask = span.mask(index)
            register = result[index].data.c
            assert mask.shape == (*register.shape, register.num_shots)
            assert mask.all()
        kinds[bool(options)] = {type(span).__name__ for span in spans}
    assert kinds == {False: {"DoubleSliceSpan"}, True: {"TwirledSliceSpanV2"}}


def test_twirled_gates_decay_to_both_states(simulator: Simulator) -> None:
    """Relaxation during gates leaves state 0 as it is; twirled, it flips it as often as state 1.

    Ten gates take as long as a qubit needs to lose half of its 1s. Twirled, a 0 becomes 1 with
    (1 - 1/2) / 2. The random flips take 4% of a gate at most, so the half may be 0.486.
    """
    circuit = device_circuit()
    for _ in range(10):
        circuit.cz(0, 1)
    circuit.measure(0, 0)
    device = noisy.twin(t1_s=10e-6 / math.log(2), pair_length_s=1e-6)
    assert noisy.ones(sampled(simulator, circuit, device, 2000))[0] == 0
    twirling = {"enable_gates": True, "num_randomizations": 200, "shots_per_randomization": 20}
    found = noisy.ones(sampled(simulator, circuit, device, 4000, twirling=twirling))[0]
    # A form decays to somewhere between 0 and 1/2, so forms deviate by less than 1/4.
    deviation = math.hypot(0.25 / math.sqrt(200), math.sqrt(0.25 * 0.75 / 4000))
    assert abs(found - 0.25) < 5 * deviation + 0.007


def decayed(*lengths_s: float, start: float) -> float:
    """Return how often a qubit is found in state 1 after delays with flips between them."""
    one = start
    for index, length_s in enumerate(lengths_s):
        one = (1 - one) if index else one
        one *= math.exp(-length_s / T1_S)
    return one


@pytest.mark.parametrize("sequence", ["XX", "XpXm", "XY4"])
@pytest.mark.parametrize("start", [0, 1])
def test_decoupling_keeps_ones_and_costs_zeros(
    simulator: Simulator, sequence: str, start: int
) -> None:
    """Half of the time in the other state: what decay does to both is between what it did."""
    circuit = device_circuit(*[0] * start)
    circuit.delay(20_000, 0)
    circuit.measure(0, 0)
    device = noisy.twin(t1_s=T1_S)
    plain = noisy.ones(sampled(simulator, circuit, device, 10_000))[0]
    decoupling = {"enable": True, "sequence_type": sequence}
    filled = noisy.ones(
        sampled(simulator, circuit, device, 10_000, dynamical_decoupling=decoupling)
    )[0]
    parts = [5, 10, 5] if sequence != "XY4" else [2.5, 5, 5, 5, 2.5]
    expected = decayed(*(part * 1e-6 for part in parts), start=start)
    # Pulses take 40 ns of these times, in which a qubit decays at either rate.
    slack = 2 * len(parts) * noisy.X_LENGTH_S / T1_S
    assert abs(plain - decayed(20e-6, start=start)) < 5 * 0.005 + slack
    assert abs(filled - expected) < 5 * 0.005 + slack
    assert filled > plain


def test_decoupling_leaves_fresh_qubits_alone_where_asked(simulator: Simulator) -> None:
    circuit = device_circuit()
    circuit.delay(20_000, 0)
    circuit.measure(0, 0)
    decoupling = {"enable": True, "skip_reset_qubits": True}
    tree = sampled(simulator, circuit, noisy.twin(t1_s=T1_S), 1000, dynamical_decoupling=decoupling)
    assert noisy.ones(tree)[0] == 0


def z_scores(
    simulator: Simulator, device: Twin, pub: list[Any], truth: float, **params: Any
) -> NDArray[np.float64]:
    """Return how far 40 estimates are from the truth, in their own standard errors."""
    return np.array(list(_scores(simulator, device, pub, truth, params)))


def _scores(
    simulator: Simulator, device: Twin, pub: list[Any], truth: float, params: dict[str, Any]
) -> Iterator[float]:
    for seed in range(40):
        data = data_of(estimated(simulator, pub, device, seed, **params))
        yield (data["evs"] - truth) / data["stds"]


def assert_honest(scores: NDArray[np.float64]) -> None:
    """Hold the sum of squares against chi squared, for errors known from 32 randomizations.

    Student's distribution of 31 degrees is wider than the normal one, by 31 / 29 in the variance.
    """
    low, high = chi2.ppf([NEVER, 1 - NEVER], len(scores))
    assert low < (scores**2).sum() < high * 31 / 29
    assert abs(scores.mean()) < 5 * math.sqrt(31 / 29 / len(scores))


def turned() -> QuantumCircuit:
    """Return a state in which every Pauli of the first two qubits is uncertain."""
    circuit = QuantumCircuit(noisy.NUM_QUBITS)
    for qubit, angle in ((0, 0.8), (1, 0.6)):
        circuit.sx(qubit)
        circuit.rz(angle, qubit)
        circuit.sx(qubit)
    return circuit


def exact(circuit: QuantumCircuit, observable: dict[str, float]) -> float:
    from qiskit.quantum_info import SparsePauliOp, Statevector  # noqa: PLC0415 - heavy, for one use

    operator = SparsePauliOp.from_list(list(observable.items()))
    return float(Statevector(circuit).expectation_value(operator).real)


def test_mitigation_takes_errors_of_reading_out_and_says_how_well(simulator: Simulator) -> None:
    """At level 0 the value is off by many errors; at level 1 by as much as it says."""
    observable = {"IIZZ": -1.0, "IIIZ": 0.5, "IIZI": 0.7, "IIII": 0.3}
    truth = exact(turned(), observable)
    device = noisy.twin(readout=(0.05, 0.15))
    pub = [turned(), observable, None, 0.03]
    assert_honest(z_scores(simulator, device, pub, truth))
    raw = data_of(estimated(simulator, pub, device, resilience_level=0))
    assert abs(raw["evs"] - truth) > 8 * raw["stds"]


def test_projectors_are_mitigated_too(simulator: Simulator) -> None:
    """Written as sums of Paulis: state 11 is in 11, and never in 01."""
    device = noisy.twin(readout=(0.05, 0.15))
    pub = [device_circuit(0, 1, measured=0), ["II11", "II01", "II0Z"], None, 0.02]
    data = data_of(estimated(simulator, pub, device))
    off = np.abs(np.array(data["evs"]) - [1, 0, 0]) / np.array(data["stds"])
    assert off.max() < 5
    wide = [device_circuit(measured=0), "1111"]
    assert abs(data_of(estimated(simulator, wide, device))["evs"]) < 0.1


def chain(pairs: int) -> QuantumCircuit:
    """Return a bell pair, twisted by further gates that leave it as it is."""
    circuit = QuantumCircuit(noisy.NUM_QUBITS)
    for qubit in (0, 1):
        circuit.rz(math.pi / 2, qubit)
        circuit.sx(qubit)
        circuit.rz(math.pi / 2, qubit)
    for _ in range(2 * pairs + 1):
        circuit.cz(0, 1)
    return circuit


ZNE = {"resilience": {"zne_mitigation": True, "measure_mitigation": False}}


@pytest.mark.parametrize("extrapolator", ["exponential", "linear", "polynomial_degree_2"])
def test_extrapolation_takes_most_of_the_noise_out(simulator: Simulator, extrapolator: str) -> None:
    """Seven gates of 1% each: a stabilizer of the pair is found at 0.9, and then near 1."""
    device = noisy.twin(pair_error=0.01)
    pub = [chain(3), "IIXZ", None, 0.01]
    assert exact(chain(3), {"IIXZ": 1.0}) == pytest.approx(1)
    raw = data_of(estimated(simulator, pub, device, resilience_level=0))
    options = {"resilience": {**ZNE["resilience"], "zne": {"extrapolator": extrapolator}}}
    tree = estimated(simulator, pub, device, resilience_level=0, options=options)
    data = data_of(tree)
    assert abs(raw["evs"] - 1) > 10 * raw["stds"]
    assert abs(data["evs"] - 1) < abs(raw["evs"] - 1) / 2
    assert abs(data["evs"] - 1) < 5 * data["stds"] + 0.03
    # An error of 1% of the average fidelity takes 16/15 of 4/3 as much from a Pauli of two qubits.
    kept = 1 - 0.01 * 4 / 3
    assert data["evs_noise_factors"] == pytest.approx(
        [kept ** (7 * n) for n in (1, 3, 5)], abs=0.05
    )
    assert tree["results"][0]["metadata"]["resilience"]["zne"]["extrapolator"] == extrapolator


@pytest.mark.deep
def test_extrapolated_errors_are_honest(simulator: Simulator) -> None:
    """Depolarizing errors decay as the exponential model does, so nothing else is left."""
    device = noisy.twin(pair_error=0.01, readout=(0.03, 0.08))
    options = {"resilience": {"zne": {"extrapolator": "exponential"}}}
    pub = [chain(3), "IIXZ", None, 0.03]
    scores = z_scores(simulator, device, pub, 1.0, resilience_level=2, options=options)
    assert_honest(scores)


@pytest.mark.parametrize("amplifier", ["gate_folding", "gate_folding_front", "gate_folding_back"])
def test_noise_factors_between_make_noise_between(simulator: Simulator, amplifier: str) -> None:
    device = noisy.twin(pair_error=0.02)
    zne = {"amplifier": amplifier, "noise_factors": [1, 1.8, 2.6], "extrapolator": "linear"}
    options = {"resilience": {**ZNE["resilience"], "zne": zne}}
    data = data_of(
        estimated(
            simulator, [chain(2), "IIXZ", None, 0.01], device, resilience_level=0, options=options
        )
    )
    kept = 1 - 0.02 * 4 / 3
    expected = [kept**gates for gates in (5, 9, 13)]
    assert np.abs(np.array(data["evs_noise_factors"]) - expected).max() < 5 * 0.01


def test_level_two_is_all_of_it_and_honest(simulator: Simulator) -> None:
    """Typed, as Qiskit reads it, and as the service's models have it."""
    device = noisy.twin(pair_error=0.01, readout=(0.03, 0.08))
    observables = [[{"IIXZ": 1.0}, {"IIXZ": 0.5, "IIZX": 0.5}, {"IIII": 2.0}]]
    params = {
        "pubs": [[encode(chain(1)), observables, None, 0.02]],
        "resilience_level": 2,
        "support_qiskit": True,
    }
    tree = json.loads(json.dumps(estimate(params, simulator, 3, device)))
    PrimitiveResultWrapperModel.model_validate(tree)
    result = decode(tree)
    assert isinstance(result, PrimitiveResult)
    data = result[0].data
    assert data.evs.shape == data.stds.shape == (1, 3)
    assert data.evs_noise_factors.shape == data.stds_noise_factors.shape == (1, 3, 3)
    assert data.ensemble_stds_noise_factors.shape == (1, 3, 3)
    assert data.evs_extrapolated.shape == data.stds_extrapolated.shape == (1, 3, 2, 4)
    assert "ensemble_standard_error" not in data
    assert np.all(np.abs(data.evs - [1, 1, 2]) <= 5 * data.stds)
    assert data.evs[0, 2] == 2
    assert data.stds[0, 2] == 0
    metadata = result.metadata
    assert metadata["twirling"]["enable_gates"] is metadata["twirling"]["enable_measure"] is True
    assert metadata["resilience"]["zne"]["noise_factors"] == [1, 3, 5]
    assert result[0].metadata["num_randomizations"] == 32
    assert result[0].metadata["shots"] == 32 * 79


def test_an_identity_is_one_whatever_is_done(simulator: Simulator) -> None:
    """It is not measured, so there is nothing to extrapolate."""
    device = noisy.twin(pair_error=0.02, readout=READOUT)
    data = data_of(estimated(simulator, [chain(1), {"IIII": 3.0}], device, resilience_level=2))
    assert (data["evs"], data["stds"]) == (3.0, 0.0)
    assert data["evs_extrapolated"] == [[3.0] * 4] * 2


def test_a_sweep_and_its_observables_keep_their_shape(simulator: Simulator) -> None:
    """Each point of a sweep at its place, in two dimensions, with everything on."""
    from qiskit.circuit import Parameter  # noqa: PLC0415 - for one test

    circuit = QuantumCircuit(noisy.NUM_QUBITS)
    circuit.sx(0)
    circuit.rz(Parameter("a"), 0)
    circuit.sx(0)
    circuit.cz(0, 1)
    values = [0.1, 1.0, 2.0]
    pub = [circuit, [["IIIZ"], ["IIIX"]], values, 0.02]
    device = noisy.twin(pair_error=0.005, readout=(0.03, 0.08))
    data = data_of(estimated(simulator, pub, device, resilience_level=2))
    truth = np.array(
        [
            [exact(circuit.assign_parameters([value]), {label: 1.0}) for value in values]
            for label in ("IIIZ", "IIIX")
        ]
    )
    assert np.shape(data["evs_extrapolated"]) == (2, 3, 2, 4)
    assert np.all(np.abs(np.array(data["evs"]) - truth) < 5 * np.array(data["stds"]) + 0.02)


def test_seeds_decide_everything(simulator: Simulator) -> None:
    """Forms, folds, learning and shots; in the job, or in either of the options."""
    device = noisy.twin(pair_error=0.02, readout=READOUT)
    pub = [chain(1), "IIXZ", None, 0.1]

    def evs(seed: int, **options: Any) -> Any:
        tree = estimated(simulator, pub, device, seed, resilience_level=2, options=options)
        return data_of(tree)["evs_noise_factors"]

    assert evs(1) == evs(1)
    assert evs(1) != evs(2)
    assert evs(1, seed_estimator=5) == evs(2, seed_estimator=5) != evs(2)
    assert evs(1, simulator={"seed_simulator": 5}) == evs(1, seed_estimator=5)
    circuit = chain(1)
    circuit.measure_all()
    twirling = {"enable_gates": True, "enable_measure": True}

    def samples(seed: int) -> Any:
        return data_of(sampled(simulator, circuit, device, 200, seed, twirling=twirling))

    assert samples(1) == samples(1)
    assert samples(1) != samples(2)


@pytest.mark.parametrize(
    ("shots", "options", "expected", "randomizations"),
    [
        (100, {}, 100, 2),
        (1000, {"num_randomizations": 7}, 1000, 7),
        (1000, {"shots_per_randomization": 30}, 1000, 34),
        # Both make the shots where nobody asks for others.
        (None, {"num_randomizations": 7, "shots_per_randomization": 30}, 210, 7),
        (50, {"num_randomizations": 7, "shots_per_randomization": 30}, 50, 7),
    ],
)
def test_a_twirled_sampler_gives_the_shots_that_were_asked_for(
    simulator: Simulator,
    shots: int | None,
    options: dict[str, Any],
    expected: int,
    randomizations: int,
) -> None:
    circuit = device_circuit(0, measured=2)
    circuit.measure([0, 1], [0, 1])
    twirling = {"enable_measure": True, **options}
    for device in (noisy.twin(readout=READOUT), noisy.twin(is_noisy=False)):
        tree = sampled(simulator, circuit, device, shots, twirling=twirling)
        (result,) = tree["results"]
        assert len(result["data"]["c"]["samples"]) == result["metadata"]["shots"] == expected
        if device.is_noisy:
            assert result["metadata"]["num_randomizations"] == randomizations


@pytest.mark.parametrize("device", [None, noisy.twin(is_noisy=False)], ids=["simulator", "ideal"])
def test_without_noise_nothing_is_done_and_the_shape_is_the_services(
    simulator: Simulator, device: Twin | None
) -> None:
    """The same values as at level 0, repeated where the service has extrapolated ones."""
    pub = [turned(), ["IIZZ", "IIXI"], None, 0.05]
    plain = data_of(estimated(simulator, pub, device, resilience_level=0))
    tree = estimated(simulator, pub, device, resilience_level=2)
    data = data_of(tree)
    assert (data["evs"], data["stds"]) == (plain["evs"], plain["stds"])
    assert np.array(data["evs_noise_factors"]).tolist() == [[ev] * 3 for ev in plain["evs"]]
    assert np.shape(data["evs_extrapolated"]) == np.shape(data["stds_extrapolated"]) == (2, 2, 4)
    metadata = tree["metadata"]
    assert metadata["resilience"]["zne_mitigation"] is False
    assert metadata["twirling"] == {"enable_gates": False, "enable_measure": False}
    assert tree["results"][0]["metadata"]["num_randomizations"] == 1
    assert "resilience.zne_mitigation" in metadata["simulation"]["no_noise_to_treat"]
    assert "simulation" not in estimated(simulator, pub, device)["metadata"]


def test_what_is_not_simulated_is_declared(simulator: Simulator) -> None:
    """And the rest is done: PEC twirls, PEA folds gates."""
    device = noisy.twin(pair_error=0.01)
    pub = [chain(1), "IIXZ", None, 0.1]
    pec = estimated(simulator, pub, device, options={"resilience": {"pec_mitigation": True}})
    assert pec["metadata"]["simulation"]["not_simulated"] == ["resilience.pec_mitigation"]
    assert pec["metadata"]["resilience"]["pec_mitigation"] is False
    assert pec["metadata"]["twirling"]["enable_gates"] is True
    assert pec["results"][0]["metadata"]["num_randomizations"] == 2
    pea = {"zne_mitigation": True, "zne": {"amplifier": "pea", "extrapolator": "linear"}}
    amplified = estimated(simulator, pub, device, options={"resilience": pea})
    assert amplified["metadata"]["simulation"]["not_simulated"] == ["resilience.zne.amplifier"]
    assert len(data_of(amplified)["evs_noise_factors"]) == 3
    circuit = device_circuit()
    circuit.measure(0, 0)
    execution = {"meas_type": "kerneled", "rep_delay": 1e-4, "init_qubits": False}
    tree = sampled(simulator, circuit, device, 10, execution=execution)
    assert data_of(tree)["c"]["num_bits"] == 1
    assert tree["metadata"]["simulation"]["not_simulated"] == [
        "execution.init_qubits",
        "execution.meas_type",
        "execution.rep_delay",
    ]


def dynamic() -> QuantumCircuit:
    circuit = device_circuit()
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(1)
    return circuit


def fractional() -> QuantumCircuit:
    circuit = device_circuit()
    circuit.rx(0.3, 0)
    circuit.measure(0, 0)
    return circuit


def refusal(
    simulator: Simulator, circuit: QuantumCircuit, device: Twin | None, **options: Any
) -> str:
    """Return why a circuit does not go with options; empty if it does."""
    params = {"pubs": [[encode(circuit), "IIIZ"]], "options": options}
    sampling = {name: options[name] for name in options if name != "resilience"}
    try:
        if "resilience" in options:
            estimate(params, simulator, 3, device)
        else:
            sampled(simulator, circuit, device, 10, **sampling)
    except QrsessionError as error:
        return f"{error.details['reason_code']} {error.message}"
    return ""


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"dynamical_decoupling": {"enable": True}}, "dynamical_decoupling.enable"),
        ({"resilience": {"zne_mitigation": True}}, "resilience.zne_mitigation"),
        ({"resilience": {"pec_mitigation": True}}, "resilience.pec_mitigation"),
        ({"twirling": {"enable_gates": True, "enable_measure": True}}, ""),
    ],
    ids=["decoupling", "zne", "pec", "twirling"],
)
def test_circuits_that_branch_exclude_what_the_service_excludes(
    simulator: Simulator, options: dict[str, Any], path: str
) -> None:
    words = refusal(simulator, dynamic(), noisy.twin(), **options)
    if path:
        assert words.startswith(f"{JOB_NOT_VALID} ")
        assert f"Pub 0: the circuit branches or loops, and options.{path} is on" in words
    else:
        assert not words


def test_fractional_gates_exclude_the_twirling_of_gates(simulator: Simulator) -> None:
    """On a device; a simulator has no gates of its own."""
    on = {"twirling": {"enable_gates": True}}
    assert "options.twirling.enable_gates" in refusal(simulator, fractional(), noisy.twin(), **on)
    assert not refusal(simulator, fractional(), None, **on)
    measured = {"twirling": {"enable_measure": True}}
    assert not refusal(simulator, fractional(), noisy.twin(), **measured)
