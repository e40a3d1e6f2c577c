"""Errors of readout, made of the bits that a circuit would give if each were read rightly."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

_BITS_OF_BYTE = 8

Flips = Mapping[int, tuple[float, float]]


def misread(
    bits: NDArray[np.bool_], counts: NDArray[np.int64], flips: Flips, seed: int
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Return outcomes as they are read, each bit of each shot by itself.

    Args:
        bits: The distinct outcomes: bool, shape ``(outcomes, clbits)``.
        counts: How often each occurred: int64, shape ``(outcomes,)``.
        flips: For clbits by their number, the probabilities to read a 1 for a 0, and a 0 for a 1.
        seed: What the errors come from.

    Returns:
        Bits and counts of what was read, with shapes as above.
    """
    wanted = {clbit: pair for clbit, pair in flips.items() if any(pair)}
    if not wanted:
        return bits, counts
    rng = np.random.default_rng(seed)
    outcome_of_shot = np.repeat(np.arange(len(counts)), counts)
    packed = np.packbits(bits, axis=1, bitorder="little")[outcome_of_shot]
    # Bit by bit, since all at once would be a gigabyte for a million shots of a wide circuit.
    for clbit, (one_of_zero, zero_of_one) in wanted.items():
        is_one = bits[outcome_of_shot, clbit]
        chances = np.where(is_one, zero_of_one, one_of_zero)
        is_wrong = (rng.random(len(chances)) < chances).astype(np.uint8)
        packed[:, clbit // _BITS_OF_BYTE] ^= is_wrong << (clbit % _BITS_OF_BYTE)
    rows = np.ascontiguousarray(packed).view(f"V{packed.shape[1]}").ravel()
    distinct, seen = np.unique(rows, return_counts=True)
    table = distinct.view(np.uint8).reshape(len(distinct), -1)
    read = np.unpackbits(table, axis=1, count=bits.shape[1], bitorder="little").astype(bool)
    return read, seen.astype(np.int64)
