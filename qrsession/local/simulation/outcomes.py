"""What circuits give, and where their randomness comes from."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_SEED_BYTES = 7


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What one point of a sweep gave.

    Attributes:
        bits: The distinct outcomes: bool, shape ``(outcomes, clbits)``; column i is the circuit's
            clbit i.
        counts: How often each occurred: int64, shape ``(outcomes,)``.
    """

    bits: NDArray[np.bool_]
    counts: NDArray[np.int64]


def derive_seed(seed: int, *path: int | str) -> int:
    """Return a seed for one part of a job, unrelated to those of all other parts.

    Aer seeds each shot by adding one to the circuit's seed, and each point of a sweep by adding
    2113: neighbouring seeds would give different parts the same shots.
    """
    digest = hashlib.sha256(repr((seed, *path)).encode()).digest()
    return int.from_bytes(digest[:_SEED_BYTES], "big")


def outcomes_of(counts: Mapping[str, int] | None, width: int, shots: int) -> Outcomes:
    """Read the counts of Aer.

    Args:
        counts: How often each outcome occurred, by the outcome in hexadecimal; None or empty where
            nothing was measured.
        width: The number of clbits; higher bits are dropped.
        shots: Shots that were run.
    """
    if not counts or not width:
        # Nothing was measured: all bits are 0 as they were.
        return Outcomes(np.zeros((1, width), dtype=bool), np.array([shots]))
    num_bytes = -(-width // 8)
    mask = (1 << width) - 1
    merged: dict[int, int] = {}
    for key, count in counts.items():
        # With errors of readout, bits beyond the width may differ where all others are the same.
        outcome = int(key, 16) & mask
        merged[outcome] = merged.get(outcome, 0) + count
    packed = b"".join(outcome.to_bytes(num_bytes, "little") for outcome in merged)
    table = np.frombuffer(packed, dtype=np.uint8).reshape(len(merged), num_bytes)
    bits = np.unpackbits(table, axis=1, count=width, bitorder="little").astype(bool)
    return Outcomes(bits, np.fromiter(merged.values(), dtype=np.int64, count=len(merged)))
