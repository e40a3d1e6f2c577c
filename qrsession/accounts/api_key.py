"""API keys as people hand them over: what is taken for one, and what cannot be one.

No message here repeats anything of what was given.
"""

import json

from qrsession.errors import InvalidValueError

# The longest that IBM issues has 44 characters; other services issue tokens of some thousand.
LONGEST_BYTES = 65_536
_QUOTES = "'\"`"


def parse_key(data: bytes | str, source: str) -> str:
    """Return the API key that a file, a pipe, a prompt or a variable holds.

    One line break at its end is no part of it. The JSON file that IBM Cloud offers for download
    when a key is made, ``{"apikey": "..."}``, is taken too.

    Args:
        data: What was given.
        source: Where it is from, for messages: ``The file key.txt``.

    Raises:
        InvalidValueError: It is empty, has blanks or control characters, or stands in quotes.
    """
    try:
        text = data if isinstance(data, str) else data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _refused(source, "holds bytes that are no text") from None
    if text.lstrip().startswith("{"):
        text = _from_download(text, source)
    for line_break in ("\r\n", "\n"):
        if text.endswith(line_break):
            text = text.removesuffix(line_break)
            break
    reason = _fault_of(text)
    if reason:
        raise _refused(source, reason)
    return text


def _fault_of(text: str) -> str | None:
    """Return why a text cannot be a key, None where it can."""
    faults = (
        (not text.strip(), "holds no key"),
        (len(text) > LONGEST_BYTES, "holds more than a key"),
        ("\n" in text or "\r" in text, "holds several lines"),
        (any(char.isspace() for char in text), "holds a key with blanks"),
        (not (text.isascii() and text.isprintable()), "holds characters that no key has"),
        (text[:1] in _QUOTES or text[-1:] in _QUOTES, "holds a key in quotes"),
    )
    return next((reason for is_so, reason in faults if is_so), None)


def _from_download(text: str, source: str) -> str:
    try:
        key = json.loads(text)["apikey"]
    except (ValueError, KeyError, RecursionError):
        raise _refused(source, "holds JSON without an 'apikey'") from None
    if not isinstance(key, str):
        raise _refused(source, "holds an 'apikey' that is no text")
    return key


def _refused(source: str, reason: str) -> InvalidValueError:
    return InvalidValueError(
        f"{source} {reason}.",
        advice="Give the key alone, on one line, without quotes and blanks.",
    )
