"""One function for each endpoint, from records to records."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any

from qrsession.client.exchange import LARGEST_RESULT_BYTES
from qrsession.client.transport import UPLOAD_TIMEOUT_S, Call, Reply, Transport, retry_after_s
from qrsession.errors import (
    BackendNotFoundError,
    BackendOfflineError,
    JobNotFoundError,
    LimitReachedError,
    NotAuthorizedError,
    NotFoundError,
    QrsessionError,
    RequestRefusedError,
    ServiceError,
    ServiceUnavailableError,
    SessionClosedError,
    SessionNotFoundError,
)
from qrsession.protocol import faults, routes
from qrsession.protocol.faults import Fault
from qrsession.protocol.fields import as_object, objects, write_moment
from qrsession.protocol.models import (
    BackendStatus,
    BackendSummary,
    InstanceUsage,
    JobCreated,
    JobMetrics,
    JobPage,
    JobRecord,
    JobRequest,
    PlanLimits,
    SessionRecord,
    SessionRequest,
    Workload,
    WorkloadPage,
)
from qrsession.protocol.routes import Route
from qrsession.protocol.status import SessionMode

_LARGEST_PAGE = 200
_LARGEST_WORKLOAD_PAGE = 50
_HOLD_MARGIN_S = 30.0


class RestClient:
    """IBM's Runtime REST API as methods. Raises errors of ours, with the service's words."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        # What was seen of this service; None: nothing yet.
        self._holds_results: bool | None = None

    # Sessions

    def create_session(self, request: SessionRequest) -> SessionRecord:
        """``POST /sessions``: never sent twice by itself, since it creates something."""
        reply = self._call(routes.CREATE_SESSION, body=request.to_wire(), creates=True)
        return SessionRecord.from_wire(reply.json())

    def get_session(self, session_id: str) -> SessionRecord:
        """``GET /sessions/{id}``."""
        reply = self._call(routes.GET_SESSION, {"session_id": session_id})
        return SessionRecord.from_wire(reply.json())

    def close_session(self, session_id: str) -> None:
        """``PATCH /sessions/{id}``: take no more jobs; those queued run."""
        body = {"accepting_jobs": False}
        self._call(routes.CLOSE_SESSION, {"session_id": session_id}, body=body)

    def cancel_session(self, session_id: str) -> None:
        """``DELETE /sessions/{id}/close``: take no more jobs and drop those queued."""
        self._call(routes.CANCEL_SESSION, {"session_id": session_id})

    # Jobs

    def create_job(self, request: JobRequest) -> JobCreated:
        """``POST /jobs``: never sent twice by itself, since it creates something."""
        reply = self._call(
            routes.CREATE_JOB,
            body=request.to_wire(),
            headers={"Accept": "application/json"},
            creates=True,
            read_timeout_s=UPLOAD_TIMEOUT_S,
        )
        return JobCreated.from_wire(reply.json())

    def get_job(self, job_id: str, *, with_params: bool = False) -> JobRecord:
        """``GET /jobs/{id}``, answered at once."""
        query = {"exclude_params": str(not with_params).lower()}
        return JobRecord.from_wire(
            self._call(routes.GET_JOB, {"job_id": job_id}, query=query).json()
        )

    def await_job(self, job_id: str, hold_s: int = routes.LONGEST_HOLD_S) -> tuple[JobRecord, bool]:
        """``GET /jobs/{id}``, and whether the service held the request until a change (RFC 7240).

        A service that holds is asked again at once; one that does not, after a while. It may hold
        it for ``hold_s`` seconds; 0 only asks whether it would.
        """
        reply = self._call(
            routes.GET_JOB,
            {"job_id": job_id},
            query={"exclude_params": "true"},
            headers={routes.PREFER_HEADER: f"wait={hold_s}"},
            read_timeout_s=routes.LONGEST_HOLD_S + _HOLD_MARGIN_S,
        )
        return JobRecord.from_wire(reply.json()), _was_held(reply)

    def list_jobs(
        self,
        *,
        session_id: str | None = None,
        tags: tuple[str, ...] = (),
        limit: int = 20,
        is_pending: bool | None = None,
        skip: int = 0,
        others: Sequence[tuple[str, str]] = (),
    ) -> Iterator[JobRecord]:
        """``GET /jobs``, page by page, newest first; at most ``limit`` jobs.

        Args:
            session_id: Only those of this session.
            tags: Only those that bear all of these.
            limit: The most that are listed.
            is_pending: Only those that have not ended, or, where it is False, that have.
            skip: So many of the first are left out.
            others: More of the query, by the names of the API.
        """
        offset, end = skip, skip + limit
        while offset < end:
            query = [("exclude_params", "true"), ("offset", str(offset)), *others]
            query.append(("limit", str(min(end - offset, _LARGEST_PAGE))))
            query += [("session_id", session_id)] if session_id else []
            query += [] if is_pending is None else [("pending", str(is_pending).lower())]
            # The service takes repeated keys; `tags[]=` it ignores and returns everything.
            query += [("tags", tag) for tag in tags]
            page = JobPage.from_wire(self._call(routes.LIST_JOBS, query=query).json())
            yield from page.jobs[: end - offset]
            offset += len(page.jobs)
            if not page.jobs or offset >= page.count:
                return

    def get_job_results(self, job_id: str) -> str | None:
        """``GET /jobs/{id}/results``: the text of the result, None where there is none (yet)."""
        reply = self._call(
            routes.GET_JOB_RESULTS, {"job_id": job_id}, largest_reply_bytes=LARGEST_RESULT_BYTES
        )
        return reply.text if reply.status != HTTPStatus.NO_CONTENT and reply.text else None

    def await_job_results(self, job_id: str, hold_s: int = routes.LONGEST_HOLD_S) -> str | None:
        """``GET /jobs/{id}/results``, held for so long by a service that holds until the end.

        None where the service did not hold it (what it answers then may be the traceback of a job
        that failed), or where the job gave no result in that time. A service that was seen not to
        hold is not asked again.
        """
        if self._holds_results is False:
            return None
        reply = self._call(
            routes.GET_JOB_RESULTS,
            {"job_id": job_id},
            headers={routes.PREFER_HEADER: f"wait={hold_s}"},
            read_timeout_s=routes.LONGEST_HOLD_S + _HOLD_MARGIN_S,
            largest_reply_bytes=LARGEST_RESULT_BYTES,
        )
        self._holds_results = _was_held(reply)
        if not self._holds_results or reply.status == HTTPStatus.NO_CONTENT:
            return None
        return reply.text

    def cancel_job(self, job_id: str) -> None:
        """``POST /jobs/{id}/cancel``. Sent again where a reply is lost: cancelling is idempotent.

        Raises:
            RequestRefusedError: The job is in a final state already (HTTP 409).
        """
        self._call(routes.CANCEL_JOB, {"job_id": job_id})

    def delete_job(self, job_id: str) -> None:
        """``DELETE /jobs/{id}``, which must be in a final state."""
        self._call(routes.DELETE_JOB, {"job_id": job_id})

    def get_job_logs(self, job_id: str) -> str:
        """``GET /jobs/{id}/logs``; empty where there are none."""
        names = {"job_id": job_id}
        reply = self._send(routes.GET_JOB_LOGS, names, headers={"Accept": "text/plain"})
        if reply.status == HTTPStatus.NOT_FOUND:
            return ""
        return _checked(reply, routes.GET_JOB_LOGS, names).text

    def get_job_metrics(self, job_id: str) -> JobMetrics:
        """``GET /jobs/{id}/metrics``."""
        return JobMetrics.from_wire(self._call(routes.GET_JOB_METRICS, {"job_id": job_id}).json())

    def set_job_tags(self, job_id: str, tags: tuple[str, ...]) -> None:
        """``PUT /jobs/{id}/tags``: replace all tags."""
        self._call(routes.SET_JOB_TAGS, {"job_id": job_id}, body={"tags": list(tags)})

    # Backends

    def list_backends(self) -> tuple[BackendSummary, ...]:
        """``GET /backends``."""
        document = as_object(self._call(routes.LIST_BACKENDS).json(), "The list of backends")
        return tuple(BackendSummary.from_wire(device) for device in objects(document, "devices"))

    def get_backend_configuration(self, backend: str) -> str:
        """``GET /backends/{name}/configuration``, as JSON text."""
        return self._document(routes.GET_BACKEND_CONFIGURATION, backend)

    def get_backend_properties(self, backend: str, *, as_of: datetime | None = None) -> str:
        """``GET /backends/{name}/properties``, as JSON text; ``{}`` where a simulator has none.

        Args:
            backend: Its name.
            as_of: The latest that they may be of; None: they are today's.
        """
        query = {} if as_of is None else {"updated_before": str(write_moment(as_of))}
        return self._document(routes.GET_BACKEND_PROPERTIES, backend, query)

    def get_queue_length(self, backend: str) -> int:
        """``GET /backends/{name}/status``: how many jobs wait for a backend."""
        return self.get_backend_status(backend).pending_jobs

    def get_backend_status(self, backend: str) -> BackendStatus:
        """``GET /backends/{name}/status``."""
        reply = self._call(routes.GET_BACKEND_STATUS, {"backend": backend})
        return BackendStatus.from_wire(backend, reply.json())

    # Workloads

    def list_workloads(
        self,
        mode: SessionMode,
        *,
        backend: str | None = None,
        created_after: datetime | None = None,
        limit: int = 200,
    ) -> Iterator[Workload]:
        """``GET /workloads``: sessions or batches, page by page, newest first.

        Args:
            mode: Whether sessions or batches are listed.
            backend: Only those on this backend.
            created_after: Only those created since.
            limit: The most that are listed.
        """
        query = [
            ("mode", mode.workload),
            ("sort", "-createdAt"),
            ("limit", str(_LARGEST_WORKLOAD_PAGE)),
        ]
        query += [("backend", backend)] if backend else []
        if created_after is not None:
            query.append(("created_after", str(write_moment(created_after))))
        cursor: list[tuple[str, str]] = []
        listed = 0
        while listed < limit:
            reply = self._call(routes.LIST_WORKLOADS, query=[*query, *cursor])
            page = WorkloadPage.from_wire(reply.json())
            yield from page.workloads[: limit - listed]
            listed += len(page.workloads)
            if page.next_cursor is None or not page.workloads:
                return
            cursor = [("next", page.next_cursor)]

    # Instance

    def get_usage(self) -> InstanceUsage:
        """``GET /instances/usage``."""
        return InstanceUsage.from_wire(self._call(routes.GET_USAGE).json())

    def get_plans(self, account_id: str, plan_id: str) -> tuple[PlanLimits, ...]:
        """``GET /accounts/{id}``: what the plans of an account allow."""
        names = {"account_id": account_id}
        query = {"plan_id": plan_id}
        return PlanLimits.list_from_wire(self._call(routes.GET_ACCOUNT, names, query=query).json())

    def _document(self, route: Route, backend: str, query: Mapping[str, str] | None = None) -> str:
        reply = self._call(route, {"backend": backend}, query=query or {})
        document = as_object((reply.json() if reply.text else None) or {}, "A backend's document")
        return json.dumps(document, separators=(",", ":"), sort_keys=True)

    def _call(self, route: Route, names: Mapping[str, str] | None = None, **request: Any) -> Reply:
        return _checked(self._send(route, names, **request), route, names or {})

    def _send(self, route: Route, names: Mapping[str, str] | None = None, **request: Any) -> Reply:
        query = request.pop("query", ())
        pairs = query.items() if isinstance(query, Mapping) else query
        path = route.path(**(names or {}))
        return self.transport.send(Call(route.method, path, tuple(pairs), **request))


_NOT_FOUND: dict[str, type[NotFoundError]] = {
    "session_id": SessionNotFoundError,
    "job_id": JobNotFoundError,
    "backend": BackendNotFoundError,
}


def _was_held(reply: Reply) -> bool:
    applied = reply.headers.get(routes.PREFERENCE_APPLIED_HEADER, "")
    return routes.PREFERENCE_APPLIED_WAIT in applied


def _checked(reply: Reply, route: Route, names: Mapping[str, str]) -> Reply:
    if reply.is_success:
        return reply
    fault = Fault.from_reply(reply.status, reply.text)
    error = _error_class(fault, route)
    message = fault.message
    if fault.status == HTTPStatus.NOT_FOUND:
        for name, value in names.items():
            error = _NOT_FOUND.get(name, NotFoundError)
            message = f"{message.rstrip('.')} ({value})." if value not in message else message
    if fault.status // 100 == 3:  # noqa: PLR2004 - the class of a status
        # Followed, it would carry the bearer token to a host that nobody named.
        message = "The service sent a redirect, which is not followed."
    raise error(
        message,
        advice=fault.solution or None,
        details={
            "http_status": fault.status,
            "ibm_code": fault.code,
            "trace": fault.trace or None,
            **({"retry_after_s": wait_s} if (wait_s := retry_after_s(reply)) else {}),
            **names,
        },
    )


_CLASS_OF_CODE: dict[int, type[QrsessionError]] = {
    faults.BACKEND_NOT_AVAILABLE: BackendOfflineError,
    faults.SESSION_CLOSED: SessionClosedError,
    faults.PLAN_REFUSES_SESSIONS: NotAuthorizedError,
    faults.TOO_MANY_REQUESTS: LimitReachedError,
}
_CLASS_OF_STATUS: dict[int, type[QrsessionError]] = {
    HTTPStatus.UNAUTHORIZED: NotAuthorizedError,
    HTTPStatus.FORBIDDEN: NotAuthorizedError,
    HTTPStatus.NOT_FOUND: NotFoundError,
    HTTPStatus.TOO_MANY_REQUESTS: LimitReachedError,
}


def _error_class(fault: Fault, route: Route) -> type[QrsessionError]:
    if isinstance(fault.code, int) and fault.code in _CLASS_OF_CODE:
        return _CLASS_OF_CODE[fault.code]
    if fault.status in _CLASS_OF_STATUS:
        return _CLASS_OF_STATUS[fault.status]
    if fault.status == HTTPStatus.CONFLICT and route is routes.CREATE_JOB:
        # Documented for this route alone: the usage exceeds the instance's limit.
        return LimitReachedError
    if fault.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ServiceUnavailableError
    if fault.status >= HTTPStatus.BAD_REQUEST:
        return RequestRefusedError
    return ServiceError
