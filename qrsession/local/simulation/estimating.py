"""The program ``estimator``: expectation values from shots, with the errors that they have.

As on a device, an expectation value is measured and not computed: the terms of the observables are
put into groups that one basis serves, each group is measured with ``ceil(1 / precision**2)`` shots
at each point of the sweep, and the standard error comes from the spread of what was measured. So
it counts the correlation of terms that were measured together, and shrinks where a state is nearly
an eigenstate. A group has shots and randomness of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.circuit import Clbit

from qrsession.codec import encode
from qrsession.local.simulation.basis_change import gates_before_measuring
from qrsession.local.simulation.grouping import Group, group_terms, letters_of, term_values
from qrsession.local.simulation.isa import check_isa
from qrsession.local.simulation.preparing import columns_for, prepared
from qrsession.local.simulation.pubs import EstimatorPub, read_estimator_pub
from qrsession.local.simulation.sampling import check_options, seed_of
from qrsession.local.simulation.simulator import Outcomes, Simulator, derive_seed
from qrsession.local.simulation.twin import Twin

# What was done beyond measuring. Nothing needed to be: the backends are ideal.
_METADATA = {
    "dynamical_decoupling": {"enable": False},
    "twirling": {"enable_gates": False, "enable_measure": False},
    "resilience": {"measure_mitigation": False, "zne_mitigation": False, "pec_mitigation": False},
    "version": 2,
}


def estimate(
    params: Mapping[str, Any],
    simulator: Simulator,
    job_seed: int,
    twin: Twin | None = None,
) -> dict[str, Any]:
    """Run the program, and return its result as a tree for JSON.

    Typed where ``support_qiskit`` is true, else plain. Arguments are those of `sample`.

    Raises:
        JobFailedError: A pub is not valid, does not fit the device, or cannot be simulated.
    """
    check_options(params)
    seed = seed_of(params, job_seed)
    pubs = [read_estimator_pub(pub, index, params) for index, pub in enumerate(params["pubs"])]
    if twin is not None:
        for index, pub in enumerate(pubs):
            check_isa(pub.circuit, pub.values, twin.rules, index)
    results = []
    for index, pub in enumerate(pubs):
        evs, stds = _Estimate(pub, simulator, derive_seed(seed, index), twin).run()
        metadata = {
            "shots": pub.shots,
            "target_precision": pub.precision,
            "circuit_metadata": encode(pub.circuit.metadata or {}),
            "resilience": {},
        }
        # Without twirling there is one ensemble, and its error is the estimate's.
        fields = {"evs": evs, "stds": stds, "ensemble_standard_error": stds}
        results.append((fields, metadata))
    write = _typed if params.get("support_qiskit") else _plain
    return write(results)


class _Estimate:
    """The estimate of one pub while it is put together."""

    def __init__(
        self, pub: EstimatorPub, simulator: Simulator, seed: int, twin: Twin | None
    ) -> None:
        self._pub = pub
        self._simulator = simulator
        self._twin = twin
        self._seed = seed
        self._circuit = prepared(pub.circuit)
        self._values = columns_for(self._circuit, pub.circuit, pub.values)
        self._evs = np.zeros(len(pub.point_of))
        self._variances = np.zeros(len(pub.point_of))

    def run(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return expectation values and standard errors, both with the pub's shape."""
        for task in self._tasks():
            observables = [self._pub.observables[o] for o in task.observables]
            constants = np.array([_constant(observable) for observable in observables])
            for elements, faced in task.elements:
                self._evs[elements] += constants[faced]
            terms = [term for observable in observables for term in observable]
            for number, group in enumerate(group_terms(terms)):
                seed = derive_seed(self._seed, task.points[0], number)
                self._measure(group, task, _weights(group, observables), seed)
        shape = self._pub.shape
        return self._evs.reshape(shape), np.sqrt(self._variances).reshape(shape)

    def _tasks(self) -> list["_Task"]:
        elements_of: dict[int, list[int]] = {}
        for element, point in enumerate(self._pub.point_of.tolist()):
            elements_of.setdefault(point, []).append(element)
        tasks: dict[tuple[int, ...], _Task] = {}
        for point, elements in elements_of.items():
            distinct, faced = np.unique(self._pub.observable_of[elements], return_inverse=True)
            key = tuple(distinct.tolist())
            task = tasks.setdefault(key, _Task(key))
            task.points.append(point)
            task.elements.append((np.array(elements), faced))
        return list(tasks.values())

    def _measure(
        self, group: Group, task: "_Task", weights: NDArray[np.float64], seed: int
    ) -> None:
        """Measure one group at the points of a task, and add what it gives to the estimate."""
        circuit, column_of = _measured(self._circuit, group.basis, self._twin)
        values = self._values[task.points]
        runs = self._simulator.run(circuit, values, self._pub.shots, seed, self._twin)
        for outcomes, (elements, faced) in zip(runs, task.elements, strict=True):
            measured = term_values(group.terms, outcomes.bits, column_of) @ weights
            means, variances = _means_and_variances(measured, outcomes, weights)
            self._evs[elements] += means[faced]
            self._variances[elements] += variances[faced]


@dataclass(frozen=True, slots=True)
class _Task:
    """Points of the sweep that face the same observables.

    Attributes:
        observables: The positions of those observables.
        points: The points.
        elements: For each point, its elements of the result, and which of ``observables`` each
            element is about.
    """

    observables: tuple[int, ...]
    points: list[int] = field(default_factory=list)
    elements: list[tuple[NDArray[np.intp], NDArray[np.intp]]] = field(default_factory=list)


def _constant(observable: Mapping[str, float]) -> float:
    return sum(coeff for term, coeff in observable.items() if not letters_of(term))


def _weights(group: Group, observables: list[Mapping[str, float]]) -> NDArray[np.float64]:
    """Return the coefficients of a group's terms: float64, shape ``(terms, observables)``."""
    table = [[observable.get(term, 0.0) for observable in observables] for term in group.terms]
    return np.array(table)


def _measured(
    circuit: QuantumCircuit, basis: Mapping[int, str], twin: Twin | None
) -> tuple[QuantumCircuit, dict[int, int]]:
    """Return a circuit that ends by measuring, and which clbit each qubit is measured into."""
    measured = circuit.copy()
    first = measured.num_clbits
    bits = [Clbit() for _ in basis]
    measured.add_bits(bits)
    for bit, (qubit, pauli) in zip(bits, basis.items(), strict=True):
        for gate in gates_before_measuring(pauli, None if twin is None else twin.rules):
            measured.append(gate, [qubit])
        measured.measure(qubit, bit)
    return measured, {qubit: first + i for i, qubit in enumerate(basis)}


def _means_and_variances(
    values: NDArray[np.float64], outcomes: Outcomes, weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean of each observable's part, and the variance of that mean.

    Args:
        values: What each outcome gave: float64, shape ``(outcomes, observables)``.
        outcomes: The outcomes.
        weights: Coefficients: float64, shape ``(terms, observables)``.
    """
    shots = int(outcomes.counts.sum())
    means = outcomes.counts @ values / shots
    if shots == 1:
        # A single shot shows no spread, so the widest there can be is assumed.
        return means, np.abs(weights).sum(axis=0) ** 2
    spreads = outcomes.counts @ (values - means) ** 2 / (shots - 1)
    return means, spreads / shots


def _typed(results: list[tuple[dict[str, NDArray[np.float64]], Any]]) -> dict[str, Any]:
    pub_results = []
    for fields, metadata in results:
        data = {
            "field_names": list(fields),
            "field_types": ["ndarray"] * len(fields),
            "shape": list(fields["evs"].shape),
            "fields": {name: encode(np.asarray(value)) for name, value in fields.items()},
        }
        value = {"data": {"__type__": "DataBin", "__value__": data}, "metadata": metadata}
        pub_results.append({"__type__": "PubResult", "__value__": value})
    return {
        "__type__": "PrimitiveResult",
        "__value__": {"pub_results": pub_results, "metadata": dict(_METADATA)},
    }


def _plain(results: list[tuple[dict[str, NDArray[np.float64]], Any]]) -> dict[str, Any]:
    return {
        "results": [
            {
                "data": {name: value.tolist() for name, value in fields.items()},
                "metadata": metadata,
            }
            for fields, metadata in results
        ],
        "metadata": dict(_METADATA),
    }
