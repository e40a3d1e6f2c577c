"""What circuits give, and where their randomness comes from."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit

_SEED_BYTES = 7
# Outcomes of Aer read at once: Python's numbers and bytes take a hundred bytes for each.
_OUTCOMES_AT_ONCE = 2**14
_BITS_OF_BYTE = 8


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

    def of_shots(self) -> NDArray[np.uint32]:
        """Return the outcome of each shot, as its row in ``bits``, those of one next to each other.

        Shots are independent of each other, so any order of them is as likely as any other.
        """
        return np.repeat(np.arange(len(self.counts), dtype=np.uint32), self.counts)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A circuit to run.

    Attributes:
        circuit: What `prepared` returned; its qubit i is the device's qubit i.
        values: Values of its parameters at each point of a sweep: float64, shape ``(points,
            parameters)``, in the order of ``circuit.parameters``.
        shots: Shots for each point.
        seed: What the randomness of all points comes from.
    """

    circuit: QuantumCircuit
    values: NDArray[np.float64]
    shots: int
    seed: int


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
    num_bytes = -(-width // _BITS_OF_BYTE)
    mask = (1 << width) - 1
    packed = np.empty((len(counts), num_bytes), dtype=np.uint8)
    keys = iter(counts)
    is_cut = False
    for start in range(0, len(counts), _OUTCOMES_AT_ONCE):
        some = [int(key, 16) for key in islice(keys, _OUTCOMES_AT_ONCE)]
        is_cut = is_cut or max(some) > mask
        rows = b"".join((outcome & mask).to_bytes(num_bytes, "little") for outcome in some)
        packed[start : start + len(some)] = np.frombuffer(rows, np.uint8).reshape(-1, num_bytes)
    seen = np.fromiter(counts.values(), dtype=np.int64, count=len(counts))
    if is_cut:
        # With errors of readout, bits beyond the width may differ where all others are the same.
        return counted(packed, width, seen)
    return Outcomes(_unpacked(packed, width), seen)


def dealt(outcomes: Outcomes, number: int, rng: np.random.Generator) -> Iterator[Outcomes]:
    """Deal the shots of a run out at random, to so many points, each the same number of them."""
    order = rng.permutation(outcomes.of_shots())
    for shots in order.reshape(number, -1):
        rows, seen = np.unique(shots, return_counts=True)
        yield Outcomes(outcomes.bits[rows], seen.astype(np.int64))


def joined(parts: Sequence[tuple[Outcomes, Sequence[int]]], width: int, seed: int) -> Outcomes:
    """Put outcomes of parts of a circuit together, which are independent of each other.

    Args:
        parts: For each part its outcomes, and where its clbits are in the whole circuit. All have
            the same number of shots.
        width: The number of clbits of the whole circuit.
        seed: What decides which shots meet.
    """
    rng = np.random.default_rng(seed)
    shots = int(parts[0][0].counts.sum())
    packed = np.zeros((shots, max(-(-width // _BITS_OF_BYTE), 1)), dtype=np.uint8)
    for outcomes, places in parts:
        wide = np.zeros((len(outcomes.counts), width), dtype=bool)
        wide[:, list(places)] = outcomes.bits
        rows = rng.permutation(outcomes.of_shots())
        packed |= np.packbits(wide, axis=1, bitorder="little")[rows]
    return counted(packed, width)


def counted(
    packed: NDArray[np.uint8], width: int, seen: NDArray[np.int64] | None = None
) -> Outcomes:
    """Count outcomes.

    Args:
        packed: The bits of each shot, bit 0 the least significant of the first byte: uint8, shape
            ``(shots, bytes)``.
        width: The number of clbits.
        seen: How many shots each row stands for: int64, shape ``(shots,)``; None: one.
    """
    rows = np.ascontiguousarray(packed).view(f"V{packed.shape[1]}").ravel()
    if seen is None:
        distinct, totals = np.unique(rows, return_counts=True)
    else:
        distinct, row_of = np.unique(rows, return_inverse=True)
        totals = np.zeros(len(distinct), dtype=np.int64)
        np.add.at(totals, row_of, seen)
    table = distinct.view(np.uint8).reshape(len(distinct), -1)
    return Outcomes(_unpacked(table, width), totals.astype(np.int64))


def _unpacked(packed: NDArray[np.uint8], width: int) -> NDArray[np.bool_]:
    """Return the bits of rows of bytes, bit 0 the least significant of the first byte."""
    return np.unpackbits(packed, axis=1, count=width, bitorder="little").view(bool)
