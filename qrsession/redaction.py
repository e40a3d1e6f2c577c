"""What must not be told, taken out of what is: secrets that are known, and what looks like one.

Loaded where something is logged, and by what handles secrets; no command needs it to start.
"""

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache

_SECRET = "[secret]"  # noqa: S105 - what stands in a secret's place
_SHORTEST_SECRET = 8
_MOST_SECRETS = 64

_HEADERS = "authorization|proxy-authorization|cookie|set-cookie|x-api-key"
_NAMES = (
    "api_?key|token|access_token|refresh_token|password|passwd|passcode|secret|signature|credential"
)
# Values of a query that say nothing of anybody.
_PLAIN_VALUE = r"\d{1,9}|true|false"
_REQUEST_ID = r"[A-Za-z0-9][A-Za-z0-9._:/+=-]{0,79}"
# What servers and gateways call their own number of a request, by its headers.
_ID_HEADERS = ("X-Request-Id", "X-Global-Transaction-Id", "Transaction-Id", "X-Correlation-Id")

_known_secrets: dict[str, None] = {}


def conceal(secret: str) -> None:
    """Take a secret out of all that is logged from now, however it gets there."""
    if len(secret) < _SHORTEST_SECRET or secret in _known_secrets:
        return
    if len(_known_secrets) >= _MOST_SECRETS:
        # Tokens that a long life of a program has renewed; the oldest opens nothing any more.
        with suppress(RuntimeError):
            # Another thread may be at it too.
            _known_secrets.pop(next(iter(_known_secrets)), None)
    _known_secrets[secret] = None


@cache
def _patterns() -> "tuple[tuple[re.Pattern[str], str], ...]":
    """Return what looks like a secret, and what stands in its place. Few commands log anything."""
    return (
        # Whatever a client may send as a token, and what looks like one.
        (re.compile(r"(?i)\b(bearer|apikey)\s+[^\s,;'\"]+"), rf"\1 {_SECRET}"),
        (re.compile(r"(?i)\b(basic)\s+[\w+/-]{8,}=*"), rf"\1 {_SECRET}"),
        (re.compile(r"\beyJ[\w-]{6,}\.[\w-]+(\.[\w-]*)?"), _SECRET),
        # Who signs on before a URL's host; headers; and values of a query, a form or an object.
        (re.compile(r"(?<=://)[^/@\s]+@"), f"{_SECRET}@"),
        (re.compile(rf"(?i)(?<![\w-])((?:{_HEADERS})['\"]?\s*[:=]\s*)[^\n]+"), rf"\1{_SECRET}"),
        (re.compile(rf"(?i)\b((?:{_NAMES})=)[^\s&'\",;]+"), rf"\1{_SECRET}"),
        (re.compile(rf"(?i)(['\"](?:{_NAMES})['\"]\s*:\s*['\"])[^'\"]+"), rf"\1{_SECRET}"),
        # No secret, but it names the account; its end tells instances apart.
        (re.compile(r"\bcrn:(?:[^:\s]*:){6}([^:\s]*):[^:\s]*:[^:\s,;.]*"), r"crn:...:\1"),
    )


def redacted(text: str) -> str:
    """Return text without secrets: those known, and what looks like one. CRNs are shortened."""
    for secret in tuple(_known_secrets):
        text = text.replace(secret, _SECRET)
    for pattern, instead in _patterns():
        text = pattern.sub(instead, text)
    return text


def query_text(query: Iterable[tuple[str, str]]) -> str:
    """Return a URL's query for a log: names, and values where they are a number or yes or no."""
    parts = [
        f"{name}={value if re.fullmatch(_PLAIN_VALUE, value) else '...'}" for name, value in query
    ]
    return f"?{'&'.join(parts)}" if parts else ""


def request_id_of(headers: Mapping[str, str]) -> str | None:
    """Return the number that a server gave to a request, None where it gave none.

    A server may write anything there, even what it was sent: what is no number is left out.
    """
    for name in _ID_HEADERS:
        found = headers.get(name)
        if found and re.fullmatch(_REQUEST_ID, found) and redacted(found) == found:
            return found
    return None
