"""What becomes of the account: its tokens, and what it may use.

::

    [tokens]
    refuse = 2              # the next two requests for a token are refused
    revoke = true           # tokens that were issued before are not taken any more
    lifetime_s = 30         # those that are issued now are good for half a minute

    [usage]
    left_s = 10             # ten seconds are left to use, whatever the plan allows
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qrsession.local.scenario.reading import contradiction, missing, read_times, write_times
from qrsession.protocol.options import Field, Table, check_options

# The code of IAM for a key that it does not know, which is the usual reason for a refusal.
UNKNOWN_KEY = "BXNIM0415E"
_UNKNOWN_KEY_MESSAGE = "Provided API key could not be found."
_LONGEST_S = 28 * 86_400
# 68 years. When more will be used up can be later than the last moment that there is.
LARGEST_LIMIT_S = 2**31 - 1


@dataclass(frozen=True, slots=True)
class TokenRule:
    """What becomes of tokens.

    Attributes:
        refuse: How many requests for one are refused; None for all.
        code: IAM's code of these refusals.
        message: IAM's message.
        lifetime_s: How long tokens are good that are issued now; None for as long as usual.
        revoke: Whether tokens that were issued before are refused with 401.
    """

    refuse: int | None = 0
    code: str = UNKNOWN_KEY
    message: str = _UNKNOWN_KEY_MESSAGE
    lifetime_s: int | None = None
    revoke: bool = False

    def to_document(self) -> dict[str, Any]:
        """Write the rule as it would be given; empty where it says nothing."""
        written: dict[str, Any] = {}
        if self.refuse != 0:
            written["refuse"] = write_times(self.refuse)
            if (self.code, self.message) != (UNKNOWN_KEY, _UNKNOWN_KEY_MESSAGE):
                written.update(code=self.code, message=self.message)
        if self.lifetime_s is not None:
            written["lifetime_s"] = self.lifetime_s
        if self.revoke:
            written["revoke"] = True
        return written


@dataclass(frozen=True, slots=True)
class UsageRule:
    """What the instance may use, in place of its plan's limit and its own.

    Attributes:
        limit_s: How much in all, in seconds of the period; None where this is not said.
        left_s: How much from the moment when this is said.
    """

    limit_s: float | None = None
    left_s: float | None = None

    def to_document(self) -> dict[str, Any]:
        """Write the rule as it would be given; empty where it says nothing."""
        named = ("limit_s", "left_s")
        return {name: getattr(self, name) for name in named if getattr(self, name) is not None}


_TOKENS: Table = {
    "refuse": Field(object),
    "code": Field(str),
    "message": Field(str),
    "lifetime_s": Field(int, low=1, high=_LONGEST_S),
    "revoke": Field(bool),
}
_USAGE: Table = {
    "limit_s": Field(float, low=0, above=True, high=LARGEST_LIMIT_S),
    "left_s": Field(float, low=0, high=LARGEST_LIMIT_S),
}


def read_token_rule(entry: Mapping[str, Any]) -> TokenRule:
    """Read what becomes of tokens.

    Raises:
        InvalidValueError: A field is unknown, out of bounds or without a meaning.
        InvalidTypeError: A field has the wrong type.
    """
    check_options(entry, _TOKENS, "tokens")
    fields = dict(entry)
    if "refuse" in fields:
        fields["refuse"] = read_times(fields["refuse"], "tokens.refuse")
    elif "code" in fields or "message" in fields:
        raise missing("tokens", "refuse")
    return TokenRule(**fields)


def read_usage_rule(entry: Mapping[str, Any]) -> UsageRule:
    """Read what the instance may use.

    Raises:
        InvalidValueError: A field is unknown or out of bounds, or both are given.
        InvalidTypeError: A field has the wrong type.
    """
    check_options(entry, _USAGE, "usage")
    if "limit_s" in entry and "left_s" in entry:
        raise contradiction("usage", "limit_s", "left_s")
    return UsageRule(**entry)
