"""The records of the API, as frozen dataclasses with ``from_wire`` and ``to_wire``.

Field by field they follow the API reference, version 2026-04-15
(https://quantum.cloud.ibm.com/docs/api/qiskit-runtime-rest); names here carry their units.
Unknown fields are ignored, so that a newer service does not break an older client. The records
stay in one module, longer than most, so that the API can be read in one place.
"""

import math
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from qrsession.errors import WireFormatError
from qrsession.protocol.fields import (
    as_object,
    identifier,
    moment,
    objects,
    optional,
    required,
    strings,
    without_nulls,
    write_moment,
)
from qrsession.protocol.status import SessionMode

_LONGEST_REASON_CODE = 9


@dataclass(frozen=True)
class Token:
    """A bearer token. Source: "Set up to use the REST API", IAM; seconds since the epoch."""

    access_token: str = field(repr=False)
    expires_in_s: int
    expiration_epoch_s: int

    @classmethod
    def from_wire(cls, body: Any) -> "Token":
        """Read the reply of ``POST /identity/token``."""
        record = as_object(body, "The token")
        access_token = required(record, "access_token", str)
        if not access_token.isascii() or not access_token.isprintable() or not access_token:
            # No header can carry it, and the error that says so would show it.
            raise WireFormatError("The field 'access_token' holds no token.")
        return cls(
            access_token=access_token,
            expires_in_s=required(record, "expires_in", int),
            expiration_epoch_s=required(record, "expiration", int),
        )

    def to_wire(self) -> dict[str, Any]:
        """Write the reply of ``POST /identity/token``."""
        return {
            "access_token": self.access_token,
            "refresh_token": "not_supported",
            "token_type": "Bearer",
            "expires_in": self.expires_in_s,
            "expiration": self.expiration_epoch_s,
        }


@dataclass(frozen=True)
class SessionRequest:
    """The body of ``POST /sessions``."""

    mode: str
    backend: str | None = None
    instance: str | None = None
    max_ttl_s: int | None = None

    @classmethod
    def from_wire(cls, body: Any) -> "SessionRequest":
        """Read the body; ``backend_name`` is taken where ``backend`` is absent."""
        record = as_object(body, "The session")
        return cls(
            mode=required(record, "mode", str),
            backend=optional(record, "backend", str) or optional(record, "backend_name", str),
            instance=optional(record, "instance", str),
            max_ttl_s=optional(record, "max_ttl", int),
        )

    def to_wire(self) -> dict[str, Any]:
        """Write the body, in the order of IBM's client."""
        return without_nulls(
            {
                "mode": self.mode,
                "backend": self.backend,
                "instance": self.instance,
                "max_ttl": self.max_ttl_s,
            }
        )


@dataclass(frozen=True)
class SessionRecord:
    """A session, as ``POST /sessions`` and ``GET /sessions/{id}`` give it.

    ``state`` is text, since a service may know more states than `SessionState`. ``elapsed_time_s``
    is the usage in seconds, None while it goes on. ``timestamps`` has a (state, time) pair for
    each transition.
    """

    session_id: str
    backend: str | None
    mode: str
    state: str
    accepting_jobs: bool
    state_reason: str | None = None
    max_ttl_s: int | None = None
    interactive_ttl_s: int | None = None
    active_ttl_s: int | None = None
    started_at: datetime | None = None
    activated_at: datetime | None = None
    closed_at: datetime | None = None
    last_job_started: datetime | None = None
    last_job_completed: datetime | None = None
    timestamps: tuple[tuple[str, datetime], ...] = ()
    user_id: str | None = None
    elapsed_time_s: float | None = None

    @classmethod
    def from_wire(cls, body: Any) -> "SessionRecord":
        """Read a session. Only the id is required: IBM's client needs no more of a new one."""
        record = as_object(body, "The session")
        accepting = optional(record, "accepting_jobs", bool)
        state = optional(record, "state", str) or "open"
        return cls(
            session_id=identifier(record, "id"),
            backend=optional(record, "backend_name", str),
            mode=optional(record, "mode", str) or "dedicated",
            state=state,
            accepting_jobs=state != "closed" if accepting is None else accepting,
            state_reason=optional(record, "state_reason", str),
            max_ttl_s=optional(record, "max_ttl", int),
            interactive_ttl_s=optional(record, "interactive_ttl", int),
            active_ttl_s=optional(record, "active_ttl", int),
            started_at=moment(record, "started_at"),
            activated_at=moment(record, "activated_at"),
            closed_at=moment(record, "closed_at"),
            last_job_started=moment(record, "last_job_started"),
            last_job_completed=moment(record, "last_job_completed"),
            timestamps=_read_timestamps(record),
            user_id=optional(record, "user_id", str),
            elapsed_time_s=optional(record, "elapsed_time", float),
        )

    def to_wire(self) -> dict[str, Any]:
        """Write a session; times that have not come are null."""
        body: dict[str, Any] = {
            "id": self.session_id,
            "backend_name": self.backend,
            "mode": self.mode,
            "state": self.state,
            "accepting_jobs": self.accepting_jobs,
            "max_ttl": self.max_ttl_s,
            "interactive_ttl": self.interactive_ttl_s,
            "active_ttl": self.active_ttl_s,
            "started_at": write_moment(self.started_at),
            "activated_at": write_moment(self.activated_at),
            "closed_at": write_moment(self.closed_at),
            "last_job_started": write_moment(self.last_job_started),
            "last_job_completed": write_moment(self.last_job_completed),
            "timestamps": [
                {"status": state, "timestamp": write_moment(when)}
                for state, when in self.timestamps
            ],
            "user_id": self.user_id,
            "elapsed_time": self.elapsed_time_s,
        }
        if self.state_reason is not None:
            body["state_reason"] = self.state_reason
        return body


def _read_timestamps(record: dict[str, Any]) -> tuple[tuple[str, datetime], ...]:
    pairs = []
    for entry in objects(record, "timestamps"):
        when = moment(entry, "timestamp")
        if when is not None:
            pairs.append((required(entry, "status", str), when))
    return tuple(pairs)


@dataclass(frozen=True)
class JobRequest:
    """The body of ``POST /jobs``. ``cost_s`` is the job's maximum execution time in seconds."""

    program_id: str
    backend: str
    params: dict[str, Any] = field(repr=False)
    session_id: str | None = None
    log_level: str | None = None
    cost_s: int | None = None
    tags: tuple[str, ...] = ()
    private: bool = False
    runtime: str | None = None
    calibration_id: str | None = None

    @classmethod
    def from_wire(cls, body: Any) -> "JobRequest":
        """Read the body; bounds are the service's to check."""
        record = as_object(body, "The job")
        return cls(
            program_id=required(record, "program_id", str),
            backend=required(record, "backend", str),
            params=optional(record, "params", dict) or {},
            session_id=optional(record, "session_id", str),
            log_level=optional(record, "log_level", str),
            cost_s=optional(record, "cost", int),
            tags=strings(record, "tags"),
            private=optional(record, "private", bool) or False,
            runtime=optional(record, "runtime", str),
            calibration_id=optional(record, "calibration_id", str),
        )

    def to_wire(self) -> dict[str, Any]:
        """Write the body, in the order of IBM's client; what is unset is left out."""
        return without_nulls(
            {
                "program_id": self.program_id,
                "params": self.params,
                "runtime": self.runtime,
                "log_level": self.log_level,
                "backend": self.backend,
                "session_id": self.session_id,
                "tags": list(self.tags) or None,
                "cost": self.cost_s,
                "private": self.private or None,
                "calibration_id": self.calibration_id,
            }
        )


@dataclass(frozen=True)
class JobCreated:
    """The reply of ``POST /jobs``. IBM's client insists on both fields."""

    job_id: str
    backend: str
    session_id: str | None = None

    @classmethod
    def from_wire(cls, body: Any) -> "JobCreated":
        """Read the reply."""
        record = as_object(body, "The reply to a submission")
        return cls(
            job_id=identifier(record, "id"),
            backend=required(record, "backend", str),
            session_id=optional(record, "session_id", str),
        )

    def to_wire(self) -> dict[str, Any]:
        """Write the reply."""
        return without_nulls(
            {"id": self.job_id, "backend": self.backend, "session_id": self.session_id}
        )


@dataclass(frozen=True)
class JobUsage:
    """What a job is charged: QPU seconds, final once ``is_complete``."""

    qpu_charge_time_s: float = 0.0
    is_complete: bool = False

    @classmethod
    def from_wire(cls, body: Any) -> "JobUsage":
        """Read ``usage``; the older ``quantum_seconds`` is taken where the new field is absent."""
        record = as_object(body, "The usage")
        charge_s = optional(record, "qpu_charge_time_seconds", float)
        if charge_s is None:
            charge_s = optional(record, "quantum_seconds", float)
            return cls(charge_s or 0.0, charge_s is not None)
        return cls(charge_s, optional(record, "status", str) == "complete")

    def to_wire(self) -> dict[str, Any]:
        """Write ``usage`` as since 2026-03-15."""
        return {
            "qpu_charge_time_seconds": self.qpu_charge_time_s,
            "status": "complete" if self.is_complete else "pending",
        }


@dataclass(frozen=True)
class JobRecord:
    """A job, as ``GET /jobs/{id}`` and ``GET /jobs`` give it.

    ``status`` is ``state.status``, text since a service may know more than `JobStatus`.
    ``reason_code`` is IBM's number for why a job failed or was cancelled.
    """

    job_id: str
    status: str
    backend: str | None = None
    program_id: str = ""
    created: datetime | None = None
    session_id: str | None = None
    tags: tuple[str, ...] = ()
    reason: str | None = None
    reason_code: int | None = None
    reason_solution: str | None = None
    cost_s: int | None = None
    usage: JobUsage | None = None
    estimated_running_time_s: float | None = None
    private: bool = False
    user_id: str | None = None
    runtime: str | None = None
    params: dict[str, Any] | None = field(default=None, repr=False)

    @classmethod
    def from_wire(cls, body: Any) -> "JobRecord":
        """Read a job. ``reasonCode``, an older spelling of ``reason_code``, is read too."""
        record = as_object(body, "The job")
        state = as_object(record.get("state"), "The job's state")
        program = as_object(record.get("program") or {}, "The job's program")
        usage = record.get("usage")
        return cls(
            job_id=identifier(record, "id"),
            status=required(state, "status", str),
            backend=optional(record, "backend", str),
            program_id=optional(program, "id", str) or "",
            created=moment(record, "created"),
            session_id=optional(record, "session_id", str),
            tags=strings(record, "tags"),
            reason=optional(state, "reason", str),
            reason_code=_read_reason_code(state.get("reason_code", state.get("reasonCode"))),
            reason_solution=optional(state, "reason_solution", str),
            cost_s=optional(record, "cost", int),
            usage=None if usage is None else JobUsage.from_wire(usage),
            estimated_running_time_s=optional(record, "estimated_running_time_seconds", float),
            private=optional(record, "private", bool) or False,
            user_id=optional(record, "user_id", str),
            runtime=optional(record, "runtime", str),
            params=optional(record, "params", dict),
        )


def _read_reason_code(value: Any) -> int | None:
    digits = str(value) if isinstance(value, int | str) else ""
    return int(digits) if digits.isdecimal() and len(digits) <= _LONGEST_REASON_CODE else None


@dataclass(frozen=True)
class JobPage:
    """One page of ``GET /jobs``. ``count`` is the number of jobs that match, on all pages."""

    jobs: tuple[JobRecord, ...]
    count: int

    @classmethod
    def from_wire(cls, body: Any) -> "JobPage":
        """Read a page. An answer that lists nothing, not even an empty page, is none.

        Whoever looks for a job sends it again where the list has none.
        """
        record = as_object(body, "The list of jobs")
        required(record, "jobs", list)
        jobs = tuple(JobRecord.from_wire(job) for job in objects(record, "jobs"))
        count = optional(record, "count", int)
        if not jobs and count and not optional(record, "offset", int):
            raise WireFormatError(f"The list of jobs is empty, and says that there are {count}.")
        return cls(jobs, len(jobs) if count is None else count)


@dataclass(frozen=True)
class JobMetrics:
    """``GET /jobs/{id}/metrics``: when the job was where, and what it used."""

    created: datetime | None
    running: datetime | None
    finished: datetime | None
    usage: JobUsage
    circuits_execution_time_ns: int | None = None
    caller: str | None = None
    qiskit_version: str | None = None

    @classmethod
    def from_wire(cls, body: Any) -> "JobMetrics":
        """Read the metrics."""
        record = as_object(body, "The metrics")
        timestamps = as_object(record.get("timestamps") or {}, "The metrics' timestamps")
        return cls(
            created=moment(timestamps, "created"),
            running=moment(timestamps, "running"),
            finished=moment(timestamps, "finished"),
            usage=JobUsage.from_wire(record.get("usage") or {}),
            circuits_execution_time_ns=optional(record, "circuits_execution_time_ns", int),
            caller=optional(record, "caller", str),
            qiskit_version=optional(record, "qiskit_version", str),
        )

    def to_wire(self) -> dict[str, Any]:
        """Write the metrics; times that have not come are null."""
        return {
            "caller": self.caller,
            "timestamps": {
                "created": write_moment(self.created),
                "running": write_moment(self.running),
                "finished": write_moment(self.finished),
            },
            "usage": self.usage.to_wire(),
            "circuits_execution_time_ns": self.circuits_execution_time_ns,
            "qiskit_version": self.qiskit_version,
        }


@dataclass(frozen=True)
class BackendStatus:
    """The body of ``GET /backends/{name}/status``, by the names of qiskit-ibm-runtime.

    ``operational``: whether it takes jobs; one that is ``internal`` or ``paused`` takes them and
    runs none.
    """

    backend_name: str
    backend_version: str
    operational: bool
    pending_jobs: int
    status_msg: str

    @classmethod
    def from_wire(cls, name: str, body: Any) -> "BackendStatus":
        """Read the body of one backend."""
        record = as_object(body, "The backend's status")
        return cls(
            backend_name=name,
            backend_version=optional(record, "backend_version", str) or "",
            operational=optional(record, "state", bool) or False,
            pending_jobs=max(optional(record, "length_queue", int) or 0, 0),
            status_msg=optional(record, "status", str) or "",
        )


@dataclass(frozen=True)
class BackendSummary:
    """An entry of ``GET /backends``. ``status`` is online, paused or offline.

    Errors are probabilities, from 0 to 1: of a two-qubit gate, median and best of the device, and
    of reading a qubit out, the median. ``clops`` counts layers of circuits in a second.
    """

    name: str
    status: str
    queue_length: int
    num_qubits: int | None = None
    is_simulator: bool = False
    status_reason: str | None = None
    processor: str | None = None
    is_mock: bool = False
    two_q_error_median: float | None = None
    two_q_error_best: float | None = None
    readout_error_median: float | None = None
    clops: float | None = None

    @classmethod
    def from_wire(cls, body: Any) -> "BackendSummary":
        """Read an entry."""
        record = as_object(body, "The backend")
        status = as_object(record.get("status") or {}, "The backend's status")
        processor = as_object(record.get("processor_type") or {}, "The processor's type")
        family = optional(processor, "family", str)
        revision = processor.get("revision")
        revision = revision if isinstance(revision, int | float | str) else None
        metrics = record.get("performance_metrics")
        metrics = metrics if isinstance(metrics, dict) else {}
        return cls(
            name=required(record, "name", str),
            status=optional(status, "name", str) or "offline",
            queue_length=max(optional(record, "queue_length", int) or 0, 0),
            num_qubits=optional(record, "qubits", int),
            is_simulator=optional(record, "is_simulator", bool) or False,
            status_reason=optional(status, "reason", str),
            processor=f"{family} r{revision}" if family and revision else family,
            is_mock=record.get("class") == "mock",
            two_q_error_median=_read_measured(metrics.get("two_q_error_median")),
            two_q_error_best=_read_measured(metrics.get("two_q_error_best")),
            readout_error_median=_read_measured(metrics.get("readout_error_median")),
            clops=_read_measured(record.get("clops")),
        )


def _read_measured(value: Any) -> float | None:
    """Read what was measured of a device: a number, or an object that holds one as ``value``.

    A device that could not be measured has something else there, and is a device all the same.
    """
    if isinstance(value, dict):
        value = value.get("value")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


@dataclass(frozen=True)
class InstanceUsage:
    """``GET /instances/usage``, in QPU seconds. ``limit_s`` is None where nothing limits it.

    ``allocation_s`` is what the plan allots, of which the limit may be a part.
    """

    instance: str
    plan_id: str
    consumed_s: float
    limit_s: float | None = None
    limit_reached: bool = False
    period_start: datetime | None = None
    period_end: datetime | None = None
    allocation_s: float | None = None

    @classmethod
    def from_wire(cls, body: Any) -> "InstanceUsage":
        """Read the usage; the allocation is the limit where no limit is set."""
        record = as_object(body, "The usage of the instance")
        period = as_object(record.get("usage_period") or {}, "The period of the usage")
        limit_s = optional(record, "usage_limit_seconds", float)
        allocation_s = optional(record, "usage_allocation_seconds", float)
        if limit_s is None:
            limit_s = allocation_s
        return cls(
            instance=optional(record, "instance_id", str) or "",
            plan_id=optional(record, "plan_id", str) or "",
            consumed_s=optional(record, "usage_consumed_seconds", float) or 0.0,
            limit_s=limit_s,
            limit_reached=optional(record, "usage_limit_reached", bool) or False,
            period_start=moment(period, "start_time"),
            period_end=moment(period, "end_time"),
            allocation_s=allocation_s,
        )


@dataclass(frozen=True)
class PlanLimits:
    """An entry of ``GET /accounts/{id}``: what a plan allows a session. Seconds."""

    plan_id: str
    max_ttl_s: int | None = None
    interactive_ttl_s: int | None = None

    @classmethod
    def list_from_wire(cls, body: Any) -> tuple["PlanLimits", ...]:
        """Read the plans of an account."""
        return tuple(
            cls(
                plan_id=optional(plan, "plan_id", str) or "",
                max_ttl_s=optional(plan, "max_ttl", int),
                interactive_ttl_s=optional(plan, "interactive_ttl", int),
            )
            for plan in objects(as_object(body, "The account"), "plans")
        )


@dataclass(frozen=True)
class Workload:
    """An entry of ``GET /workloads``: a session or batch as the list of an account has it.

    ``mode`` is ``session``, ``batch`` or ``job``, in the words of this endpoint alone. ``status``
    is pending, in_progress, completed, canceled or failed.
    """

    workload_id: str
    created: datetime | None
    backend: str | None
    mode: str
    status: str
    ended: datetime | None = None
    accepting_jobs: bool | None = None

    @property
    def session_mode(self) -> SessionMode:
        """How it uses its backend, for a session or batch."""
        is_batch = self.mode == SessionMode.BATCH.workload
        return SessionMode.BATCH if is_batch else SessionMode.DEDICATED

    @property
    def is_over(self) -> bool:
        """Whether it has ended, and so costs nothing more."""
        return self.ended is not None or self.status in {"completed", "canceled", "failed"}

    @classmethod
    def from_wire(cls, body: Any) -> "Workload":
        """Read an entry."""
        record = as_object(body, "The workload")
        return cls(
            workload_id=required(record, "id", str),
            created=moment(record, "created"),
            backend=optional(record, "backend", str),
            mode=optional(record, "mode", str) or "",
            status=optional(record, "status", str) or "",
            ended=moment(record, "ended"),
            accepting_jobs=optional(record, "accepting_jobs", bool),
        )


@dataclass(frozen=True)
class WorkloadPage:
    """A page of ``GET /workloads``, and the cursor of the next one, None after the last."""

    workloads: tuple[Workload, ...]
    next_cursor: str | None

    @classmethod
    def from_wire(cls, body: Any) -> "WorkloadPage":
        """Read a page; the cursor stands in the query of the link to the next one."""
        record = as_object(body, "The list of workloads")
        link = as_object(record.get("next") or {}, "The link to the next page")
        return cls(
            workloads=tuple(Workload.from_wire(entry) for entry in objects(record, "workloads")),
            next_cursor=_read_cursor(optional(link, "href", str) or ""),
        )


def _read_cursor(href: str) -> str | None:
    try:
        cursors = parse_qs(urlsplit(href).query).get("next", [])
    except ValueError:
        # Without it the list would end here, as if there were no more.
        raise WireFormatError("The link to the next page is no URL.") from None
    return cursors[0] if cursors else None
