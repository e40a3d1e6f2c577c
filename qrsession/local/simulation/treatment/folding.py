"""Folding of gates: the same circuit with more noise.

A gate that is its own inverse is done three times, or five, in place of once: the state is the same
and the noise about three times as much, or five. For a factor in between some gates are done twice
more than others. Source: ``amplifier`` of "ZneOptions" in the API reference.
"""

import numpy as np
from qiskit import QuantumCircuit

from qrsession.local.simulation.treatment.twirling import CLIFFORD_PAIRS
from qrsession.protocol.treatment import Amplifier

_CLOSE = 1e-9


def folded(
    circuit: QuantumCircuit, factor: float, amplifier: Amplifier, rng: np.random.Generator
) -> QuantumCircuit:
    """Return a circuit whose two-qubit gates make about ``factor`` times as much noise.

    Args:
        circuit: What `prepared` returned.
        factor: The noise factor, at least 1.
        amplifier: Which gates are folded once more where not all are; PEA, which is not
            simulated, folds at random.
        rng: What draws them where they are random.
    """
    places = [i for i, part in enumerate(circuit.data) if part.name in CLIFFORD_PAIRS]
    pairs, rest = divmod(factor - 1, 2)
    more = _number_more(rest / 2 * len(places))
    if not places or (pairs == 0 and more == 0):
        return circuit
    chosen = _chosen(len(places), more, amplifier, rng)
    repeats = {
        place: int(pairs) + bool(is_more) for place, is_more in zip(places, chosen, strict=True)
    }
    target = circuit.copy_empty_like()
    for place, instruction in enumerate(circuit.data):
        for _ in range(1 + 2 * repeats.get(place, 0)):
            target._append(instruction)  # noqa: SLF001 - checked before
    return target


def _number_more(wanted: float) -> int:
    """Return how many gates are folded once more: one at least where any part of one is wanted."""
    return 0 if wanted < _CLOSE else max(1, round(wanted))


def _chosen(number: int, more: int, amplifier: Amplifier, rng: np.random.Generator) -> list[bool]:
    if amplifier is Amplifier.FRONT:
        return [index < more for index in range(number)]
    if amplifier is Amplifier.BACK:
        return [index >= number - more for index in range(number)]
    drawn = set(rng.choice(number, more, replace=False).tolist())
    return [index in drawn for index in range(number)]
