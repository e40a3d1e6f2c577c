"""The estimate of one pub: from its observables to the fields of its result."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from qrsession.local.simulation.circuits.preparing import columns_for, prepared
from qrsession.local.simulation.estimation.combining import combine, extrapolate
from qrsession.local.simulation.estimation.extrapolating import FALLBACK
from qrsession.local.simulation.estimation.grouping import group_terms, letters_of
from qrsession.local.simulation.estimation.measuring import (
    BATCHES,
    Measured,
    Setting,
    Terms,
    measure,
)
from qrsession.local.simulation.estimation.mitigating import Readout
from qrsession.local.simulation.estimation.tasks import Task, tasks_of
from qrsession.local.simulation.inputs.pubs import EstimatorPub
from qrsession.local.simulation.outcomes import derive_seed
from qrsession.local.simulation.treatment.bench import Bench
from qrsession.protocol.treatment import Extrapolation

# Numbers kept at once while an estimate is put together: tens of megabytes.
_NUMBERS_AT_ONCE = 4_000_000


class Estimate:
    """The estimate of one pub while it is put together.

    Attributes:
        fields: What the result has, by name: float64, each with the pub's shape first.
        extrapolators: The extrapolator that was chosen: one for all values, or one for each.
    """

    def __init__(self, pub: EstimatorPub, bench: Bench, readout: Readout | None, seed: int) -> None:
        self.fields: dict[str, NDArray[np.float64]] = {}
        self.extrapolators: str | list[str] = []
        self._pub = pub
        self._bench = bench
        self._readout = readout
        self._seed = seed
        self._zne = bench.treatment.zne
        self._circuit = prepared(pub.circuit)
        self._values = columns_for(self._circuit, pub.circuit, pub.values)

    def run(self, asked: Extrapolation | None) -> None:
        """Fill the fields in.

        Args:
            asked: The extrapolation that the options ask for, done or not.
        """
        for name in ("evs", "stds"):
            self.fields[name] = np.zeros(len(self._pub.point_of))
        for task in tasks_of(self._pub):
            observables = [self._pub.observables[o] for o in task.observables]
            terms = self._terms(observables)
            constants = np.array([_constant(observable) for observable in observables])
            for part in task.parts(self._points_at_once(terms)):
                self._estimate(part, terms, constants)
        if self._zne is not None:
            self.extrapolators = self._named(self.fields.pop("chosen", None))
        elif asked is not None:
            self.fields.pop("ensemble_standard_error", None)
            self.fields |= _repeated(self.fields["evs"], self.fields["stds"], asked)
        else:
            self.fields.setdefault("ensemble_standard_error", np.zeros(len(self._pub.point_of)))
        shape = self._pub.shape
        self.fields = {
            name: values.reshape((*shape, *values.shape[1:]))
            for name, values in self.fields.items()
        }

    def _terms(self, observables: list[Mapping[str, float]]) -> Terms:
        groups = group_terms(term for observable in observables for term in observable)
        labels = [term for group in groups for term in group.terms]
        weights = np.array(
            [[observable.get(term, 0.0) for observable in observables] for term in labels]
        ).reshape(len(labels), len(observables))
        learned = None
        if self._readout is not None and labels:
            learned = self._readout.factors(labels)
        return Terms(groups, weights, learned)

    def _points_at_once(self, terms: Terms) -> int:
        runs = max(self._bench.treatment.split(self._pub.shots)[0], BATCHES)
        if self._zne is not None:
            runs *= len(self._zne.noise_factors)
        return max(1, _NUMBERS_AT_ONCE // max(runs * sum(terms.weights.shape), 1))

    def _estimate(self, task: Task, terms: Terms, constants: NDArray[np.float64]) -> None:
        """Estimate the elements of a task."""
        zne = self._zne
        factors = (1.0,) if zne is None else zne.noise_factors
        measured = [self._measure(task, terms, factor) for factor in factors]
        values = [combine(terms, one) for one in measured]
        if zne is None:
            self._put(task, "evs", values[0].evs + constants)
            self._put(task, "stds", values[0].stds)
            self._put(task, "ensemble_standard_error", values[0].ensemble_stds)
            return
        found = extrapolate(terms, measured, zne)
        ensemble = np.stack([one.ensemble_stds for one in values], -1)
        spread = np.stack([one.stds for one in values], -1)
        is_random = self._bench.treatment.twirling.is_on
        self._put(task, "evs", found.evs + constants)
        self._put(task, "stds", found.stds)
        self._put(task, "evs_noise_factors", np.stack([one.evs + constants for one in values], -1))
        self._put(task, "stds_noise_factors", spread if is_random else ensemble)
        self._put(task, "ensemble_stds_noise_factors", ensemble)
        self._put(task, "evs_extrapolated", found.evs_at + constants[:, None, None])
        self._put(task, "stds_extrapolated", found.stds_at)
        self._put(task, "chosen", found.chosen.astype(np.float64))

    def _measure(self, task: Task, terms: Terms, factor: float) -> Measured:
        place = (task.points[0],) if factor == 1 else (task.points[0], f"noise factor {factor}")
        setting = Setting(
            shots=self._pub.shots,
            seed=derive_seed(self._seed, *place),
            factor=factor,
            in_batches=self._zne is not None,
        )
        return measure(self._bench, self._circuit, self._values[task.points], terms, setting)

    def _put(self, task: Task, name: str, values: NDArray[np.float64]) -> None:
        """Put values of a task's points and observables where they belong in a field."""
        if name not in self.fields:
            self.fields[name] = np.zeros((len(self._pub.point_of), *values.shape[2:]))
        for point, (elements, faced) in enumerate(task.elements):
            self.fields[name][elements] = values[point, faced]

    def _named(self, chosen: NDArray[np.float64] | None) -> str | list[str]:
        """Name the extrapolators that were chosen: one for all, or one for each value."""
        known = (*(self._zne.extrapolators if self._zne is not None else ()), FALLBACK)
        names = [known[int(position)] for position in ([] if chosen is None else chosen)]
        return names[0] if len(set(names)) == 1 else names


def _constant(observable: Mapping[str, float]) -> float:
    return sum(coeff for term, coeff in observable.items() if not letters_of(term))


def _repeated(
    evs: NDArray[np.float64], stds: NDArray[np.float64], asked: Extrapolation
) -> dict[str, NDArray[np.float64]]:
    """Return the fields of an extrapolation where there is no noise: the same values throughout.

    Args:
        evs: The values: float64, shape ``(elements,)``.
        stds: Their standard errors.
        asked: The extrapolation.
    """
    factors = (1, len(asked.noise_factors))
    places = (1, len(asked.extrapolators), len(asked.evaluated_at))
    return {
        "evs_noise_factors": np.tile(evs[:, None], factors),
        "stds_noise_factors": np.tile(stds[:, None], factors),
        "ensemble_stds_noise_factors": np.tile(stds[:, None], factors),
        "evs_extrapolated": np.tile(evs[:, None, None], places),
        "stds_extrapolated": np.tile(stds[:, None, None], places),
    }
