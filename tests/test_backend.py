"""Targets out of a backend's two documents, held against those of IBM's client."""

import json
import math
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import qiskit_ibm_runtime
from qiskit import QuantumCircuit
from qiskit.transpiler import Target
from qiskit_ibm_runtime.models import BackendProperties
from qiskit_ibm_runtime.utils.backend_converter import convert_to_target
from qiskit_ibm_runtime.utils.backend_decoder import configuration_from_server_data

from qrsession.backend import Backend
from qrsession.errors import UsageError, WireFormatError
from qrsession.target import build_target

SNAPSHOTS = Path(qiskit_ibm_runtime.__file__).parent / "fake_provider" / "backends"
# Five generations: Falcon with cx, Eagle with ecr, Heron r2 and r3 with cz, Nighthawk.
MACHINES = ["manila", "sherbrooke", "fez", "boston", "miami"]
# Opaque variants of measure and reset, which our target does not have.
SIGNATURES = {"measure_2", "reset_2"}
# IBM's client leaves out fractional gates unless it is told to keep them.
FRACTIONAL = {"rx", "rzz", "u2", "u3"}


@cache
def documents(machine: str) -> tuple[str, str]:
    folder = SNAPSHOTS / machine
    return (
        (folder / f"conf_{machine}.json").read_text(),
        (folder / f"props_{machine}.json").read_text(),
    )


def parsed(machine: str) -> tuple[dict[str, Any], dict[str, Any]]:
    configuration, properties = documents(machine)
    return json.loads(configuration), json.loads(properties)


@cache
def both_targets(machine: str) -> tuple[Target, Target]:
    """Return our target and that of IBM's client."""
    configuration, properties = parsed(machine)
    ours = build_target(configuration, properties)
    theirs = convert_to_target(
        configuration_from_server_data(parsed(machine)[0]), BackendProperties.from_dict(properties)
    )
    return ours, theirs


BY_MACHINE = pytest.mark.parametrize("machine", MACHINES)


def is_same(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=1e-12)


@BY_MACHINE
def test_the_same_instructions(machine: str) -> None:
    ours, theirs = both_targets(machine)
    assert set(ours.operation_names) - FRACTIONAL == (
        set(theirs.operation_names) - FRACTIONAL - SIGNATURES
    )


@BY_MACHINE
def test_the_same_places_durations_and_errors(machine: str) -> None:
    ours, theirs = both_targets(machine)
    compared = 0
    for name in set(ours.operation_names) & set(theirs.operation_names):
        assert (ours[name] is None) == (theirs[name] is None), name
        assert set(ours[name] or ()) == set(theirs[name] or ()), name
        for qubits, one in (ours[name] or {}).items():
            other = theirs[name][qubits]
            if one is None or other is None:
                assert one is other, (name, qubits)
                continue
            assert is_same(one.duration, other.duration), (name, qubits)
            assert is_same(one.error, other.error), (name, qubits)
            compared += 1
    assert compared > 20


@BY_MACHINE
def test_the_same_times_and_qubits(machine: str) -> None:
    ours, theirs = both_targets(machine)
    for attribute in (
        "num_qubits",
        "granularity",
        "min_length",
        "pulse_alignment",
        "acquire_alignment",
    ):
        assert getattr(ours, attribute) == getattr(theirs, attribute)
    assert is_same(ours.dt, theirs.dt)
    for one, other in zip(ours.qubit_properties, theirs.qubit_properties, strict=True):
        assert is_same(one.t1, other.t1)
        assert is_same(one.t2, other.t2)
        assert is_same(one.frequency, other.frequency)


def test_what_is_broken_is_left_out() -> None:
    configuration, properties = parsed("manila")
    properties["qubits"][3].append(
        {"date": "2026-01-01T00:00:00Z", "name": "operational", "unit": "", "value": 0}
    )
    for gate in properties["gates"]:
        if gate["gate"] == "cx" and gate["qubits"] in ([0, 1], [1, 0]):
            gate["parameters"].append(
                {"date": "2026-01-01T00:00:00Z", "name": "operational", "unit": "", "value": 0}
            )
    target = build_target(configuration, properties)
    reference = convert_to_target(
        configuration_from_server_data(parsed("manila")[0]), BackendProperties.from_dict(properties)
    )
    assert set(target["cx"]) == set(reference["cx"]) == {(1, 2), (2, 1)}
    for name in ("sx", "measure", "reset", "delay"):
        assert set(target[name]) == set(reference[name]) == {(0,), (1,), (2,), (4,)}


SIMULATOR = {
    "backend_name": "aer_simulator",
    "backend_version": "0.18.2",
    "n_qubits": 29,
    "simulator": True,
    "basis_gates": ["h", "cx", "rz", "mcx", "no_such_gate"],
    "gates": [{"name": "h", "parameters": [], "qasm_def": ""}],
    "coupling_map": None,
    "supported_instructions": ["measure", "reset", "delay", "if_else", "for_loop", "while_loop"],
}


def test_a_simulator_has_everything_everywhere() -> None:
    target = build_target(SIMULATOR, {})
    assert target.build_coupling_map() is None
    assert set(target.operation_names) == {
        *("h", "cx", "rz", "measure", "reset", "delay", "if_else", "for_loop", "while_loop")
    }
    assert target.instruction_supported("cx", (28, 3))
    assert target.instruction_supported("measure", (28,))
    assert target.dt is None


def test_documents_that_do_not_say_what_else_is_supported() -> None:
    configuration = {**SIMULATOR, "supported_instructions": None}
    assert {"measure", "reset", "delay"} <= set(build_target(configuration, {}).operation_names)


def test_a_gate_that_qiskit_does_not_know_has_its_places() -> None:
    configuration, properties = parsed("manila")
    configuration["basis_gates"].append("wobble")
    configuration["gates"].append(
        {"name": "wobble", "parameters": ["a"], "coupling_map": [[0, 1]], "qasm_def": ""}
    )
    target = build_target(configuration, properties)
    assert set(target["wobble"]) == {(0, 1)}
    assert (target.operation_from_name("wobble").num_qubits) == 2
    assert len(target.operation_from_name("wobble").params) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda conf, _: conf.pop("n_qubits"), "n_qubits"),
        (lambda conf, _: conf.update(n_qubits="5"), "n_qubits"),
        (lambda conf, _: conf.update(dt="short"), "dt"),
        (lambda conf, _: conf.update(gates=5), "gates"),
        (lambda conf, _: conf["gates"][0].pop("name"), "name"),
        (lambda conf, _: conf.update(supported_instructions="all"), "supported_instructions"),
        (lambda _, props: props.update(qubits=5), "qubits"),
        (lambda _, props: props["gates"][0].pop("qubits"), "qubits"),
        (lambda _, props: props["gates"][0].pop("gate"), "gate"),
        (lambda _, props: props["qubits"][0][0].update(value="fast"), "value"),
        (lambda _, props: props["qubits"][0][0].update(unit="fortnight"), "fortnight"),
    ],
)
def test_documents_that_are_damaged(change: Any, words: str) -> None:
    configuration, properties = (deepcopy(document) for document in parsed("manila"))
    change(configuration, properties)
    with pytest.raises(WireFormatError, match=words):
        build_target(configuration, properties)


def test_a_backend_is_known_by_its_documents() -> None:
    backend = Backend(*parsed("fez"))
    assert (backend.name, backend.num_qubits) == ("ibm_fez", 156)
    assert not backend.is_simulator
    assert backend.target is backend.target
    assert backend.service is None
    assert backend.max_circuits is None
    simulator = Backend(SIMULATOR)
    assert (simulator.name, simulator.is_simulator, simulator.properties) == (
        "aer_simulator",
        True,
        {},
    )
    with pytest.raises(UsageError, match="runs primitives"):
        backend.run(QuantumCircuit(1))
    with pytest.raises(WireFormatError):
        Backend({"n_qubits": 5})
