"""What happens to files: bytes flipped, cut, doubled, moved, and numbers that claim too much."""

import struct
from collections.abc import Callable, Sequence

from hypothesis import strategies as st

Edit = Callable[[bytes], bytes]

_CLAIMS = [
    *(
        struct.pack(form, number)
        for form in ("!I", "<I")
        for number in (0, 10**7, 2**31, 2**32 - 1)
    ),
    *(struct.pack("!Q", number) for number in (0, 10**9, 2**40, 2**63, 2**64 - 1)),
    *(b"\x00", b"\xff", b"\x7f", b"\x80"),
]
_ODD_TEXT = [
    "\x00",
    "\ufeff",
    "\r\n",
    "\u2028",
    "π",
    "ß",
    "🦆",
    "\x1b[31m",
    "'",
    '"',
    "\\",
    "/*",
    "//",
]


def _places() -> st.SearchStrategy[float]:
    return st.floats(0, 1, exclude_max=True)


@st.composite
def edits(draw: st.DrawFn, words: Sequence[str] = ()) -> Edit:
    """Draw one change of a file; ``words`` are put in, as they stand."""
    kind = draw(st.sampled_from(["flip", "cut", "drop", "double", "move", "claim", "put", "word"]))
    start, length, other = draw(_places()), draw(st.integers(1, 64)), draw(_places())
    mask = draw(st.integers(1, 255))
    claim = draw(st.sampled_from(_CLAIMS))
    put = draw(st.binary(min_size=1, max_size=8))
    word = draw(st.sampled_from([*words, *_ODD_TEXT])).encode()

    def edit(data: bytes) -> bytes:
        at, to = int(start * len(data)), int(other * len(data))
        part = data[at : at + length]
        changed = {
            "flip": bytes(byte ^ mask for byte in data[at : at + 1]) + data[at + 1 :],
            "cut": b"",
            "drop": data[at + length :],
            "double": part + data[at:],
            "claim": claim + data[at + len(claim) :],
            "put": put + data[at:],
            "word": word + data[at:],
        }
        if kind == "move":
            rest = data[:at] + data[at + length :]
            return rest[:to] + part + rest[to:]
        return data[:at] + changed[kind]

    return edit


@st.composite
def damaged(draw: st.DrawFn, files: Sequence[bytes], words: Sequence[str] = ()) -> bytes:
    """Draw one of some files, changed in one to four ways."""
    data = draw(st.sampled_from(files))
    for edit in draw(st.lists(edits(words), min_size=1, max_size=4)):
        data = edit(data)
    return data
