"""Twins over the wire: their documents, and whom they belong to."""

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from qrsession.local.devices.snapshots import carried_folder, read_document
from qrsession.local.devices.utc_dates import in_utc
from qrsession.protocol.models import BackendSummary

if TYPE_CHECKING:
    from qrsession.local.clock import SimulatedClock
    from tests.local.conftest import Client, ManualClock, RunningRuntime

    Connect = Callable[[RunningRuntime], Client]

StartRuntime = Callable[..., "RunningRuntime"]
TWIN = "my_fez"


@pytest.fixture
def twins(tmp_path: Path) -> Path:
    """Return a folder with a snapshot as `backends snapshot` writes it, beside a broken one."""
    carried = carried_folder()
    assert carried is not None
    folder = tmp_path / "twins" / TWIN
    folder.mkdir(parents=True)
    shutil.copy(carried / "fez" / "conf_fez.json", folder / "configuration.json")
    shutil.copy(carried / "fez" / "props_fez.json", folder / "properties.json")
    broken = tmp_path / "twins" / "broken"
    broken.mkdir()
    (broken / "configuration.json").write_text("{")
    (broken / "properties.json").write_text("{}")
    return tmp_path / "twins"


def test_they_say_whether_they_have_noise(
    start_runtime: StartRuntime, connect: "Connect", twins: Path
) -> None:
    """As they do unless somebody asks for none."""
    client = connect(start_runtime(twins=twins, is_noisy=True))
    entries = {entry["name"]: entry for entry in client.get("/backends").json()["devices"]}
    assert entries[TWIN]["status"]["reason"] == "available, simulated with noise"
    configuration = client.get(f"/backends/{TWIN}/configuration").json()
    assert configuration["description"].startswith(f"Twin of {TWIN}, simulated with noise, from")


def test_a_list_tells_what_they_are(
    start_runtime: StartRuntime, connect: "Connect", twins: Path
) -> None:
    """Width, kind, errors, and that there is no noise; the broken one is left out."""
    client = connect(start_runtime(twins=twins))
    entries = {entry["name"]: entry for entry in client.get("/backends").json()["devices"]}
    assert list(entries)[:3] == ["aer_simulator", "ibmq_qasm_simulator", TWIN]
    assert {"ibm_fez", "ibm_kingston"} < set(entries)
    assert "broken" not in entries
    entry = entries[TWIN]
    assert entry["status"] == {"name": "online", "reason": "available, simulated without noise"}
    assert (entry["qubits"], entry["is_simulator"], entry["queue_length"]) == (156, False, 0)
    assert entry["processor_type"] == {"family": "Heron", "revision": "2"}
    assert entry["clops"] == {"type": "hardware", "value": 195000}
    metrics = entry["performance_metrics"]
    assert metrics["two_q_error_best"]["gate"] == "cz"
    assert 0 < metrics["two_q_error_best"]["value"] < metrics["two_q_error_median"]["value"] < 0.01
    assert 0 < metrics["readout_error_median"]["value"] < 0.02
    assert BackendSummary.from_wire(entry).processor == "Heron r2"


def test_documents_are_those_of_the_snapshot(
    start_runtime: StartRuntime, connect: "Connect", twins: Path
) -> None:
    """But for name and description, and with dates in UTC; compressed for whoever takes that."""
    client = connect(start_runtime(twins=twins))
    for kind, changed in (
        ("configuration", {"description", "backend_name"}),
        ("properties", {"backend_name"}),
    ):
        wanted = in_utc(read_document(twins / TWIN / f"{kind}.json"))
        path = f"/backends/{TWIN}/{kind}"
        plain = client.get(path, headers={"Accept-Encoding": "identity"})
        assert "Content-Encoding" not in plain.headers
        document = plain.json()
        assert {key for key, value in document.items() if wanted.get(key) != value} == changed
        assert document.keys() == wanted.keys()
        assert document["backend_name"] == TWIN
        packed = client.get(path, stream=True)
        assert packed.headers["Content-Encoding"] == "gzip"
        assert packed.headers["Vary"] == "Accept-Encoding"
        data = packed.raw.read(decode_content=False)
        assert len(data) == int(packed.headers["Content-Length"]) < len(plain.content) / 5
        assert json.loads(gzip.decompress(data)) == document
    status = client.get(f"/backends/{TWIN}/status").json()
    assert status["backend_version"] == "1.2.8"


def test_the_runtimes_own_files_say_nothing_of_where_they_are(
    start_runtime: StartRuntime, connect: "Connect", twins: Path
) -> None:
    """A name with a path in it is no name of a backend."""
    client = connect(start_runtime(twins=twins))
    for name in ("..", "%2e%2e%2ftwins", "my_fez%2fconfiguration.json", "broken"):
        assert client.get(f"/backends/{name}/configuration").status_code == 404


def test_a_dedicated_session_holds_a_twin(
    start_runtime: StartRuntime, connect: "Connect", manual_clock: "ManualClock", twins: Path
) -> None:
    """Others wait though a lane is idle, its own come next; a simulator stays everybody's."""
    client = connect(start_runtime(lanes=2, clock=manual_clock, twins=twins))
    session_id = client.open(backend=TWIN)
    client.wait(client.submit("count", session_id=session_id, backend=TWIN))
    single = client.submit("count", backend=TWIN)
    elsewhere = client.submit("count", backend="ibm_kingston")
    assert client.wait(elsewhere)["state"]["status"] == "Completed"
    shared_id = client.open(backend="aer_simulator")
    client.wait(client.submit("count", session_id=shared_id, backend="aer_simulator"))
    beside = client.submit("count", backend="aer_simulator")
    assert client.wait(beside)["state"]["status"] == "Completed"
    mine = client.submit("count", session_id=session_id, backend=TWIN)
    assert client.wait(mine)["state"]["status"] == "Completed"
    assert client.job(single)["state"]["status"] == "Queued"
    client.patch(f"/sessions/{session_id}", json={"accepting_jobs": False})
    assert client.wait(single)["state"]["status"] == "Completed"


def test_an_idle_session_passes_a_twin_on(
    start_runtime: StartRuntime, connect: "Connect", fast_clock: "SimulatedClock", twins: Path
) -> None:
    """After a minute in which it had no job, a second here."""
    client = connect(start_runtime(clock=fast_clock, twins=twins))
    session_id = client.open(backend=TWIN)
    client.wait(client.submit("count", session_id=session_id, backend=TWIN))
    waiting = client.submit("count", backend=TWIN)
    assert client.job(waiting)["state"]["status"] == "Queued"
    assert client.wait(waiting)["state"]["status"] == "Completed"
    assert client.session(session_id)["state"] == "inactive"


def test_jobs_of_a_batch_run_side_by_side_on_a_twin(
    start_runtime: StartRuntime, connect: "Connect", twins: Path
) -> None:
    runtime = start_runtime(lanes=2, twins=twins)
    client = connect(runtime)
    batch_id = client.open(backend=TWIN, mode="batch")
    ids = [client.submit("hold", session_id=batch_id, backend=TWIN) for _ in range(2)]
    for job_id in ids:
        client.wait(job_id, "Running")
    runtime.release_held()
    for job_id in ids:
        assert client.wait(job_id)["state"]["status"] == "Completed"


def test_a_lane_is_told_where_the_documents_are(
    start_runtime: StartRuntime, connect: "Connect", twins: Path
) -> None:
    runtime = start_runtime(twins=twins)
    client = connect(runtime)
    for backend in (TWIN, "aer_simulator"):
        client.wait(client.submit("count", backend=backend))
    on_twin, on_simulator = runtime.lanes[0].seen
    assert on_twin.snapshot is not None
    assert on_twin.snapshot.configuration == twins / TWIN / "configuration.json"
    assert on_simulator.snapshot is None


def test_a_job_for_a_twin_that_is_gone_fails_and_says_so(
    start_runtime: StartRuntime, connect: "Connect", twins: Path
) -> None:
    """It was queued while twins were offered. Run on a simulator it would mean something else."""
    first = start_runtime(twins=twins)
    client = connect(first)
    running, queued = (client.submit(order, backend=TWIN) for order in ("hold", "count"))
    client.wait(running, "Running")
    first.stop()
    second = connect(start_runtime(is_real=True))
    for job_id in (running, queued):
        state = second.wait(job_id)["state"]
        assert (state["status"], state["reason_code"]) == ("Failed", 5203)
        assert state["reason"] == f"The backend {TWIN} is not offered any more."
        assert "--twins" in state["reason_solution"]
