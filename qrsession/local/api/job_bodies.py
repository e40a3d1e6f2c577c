"""A job in the words of the wire, as each version of the API has them.

Source: API reference, "jobs" and its changelog. 2026-03-15 replaced ``bss`` and the two seconds of
``usage`` by the charge and its status; 2026-04-15 moved the circuits' time out of ``usage``.
"""

import json
from typing import Any

from qrsession.local.account.identity import LOCAL_USER_ID
from qrsession.local.store.job_rows import Job
from qrsession.protocol import faults
from qrsession.protocol.fields import without_nulls, write_moment
from qrsession.protocol.models import JobUsage
from qrsession.protocol.status import RAN_TOO_LONG_STATUS, JobStatus

_CHARGE_SINCE = "2026-03-15"
_TIME_AT_ROOT_SINCE = "2026-04-15"


def job_body(job: Job, version: str, params_json: bytes | None = None) -> bytes:
    """Write a job, with its params where they are given, as they were sent."""
    ran_too_long = job.status is JobStatus.CANCELLED and job.reason_code == faults.RAN_TOO_LONG
    record = without_nulls(
        {
            "id": job.job_id,
            "backend": job.backend,
            "created": write_moment(job.created_at),
            "program": {"id": job.program_id},
            "state": without_nulls(
                {
                    "status": job.status,
                    "reason": job.reason,
                    "reason_code": job.reason_code,
                    "reason_solution": job.reason_solution,
                }
            ),
            "status": RAN_TOO_LONG_STATUS if ran_too_long else job.status,
            "cost": job.cost_s,
            "tags": job.tags,
            "session_id": job.session_id,
            "user_id": LOCAL_USER_ID,
            "runtime": job.runtime,
            "calibration_id": job.calibration_id,
            "private": job.private or None,
            "estimated_running_time_seconds": job.estimated_running_time_s,
            **_charges(job, version),
        }
    )
    body = json.dumps(record, separators=(",", ":")).encode()
    if params_json is None:
        return body
    return b'%b,"params":%b}' % (body[:-1], params_json)


def page_body(jobs: list[bytes], count: int, limit: int, offset: int) -> bytes:
    """Write a page of jobs that are written already."""
    end = json.dumps({"count": count, "limit": limit, "offset": offset}, separators=(",", ":"))
    return b'{"jobs":[%b],%b' % (b",".join(jobs), end[1:].encode())


def metrics_body(job: Job, version: str) -> dict[str, Any]:
    """Return a job's metrics."""
    body = {
        "caller": job.caller,
        "timestamps": {
            "created": write_moment(job.created_at),
            "running": write_moment(job.started_at),
            "finished": write_moment(job.finished_at),
        },
        "qiskit_version": job.qiskit_version,
        **_charges(job, version),
    }
    if version >= _TIME_AT_ROOT_SINCE:
        body["circuits_execution_time_ns"] = job.circuits_execution_time_ns
    return body


def _charges(job: Job, version: str) -> dict[str, Any]:
    """Return ``usage``, and what stood beside it in older versions."""
    if version >= _CHARGE_SINCE:
        charges: dict[str, Any] = {"usage": JobUsage(job.qpu_s, job.status.is_final).to_wire()}
    else:
        charges = {
            "usage": {"quantum_seconds": job.qpu_s, "seconds": job.qpu_s},
            "bss": {"seconds": job.qpu_s},
        }
    if version < _TIME_AT_ROOT_SINCE:
        charges["usage"]["circuits_execution_time_ns"] = job.circuits_execution_time_ns
    return charges
