"""One HTTP exchange: time-outs, retries, redaction, and errors of ours in place of requests'.

What may be sent twice is decided here, once. GET, PUT, DELETE, PATCH and the cancellation of a
job are repeated on a lost connection and on answers that say "later"; the two POSTs that create
something are repeated only on proof that nothing was accepted: no connection came about.
"""

import ipaddress
import json
import random
import socket
import time
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from qrsession import __version__
from qrsession.client import exchange
from qrsession.client.failures import cause_of, was_never_sent
from qrsession.client.telling import Asking, tell_pause
from qrsession.errors import (
    InvalidValueError,
    ReplyLostError,
    ServiceUnavailableError,
    WireFormatError,
)
from qrsession.protocol import routes

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 60.0
# The service reads up to 50 MB before it answers.
UPLOAD_TIMEOUT_S = 900.0

CLIENT_NAME = f"qrsession/{__version__}"
# Reading asks for compression, which IBM's client does not; whatever changes something carries the
# headers of that client's and no others.
_WHEN_READING = {
    "Accept": "application/json",
    "Accept-Encoding": "gzip, deflate",
    "Connection": "keep-alive",
}
_WHEN_CHANGING = {"Accept-Encoding": "identity"}

TRANSIENT = frozenset({429, 500, 502, 503, 504, 520, 521, 522, 524})
_MOST_ATTEMPTS = 5
_FIRST_BACKOFF_S = 0.25
_LONGEST_RETRY_AFTER_S = 60.0
_CLOCK_GRAIN_S = 2.0
# Whoever waits for many jobs has a dozen questions under way. Beyond what is kept, each connection
# is made anew, with a warning that nobody can make sense of.
_MOST_KEPT = 32


class Authorizer(Protocol):
    """Gives bearer tokens, and new ones in place of those that a service refuses."""

    def bearer(self) -> str:
        """Return a token that should be good now."""

    def renew(self, refused: str) -> str:
        """Return a token other than the one that was refused."""


@dataclass(frozen=True)
class Endpoint:
    """Where requests go and how: the base of the API, its instance, proxies and TLS.

    ``prove`` is told of each new connection and its port before anything is sent, and says whether
    its other end is who it should be; None where there is no way to tell but TLS.
    """

    base_url: str
    instance: str | None = None
    # Their URLs may hold a password.
    proxies: Mapping[str, str] | None = field(default=None, repr=False)
    verify: bool = True
    prove: Callable[[socket.socket, int], bool] | None = field(
        default=None, repr=False, compare=False
    )

    @property
    def is_loopback(self) -> bool:
        """Whether the requests stay on this machine."""
        return is_loopback(self.base_url)


@dataclass(frozen=True)
class Reply:
    """An answer, whatever its status."""

    status: int
    text: str
    headers: Mapping[str, str]

    @property
    def is_success(self) -> bool:
        """Whether the status is of the 200s."""
        return self.status // 100 == 2  # noqa: PLR2004 - the class of a status

    def json(self) -> Any:
        """Parse the body.

        Raises:
            WireFormatError: It is no JSON.
        """
        try:
            return json.loads(self.text)
        except (ValueError, RecursionError):
            raise WireFormatError("The service answered with something that is no JSON.") from None


@dataclass(frozen=True)
class Call:
    """One request: a route with its names filled in, and what goes with it.

    ``creates`` marks the POSTs that must not be sent twice, ``largest_reply_bytes`` is the most
    that an answer may hold.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: Any = None
    headers: Mapping[str, str] | None = None
    creates: bool = False
    read_timeout_s: float = READ_TIMEOUT_S
    largest_reply_bytes: int = exchange.LARGEST_REPLY_BYTES


class _Bearer(AuthBase):
    """Sets the header itself, so that a ``.netrc`` of the user cannot replace it."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class Transport:
    """Sends calls to one endpoint. Safe to share between threads, as far as requests is.

    Args:
        endpoint: Where to.
        authorizer: Who gives the tokens.
        relocate: Returns where the service is now and who gives its tokens, for one that may come
            back elsewhere; asked where no connection came about.
        sleep: How to wait before a call is sent again.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        authorizer: Authorizer,
        *,
        relocate: Callable[[], tuple[Endpoint, Authorizer]] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.endpoint = endpoint
        self._authorizer = authorizer
        self._relocate = relocate
        self._sleep = sleep
        self.clock_offset_s = 0.0
        self._http = new_http_session(endpoint)
        self._headers = {
            "User-Agent": CLIENT_NAME,
            routes.VERSION_HEADER: routes.API_VERSION,
            routes.CLIENT_HEADER: CLIENT_NAME,
        }
        if endpoint.instance:
            self._headers[routes.CRN_HEADER] = endpoint.instance

    def send(self, call: Call) -> Reply:
        """Send a call, again where that is safe, and return the answer whatever its status.

        A token that is refused (401) is renewed once.

        Raises:
            ServiceUnavailableError: No connection came about.
            ReplyLostError: The request was sent, and no answer came back, or half of one.
            WireFormatError: The answer is larger than it may be.
            NotAuthorizedError: No token can be had.
        """
        reply, token = self._send_patiently(call)
        if reply.status == HTTPStatus.UNAUTHORIZED:
            self._authorizer.renew(token)
            reply, _ = self._send_patiently(call)
        return reply

    def _bearer(self) -> str:
        try:
            return self._authorizer.bearer()
        except ServiceUnavailableError:
            if self._relocate is None:
                raise
        self.endpoint, self._authorizer = self._relocate()
        return self._authorizer.bearer()

    def _send_patiently(self, call: Call) -> tuple[Reply, str]:
        """Send a call until it is answered, and return the answer with the token that was sent."""
        for attempt, backoff_s in enumerate(backoffs(), start=1):
            # Asked for each time: many pauses may outlast a token.
            token = self._bearer()
            try:
                reply = self._send_once(call, token, attempt)
            except ReplyLostError:
                if call.creates or backoff_s is None:
                    raise
                why, wait_s = "the reply was lost", backoff_s
            except ServiceUnavailableError:
                if backoff_s is None:
                    raise
                why, wait_s = "no connection", backoff_s
                if self._relocate is not None:
                    self.endpoint, self._authorizer = self._relocate()
                    wait_s = 0.0
            else:
                if reply.status not in TRANSIENT or call.creates or backoff_s is None:
                    return reply, token
                why, wait_s = f"answered {reply.status}", max(backoff_s, retry_after_s(reply))
            tell_pause(call.method, self.endpoint.base_url + call.path, why, wait_s)
            self._sleep(wait_s)
        raise AssertionError("the last attempt returns or raises")  # pragma: no cover

    def _prepared(self, call: Call, token: str) -> requests.PreparedRequest:
        # Prepared by itself and not by the session, which would look for cookies and merge what
        # is merged already: a third of what a request costs on loopback.
        usual = _WHEN_READING if call.method == "GET" else _WHEN_CHANGING
        return requests.Request(
            call.method,
            self.endpoint.base_url + call.path,
            params=call.query or None,
            json=call.body,
            headers={**self._headers, **usual, **(call.headers or {})},
            auth=_Bearer(token),
        ).prepare()

    def _send_once(self, call: Call, token: str, attempt: int = 1) -> Reply:
        url = self.endpoint.base_url + call.path
        asking = Asking(call.method, url, call.query, attempt=attempt, secret=token)
        try:
            request = self._prepared(call, token)
            response = exchange.send(
                self._http,
                request,
                (CONNECT_TIMEOUT_S, call.read_timeout_s),
                from_environment(self._http, request),
            )
            body = exchange.read_body(response, call.largest_reply_bytes)
        except requests.exceptions.InvalidJSONError as error:
            raise InvalidValueError(
                "JSON has no form for a number that is to be sent: infinite, or none at all."
            ) from error
        except requests.RequestException as error:
            ours = _as_ours(error, call, self.endpoint)
            asking.tell_failure(ours.message)
            raise ours from error
        asking.tell_reply(response.status_code, len(body), response.headers)
        self._compare_clocks(response.headers.get("Date"))
        # Where a header names no charset, requests would take Latin-1 for text, or guess.
        text = body.decode("utf-8", "replace")
        if not response.ok:
            text = without_secret(text, token)
        return Reply(response.status_code, text, response.headers)

    def _compare_clocks(self, date: str | None) -> None:
        """Note by how much the service's clock is ahead of this machine's."""
        if date is None:
            return
        from email.utils import parsedate_to_datetime  # noqa: PLC0415 - requests has loaded it

        with suppress(ValueError, TypeError):
            offset_s = parsedate_to_datetime(date).timestamp() - time.time()
            # The header has whole seconds, and a reply takes a while: less tells nothing.
            self.clock_offset_s = offset_s if abs(offset_s) > _CLOCK_GRAIN_S else 0.0


def without_secret(text: str, secret: str) -> str:
    """Return what a server said of a failure without the secret that it may have repeated."""
    return text.replace(secret, "[secret]") if secret else text


class _HttpSession(requests.Session):
    """One in which what an account says of proxies and certificates counts before the environment.

    In requests it is the other way round: ``HTTPS_PROXY`` would replace the account's proxy, and
    ``REQUESTS_CA_BUNDLE`` would turn on the check of certificates that the account turns off.
    """

    def merge_environment_settings(
        self,
        url: Any,
        proxies: MutableMapping[str, str] | None,
        stream: bool | None,  # noqa: FBT001 - the signature of requests
        verify: Any,
        cert: Any,
    ) -> Any:
        """Return proxies and certificates: the account's, or else as the environment has them."""
        if verify is None and self.verify is False:
            verify = False
        both = {**self.proxies, **(proxies or {})}
        return super().merge_environment_settings(url, both, stream, verify, cert)


def new_http_session(endpoint: Endpoint) -> requests.Session:
    """Make a session of requests that follows no redirect and no ``.netrc``.

    On loopback it ignores the environment too: a proxy must not see what stays on the machine.
    """
    http = _HttpSession()
    for scheme in ("https://", "http://"):
        http.mount(scheme, HTTPAdapter(pool_maxsize=_MOST_KEPT))
    http.trust_env = not endpoint.is_loopback
    http.verify = endpoint.verify
    if endpoint.proxies and not endpoint.is_loopback:
        http.proxies.update(endpoint.proxies)
    if endpoint.prove is not None:
        from qrsession.client.proving import ProvingAdapter  # noqa: PLC0415 - for one account

        http.mount("http://", ProvingAdapter(endpoint.prove, _MOST_KEPT))
    return http


def from_environment(
    http: requests.Session, request: requests.PreparedRequest
) -> Mapping[str, Any]:
    """Return proxies and certificates as the environment has them, off loopback."""
    if not http.trust_env:
        return {}
    return http.merge_environment_settings(request.url, {}, None, None, None)


def is_loopback(url: str) -> bool:
    """Whether a URL's host is this machine itself."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        # A name, which may look like an address: 127.example.org.
        return False


def retry_after_s(reply: Reply) -> float:
    """Read ``Retry-After`` in seconds, at most a minute; 0 where it is absent or a date."""
    text = reply.headers.get("Retry-After", "")
    return min(float(text), _LONGEST_RETRY_AFTER_S) if text.isdecimal() else 0.0


def backoffs() -> Iterator[float | None]:
    """Yield the seconds to wait after each failed attempt, None after the last."""
    for attempt in range(_MOST_ATTEMPTS - 1):
        # Jitter keeps many processes that failed together from coming back together.
        yield _FIRST_BACKOFF_S * 2**attempt * random.uniform(0.75, 1.25)  # noqa: S311 - no secret
    yield None


def _as_ours(
    error: requests.RequestException, call: Call, endpoint: Endpoint
) -> ServiceUnavailableError:
    host = urlsplit(endpoint.base_url).netloc
    details = {"host": host, "method": call.method, "path": call.path}
    if was_never_sent(error):
        return ServiceUnavailableError(
            f"No connection to {host}: {cause_of(error)}", details=details
        )
    return ReplyLostError(
        f"The connection to {host} was lost before it answered: {cause_of(error)}", details=details
    )
