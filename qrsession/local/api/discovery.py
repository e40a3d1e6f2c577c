"""The endpoints by which clients find instances: of Global Search and of Global Catalog.

In IBM's cloud both have hosts of their own; here they share the runtime's. Source: IBM Cloud API
docs, and what qiskit-ibm-runtime 0.51 reads of the answers.
"""

from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from qrsession.local.account.identity import LOCAL_CRN
from qrsession.local.api.refusals import not_found, read
from qrsession.local.api.replies import json_reply, read_json
from qrsession.local.runtime import runtime_of
from qrsession.protocol.fields import as_object
from qrsession.protocol.instances import LARGEST_SEARCH_PAGE, CatalogPlan

INSTANCE_NAME = "local"
_SERVICE = "quantum-computing"


async def search_resources(request: Request) -> Response:
    """``POST /v3/resources/search``: the one instance, to whoever looks for such a service."""
    runtime = runtime_of(request)
    body = read(partial(as_object, what="The body"), await read_json(request))
    query = body.get("query", "*")
    # A page after the last has nothing; it is how clients of other services find the end.
    is_wanted = "search_cursor" not in body and (query == "*" or _SERVICE in str(query))
    runtime = runtime_of(request)
    items = [
        {
            "crn": LOCAL_CRN,
            "name": INSTANCE_NAME,
            "service_plan_unique_id": runtime.plan.plan_id,
            "doc": {"extensions": {"backends": list(runtime.devices)}},
            "tags": [],
        }
    ]
    return json_reply({"items": items if is_wanted else [], "limit": LARGEST_SEARCH_PAGE})


async def get_catalog_entry(request: Request) -> Response:
    """``GET /{plan_id}`` of the catalog: the one plan, which is the one that is played."""
    plan_id = str(request.path_params["plan_id"])
    plan = runtime_of(request).plan
    if plan_id != plan.plan_id:
        raise not_found("Plan", plan_id)
    entry = CatalogPlan(plan.display_name, plan.pricing_type)
    return json_reply({"id": plan.plan_id, "kind": "plan", **entry.to_wire()})
