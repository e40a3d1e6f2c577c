"""Errors of measurements, learned and taken out of expectation values (TREX).

With measurements twirled, an error of reading makes the value of a Pauli smaller by a factor, the
same for every state. The factor is what the Pauli's value is in state 0, where it would be 1: that
is learned from circuits that do nothing but flip qubits at random and measure them.

Source: E. van den Berg, Z. Minev, K. Temme, Physical Review A 105, 032620 (2022); guide "Error
mitigation and suppression techniques".
"""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit

from qrsession.local.simulation.estimation.grouping import letters_of
from qrsession.local.simulation.failures import not_valid
from qrsession.local.simulation.outcomes import derive_seed
from qrsession.local.simulation.treatment.bench import Bench
from qrsession.protocol.treatment import Learning

# Qubits learned in one circuit: enough to share its cost, few enough to be simulated fast.
_QUBITS_AT_ONCE = 5
_MOST_PROJECTORS = 10
# A projector is half the identity and half a Pauli, with this sign.
_PROJECTORS = {
    "+": ("X", 1),
    "-": ("X", -1),
    "r": ("Y", 1),
    "l": ("Y", -1),
    "0": ("Z", 1),
    "1": ("Z", -1),
}


@dataclass(frozen=True, slots=True)
class Readout:
    """What was learned.

    Attributes:
        errors: Whether each bit was read wrong: bool, shape ``(randomizations, shots, qubits)``.
        column_of: The place of each of the device's qubits in ``errors``.
    """

    errors: NDArray[np.bool_]
    column_of: Mapping[int, int]

    def factors(self, terms: Iterable[str]) -> NDArray[np.float64]:
        """Return by how much reading makes each term smaller.

        Args:
            terms: Products of Paulis; the last letter belongs to qubit 0.

        Returns:
            Float64, shape ``(randomizations, terms)``: their mean is the factor, and their spread
            its error.
        """
        columns = []
        for term in terms:
            places = [self.column_of[qubit] for qubit in letters_of(term)]
            odd = np.bitwise_xor.reduce(self.errors[:, :, places], axis=2)
            columns.append(1.0 - 2.0 * odd.mean(axis=1))
        return np.stack(columns, axis=1)


def learn(
    bench: Bench, learning: Learning, qubits: Iterable[int], shots: int, seed: int
) -> Readout:
    """Learn the errors of measuring some qubits.

    Each randomization flips each qubit or not. Qubits that nothing connects are independent of
    each other, so those that are flipped and those that are not come from one circuit each, for a
    few qubits at a time; they are put together to randomizations afterwards.

    Args:
        bench: The device.
        learning: How many randomizations there are.
        qubits: The device's qubits.
        shots: The shots of each randomization, where the options do not say.
        seed: What its randomness comes from.
    """
    wanted = sorted(set(qubits))
    number, each = learning.num_randomizations, learning.shots_per_randomization or shots
    rng = np.random.default_rng(derive_seed(seed, "learning"))
    flips = rng.integers(2, size=(number, len(wanted))).astype(bool)
    errors = np.empty((number, each, len(wanted)), dtype=bool)
    for start in range(0, len(wanted), _QUBITS_AT_ONCE):
        part = wanted[start : start + _QUBITS_AT_ONCE]
        here = slice(start, start + len(part))
        read = []
        for is_flipped in (False, True):
            part_seed = derive_seed(seed, "learning", start, is_flipped)
            bits = _read(bench, part, number * each, part_seed, is_flipped=is_flipped)
            read.append((rng.permutation(bits) ^ is_flipped).reshape(number, each, len(part)))
        errors[:, :, here] = np.where(flips[:, None, here], read[1], read[0])
    return Readout(errors, {qubit: column for column, qubit in enumerate(wanted)})


def _read(
    bench: Bench, qubits: list[int], shots: int, seed: int, *, is_flipped: bool
) -> NDArray[np.bool_]:
    """Measure qubits in state 0 or 1: bool, shape ``(shots, qubits)``, in no order."""
    twin, natives = bench.twin, bench.natives
    width = max(qubits) + 1 if twin is None else twin.rules.num_qubits
    circuit = QuantumCircuit(width, len(qubits))
    for clbit, qubit in enumerate(qubits):
        if is_flipped and natives is not None:
            circuit.append(natives.x, [qubit])
        circuit.measure(qubit, clbit)
    (outcomes,) = bench.simulator.run(circuit, np.empty((1, 0)), shots, seed, twin)
    return np.repeat(outcomes.bits, outcomes.counts, axis=0)


def in_paulis(observable: Mapping[str, float]) -> Mapping[str, float]:
    """Return an observable without projectors, whose values have no single factor.

    Raises:
        JobFailedError: A term has too many of them.
    """
    if not any(letter in _PROJECTORS for term in observable for letter in term):
        return observable
    paulis: dict[str, float] = {}
    for term, coeff in observable.items():
        for pauli, part in _expanded(term):
            paulis[pauli] = paulis.get(pauli, 0.0) + coeff * part
    return paulis


def _expanded(term: str) -> Iterable[tuple[str, float]]:
    number = sum(letter in _PROJECTORS for letter in term)
    if number > _MOST_PROJECTORS:
        raise not_valid(
            f"The observable has a term with projectors on {number} qubits; measurement mitigation "
            f"takes them on {_MOST_PROJECTORS} at most.",
            "Write the observable in Paulis, or set resilience.measure_mitigation to false.",
        )
    choices = [
        (("I", 0.5), (_PROJECTORS[letter][0], 0.5 * _PROJECTORS[letter][1]))
        if letter in _PROJECTORS
        else ((letter, 1.0),)
        for letter in term
    ]
    for chosen in itertools.product(*choices):
        part = float(np.prod([size for _, size in chosen]))
        yield "".join(letter for letter, _ in chosen), part
