"""Observables as tables from labels to coefficients, as they are on the wire."""

from typing import Any

import numpy as np
from qiskit.primitives.containers.observables_array import ObservablesArray
from qiskit.quantum_info import SparseObservable


def write_observables(observables: ObservablesArray) -> Any:
    """Return observables in lists nested as the array is; a single table for the shape ``()``.

    In a label the last letter belongs to qubit 0. Qiskit's ``tolist`` gives the same, and takes
    four times as long: more than all else of writing a pub.
    """
    found = observables.sparse_observables_array()
    tables = np.empty(found.shape, dtype=object)
    for place, observable in np.ndenumerate(found):
        tables[place] = _table(observable)
    return tables.tolist()


def _table(observable: SparseObservable) -> dict[str, float]:
    """Write the terms of an observable; each occurs once, as in all that Qiskit's pubs hold."""
    last = observable.num_qubits - 1
    identity = ["I"] * observable.num_qubits
    table = {}
    for letters, qubits, coefficient in observable.to_sparse_list():
        label = identity.copy()
        for letter, qubit in zip(letters, qubits, strict=True):
            label[last - qubit] = letter
        table["".join(label)] = coefficient.real
    return table
