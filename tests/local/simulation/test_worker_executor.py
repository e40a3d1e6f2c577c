"""The program ``executor``, in this process: shapes, bits where they belong, parts put together."""

import base64
import json
import math
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from ibm_quantum_schemas.common import (
    CompressedTensorModel,
    F64CompressedTensorModel,
    PauliLindbladMapModel,
    QpyDataV13ToV17Model,
    SamplexModel,
)
from ibm_quantum_schemas.common.qpy import CompressedQpyDataModel
from ibm_quantum_schemas.common.tensor import F64TensorModel
from ibm_quantum_schemas.executor.version_1_1 import QuantumProgramResultModel as Result11
from ibm_quantum_schemas.executor.version_2_0 import QuantumProgramResultModel as Result20
from qiskit import ClassicalRegister, QuantumCircuit, QuantumRegister
from qiskit.circuit import Parameter
from qiskit.quantum_info import PauliLindbladMap, Statevector
from samplomatic import ChangeBasis, InjectNoise, Twirl, build

from qrsession.codec import encode
from qrsession.errors import QrsessionError
from qrsession.local.devices.snapshots import carried_folder, find_snapshots, read_document
from qrsession.local.simulation.circuits.parts import parts_of
from qrsession.local.simulation.failures import as_failure
from qrsession.local.simulation.noise.channels import DeviceNoise
from qrsession.local.simulation.noise.lone_qubits import LoneQubit
from qrsession.local.simulation.programs.executing import execute
from qrsession.local.simulation.programs.sampling import sample
from qrsession.local.simulation.simulator import Simulator
from qrsession.local.simulation.twin import Twin
from qrsession.protocol import faults
from qrsession.protocol.quantum_programs import check_quantum_program
from qrsession.results.programs import read_items

if TYPE_CHECKING:
    from collections.abc import Callable

SHOTS = 200
# Chances of a false alarm of one test of statistics.
ALPHA = 1e-6


@pytest.fixture(scope="module")
def simulator() -> Simulator:
    """Return one for all tests of this module; it keeps nothing from one job to the next."""
    return Simulator(2000)


@pytest.fixture(scope="module")
def device() -> Twin:
    """Return a device with fractional gates, without its noise."""
    folder = carried_folder()
    assert folder is not None
    (found,) = (
        one for one in find_snapshots(folder) if one.configuration.parent.name == "fractional"
    )
    documents = read_document(found.configuration), read_document(found.properties)
    return Twin.of("a_twin", *documents, is_noisy=False)


def item(arguments: Any = (), shape: list[int] | None = None, **more: Any) -> dict[str, Any]:
    tensor = F64CompressedTensorModel.from_numpy(np.array(arguments, dtype=float))
    return {
        "item_type": "circuit",
        "circuit_arguments": tensor.model_dump(mode="json"),
        "shape": shape or [],
        **more,
    }


def samplex_item(samplex: Any, shape: list[int], **arguments: Any) -> dict[str, Any]:
    return {
        "item_type": "samplex",
        "samplex": SamplexModel.from_samplex(samplex).model_dump(mode="json"),
        "samplex_arguments": arguments,
        "shape": shape,
    }


def params_of(
    circuits: list[QuantumCircuit], items: list[dict[str, Any]], **more: Any
) -> dict[str, Any]:
    options = more.pop("options", {"experimental": {"seed_simulator": 11}})
    model = CompressedQpyDataModel.from_python(circuits)
    program = {"shots": SHOTS, "circuits": model.model_dump(mode="json"), "items": items, **more}
    params = {"schema_version": "v2.0", "quantum_program": program, "options": options}
    check_quantum_program(params)
    return params


def run(simulator: Simulator, params: dict[str, Any], twin: Twin | None = None) -> Any:
    """Run a program, and return its result as the schema's own model reads it."""
    text = json.dumps(execute(params, simulator, 5, twin), allow_nan=False)
    return Result20.model_validate_json(text)


def failure(simulator: Simulator, params: dict[str, Any], twin: Twin | None = None) -> Any:
    """Return code, reason and solution of a job that fails."""
    with pytest.raises(QrsessionError) as caught:
        execute(params, simulator, 5, twin)
    return as_failure(caught.value)


def asymmetric() -> QuantumCircuit:
    """Return a circuit without randomness, two registers of which share the clbits' order."""
    qubits, low, high = QuantumRegister(5), ClassicalRegister(2, "low"), ClassicalRegister(3, "up")
    circuit = QuantumCircuit(qubits, low, high)
    circuit.x([0, 3])
    circuit.cx(3, 4)
    circuit.measure([4, 0, 3, 1, 2], [0, 2, 1, 3, 4])
    return circuit


def test_bits_are_where_the_sampler_has_them(simulator: Simulator) -> None:
    circuit = asymmetric()
    result = run(simulator, params_of([circuit], [item()]))
    sampled = sample({"pubs": [[encode(circuit), None, 10]], "version": 2}, simulator, 5)
    for name, register in sampled["results"][0]["data"].items():
        bits = result.data[0].results[name].to_numpy()
        assert bits.shape == (SHOTS, register["num_bits"])
        (value,) = {int(text, 16) for text in register["samples"]}
        expected = [bool(value >> bit & 1) for bit in range(register["num_bits"])]
        assert (bits == expected).all()
    assert result.data[0].results["low"].to_numpy()[0].tolist() == [True, True]
    assert result.data[0].results["up"].to_numpy()[0].tolist() == [True, False, False]


def test_shapes_are_broadcast(simulator: Simulator) -> None:
    """Arguments (3, 1) and shape (2, 1, 4) give (2, 3, 4); axes keep their meaning."""
    circuit = QuantumCircuit(2)
    circuit.rx(Parameter("b"), 1)
    circuit.rx(Parameter("a"), 0)
    circuit.measure_all()
    arguments = math.pi * np.array([[[0, 0]], [[1, 0]], [[1, 1]]])
    params = params_of([circuit] * 2, [item(arguments, [2, 1, 4]), item(arguments[1])])
    bits = run(simulator, params).data[0].results["meas"].to_numpy()
    assert bits.shape == (2, 3, 4, SHOTS, 2)
    for index, expected in enumerate([[0, 0], [1, 0], [1, 1]]):
        assert (bits[:, index] == np.array(expected, dtype=bool)).all()
    assert run(simulator, params).data[1].results["meas"].shape == [1, SHOTS, 2]
    code, reason, _ = failure(simulator, params_of([circuit], [item(arguments, [2, 2, 4])]))
    assert code == faults.JOB_NOT_VALID
    assert "does not extend" in reason


def test_replications_are_independent_and_a_seed_repeats_them(simulator: Simulator) -> None:
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure_all()
    params = params_of([circuit], [item([[]], [3])])
    bits = run(simulator, params).data[0].results["meas"].to_numpy()
    assert (bits[..., 0] == bits[..., 1]).all()
    first, second, third = bits[:, :, 0]
    # Chance that two of 200 fair coins each agree: 2^-200.
    assert (first != second).any()
    assert (second != third).any()
    again = run(simulator, params).data[0].results["meas"].to_numpy()
    assert (bits == again).all()
    params["options"] = {}
    other = Result20.model_validate(execute(params, simulator, 6))
    assert (bits != other.data[0].results["meas"].to_numpy()).any()


def test_what_passes_through_is_untouched(simulator: Simulator) -> None:
    data = {"a": [1, 2.5, None, {"data": "x"}], "post_processor": {"version": "v0.1"}}
    circuit = asymmetric()
    params = params_of([circuit], [item()], passthrough_data=data, semantic_role="mine")
    tree = execute(params, simulator, 5)
    assert tree["passthrough_data"] == data
    assert tree["semantic_role"] == "mine"
    assert tree["data"][0]["metadata"] == {"scheduler_timing": None, "stretch_values": None}
    assert set(tree["metadata"]) == {"chunk_timing"}


def test_chunks_are_told_as_they_ran(simulator: Simulator) -> None:
    """Each point is in one chunk; no chunk is larger than asked for; none overlap in time."""
    circuit = asymmetric()
    items = [item([[[]] * 3] * 2, chunk_size=4), item(chunk_size=1)]
    tree = execute(params_of([circuit] * 2, items), simulator, 5)
    Result20.model_validate(tree)
    spans = tree["metadata"]["chunk_timing"]
    parts = [(part["idx_item"], *part["element_range"]) for s in spans for part in s["parts"]]
    assert parts == [(0, 0, 4, 1), (0, 4, 6, 1), (1, 0, 1, 1)]
    assert spans[0]["parts"][0]["permutation"] == [0, 1]
    times = [datetime.fromisoformat(span[end]) for span in spans for end in ("start", "stop")]
    assert times == sorted(times)
    assert all(time.tzinfo is not None for time in times)


@pytest.mark.parametrize(
    ("level", "names"),
    [("kerneled", ["c_iq"]), ("avg_kerneled", ["c_avg_iq"]), ("both", ["c", "c_iq"])],
)
def test_signals_are_declared_to_be_the_bits(
    simulator: Simulator, level: str, names: list[str]
) -> None:
    circuit = QuantumCircuit(2, 2)
    circuit.x(1)
    circuit.measure([0, 1], [0, 1])
    options = {"init_qubits": False, "rep_delay": 1e-3}
    params = params_of([circuit], [item()], meas_level=level, options=options)
    tree = execute(params, simulator, 5)
    result = Result20.model_validate(tree).data[0].results
    assert list(result) == names
    points = result[names[-1]].to_numpy()
    assert points.dtype == complex
    assert points.shape == ((2,) if level == "avg_kerneled" else (SHOTS, 2))
    assert (points == [0, 1]).all()
    assert tree["metadata"]["simulation"] == {
        "not_simulated": ["init_qubits", "meas_level", "rep_delay"]
    }


def chi_squared_bound(freedom: int, alpha: float) -> float:
    """Return what a chi-squared variable exceeds with a chance of less than alpha.

    Source: Laurent and Massart, "Adaptive estimation of a quadratic functional by model selection".
    """
    x = -math.log(alpha)
    return freedom + 2 * math.sqrt(freedom * x) + 2 * x


def wide_pairs(pairs: int) -> QuantumCircuit:
    """Return pairs of qubits, each entangled by an angle of its own, on as many qubits."""
    circuit = QuantumCircuit(2 * pairs)
    for pair in range(pairs):
        circuit.ry(Parameter(f"a{pair:03}"), 2 * pair)
        circuit.cx(2 * pair, 2 * pair + 1)
    circuit.measure_all()
    return circuit


def test_parts_of_a_circuit_beyond_all_memory_keep_what_joins_them(simulator: Simulator) -> None:
    """80 qubits in pairs: within a pair bits agree, between pairs they do not."""
    pairs = 40
    angles = np.linspace(0.2, 2.9, pairs)
    params = params_of([wide_pairs(pairs)], [item(angles)], shots=4000)
    bits = run(simulator, params).data[0].results["meas"].to_numpy()
    left, right = bits[:, 0::2], bits[:, 1::2]
    assert (left == right).all()
    chances = np.sin(angles / 2) ** 2
    squares = (left.sum(axis=0) - 4000 * chances) ** 2 / (4000 * chances * (1 - chances))
    assert squares.sum() < chi_squared_bound(pairs, ALPHA)
    correlations = np.corrcoef(left.T)[np.triu_indices(pairs, 1)]
    # Of independent bits N r^2 is a chi-squared variable each.
    assert (4000 * correlations**2).max() < chi_squared_bound(1, ALPHA / len(correlations))


def test_bits_that_decide_join_what_they_decide_on(simulator: Simulator) -> None:
    circuit = QuantumCircuit(
        QuantumRegister(4), ClassicalRegister(1, "m"), ClassicalRegister(3, "n")
    )
    circuit.h(0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.cregs[0], 1)):
        circuit.x(2)
    circuit.x(3)
    circuit.measure([1, 2, 3], [1, 2, 3])
    assert [part.qubits for part in parts_of(circuit)] == [[0, 2], [3], [1]]
    results = run(simulator, params_of([circuit], [item()])).data[0].results
    decided, others = results["m"].to_numpy(), results["n"].to_numpy()
    assert (others[:, 1] == decided[:, 0]).all()
    assert 0 < decided.sum() < SHOTS
    assert others[:, 2].all()
    assert not others[:, 0].any()


def test_the_last_of_two_that_write_one_bit_counts(simulator: Simulator) -> None:
    circuit = QuantumCircuit(3, 1)
    circuit.x(1)
    circuit.measure(0, 0)
    circuit.measure(1, 0)
    circuit.h(2)
    assert [part.qubits for part in parts_of(circuit)] == [[0, 1]]
    assert run(simulator, params_of([circuit], [item()])).data[0].results["c"].to_numpy().all()


def test_lone_qubits_are_turned_as_qiskit_turns_them() -> None:
    """Random turns of one qubit, at random angles, against Qiskit's own state."""
    rng = np.random.default_rng(3)
    a, b = Parameter("a"), Parameter("b")
    values = rng.uniform(-7, 7, (4, 2))
    turns: list[Callable[[QuantumCircuit], Any]] = [
        lambda circuit: circuit.rz(a, 0),
        lambda circuit: circuit.ry(b, 0),
        lambda circuit: circuit.rx(a, 0),
        lambda circuit: circuit.p(b, 0),
        lambda circuit: circuit.sx(0),
        lambda circuit: circuit.h(0),
        lambda circuit: circuit.ry(0.3, 0),
        lambda circuit: circuit.u(0.1, 0.2, 0.3, 0),
    ]
    for _ in range(30):
        circuit = QuantumCircuit(1, 1)
        for kind in rng.integers(0, len(turns), 12):
            turns[kind](circuit)
        whole = circuit.copy()
        circuit.measure(0, 0)
        columns = {parameter: i for i, parameter in enumerate((a, b))}
        (part,) = parts_of(circuit)
        lone = LoneQubit.of(part.instructions, 0)
        assert lone is not None
        chances = lone.is_read_as_one(columns, values, None)
        for row, chance in zip(values, chances, strict=True):
            bound = whole.assign_parameters(
                {p: row[columns[p]] for p in whole.parameters}, strict=True
            )
            assert chance == pytest.approx(Statevector(bound).probabilities()[1], abs=1e-12)


def test_formulas_of_parameters_and_measurements_amid_are_simulated(simulator: Simulator) -> None:
    angle = Parameter("a")
    circuit = QuantumCircuit(2, 3)
    circuit.rx(2 * angle + math.pi, 0)
    circuit.measure(0, 0)
    circuit.x(1)
    circuit.measure(1, 1)
    circuit.x(1)
    circuit.measure(1, 2)
    bits = run(simulator, params_of([circuit], [item([[0.0], [math.pi / 2]])])).data[0]
    assert (bits.results["c"].to_numpy() == [[[1, 1, 0]], [[0, 1, 0]]]).all()


def twirled(num_qubits: int = 2) -> tuple[QuantumCircuit, Any]:
    """Return the template and the samplex of a twirled entangler with a parameter."""
    circuit = QuantumCircuit(QuantumRegister(num_qubits), ClassicalRegister(num_qubits, "c"))
    with circuit.box([Twirl()]):
        circuit.rx(Parameter("t"), 0)
        circuit.cz(0, 1)
    with circuit.box([Twirl(), ChangeBasis(ref="last")]):
        circuit.measure(range(num_qubits), range(num_qubits))
    template, samplex = build(circuit)
    return template, samplex


def test_randomizations_differ_and_mean_the_same(simulator: Simulator) -> None:
    """Flips vary from one to the next; undone, what was measured is what the circuit gives."""
    template, samplex = twirled()
    values = CompressedTensorModel.from_numpy(np.array([[0.0], [math.pi], [1.0]]))
    basis = CompressedTensorModel.from_numpy(np.array([1, 1], dtype=np.uint8))
    entry = samplex_item(
        samplex,
        [16, 3],
        **{
            "parameter_values": values.model_dump(mode="json"),
            "basis_changes.last": basis.model_dump(mode="json"),
        },
    )
    params = params_of([template], [entry], semantic_role="sampler_v2")
    result = run(simulator, params)
    flips = result.data[0].results["measurement_flips.c"].to_numpy()
    bits = result.data[0].results["c"].to_numpy()
    assert flips.shape == (16, 3, 1, 2)
    assert bits.shape == (16, 3, SHOTS, 2)
    # 16 fair coins for each bit: all alike with a chance of 2^-15.
    assert flips.any(axis=0).all()
    assert not flips.all(axis=0).any()
    undone = bits ^ flips
    assert not undone[:, 0].any()
    assert undone[:, 1, :, 0].all()
    assert not undone[..., 1].any()
    chance = math.sin(0.5) ** 2
    ones = undone[:, 2, :, 0].sum()
    assert abs(ones - 3200 * chance) < 6 * math.sqrt(3200 * chance * (1 - chance))
    # Without numpy, as the command line counts them, the same comes out.
    (counted,) = read_items(json.loads(result.model_dump_json()))
    assert counted["c"].counts() == {
        "00": int((~undone[..., 0]).sum()),
        "01": int(undone[..., 0].sum()),
    }


def test_noise_is_injected_as_the_arguments_say(simulator: Simulator) -> None:
    circuit = QuantumCircuit(QuantumRegister(2), ClassicalRegister(2, "c"))
    with circuit.box([Twirl(), InjectNoise("n")]):
        circuit.cz(0, 1)
    with circuit.box([Twirl()]):
        circuit.measure([0, 1], [0, 1])
    template, samplex = build(circuit)
    rate = 0.4
    noise = PauliLindbladMap.from_sparse_list([("X", [0], rate)], 2)
    model = PauliLindbladMapModel.from_pauli_lindblad_map(noise).model_dump(mode="json")
    entry = samplex_item(samplex, [300], **{"pauli_lindblad_maps.n": model})
    result = run(simulator, params_of([template], [entry], shots=1)).data[0].results
    undone = result["c"].to_numpy() ^ result["measurement_flips.c"].to_numpy()
    chance = (1 - math.exp(-2 * rate)) / 2
    assert abs(undone[..., 0].sum() - 300 * chance) < 6 * math.sqrt(300 * chance * (1 - chance))
    assert not undone[..., 1].any()
    assert "pauli_signs" in result


def test_samplexes_that_are_none_fail_with_a_reason(simulator: Simulator) -> None:
    template, samplex = twirled()
    good = samplex_item(samplex, [2])
    code, reason, _ = failure(simulator, params_of([template], [good]))
    assert code == faults.JOB_NOT_VALID
    assert "arguments without a value: basis_changes.last, parameter_values" in reason
    for text in ("{", "[]", "{}", '{"attrs": {"param_table": "[]", "ssv": "4"}}'):
        broken = {**good, "samplex": {"ssv": 4, "samplex_json": text}}
        code, reason, _ = failure(simulator, params_of([template], [broken]))
        assert code == faults.JOB_NOT_VALID
        assert "Item 0: the samplex cannot be read" in reason
    other = {**good, "samplex": {**good["samplex"], "ssv": 3}}
    assert "ssv is 3" in failure(simulator, params_of([template], [other]))[1]
    unknown = samplex_item(samplex, [2], nothing=True)
    assert "nothing" in failure(simulator, params_of([template], [unknown]))[1]
    endless = samplex_item(samplex, [10**6, 10**6])
    assert "samplex" in failure(simulator, params_of([template], [endless]))[1]


def test_circuits_inside_a_samplex_are_looked_at_before_they_are_read(
    simulator: Simulator,
) -> None:
    """QPY of ten million qubits would end the process; it hides two texts deep."""
    template, samplex = twirled()
    entry = samplex_item(samplex, [2])
    tree = json.loads(entry["samplex"]["samplex_json"])
    table = json.loads(tree["attrs"]["param_table"])
    data = bytearray(base64.b64decode(table["circuit_base64"]))
    # After the header of the file, and type and lengths of name and global phase.
    at = 20 + 5
    data[at : at + 4] = (10_000_000).to_bytes(4, "big")
    table["circuit_base64"] = base64.b64encode(bytes(data)).decode()
    tree["attrs"]["param_table"] = json.dumps(table)
    entry["samplex"]["samplex_json"] = json.dumps(tree)
    _, reason, _ = failure(simulator, params_of([template], [entry]))
    assert "claims a circuit of 10000000 qubits" in reason


def test_without_the_extra_circuits_run_and_samplexes_say_what_is_missing(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    template, samplex = twirled()
    params = params_of([template], [samplex_item(samplex, [2])])
    circuits = params_of([asymmetric()], [item()])
    monkeypatch.setitem(sys.modules, "samplomatic.serialization", None)
    code, reason, solution = failure(simulator, params)
    assert code == faults.JOB_NOT_VALID
    assert "Item 0 is a samplex" in reason
    assert "qrsession[executor]" in solution
    assert run(simulator, circuits).data


def test_the_older_schema_gets_a_result_of_its_own(simulator: Simulator) -> None:
    params = params_of([asymmetric()], [item()])
    model = QpyDataV13ToV17Model.from_python([asymmetric()], qpy_version=17)
    params["schema_version"] = "v1.1"
    params["quantum_program"]["circuits"] = model.model_dump(mode="json")
    arguments = F64TensorModel.from_numpy(np.zeros(0)).model_dump(mode="json")
    params["quantum_program"]["items"][0]["circuit_arguments"] = arguments
    result = Result11.model_validate(execute(params, simulator, 5))
    assert result.data[0].results["up"].to_numpy()[0].tolist() == [True, False, False]


def test_circuits_may_come_as_text_and_boxes_with_annotations(simulator: Simulator) -> None:
    text = 'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[1] q; bit[1] c; x q[0]; c = measure q;'
    boxed = QuantumCircuit(1, 1)
    with boxed.box([Twirl()]):
        boxed.x(0)
    boxed.measure(0, 0)
    params = params_of([boxed], [item()])
    assert run(simulator, params).data[0].results["c"].to_numpy().all()
    params["quantum_program"]["circuits"] = {"data": [text]}
    assert run(simulator, params).data[0].results["c"].to_numpy().all()


def test_a_twin_takes_what_fits_it(simulator: Simulator, device: Twin) -> None:
    left, right, idle = 0, 1, 2
    fitting = QuantumCircuit(device.rules.num_qubits, 2)
    fitting.x(right)
    fitting.rzz(Parameter("a"), left, right)
    fitting.measure([right, idle], [1, 0])
    bits = run(simulator, params_of([fitting], [item([0.5])]), device)
    assert bits.data[0].results["c"].to_numpy()[0].tolist() == [False, True]
    code, reason, _ = failure(
        simulator, params_of([fitting] * 2, [item([0.5]), item([-1])]), device
    )
    assert code == faults.NOT_ISA
    assert "Item 1 is not an ISA circuit" in reason
    assert "angle must be between 0 and pi/2" in reason


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"shots": 10**9}, "1000000000 shots are too many"),
        ({"shots": 10**6, "items": [item(np.zeros((1000, 0)))]}, "would take"),
        ({"items": [item([1.0])]}, "has 0 parameters"),
        ({"items": [item([[math.nan]])]}, "has 0 parameters"),
        ({"items": [item(0.5)]}, "with an axis"),
        ({"items": [item(shape=[2**31, 2**31])]}, "too many points"),
    ],
)
def test_what_cannot_be_run_fails_with_a_reason(
    simulator: Simulator, more: dict[str, Any], words: str
) -> None:
    params = params_of([asymmetric()], [item()])
    params["quantum_program"] |= more
    code, reason, solution = failure(simulator, params)
    assert code in {faults.JOB_NOT_VALID, faults.TOO_MANY_SHOTS}
    assert words in reason
    assert solution


def test_circuits_that_are_none_fail_with_a_reason(simulator: Simulator) -> None:
    params = params_of([asymmetric()], [item()])
    params["quantum_program"]["circuits"]["b64_data"] = base64.b64encode(b"no").decode()
    assert "damaged" in failure(simulator, params)[1]
    params = params_of([asymmetric()], [item()])
    params["quantum_program"]["circuits"]["qpy_version"] = 14
    assert "qpy_version is 14" in failure(simulator, params)[1]
    bare = QuantumCircuit(1)
    assert "no classical register" in failure(simulator, params_of([bare], [item()]))[1]
    angled = QuantumCircuit(1, 1)
    angled.rx(Parameter("a"), 0)
    angled.measure(0, 0)
    assert "not a finite" in failure(simulator, params_of([angled], [item([math.nan])]))[1]


def test_angles_drawn_in_single_precision_still_fit(simulator: Simulator, device: Twin) -> None:
    """A quarter turn comes out a little wider than it is, which is not the user's doing."""
    circuit = QuantumCircuit(device.rules.num_qubits, 1)
    circuit.rzz(Parameter("a"), 0, 1)
    circuit.measure(0, 0)
    template, samplex = build(circuit)
    values = CompressedTensorModel.from_numpy(np.array([math.pi / 2]))
    entry = samplex_item(samplex, [], parameter_values=values.model_dump(mode="json"))
    params = params_of([template], [entry])
    assert run(simulator, params, device).data[0].results["c"].shape == [SHOTS, 1]


@pytest.fixture(scope="module")
def noisy() -> Twin:
    """Return a device of 156 qubits with its noise."""
    folder = carried_folder()
    assert folder is not None
    (found,) = (one for one in find_snapshots(folder) if one.configuration.parent.name == "fez")
    documents = read_document(found.configuration), read_document(found.properties)
    return Twin.of("ibm_fez", *documents, is_noisy=True)


def test_lone_qubits_have_the_noise_that_the_simulator_gives_them(
    simulator: Simulator, noisy: Twin
) -> None:
    """Turns, delays of a fraction of T1 and readout: the chances against the simulator's counts."""
    shots, angle = 40_000, Parameter("a")
    noise = DeviceNoise(noisy.calibration)
    squares = []
    for qubit in range(12):
        circuit = QuantumCircuit(156, 1)
        circuit.rz(angle, qubit)
        circuit.sx(qubit)
        circuit.rz(0.7 * qubit, qubit)
        circuit.delay(30 + 5 * qubit, qubit, unit="us")
        circuit.sx(qubit)
        circuit.x(qubit)
        circuit.measure(qubit, 0)
        values = np.array([[0.4 * qubit]])
        (part,) = parts_of(circuit)
        lone = LoneQubit.of(part.instructions, qubit)
        assert lone is not None
        known = lone.is_read_as_one({angle: 0}, values, noise)
        (outcomes,) = simulator.run(part.circuit()[0], values, shots, 100 + qubit, noisy)
        ones = int(outcomes.counts[outcomes.bits[:, 0]].sum())
        squares.append((ones - shots * known[0]) ** 2 / (shots * known[0] * (1 - known[0])))
        ideal = lone.is_read_as_one({angle: 0}, values, None)
        # Without this the test would not tell noise from none.
        assert abs(ideal[0] - known[0]) > 1e-3
    assert sum(squares) < chi_squared_bound(len(squares), ALPHA)


def test_a_noisy_twin_gives_what_the_sampler_gives_on_it(simulator: Simulator, noisy: Twin) -> None:
    """A pair and a lone qubit, as one circuit and taken apart: the same distribution."""
    shots = 40_000
    circuit = QuantumCircuit(QuantumRegister(156), ClassicalRegister(3, "c"))
    for qubit in (0, 1, 10):
        circuit.rz(math.pi / 2, qubit)
        circuit.sx(qubit)
        circuit.rz(math.pi / 2, qubit)
    circuit.cz(0, 1)
    circuit.sx(1)
    circuit.measure([0, 1, 10], [0, 1, 2])
    params = params_of([circuit], [item()], shots=shots)
    bits = run(simulator, params, noisy).data[0].results["c"].to_numpy()
    ours = np.bincount(bits @ [1, 2, 4], minlength=8)
    body = {"pubs": [[encode(circuit), None, shots]], "version": 2}
    samples = sample(body, simulator, 3, noisy)["results"][0]["data"]["c"]["samples"]
    theirs = np.bincount([int(text, 16) for text in samples], minlength=8)
    squares = ((ours - theirs) ** 2 / (ours + theirs))[ours + theirs > 0]
    assert squares.sum() < chi_squared_bound(len(squares) - 1, ALPHA)
