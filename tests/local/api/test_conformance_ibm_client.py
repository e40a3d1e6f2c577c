"""IBM's client, unmodified, drives the runtime by its environment alone.

It runs in a process of its own, with a home of its own: this file is its script, too.
"""

import json
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.ibms_client import run_client

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.local.conftest import RunningRuntime

    StartRuntime = Callable[..., RunningRuntime]

HOLDING_SHOTS = 4242


def test_ibms_client_works_unmodified(start_runtime: "StartRuntime", tmp_path: Path) -> None:
    """Service, backends, sessions, batches, jobs, tags, metrics, usage, cancelling, deleting."""
    runtime = start_runtime()
    seen = run_client(__file__, runtime.url, tmp_path / "home")
    assert seen["backends"] == ["other_device", "test_device"]
    assert seen["least_busy"] in seen["backends"]
    assert seen["status"] == ["test_device", True, "active", 0]
    assert seen["num_qubits"] == 5

    session = seen["session"]
    assert session["states"] == ["Pending", "In progress, accepting new jobs", "Closed"]
    details = session["details"]
    assert (details["max_time"], details["interactive_timeout"]) == (600, 60)
    assert (details["mode"], details["backend_name"]) == ("dedicated", "test_device")
    assert [entry["status"] for entry in details["timestamps"]] == ["open", "active", "closed"]
    assert session["usage"] == details["usage_time"] >= 0
    assert session["from_id"] == details["id"]

    job = seen["job"]
    assert (job["status"], job["session_id"]) == ("DONE", details["id"])
    assert job["result"]["metadata"]["pubs"] == 1
    assert job["usage"] == job["metrics"]["usage"]["qpu_charge_time_seconds"] == 0.25
    assert job["metrics"]["usage"]["status"] == "complete"
    assert "qiskit" in job["metrics"]["caller"]
    assert job["logs"] == "ran\n"
    assert job["tags"] == ["seen", "twice"]
    assert job["created"]
    # What arrived in the lane is what the client encoded.
    sent = json.loads(runtime.lanes[0].seen[0].params_json)
    assert sent["support_qiskit"] is True
    assert sent["pubs"][0][0]["__type__"] == "QuantumCircuit"

    assert seen["cancelled_session"] == [
        {
            "queued": "CANCELLED",
            "running": "RUNNING",
            "state": "In progress, not accepting new jobs",
        },
        {"running": "CANCELLED", "state": "Closed"},
    ]
    assert seen["batch"] == {"mode": "batch", "state": "Closed", "job": "DONE"}
    assert seen["listed"] == {"all": 5, "limited": 2, "of_session": 1, "tagged": 1, "pending": 0}
    assert seen["cancelled"] == ["CANCELLED", "RuntimeInvalidStateError"]
    assert seen["deleted"] == "RuntimeJobNotFound"
    assert seen["refused"] == ["IBMRuntimeError", True]
    assert seen["instance_usage"]["usage_consumed_seconds"] > 0
    assert "usage_remaining_seconds" not in seen["instance_usage"]


def drive() -> dict[str, Any]:
    """Use IBM's client as its documentation shows, and say what it saw."""
    # Imported here because this is the other process's part of the file.
    from qiskit import QuantumCircuit  # noqa: PLC0415
    from qiskit.transpiler import generate_preset_pass_manager  # noqa: PLC0415
    from qiskit_ibm_runtime import QiskitRuntimeService  # noqa: PLC0415

    warnings.simplefilter("ignore", DeprecationWarning)
    service = QiskitRuntimeService()
    backend = service.backend("test_device")
    status = backend.status()
    bell = QuantumCircuit(2)
    bell.h(0)
    bell.cx(0, 1)
    bell.measure_all()
    circuit = generate_preset_pass_manager(backend=backend, optimization_level=0).run(bell)
    seen = {
        "backends": sorted(backend.name for backend in service.backends()),
        "least_busy": service.least_busy().name,
        "status": [
            status.backend_name,
            status.operational,
            status.status_msg,
            status.pending_jobs,
        ],
        "num_qubits": backend.num_qubits,
    }
    _drive_session(seen, service, backend, circuit)
    _drive_endings(seen, service, backend, circuit)
    _drive_lists(seen, service)
    seen["instance_usage"] = service.usage()
    return seen


def _drive_session(seen: dict[str, Any], service: Any, backend: Any, circuit: Any) -> None:
    from qiskit_ibm_runtime import Batch, SamplerV2, Session  # noqa: PLC0415
    from qiskit_ibm_runtime.decoders.result_decoder import ResultDecoder  # noqa: PLC0415

    with Session(backend=backend, max_time="10m") as session:
        states = [session.status()]
        job = SamplerV2(mode=session).run([circuit], shots=100)
        job.wait_for_final_state(timeout=60)
        job.update_tags(["seen", "twice"])
        states.append(session.status())
        seen["job"] = {
            "status": job.status(),
            "session_id": job.session_id,
            "result": job.result(decoder=ResultDecoder),
            "usage": job.usage(),
            "metrics": job.metrics(),
            "logs": job.logs(),
            "tags": sorted(job.tags),
            "created": str(job.creation_date),
        }
    states.append(session.status())
    seen["session"] = {
        "states": states,
        "details": session.details(),
        "usage": session.usage(),
        "from_id": Session.from_id(session.session_id, service).session_id,
    }
    with Batch(backend=backend) as batch:
        job = SamplerV2(mode=batch).run([circuit])
        job.wait_for_final_state(timeout=60)
    seen["batch"] = {
        "mode": batch.details()["mode"],
        "state": batch.status(),
        "job": job.status(),
    }


def _drive_endings(seen: dict[str, Any], service: Any, backend: Any, circuit: Any) -> None:
    from qiskit_ibm_runtime import SamplerV2, Session  # noqa: PLC0415
    from qiskit_ibm_runtime.exceptions import IBMRuntimeError  # noqa: PLC0415

    session = Session(backend=backend)
    sampler = SamplerV2(mode=session)
    running = sampler.run([circuit], shots=HOLDING_SHOTS)
    queued = sampler.run([circuit])
    session.cancel()
    ending = {"queued": queued.status(), "running": running.status(), "state": session.status()}
    running.cancel()
    seen["cancelled_session"] = [ending, {"running": running.status(), "state": session.status()}]
    # A session that is closed without the client's knowing of it.
    session._active = True
    try:
        sampler.run([circuit])
    except IBMRuntimeError as error:
        seen["refused"] = [type(error).__name__, "1217" in str(error)]

    alone = SamplerV2(mode=backend).run([circuit], shots=HOLDING_SHOTS)
    alone.cancel()
    seen["cancelled"] = [alone.status()]
    try:
        alone.cancel()
    except IBMRuntimeError as error:
        seen["cancelled"].append(type(error).__name__)
    doomed = SamplerV2(mode=backend).run([circuit])
    doomed.wait_for_final_state(timeout=60)
    service.delete_job(doomed.job_id())
    try:
        service.job(doomed.job_id())
    except IBMRuntimeError as error:
        seen["deleted"] = type(error).__name__


def _drive_lists(seen: dict[str, Any], service: Any) -> None:
    seen["listed"] = {
        "all": len(service.jobs(limit=None)),
        "limited": len(service.jobs(limit=2)),
        "of_session": len(service.jobs(session_id=seen["session"]["details"]["id"])),
        "tagged": len(service.jobs(job_tags=["seen", "twice"])),
        "pending": len(service.jobs(pending=True)),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(drive(), default=str) + "\n")
