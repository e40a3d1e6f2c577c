"""A service on loopback that answers what a test tells it, in place of what an honest one says."""

import json
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from qiskit.primitives import BitArray, DataBin, PrimitiveResult, PubResult

from qrsession.codec import encode
from tests.clouds import KEY, TOKEN, crn_of
from tests.documents import parsed
from tests.loopback import Loopback, give

MOMENT = "2026-11-22T16:00:00.000Z"
CRN = crn_of("lies")
ENVIRON = {"QISKIT_IBM_TOKEN": KEY, "QISKIT_IBM_INSTANCE": CRN}
SESSION_ID, JOB_ID, ESTIMATE_ID = "session-1", "job-1", "job-2"


def job(job_id: str, program_id: str) -> dict[str, Any]:
    return {
        "id": job_id,
        "backend": "lima",
        "session_id": SESSION_ID,
        "state": {"status": "Completed"},
        "status": "Completed",
        "program": {"id": program_id},
        "created": MOMENT,
        "tags": ["mine"],
        "cost": 60,
        "usage": {"qpu_charge_time_seconds": 1.5, "quantum_seconds": 1.5, "status": "complete"},
        "estimated_running_time_seconds": 2.5,
    }


def samples() -> Any:
    bits = BitArray.from_samples(["00", "11", "11"], num_bits=2).reshape((1, 1))
    return PubResult(DataBin(c=bits, shape=(1, 1)), metadata={"circuit_metadata": {}})


def estimates() -> Any:
    values = {"evs": np.array([0.5, -0.5]), "stds": np.array([0.1, 0.2])}
    return PubResult(DataBin(**values, shape=(2,)), metadata={"target_precision": 0.1})


def result_of(*pubs: Any) -> Any:
    return encode(PrimitiveResult(list(pubs), metadata={"version": 2}))


CONFIGURATION, PROPERTIES = parsed("lima")
SESSION = {
    "id": SESSION_ID,
    "backend_name": "lima",
    "mode": "dedicated",
    "state": "active",
    "accepting_jobs": True,
    "max_ttl": 28_800,
    "active_ttl": 100,
    "started_at": MOMENT,
    "activated_at": MOMENT,
    "timestamps": [{"status": "open", "timestamp": MOMENT}],
    "elapsed_time": 1.5,
}
HONEST: dict[str, Any] = {
    "POST /sessions": SESSION,
    f"GET /sessions/{SESSION_ID}": SESSION,
    "GET /jobs": {
        "jobs": [job(JOB_ID, "sampler"), job(ESTIMATE_ID, "estimator")],
        "count": 2,
        "limit": 200,
        "offset": 0,
    },
    "POST /jobs": {"id": JOB_ID, "backend": "lima", "session_id": SESSION_ID},
    f"GET /jobs/{JOB_ID}": job(JOB_ID, "sampler"),
    f"GET /jobs/{ESTIMATE_ID}": job(ESTIMATE_ID, "estimator"),
    f"GET /jobs/{JOB_ID}/results": result_of(samples(), samples()),
    f"GET /jobs/{ESTIMATE_ID}/results": result_of(estimates()),
    f"GET /jobs/{JOB_ID}/metrics": {
        "timestamps": {"created": MOMENT, "running": MOMENT, "finished": MOMENT},
        "usage": {"quantum_seconds": 2, "seconds": 2},
        "executions": 3,
    },
    f"GET /jobs/{JOB_ID}/logs": "a line\nanother line\n",
    "GET /backends": {
        "devices": [
            {
                "name": "lima",
                "status": {"name": "online", "reason": "available"},
                "queue_length": 4,
                "qubits": 5,
                "is_simulator": False,
                "processor_type": {"family": "Falcon", "revision": "4"},
                "performance_metrics": {"two_q_error_median": {"value": 0.1, "unit": ""}},
                "clops": {"type": "hardware", "value": 3},
            }
        ]
    },
    "GET /backends/lima/configuration": CONFIGURATION,
    "GET /backends/lima/properties": PROPERTIES,
    "GET /backends/lima/status": {"state": True, "status": "active", "length_queue": 0},
    "GET /instances/usage": {
        "instance_id": CRN,
        "plan_id": "plan",
        "usage_consumed_seconds": 4,
        "usage_limit_seconds": 600,
        "usage_remaining_seconds": 596,
        "usage_period": {"start_time": MOMENT, "end_time": MOMENT},
    },
    "GET /workloads": {
        "workloads": [
            {"id": SESSION_ID, "created": MOMENT, "mode": "session", "status": "in_progress"}
        ]
    },
}
TOKENS = {"access_token": TOKEN, "expires_in": 3600, "expiration": 4_000_000_000}


class Liar(Loopback):
    """Answers from a table of documents, or of bytes."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = HONEST
        super().__init__()

    def handle(self, arrived: BaseHTTPRequestHandler, body: bytes) -> None:
        """Answer a request."""
        assert body is not None
        path = urlsplit(arrived.path).path
        route = f"{arrived.command} {path.removeprefix('/api/v1')}"
        if path == "/identity/token":
            status, said = 200, json.dumps(TOKENS).encode()
        elif arrived.command in {"PATCH", "DELETE"} or path.endswith("/cancel"):
            status, said = 204, b""
        elif route not in self.answers:
            status, said = 404, b'{"errors": [{"code": 1234, "message": "There is none."}]}'
        else:
            found = self.answers[route]
            status, said = 200, found if isinstance(found, bytes) else json.dumps(found).encode()
            if route.endswith("/logs") and isinstance(found, str):
                said = found.encode("utf-8", "replace")
        give(arrived, status, said)
