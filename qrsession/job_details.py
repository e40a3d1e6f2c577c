"""What can be asked of a job beside its state: its inputs, its backend, and why it has no result.

Source: ``RuntimeJobV2`` of qiskit-ibm-runtime 0.51 and the API reference, "jobs".
"""

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from qrsession.errors import (
    InvalidTypeError,
    JobCancelledError,
    JobFailedError,
    NotFinishedError,
    NotFoundError,
)
from qrsession.money.going_on import after_end
from qrsession.protocol import faults
from qrsession.protocol.models import JobMetrics, JobRecord
from qrsession.protocol.status import FINAL_JOB_STATUSES, RAN_TOO_LONG_STATUS, JobStatus
from qrsession.service import RuntimeService

if TYPE_CHECKING:
    from qrsession.backend import Backend

_QISKITS_JOBS = "qiskit.primitives.base.base_primitive_job"


def register(kind: type) -> None:
    """Make a class of jobs one of Qiskit's ``BasePrimitiveJob``, where Qiskit is loaded.

    Its interface is met without its code, so that commands need not import it.
    """
    jobs = sys.modules.get(_QISKITS_JOBS)
    # While it is being imported there is none in it.
    base = getattr(jobs, "BasePrimitiveJob", None)
    if base is not None and not issubclass(kind, base):
        base.register(kind)


def inputs_of(service: RuntimeService, job_id: str) -> dict[str, Any]:
    """Return what a job was sent, with Qiskit's objects and numpy's arrays in it."""
    from qrsession.codec import decode  # noqa: PLC0415 - the room of Qiskit

    params: dict[str, Any] = decode(service.client.get_job(job_id, with_params=True).params or {})
    return params


def backend_of(service: RuntimeService, record: JobRecord) -> "Backend | None":
    """Return the backend of a job, as Qiskit sees it; None where the service names none.

    Raises:
        BackendNotFoundError: The account has it no more.
    """
    if record.backend is None:
        return None
    if record.session_id is None:
        return service.backend(record.backend)
    return service.build_backend(service.session_documents(record.session_id, record.backend))


def properties_of(
    service: RuntimeService, record: JobRecord, metrics: JobMetrics
) -> dict[str, Any] | None:
    """Return the properties that a job's backend had when it ran; None where it has none."""
    if record.backend is None:
        return None
    as_of = metrics.running or metrics.created or record.created
    try:
        text = service.client.get_backend_properties(record.backend, as_of=as_of)
    except NotFoundError:
        # As simulators of the service answer.
        return None
    found: dict[str, Any] = json.loads(text)
    return found or None


def decoded_by(decoder: Any, text: str) -> Any:
    """Return what a decoder makes of a result's text.

    Args:
        decoder: A function of the text, an object with a method ``decode`` of it, as older
            programs have, or several of these, of which each gets what the one before it made.
        text: The result as the service sends it.

    Raises:
        InvalidTypeError: It is something else.
    """
    if isinstance(decoder, Sequence) and not isinstance(decoder, str):
        made: Any = text
        for each in decoder:
            made = decoded_by(each, made)
        return made
    decode = getattr(decoder, "decode", None) or decoder
    if not callable(decode):
        raise InvalidTypeError(f"A decoder must be a function, not {type(decoder).__name__}.")
    return decode(text)


def raise_without_result(service: RuntimeService, record: JobRecord) -> None:
    """Raise where a job has not completed: why there is no result of it.

    Raises:
        NotFinishedError: It is not finished yet.
        JobFailedError: It failed, or exceeded its maximum execution time.
        JobCancelledError: It was cancelled.
    """
    details = failure_details(record)
    advice = after_end(service, record)
    if record.status == JobStatus.FAILED or record.reason_code == faults.RAN_TOO_LONG:
        reason = record.reason or RAN_TOO_LONG_STATUS
        code = f" (code {record.reason_code})" if record.reason_code else ""
        raise JobFailedError(
            f"Job {record.job_id} failed: {reason.rstrip('.')}{code}.",
            advice=advice or record.reason_solution,
            details=details,
        )
    if record.status == JobStatus.CANCELLED:
        why = f": {record.reason}" if record.reason else "."
        raise JobCancelledError(
            f"Job {record.job_id} was cancelled{why}", advice=advice, details=details
        )
    if record.status not in FINAL_JOB_STATUSES:
        raise NotFinishedError(
            f"Job {record.job_id} is not finished: it is {record.status.lower()}.",
            advice=f"Wait for it: qrsession result {record.job_id} --wait",
            details=details,
        )


def failure_details(record: JobRecord) -> dict[str, Any]:
    """Return the facts that the errors of a job carry."""
    return {
        "job_id": record.job_id,
        "session_id": record.session_id,
        "status": record.status,
        "reason": record.reason,
        "reason_code": record.reason_code,
    }
