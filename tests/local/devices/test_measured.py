"""Snapshots that lie: refused with the place of the lie, and the others are offered."""

import json
import shutil
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from qrsession.errors import WireFormatError
from qrsession.local.devices.measured import check_measured
from qrsession.local.devices.snapshots import (
    Snapshot,
    carried_folder,
    find_snapshots,
    read_document,
)
from qrsession.local.devices.twins import TwinIndex

pytestmark = pytest.mark.fast

Documents = tuple[dict[str, Any], dict[str, Any]]


@pytest.fixture(scope="module")
def manila() -> Documents:
    return _documents("manila")


def _documents(name: str) -> Documents:
    folder = carried_folder()
    assert folder is not None
    configuration, properties = (
        read_document(folder / name / f"{kind}_{name}.json") for kind in ("conf", "props")
    )
    return configuration, properties


def _set(properties: dict[str, Any], name: str, value: Any) -> None:
    places = [*properties["qubits"], *(gate["parameters"] for gate in properties["gates"])]
    for entry in (entry for values in places for entry in values):
        if entry["name"] == name:
            entry["value"] = value


@pytest.mark.parametrize("name", ["T1", "T2"])
@pytest.mark.parametrize("value", [0, -5.0, 1e308, True, "100", [1]])
def test_a_time_that_cannot_be_is_refused(manila: Documents, name: str, value: Any) -> None:
    configuration, properties = deepcopy(manila)
    _set(properties, name, value)
    with pytest.raises(WireFormatError, match=f"The {name} of qubit 0 is"):
        check_measured(configuration, properties)


@pytest.mark.parametrize("name", ["readout_error", "prob_meas0_prep1", "gate_error"])
@pytest.mark.parametrize("value", [-0.1, 1.0001, float("inf"), 10**400])
def test_a_chance_that_is_none_is_refused(manila: Documents, name: str, value: float) -> None:
    configuration, properties = deepcopy(manila)
    _set(properties, name, value)
    with pytest.raises(WireFormatError, match=f"The {name} of .* cannot be"):
        check_measured(configuration, properties)


@pytest.mark.parametrize("value", [None, 0, 0.5, 1])
def test_what_was_not_measured_or_is_at_the_edge_is_taken(
    manila: Documents, value: float | None
) -> None:
    configuration, properties = deepcopy(manila)
    _set(properties, "gate_error", value)
    _set(properties, "readout_error", value)
    check_measured(configuration, properties)


@pytest.mark.parametrize("dt_ns", [0, -1.0, 1e300])
def test_a_unit_of_time_that_cannot_be_is_refused(manila: Documents, dt_ns: float) -> None:
    configuration, properties = manila
    with pytest.raises(WireFormatError, match="counts time in"):
        check_measured({**configuration, "dt": dt_ns}, properties)


@pytest.mark.parametrize("qubits", [[99, 0], [-1, 0], [1, 1], ["0", "1"], [[0], [1]], [True, 0]])
def test_a_gate_on_qubits_that_are_none_is_refused(manila: Documents, qubits: list[Any]) -> None:
    configuration, properties = manila
    gate = {"gate": "cx", "qubits": qubits, "parameters": []}
    with pytest.raises(WireFormatError, match="The properties tell of 'cx' on"):
        check_measured(configuration, {**properties, "gates": [gate]})


def test_fewer_qubits_than_the_device_has_are_refused(manila: Documents) -> None:
    configuration, properties = manila
    with pytest.raises(WireFormatError, match="tell of 2 qubits, and the device has 5"):
        check_measured(configuration, {**properties, "qubits": properties["qubits"][:2]})


def test_what_is_installed_is_taken() -> None:
    folder = carried_folder()
    assert folder is not None
    snapshots = list(find_snapshots(folder))
    for snapshot in snapshots:
        configuration = read_document(snapshot.configuration)
        if not configuration["simulator"]:
            check_measured(configuration, read_document(snapshot.properties))
    assert len(snapshots) > 40


@pytest.mark.parametrize(
    ("kind", "changed"),
    [
        ("properties", {"qubits": [None] * 5}),
        ("properties", {"qubits": [[7]] * 5}),
        ("properties", {"gates": [{"gate": "cx", "qubits": [0, 1], "parameters": [7]}]}),
        ("configuration", {"n_qubits": 10**12}),
        ("configuration", {"n_qubits": 2}),
        ("configuration", {"gates": [{"name": "cx", "coupling_map": [[0, "x"]]}]}),
        ("configuration", {"backend_name": "../../x"}),
    ],
)
def test_the_others_are_offered(
    manila: Documents, tmp_path: Path, kind: str, changed: dict[str, Any]
) -> None:
    for name in ("a_bad_one", "good"):
        folder = tmp_path / name
        folder.mkdir()
        for part, document in zip(("configuration", "properties"), manila, strict=True):
            is_bad = name != "good" and part == kind
            written = {**document, **changed} if is_bad else document
            (folder / f"{part}.json").write_text(json.dumps(written))
    if "backend_name" in changed:
        # Only where a folder has no name of its own does the document's count.
        shutil.rmtree(tmp_path / "a_bad_one")
        bad = tmp_path / "a_bad_one"
        bad.mkdir()
        (bad / "conf_x.json").write_text(json.dumps({**manila[0], **changed}))
        (bad / "props_x.json").write_text(json.dumps(manila[1]))
    found: list[Snapshot] = list(find_snapshots(tmp_path))
    assert len(found) == 2
    assert list(TwinIndex(tmp_path / "index.json").devices(found)) == ["good"]
