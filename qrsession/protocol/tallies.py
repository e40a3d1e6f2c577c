"""Counting very many samples, by numpy: a second of counting is worth a tenth to import it.

The samples are sorted, which takes room for a few bytes of each; a table of Python's objects would
take a hundred for each outcome, and time in proportion.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from qrsession.protocol.typed import BitSamples

# Outcomes written as text at once: it takes some megabytes, whatever number there is of them.
_OUTCOMES_AT_ONCE = 2**16
_WIDTHS_OF_KEYS = (4, 8)
_BITS_OF_BYTE = 8
_LAST_OF_BYTE = 0xFF


def tally(parts: "Sequence[BitSamples]") -> Iterator[Iterator[tuple[str, int]]]:
    """Yield each outcome of registers together with its count, most frequent first.

    Equally frequent ones come in the order of their values. They come in blocks, since by
    themselves a million of them would take twice the time.

    Args:
        parts: The registers, with as many samples each, in the order in which a bitstring has
            them from the left; bit 0 of each is on its right, and a space stands between two.
    """
    import numpy as np

    distinct, seen = _distinct(_keys(parts))
    # The largest count first; a stable order leaves those with equal counts as they are: sorted.
    order = np.argsort(-seen, kind="stable")
    for start in range(0, len(order), _OUTCOMES_AT_ONCE):
        some = order[start : start + _OUTCOMES_AT_ONCE]
        yield zip(_bitstrings(distinct[some], parts), seen[some].tolist(), strict=True)


def _num_bytes(part: "BitSamples") -> int:
    return -(-part.num_bits // _BITS_OF_BYTE)


def _keys(parts: "Sequence[BitSamples]") -> "NDArray[Any]":
    """Return the samples as unsigned integers: shape ``(samples, integers)``, the highest first."""
    import numpy as np

    num_bytes = sum(map(_num_bytes, parts))
    width = next((width for width in _WIDTHS_OF_KEYS if num_bytes <= width), _WIDTHS_OF_KEYS[-1])
    padded = -(-num_bytes // width) * width
    rows = np.zeros((parts[0].num_samples, padded), dtype=np.uint8)
    at = padded - num_bytes
    for part in parts:
        end = at + _num_bytes(part)
        rows[:, at:end] = np.frombuffer(part.packed, dtype=np.uint8).reshape(len(rows), end - at)
        if part.num_bits % _BITS_OF_BYTE:
            # The bits that fill up the first byte say nothing, whatever they are.
            rows[:, at] &= _LAST_OF_BYTE >> (_BITS_OF_BYTE - part.num_bits % _BITS_OF_BYTE)
        at = end
    keys = rows.view(f">u{width}")
    # In this machine's order of bytes, which sorts several times faster.
    return keys.astype(f"=u{width}")


def _distinct(keys: "NDArray[Any]") -> "tuple[NDArray[Any], NDArray[np.intp]]":
    """Return the distinct rows in ascending order, and how often each occurs."""
    import numpy as np

    if keys.shape[1] == 1:
        distinct, seen = np.unique(keys, return_counts=True)
        return distinct[:, np.newaxis], seen
    keys = keys[np.lexsort(keys.T[::-1])]
    is_new = np.ones(len(keys), dtype=bool)
    is_new[1:] = (keys[1:] != keys[:-1]).any(axis=1)
    starts = np.flatnonzero(is_new)
    return keys[starts], np.diff(starts, append=len(keys))


def _bitstrings(keys: "NDArray[Any]", parts: "Sequence[BitSamples]") -> list[str]:
    import numpy as np

    width = keys.dtype.itemsize
    bits = np.unpackbits(keys.astype(f">u{width}").view(np.uint8), axis=1)
    length = sum(part.num_bits for part in parts) + len(parts) - 1
    letters = np.full((len(keys), length), ord(" "), dtype=np.uint8)
    end, bits_end = length, bits.shape[1]
    for part in reversed(parts):
        bits_of_part = bits[:, bits_end - part.num_bits : bits_end]
        np.add(bits_of_part, ord("0"), out=letters[:, end - part.num_bits : end])
        end -= part.num_bits + 1
        bits_end -= _num_bytes(part) * _BITS_OF_BYTE
    text = letters.tobytes().decode("ascii")
    return [text[at : at + length] for at in range(0, len(text), length)]
