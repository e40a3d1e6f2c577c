"""The tag that each submission bears, by which its job is found where the reply was lost."""

import os

_PREFIX = "qrs-"
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz234567")
_LENGTH = 26
_RANDOM_BYTES = 17


def new_tag() -> str:
    """Return a tag that no other submission bears: 130 random bits."""
    from base64 import b32encode  # noqa: PLC0415 - those who look at tags make none

    return _PREFIX + b32encode(os.urandom(_RANDOM_BYTES)).decode().lower()[:_LENGTH]


def is_own_tag(tag: str) -> bool:
    """Return whether a tag is that of a submission, and not one of the user's."""
    body = tag.removeprefix(_PREFIX)
    return tag.startswith(_PREFIX) and len(body) == _LENGTH and _LETTERS.issuperset(body)


def without_own_tag(tags: tuple[str, ...]) -> tuple[str, ...]:
    """Return the user's tags, without that of the submission."""
    return tuple(tag for tag in tags if not is_own_tag(tag))
