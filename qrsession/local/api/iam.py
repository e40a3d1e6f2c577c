"""Before there is a token: IAM, the API's versions, and the challenge of whoever holds the key."""

import re
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response

from qrsession.local.api.refusals import bad_request
from qrsession.local.api.replies import json_reply
from qrsession.local.process.daemon import proof
from qrsession.local.runtime import runtime_of
from qrsession.protocol.fields import without_nulls
from qrsession.protocol.routes import API_KEY_GRANT, API_VERSIONS, SUNSET_DATES

_NONCE = re.compile(r"[0-9a-f]{16,128}")
_LONGEST_FORM_BYTES = 16_384


async def create_token(request: Request) -> Response:
    """``POST /identity/token``: a bearer token for the API key; errors in IAM's own form."""
    body = await request.body()
    if len(body) > _LONGEST_FORM_BYTES:
        return _iam_error("BXNIM0109E", "The form is too long.")
    form = parse_qs(body.decode("utf-8", "replace"))
    if form.get("grant_type") != [API_KEY_GRANT]:
        return _iam_error("BXNIM0138E", f"grant_type must be {API_KEY_GRANT}.")
    tokens = runtime_of(request).tokens
    refusal = tokens.refusal()
    if refusal is not None:
        return _iam_error(*refusal)
    if not tokens.is_key(form.get("apikey", [""])[0]):
        return _iam_error("BXNIM0415E", "Provided API key could not be found.")
    return json_reply(tokens.issue().to_wire())


async def list_versions(_request: Request) -> Response:
    """``GET /versions``."""
    return json_reply(
        {
            "versions": [
                without_nulls(
                    {
                        "version": version,
                        "status": status,
                        "sunset_date": SUNSET_DATES.get(version),
                    }
                )
                for version, status in API_VERSIONS.items()
            ]
        }
    )


async def answer_challenge(request: Request) -> Response:
    """Prove that this runtime knows the secret, without telling it."""
    nonce = request.query_params.get("nonce", "")
    if not _NONCE.fullmatch(nonce):
        raise bad_request("nonce must be 16 to 128 hexadecimal digits in lower case.")
    config = runtime_of(request).config
    return json_reply({"proof": proof(config.secret, nonce, config.port)})


def _iam_error(code: str, message: str) -> Response:
    return json_reply({"errorCode": code, "errorMessage": message}, status=400)
