"""The endpoints of the instance, its usage and its account. One account, one instance, one plan.

Source: API reference, "instances" and "accounts".
"""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from qrsession.local import lifecycle
from qrsession.local.identity import LOCAL_CRN
from qrsession.local.metering import PERIOD
from qrsession.local.refusals import bad_request, read
from qrsession.local.replies import json_reply, no_content, read_json
from qrsession.local.runtime import runtime_of
from qrsession.local.scenario.account import LARGEST_LIMIT_S
from qrsession.protocol.fields import as_object, optional, without_nulls, write_moment
from qrsession.protocol.routes import CRN_HEADER
from qrsession.protocol.status import SessionMode


async def get_usage(request: Request) -> Response:
    """``GET /instances/usage``: seconds used in the period, those of open sessions among them.

    What has to do with a limit is absent where none applies.
    """
    runtime = runtime_of(request)
    now = runtime.books.now()
    limit_s = runtime.meter.limit_s
    record: dict[str, Any] = {
        "instance_id": request.headers.get(CRN_HEADER, LOCAL_CRN),
        "plan_id": runtime.plan.plan_id,
        "usage_consumed_seconds": round(runtime.meter.consumed_s(now), 3),
        "usage_period": {
            "start_time": write_moment(now - PERIOD),
            "end_time": write_moment(now),
        },
        "usage_limit_seconds": limit_s,
        "usage_allocation_seconds": runtime.meter.allocation_s,
        "usage_limit_reached": None if limit_s is None else runtime.meter.is_reached(now),
    }
    return json_reply(without_nulls(record))


async def get_instance(request: Request) -> Response:
    """``GET /instance``. Its seconds are strings, as the reference has them."""
    runtime = runtime_of(request)
    limit_s, allocation_s = runtime.meter.instance_limit_s, runtime.meter.allocation_s
    record = {
        "plan_id": runtime.plan.plan_id,
        "backends": list(runtime.devices),
        "instance_limit": limit_s,
        "instance_limit_seconds": None if limit_s is None else str(limit_s),
        "usage_allocation_seconds": None if allocation_s is None else _digits(allocation_s),
    }
    return json_reply(without_nulls(record))


def _digits(quantity_s: float) -> str:
    """Write seconds as the reference does, and never as a power of ten."""
    return str(int(quantity_s)) if quantity_s == int(quantity_s) else str(quantity_s)


async def get_instance_configuration(request: Request) -> Response:
    """``GET /instances/configuration``: the limit that the instance was given, or null."""
    return json_reply({"instance_limit": runtime_of(request).meter.instance_limit_s})


async def set_instance_configuration(request: Request) -> Response:
    """``PUT /instances/configuration``: a limit or null; 409 where more was used already."""
    runtime = runtime_of(request)
    body = read(lambda found: as_object(found, "The body"), await read_json(request))
    if "instance_limit" not in body:
        raise bad_request("instance_limit is missing.", solution="Send seconds, or null.")
    limit_s = read(lambda found: optional(found, "instance_limit", int), body)
    if limit_s is not None and not 1 <= limit_s <= LARGEST_LIMIT_S:
        raise bad_request(
            f"instance_limit is {limit_s}.", solution=f"Send 1 to {LARGEST_LIMIT_S}, or null."
        )
    runtime.meter.limit_instance(limit_s, runtime.books.now())
    # A new limit may come sooner than the one that the timer is set to.
    runtime.books.now()
    return no_content()


async def get_account(request: Request) -> Response:
    """``GET /accounts/{account_id}``: what the plan allows. Any account is ours."""
    runtime = runtime_of(request)
    plan = runtime.plan
    record = {
        "plan_id": plan.plan_id,
        "backends": list(runtime.devices),
        "usage_allocation_seconds": runtime.meter.allocation_s,
        "usage_limit_seconds": runtime.meter.limit_s,
        "max_ttl": plan.max_ttl_s,
        "active_ttl": plan.max_ttl_s,
        "interactive_ttl": lifecycle.INTERACTIVE_TTL_S[SessionMode.DEDICATED],
        "functions": [],
    }
    wanted = request.query_params.get("plan_id")
    plans = [without_nulls(record)] if wanted in {None, plan.plan_id} else []
    return json_reply({"plans": plans})
