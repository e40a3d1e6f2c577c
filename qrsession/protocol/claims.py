"""How much a document of typed JSON takes once it is unpacked, told before it is.

Each array has a bound of its own, but a document may hold thousands, each of a megabyte that grows
a thousandfold. What a short one can grow to is told by its length; of a long one the headers of
its arrays are looked at.
"""

from typing import Any

from qrsession.errors import WireFormatError
from qrsession.protocol.typed import LARGEST_ARRAY_BYTES, array_bytes

# Of all arrays of a document together.
LARGEST_DOCUMENT_BYTES = LARGEST_ARRAY_BYTES
# zlib makes at most 1032 bytes of one, and base64 three of four.
_MOST_BYTES_OF_CHARACTER = 774


def check_claims(document: Any, num_characters: int | None = None) -> None:
    """Refuse a document whose arrays together take more than `LARGEST_DOCUMENT_BYTES`.

    Args:
        document: Parsed JSON.
        num_characters: The length of its text, if it is known.

    Raises:
        WireFormatError: They do, or one of them has no header that can be read.
    """
    harmless = LARGEST_DOCUMENT_BYTES // _MOST_BYTES_OF_CHARACTER
    if num_characters is not None and num_characters <= harmless:
        return
    packed: list[dict[str, Any]] = []
    num_packed = 0
    rest = [document]
    while rest:
        part = rest.pop()
        if isinstance(part, list):
            rest += [entry for entry in part if isinstance(entry, dict | list)]
        elif isinstance(part, dict):
            text = part.get("__value__")
            if part.get("__type__") == "ndarray" and isinstance(text, str):
                packed.append(part)
                num_packed += len(text)
            else:
                rest += part.values()
    if num_packed <= harmless:
        return
    size_bytes = 0
    for array in packed:
        size_bytes += array_bytes(array)
        if size_bytes > LARGEST_DOCUMENT_BYTES:
            raise WireFormatError(
                f"The arrays of a document hold more than {LARGEST_DOCUMENT_BYTES} bytes together.",
                advice="Ask for fewer shots or points in a job.",
            )
