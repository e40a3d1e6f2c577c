"""Errors of readout, made of the bits that a circuit would give if each were read rightly."""

from collections.abc import Mapping

import numpy as np

from qrsession.local.simulation.outcomes import Outcomes, counted

_BITS_OF_BYTE = 8

Flips = Mapping[int, tuple[float, float]]


def misread(outcomes: Outcomes, flips: Flips, seed: int) -> Outcomes:
    """Return outcomes as they are read, each bit of each shot by itself.

    Args:
        outcomes: The outcomes.
        flips: For clbits by their number, the probabilities to read a 1 for a 0, and a 0 for a 1.
        seed: What the errors come from.
    """
    wanted = {clbit: pair for clbit, pair in flips.items() if any(pair)}
    if not wanted:
        return outcomes
    rng = np.random.default_rng(seed)
    bits = outcomes.bits
    outcome_of_shot = outcomes.of_shots()
    packed = np.packbits(bits, axis=1, bitorder="little")[outcome_of_shot]
    # Bit by bit, since all at once would be a gigabyte for a million shots of a wide circuit.
    for clbit, (one_of_zero, zero_of_one) in wanted.items():
        is_one = bits[outcome_of_shot, clbit]
        chances = np.where(is_one, zero_of_one, one_of_zero)
        is_wrong = (rng.random(len(chances)) < chances).astype(np.uint8)
        packed[:, clbit // _BITS_OF_BYTE] ^= is_wrong << (clbit % _BITS_OF_BYTE)
    return counted(packed, bits.shape[1])
