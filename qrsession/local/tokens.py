"""IAM tokens: an API key in, a bearer token out, and a check of each request's.

Tokens are HS256 JWTs that clients may decode; they keep real time, for IBM's SDK compares their
times with its own clock. Source: "Set up to use the REST API", IAM.
"""

import hashlib
import hmac
import time
from collections import OrderedDict

import jwt

from qrsession.local.identity import LOCAL_USER_ID
from qrsession.protocol.models import Token

LIFETIME_S = 3600
_ALGORITHM = "HS256"
_MOST_REMEMBERED = 64


class Tokens:
    """Issues and checks the tokens of one runtime."""

    def __init__(self, secret: str) -> None:
        self._secret = secret
        # Derived, since the secret itself signs the challenges.
        self._signing_key = hmac.digest(secret.encode(), b"qrsession bearer token", hashlib.sha256)
        self._checked: OrderedDict[str, int] = OrderedDict()

    def is_key(self, api_key: str) -> bool:
        """Return whether this is the runtime's API key."""
        return hmac.compare_digest(api_key.encode(), self._secret.encode())

    def issue(self) -> Token:
        """Make a token that is good for an hour from now."""
        issued_epoch_s = int(time.time())
        expiration_epoch_s = issued_epoch_s + LIFETIME_S
        claims = {"sub": LOCAL_USER_ID, "iat": issued_epoch_s, "exp": expiration_epoch_s}
        return Token(
            access_token=jwt.encode(claims, self._signing_key, algorithm=_ALGORITHM),
            expires_in_s=LIFETIME_S,
            expiration_epoch_s=expiration_epoch_s,
        )

    def is_good(self, access_token: str) -> bool:
        """Return whether this is a token of ours that has not expired."""
        expires_epoch_s = self._checked.get(access_token)
        if expires_epoch_s is None:
            try:
                claims = jwt.decode(
                    access_token,
                    self._signing_key,
                    algorithms=[_ALGORITHM],
                    options={"require": ["exp", "iat"]},
                )
            except jwt.InvalidTokenError:
                return False
            expires_epoch_s = int(claims["exp"])
            self._checked[access_token] = expires_epoch_s
            if len(self._checked) > _MOST_REMEMBERED:
                self._checked.popitem(last=False)
        return time.time() < expires_epoch_s
