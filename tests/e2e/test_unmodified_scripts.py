"""A whole script of IBM's client, as a user has it, on nothing but the variables of ``env --for``.

It runs in a process of its own: this file is the script, too, and imports nothing of Qrsession
there.
"""

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.ibms_client import LIMIT_S

if TYPE_CHECKING:
    from tests.e2e.conftest import Cli

FOR = ("env", "--local", "--for", "qiskit-ibm-runtime", "--format", "json")
FOREIGN_KEY = "a-key-of-another-service-0123456789"


@pytest.mark.deep
def test_a_script_of_ibms_client_runs_as_it_stands(own_cli: "Cli", fresh_home: Path) -> None:
    """On the simulator and on a twin; then again after a restart, and nothing foreign is kept."""
    own_cli.ok("local", "start", "--ideal")
    variables = json.loads(own_cli.ok(*FOR))
    assert own_cli.data("local", "status")["runtime"]["kept_s"] > 11 * 3600

    seen = _run_script(own_cli.folder, variables)
    assert seen["least_busy"] == "aer_simulator"
    for name in ("aer_simulator", "ibm_fez"):
        _check(seen[name])
    # On a simulator IBM's client opens no session, and its jobs are single ones.
    assert seen["aer_simulator"]["session"] is None
    assert seen["ibm_fez"]["session"] == {
        "states": ["Pending", "Closed"],
        "mode": "dedicated",
        "backend": "ibm_fez",
        "from_id": True,
        "batch": ["batch", "Closed"],
    }
    assert seen["aer_simulator"]["num_qubits"] == 1000
    assert seen["ibm_fez"]["num_qubits"] == 156
    assert seen["cancelled"] == ["RUNNING", "CANCELLED", "RuntimeInvalidStateError"]
    assert seen["failed"][0] == "ERROR"
    assert "RuntimeJobFailureError" in seen["failed"][1]
    assert seen["deleted"] == "RuntimeJobNotFound"
    assert seen["usage"]["usage_consumed_seconds"] > 0
    assert seen["jobs"] == {"all": 9, "tagged": 2, "of_session": 2, "limited": 3}

    _offer_a_foreign_key(variables)
    own_cli.ok("local", "stop")
    assert own_cli.data("local", "status")["runtime"]["kept_s"] is None
    assert json.loads(own_cli.ok(*FOR)) == variables
    _search(fresh_home)


def _check(seen: dict[str, Any]) -> None:
    """Hold what a script saw of one backend against what its circuits are."""
    # 1000 fair coins, and what noise there may be of a twin: 250 off is beyond all chance.
    assert sum(seen["counts"].values()) == 1000
    assert 250 < seen["counts"]["11"] < 750
    assert seen["evs"] == pytest.approx([1.0, 0.0], abs=0.35)
    job = seen["job"]
    assert job["status"] == "DONE"
    assert job["tags"] == ["mine", "seen"]
    assert job["usage"] == job["metrics"]["usage"]["qpu_charge_time_seconds"] >= 0
    assert job["metrics"]["usage"]["status"] == "complete"
    assert job["metrics"]["timestamps"]["finished"]
    assert isinstance(job["logs"], str)
    assert job["again"] is True


def _run_script(folder: Path, variables: dict[str, str]) -> dict[str, Any]:
    home = folder / "its-home"
    (home / ".qiskit").mkdir(parents=True)
    # An account of IBM's that the user has saved, which must not be used.
    saved = {"channel": "ibm_quantum_platform", "token": FOREIGN_KEY, "is_default_account": True}
    (home / ".qiskit" / "qiskit-ibm.json").write_text(json.dumps({"mine": saved}))
    dead = "http://127.0.0.1:9"
    child = subprocess.run(
        [sys.executable, __file__],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "PYTHONPATH": str(Path(__file__).parents[2]),
            # A proxy that would be in the way.
            "http_proxy": dead,
            "https_proxy": dead,
            **variables,
        },
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert child.returncode == 0, child.stderr
    report: dict[str, Any] = json.loads(child.stdout.splitlines()[-1])
    return report


def _offer_a_foreign_key(variables: dict[str, str]) -> None:
    """Ask for a token as IBM's SDK does, and then go on with the key as its client does."""
    import requests  # noqa: PLC0415 - the script that this file is, too, needs none of ours

    form = {
        "grant_type": "urn:ibm:params:oauth:grant-type:apikey",
        "apikey": FOREIGN_KEY,
        "response_type": "cloud_iam",
    }
    with requests.Session() as session:
        session.trust_env = False
        reply = session.post(f"{variables['IAM_URL']}/identity/token", data=form, timeout=20)
        assert (reply.status_code, reply.json()["errorCode"]) == (400, "BXNIM0415E")
        assert FOREIGN_KEY not in reply.text
        for authorization in (f"apikey {FOREIGN_KEY}", f"Bearer {FOREIGN_KEY}"):
            headers = {"Authorization": authorization, "Service-CRN": FOREIGN_KEY}
            url = f"{variables['QISKIT_IBM_URL']}/backends"
            reply = session.get(url, headers=headers, timeout=20)
            assert reply.status_code == 401
            assert FOREIGN_KEY not in reply.text + str(reply.headers)


def _search(home: Path) -> None:
    """Look for the foreign key in every file of the home: logs, database, and what is beside it."""
    files = [file for file in home.rglob("*") if file.is_file()]
    assert {"runtime.log", "secret"} <= {file.name for file in files}
    assert any(file.suffix.startswith(".sqlite") or "db" in file.suffix for file in files)
    for file in files:
        assert FOREIGN_KEY.encode() not in file.read_bytes(), file


def script() -> dict[str, Any]:
    """Use IBM's client as its documentation shows, and say what was seen."""
    from qiskit import QuantumCircuit  # noqa: PLC0415 - the other process's part of the file
    from qiskit_ibm_runtime import QiskitRuntimeService, SamplerV2  # noqa: PLC0415
    from qiskit_ibm_runtime.exceptions import IBMRuntimeError  # noqa: PLC0415

    warnings.simplefilter("ignore", DeprecationWarning)
    service = QiskitRuntimeService()
    seen: dict[str, Any] = {"least_busy": service.least_busy().name}
    for name in ("aer_simulator", "ibm_fez"):
        seen[name] = _use(service, service.backend(name))
    simulator = service.backend("aer_simulator")
    # Measured in the middle, it runs shot by shot, which takes minutes.
    endless = QuantumCircuit(16, 16)
    for _ in range(400):
        endless.h(range(16))
        endless.measure(range(16), range(16))
    job = SamplerV2(mode=simulator).run([endless], shots=100_000)
    while job.status() == "QUEUED":
        pass
    seen["cancelled"] = [job.status()]
    job.cancel()
    seen["cancelled"].append(job.status())
    try:
        job.cancel()
    except IBMRuntimeError as error:
        seen["cancelled"].append(type(error).__name__)
    seen["failed"] = _fail(simulator)
    service.delete_job(job.job_id())
    try:
        service.job(job.job_id())
    except IBMRuntimeError as error:
        seen["deleted"] = type(error).__name__
    seen["usage"] = service.usage()
    session_id = seen["ibm_fez"]["session_id"]
    seen["jobs"] = {
        "all": len(service.jobs(limit=None)),
        "tagged": len(service.jobs(job_tags=["mine"])),
        "of_session": len(service.jobs(session_id=session_id)),
        "limited": len(service.jobs(limit=3)),
    }
    return seen


def _use(service: Any, backend: Any) -> dict[str, Any]:
    """Run both primitives in a session and a batch."""
    from qiskit import QuantumCircuit  # noqa: PLC0415 - as above
    from qiskit.quantum_info import SparsePauliOp  # noqa: PLC0415
    from qiskit.transpiler import generate_preset_pass_manager  # noqa: PLC0415
    from qiskit_ibm_runtime import Batch, EstimatorV2, SamplerV2, Session  # noqa: PLC0415

    manager = generate_preset_pass_manager(1, target=backend.target, seed_transpiler=3)
    bell = QuantumCircuit(2)
    bell.h(0)
    bell.cx(0, 1)
    measured = bell.copy()
    measured.measure_all()
    sampled, estimated = manager.run(measured), manager.run(bell)
    with Session(backend=backend) as session:
        states = [session.status()]
        job = SamplerV2(mode=session).run([sampled], shots=1000)
        counts = job.result()[0].data.meas.get_counts()
        job.update_tags(["mine", "seen"])
        wanted = [SparsePauliOp(pauli).apply_layout(estimated.layout) for pauli in ("ZZ", "ZI")]
        evs = EstimatorV2(mode=session).run([(estimated, wanted)]).result()[0].data.evs
    with Batch(backend=backend) as batch:
        jobs = [SamplerV2(mode=batch).run([sampled], shots=10) for _ in range(2)]
        for one in jobs:
            one.wait_for_final_state(timeout=60)
    found = service.job(job.job_id())
    return {
        "num_qubits": backend.target.num_qubits,
        "counts": counts,
        "evs": list(evs),
        "session": _seen_of(service, session, batch, states) if session.session_id else None,
        "session_id": session.session_id,
        "job": {
            "status": job.status(),
            "tags": sorted(found.tags),
            "usage": job.usage(),
            "metrics": job.metrics(),
            "logs": job.logs(),
            "again": found.result()[0].data.meas.get_counts() == counts,
        },
    }


def _seen_of(service: Any, session: Any, batch: Any, states: list[str]) -> dict[str, Any]:
    from qiskit_ibm_runtime import Session  # noqa: PLC0415 - as above

    again = Session.from_id(session.session_id, service)
    return {
        "states": [*states, session.status()],
        "mode": session.details()["mode"],
        "backend": session.backend(),
        "from_id": again.session_id == session.session_id,
        "batch": [batch.details()["mode"], batch.status()],
    }


def _fail(simulator: Any) -> list[str]:
    """Run what no method of the simulator has memory for."""
    from qiskit import QuantumCircuit  # noqa: PLC0415 - as above
    from qiskit_ibm_runtime import SamplerV2  # noqa: PLC0415
    from qiskit_ibm_runtime.exceptions import RuntimeJobFailureError  # noqa: PLC0415

    hungry = QuantumCircuit(60)
    hungry.h(range(60))
    for qubit in range(59):
        hungry.cx(qubit, qubit + 1)
        hungry.t(qubit + 1)
        hungry.rx(0.1 * (qubit + 1), qubit)
    hungry.measure_all()
    job = SamplerV2(mode=simulator).run([hungry])
    try:
        job.result()
    except RuntimeJobFailureError as error:
        return [job.status(), f"{type(error).__name__}: {error}"]
    return [job.status()]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(script(), default=str) + "\n")
