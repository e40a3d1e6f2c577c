"""Another client of a runtime: requests as they are made, without any of our own checks."""

import json
import time
from pathlib import Path
from typing import Any

import psutil
import requests

from qrsession.local.process import daemon
from qrsession.protocol.routes import API_KEY_GRANT, API_VERSION, VERSION_HEADER
from tests.conftest import settings_of

LIMIT_S = 60.0
BELL = (
    'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] c; h q[0]; cx q[0], q[1]; '
    "c = measure q;"
)


class Raw:
    """Speaks to the runtime of a home over HTTP."""

    def __init__(self, home: Path) -> None:
        settings = settings_of(home)
        address = daemon.ensure(settings)
        self.pid, self.log_file = address.pid, address.log_file
        self.base = f"http://127.0.0.1:{address.port}/api/v1"
        self.http = requests.Session()
        self.http.trust_env = False
        form = {"grant_type": API_KEY_GRANT, "apikey": daemon.secret_of(settings)}
        url = f"http://127.0.0.1:{address.port}/identity/token"
        token = self.http.post(url, data=form, timeout=LIMIT_S).json()["access_token"]
        self.http.headers.update({"Authorization": f"Bearer {token}", VERSION_HEADER: API_VERSION})

    def send(self, method: str, path: str, **more: Any) -> requests.Response:
        """Send a request; ``path`` is that below the API's base."""
        return self.http.request(method, self.base + path, **{"timeout": LIMIT_S, **more})

    def submit(self, params: Any, program_id: str = "sampler", **more: Any) -> requests.Response:
        """Submit a job on the simulator."""
        body = {"program_id": program_id, "backend": "aer_simulator", "params": params, **more}
        # Not `json=`, which refuses what is no JSON, such as NaN.
        return self.send("POST", "/jobs", data=json.dumps(body))

    def end_of(self, job_id: str) -> dict[str, Any]:
        """Wait for a job's end, and return its state."""
        deadline = time.monotonic() + LIMIT_S
        state: dict[str, Any] = {}
        while time.monotonic() < deadline:
            reply = self.send("GET", f"/jobs/{job_id}", headers={"Prefer": "wait=5"})
            state = reply.json()["state"]
            if state["status"] in {"Completed", "Failed", "Cancelled"}:
                return state
        raise AssertionError(f"{job_id} does not end: {state}")

    def outcome(self, params: Any, program_id: str = "sampler") -> tuple[int, int | None, str]:
        """Submit a job; return HTTP status, IBM's code, and the words of a refusal or failure."""
        reply = self.submit(params, program_id)
        if reply.status_code != requests.codes.ok:
            (error,) = reply.json()["errors"]
            return reply.status_code, error["code"], error["message"]
        state = self.end_of(reply.json()["id"])
        return 200, state.get("reason_code"), state.get("reason") or ""

    def still_serves(self) -> bool:
        """Tell whether a job runs to its end."""
        job_id = self.submit({"pubs": [[BELL, None, 10]]}).json()["id"]
        return bool(self.end_of(job_id)["status"] == "Completed")

    def num_processes(self) -> int:
        """Count the processes of the runtime, lanes among them."""
        return 1 + len(psutil.Process(self.pid).children(recursive=True))
