"""The control of the scenario, at a path of this runtime's own: read it, replace it, end it."""

from starlette.requests import Request
from starlette.responses import Response

from qrsession.errors import InvalidValueError
from qrsession.local.daemon import CHALLENGE_PATH
from qrsession.local.refusals import as_refusal
from qrsession.local.replies import json_reply, no_content
from qrsession.local.runtime import runtime_of
from qrsession.local.scenario import Scenario, parse_scenario

SCENARIO_PATH = CHALLENGE_PATH.rpartition("/")[0] + "/scenario"


async def get_scenario(request: Request) -> Response:
    """``GET``: the rules, and for each how often it matched, fired, and is left."""
    return json_reply(runtime_of(request).director.document())


async def put_scenario(request: Request) -> Response:
    """``PUT``: another scenario, JSON or TOML by the content type, from its beginning."""
    is_toml = "toml" in request.headers.get("Content-Type", "").lower()
    try:
        scenario = parse_scenario(await request.body(), is_toml=is_toml)
    except InvalidValueError as error:
        raise as_refusal(error) from error
    director = runtime_of(request).director
    director.play(scenario)
    return json_reply(director.document())


async def delete_scenario(request: Request) -> Response:
    """``DELETE``: nothing goes wrong from now, and lists show all jobs.

    Requests that are late already are in the network, and still arrive.
    """
    director = runtime_of(request).director
    director.play(Scenario())
    director.reveal()
    return no_content()
