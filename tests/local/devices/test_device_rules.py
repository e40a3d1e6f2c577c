"""What a device runs, held against the targets that are built of every snapshot there is."""

from pathlib import Path
from typing import Any

import pytest

from qrsession.circuits.target import build_target
from qrsession.errors import WireFormatError
from qrsession.local.devices.device_rules import DeviceRules
from qrsession.local.devices.snapshots import (
    Snapshot,
    carried_folder,
    find_snapshots,
    read_document,
)

FOLDER = carried_folder()
SNAPSHOTS = [] if FOLDER is None else list(find_snapshots(FOLDER))
CONFIGURATION: dict[str, Any] = {
    "backend_name": "tiny",
    "n_qubits": 4,
    "basis_gates": ["ecr", "sx", "if_else"],
    "gates": [
        {"name": "ecr", "coupling_map": [[0, 1], [2, 1], [2, 3]]},
        {"name": "sx", "coupling_map": [[0], [1], [2]]},
    ],
    "coupling_map": [[0, 1], [2, 1], [2, 3]],
    "supported_instructions": ["ecr", "sx", "measure", "delay", "measure_2", "if_else"],
    "instruction_signatures": [{"name": "measure_2", "num_qubits": 1, "num_clbits": 1}],
}
BROKEN = {"name": "operational", "value": 0}
PROPERTIES: dict[str, Any] = {
    "qubits": [[], [], [], [BROKEN]],
    "gates": [{"gate": "ecr", "qubits": [2, 1], "parameters": [BROKEN]}],
}
RULES = DeviceRules.of("tiny", CONFIGURATION, PROPERTIES)


@pytest.mark.parametrize("snapshot", SNAPSHOTS, ids=lambda one: Path(one.configuration).stem)
def test_rules_are_those_of_the_target(snapshot: Snapshot) -> None:
    """Whatever a client transpiles to is taken, and nothing beside it."""
    configuration = read_document(snapshot.configuration)
    properties = read_document(snapshot.properties)
    rules = DeviceRules.of("device", configuration, properties)
    # With all gates that the device has, whatever a client transpiles to by default.
    target = build_target(configuration, properties, use_fractional_gates=None)

    assert rules.num_qubits == target.num_qubits
    for name in target.operation_names:
        for qubits in target.qargs_for_operation_name(name) or ():
            assert rules.why_not(name, tuple(qubits)) is None, (name, qubits)
    for name, places in rules.places.items():
        for qubits in places or ():
            assert target.instruction_supported(name, qubits), (name, qubits)


def test_all_snapshots_are_compared() -> None:
    assert len(SNAPSHOTS) >= 60


@pytest.mark.parametrize(
    ("instruction", "qubits", "words"),
    [
        ("ecr", (0, 1), None),
        ("measure_2", (0,), None),
        ("delay", (2,), None),
        ("barrier", (0, 1, 2, 3), None),
        ("if_else", (0, 2), None),
        ("h", (0,), "no such instruction; it has delay, ecr, if_else, measure, measure_2, sx"),
        ("reset", (0,), "no such instruction"),
        ("for_loop", (0,), "no such instruction"),
        ("ecr", (1, 0), "other direction"),
        ("ecr", (0, 2), "does not couple"),
        ("ecr", (2, 1), "out of order there"),
        ("ecr", (2, 3), "qubit 3 of tiny is out of order"),
        ("measure", (3,), "qubit 3 of tiny is out of order"),
        ("sx", (3,), "qubit 3 of tiny is out of order"),
    ],
)
def test_reasons(instruction: str, qubits: tuple[int, ...], words: str | None) -> None:
    reason = RULES.why_not(instruction, qubits)
    assert reason == words or (words is not None and words in (reason or ""))


def test_a_gate_that_is_missing_somewhere_is_refused_there() -> None:
    rules = DeviceRules.of("tiny", CONFIGURATION, {})
    assert rules.why_not("sx", (3,)) == "tiny does not have it there"


def test_older_documents_have_delays_and_resets() -> None:
    """They do not say what they support."""
    configuration = {**CONFIGURATION, "supported_instructions": None}
    rules = DeviceRules.of("tiny", configuration, {})
    assert rules.why_not("reset", (0,)) is None
    assert rules.why_not("delay", (0,)) is None


@pytest.mark.parametrize("num_qubits", [None, 0, -1, 10**9, True, "4"])
def test_a_width_must_be_one(num_qubits: Any) -> None:
    with pytest.raises(WireFormatError):
        DeviceRules.of("tiny", {**CONFIGURATION, "n_qubits": num_qubits}, {})
