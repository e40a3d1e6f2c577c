"""Snapshots on disk: found where they are, and skipped where something is wrong with them."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from qrsession.errors import QrsessionError, StorageError, WireFormatError
from qrsession.local.devices import snapshots
from qrsession.local.devices.catalogue import Catalogue
from qrsession.local.devices.snapshots import carried_folder, find_snapshots, read_document
from qrsession.local.devices.twins import TwinIndex

GATES = [{"name": "cz", "coupling_map": [[0, 1]]}, {"name": "sx", "coupling_map": [[0], [1]]}]
CONFIGURATION: dict[str, Any] = {
    "backend_name": "tiny",
    "backend_version": "1.0",
    "n_qubits": 2,
    "basis_gates": ["cz", "sx"],
    "gates": GATES,
    "coupling_map": [[0, 1]],
}
PROPERTIES: dict[str, Any] = {"qubits": [], "gates": [], "last_update_date": "2026-01-02T03:04:05"}


def write(folder: Path, configuration: Any = CONFIGURATION, properties: Any = PROPERTIES) -> Path:
    """Write a snapshot as `backends snapshot` does; what is no object as it stands."""
    folder.mkdir(parents=True)
    for name, document in (("configuration", configuration), ("properties", properties)):
        text = document if isinstance(document, str) else json.dumps(document)
        (folder / f"{name}.json").write_text(text)
    return folder


def index_in(folder: Path) -> TwinIndex:
    folder.mkdir(mode=0o700, exist_ok=True)
    return TwinIndex(folder / "twins.json")


def test_both_layouts_are_found(tmp_path: Path) -> None:
    """The name of a folder counts, or in IBM's layout that in the configuration."""
    write(tmp_path / "twins" / "my-device")
    theirs = tmp_path / "twins" / "fez"
    theirs.mkdir()
    (theirs / "conf_fez.json").write_text(json.dumps({**CONFIGURATION, "backend_name": "fake_fez"}))
    (theirs / "props_fez.json").write_text(json.dumps(PROPERTIES))
    (theirs / "__init__.py").write_text("raise SystemExit('this is data')\n")

    found = index_in(tmp_path / "data").devices(list(find_snapshots(tmp_path / "twins")))

    assert sorted(found) == ["fez", "my-device"]
    for name, device in found.items():
        assert device.configuration()["backend_name"] == name
        assert device.properties()["backend_name"] == name
        assert device.num_qubits == 2
        assert not device.is_simulator
    assert "with noise" in found["fez"].configuration()["description"]
    assert "2026-01-02" in found["fez"].configuration()["description"]


def test_a_folder_that_is_missing_has_none(tmp_path: Path) -> None:
    assert list(find_snapshots(tmp_path / "nowhere")) == []


def test_the_carried_ones_are_found_without_an_import() -> None:
    """Under the names of the devices; nothing of IBM's client is loaded."""
    script = (
        "import sys; from pathlib import Path\n"
        "from qrsession.local.devices.snapshots import carried_folder, find_snapshots\n"
        "from qrsession.local.devices.twins import TwinIndex\n"
        "index = TwinIndex(Path(sys.argv[1]))\n"
        "found = index.devices(list(find_snapshots(carried_folder())))\n"
        "print(len(found), 'ibm_fez' in found, found['ibm_fez'].num_qubits)\n"
        "print({'qiskit_ibm_runtime', 'qiskit', 'numpy'} & set(sys.modules))\n"
    )
    child = subprocess.run(
        [sys.executable, "-c", script, os.devnull], capture_output=True, check=True, text=True
    )
    count, *rest = child.stdout.split()
    assert int(count) >= 60
    assert rest == ["True", "156", "set()"]


DEEP = "[" * 100_000
DAMAGED = {
    "no JSON": ("{", PROPERTIES),
    "no object": ("[]", PROPERTIES),
    "nested without end": ('{"n_qubits": ' + DEEP, PROPERTIES),
    "not a number": (CONFIGURATION, '{"qubits": [[{"name": "T1", "value": NaN}]]}'),
    "no qubits": ({**CONFIGURATION, "n_qubits": None}, PROPERTIES),
    "far too many qubits": ({**CONFIGURATION, "n_qubits": 10**9}, PROPERTIES),
    "gates on no qubits": ({**CONFIGURATION, "n_qubits": 1}, PROPERTIES),
    "gates of another kind": ({**CONFIGURATION, "gates": "cz"}, PROPERTIES),
    "qubits of another kind": (CONFIGURATION, {"qubits": [1, 2]}),
    "couplings of another kind": (
        {**CONFIGURATION, "gates": [{"name": "cz", "coupling_map": [["a", {}]]}]},
        PROPERTIES,
    ),
    "a simulator": ({**CONFIGURATION, "simulator": True}, PROPERTIES),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_one_is_skipped_with_one_line(
    case: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The others are offered all the same, and listing again says nothing more."""
    write(tmp_path / "twins" / "broken", *DAMAGED[case])
    write(tmp_path / "twins" / "whole")
    index = index_in(tmp_path / "data")

    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert list(index.devices(list(find_snapshots(tmp_path / "twins")))) == ["whole"]

    (line,) = caplog.messages
    assert "broken" in line
    assert "\n" not in line
    assert len(line) < 500


def test_names_are_names_and_no_paths(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Neither of folders nor of what a configuration says."""
    for name in (".hidden", "a b", "-x", "x" * 64):
        write(tmp_path / "twins" / name)
    theirs = tmp_path / "twins" / "theirs"
    theirs.mkdir()
    evil = {**CONFIGURATION, "backend_name": "../../etc/\x1b[31mpasswd"}
    (theirs / "conf_evil.json").write_text(json.dumps(evil))
    (theirs / "props_evil.json").write_text(json.dumps(PROPERTIES))

    assert index_in(tmp_path / "data").devices(list(find_snapshots(tmp_path / "twins"))) == {}
    (line,) = caplog.messages
    assert "\x1b" not in line


def test_a_pipe_and_a_folder_are_no_documents(tmp_path: Path) -> None:
    """A pipe that nobody writes to would keep its reader waiting."""
    os.mkfifo(tmp_path / "pipe")
    for file in (tmp_path / "pipe", tmp_path, tmp_path / "missing"):
        with pytest.raises(StorageError):
            read_document(file)


def test_a_huge_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots, "_LARGEST_DOCUMENT_BYTES", 100)
    (tmp_path / "huge.json").write_text(json.dumps({"a": "b" * 200}))
    with pytest.raises(StorageError, match="larger"):
        read_document(tmp_path / "huge.json")
    (tmp_path / "small.json").write_text("{}")
    assert read_document(tmp_path / "small.json") == {}


def test_what_is_known_is_kept_and_read_no_second_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until a file changes; an index that is damaged is made anew."""
    folder = write(tmp_path / "twins" / "tiny")
    first = index_in(tmp_path / "data").devices(list(find_snapshots(tmp_path / "twins")))
    with monkeypatch.context() as context:
        context.setattr("qrsession.local.devices.twins.facts_of", _must_not_be_called)
        again = index_in(tmp_path / "data").devices(list(find_snapshots(tmp_path / "twins")))
    assert again["tiny"].summary == first["tiny"].summary

    (folder / "configuration.json").write_text(
        json.dumps({**CONFIGURATION, "n_qubits": 3, "description": "wider"})
    )
    changed = index_in(tmp_path / "data").devices(list(find_snapshots(tmp_path / "twins")))
    assert changed["tiny"].num_qubits == 3

    for damage in ("{", "[]", '{"version": 1}', '{"entries": {"a": 1}}'):
        (tmp_path / "data" / "twins.json").write_text(damage)
        mended = index_in(tmp_path / "data").devices(list(find_snapshots(tmp_path / "twins")))
        assert mended["tiny"].num_qubits == 3


def _must_not_be_called(_snapshot: Any) -> Any:
    raise AssertionError("the documents were read again")


def test_an_index_that_cannot_be_kept_stops_nothing(tmp_path: Path) -> None:
    write(tmp_path / "twins" / "tiny")
    index = TwinIndex(tmp_path / "no" / "such" / "folder" / "twins.json")
    assert list(index.devices(list(find_snapshots(tmp_path / "twins")))) == ["tiny"]


def test_the_users_own_come_first_and_new_ones_show(tmp_path: Path) -> None:
    """A simulator's name is taken by no snapshot."""
    own, carried = tmp_path / "own", tmp_path / "carried"
    write(own / "tiny")
    write(own / "aer_simulator")
    write(carried / "tiny", {**CONFIGURATION, "n_qubits": 5})
    write(carried / "other")
    catalogue = Catalogue(own, carried, index_in(tmp_path / "data"))

    assert list(catalogue) == ["aer_simulator", "ibmq_qasm_simulator", "tiny", "other"]
    assert catalogue["tiny"].num_qubits == 2
    assert catalogue["aer_simulator"].is_simulator
    assert "nobody" not in catalogue
    write(own / "later")
    assert catalogue["later"].num_qubits == 2
    assert len(catalogue) == 5


def test_metrics_are_medians_of_what_the_device_offers(tmp_path: Path) -> None:
    """A pair that was not calibrated has an error of 1, and does not count."""

    def gate(name: str, qubits: list[int], error: float) -> dict[str, Any]:
        values = [{"name": "gate_error", "value": error, "unit": ""}]
        return {"gate": name, "qubits": qubits, "parameters": values}

    properties = {
        "qubits": [[{"name": "readout_error", "value": value}] for value in (0.01, 0.03, 0.08)],
        "gates": [
            gate("cz", [0, 1], 0.004),
            gate("cz", [1, 0], 0.002),
            gate("cz", [1, 2], 1),
            gate("rzz", [0, 1], 0.0001),
            gate("sx", [0], 0.00001),
        ],
    }
    configuration = {**CONFIGURATION, "n_qubits": 3}
    write(tmp_path / "twins" / "tiny", configuration, properties)
    found = index_in(tmp_path / "data").devices(list(find_snapshots(tmp_path / "twins")))
    assert found["tiny"].summary["performance_metrics"] == {
        "two_q_error_best": {"value": 0.002, "gate": "cz", "qubits": [1, 0], "unit": ""},
        "two_q_error_median": {"value": 0.003, "unit": ""},
        "readout_error_median": {"value": 0.03, "unit": ""},
    }


def test_errors_of_a_document_are_ours(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"\xff\xfe")
    with pytest.raises(WireFormatError):
        read_document(tmp_path / "a.json")
    with pytest.raises(QrsessionError):
        read_document(tmp_path / ("x" * 300))


def test_the_folder_of_the_carried_ones_is_there() -> None:
    folder = carried_folder()
    assert folder is not None
    assert (folder / "fez" / "conf_fez.json").is_file()
