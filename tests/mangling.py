"""Documents that went wrong on the way, or were forged: strategies of hypothesis for any of them.

`mangled` changes a valid document in a few places: a node is left out, replaced, put in twice or
given another type; a string is cut off or changed; packed data is unpacked, changed and packed
again, so that what is behind the packing is reached as well.
"""

import base64
import copy
import json
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import strategies as st

# What JSON can say and few expect, beside the plain.
ODD_NUMBERS = (0, -1, 2**31, 2**63, 10**400, -0.0, 1e308, float("inf"), float("nan"), 5e-324)
ODD_TEXTS = ("", "\ud800", "\x00", "\x1b[2J", "a" * 5000, "NaN", "0", "__class__", "é ü", "null")
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(ODD_NUMBERS)
    | st.sampled_from(ODD_TEXTS)
)
ANY_JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=12,
)


def nested(levels: int, inner: str = "") -> str:
    """Return the text of lists in lists."""
    return "[" * levels + inner + "]" * levels


def places_of(document: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each node of a document as its container and the key or index in it."""
    if isinstance(document, dict):
        entries: Any = document.items()
    else:
        entries = enumerate(document) if isinstance(document, list) else ()
    for key, value in entries:
        yield document, key
        yield from places_of(value)


@st.composite
def mangled(draw: Callable[..., Any], documents: Any, times: int = 3) -> Any:
    """Draw one of some valid documents, changed in a few places.

    Args:
        draw: Hypothesis's.
        documents: Valid documents.
        times: How many places are changed at most.
    """
    box = [copy.deepcopy(draw(st.sampled_from(documents)))]
    for _ in range(draw(st.integers(1, times))):
        places = list(places_of(box))
        container, key = places[draw(st.integers(0, len(places) - 1))]
        _change(draw, container, key)
        if not box:
            return None
    return box[0]


def _change(draw: Callable[..., Any], container: Any, key: Any) -> None:
    value = container[key]
    if isinstance(value, str) and draw(st.booleans()):
        container[key] = draw(_other_text(value))
        return
    change = draw(st.sampled_from(("odd", "any", "drop", "twice", "wrap", "text", "nest")))
    if change == "drop":
        del container[key]
    elif change == "twice" and isinstance(container, list):
        container.insert(key, value)
    elif change == "wrap":
        container[key] = [value]
    elif change == "text":
        container[key] = str(value)
    elif change == "nest":
        container[key] = json.loads(nested(draw(st.sampled_from((40, 70, 300)))))
    else:
        container[key] = draw(ANY_JSON if change == "any" else LEAVES)


@st.composite
def _other_text(draw: Callable[..., Any], text: str) -> str:
    """Draw a text that was cut off or changed, or whose packed bytes were."""
    if not text:
        return str(draw(st.sampled_from(ODD_TEXTS)))
    if draw(st.booleans()):
        return str(text[: draw(st.integers(0, len(text) - 1))])
    try:
        data = bytearray(zlib.decompress(base64.b64decode(text)))
    except (ValueError, zlib.error):
        at = draw(st.integers(0, len(text) - 1))
        return f"{text[:at]}{draw(st.characters())}{text[at + 1 :]}"
    for _ in range(draw(st.integers(1, 4))):
        if not data:
            break
        at = draw(st.integers(0, len(data) - 1))
        data[at] = draw(st.integers(0, 255))
    return packed(bytes(data[: draw(st.integers(len(data) // 2, len(data)))]))


def packed(data: bytes) -> str:
    """Pack bytes as typed JSON has them."""
    return base64.b64encode(zlib.compress(data)).decode()


def bomb(head: bytes, megabytes: int) -> str:
    """Pack some bytes with so many megabytes of nothing behind them.

    One megabyte is packed, and stands there many times: after a full flush each is by itself.
    """
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    start = squeeze.compress(head) + squeeze.flush(zlib.Z_FULL_FLUSH)
    nothing = squeeze.compress(bytes(2**20)) + squeeze.flush(zlib.Z_FULL_FLUSH)
    content = start + nothing * megabytes + squeeze.flush()
    return base64.b64encode(b"\x78\xda" + content + _checksum(head, megabytes)).decode()


def _checksum(head: bytes, megabytes: int) -> bytes:
    """Return the Adler-32 of bytes and zeros: their sum stays, and the sum of sums grows by it."""
    high, low = divmod(zlib.adler32(head), 2**16)
    high = (high + low * megabytes * 2**20) % 65521
    return (high * 2**16 + low).to_bytes(4, "big")


def npy(header: str, data: bytes = b"", version: int = 1) -> dict[str, Any]:
    """Make a typed array of a header as it is given and whatever follows it."""
    text = header.encode("latin-1")
    length = len(text).to_bytes(2 if version == 1 else 4, "little")
    content = b"\x93NUMPY" + bytes([version, 0]) + length + text + data
    return {"__type__": "ndarray", "__value__": packed(content)}
