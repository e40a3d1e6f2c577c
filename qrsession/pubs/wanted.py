"""The observables of an estimator's job, and how they are sent. No Qiskit here.

Runs that only sample load this and nothing that reads observables.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qrsession.pubs.observables import Observable


@dataclass(frozen=True)
class WantedObservables:
    """What an estimator measures of each circuit.

    Attributes:
        items: The observables, in order.
        has_axis: Whether they are an axis of the result, the first one; else there is one alone.
    """

    items: "tuple[Observable, ...]" = ()
    has_axis: bool = False

    def __bool__(self) -> bool:
        return bool(self.items)

    def with_also(self, others: "Iterable[Observable]") -> "WantedObservables":
        """Return them with others at the end, save those that are among them."""
        items = list(self.items)
        known = {one.terms for one in items}
        for other in others:
            if other.terms not in known:
                known.add(other.terms)
                items.append(other)
        return WantedObservables(tuple(items), self.has_axis or len(items) > 1)

    def index_of(self, observable: "Observable") -> int:
        """Return where an observable is that is among them."""
        return [one.terms for one in self.items].index(observable.terms)


def observable_on_wire(
    observable: "Observable", places: Sequence[int], num_qubits: int
) -> dict[str, float]:
    """Return an observable as a service takes it: coefficients by the labels of their terms.

    Args:
        observable: The observable, qubit 0 on the right.
        places: For each of its qubits, which qubit of the circuit on the wire it is.
        num_qubits: How many qubits that circuit has.
    """
    is_as_written = num_qubits == len(places) and all(at == to for at, to in enumerate(places))
    found: dict[str, float] = {}
    for term in observable.terms:
        label = term.letters
        if not is_as_written:
            letters = ["I"] * num_qubits
            for letter, place in zip(reversed(term.letters), places, strict=True):
                letters[-1 - place] = letter
            label = "".join(letters)
        found[label] = found.get(label, 0.0) + term.coefficient
    return found
