"""Which terms of observables can be measured together, and how each is read off the bits.

A term is a product of one letter for each qubit, as Qiskit writes it: the last letter belongs to
qubit 0. ``I`` leaves a qubit out; ``X Y Z`` are Paulis, with values +1 and -1; ``+ - r l 0 1`` are
projectors onto one of a Pauli's two states, with values 0 and 1.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_BASES = {
    "X": "X",
    "+": "X",
    "-": "X",
    "Y": "Y",
    "r": "Y",
    "l": "Y",
    "Z": "Z",
    "0": "Z",
    "1": "Z",
}
_PAULIS = frozenset("XYZ")
# Projectors onto the state that is read as 1; the others are onto the one that is read as 0.
_ONTO_ONE = frozenset("-l1")


@dataclass(frozen=True, slots=True)
class Group:
    """Terms that one measurement serves.

    Attributes:
        basis: The Pauli that each measured qubit is measured in, by qubit.
        terms: The terms, as they are written.
    """

    basis: dict[int, str]
    terms: list[str]


def letters_of(term: str) -> dict[int, str]:
    """Return a term's letters by qubit, identities left out."""
    return {qubit: letter for qubit, letter in enumerate(reversed(term)) if letter != "I"}


def group_terms(terms: Iterable[str]) -> list[Group]:
    """Put terms into groups within which every qubit is measured in one basis.

    Each term joins the first group that it fits, the longest terms first, so that short ones find
    a place in theirs. The identity is in no group, since it needs no measurement.
    """
    wanted = [(letters_of(term), term) for term in dict.fromkeys(terms)]
    groups: list[Group] = []
    for letters, term in sorted(wanted, key=lambda entry: -len(entry[0])):
        if not letters:
            continue
        basis = {qubit: _BASES[letter] for qubit, letter in letters.items()}
        for group in groups:
            if all(group.basis.get(qubit, pauli) == pauli for qubit, pauli in basis.items()):
                group.basis.update(basis)
                group.terms.append(term)
                break
        else:
            groups.append(Group(basis, [term]))
    return groups


@dataclass(frozen=True, slots=True)
class TermReader:
    """What values terms have for outcomes, made ready once for all points of a sweep.

    Attributes:
        parities: Whether a bit counts in a term's sign: float64, shape ``(bits, terms)``.
        projectors: Number of a term, bit, and what that must be for the term not to be 0.
    """

    parities: NDArray[np.float64]
    projectors: list[tuple[int, int, bool]]

    @classmethod
    def of(cls, terms: Sequence[str], column_of: Mapping[int, int], num_bits: int) -> "TermReader":
        """Make one for terms whose qubits are measured into these of so many bits."""
        parities = np.zeros((num_bits, len(terms)))
        projectors = []
        for index, term in enumerate(terms):
            for qubit, letter in letters_of(term).items():
                if letter in _PAULIS:
                    parities[column_of[qubit], index] = 1.0
                else:
                    projectors.append((index, column_of[qubit], letter in _ONTO_ONE))
        return cls(parities, projectors)

    def values(self, bits: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the value of each term for each outcome.

        Args:
            bits: The outcomes: bool, shape ``(outcomes, bits)``.

        Returns:
            Float64, shape ``(outcomes, terms)``.
        """
        values: NDArray[np.float64] = 1.0 - 2.0 * ((bits.astype(np.float64) @ self.parities) % 2.0)
        for index, column, wanted in self.projectors:
            values[:, index] *= bits[:, column] == wanted
        return values
