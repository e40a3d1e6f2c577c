"""Reading small bodies and queries, writing replies."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from qrsession.local.api.refusals import bad_request
from qrsession.protocol.faults import Fault
from qrsession.protocol.routes import VERSION_HEADER

_JSON = "application/json"
# What IBM's older clients were generated for; those that send no version expect its bodies.
_VERSION_WITHOUT_HEADER = "2025-05-01"


def json_reply(body: Any, *, status: int = 200) -> Response:
    """Write a JSON reply."""
    return bytes_reply(json.dumps(body, separators=(",", ":")).encode(), status=status)


def bytes_reply(body: bytes, *, status: int = 200) -> Response:
    """Write a reply whose JSON is there already."""
    return Response(body, status_code=status, media_type=_JSON)


def no_content() -> Response:
    """Write the reply of what was done and has nothing to say: 204."""
    return Response(status_code=204)


def fault_reply(fault: Fault, *, retry_after_s: int | None = None) -> Response:
    """Write a fault as the API does, with a trace id."""
    reply = json_reply(replace(fault, trace=uuid.uuid4().hex).to_wire(), status=fault.status)
    if retry_after_s is not None:
        reply.headers["Retry-After"] = str(retry_after_s)
    return reply


async def read_json(request: Request) -> Any:
    """Read a small JSON body."""
    try:
        body = json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        raise bad_request("The body is not JSON.") from error
    check_characters(body)
    return body


def check_characters(body: Any) -> None:
    """Refuse what holds a half of a character, which JSON can write and no database takes.

    Raises:
        FaultError: It does.
    """
    try:
        json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise bad_request(
            "The body holds a half of a character (a lone surrogate).",
            solution="Send whole characters.",
        ) from error


def api_version(request: Request) -> str:
    """Return the API version that the reply shall have: a date that sorts as text."""
    return request.headers.get(VERSION_HEADER, _VERSION_WITHOUT_HEADER)


def text_query(query: Mapping[str, str], name: str, longest: int) -> str | None:
    """Return a text of the query, None where it is absent or empty."""
    value = query.get(name) or None
    if value is not None and len(value) > longest:
        raise bad_request(f"{name} is longer than {longest} characters.")
    return value


def number_query(query: Mapping[str, str], name: str, default: int, bounds: range) -> int:
    """Return a number of the query; the default where it is absent or out of bounds."""
    value = query.get(name, "")
    if not (value.isascii() and value.isdigit()):
        return default
    # Longer numbers are out of every bound, and `int` refuses some thousands of digits.
    number = int(value[:20])
    return number if number in bounds else default


def bool_query(query: Mapping[str, str], name: str) -> bool | None:
    """Return a boolean of the query, None where it is absent."""
    value = query.get(name)
    if value is None:
        return None
    if value.lower() not in {"true", "false"}:
        raise bad_request(f"{name} must be true or false.")
    return value.lower() == "true"


def moment_query(query: Mapping[str, str], name: str) -> datetime | None:
    """Return a time of the query in UTC, None where it is absent."""
    value = query.get(name)
    if not value:
        return None
    try:
        # A plus sign that a client did not escape has become a space.
        moment = datetime.fromisoformat(value.replace(" ", "+") if "T" in value else value)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise bad_request(f"{name} is not a time as RFC 3339 writes it.") from error
