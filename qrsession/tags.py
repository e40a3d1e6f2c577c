"""The tag that each submission bears, by which its job is found where the reply was lost."""

import os

_PREFIX = "qrs-"
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz234567")
_LENGTH = 26
_BYTES = 17


def new_tag() -> str:
    """Return a tag that no other submission bears: 130 random bits."""
    return _tag_of(os.urandom(_BYTES))


def derived_tag(key: str, *content: str | bytes) -> str:
    """Return the tag of a submission that is to exist once, however often it is asked for.

    The same key and content have the same tag, others another one: 130 bits of a hash.
    """
    from qrsession.cache import content_key  # noqa: PLC0415 - most submissions need none

    return _tag_of(bytes.fromhex(content_key("once", key, *content))[:_BYTES])


def is_own_tag(tag: str) -> bool:
    """Return whether a tag is that of a submission, and not one of the user's."""
    body = tag.removeprefix(_PREFIX)
    return tag.startswith(_PREFIX) and len(body) == _LENGTH and _LETTERS.issuperset(body)


def without_own_tag(tags: tuple[str, ...]) -> tuple[str, ...]:
    """Return the user's tags, without that of the submission."""
    return tuple(tag for tag in tags if not is_own_tag(tag))


def _tag_of(data: bytes) -> str:
    from base64 import b32encode  # noqa: PLC0415 - those who look at tags make none

    return _PREFIX + b32encode(data).decode().lower()[:_LENGTH]
