"""``GET /workloads``: the list of sessions, batches and single jobs. Source: "workloads"."""

import base64
import binascii
import json
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from qrsession.local.account.identity import LOCAL_CRN, LOCAL_USER_ID
from qrsession.local.api.refusals import bad_request
from qrsession.local.api.replies import json_reply, moment_query, number_query, text_query
from qrsession.local.runtime import runtime_of
from qrsession.local.store.session_rows import from_ms, to_ms
from qrsession.local.store.workload_rows import Workload, WorkloadFilter
from qrsession.protocol.fields import without_nulls, write_moment
from qrsession.protocol.models import JobUsage
from qrsession.protocol.routes import CRN_HEADER

_DEFAULT_LIMIT = 10
_MOST_LISTED = 50
_LONGEST_TEXT = 100
_MODES = ("job", "session", "batch")
_STATUSES = ("completed", "canceled", "failed", "pending", "in_progress")


async def list_workloads(request: Request) -> Response:
    """``GET /workloads``: one page, and the cursors of the pages beside it."""
    runtime = runtime_of(request)
    runtime.books.now()
    wanted, is_backwards = _filter_of(request)
    found, total = runtime.store.workloads.page(wanted)
    has_more = len(found) > wanted.limit
    page = found[: wanted.limit]
    if is_backwards:
        page.reverse()
    came_by_cursor = wanted.after is not None
    body: dict[str, Any] = {
        "workloads": [_body_of(workload, request) for workload in page],
        "total_count": total,
        "limit": wanted.limit,
    }
    if page and (has_more or is_backwards):
        body["next"] = {"href": _href(request, "next", page[-1])}
    if page and came_by_cursor and (has_more or not is_backwards):
        body["previous"] = {"href": _href(request, "previous", page[0])}
    return json_reply(body)


def _filter_of(request: Request) -> tuple[WorkloadFilter, bool]:
    query = request.query_params
    if query.get("user") not in {None, "me"}:
        raise bad_request("user can only be me.")
    sort = query.get("sort", "createdAt")
    if sort not in {"createdAt", "-createdAt"}:
        raise bad_request("sort must be createdAt or -createdAt.")
    mode = query.get("mode")
    statuses = tuple(query.getlist("status"))
    if (mode is not None and mode not in _MODES) or not set(statuses) <= set(_STATUSES):
        raise bad_request(
            f"mode must be one of {', '.join(_MODES)}, status of {', '.join(_STATUSES)}."
        )
    is_backwards = "previous" in query
    cursor = query.get("previous") or query.get("next")
    return WorkloadFilter(
        limit=number_query(query, "limit", _DEFAULT_LIMIT, range(1, _MOST_LISTED + 1)),
        is_newest_first=(sort == "-createdAt") != is_backwards,
        after=None if cursor is None else _read_cursor(cursor),
        backend=text_query(query, "backend", _LONGEST_TEXT),
        search=text_query(query, "search", _LONGEST_TEXT),
        mode=mode,
        statuses=statuses,
        tags=tuple(query.getlist("tags")),
        created_after=moment_query(query, "created_after"),
        created_before=moment_query(query, "created_before"),
    ), is_backwards


def _body_of(workload: Workload, request: Request) -> dict[str, Any]:
    usage = None
    if workload.is_final or workload.usage_s:
        usage = JobUsage(round(workload.usage_s, 3), workload.is_final).to_wire()
    record: dict[str, Any] = {
        "id": workload.workload_id,
        "created": write_moment(workload.created_at),
        "instance": request.headers.get(CRN_HEADER, LOCAL_CRN),
        "user_id": LOCAL_USER_ID,
        "mode": workload.mode,
        "status": workload.status,
        "status_reason": workload.reason,
        "tags": json.loads(workload.tags_json),
        "estimated_running_time_seconds": workload.estimated_running_time_s,
    }
    # These are null where they do not apply, and not absent.
    nullable = {
        "backend": workload.backend,
        "ended": write_moment(workload.ended_at),
        "accepting_jobs": workload.accepting_jobs,
        "usage": usage,
        # Deprecated, and there still.
        "usage_seconds": None if usage is None else usage["qpu_charge_time_seconds"],
    }
    return {**without_nulls(record), **nullable}


def _href(request: Request, direction: str, workload: Workload) -> str:
    position = f"{to_ms(workload.created_at)}:{workload.workload_id}"
    cursor = base64.urlsafe_b64encode(position.encode()).decode()
    kept = [
        (name, value)
        for name, value in request.query_params.multi_items()
        if name not in {"next", "previous"}
    ]
    return f"{request.url.path}?{urlencode([*kept, (direction, cursor)])}"


def _read_cursor(cursor: str) -> tuple[datetime, str]:
    try:
        created, _, workload_id = base64.urlsafe_b64decode(cursor).decode().partition(":")
        return from_ms(int(created)), workload_id
    except (binascii.Error, ValueError, OverflowError) as error:
        raise bad_request("next and previous must be cursors of an earlier page.") from error
