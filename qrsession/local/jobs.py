"""The endpoints of jobs. Source: API reference, "jobs"."""

import asyncio
import base64
import re
import secrets
import time
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from qrsession.local.faulting import HIDE_KEY
from qrsession.local.job_bodies import job_body, metrics_body, page_body
from qrsession.local.job_rows import Job, Submission
from qrsession.local.listing import JobFilter
from qrsession.local.programs import check_legacy, check_request, check_tags, split_params
from qrsession.local.refusals import (
    NOT_CANCELLABLE,
    FaultError,
    bad_request,
    not_found,
    read,
    unknown_backend,
)
from qrsession.local.replies import (
    api_version,
    bool_query,
    bytes_reply,
    check_characters,
    json_reply,
    moment_query,
    no_content,
    number_query,
    read_json,
    text_query,
)
from qrsession.local.running_time import estimate_s
from qrsession.local.runtime import runtime_of
from qrsession.protocol.bounds import LONGEST_COST_S, MOST_TAGS
from qrsession.protocol.faults import Fault
from qrsession.protocol.fields import as_object, required, strings
from qrsession.protocol.models import JobCreated, JobRequest
from qrsession.protocol.routes import (
    CLIENT_HEADER,
    LONGEST_HOLD_S,
    PREFER_HEADER,
    PREFERENCE_APPLIED_HEADER,
    PREFERENCE_APPLIED_WAIT,
)

_MOST_LISTED = 200
_MOST_SKIPPED = 2**62
_LONGEST_PROGRAM = 63
_LONGEST_BACKEND = 100
_LONGEST_CALLER = 500
_SEARCH_LENGTHS = range(3, 101)
_WAIT = re.compile(r"(?:^|[,;])\s*wait\s*=\s*\"?(\d{1,9})\"?\s*(?:$|[,;])", re.IGNORECASE)


async def create_job(request: Request) -> Response:
    """``POST /jobs``. Every submission is a job: nothing tells a repetition from a second wish."""
    runtime = runtime_of(request)
    runtime.rate_limit.check()
    record, params_json = split_params(await request.body())
    check_characters({name: value for name, value in record.items() if name != "params"})
    wanted = read(JobRequest.from_wire, record)
    check_legacy(record)
    check_request(wanted)
    if wanted.backend not in runtime.devices:
        raise unknown_backend(wanted.backend, runtime.devices)
    runtime.stage.outages.check(wanted.backend)
    wanted = replace(wanted, cost_s=min(wanted.cost_s or LONGEST_COST_S, LONGEST_COST_S))
    caller = request.headers.get(CLIENT_HEADER)
    submission = Submission(
        job_id=new_job_id(),
        request=wanted,
        params_json=params_json,
        caller=caller and caller[:_LONGEST_CALLER],
        estimated_running_time_s=estimate_s(
            wanted.program_id,
            wanted.params,
            {"default_rep_delay": runtime.devices[wanted.backend].default_rep_delay_us},
        ),
    )
    hide_s = request.scope.get(HIDE_KEY)
    if hide_s is not None:
        runtime.director.hide(submission.job_id, hide_s)
    runtime.books.submit(submission)
    runtime.stage.cast.assign(submission.job_id, wanted)
    runtime.rate_limit.note()
    runtime.scheduler.dispatch()
    # The lane gets its job before the client gets the answer, which takes longer to send.
    await asyncio.sleep(0)
    reply = JobCreated(submission.job_id, wanted.backend, wanted.session_id).to_wire()
    if wanted.private:
        reply["private"] = True
    if wanted.calibration_id is not None:
        reply["calibration_id"] = wanted.calibration_id
    return json_reply(reply)


async def list_jobs(request: Request) -> Response:
    """``GET /jobs``: a page of them, without their params unless these are asked for."""
    runtime = runtime_of(request)
    store = runtime.store
    query = request.query_params
    tags = query.getlist("tags")
    if len(tags) > MOST_TAGS:
        raise bad_request(f"At most {MOST_TAGS} tags can be asked for.")
    order = query.get("sort", "DESC").upper()
    if order not in {"ASC", "DESC"}:
        raise bad_request("sort must be ASC or DESC.")
    wanted = JobFilter(
        limit=number_query(query, "limit", _MOST_LISTED, range(1, _MOST_LISTED + 1)),
        offset=number_query(query, "offset", 0, range(_MOST_SKIPPED)),
        is_newest_first=order == "DESC",
        is_pending=bool_query(query, "pending"),
        program_id=text_query(query, "program", _LONGEST_PROGRAM),
        backend=text_query(query, "backend", _LONGEST_BACKEND),
        session_id=query.get("session_id"),
        tags=tuple(tags),
        created_after=moment_query(query, "created_after"),
        created_before=moment_query(query, "created_before"),
        hidden=runtime.director.hidden(),
    )
    has_params = bool_query(query, "exclude_params") is False
    jobs, count = store.listing.jobs(wanted)
    version = api_version(request)
    bodies = [
        job_body(job, version, store.jobs.params(job) if has_params and not job.private else None)
        for job in jobs
    ]
    return bytes_reply(page_body(bodies, count, wanted.limit, wanted.offset))


async def get_job(request: Request) -> Response:
    """``GET /jobs/{job_id}``, held until its state changes where ``Prefer: wait`` asks for it."""
    runtime = runtime_of(request)
    job = _job_of(request)
    wait_s = _wait_wanted_s(request)
    if wait_s is not None and not job.status.is_final:
        await runtime.changes.wait(job.job_id, wait_s)
        job = _job_of(request)
    params_json = None
    if not job.private and not bool_query(request.query_params, "exclude_params"):
        params_json = runtime.store.jobs.params(job)
    reply = bytes_reply(job_body(job, api_version(request), params_json))
    if wait_s is not None:
        reply.headers[PREFERENCE_APPLIED_HEADER] = PREFERENCE_APPLIED_WAIT
    return reply


async def get_job_results(request: Request) -> Response:
    """``GET /jobs/{job_id}/results``: 204 while there is none; a private job's is given once.

    Held until the job has ended where ``Prefer: wait`` asks for it.
    """
    runtime = runtime_of(request)
    job = _job_of(request)
    wait_s = _wait_wanted_s(request)
    if wait_s is not None:
        job = await _until_final(request, job, wait_s)
    result_json = runtime.store.jobs.result(job)
    reply = no_content() if result_json is None else bytes_reply(result_json)
    if result_json is not None and job.private:
        runtime.store.jobs.forget_result(job)
    if wait_s is not None:
        reply.headers[PREFERENCE_APPLIED_HEADER] = PREFERENCE_APPLIED_WAIT
    return reply


async def cancel_job(request: Request) -> Response:
    """``POST /jobs/{job_id}/cancel``: 409 where the job has ended."""
    job = _job_of(request)
    if job.status.is_final or not runtime_of(request).scheduler.cancel(job):
        raise FaultError(Fault(409, NOT_CANCELLABLE, f"The job has ended. Job ID: {job.job_id}"))
    return no_content()


async def delete_job(request: Request) -> Response:
    """``DELETE /jobs/{job_id}``: 400 where the job has not ended."""
    job = _job_of(request)
    if not job.status.is_final:
        raise bad_request(
            f"The job has not ended. Job ID: {job.job_id}", solution="Cancel the job first."
        )
    runtime_of(request).store.jobs.delete(job)
    return no_content()


async def get_job_logs(request: Request) -> Response:
    """``GET /jobs/{job_id}/logs``: plain text, 404 where nothing was logged."""
    job = _job_of(request)
    logs = runtime_of(request).store.jobs.logs(job)
    if not logs:
        raise not_found("Log", job.job_id)
    return Response(logs, media_type="text/plain")


async def get_job_metrics(request: Request) -> Response:
    """``GET /jobs/{job_id}/metrics``."""
    return json_reply(metrics_body(_job_of(request), api_version(request)))


async def set_job_tags(request: Request) -> Response:
    """``PUT /jobs/{job_id}/tags``: these in place of those that it has."""
    store = runtime_of(request).store
    job = _job_of(request)
    body = read(lambda found: as_object(found, "The body"), await read_json(request))
    # Without them it would be taken for a wish to clear them all.
    read(lambda found: required(found, "tags", list), body)
    tags = read(lambda found: strings(found, "tags"), body)
    check_tags(tags)
    with store.transaction():
        store.jobs.set_tags(job, tags)
    return no_content()


async def search_tags(request: Request) -> Response:
    """``GET /tags?type=job&search=``: the tags that contain a text."""
    query = request.query_params
    search = query.get("search", "")
    if query.get("type") != "job" or len(search) not in _SEARCH_LENGTHS:
        raise bad_request("type must be job, and search must have 3 to 100 characters.")
    return json_reply({"tags": runtime_of(request).store.listing.tags(search)})


def new_job_id() -> str:
    """Make a job's id: 20 of ``[a-v0-9]``, later ones sorting after earlier ones by the second."""
    # 12 bytes are 96 bits, which 20 digits of 5 bits hold.
    data = int(time.time()).to_bytes(4, "big") + secrets.token_bytes(8)
    return base64.b32hexencode(data).decode().rstrip("=").lower()


def _job_of(request: Request) -> Job:
    job_id = request.path_params["job_id"]
    job = runtime_of(request).store.jobs.get(job_id)
    if job is None:
        raise not_found("Job", job_id)
    return job


async def _until_final(request: Request, job: Job, wait_s: int) -> Job:
    deadline_s = time.monotonic() + wait_s
    while not job.status.is_final and (left_s := deadline_s - time.monotonic()) > 0:
        await runtime_of(request).changes.wait(job.job_id, left_s)
        job = _job_of(request)
    return job


def _wait_wanted_s(request: Request) -> int | None:
    match = _WAIT.search(request.headers.get(PREFER_HEADER, ""))
    return None if match is None else min(int(match[1]), LONGEST_HOLD_S)
