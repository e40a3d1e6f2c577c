"""From an API key to bearer tokens: in memory, on disk (0600), or asked for.

Source: IBM's guide "Set up to use the REST API", section on IAM tokens. A key that is refused is
not tried again, and is never sent in place of a token, as other clients do.

Where many processes need a new token at once, one asks and the others find its token on disk. The
lock is held while the request runs and never longer; whoever does not get it in time asks itself.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

import requests

from qrsession.client import exchange
from qrsession.client.failures import cause_of, was_never_sent
from qrsession.client.telling import Asking, tell_pause
from qrsession.client.transport import (
    CLIENT_NAME,
    CONNECT_TIMEOUT_S,
    TRANSIENT,
    Endpoint,
    Reply,
    backoffs,
    from_environment,
    new_http_session,
    retry_after_s,
    without_secret,
)
from qrsession.diagnostics import Log
from qrsession.errors import (
    NotAuthorizedError,
    ServiceUnavailableError,
    StorageError,
    WireFormatError,
)
from qrsession.protocol.faults import Fault
from qrsession.protocol.models import Token
from qrsession.protocol.routes import API_KEY_GRANT
from qrsession.redaction import conceal
from qrsession.storage import (
    check_folder_of_ours,
    ensure_private_folder,
    locked,
    read_bytes,
    write_atomically,
)

log = Log("token")

_READ_TIMEOUT_S = 30.0
# How long a process, or a thread, waits for another one's request before it asks itself.
TURN_TIMEOUT_S = 10.0
# A token is replaced when so much of its life is over, long before a service refuses it.
_USABLE_SHARE = 0.8
# What JSON of absurd depth or with absurd numbers leads to.
_TOO_LARGE = (OverflowError, RecursionError)


@dataclass(frozen=True)
class _Held:
    token: Token
    good_until_epoch_s: float


class _PassingTroubleError(ServiceUnavailableError):
    """No token was given, and may be if it is asked for again ``after_s`` seconds later."""

    after_s: float = 0.0


class TokenSource:
    """The bearer tokens of one API key. Threads may share it.

    Tokens are kept in a folder of the cache under a hash of key and URL, so that a shell loop
    asks for one token and not for one a command.

    Args:
        token_url: Where tokens are issued.
        api_key: The key.
        endpoint: How requests go: proxies and TLS.
        folder: Where tokens are kept.
        clock: Returns the time, in seconds since the epoch.
        sleep: How to wait before IAM is asked again.
    """

    def __init__(
        self,
        token_url: str,
        api_key: str,
        endpoint: Endpoint,
        folder: Path,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._token_url = token_url
        conceal(api_key)
        self._api_key = api_key
        # On loopback neither proxy nor environment counts, wherever the API itself is.
        self._endpoint = replace(endpoint, base_url=token_url)
        self._clock = clock
        self._sleep = sleep
        name = sha256(f"{token_url}\n{api_key}".encode()).hexdigest()[:32]
        self._file = folder / f"{name}.json"
        self._threads = threading.Lock()
        self._held: _Held | None = None

    def bearer(self) -> str:
        """Return a token with a fifth of its life left at least.

        Raises:
            NotAuthorizedError: The key is refused.
            ServiceUnavailableError: No token can be had.
        """
        held = self._held
        if held is None or not self._is_good(held):
            held = self._find_or_ask(None)
        return held.token.access_token

    def renew(self, refused: str) -> str:
        """Return a token other than the one that a service refused.

        Raises:
            NotAuthorizedError: The key is refused.
            ServiceUnavailableError: No token can be had.
        """
        return self._find_or_ask(refused).token.access_token

    def good_for_s(self) -> float:
        """Return for how many seconds more the token in hand is used, 0 where there is none."""
        return 0.0 if self._held is None else max(self._held.good_until_epoch_s - self._clock(), 0)

    def _is_good(self, held: _Held) -> bool:
        return self._clock() < held.good_until_epoch_s

    def _find_or_ask(self, refused: str | None) -> _Held:
        """Find a token that another thread or process got, or ask."""
        held = self._kept(refused)
        if held is None:
            return self._ask_patiently(refused)
        conceal(held.token.access_token)
        if held is not self._held:
            good_s = held.good_until_epoch_s - self._clock()
            log.detail("one is kept that is good for %.0f s", good_s)
        self._held = held
        return held

    def _ask_patiently(self, refused: str | None) -> _Held:
        for attempt, backoff_s in enumerate(backoffs(), start=1):
            try:
                # No lock is held between two tries: who waits for it would wait for nothing.
                with self._turn():
                    self._held = self._kept(refused) or self._ask(attempt)
                    return self._held
            except _PassingTroubleError as trouble:
                if backoff_s is None:
                    raise
                wait_s = max(backoff_s, trouble.after_s)
                tell_pause("POST", self._token_url, "no token", wait_s)
                self._sleep(wait_s)
        raise AssertionError("the last try returns or raises")  # pragma: no cover

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Keep other threads and processes from asking at the same time, for a while."""
        with ExitStack() as held:
            if self._threads.acquire(timeout=TURN_TIMEOUT_S):
                held.callback(self._threads.release)
            # A folder that cannot be locked is no reason to have no token.
            with suppress(StorageError, NotImplementedError):
                ensure_private_folder(self._file.parent)
                check_folder_of_ours(self._file.parent.parent)
                held.enter_context(locked(self._file, timeout_s=TURN_TIMEOUT_S))
            yield

    def _kept(self, refused: str | None) -> _Held | None:
        """Return the token in memory or on disk that is good, and not the one refused."""
        for held in (self._held, self._from_disk()):
            if held and self._is_good(held) and held.token.access_token != refused:
                return held
        return None

    def _from_disk(self) -> _Held | None:
        try:
            check_folder_of_ours(self._file.parent)
            data = read_bytes(self._file)
            if data is None:
                return None
            document = json.loads(data)
            return _Held(Token.from_wire(document), float(document["good_until"]))
        except (StorageError, WireFormatError, ValueError, KeyError, TypeError, *_TOO_LARGE):
            # A token can always be asked for again, so a damaged file is the same as none.
            return None

    def _ask(self, attempt: int) -> _Held:
        asked_at = self._clock()
        token = self._request(attempt)
        conceal(token.access_token)
        log.note(
            "a new one from %s, which lives for %d s",
            urlsplit(self._token_url).netloc,
            token.expires_in_s,
        )
        # By our own clock and the token's life, so that a clock that is off does no harm.
        held = _Held(token, asked_at + _USABLE_SHARE * token.expires_in_s)
        document = {**token.to_wire(), "good_until": held.good_until_epoch_s}
        # Without a cache every process asks anew; that is slower, and works.
        with suppress(StorageError):
            ensure_private_folder(self._file.parent)
            check_folder_of_ours(self._file.parent.parent)
            write_atomically(self._file, json.dumps(document).encode(), durable=False)
        return held

    def _request(self, attempt: int) -> Token:
        host = urlsplit(self._token_url).netloc
        asking = Asking("POST", self._token_url, attempt=attempt)
        try:
            with new_http_session(self._endpoint) as http:
                form = {
                    "grant_type": API_KEY_GRANT,
                    "apikey": self._api_key,
                    "response_type": "cloud_iam",
                }
                request = requests.Request(
                    "POST",
                    self._token_url,
                    data=form,
                    headers={"User-Agent": CLIENT_NAME, "Accept": "application/json"},
                    # Anything but a callable would let `.netrc` in.
                    auth=lambda request: request,
                ).prepare()
                response = exchange.send(
                    http,
                    request,
                    (CONNECT_TIMEOUT_S, _READ_TIMEOUT_S),
                    from_environment(http, request),
                )
                body = exchange.read_body(response, exchange.LARGEST_TOKEN_BYTES)
        except requests.RequestException as error:
            # Where nobody listens on this machine, nobody will in a second.
            may_pass = not (self._endpoint.is_loopback and was_never_sent(error))
            asking.tell_failure(cause_of(error))
            # Not the error's own words: they may hold the request.
            raise (_PassingTroubleError if may_pass else ServiceUnavailableError)(
                f"{host} cannot be reached for a token: {cause_of(error)}."
            ) from None
        asking.tell_reply(response.status_code, len(body), response.headers)
        text = body.decode("utf-8", "replace")
        return self._read(host, Reply(response.status_code, text, response.headers))

    def _read(self, host: str, reply: Reply) -> Token:
        if reply.status == HTTPStatus.OK:
            try:
                return Token.from_wire(reply.json())
            except (WireFormatError, *_TOO_LARGE):
                # Of the token alone: of what was to be sent with it nothing has left.
                raise ServiceUnavailableError(
                    f"{host} answered with something that is no token."
                ) from None
        fault = Fault.from_reply(reply.status, without_secret(reply.text, self._api_key))
        if reply.status in {400, 401, 403}:
            raise NotAuthorizedError(
                f"{host} refuses the API key: {fault.message}",
                advice="Check the key: it is used as it stands, without quotes or blanks.",
                details={"http_status": fault.status, "ibm_code": fault.code},
            )
        message = f"{host} gives no token: {fault.message}"
        # By another name than the API's own status, which would mean that the API was asked.
        details = {"iam_status": fault.status}
        if reply.status not in TRANSIENT:
            raise ServiceUnavailableError(message, details=details)
        trouble = _PassingTroubleError(message, details=details)
        trouble.after_s = retry_after_s(reply)
        raise trouble
