"""The endpoints of sessions. Source: API reference, "sessions"."""

import uuid
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from qrsession.local.account.identity import LOCAL_USER_ID
from qrsession.local.api.refusals import bad_request, read, unknown_backend
from qrsession.local.api.replies import json_reply, no_content, read_json
from qrsession.local.runtime import runtime_of
from qrsession.local.scheduling.lifecycle import Session, active_time_left_s
from qrsession.protocol import faults
from qrsession.protocol.bounds import DEFAULT_MAX_TTL_S
from qrsession.protocol.fields import as_object, required
from qrsession.protocol.models import SessionRecord, SessionRequest
from qrsession.protocol.status import SessionMode


async def create_session(request: Request) -> Response:
    """``POST /sessions``."""
    runtime = runtime_of(request)
    wanted = read(SessionRequest.from_wire, await read_json(request))
    if wanted.mode not in set(SessionMode):
        raise bad_request(
            f"mode is {wanted.mode!r}.", solution=f"Use one of {', '.join(SessionMode)}."
        )
    if wanted.mode == SessionMode.DEDICATED and not runtime.plan.allows_dedicated:
        raise bad_request(
            f"The plan {runtime.plan.display_name} does not include dedicated sessions.",
            code=faults.PLAN_REFUSES_SESSIONS,
            solution="Open a batch, submit single jobs, or use an instance of another plan.",
        )
    if wanted.backend is not None and wanted.backend not in runtime.devices:
        raise unknown_backend(wanted.backend, runtime.devices)
    max_ttl_s = DEFAULT_MAX_TTL_S if wanted.max_ttl_s is None else wanted.max_ttl_s
    longest_s = runtime.plan.max_ttl_s
    if not 1 <= max_ttl_s <= longest_s:
        raise bad_request(
            f"max_ttl is {max_ttl_s}.", solution=f"The plan allows 1 to {longest_s} seconds."
        )
    session = runtime.books.open_session(
        str(uuid.uuid4()), wanted.backend, SessionMode(wanted.mode), max_ttl_s
    )
    return _session_reply(session, runtime.books.now())


async def get_session(request: Request) -> Response:
    """``GET /sessions/{session_id}``."""
    books = runtime_of(request).books
    session = books.session(request.path_params["session_id"])
    return _session_reply(session, books.now())


async def close_session(request: Request) -> Response:
    """``PATCH /sessions/{session_id}``: no new jobs; those that are there run."""
    runtime = runtime_of(request)
    body = await read_json(request)
    accepting = read(
        lambda patch: required(as_object(patch, "The patch"), "accepting_jobs", bool), body
    )
    runtime.books.set_accepting(request.path_params["session_id"], accepting=accepting)
    runtime.scheduler.dispatch()
    return no_content()


async def cancel_session(request: Request) -> Response:
    """``DELETE /sessions/{session_id}/close``: queued jobs are cancelled, running ones complete."""
    runtime = runtime_of(request)
    runtime.books.cancel_session(request.path_params["session_id"])
    runtime.scheduler.dispatch()
    return no_content()


def record_of(session: Session, now: datetime) -> SessionRecord:
    """Return a session in the words of the wire."""
    is_settled = session.is_closed and not session.has_running
    return SessionRecord(
        session_id=session.session_id,
        backend=session.backend,
        mode=session.mode,
        state=session.state,
        accepting_jobs=session.accepting_jobs,
        state_reason=session.state_reason,
        max_ttl_s=session.max_ttl_s,
        interactive_ttl_s=session.interactive_ttl_s,
        active_ttl_s=active_time_left_s(session, now),
        started_at=session.started_at,
        activated_at=session.activated_at,
        closed_at=session.closed_at,
        last_job_started=session.last_job_started,
        last_job_completed=session.last_job_completed,
        timestamps=session.timestamps,
        user_id=LOCAL_USER_ID,
        # The API gives no number before it is final.
        elapsed_time_s=round(session.usage_s, 3) if is_settled else None,
    )


def _session_reply(session: Session, now: datetime) -> Response:
    return json_reply(record_of(session, now).to_wire())
