"""What a backend's two documents say of it; those of every device that IBM's client has kept."""

import importlib.util
import json
import math
from pathlib import Path
from typing import Any

import pytest

from qrsession.errors import InvalidValueError
from qrsession.protocol.models import BackendSummary
from qrsession.verbs.devices import DeviceOverview, wide_enough

pytestmark = pytest.mark.fast


def snapshots() -> list[Path]:
    found = importlib.util.find_spec("qiskit_ibm_runtime")
    assert found is not None
    assert found.origin is not None
    root = Path(found.origin).parent / "fake_provider" / "backends"
    return sorted(folder for folder in root.iterdir() if list(folder.glob("props_*.json")))


def documents_of(folder: Path) -> list[dict[str, Any]]:
    return [
        json.loads((folder / f"{kind}_{folder.name}.json").read_text())
        for kind in ("conf", "props")
    ]


def value(name: str, number: Any, unit: str = "") -> dict[str, Any]:
    return {"name": name, "value": number, "unit": unit, "date": "2026-01-01T00:00:00Z"}


CONFIGURATION = {
    "backend_version": "1.2.3",
    "basis_gates": ["cz", "rz", "sx"],
    "supported_instructions": ["cz", "rz", "sx", "measure", "if_else"],
    "coupling_map": [[0, 1], [1, 0], [1, 2]],
    "dt": 4.0,
    "max_shots": 100_000,
}
PROPERTIES = {
    "last_update_date": "2026-04-15T07:15:00+02:00",
    "qubits": [
        [value("T1", 100, "us"), value("T2", 90, "us"), value("readout_error", 0.01)],
        [value("T1", 0.3, "ms"), value("readout_length", 1500, "ns"), value("readout_error", 0.03)],
        [value("T1", 200_000, "ns"), value("operational", 0), value("readout_error", 0.02)],
    ],
    "gates": [
        {"gate": "cz", "qubits": [0, 1], "parameters": [value("gate_error", 0.002)]},
        {"gate": "cz", "qubits": [1, 0], "parameters": [value("gate_error", 0.004)]},
        {"gate": "cz", "qubits": [1, 2], "parameters": [value("gate_error", 1)]},
        {"gate": "sx", "qubits": [0], "parameters": [value("gate_error", 0.0001)]},
    ],
}


def test_an_overview() -> None:
    overview = DeviceOverview.of(CONFIGURATION, PROPERTIES)
    assert overview.version == "1.2.3"
    assert overview.basis_gates == ("cz", "rz", "sx")
    assert overview.instructions == ("measure", "if_else")
    assert overview.coupled_pairs == 2
    assert overview.t1_median_s == pytest.approx(200e-6)
    assert overview.t2_median_s == pytest.approx(90e-6)
    assert overview.readout_error_median == 0.02
    assert overview.readout_length_median_s == pytest.approx(1.5e-6)
    # A gate whose error is 1 does not work.
    assert overview.two_q_error_median == pytest.approx(0.003)
    assert overview.faulty_qubits == (2,)
    assert overview.dt_s == pytest.approx(4e-9)
    assert overview.max_shots == 100_000
    assert overview.calibrated_at is not None
    assert overview.calibrated_at.isoformat() == "2026-04-15T05:15:00+00:00"
    assert set(overview.document()) == set(DeviceOverview.__dataclass_fields__)


@pytest.mark.parametrize("folder", snapshots(), ids=lambda folder: folder.name)
def test_every_snapshot_is_read(folder: Path) -> None:
    configuration, properties = documents_of(folder)
    overview = DeviceOverview.of(configuration, properties)
    assert overview.basis_gates
    assert overview.calibrated_at is not None
    assert overview.t1_median_s is None or 1e-6 < overview.t1_median_s < 1e-2
    assert overview.readout_error_median is not None
    assert 0 < overview.readout_error_median < 0.5
    if configuration["n_qubits"] > 1:
        assert overview.coupled_pairs
        # In one snapshot no gate works; its errors are all 1.
        works = folder.name != "kyoto"
        assert (overview.two_q_error_median is not None) is works
        assert 0 < (overview.two_q_error_median or 0.1) < 0.5


@pytest.mark.parametrize(
    ("configuration", "properties"),
    [
        ({}, {}),
        (
            {"basis_gates": 5, "dt": "x", "max_shots": None, "coupling_map": "all"},
            {"qubits": 5, "gates": {}, "last_update_date": "soon"},
        ),
        (
            {"dt": math.nan, "coupling_map": [5, [1]], "supported_instructions": [None]},
            {"qubits": [5, [None, {"name": "T1"}]], "gates": [5, {"qubits": None}]},
        ),
    ],
)
def test_strange_documents_are_left_out(configuration: Any, properties: Any) -> None:
    overview = DeviceOverview.of(configuration, properties)
    assert overview.t1_median_s is None
    assert overview.two_q_error_median is None
    assert overview.dt_s is None
    assert overview.calibrated_at is None
    assert DeviceOverview.from_json("[]", "null") == DeviceOverview("")


def test_the_list_says_what_was_measured() -> None:
    summary = BackendSummary.from_wire(
        {
            "name": "ibm_x",
            "clops": {"type": "hardware", "value": 195_000},
            "performance_metrics": {
                "two_q_error_best": {"value": 0.001, "gate": "cz", "qubits": [0, 1], "unit": ""},
                "two_q_error_median": {"value": 0.003, "unit": ""},
                "readout_error_median": {"value": 0.01},
            },
        }
    )
    assert (summary.two_q_error_best, summary.two_q_error_median) == (0.001, 0.003)
    assert (summary.readout_error_median, summary.clops) == (0.01, 195_000)


@pytest.mark.parametrize("metrics", [None, 5, [], {"two_q_error_median": None}])
@pytest.mark.parametrize("clops", [None, "fast", {"value": "x"}, True, {"value": math.inf}])
def test_what_was_not_measured_hides_no_backend(metrics: Any, clops: Any) -> None:
    summary = BackendSummary.from_wire(
        {"name": "ibm_x", "performance_metrics": metrics, "clops": clops}
    )
    assert (summary.two_q_error_median, summary.clops) == (None, None)


def test_wide_enough() -> None:
    backends = [BackendSummary(f"b{n}", "online", 0, num_qubits=n) for n in (5, 100)]
    backends.append(BackendSummary("unknown", "online", 0))
    assert [one.name for one in wide_enough(backends, 50)] == ["b100"]
    with pytest.raises(InvalidValueError):
        wide_enough(backends, 0)
