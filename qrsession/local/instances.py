"""The endpoints of the instance, its usage and its account. One account, one plan, no limit.

Source: API reference, "instances" and "accounts".
"""

from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response

from qrsession.local import lifecycle
from qrsession.local.config import LOCAL_CRN, LOCAL_PLAN_ID, PLAN_MAX_TTL_S
from qrsession.local.replies import json_reply
from qrsession.local.runtime import runtime_of
from qrsession.protocol.fields import write_moment
from qrsession.protocol.routes import CRN_HEADER
from qrsession.protocol.status import SessionMode

# The period over which a plan's usage is counted: rolling, as the open plan's.
_PERIOD = timedelta(days=28)


async def get_usage(request: Request) -> Response:
    """``GET /instances/usage``: seconds used in the period, those of open sessions among them."""
    runtime = runtime_of(request)
    now = runtime.books.now()
    charged_s = runtime.store.listing.used_s(now - _PERIOD)
    ongoing_s = sum(
        lifecycle.usage_at(session, now) - session.usage_s
        for session in runtime.store.sessions.unclosed()
    )
    return json_reply(
        {
            "instance_id": request.headers.get(CRN_HEADER, LOCAL_CRN),
            "plan_id": LOCAL_PLAN_ID,
            "usage_consumed_seconds": round(charged_s + ongoing_s, 3),
            "usage_period": {
                "start_time": write_moment(now - _PERIOD),
                "end_time": write_moment(now),
            },
        }
    )


async def get_instance(request: Request) -> Response:
    """``GET /instance``."""
    return json_reply({"plan_id": LOCAL_PLAN_ID, "backends": list(runtime_of(request).devices)})


async def get_instance_configuration(_request: Request) -> Response:
    """``GET /instances/configuration``: no limit is set."""
    return json_reply({"instance_limit": None})


async def get_account(request: Request) -> Response:
    """``GET /accounts/{account_id}``: what the plan allows. Any account is ours."""
    plans = [
        {
            "plan_id": LOCAL_PLAN_ID,
            "backends": list(runtime_of(request).devices),
            "max_ttl": PLAN_MAX_TTL_S,
            "active_ttl": PLAN_MAX_TTL_S,
            "interactive_ttl": lifecycle.INTERACTIVE_TTL_S[SessionMode.DEDICATED],
            "functions": [],
        }
    ]
    wanted = request.query_params.get("plan_id")
    return json_reply(
        {"plans": [plan for plan in plans if wanted is None or plan["plan_id"] == wanted]}
    )
