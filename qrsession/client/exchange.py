"""One request and its reply, within bounds: no redirect, no cookie, so many bytes, so much time.

A reply may be unpacked to a thousand times its size, have no end, or come byte by byte. None of
these fills the memory or holds a command for ever.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import requests

from qrsession.errors import WireFormatError

# Results of the largest jobs take tens of megabytes, all else hundreds of kilobytes.
LARGEST_RESULT_BYTES = 256 * 2**20
LARGEST_REPLY_BYTES = 32 * 2**20
LARGEST_TOKEN_BYTES = 2**20
# A result of the largest size, at 2.4 Mbit/s.
LONGEST_BODY_S = 900.0
_CHUNK_BYTES = 2**16


def send(
    http: requests.Session,
    request: requests.PreparedRequest,
    timeout_s: tuple[float, float],
    settings: Mapping[str, Any] | None = None,
) -> requests.Response:
    """Send a request as it is and return the reply, of which only the head is read.

    Past the session's own machinery, which would read the body of a redirect to its end, however
    long that is, and keep cookies.

    Args:
        http: Whose adapters and certificates to use.
        request: What to send.
        timeout_s: The longest to wait for a connection, and for each part of the reply, in seconds.
        settings: Proxies and certificates by the names of requests; None: those of the session.

    Raises:
        requests.RequestException: No reply came.
    """
    chosen = {"verify": http.verify, "cert": http.cert, "proxies": http.proxies, **(settings or {})}
    return http.get_adapter(str(request.url)).send(
        request,
        stream=True,
        timeout=timeout_s,
        verify=chosen["verify"],
        cert=chosen["cert"],
        proxies=chosen["proxies"],
    )


def read_body(
    response: requests.Response,
    limit_bytes: int = LARGEST_REPLY_BYTES,
    *,
    limit_s: float = LONGEST_BODY_S,
    clock: Callable[[], float] = time.monotonic,
) -> bytes:
    """Read the body of a reply whose head is read, and unpack it.

    Args:
        response: The reply.
        limit_bytes: The most bytes that it may have once unpacked.
        limit_s: The longest that it may take, in seconds, from now.
        clock: Returns the time in seconds, monotonic.

    Raises:
        WireFormatError: It is larger. The connection is closed, and the rest is not read.
        requests.RequestException: It was cut off, cannot be unpacked, or takes longer.
    """
    try:
        body = b"".join(_bounded(response, limit_bytes, limit_s, clock))
    except BaseException:
        # What is left of it must not be taken for the beginning of the next reply.
        response.close()
        raise
    response.raw.release_conn()
    return body


def _bounded(
    response: requests.Response, limit_bytes: int, limit_s: float, clock: Callable[[], float]
) -> Iterator[bytes]:
    deadline_s = clock() + limit_s
    size_bytes = 0
    for chunk in _chunks(response):
        size_bytes += len(chunk)
        if size_bytes > limit_bytes:
            raise WireFormatError(
                f"The service's reply is larger than {limit_bytes // 2**20} MB, "
                "and the rest of it was not read.",
                advice="Check that the account's URL is that of a Qiskit Runtime service.",
                details={"limit_bytes": limit_bytes, "http_status": response.status_code},
            )
        if clock() > deadline_s:
            raise requests.ReadTimeout(f"The reply has not ended after {limit_s:g} s.")
        yield chunk


def _chunks(response: requests.Response) -> Iterator[bytes]:
    """Yield the unpacked body as it comes in, with errors of requests in place of urllib3's."""
    from urllib3.exceptions import (  # noqa: PLC0415 - loaded with requests
        DecodeError,
        HTTPError,
        ReadTimeoutError,
    )

    try:
        # Not `iter_content`, which waits until a chunk is full: for hours, if one byte comes a
        # minute, and nobody could look at the clock.
        while chunk := response.raw.read1(_CHUNK_BYTES, decode_content=True):
            yield chunk
    except ReadTimeoutError as error:
        raise requests.ReadTimeout(error) from error
    except DecodeError as error:
        raise requests.exceptions.ContentDecodingError(error) from error
    except HTTPError as error:
        raise requests.exceptions.ChunkedEncodingError(error) from error
