"""IAM tokens: an API key in, a bearer token out, and a check of each request's.

Tokens are HS256 JWTs that clients may decode; they keep real time, for IBM's SDK compares their
times with its own clock. Source: "Set up to use the REST API", IAM.
"""

import hashlib
import hmac
import time
from collections import OrderedDict
from dataclasses import replace
from typing import Any, NamedTuple

import jwt

from qrsession.local.account.identity import LOCAL_USER_ID
from qrsession.local.scenario.account import TokenRule
from qrsession.local.scenario.reading import write_times
from qrsession.protocol.models import Token

LIFETIME_S = 3600
_ALGORITHM = "HS256"
_MOST_REMEMBERED = 64
# A claim of our own: tokens of one second differ by it, as do those before and after a revocation.
_SERIAL = "qrs_serial"


class _Checked(NamedTuple):
    expires_epoch_s: int
    serial: int


class Tokens:
    """Issues and checks the tokens of one runtime."""

    def __init__(self, secret: str) -> None:
        self._secret = secret
        # Derived, since the secret itself signs the challenges.
        self._signing_key = hmac.digest(secret.encode(), b"qrsession bearer token", hashlib.sha256)
        self._checked: OrderedDict[str, _Checked] = OrderedDict()
        self._latest_serial = 0
        self._good_from_serial = 0
        self._rule = TokenRule()
        self._num_refused = 0

    def play(self, rule: TokenRule) -> None:
        """Let this become of tokens from now, in place of what did before."""
        self._rule = rule
        self._num_refused = 0
        self._good_from_serial = self._next_serial() if rule.revoke else 0

    def add(self, rule: TokenRule) -> None:
        """Let this become of tokens too; what it says nothing of stays as it is."""
        if rule.revoke:
            self._good_from_serial = self._next_serial()
        merged = replace(
            self._rule,
            lifetime_s=rule.lifetime_s or self._rule.lifetime_s,
            revoke=rule.revoke or self._rule.revoke,
        )
        if rule.refuse != 0:
            merged = replace(merged, refuse=rule.refuse, code=rule.code, message=rule.message)
            self._num_refused = 0
        self._rule = merged

    def refusal(self) -> tuple[str, str] | None:
        """Return IAM's code and message where the next request is to be refused; count it."""
        if self._num_left == 0:
            return None
        self._num_refused += 1
        return self._rule.code, self._rule.message

    def document(self) -> dict[str, Any]:
        """Write what becomes of tokens, and how many requests for one were refused."""
        left = write_times(self._num_left)
        return {**self._rule.to_document(), "refused": self._num_refused, "left": left}

    @property
    def _num_left(self) -> int | None:
        most = self._rule.refuse
        return None if most is None else most - self._num_refused

    def is_key(self, api_key: str) -> bool:
        """Return whether this is the runtime's API key."""
        return hmac.compare_digest(api_key.encode(), self._secret.encode())

    def issue(self) -> Token:
        """Make a token that is good for an hour from now, or as long as a scenario says."""
        issued_epoch_s = int(time.time())
        lifetime_s = self._rule.lifetime_s or LIFETIME_S
        expiration_epoch_s = issued_epoch_s + lifetime_s
        claims = {
            "sub": LOCAL_USER_ID,
            "iat": issued_epoch_s,
            "exp": expiration_epoch_s,
            _SERIAL: self._next_serial(),
        }
        return Token(
            access_token=jwt.encode(claims, self._signing_key, algorithm=_ALGORITHM),
            expires_in_s=lifetime_s,
            expiration_epoch_s=expiration_epoch_s,
        )

    def is_good(self, access_token: str, *, even_revoked: bool = False) -> bool:
        """Return whether this is a token of ours that has not expired, nor been revoked."""
        checked = self._checked.get(access_token)
        if checked is None:
            try:
                claims = jwt.decode(
                    access_token,
                    self._signing_key,
                    algorithms=[_ALGORITHM],
                    options={"require": ["exp", "iat"]},
                )
            except jwt.InvalidTokenError:
                return False
            checked = _Checked(int(claims["exp"]), int(claims.get(_SERIAL, 0)))
            self._checked[access_token] = checked
            if len(self._checked) > _MOST_REMEMBERED:
                self._checked.popitem(last=False)
        is_revoked = checked.serial < self._good_from_serial and not even_revoked
        return time.time() < checked.expires_epoch_s and not is_revoked

    def _next_serial(self) -> int:
        # By the clock, so that those of the next runtime at this home come later.
        self._latest_serial = max(self._latest_serial + 1, time.time_ns())
        return self._latest_serial
