"""Observables as text: ``"ZZ"``, ``"0.5*ZZ + 0.2*XI"``. No Qiskit here.

A term has a letter for each qubit of the circuit as it was written, qubit 0 on the right: the Pauli
matrices I, X, Y and Z, and the projectors 0 and 1 on the states of these names. Source:
"ObservablesArray" in Qiskit's API reference.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from qrsession.errors import InvalidValueError

LETTERS = "IXYZ01"
PAULIS = "IXYZ"
DIAGONAL = "IZ01"
# The least and the largest value that each letter has.
_RANGES = {**dict.fromkeys("XYZ", (-1.0, 1.0)), "I": (1.0, 1.0), "0": (0.0, 1.0), "1": (0.0, 1.0)}
# A sum of thousands of terms is no part of a sentence.
_MOST_SHOWN = 80
_ADVICE = 'Write a letter for each qubit: "ZZ", or a sum: "0.5*ZZ + 0.2*IZ".'
# Quantifiers that give nothing back keep the time in proportion to the text.
_NUMBER = r"(?:\d++(?:\.\d*+)?|\.\d++)(?:[eE][+-]?\d++)?+"
# A term and the sign before it. Minus has a letter of its own where a text was typeset.
_TERM = re.compile(
    rf"\s*(?P<sign>[+\-\u2212]?)\s*(?:(?P<factor>{_NUMBER})\s*\*\s*)?(?P<letters>\w+)\s*"
)
_COEFFICIENT = re.compile(rf"\s*[+\-\u2212]?\s*({_NUMBER})")


@dataclass(frozen=True)
class Term:
    """A product of one letter for each qubit, qubit 0 on the right, with a real coefficient."""

    coefficient: float
    letters: str


@dataclass(frozen=True)
class Observable:
    """A sum of terms.

    Attributes:
        text: What the user wrote.
        terms: Its terms, at least one, of equally many letters.
    """

    text: str
    terms: Sequence[Term]

    @property
    def short_text(self) -> str:
        """What the user wrote, or its beginning, for a line of a message."""
        return _in_short(self.text)

    @property
    def num_qubits(self) -> int:
        """For how many qubits it has letters."""
        return len(self.terms[0].letters)

    @property
    def is_diagonal(self) -> bool:
        """Whether it can be read off bits: it has no X and no Y."""
        return all(letter in DIAGONAL for term in self.terms for letter in term.letters)

    @property
    def is_pauli(self) -> bool:
        """Whether it is a sum of products of Paulis: it has no projector."""
        return all(letter in PAULIS for term in self.terms for letter in term.letters)

    @property
    def qubits(self) -> list[int]:
        """The qubits on which it is not the identity, in order."""
        return [
            qubit
            for qubit in range(self.num_qubits)
            if any(term.letters[-1 - qubit] != "I" for term in self.terms)
        ]

    @property
    def bounds(self) -> tuple[float, float]:
        """Two values that it lies between in any state; those of a sum need not be reached."""
        ranges = [_range_of(term) for term in self.terms]
        return math.fsum(low for low, _ in ranges), math.fsum(high for _, high in ranges)


def parse_observable(text: str) -> Observable:
    """Read an observable: terms such as ``ZZ`` and ``0.5*ZZ`` with ``+`` and ``-`` between them.

    Raises:
        InvalidValueError: It is something else; or its terms are of different lengths.
    """
    # Blanks are folded, so that the expression need not try where each of many belongs.
    text = " ".join(text.split())
    terms: list[Term] = []
    at = 0
    while at < len(text) or not terms:
        match = _TERM.match(text, at)
        # The zero of 0.5 would be a projector.
        is_cut = match is not None and text.startswith(".", match.end())
        if match is None or is_cut or (terms and not match["sign"]):
            raise _wrong(text, _why_no_term(text, at))
        letters = match["letters"]
        factor = float(match["factor"] or 1.0)
        if not math.isfinite(factor):
            raise _wrong(text, f"{_in_short(match['factor'])} is too large a number")
        terms.append(Term(factor if match["sign"] in {"", "+"} else -factor, letters))
        problem = check_terms([terms[0], terms[-1]])
        if problem:
            raise _wrong(text, problem)
        at = match.end()
    return Observable(text, tuple(terms))


def _why_no_term(text: str, at: int) -> str:
    rest = _in_short(text[at:].strip())
    number = _COEFFICIENT.match(text, at)
    if number and "." in number[1]:
        shown = _in_short(number[1])
        return f"{shown!r} is no term; a number stands before letters: {shown}*ZZ"
    if rest.startswith((",", ";")):
        return f"{_in_short(rest)!r} is no term; several observables have an --observable each"
    return f"{_in_short(rest)!r} is no term" if rest else "a term is missing"


def check_terms(terms: Sequence[Term]) -> str:
    """Return in words what is wrong with the letters of terms, "" if nothing is."""
    for term in terms:
        if not set(LETTERS).issuperset(term.letters) and set(LETTERS).issuperset(
            term.letters.upper()
        ):
            return f"its letters are capitals: {_in_short(term.letters.upper())}"
        if not term.letters or not set(LETTERS).issuperset(term.letters):
            return f"{_in_short(term.letters)!r} has other letters than {', '.join(LETTERS)}"
    lengths = sorted({len(term.letters) for term in terms})
    return f"its terms have {' and '.join(map(str, lengths))} letters" if len(lengths) > 1 else ""


def reader_of(observable: Observable, positions: Mapping[int, int]) -> Callable[[str], float]:
    """Return a function that reads the value of a diagonal observable off a bitstring.

    Args:
        observable: The observable.
        positions: For each qubit on which it is not the identity, where its bit is: counted from
            the right, without the spaces between registers.
    """
    parts = [(term.coefficient, *_masks(term, positions)) for term in observable.terms]

    def read(bits: str) -> float:
        number = int(bits.replace(" ", ""), 2)
        total = 0.0
        for coefficient, odd, zeros, ones in parts:
            if not number & zeros and number & ones == ones:
                total += -coefficient if (number & odd).bit_count() % 2 else coefficient
        return total

    return read


def _masks(term: Term, positions: Mapping[int, int]) -> tuple[int, int, int]:
    """Return the bits that flip the sign of a term, that must be 0, and that must be 1."""
    masks = dict.fromkeys("Z01", 0)
    for qubit, letter in enumerate(reversed(term.letters)):
        if letter in masks:
            masks[letter] |= 1 << positions[qubit]
    return masks["Z"], masks["0"], masks["1"]


def _range_of(term: Term) -> tuple[float, float]:
    low, high = 1.0, 1.0
    for letter in term.letters:
        corners = [one * other for one in (low, high) for other in _RANGES[letter]]
        low, high = min(corners), max(corners)
    ends = (low * term.coefficient, high * term.coefficient)
    return min(ends), max(ends)


def _wrong(text: str, problem: str) -> InvalidValueError:
    return InvalidValueError(f"{_in_short(text)!r} is no observable: {problem}.", advice=_ADVICE)


def _in_short(text: str) -> str:
    return text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN - 1]}…"
