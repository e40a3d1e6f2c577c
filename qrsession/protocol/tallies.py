"""Counting very many samples, by numpy: a second of counting is worth a tenth to import it.

The samples are sorted, which takes room for a few bytes of each; a table of Python's objects would
take a hundred for each outcome, and time in proportion.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
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


class Tally:
    """The outcomes of registers together, counted; most frequent first.

    Equally frequent ones come in the order of their values. A distinct outcome takes some bytes
    here, a hundred as text in a dictionary.

    Args:
        parts: The registers, with as many samples each, in the order in which a bitstring has
            them from the left; bit 0 of each is on its right, and a space stands between two.
    """

    def __init__(self, parts: "Sequence[BitSamples]") -> None:
        self._parts = [replace(part, packed=b"") for part in parts]
        self._distinct, self._seen = _distinct(_keys(parts))

    def __len__(self) -> int:
        """Return how many outcomes there are."""
        return len(self._seen)

    def blocks(self) -> Iterator[Iterator[tuple[str, int]]]:
        """Yield each outcome with its count, in blocks.

        By themselves a million of them would take twice the time.
        """
        order = self._order
        for start in range(0, len(order), _OUTCOMES_AT_ONCE):
            yield self._texts(order[start : start + _OUTCOMES_AT_ONCE])

    def first(self, number: int) -> list[tuple[str, int]]:
        """Return so many outcomes with their counts, or all where there are fewer."""
        return list(self._texts(self._order[:number]))

    @cached_property
    def _order(self) -> "NDArray[np.uint32]":
        import numpy as np

        # The largest count first, and of equal ones the least value: one number says both.
        ranks = np.subtract(self._seen.max(initial=0), self._seen, dtype=np.uint64)
        ranks <<= np.uint64(32)
        ranks |= np.arange(len(ranks), dtype=np.uint32)
        ranks.sort()
        order: NDArray[np.uint32] = ranks.astype(np.uint32)
        return order

    def _texts(self, rows: "NDArray[np.uint32]") -> Iterator[tuple[str, int]]:
        texts = _bitstrings(self._distinct[rows], self._parts)
        return zip(texts, self._seen[rows].tolist(), strict=True)


def tally(parts: "Sequence[BitSamples]") -> Iterator[Iterator[tuple[str, int]]]:
    """Yield each outcome of registers together with its count, as `Tally.blocks` does."""
    return Tally(parts).blocks()


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
    return keys.byteswap(inplace=True).view(f"<u{width}") if sys.byteorder == "little" else keys


def _distinct(keys: "NDArray[Any]") -> "tuple[NDArray[Any], NDArray[np.uint32]]":
    """Return the distinct rows in ascending order, and how often each occurs."""
    import numpy as np

    if keys.shape[1] == 1:
        # Where they are: there are no more than 2^30 of them.
        keys.sort(axis=0)
    else:
        keys = keys[np.lexsort(keys.T[::-1])]
    is_new = np.ones(len(keys), dtype=bool)
    is_new[1:] = (keys[1:] != keys[:-1]).any(axis=1)
    starts = np.flatnonzero(is_new).astype(np.uint32)
    return keys[is_new], np.diff(starts, append=np.uint32(len(keys)))


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
