"""The program ``sampler``, in this process: every form of input, and bits where they belong."""

import json
import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Clbit, Gate, Instruction, Parameter, ParameterVector
from qiskit.circuit.classical import expr
from qiskit.circuit.library import Initialize, MCXGate, QFTGate, UnitaryGate
from qiskit.primitives import PrimitiveResult
from qiskit.quantum_info import random_unitary

from qrsession.codec import decode, encode
from qrsession.errors import JobFailedError, QrsessionError
from qrsession.local.devices.device import MAX_SHOTS
from qrsession.local.simulation.circuits.preparing import prepared
from qrsession.local.simulation.programs.sampling import sample
from qrsession.local.simulation.simulator import Simulator
from qrsession.protocol import faults
from qrsession.protocol.faults import JOB_NOT_VALID, TOO_FEW_SHOTS, TOO_MANY_SHOTS

HEADER = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'
BELL = HEADER + "qubit[2] q; bit[2] c; h q[0]; cx q[0], q[1]; c = measure q;"
ROTATE = HEADER + "input float[64] a; input float[64] b; qubit[2] q; bit[2] c; "
ROTATE += "rx(a) q[0]; rx(b) q[1]; c = measure q;"


@pytest.fixture(scope="module")
def simulator() -> Simulator:
    """Return one for all tests of this module; it keeps nothing from one job to the next."""
    return Simulator(2000)


def run(simulator: Simulator, *pubs: Any, seed: int = 7, **params: Any) -> list[dict[str, Any]]:
    """Run pubs without Qiskit's types in the result, and return each one's data."""
    tree = sample({"pubs": list(pubs), "version": 2, **params}, simulator, seed)
    # The result must be JSON as it is.
    return [entry["data"] for entry in json.loads(json.dumps(tree))["results"]]


def sent(circuit: QuantumCircuit) -> Any:
    """Return a circuit as it goes over the wire."""
    return json.loads(json.dumps(encode(circuit)))


def only(simulator: Simulator, circuit: QuantumCircuit, values: Any = None) -> dict[str, str]:
    """Return the one bitstring of each register of a circuit that has no randomness."""
    data = run(simulator, [sent(circuit), values, 20])[0]
    bitstrings = {}
    for name, register in data.items():
        (value,) = set(register["samples"])
        bitstrings[name] = f"{int(value, 16):0{register['num_bits']}b}"
    return bitstrings


def chi_square(counts: Counter[str], probabilities: dict[str, float]) -> float:
    """Return how far counts are from a distribution."""
    shots = sum(counts.values())
    assert set(counts) <= set(probabilities)
    return sum(
        (counts[key] - shots * share) ** 2 / (shots * share) for key, share in probabilities.items()
    )


def failure(simulator: Simulator, *pubs: Any, **params: Any) -> JobFailedError:
    """Return the error of pubs that are refused; its reason is one line of words."""
    with pytest.raises(QrsessionError) as caught:
        sample({"pubs": list(pubs), "version": 2, **params}, simulator, 7)
    assert isinstance(caught.value, JobFailedError)
    assert "\n" not in caught.value.message
    assert caught.value.advice
    return caught.value


def code_of(error: JobFailedError) -> int:
    """Return IBM's code."""
    return int(error.details["reason_code"])


def test_bits_are_where_qiskit_has_them(simulator: Simulator) -> None:
    """X on qubit 0 alone; registers of other widths, measured crosswise."""
    circuit = QuantumCircuit(
        QuantumRegister(3, "q"), ClassicalRegister(3, "low"), ClassicalRegister(10, "high")
    )
    circuit.x(0)
    circuit.measure([0, 1, 2], [0, 1, 2])
    circuit.measure(0, 12)
    assert only(simulator, circuit) == {"low": "001", "high": "1000000000"}


def test_typed_and_plain_results_hold_the_same(simulator: Simulator) -> None:
    """Only ``support_qiskit`` tells them apart, and a typed one is Qiskit's."""
    circuit = QuantumCircuit(2, metadata={"name": "mine"})
    circuit.x(0)
    circuit.h(1)
    circuit.measure_all()
    pub = [sent(circuit), None, 50]
    params = {"pubs": [pub], "version": 2, "support_qiskit": True}
    result = decode(sample(params, simulator, 3))
    assert isinstance(result, PrimitiveResult)
    assert result.metadata["version"] == 2
    assert result[0].metadata == {"shots": 50, "circuit_metadata": {"name": "mine"}}
    bits = result[0].data.meas
    assert (bits.num_shots, bits.num_bits, bits.shape) == (50, 2, ())
    plain = run(simulator, pub, seed=3)[0]["meas"]
    assert [f"{int(value, 16):02b}" for value in plain["samples"]] == bits.get_bitstrings()
    assert set(bits.get_bitstrings()) == {"01", "11"}


def test_shots_are_in_no_order(simulator: Simulator) -> None:
    """Neighbouring shots are as independent as any: the runs of equal ones have fair lengths."""
    (data,) = run(simulator, [BELL, None, 4000])
    ones = np.array([value == "0x3" for value in data["c"]["samples"]])
    changes = int((ones[1:] != ones[:-1]).sum())
    assert abs(changes - 2000) < 4 * math.sqrt(1000)
    assert abs(int(ones.sum()) - 2000) < 4 * math.sqrt(1000)


@pytest.mark.parametrize("form", [BELL, [BELL], [BELL, None], [BELL, [], 30], [BELL, {}, 30]])
def test_forms_of_a_pub(simulator: Simulator, form: Any) -> None:
    """A bare circuit and lists of one to three parts; shots from wherever they are given."""
    (data,) = run(simulator, form, shots=30)
    assert len(data["c"]["samples"]) == 30
    assert set(data["c"]["samples"]) == {"0x0", "0x3"}


def test_where_shots_come_from(simulator: Simulator) -> None:
    """The pub's own, else those of the job, else those of its options, else 4096."""
    options = {"default_shots": 12}
    pubs = [[BELL, None, 10], [BELL]]
    lengths = [
        [len(data["c"]["samples"]) for data in run(simulator, *pubs, **params)]
        for params in ({"shots": 11, "options": options}, {"options": options}, {})
    ]
    assert lengths == [[10, 11], [10, 12], [10, 4096]]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([math.pi, 0], ["0x1"]),
        ({"b": math.pi, "a": 0}, ["0x2"]),
        ([[math.pi, 0], [0, math.pi], [0, 0]], [["0x1"], ["0x2"], ["0x0"]]),
        ({"a": [0, math.pi], "b": [0, 0]}, [["0x0"], ["0x1"]]),
        ([[[math.pi, math.pi]]], [[["0x3"]]]),
        (encode(np.array([[math.pi, 0]])), [["0x1"]]),
    ],
)
def test_parameters(simulator: Simulator, values: Any, expected: Any) -> None:
    """Lists, nested lists, names and arrays; the result is nested as the values are."""
    (data,) = run(simulator, [ROTATE, values, 1])
    assert data["c"]["samples"] == expected


def test_parameters_go_in_the_order_of_the_circuit(simulator: Simulator) -> None:
    """Ten elements of a vector are sorted by number, and names before them by name."""
    theta, alpha = ParameterVector("theta", 11), Parameter("alpha")
    circuit = QuantumCircuit(12, 12)
    for qubit, parameter in enumerate([*theta, alpha]):
        circuit.rx(parameter, qubit)
    circuit.measure(range(12), range(12))
    values = [math.pi, *([0.0] * 9), math.pi, 0.0]
    assert only(simulator, circuit, values) == {"c": "101000000000"}


def test_a_sweep_of_one_parameter(simulator: Simulator) -> None:
    """A flat list for one parameter is a sweep, and each point has its own probability."""
    theta = Parameter("t")
    circuit = QuantumCircuit(1)
    circuit.ry(theta, 0)
    circuit.measure_all()
    values = np.linspace(0, math.pi, 7)
    (data,) = run(simulator, [sent(circuit), values.tolist(), 4000])
    for angle, samples in zip(values, data["meas"]["samples"], strict=True):
        share = math.sin(angle / 2) ** 2
        deviation = abs(samples.count("0x1") - 4000 * share)
        assert deviation <= 4 * math.sqrt(4000 * share * (1 - share)) + 1e-6


def coin_tosses(theta: Parameter) -> QuantumCircuit:
    """Return a circuit whose every shot is 48 random bits, so that no two shots are alike."""
    circuit = QuantumCircuit(1, 48)
    for bit in range(48):
        circuit.ry(theta, 0)
        circuit.measure(0, bit)
    return circuit


@pytest.mark.parametrize("is_dynamic", [False, True])
def test_points_of_a_sweep_share_no_shots(simulator: Simulator, is_dynamic: bool) -> None:
    """Aer seeds point i with 2113 i more: simulated one by one, points would repeat shots."""
    circuit = coin_tosses(Parameter("t"))
    if is_dynamic:
        with circuit.if_test((circuit.clbits[0], 1)):
            circuit.x(0)
    (data,) = run(simulator, [sent(circuit), [math.pi / 2] * 2, 3000])
    first, second = [set(samples) for samples in data["c"]["samples"]]
    assert len(first) == len(second) == 3000
    assert not first & second


def test_points_without_parameters_are_run_each(simulator: Simulator) -> None:
    """A pub may have a shape and no parameters: then its points differ by their shots alone."""
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure_all()
    tree = sample(
        {
            "pubs": [[sent(circuit), encode(np.empty((2, 3, 0))), 40]],
            "version": 2,
            "support_qiskit": True,
        },
        simulator,
        7,
    )
    bits = decode(json.loads(json.dumps(tree)))[0].data.meas
    assert bits.shape == (2, 3)
    shots = [tuple(bits[point].get_bitstrings()) for point in np.ndindex(2, 3)]
    assert {shot for point in shots for shot in point} == {"00", "11"}
    assert len(set(shots)) == 6


def test_values_of_what_is_left_out_go_to_nothing_else(simulator: Simulator) -> None:
    """A qubit that only waits is not simulated, and the time that it waits is a parameter."""
    waits, turns = Parameter("a"), Parameter("b")
    circuit = QuantumCircuit(2, 1)
    circuit.delay(waits, 1, "dt")
    circuit.rx(turns, 0)
    circuit.measure(0, 0)
    (outcomes,) = simulator.run(prepared(circuit), np.array([[8, math.pi]]), 20, 7)
    assert outcomes.bits.tolist() == [[True]]


def test_pubs_and_neighbouring_jobs_share_no_shots(simulator: Simulator) -> None:
    """Aer seeds a shot with one more than the shot before."""
    pub = [sent(coin_tosses(Parameter("t"))), [math.pi / 2], 1000]
    seen: set[str] = set()
    for seed in (7, 8, 7 + 2113):
        for data in run(simulator, pub, pub, seed=seed):
            samples = set(data["c"]["samples"])
            assert len(samples) == 1000
            assert not samples & seen
            seen |= samples


def test_equal_jobs_give_equal_samples(simulator: Simulator) -> None:
    """All randomness comes from the seed."""
    pubs = [[BELL, None, 64], [BELL, None, 64]]
    assert run(simulator, *pubs) == run(simulator, *pubs)


def test_the_options_seed_overrules_the_jobs(simulator: Simulator) -> None:
    """``options.simulator.seed_simulator`` makes jobs repeatable."""
    options = {"simulator": {"seed_simulator": 99}}
    first, second = [
        run(simulator, [BELL, None, 64], seed=seed, options=options) for seed in (1, 2)
    ]
    assert first == second


def test_a_distribution_of_three_qubits(simulator: Simulator) -> None:
    """Chi-squared over eight outcomes of a product of unequal rotations."""
    angles = [0.7, 1.9, 2.4]
    circuit = QuantumCircuit(3)
    for qubit, angle in enumerate(angles):
        circuit.ry(angle, qubit)
    circuit.measure_all()
    expected = {}
    for value in range(8):
        shares = [
            math.sin(angle / 2) ** 2 if value >> qubit & 1 else math.cos(angle / 2) ** 2
            for qubit, angle in enumerate(angles)
        ]
        expected[hex(value)] = math.prod(shares)
    (data,) = run(simulator, [sent(circuit), None, 100_000])
    # 24.3 is exceeded once in a thousand seeds with seven degrees of freedom.
    assert chi_square(Counter(data["meas"]["samples"]), expected) < 24.3


def test_one_shot(simulator: Simulator) -> None:
    """The smallest job there is."""
    (data,) = run(simulator, [BELL, None, 1])
    assert len(data["c"]["samples"]) == 1


def test_mid_circuit_measurement_and_reset(simulator: Simulator) -> None:
    """A qubit that is measured, reset and used again; what was measured stays."""
    circuit = QuantumCircuit(1, 3)
    circuit.h(0)
    circuit.measure(0, 0)
    circuit.measure(0, 1)
    circuit.reset(0)
    circuit.measure(0, 2)
    (data,) = run(simulator, [sent(circuit), None, 1000])
    assert set(data["c"]["samples"]) == {"0x0", "0x3"}


def test_bits_in_several_registers_and_in_none(simulator: Simulator) -> None:
    """Registers may share bits, in another order, and bits may stand alone."""
    bits = [Clbit() for _ in range(3)]
    circuit = QuantumCircuit(QuantumRegister(1, "q"), bits)
    circuit.add_register(ClassicalRegister(bits=[bits[2], bits[0]], name="crossed"))
    circuit.x(0)
    circuit.measure(0, 2)
    assert only(simulator, circuit) == {"crossed": "01"}


@pytest.mark.parametrize("name", ["shape", "keys", "my register", "π", "class"])
def test_registers_are_named_anything(simulator: Simulator, name: str) -> None:
    """Names that Qiskit's own containers or Python keep for themselves are names here."""
    circuit = QuantumCircuit(QuantumRegister(1, "q"), ClassicalRegister(2, name))
    circuit.x(0)
    circuit.measure(0, 1)
    assert only(simulator, circuit) == {name: "10"}
    params = {"pubs": [[sent(circuit)]], "shots": 3, "support_qiskit": True}
    tree = sample(params, simulator, 1)
    fields = tree["__value__"]["pub_results"][0]["__value__"]["data"]["__value__"]["fields"]
    assert decode(fields[name]).get_counts() == {"10": 3}


def test_what_is_not_measured_is_zero(simulator: Simulator) -> None:
    """Registers of width 0, circuits of no qubits, circuits without a gate."""
    circuit = QuantumCircuit(
        QuantumRegister(1, "q"), ClassicalRegister(2, "c"), ClassicalRegister(0, "none")
    )
    circuit.x(0)
    (data,) = run(simulator, [sent(circuit), None, 2], [sent(QuantumCircuit(0, 3)), None, 2])[:1]
    assert data["c"] == {"samples": ["0x0", "0x0"], "num_bits": 2}
    assert data["none"]["num_bits"] == 0


def test_a_gate_is_what_it_is_and_not_what_it_is_called(simulator: Simulator) -> None:
    """A gate of the user's called h, that is an X, flips."""
    definition = QuantumCircuit(1)
    definition.x(0)
    gate = Gate("h", 1, [])
    gate.definition = definition
    circuit = QuantumCircuit(2, 2)
    circuit.append(gate, [1])
    circuit.measure([0, 1], [0, 1])
    assert only(simulator, circuit) == {"c": "10"}


def test_custom_gates_are_unrolled_with_their_qubits_in_order(simulator: Simulator) -> None:
    """A gate within a gate, on crossed qubits, with a parameter that stays free."""
    text = (
        "gate inner(t) a, b { rx(t) a; cx a, b; } gate outer(t) a, b, c { inner(t) c, a; } "
        "input float[64] w; qubit[3] q; bit[3] c; outer(w) q[0], q[1], q[2]; "
        "c = measure q;"
    )
    (data,) = run(simulator, [HEADER + text, [math.pi], 5])
    assert set(data["c"]["samples"]) == {"0x5"}


def test_modifiers_of_openqasm_3(simulator: Simulator) -> None:
    """Control, inverse and power."""
    text = (
        "qubit[3] q; bit[3] c; x q[0]; x q[1]; ctrl(2) @ x q[0], q[1], q[2]; "
        "pow(0.5) @ x q[0]; pow(0.5) @ x q[0]; inv @ sx q[1]; sx q[1]; c = measure q;"
    )
    (data,) = run(simulator, [HEADER + text, None, 5])
    assert set(data["c"]["samples"]) == {"0x6"}


def test_high_level_gates(simulator: Simulator) -> None:
    """Gates with open controls, matrices, boxes, initial states and a Fourier transform."""
    unitary = UnitaryGate(random_unitary(4, seed=1))
    circuit = QuantumCircuit(6, 6)
    circuit.append(MCXGate(3, ctrl_state="010"), [0, 1, 2, 3])
    circuit.x(1)
    circuit.append(MCXGate(3, ctrl_state="010"), [0, 1, 2, 3])
    with circuit.box():
        circuit.append(unitary, [4, 5])
        circuit.append(QFTGate(3), [0, 1, 2])
        circuit.append(QFTGate(3).inverse(annotated=True), [0, 1, 2])
        circuit.append(unitary.inverse(), [4, 5])
    circuit.append(Initialize("1"), [5])
    circuit.measure(range(6), range(6))
    assert only(simulator, circuit) == {"c": "101010"}


def test_a_parameter_that_a_definition_does_not_use(simulator: Simulator) -> None:
    """It has a value all the same, which must not slip to its neighbour."""
    unused, used = Parameter("a"), Parameter("b")
    gate = Gate("idle", 1, [unused])
    gate.definition = QuantumCircuit(1)
    circuit = QuantumCircuit(1, 1)
    circuit.append(gate, [0])
    circuit.rx(used, 0)
    circuit.measure(0, 0)
    assert only(simulator, circuit, [0.0, math.pi]) == {"c": "1"}
    assert only(simulator, circuit, [math.pi, 0.0]) == {"c": "0"}


@pytest.mark.parametrize(
    ("circuit", "words"),
    [
        ("", "empty"),
        ("garbage", "line 1:7"),
        (HEADER + "qubit[2] q;\nx( q[0];", "line 4:"),
        ('OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[2];', "OpenQASM 3"),
        (HEADER + "qubit[2] q; h q[7];", "OpenQASM 3"),
        ("UElTS0lU", "OpenQASM 3"),
    ],
)
def test_text_that_is_no_openqasm(simulator: Simulator, circuit: str, words: str) -> None:
    """IBM's code 1603, and the pub that it is about."""
    error = failure(simulator, [BELL], [circuit])
    assert code_of(error) == faults.NOT_QASM
    assert words in error.message
    assert "Pub 1" in error.message


@pytest.mark.parametrize(
    "text",
    [
        "qubit[20000000] q; bit[1] c;",
        "qreg q[20_000_000]; creg c[1];",
        "qubit[1] q; bit[999999999999] c;",
        "const int n = 20000000; qubit[n] q; bit[1] c;",
        "bit[1] c; x $20000000; c[0] = measure $20000000;",
        "qubit[1] q; bit[1] c; for int i in [0:1000000000000] { x q[0]; } c = measure q;",
        "qubit[" + "9" * 5000 + "] q;",
    ],
)
def test_sizes_that_would_take_all_memory(simulator: Simulator, text: str) -> None:
    """They are refused before Qiskit's importer sees them."""
    assert code_of(failure(simulator, [HEADER + text])) == JOB_NOT_VALID


def test_gates_that_would_grow_without_end(simulator: Simulator) -> None:
    """Sixty levels of doubling are 2^60 gates; they are counted, not made."""
    gates = "gate g0 a { x a; } " + "".join(
        f"gate g{i} a {{ g{i - 1} a; g{i - 1} a; }} " for i in range(1, 60)
    )
    text = f"{HEADER}{gates} qubit[1] q; bit[1] c; g59 q[0]; c = measure q;"
    assert code_of(failure(simulator, [text])) == JOB_NOT_VALID


def test_loops_that_would_run_without_end(simulator: Simulator) -> None:
    """Nested loops multiply."""
    loops = "for int i in [0:9999] { " * 3 + "x q[0];" + "}" * 3
    error = failure(simulator, [f"{HEADER}qubit[1] q; bit[1] c; {loops} c = measure q;"])
    assert code_of(error) == JOB_NOT_VALID
    assert "operations" in error.message


@pytest.mark.parametrize(
    ("pub", "words"),
    [
        ([HEADER + "qubit[2] q; h q[0];"], "no classical register"),
        ([ROTATE], "without a value: a, b"),
        ([ROTATE, [1.0]], "do not fit"),
        ([ROTATE, {"a": 1.0}], "parameters"),
        ([ROTATE, {"a": 1.0, "x": 2.0}], "'x'"),
        ([ROTATE, [[1.0, 2.0, 3.0]]], "do not fit"),
        ([ROTATE, ["a", "b"]], "do not fit"),
        ([ROTATE, [1.0, float("nan")]], "not a finite number"),
        ([ROTATE, [1.0, float("inf")]], "not a finite number"),
        ([BELL, [1.0]], "do not fit"),
        ([BELL, None, "many"], "whole number"),
        ([BELL, None, True], "whole number"),
        ([BELL, None, 1, 2], "parts"),
        ([], "parts"),
        ([None], "must be OpenQASM 3"),
        ([{"__type__": "ndarray", "__value__": 5}], "must be OpenQASM 3"),
    ],
)
def test_pubs_that_are_refused(simulator: Simulator, pub: Any, words: str) -> None:
    """Each with the pub's number and what is wrong."""
    error = failure(simulator, BELL, pub)
    assert code_of(error) == JOB_NOT_VALID
    assert "Pub 1" in error.message
    assert words in error.message


def test_numbers_of_shots_have_bounds(simulator: Simulator) -> None:
    """None, less, too many, and too many in all."""
    assert code_of(failure(simulator, [BELL, None, 0])) == TOO_FEW_SHOTS
    assert code_of(failure(simulator, [BELL], shots=0)) == TOO_FEW_SHOTS
    assert code_of(failure(simulator, [BELL, None, -5])) == TOO_FEW_SHOTS
    assert code_of(failure(simulator, [BELL, None, MAX_SHOTS + 1])) == TOO_MANY_SHOTS
    sweep = [[0.0, 0.0]] * 2000
    assert code_of(failure(simulator, [ROTATE, sweep, MAX_SHOTS])) == TOO_MANY_SHOTS


def test_a_noise_model_of_the_users_own_is_refused(simulator: Simulator) -> None:
    """Rather than left out without a word."""
    error = failure(simulator, [BELL], options={"simulator": {"noise_model": {}}})
    assert code_of(error) == JOB_NOT_VALID
    assert "choose a twin" in error.advice


def test_instructions_without_a_definition_are_refused(simulator: Simulator) -> None:
    """Opaque ones, and those of Aer's that have no place in a job."""
    for name in ("mystery", "save_statevector", "kraus"):
        circuit = QuantumCircuit(1, 1)
        circuit.append(Instruction(name, 1, 0, []), [0])
        error = failure(simulator, [sent(circuit)])
        assert code_of(error) == JOB_NOT_VALID
        assert name in error.message


def test_classical_variables_are_refused(simulator: Simulator) -> None:
    """Aer has none; the error says so."""
    circuit = QuantumCircuit(1, 1)
    circuit.add_var("seen", expr.lift(False))  # noqa: FBT003 - positional-only
    circuit.measure(0, 0)
    assert "classical variables" in failure(simulator, [sent(circuit)]).message


def test_a_circuit_of_many_qubits_that_uses_few(simulator: Simulator) -> None:
    """A circuit laid out on a device has a width that means nothing."""
    circuit = QuantumCircuit(5000, 2)
    circuit.ry(math.pi, 4321)
    circuit.rx(0.0, 17)
    circuit.measure([17, 4321], [0, 1])
    assert only(simulator, circuit) == {"c": "10"}
