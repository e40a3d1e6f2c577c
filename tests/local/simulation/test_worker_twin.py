"""Both programs on a device of 156 qubits, in this process: what fits it, and what does not."""

import json
import math
import time
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from qiskit import ClassicalRegister, QuantumCircuit
from qiskit.circuit import Gate, Parameter
from qiskit.transpiler import generate_preset_pass_manager
from qiskit_aer import AerSimulator
from qiskit_ibm_runtime.circuit import MidCircuitMeasure

from qrsession.circuits.target import build_target
from qrsession.codec import encode
from qrsession.local.clock import REAL_TIME
from qrsession.local.devices.device_rules import DeviceRules
from qrsession.local.devices.snapshots import (
    Snapshot,
    carried_folder,
    find_snapshots,
    read_document,
)
from qrsession.local.simulation.circuits.narrowing import narrowed
from qrsession.local.simulation.running import Runner
from qrsession.protocol.faults import (
    JOB_NOT_VALID,
    NOT_ISA,
    REP_DELAY_OUT_OF_RANGE,
    TOO_MANY_SHOTS,
)

FOLDER = carried_folder()
assert FOLDER is not None
SNAPSHOTS = {one.configuration.parent.name: one for one in find_snapshots(FOLDER)}
FEZ = SNAPSHOTS["fez"]
FRACTIONAL = SNAPSHOTS["fractional"]


@pytest.fixture(scope="module")
def runner() -> Runner:
    """Return one for all tests of this module."""
    return Runner(2000)


def ask(
    runner: Runner, *pubs: Any, snapshot: Snapshot = FEZ, program: str = "sampler", **params: Any
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Run a job as a lane does, and return the reply and the result without Qiskit's types."""
    body = json.dumps({"pubs": [_sent(pub) for pub in pubs], "version": 2, **params}).encode()
    head = {
        "job_id": "job",
        "program_id": program,
        "backend": "ibm_fez",
        "seed": 5,
        "snapshot": snapshot.to_json(),
        "is_noisy": False,
        "clock": list(REAL_TIME),
    }
    reply, result = runner.run(head, body)
    return reply, json.loads(result or b"{}")


def _sent(pub: Any) -> Any:
    parts = pub if isinstance(pub, list) else [pub]
    return [encode(part) if isinstance(part, QuantumCircuit) else part for part in parts]


def counts_of(runner: Runner, circuit: QuantumCircuit, **more: Any) -> dict[str, dict[str, int]]:
    """Run a circuit, and return how often each register had each value."""
    reply, result = ask(runner, [circuit, None, 200], **more)
    assert reply["failure"] is None, reply
    counted: dict[str, dict[str, int]] = {}
    for name, register in result["results"][0]["data"].items():
        counts = counted.setdefault(name, {})
        for sample in register["samples"]:
            bits = f"{int(sample, 16):0{register['num_bits']}b}"
            counts[bits] = counts.get(bits, 0) + 1
    return counted


def reason_of(runner: Runner, *pubs: Any, **more: Any) -> str:
    """Run pubs that do not fit, and return the reason; the code is IBM's for that."""
    reply, _ = ask(runner, *pubs, **more)
    assert reply["failure"]["code"] == NOT_ISA
    assert "Transpile" in reply["failure"]["solution"]
    reason: str = reply["failure"]["reason"]
    assert reason.startswith("Pub 0 is not an ISA circuit: ")
    return reason


def fez_circuit(num_clbits: int = 2) -> QuantumCircuit:
    """Return an empty circuit as wide as the device."""
    return QuantumCircuit(156, num_clbits)


def bell_on_fez() -> QuantumCircuit:
    """Return a bell pair on qubits 22 and 23."""
    circuit = fez_circuit()
    for qubit in (22, 23):
        circuit.rz(math.pi / 2, qubit)
        circuit.sx(qubit)
        circuit.rz(math.pi / 2, qubit)
    circuit.cz(22, 23)
    circuit.rz(math.pi / 2, 23)
    circuit.sx(23)
    circuit.rz(math.pi / 2, 23)
    circuit.measure([22, 23], [0, 1])
    return circuit


def test_a_bell_pair_takes_milliseconds(runner: Runner) -> None:
    """Once the device's documents are known; and the result says what it was not."""
    assert set(counts_of(runner, bell_on_fez())["c"]) == {"00", "11"}
    took_s = []
    for _ in range(10):
        started_s = time.perf_counter()
        _, result = ask(runner, [bell_on_fez(), None, 1024])
        took_s.append(time.perf_counter() - started_s)
        assert result["metadata"]["simulation"] == {"twin_of": "ibm_fez", "noise": "none"}
    # It takes 5 ms; the best of ten is what a busy machine does not spoil.
    assert min(took_s) < 0.05


def test_a_simulators_result_says_nothing_of_twins(runner: Runner) -> None:
    head = {"program_id": "sampler", "backend": "aer_simulator", "seed": 1, "snapshot": None}
    head["clock"] = list(REAL_TIME)
    body = json.dumps({"pubs": [[encode(bell_on_fez())]], "version": 2}).encode()
    _, result = runner.run(head, body)
    assert json.loads(result)["metadata"] == {"version": 2}


def test_what_is_transpiled_to_a_device_runs(runner: Runner) -> None:
    """With control flow, resets, delays and registers of several sizes, bit by bit."""
    configuration = read_document(FEZ.configuration)
    target = build_target(configuration, read_document(FEZ.properties))
    circuit = QuantumCircuit(6)
    first, second = ClassicalRegister(2, "first"), ClassicalRegister(3, "second")
    circuit.add_register(first, second)
    circuit.x(0)
    circuit.cx(0, 5)
    circuit.measure(5, first[1])
    circuit.reset(5)
    circuit.delay(100, 3)
    circuit.barrier()
    with circuit.if_test((first[1], 1)) as otherwise:
        circuit.x(2)
    with otherwise:
        circuit.x(4)
    with circuit.for_loop(range(3)):
        circuit.x(1)
    circuit.measure([1, 2, 4], [second[0], second[1], second[2]])
    for seed in range(3):
        manager = generate_preset_pass_manager(2, target=target, seed_transpiler=seed)
        fitted = manager.run(circuit)
        assert fitted.num_qubits == 156
        counted = counts_of(runner, fitted)
        assert counted == {"first": {"10": 200}, "second": {"011": 200}}


def test_outcomes_are_those_of_the_whole_circuit(runner: Runner) -> None:
    """Parameters included: the distribution is that of Aer for the circuit as it stands."""
    theta = Parameter("theta")
    circuit = fez_circuit(3)
    for qubit in (3, 16, 23):
        circuit.sx(qubit)
        circuit.rz(theta, qubit)
        circuit.sx(qubit)
    circuit.cz(3, 16)
    circuit.cz(16, 23)
    circuit.sx(16)
    circuit.measure([3, 16, 23], range(3))
    reply, result = ask(runner, [circuit, [[0.4], [1.9]], 20_000])
    assert reply["failure"] is None
    samples = result["results"][0]["data"]["c"]["samples"]
    for point, angle in enumerate((0.4, 1.9)):
        bound = circuit.assign_parameters([angle])
        expected = AerSimulator().run(bound, shots=20_000, seed_simulator=9).result().get_counts()
        seen = np.bincount([int(sample, 16) for sample in samples[point]], minlength=8) / 20_000
        wanted = np.array([expected.get(f"{value:03b}", 0) for value in range(8)]) / 20_000
        # Six standard deviations of the difference of two such frequencies are 0.03.
        assert np.abs(seen - wanted).max() < 0.03


def test_all_qubits_may_be_measured(runner: Runner) -> None:
    """A qubit that nothing else touches is 0, and costs nothing: 2^156 numbers are not needed."""
    circuit = fez_circuit(156)
    circuit.sx(7)
    circuit.rz(0.3, 7)
    circuit.sx(7)
    circuit.x(100)
    circuit.reset(50)
    circuit.measure(range(156), range(156))
    counted = counts_of(runner, circuit)["c"]
    assert {bits[::-1][100] for bits in counted} == {"1"}
    assert {bits[::-1][7] for bits in counted} == {"0", "1"}
    others = {bits[::-1][i] for bits in counted for i in range(156) if i not in {7, 100}}
    assert others == {"0"}


def test_a_zero_that_overwrites_a_one_is_kept(runner: Runner) -> None:
    circuit = fez_circuit(1)
    circuit.x(3)
    circuit.measure(3, 0)
    circuit.measure(90, 0)
    assert counts_of(runner, circuit) == {"c": {"0": 200}}


def test_only_used_qubits_are_left() -> None:
    """In their order, with every clbit and register."""
    circuit = bell_on_fez()
    circuit.barrier()
    circuit.delay(10, 40)
    circuit.measure_all()
    narrow = narrowed(circuit)
    assert narrow.qubits == [circuit.qubits[22], circuit.qubits[23]]
    assert narrow.clbits == circuit.clbits
    assert narrow.cregs == circuit.cregs
    assert narrow.count_ops()["barrier"] == 2
    assert narrow.count_ops()["measure"] == 4
    assert narrowed(narrow) is narrow


def test_an_empty_circuit_stays_zero(runner: Runner) -> None:
    circuit = fez_circuit(3)
    circuit.measure([0, 1], [0, 1])
    assert counts_of(runner, circuit) == {"c": {"000": 200}}


def test_expectation_values_of_a_wide_observable(runner: Runner) -> None:
    """Qubits that only the observable names are in state 0."""

    def pauli(**letters: str) -> str:
        places = {int(name[1:]): letter for name, letter in letters.items()}
        return "".join(places.get(qubit, "I") for qubit in reversed(range(156)))

    circuit = bell_on_fez().remove_final_measurements(inplace=False)
    observables = [
        pauli(q22="Z", q23="Z"),
        pauli(q22="X", q23="X"),
        pauli(q22="Z"),
        pauli(q150="Z"),
        pauli(q22="Z", q23="Z", q0="Z"),
        "Z" * 156,
        "I" * 156,
    ]
    reply, result = ask(runner, [circuit, observables], program="estimator")
    assert reply["failure"] is None, reply
    evs = result["results"][0]["data"]["evs"]
    assert evs == pytest.approx([1, 1, 0, 1, 1, 1, 1], abs=0.1)
    assert result["metadata"]["simulation"]["noise"] == "none"


def test_a_wide_clifford_circuit_runs(runner: Runner) -> None:
    """A chain along the device, 40 qubits wide."""
    rules = DeviceRules.of("fez", read_document(FEZ.configuration), read_document(FEZ.properties))
    path = _path(rules, 40)
    circuit = fez_circuit(40)
    circuit.x(path[0])
    for left, right in pairwise(path):
        circuit.rz(math.pi / 2, right)
        circuit.sx(right)
        circuit.rz(math.pi / 2, right)
        circuit.cz(left, right)
        circuit.rz(math.pi / 2, right)
        circuit.sx(right)
        circuit.rz(math.pi / 2, right)
    circuit.measure(path, range(40))
    assert counts_of(runner, circuit) == {"c": {"1" * 40: 200}}


def _path(rules: DeviceRules, length: int) -> list[int]:
    places = rules.places["cz"] or frozenset()

    def grow(path: list[int]) -> list[int]:
        if len(path) == length:
            return path
        for _, qubit in sorted(place for place in places if place[0] == path[-1]):
            if qubit not in path and len(found := grow([*path, qubit])) == length:
                return found
        return []

    return grow([0])


def test_the_bound_on_width_counts_used_qubits(runner: Runner) -> None:
    """The reason names how many there are, and not how many the device has."""
    circuit = fez_circuit(60)
    for qubit in range(60):
        circuit.sx(qubit)
        circuit.rz(0.1 + qubit, qubit)
    for left, right in _pairs():
        circuit.cz(left, right)
        circuit.sx(left)
        circuit.rz(0.2, right)
    circuit.measure(range(60), range(60))
    reply, _ = ask(runner, circuit)
    assert "uses 60 qubits" in reply["failure"]["reason"]


def _pairs() -> list[tuple[int, int]]:
    rules = DeviceRules.of("fez", read_document(FEZ.configuration), read_document(FEZ.properties))
    return [(a, b) for a, b in sorted(rules.places["cz"] or ()) if a < b < 60]


def test_variants_of_measuring_are_measurements(runner: Runner) -> None:
    circuit = fez_circuit(1)
    circuit.x(5)
    circuit.append(MidCircuitMeasure(), [5], [0])
    kingston = SNAPSHOTS["kingston"]
    assert counts_of(runner, circuit, snapshot=kingston) == {"c": {"1": 200}}
    assert "no such instruction" in reason_of(runner, circuit)


def test_text_may_name_the_devices_qubits(runner: Runner) -> None:
    """In OpenQASM 3, `$22` is qubit 22 of the device."""
    text = 'OPENQASM 3.0; include "stdgates.inc"; bit[2] c; x $22; cz $22, $23; c[1] = measure $22;'
    assert counts_of_text(runner, text) == {"10": 10}
    assert "qubits 22, 25" in reason_of(runner, [text.replace("$23", "$25")])


def counts_of_text(runner: Runner, text: str) -> dict[str, int]:
    reply, result = ask(runner, [text, None, 10])
    assert reply["failure"] is None, reply
    samples = result["results"][0]["data"]["c"]["samples"]
    return {f"{int(value, 16):02b}": samples.count(value) for value in set(samples)}


def test_what_the_device_has_not_is_refused(runner: Runner) -> None:
    """Unknown instructions, pairs that are not coupled, a circuit that is too wide."""
    unknown = fez_circuit()
    unknown.h(0)
    assert "the instruction h on qubit 0: ibm_fez has no such instruction" in reason_of(
        runner, unknown
    )
    uncoupled = fez_circuit()
    uncoupled.cz(0, 155)
    assert "qubits 0, 155: ibm_fez does not couple" in reason_of(runner, uncoupled)
    wide = QuantumCircuit(157, 1)
    assert "the circuit has 157 qubits, ibm_fez 156" in reason_of(runner, wide)
    hidden = fez_circuit()
    with hidden.if_test((hidden.clbits[0], 1)):
        hidden.cz(0, 155)
    assert "qubits 0, 155" in reason_of(runner, hidden)
    while_true = fez_circuit()
    with while_true.while_loop((while_true.clbits[0], 1)):
        while_true.x(0)
    assert "while_loop" in reason_of(runner, while_true)
    assert "the instruction h" in reason_of(
        runner, [_without_bits(unknown), "Z" * 156], program="estimator"
    )


def _without_bits(circuit: QuantumCircuit) -> QuantumCircuit:
    bare = QuantumCircuit(circuit.num_qubits)
    for instruction in circuit.data:
        bare.append(instruction.operation, [circuit.find_bit(q).index for q in instruction.qubits])
    return bare


def test_a_name_is_not_enough(runner: Runner) -> None:
    """A gate of the user's own under the name of one that the device has."""
    impostor = Gate("cz", 2, [])
    impostor.definition = QuantumCircuit(2)
    impostor.definition.h(0)
    circuit = fez_circuit()
    circuit.append(impostor, [0, 1])
    assert "not the instruction that has this name" in reason_of(runner, circuit)


def test_angles_of_fractional_gates_have_bounds(runner: Runner) -> None:
    """As they stand, and at every point of a sweep, through any expression."""
    theta = Parameter("theta")

    def rzz(angle: Any) -> QuantumCircuit:
        circuit = QuantumCircuit(5, 1)
        circuit.rzz(angle, 0, 1)
        circuit.measure(0, 0)
        return circuit

    for angle in (0, 1.2, math.pi / 2):
        assert ask(runner, rzz(angle), snapshot=FRACTIONAL)[0]["failure"] is None
    for angle in (-0.1, 1.7):
        assert f"is {angle:.6g}" in reason_of(runner, rzz(angle), snapshot=FRACTIONAL)
    good = [rzz(theta), [[0.1], [1.5]], 10]
    assert ask(runner, good, snapshot=FRACTIONAL)[0]["failure"] is None
    bad = [rzz(2 * theta + 1), [[0.1], [0.9]], 10]
    assert "between 0 and pi/2, and is 2.8" in reason_of(runner, bad, snapshot=FRACTIONAL)


def test_limits_of_the_device(runner: Runner) -> None:
    """Shots and the delay between them; both programs look."""
    reply, _ = ask(runner, [bell_on_fez(), None, 100_001])
    assert reply["failure"]["code"] == TOO_MANY_SHOTS
    assert "100001 shots are too many for ibm_fez" in reply["failure"]["reason"]
    options = {"execution": {"rep_delay": 1.0}}
    pub = [_without_bits(fez_circuit()), "Z" * 156]
    for program, one in (("sampler", bell_on_fez()), ("estimator", pub)):
        reply, _ = ask(runner, one, program=program, options=options)
        assert reply["failure"]["code"] == REP_DELAY_OUT_OF_RANGE


def test_a_snapshot_that_is_gone_fails_the_job_alone(runner: Runner, tmp_path: Any) -> None:
    gone = Snapshot(tmp_path / "configuration.json", tmp_path / "properties.json", "x", (1,))
    reply, _ = ask(runner, bell_on_fez(), snapshot=gone)
    assert reply["failure"]["code"] == JOB_NOT_VALID
    assert "cannot be read" in reply["failure"]["reason"]
    assert ask(runner, bell_on_fez())[0]["failure"] is None
