"""A backend's documents on disk, for a twin of it."""

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from qrsession.accounts.account import Account
from qrsession.errors import BackendNotFoundError, InvalidValueError, StorageError
from qrsession.service import RuntimeService
from qrsession.settings import Settings
from qrsession.verbs.snapshots import save_snapshot
from tests.clouds import KEY, Cloud, Offer, device

pytestmark = pytest.mark.fast

CONFIGURATION = {"backend_name": "ibm_x", "n_qubits": 2, "simulator": False, "words": "ä"}
PROPERTIES = {"backend_name": "ibm_x", "qubits": [[], []]}


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    backends = (device("ibm_x", 2), device("sim", 2, is_simulator=True))
    running = Cloud(
        [Offer("mine", backends=backends)],
        {"ibm_x": (CONFIGURATION, PROPERTIES), "sim": ({"simulator": True}, {})},
    )
    yield running
    running.stop()


@pytest.fixture
def service(cloud: Cloud, tmp_path: Path) -> RuntimeService:
    settings = Settings.from_environ({"QRSESSION_HOME": str(tmp_path)})
    return RuntimeService(Account("a", KEY, cloud.url), settings=settings)


def test_a_snapshot_goes_to_the_twins(service: RuntimeService, tmp_path: Path) -> None:
    snapshot = save_snapshot(service, "ibm_x")
    assert snapshot.folder == tmp_path / "data" / "twins" / "ibm_x"
    files = {path.name: path for path in snapshot.folder.iterdir()}
    assert set(files) == {"configuration.json", "properties.json"}
    assert json.loads(files["configuration.json"].read_text()) == CONFIGURATION
    assert json.loads(files["properties.json"].read_text()) == PROPERTIES
    assert stat.S_IMODE(snapshot.folder.stat().st_mode) == 0o700
    assert snapshot.size_bytes == sum(path.stat().st_size for path in files.values())


def test_a_snapshot_is_replaced(service: RuntimeService, tmp_path: Path, cloud: Cloud) -> None:
    save_snapshot(service, "ibm_x", tmp_path / "here")
    cloud.documents = {"ibm_x": (CONFIGURATION, {**PROPERTIES, "general": []})}
    again = save_snapshot(service, "ibm_x", tmp_path / "here")
    assert again.folder == tmp_path / "here" / "ibm_x"
    assert "general" in json.loads((again.folder / "properties.json").read_text())


@pytest.mark.parametrize("name", ["../x", "", ".", "..", "a/b", "-x", "x" * 200, "a\nb"])
def test_a_name_that_is_no_folders(service: RuntimeService, name: str, cloud: Cloud) -> None:
    with pytest.raises(InvalidValueError):
        save_snapshot(service, name)
    assert cloud.seen == []


def test_a_simulator_has_no_twin(service: RuntimeService) -> None:
    with pytest.raises(InvalidValueError, match="simulator"):
        save_snapshot(service, "sim")


def test_a_backend_that_is_not_there(service: RuntimeService) -> None:
    with pytest.raises(BackendNotFoundError, match="ibm_x, sim"):
        save_snapshot(service, "nobody")


def test_a_folder_that_cannot_be_made(service: RuntimeService, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be made"):
        save_snapshot(service, "ibm_x", tmp_path / "file")
