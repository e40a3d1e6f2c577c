"""The terms of observables, measured at points of a sweep.

What is kept of the shots is little: the mean of each term for each randomization, from which any
combination of terms has its value and its error, and for each observable the spread of its single
shots.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.circuit import Clbit

from qrsession.local.simulation.estimation.basis_change import gates_before_measuring
from qrsession.local.simulation.estimation.grouping import Group, TermReader
from qrsession.local.simulation.outcomes import Outcomes, derive_seed
from qrsession.local.simulation.treatment.bench import Bench, split_shots
from qrsession.local.simulation.twin import Twin

_Floats = NDArray[np.float64]
# Where nothing is randomized, shots are put into so many batches, to see how they spread.
BATCHES = 32
_LEAST_FACTOR = 1e-6


@dataclass(frozen=True, slots=True)
class Terms:
    """Terms that are measured, and what they are measured for.

    Attributes:
        groups: The terms, by the basis that serves them.
        weights: What each counts in each observable: float64, shape ``(terms, observables)``, in
            the groups' order.
        learned: By how much reading makes each smaller, for each randomization of learning:
            float64, shape ``(randomizations, terms)``; None where that was not learned.
    """

    groups: list[Group]
    weights: _Floats
    learned: _Floats | None

    @property
    def factors(self) -> _Floats:
        """By how much reading makes each term smaller: float64, shape ``(terms,)``."""
        if self.learned is None:
            return np.ones(len(self.weights))
        factors: _Floats = self.learned.mean(axis=0)
        # A qubit that is read at random has to count for something, if only for little.
        factors[np.abs(factors) < _LEAST_FACTOR] = _LEAST_FACTOR
        return factors

    @property
    def labels(self) -> list[str]:
        """The terms as they are written."""
        return [term for group in self.groups for term in group.terms]

    @property
    def scaled(self) -> _Floats:
        """What each term as it is measured counts in each observable."""
        scaled: _Floats = self.weights / self.factors[:, None]
        return scaled


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured at some points with some noise.

    Attributes:
        means: The mean of each term: float64, shape ``(randomizations, points, terms)``.
        variances: The variance of each observable's value, if all shots are one ensemble: float64,
            shape ``(points, observables)``.
    """

    means: _Floats
    variances: _Floats


@dataclass(slots=True)
class _Spread:
    """The sums from which follows how values of single shots spread."""

    origin: _Floats | None = None
    shots: int = 0
    total: _Floats = field(default_factory=lambda: np.zeros(()))
    squares: _Floats = field(default_factory=lambda: np.zeros(()))

    def add(self, values: _Floats, counts: NDArray[np.int64]) -> None:
        """Take in values of outcomes: shape ``(outcomes, observables)``."""
        if self.origin is None:
            # Around a value that occurs, what never varies has a spread of exactly 0.
            self.origin = values[0]
        off = values - self.origin
        self.shots += int(counts.sum())
        self.total = self.total + counts @ off
        self.squares = self.squares + counts @ off**2

    def variance(self, widest: _Floats) -> _Floats:
        """Return the variance of the mean."""
        if self.shots <= 1:
            # A single shot shows no spread, so the widest there can be is assumed.
            return widest**2
        spread = np.maximum(self.squares - self.total**2 / self.shots, 0.0)
        result: _Floats = spread / (self.shots - 1) / self.shots
        return result


@dataclass(frozen=True, slots=True)
class Setting:
    """How often, and of what seed, something is measured.

    Attributes:
        shots: The shots for each point and basis.
        seed: What its randomness comes from.
        factor: How much noise there is.
        in_batches: Whether means are needed of batches of shots, where nothing is randomized.
    """

    shots: int
    seed: int
    factor: float = 1.0
    in_batches: bool = False


def measure(
    bench: Bench, circuit: QuantumCircuit, values: _Floats, terms: Terms, setting: Setting
) -> Measured:
    """Measure terms at each row of parameter values.

    Args:
        bench: What circuits run on.
        circuit: What `prepared` returned, without measurements of the observables.
        values: Parameter values: float64, shape ``(points, parameters)``.
        terms: The terms.
        setting: How often, and how.
    """
    parts, variances = [], np.zeros((len(values), terms.weights.shape[1]))
    rng = np.random.default_rng(derive_seed(setting.seed, "batches"))
    first, scaled = 0, terms.scaled
    for number, group in enumerate(terms.groups):
        weights = scaled[first : first + len(group.terms)]
        first += len(group.terms)
        measured, column_of = with_measurements(circuit, group.basis, bench.twin)
        reader = TermReader.of(group.terms, column_of, measured.num_clbits)
        seed = derive_seed(setting.seed, number)
        points = []
        runs = bench.run(measured, values, setting.shots, seed, setting.factor)
        for point, randomizations in enumerate(runs):
            parted = randomizations
            if setting.in_batches and len(randomizations) == 1:
                shots = int(randomizations[0].counts.sum())
                parted = split_shots(randomizations[0], min(BATCHES, shots), rng)
            means, variance = _of_point(parted, reader, weights)
            points.append(means)
            variances[point] += variance
        parts.append(np.stack(points, axis=1))
    if not parts:
        return Measured(np.zeros((1, len(values), 0)), variances)
    return Measured(np.concatenate(parts, axis=2), variances)


def _of_point(
    randomizations: Sequence[Outcomes], reader: TermReader, weights: _Floats
) -> tuple[_Floats, _Floats]:
    means, spread = [], _Spread()
    for outcomes in randomizations:
        values = reader.values(outcomes.bits)
        means.append(outcomes.counts @ values / outcomes.counts.sum())
        spread.add(values @ weights, outcomes.counts)
    return np.stack(means), spread.variance(np.abs(weights).sum(axis=0))


def with_measurements(
    circuit: QuantumCircuit, basis: Mapping[int, str], twin: Twin | None
) -> tuple[QuantumCircuit, dict[int, int]]:
    """Return a circuit that ends by measuring, and which clbit each qubit is measured into.

    Args:
        circuit: The circuit.
        basis: The Pauli that each measured qubit is measured in.
        twin: The device that it is for, None where there is none.
    """
    measured = circuit.copy()
    first = measured.num_clbits
    bits = [Clbit() for _ in basis]
    measured.add_bits(bits)
    for bit, (qubit, pauli) in zip(bits, basis.items(), strict=True):
        for gate in gates_before_measuring(pauli, None if twin is None else twin.rules):
            measured.append(gate, [qubit])
        measured.measure(qubit, bit)
    return measured, {qubit: first + i for i, qubit in enumerate(basis)}
