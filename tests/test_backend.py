"""Targets out of a backend's two documents, held against those of IBM's client."""

import functools
import json
from collections.abc import Callable
from typing import Any

import pytest
from qiskit.transpiler import Target
from qiskit_ibm_runtime.models import BackendProperties
from qiskit_ibm_runtime.utils.backend_converter import convert_to_target
from qiskit_ibm_runtime.utils.backend_decoder import configuration_from_server_data

from qrsession.backend import Backend
from qrsession.circuits.target import build_target
from qrsession.errors import InvalidValueError, WireFormatError
from qrsession.service import BackendDocuments
from tests.documents import SNAPSHOTS, Document, parsed

MACHINES = sorted(path.parent.name for path in SNAPSHOTS.glob("*/conf_*.json"))
ENTRY = {"date": "2026-01-01T00:00:00Z", "name": "operational", "unit": "", "value": 0}


def reference(
    configuration: Document,
    properties: BackendProperties | None,
    *,
    use_fractional_gates: bool | None,
) -> Target:
    """Return the target that IBM's client builds. It changes the configuration."""
    model = configuration_from_server_data(configuration, use_fractional_gates=use_fractional_gates)
    return convert_to_target(model, properties)


def described(target: Target) -> dict[str, Any]:
    """Return all that a target says, fit for comparing: numbers to the last bit."""
    table: dict[str, Any] = {
        name: getattr(target, name)
        for name in (
            *("num_qubits", "dt", "granularity", "min_length", "pulse_alignment"),
            *("acquire_alignment", "concurrent_measurements", "description"),
        )
    }
    table["qubits"] = target.qubit_properties and [
        (qubit.t1, qubit.t2, qubit.frequency) for qubit in target.qubit_properties
    ]
    for name in target.operation_names:
        operation = target.operation_from_name(name)
        table[f"the operation {name}"] = (
            operation
            if isinstance(operation, type)
            else (
                *(type(operation), operation.name, operation.num_qubits, operation.num_clbits),
                [str(parameter) for parameter in operation.params],
            )
        )
        table[f"the places of {name}"] = {
            qubits: found and (found.duration, found.error)
            for qubits, found in target[name].items()
        }
        table[f"the bounds of {name}"] = [
            target.gate_has_angle_bounds(name) and target.supported_angle_bound(name, [angle])
            for angle in (-0.1, 0.0, 1.5707963, 1.5708)
        ]
    return table


def assert_equal(configuration: Document, properties: Document) -> Target:
    """Compare all kinds of targets of two documents; return ours with the fractional gates."""
    targets = {
        wanted: build_target(configuration, properties, use_fractional_gates=wanted)
        for wanted in (False, True, None)
    }
    text = json.dumps(configuration)
    model = BackendProperties.from_dict(properties) if properties else None
    for wanted, ours in targets.items():
        theirs = reference(json.loads(text), model, use_fractional_gates=wanted)
        one, other = described(ours), described(theirs)
        assert set(one) == set(other)
        different = {name: (one[name], other[name]) for name in one if one[name] != other[name]}
        assert different == {}
    return targets[True]


def test_all_snapshots_are_there() -> None:
    assert len(MACHINES) == 68
    assert {"armonk", "fractional", "fez", "boston", "miami"} <= set(MACHINES)


@pytest.mark.parametrize("machine", MACHINES)
def test_the_target_of_a_snapshot_is_that_of_ibms_client(machine: str) -> None:
    configuration, properties = parsed(machine)
    before = json.dumps([configuration, properties])
    target = assert_equal(configuration, properties)
    assert target.num_qubits == configuration["n_qubits"]
    assert json.dumps([configuration, properties]) == before


# Documents that no snapshot is like


def gate_of(properties: Document, name: str, qubits: list[int]) -> Document:
    (found,) = [
        gate for gate in properties["gates"] if (gate["gate"], gate["qubits"]) == (name, qubits)
    ]
    return dict(found)


def with_faulty_qubit(_: Document, properties: Document) -> None:
    properties["qubits"][3].append(ENTRY)


def with_faulty_gates(_: Document, properties: Document) -> None:
    for name, qubits in (("cz", [0, 1]), ("sx", [4]), ("measure", [5])):
        gate_of(properties, name, qubits)["parameters"].append(ENTRY)


def with_working_marks(_: Document, properties: Document) -> None:
    properties["qubits"][3].append({**ENTRY, "value": 1})
    gate_of(properties, "sx", [4])["parameters"].append({**ENTRY, "value": 1})


def with_gates_not_calibrated(_: Document, properties: Document) -> None:
    properties["gates"] = [
        gate for gate in properties["gates"] if gate["gate"] != "cz" and 7 not in gate["qubits"]
    ]


def with_gates_without_numbers(_: Document, properties: Document) -> None:
    for gate in properties["gates"]:
        gate["parameters"] = gate["parameters"][1:]


def with_qubits_of_little_known(_: Document, properties: Document) -> None:
    properties["qubits"] = [entries[:1] for entries in properties["qubits"]]


def with_gates_that_the_configuration_does_not_place(configuration: Document, _: Document) -> None:
    for gate in configuration["gates"]:
        if gate["name"] in {"sx", "cz"}:
            gate["coupling_map"] = gate["coupling_map"][:2]
        elif gate["name"] == "x":
            del gate["coupling_map"]


def with_a_gate_that_qiskit_does_not_know(configuration: Document, _: Document) -> None:
    configuration["basis_gates"] += ["wobble", "wave"]
    wobble = {"name": "wobble", "parameters": ["a"], "coupling_map": [[0, 1]], "qasm_def": ""}
    wave = {"name": "wave", "parameters": [], "coupling_map": [], "qasm_def": ""}
    configuration["gates"] += [wobble, wave]


def with_signatures(configuration: Document, _: Document) -> None:
    configuration["instruction_signatures"] = [
        {"name": "measure_2", "num_qubits": 1, "num_clbits": 1, "parameters": []},
        {"name": "tune", "num_qubits": 2, "num_clbits": 0, "parameters": ["a", "b"]},
    ]


def with_odd_units(_: Document, properties: Document) -> None:
    units = ["s", "ms", "us", "µs", "ns", "ps", "fs", ""]
    for index, entries in enumerate(properties["qubits"]):
        for entry in entries:
            if entry["name"] in {"T1", "T2", "readout_length"}:
                entry["unit"] = units[index % len(units)]
            if entry["name"] == "frequency":
                entry["unit"] = ["kHz", "MHz", "GHz", "THz"][index % 4]
    for index, gate in enumerate(properties["gates"]):
        for entry in gate["parameters"]:
            if entry["name"] == "gate_length":
                entry.update(unit=units[index % len(units)], value=7)


def with_all_control_flow(configuration: Document, _: Document) -> None:
    configuration["supported_instructions"] += [
        *("while_loop", "for_loop", "switch_case", "break_loop", "continue_loop", "box"),
        *("acquire", "play", "barrier"),
    ]


def with_little_supported(configuration: Document, _: Document) -> None:
    configuration["supported_instructions"] = ["delay", "if_else"]


def with_nothing_said_to_be_supported(configuration: Document, _: Document) -> None:
    del configuration["supported_instructions"]


def without_times(configuration: Document, _: Document) -> None:
    del configuration["dt"]
    del configuration["timing_constraints"]


def with_strict_timing(configuration: Document, _: Document) -> None:
    configuration["timing_constraints"] = {"granularity": 8, "acquire_alignment": 4}


def without_properties(_: Document, properties: Document) -> None:
    properties.clear()


# The properties place gates as well, and marks of what works say nothing new.
WITHOUT_EFFECT = [with_working_marks, with_gates_that_the_configuration_does_not_place]
CHANGES: list[Callable[[Document, Document], None]] = [
    with_faulty_qubit,
    with_faulty_gates,
    with_working_marks,
    with_gates_not_calibrated,
    with_gates_without_numbers,
    with_qubits_of_little_known,
    with_gates_that_the_configuration_does_not_place,
    with_a_gate_that_qiskit_does_not_know,
    with_signatures,
    with_odd_units,
    with_all_control_flow,
    with_little_supported,
    with_nothing_said_to_be_supported,
    without_times,
    with_strict_timing,
    without_properties,
]


@functools.cache
def described_as_it_is(machine: str) -> dict[str, Any]:
    return described(build_target(*parsed(machine), use_fractional_gates=None))


@pytest.mark.filterwarnings("ignore:No gate definition:RuntimeWarning")
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@pytest.mark.parametrize("machine", [pytest.param("aachen", marks=pytest.mark.deep), "boston"])
def test_other_documents_give_the_same_too(
    machine: str, change: Callable[[Document, Document], None]
) -> None:
    configuration, properties = parsed(machine)
    before = described_as_it_is(machine)
    change(configuration, properties)
    after = described(assert_equal(configuration, properties))
    assert (before != after) is (change not in WITHOUT_EFFECT)


def test_what_is_broken_is_left_out() -> None:
    configuration, properties = parsed("manila")
    with_faulty_qubit(configuration, properties)
    gate_of(properties, "cx", [0, 1])["parameters"].append(ENTRY)
    target = assert_equal(configuration, properties)
    assert set(target["cx"]) == {(1, 0), (1, 2), (2, 1)}
    for name in ("sx", "measure", "reset", "delay"):
        assert set(target[name]) == {(0,), (1,), (2,), (4,)}


def test_a_faulty_qubit_has_nothing_even_where_its_gates_are_not_listed() -> None:
    configuration, properties = parsed("manila")
    with_faulty_qubit(configuration, properties)
    properties["gates"] = [gate for gate in properties["gates"] if gate["gate"] != "cx"]
    assert set(build_target(configuration, properties)["cx"]) == {(0, 1), (1, 0), (1, 2), (2, 1)}


SIMULATOR: Document = {
    "backend_name": "aer_simulator",
    "backend_version": "0.18.2",
    "n_qubits": 29,
    "simulator": True,
    "local": False,
    "conditional": True,
    "open_pulse": False,
    "memory": True,
    "online_date": "2026-01-01T00:00:00Z",
    "basis_gates": ["h", "cx", "rz", "rzz", "mcx", "no_such_gate"],
    "gates": [{"name": "h", "parameters": [], "qasm_def": ""}],
    "coupling_map": None,
    "supported_instructions": ["measure", "reset", "delay", "if_else", "for_loop", "while_loop"],
}


@pytest.mark.filterwarnings("ignore:No gate definition:RuntimeWarning")
def test_a_simulator_has_everything_everywhere() -> None:
    target = assert_equal(SIMULATOR, {})
    assert target.build_coupling_map() is None
    assert set(target.operation_names) == {
        *("h", "cx", "rz", "rzz", "measure", "reset", "delay", "if_else", "for_loop"),
        "while_loop",
    }
    assert target.instruction_supported("cx", (28, 3))
    assert target.instruction_supported("measure", (28,))
    assert target.dt is None


def test_documents_that_do_not_say_what_else_is_supported() -> None:
    configuration = {**SIMULATOR, "supported_instructions": None}
    assert {"measure", "reset", "delay"} <= set(build_target(configuration, {}).operation_names)


def test_qubits_that_the_properties_forget_work_and_have_no_numbers() -> None:
    configuration, properties = parsed("manila")
    del properties["qubits"][3:]
    target = build_target(configuration, properties)
    assert [qubit.t1 for qubit in target.qubit_properties[3:]] == [None, None]
    assert target["measure"][3,] is None
    assert target["measure"][2,].error > 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda conf, _: conf.pop("n_qubits"), "n_qubits"),
        (lambda conf, _: conf.update(n_qubits="5"), "n_qubits"),
        (lambda conf, _: conf.update(dt="short"), "dt"),
        (lambda conf, _: conf.update(gates=5), "gates"),
        (lambda conf, _: conf["gates"][0].pop("name"), "name"),
        (lambda conf, _: conf["gates"][0].update(coupling_map=[5]), "coupling_map"),
        (lambda conf, _: conf["gates"][0].update(coupling_map=[["a"]]), "make no target"),
        (lambda conf, _: conf["gates"][0].update(coupling_map=[[0, 1, 2]]), "make no target"),
        (lambda conf, _: conf.update(supported_instructions="all"), "supported_instructions"),
        (lambda conf, _: conf.update(timing_constraints=5), "timing_constraints"),
        (lambda conf, _: conf.update(timing_constraints={"granularity": "a"}), "make no target"),
        (lambda _, props: props.update(qubits=5), "qubits"),
        (lambda _, props: props.update(qubits=[5]), "damaged"),
        (lambda _, props: props.update(qubits=[[5]]), "damaged"),
        (lambda _, props: props["gates"][0].pop("qubits"), "qubits"),
        (lambda _, props: props["gates"][0].update(qubits=[[0]]), "damaged"),
        (lambda _, props: props["gates"][0].pop("gate"), "gate"),
        (lambda _, props: props["gates"][0].update(parameters=5), "parameters"),
        (lambda _, props: props["gates"][0].update(parameters=[5]), "damaged"),
        (lambda _, props: props["qubits"][0][0].update(value="fast"), "value"),
        (lambda _, props: props["qubits"][0][0].update(value="fast", unit=""), "value"),
        (lambda _, props: props["qubits"][0][0].update(unit=5), "unit"),
        (lambda _, props: props["qubits"][0][0].update(unit="fortnight"), "fortnight"),
        (lambda _, props: props["qubits"][0][0].update(unit="days"), "days"),
    ],
)
def test_documents_that_are_damaged(change: Any, words: str) -> None:
    configuration, properties = parsed("manila")
    change(configuration, properties)
    with pytest.raises(WireFormatError, match=words):
        build_target(configuration, properties)


# The backend


def test_a_backend_is_known_by_its_documents() -> None:
    backend = Backend(*parsed("fez"))
    assert (backend.name, backend.num_qubits) == ("ibm_fez", 156)
    assert not backend.is_simulator
    assert backend.target is backend.target
    assert backend.service is None
    assert backend.max_circuits is None
    assert backend.dtm == backend.dt == 4e-9
    assert backend.meas_map == backend.configuration["meas_map"]
    assert backend.online_date.tzinfo is not None
    simulator = Backend(SIMULATOR)
    assert (simulator.name, simulator.is_simulator, simulator.properties) == (
        "aer_simulator",
        True,
        {},
    )
    with pytest.raises(WireFormatError):
        Backend({"n_qubits": 5})


def test_a_backend_keeps_the_text_that_it_was_made_of() -> None:
    configuration, properties = (json.dumps(document) for document in parsed("manila"))
    documents = BackendDocuments.of(configuration, properties)
    backend = Backend.of_documents(documents)
    assert backend.documents is documents
    assert Backend(*parsed("manila")).documents == documents


def test_fractional_gates_are_there_when_they_are_asked_for() -> None:
    documents = parsed("fractional")
    assert not {"rzz", "rx"} & set(Backend(*documents).target.operation_names)
    for wanted in (True, None):
        target = Backend(*documents, use_fractional_gates=wanted).target
        assert {"rzz", "rx"} <= set(target.operation_names)
        assert not target.supported_angle_bound("rzz", [-0.1])
    assert Backend(*parsed("manila"), use_fractional_gates=None).num_qubits == 5
    with pytest.raises(InvalidValueError, match="has no fractional gates"):
        Backend(*parsed("manila"), use_fractional_gates=True)
