"""Which terms of observables can be measured together, and how each is read off the bits.

A term is a product of one letter for each qubit, as Qiskit writes it: the last letter belongs to
qubit 0. ``I`` leaves a qubit out; ``X Y Z`` are Paulis, with values +1 and -1; ``+ - r l 0 1`` are
projectors onto one of a Pauli's two states, with values 0 and 1.
"""

from collections.abc import Iterable, Mapping
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


def term_values(
    terms: Iterable[str], bits: NDArray[np.bool_], column_of: Mapping[int, int]
) -> NDArray[np.float64]:
    """Return the value of each term for each outcome.

    Args:
        terms: The terms.
        bits: The outcomes: bool, shape ``(outcomes, bits)``.
        column_of: Which bit each measured qubit was measured into.

    Returns:
        Float64, shape ``(outcomes, terms)``.
    """
    columns = []
    for term in terms:
        letters = letters_of(term)
        paulis = [column_of[q] for q, letter in letters.items() if letter in _PAULIS]
        odd = np.bitwise_xor.reduce(bits[:, paulis], axis=1)
        value = np.where(odd, -1.0, 1.0)
        for qubit, letter in letters.items():
            if letter not in _PAULIS:
                value *= bits[:, column_of[qubit]] == (letter in _ONTO_ONE)
        columns.append(value)
    return np.stack(columns, axis=1)
