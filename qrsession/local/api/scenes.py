"""The control of the scenario, at paths of this runtime's own: read it, replace it, end it."""

from starlette.requests import Request
from starlette.responses import Response

from qrsession.errors import InvalidValueError
from qrsession.local.api.refusals import as_refusal
from qrsession.local.api.replies import json_reply, no_content
from qrsession.local.process.daemon import CHALLENGE_PATH
from qrsession.local.runtime import runtime_of
from qrsession.local.scenario import Scenario, parse_scenario

_OWN_PATH = CHALLENGE_PATH.rpartition("/")[0]
SCENARIO_PATH = f"{_OWN_PATH}/scenario"
RESET_PATH = f"{_OWN_PATH}/reset"


async def get_scenario(request: Request) -> Response:
    """``GET``: what plays, and of each rule how often it matched, fired, and is left."""
    return json_reply(runtime_of(request).stage.document())


async def put_scenario(request: Request) -> Response:
    """``PUT``: another scenario, JSON or TOML by the content type, from its beginning."""
    scenario = await _read_scenario(request)
    runtime = runtime_of(request)
    runtime.play(scenario)
    return json_reply(runtime.stage.document())


async def post_scenario(request: Request) -> Response:
    """``POST``: more of the same, added to what plays, which goes on. See `Stage.add`."""
    scenario = await _read_scenario(request)
    runtime = runtime_of(request)
    runtime.add(scenario)
    return json_reply(runtime.stage.document())


async def delete_scenario(request: Request) -> Response:
    """``DELETE``: nothing goes wrong from now, lists show all jobs, and those that wait may run.

    Requests that are late already are in the network, and still arrive.
    """
    runtime_of(request).end_scenario()
    return no_content()


async def post_reset(request: Request) -> Response:
    """``POST``: the runtime as it was when it was new: no scenario, job, session or usage.

    For test suites, whose tests must not see what others left.
    """
    runtime_of(request).reset()
    return no_content()


async def _read_scenario(request: Request) -> Scenario:
    is_toml = "toml" in request.headers.get("Content-Type", "").lower()
    try:
        return parse_scenario(await request.body(), is_toml=is_toml)
    except InvalidValueError as error:
        raise as_refusal(error) from error
