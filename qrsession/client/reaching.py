"""Whether a service can be reached at all: one request without a key, whatever it is answered."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import requests

from qrsession.client import exchange
from qrsession.client.failures import cause_of
from qrsession.client.telling import Asking
from qrsession.client.transport import (
    CLIENT_NAME,
    Endpoint,
    from_environment,
    new_http_session,
)
from qrsession.errors import ServiceUnavailableError, WireFormatError
from qrsession.protocol.routes import VERSIONS

# A person waits for it, and a service that takes longer is as good as none.
_CONNECT_S = 4.0
_READ_S = 6.0
_LARGEST_BYTES = 2**20


@dataclass(frozen=True)
class Reached:
    """How a service answered.

    Attributes:
        status: The status.
        took_s: How long it took, the connection and TLS among it, in seconds.
        clock_offset_s: By how much its clock is ahead of this machine's, in seconds, as far as a
            header with whole seconds tells; None where it did not tell the time.
    """

    status: int
    took_s: float
    clock_offset_s: float | None


def reach(
    endpoint: Endpoint,
    *,
    clock: Callable[[], float] = time.monotonic,
    now_s: Callable[[], float] = time.time,
) -> Reached:
    """Ask a service for its versions. Neither key nor token is sent, and nothing is sent twice.

    Args:
        endpoint: Where it is.
        clock: Returns seconds that pass steadily.
        now_s: Returns the time, in seconds since the epoch.

    Raises:
        ServiceUnavailableError: No answer came.
    """
    url = endpoint.base_url + VERSIONS.template
    asking = Asking(VERSIONS.method, url)
    began_s, began_at_s = clock(), now_s()
    try:
        with new_http_session(endpoint) as http:
            request = requests.Request(
                VERSIONS.method,
                url,
                headers={"User-Agent": CLIENT_NAME, "Accept": "application/json"},
                # Anything but a callable would let `.netrc` in.
                auth=lambda request: request,
            ).prepare()
            response = exchange.send(
                http, request, (_CONNECT_S, _READ_S), from_environment(http, request)
            )
            took_s = clock() - began_s
            body = exchange.read_body(response, _LARGEST_BYTES, limit_s=_READ_S)
    except (requests.RequestException, WireFormatError, OSError) as error:
        cause = (
            cause_of(error)
            if isinstance(error, requests.RequestException)
            else type(error).__name__
        )
        asking.tell_failure(cause)
        raise ServiceUnavailableError(f"{endpoint.base_url} cannot be reached: {cause}.") from error
    asking.tell_reply(response.status_code, len(body), response.headers)
    # The header was written somewhere between the two ends of the request.
    offset_s = _offset_s(response.headers.get("Date"), began_at_s + took_s / 2)
    return Reached(response.status_code, took_s, offset_s)


def _offset_s(date: str | None, here_s: float) -> float | None:
    if date is None:
        return None
    try:
        # Whole seconds that were cut off, so half a second more on the average.
        return parsedate_to_datetime(date).timestamp() + 0.5 - here_s
    except (ValueError, TypeError):
        return None
