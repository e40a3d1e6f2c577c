"""What is told of requests, one line each: where to, how it came out, how long it took.

Never a header of a request, nor a body of either side.
"""

import time
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from qrsession.diagnostics import Log
from qrsession.redaction import conceal, query_text, request_id_of

log = Log("client")


class Asking:
    """One request on its way.

    Args:
        method: Its method.
        url: Its URL, without a query.
        query: Its query.
        attempt: Which try this is, from 1.
        secret: What is sent to prove who asks; it is kept out of the log.
    """

    __slots__ = ("_began_s", "_words")

    def __init__(
        self,
        method: str,
        url: str,
        query: Iterable[tuple[str, str]] = (),
        *,
        attempt: int = 1,
        secret: str = "",
    ) -> None:
        conceal(secret)
        self._words = (method, url, query, attempt)
        self._began_s = time.monotonic()

    def tell_reply(self, status: int, size_bytes: int, headers: Mapping[str, str]) -> None:
        """Tell of a reply that came in whole."""
        if not log.hears_details():
            return
        request_id = request_id_of(headers)
        words = f"{status}, {size_bytes} bytes" + (f", id {request_id}" if request_id else "")
        self._tell(words)

    def tell_failure(self, cause: str) -> None:
        """Tell that no reply came, or half of one."""
        self._tell(cause)

    def _tell(self, outcome: str) -> None:
        method, url, query, attempt = self._words
        took_ms = 1000 * (time.monotonic() - self._began_s)
        try_text = f", try {attempt}" if attempt > 1 else ""
        log.detail(
            "%s %s%s: %s, %.0f ms%s", method, url, query_text(query), outcome, took_ms, try_text
        )


def tell_pause(method: str, url: str, why: str, wait_s: float) -> None:
    """Tell that a request is sent again, and when."""
    host = urlsplit(url).netloc
    path = urlsplit(url).path
    log.note("%s %s at %s: %s; again in %.1f s", method, path, host, why, wait_s)
