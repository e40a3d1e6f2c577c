"""From an API key to bearer tokens: in memory, on disk (0600), or asked for.

Source: IBM's guide "Set up to use the REST API", section on IAM tokens. A key that is refused is
not tried again, and is never sent in place of a token, as other clients do.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

import requests

from qrsession.client import exchange
from qrsession.client.transport import (
    CLIENT_NAME,
    CONNECT_TIMEOUT_S,
    Endpoint,
    from_environment,
    new_http_session,
    without_secret,
)
from qrsession.errors import (
    NotAuthorizedError,
    ServiceUnavailableError,
    StorageError,
    WireFormatError,
)
from qrsession.protocol.faults import Fault
from qrsession.protocol.models import Token
from qrsession.protocol.routes import API_KEY_GRANT
from qrsession.storage import (
    check_folder_of_ours,
    ensure_private_folder,
    read_bytes,
    write_atomically,
)

_READ_TIMEOUT_S = 60.0
# A token is replaced when so much of its life is over, long before a service refuses it.
_USABLE_SHARE = 0.8
# What JSON of absurd depth or with absurd numbers leads to.
_TOO_LARGE = (OverflowError, RecursionError)


@dataclass(frozen=True, slots=True)
class _Held:
    token: Token
    good_until_epoch_s: float


class TokenSource:
    """The bearer tokens of one API key.

    Tokens are kept in a folder of the cache under a hash of key and URL, so that a shell loop
    asks for one token and not for one a command.
    """

    def __init__(
        self,
        token_url: str,
        api_key: str,
        endpoint: Endpoint,
        folder: Path,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._token_url = token_url
        self._api_key = api_key
        # On loopback neither proxy nor environment counts, wherever the API itself is.
        self._endpoint = replace(endpoint, base_url=token_url)
        self._clock = clock
        name = sha256(f"{token_url}\n{api_key}".encode()).hexdigest()[:32]
        self._file = folder / f"{name}.json"
        self._held: _Held | None = None

    def bearer(self) -> str:
        """Return a token with a fifth of its life left at least."""
        if self._held is None or not self._is_good(self._held):
            self._held = self._from_disk() or self._ask()
        return self._held.token.access_token

    def renew(self, refused: str) -> str:
        """Return a token other than the one that a service refused."""
        on_disk = self._from_disk()
        if on_disk is None or on_disk.token.access_token == refused:
            on_disk = self._ask()
        self._held = on_disk
        return self._held.token.access_token

    def _is_good(self, held: _Held) -> bool:
        return self._clock() < held.good_until_epoch_s

    def _from_disk(self) -> _Held | None:
        try:
            check_folder_of_ours(self._file.parent)
            data = read_bytes(self._file)
            if data is None:
                return None
            document = json.loads(data)
            held = _Held(Token.from_wire(document), float(document["good_until"]))
        except (StorageError, WireFormatError, ValueError, KeyError, TypeError, *_TOO_LARGE):
            # A token can always be asked for again, so a damaged file is the same as none.
            return None
        return held if self._is_good(held) else None

    def _ask(self) -> _Held:
        asked_at = self._clock()
        token = self._request()
        # By our own clock and the token's life, so that a clock that is off does no harm.
        held = _Held(token, asked_at + _USABLE_SHARE * token.expires_in_s)
        document = {**token.to_wire(), "good_until": held.good_until_epoch_s}
        try:
            ensure_private_folder(self._file.parent)
            check_folder_of_ours(self._file.parent.parent)
            write_atomically(self._file, json.dumps(document).encode(), durable=False)
        except StorageError:
            # Without a cache every process asks anew; that is slower, and works.
            return held
        return held

    def _request(self) -> Token:
        host = urlsplit(self._token_url).netloc
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
            # Not the error's own words: they may hold the request.
            raise ServiceUnavailableError(
                f"{host} cannot be reached for a token: {type(error).__name__}."
            ) from None
        if response.status_code == HTTPStatus.OK:
            try:
                return Token.from_wire(json.loads(body))
            except (ValueError, *_TOO_LARGE):
                raise WireFormatError(f"{host} answered with something that is no token.") from None
        said = without_secret(body.decode("utf-8", "replace"), self._api_key)
        fault = Fault.from_reply(response.status_code, said)
        if response.status_code in {400, 401, 403}:
            raise NotAuthorizedError(
                f"{host} refuses the API key: {fault.message}",
                advice="Check the key: it is used as it stands, without quotes or blanks.",
                details={"http_status": fault.status, "ibm_code": fault.code},
            )
        raise ServiceUnavailableError(
            f"{host} gives no token: {fault.message}", details={"http_status": fault.status}
        )
