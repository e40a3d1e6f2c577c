"""How well counts agree with a distribution, each figure with its statistical error.

Definitions, for relative frequencies p of n shots and a distribution q:

- Hellinger fidelity ``F = (sum_i sqrt(p_i q_i))^2``, that of Qiskit's ``hellinger_fidelity``;
- total variation distance ``T = 1/2 sum_i |p_i - q_i|``;
- the value of an observable that is diagonal, ``sum_i p_i o_i``.

Their errors are standard errors. Counts are multinomial,
``Cov(p_i, p_j) = (d_ij p_i - p_i p_j) / n``.
So a figure f has the variance ``(sum_i p_i g_i^2 - (sum_i p_i g_i)^2) / n``, ``g_i = df/dp_i`` (the
delta method: L. Wasserman, "All of Statistics", 5.5 and 9.9). That gives

- ``Var F = F (1 - F) / n``, for ``g_i = sqrt(F q_i / p_i)``; where some q_i > 0 was never seen,
  that is more than the formula alone, which takes what was not seen for impossible;
- ``Var T = (1 - (sum_i p_i s_i)^2) / 4n``, for ``g_i = s_i / 2``, s_i the sign of ``p_i - q_i``.
  Where ``p_i - q_i`` is within two standard errors of 0 its sign is open, and taken as that which
  makes the variance largest: T has a kink there, at which the formula alone says too little;
- ``Var O = (sum_i p_i o_i^2 - (sum_i p_i o_i)^2) / n``, exact.

Where q is counted as well, of m shots, its own variance is added: the same terms, with q and m.

Shot noise moves both measures one way: a perfect device has T > 0 and F < 1 too. What it comes to
on average is `perfect_fidelity` and `perfect_total_variation`.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from qrsession.errors import InvalidValueError

# Standard errors within which the sign of a difference is open.
_OPEN_SIGMAS = 2.0
# Up to so many expected shots an average is summed up outcome by outcome; beyond, by its series.
_FEW_SHOTS = 100.0
# Standard deviations, and shots, after which nothing is left to sum up.
_TAIL_SIGMAS = 12.0
_TAIL_SHOTS = 20
# Digits to which expected shots are told apart: the correction of `_root_ratio` varies slowly.
_DIGITS = 3


@dataclass(frozen=True)
class Distribution:
    """Probabilities by bitstring, bit 0 on the right; an outcome that is not there has none.

    Attributes:
        probabilities: They sum up to 1.
        shots: Of how many shots they are relative frequencies; None: they are exact.
    """

    probabilities: Mapping[str, float]
    shots: int | None = None

    @classmethod
    def of_counts(cls, counts: Mapping[str, int]) -> "Distribution":
        """Return the relative frequencies of counts.

        Raises:
            InvalidValueError: There is no shot.
        """
        shots = _shots_of(counts)
        seen = {bits: count / shots for bits, count in counts.items() if count}
        return cls(seen, shots)


@dataclass(frozen=True)
class Measured:
    """A figure and its standard error."""

    value: float
    error: float


def fidelity(counts: Mapping[str, int], expected: Distribution) -> Measured:
    """Return the Hellinger fidelity of counts with a distribution, 0 to 1.

    Raises:
        InvalidValueError: There is no shot.
    """
    shots = _shots_of(counts)
    roots = (
        math.sqrt(count * expected.probabilities.get(bits, 0.0)) for bits, count in counts.items()
    )
    value = min(math.fsum(roots) ** 2 / shots, 1.0)
    variance = value * (1.0 - value)
    return Measured(value, math.sqrt(variance / shots + _over(variance, expected.shots)))


def total_variation(counts: Mapping[str, int], expected: Distribution) -> Measured:
    """Return the total variation distance of counts from a distribution, 0 to 1.

    Raises:
        InvalidValueError: There is no shot.
    """
    shots = _shots_of(counts)
    there = expected.shots
    differences, found = [], []
    ours, theirs = _Signs(), _Signs()
    for bits, count in counts.items():
        frequency, probability = count / shots, expected.probabilities.get(bits, 0.0)
        difference = frequency - probability
        spread = frequency * (1 - frequency) / shots + _over(probability * (1 - probability), there)
        # Where the sign is a matter of chance, it may be either.
        is_open = difference**2 <= _OPEN_SIGMAS**2 * spread
        ours.add(frequency, difference, is_open=is_open)
        theirs.add(probability, difference, is_open=is_open)
        differences.append(abs(difference))
        found.append(probability)
    unseen = max(math.fsum(expected.probabilities.values()) - math.fsum(found), 0.0)
    theirs.add(unseen, -unseen, is_open=False)
    value = min((math.fsum(differences) + unseen) / 2, 1.0)
    variance = ours.variance() / shots + _over(theirs.variance(), there)
    return Measured(value, math.sqrt(variance))


def average(counts: Mapping[str, int], value_of: Callable[[str], float]) -> Measured:
    """Return the average over all shots of a function of the bitstring.

    Raises:
        InvalidValueError: There is no shot.
    """
    shots = _shots_of(counts)
    values = [(value_of(bits), count) for bits, count in counts.items()]
    mean = math.fsum(value * count for value, count in values) / shots
    variance = math.fsum((value - mean) ** 2 * count for value, count in values) / shots
    return Measured(mean, math.sqrt(variance / shots))


def perfect_fidelity(expected: Distribution, shots: int) -> float:
    """Return what a perfect device's fidelity comes to on average, with so many shots.

    ``E F = (sum_i sqrt(q_i / n) E sqrt(X_i))^2`` for binomial X_i, up to terms of order 1/n^2.
    For K outcomes that are all seen often it is ``1 - (K - 1) / 4n``.
    """
    effective = _effective(shots, expected.shots)
    known: dict[str, float] = {}

    def ratio(probability: float) -> float:
        key = f"{probability:.{_DIGITS}g}"
        if key not in known:
            known[key] = _root_ratio(probability, effective)
        return known[key]

    terms = (probability * ratio(probability) for probability in _positive(expected))
    return min(math.fsum(terms) ** 2, 1.0)


def perfect_total_variation(expected: Distribution, shots: int) -> float:
    """Return what a perfect device's total variation distance comes to on average.

    ``E T = 1/2n sum_i E|X_i - n q_i|`` for binomial X_i, which is exact, by de Moivre's closed form
    (P. Diaconis and S. Zabell, "Closed form summation for classical distributions", 1991).
    """
    effective = _effective(shots, expected.shots)
    known: dict[float, float] = {}

    def deviation(probability: float) -> float:
        if probability not in known:
            known[probability] = _mean_deviation(probability, effective)
        return known[probability]

    return min(math.fsum(map(deviation, _positive(expected))) / (2 * effective), 1.0)


class _Signs:
    """The signs of the differences from a distribution, for the error of their sum."""

    def __init__(self) -> None:
        self._fixed: list[float] = []
        self._open: list[float] = []

    def add(self, weight: float, difference: float, *, is_open: bool) -> None:
        """Add an outcome: its probability, and the difference whose sign counts."""
        if is_open:
            self._open.append(weight)
        else:
            self._fixed.append(math.copysign(weight, difference))

    def variance(self) -> float:
        """Return the largest variance of one shot that open signs allow."""
        least = max(abs(math.fsum(self._fixed)) - math.fsum(self._open), 0.0)
        return max(1.0 - least**2, 0.0) / 4


def _positive(expected: Distribution) -> Iterable[float]:
    return (min(value, 1.0) for value in expected.probabilities.values() if value > 0)


def _effective(shots: int, others: int | None) -> int:
    """Return the shots that vary by themselves as the difference of two counts does."""
    return shots if others is None else max(round(shots * others / (shots + others)), 1)


def _root_ratio(probability: float, shots: int) -> float:
    """Return E sqrt(X / n q) of a binomial X."""
    mean = shots * probability
    if mean > _FEW_SHOTS:
        # sqrt(1 + d) = 1 + d/2 - d^2/8 + d^3/16 - 5 d^4/128, and the binomial's central moments.
        rest = 1.0 - probability
        third = rest * (1.0 - 2.0 * probability) / mean**2
        fourth = 3.0 * (rest / mean) ** 2
        return 1.0 - rest / mean / 8 + third / 16 - 5 * fourth / 128
    most = min(shots, int(mean + _TAIL_SIGMAS * math.sqrt(mean)) + _TAIL_SHOTS)
    if probability >= 1.0:
        return 1.0
    # As logarithms: where all but all shots see it, that none does is less than the least float.
    odds = math.log(probability) - math.log1p(-probability)
    chance = shots * math.log1p(-probability)
    total = 0.0
    for seen in range(most):
        chance += math.log((shots - seen) / (seen + 1)) + odds
        total += math.sqrt(seen + 1) * math.exp(chance)
    return total / math.sqrt(mean)


def _mean_deviation(probability: float, shots: int) -> float:
    """Return E|X - n q| of a binomial X.

    It is ``2 v C(n, v) q^v (1 - q)^(n - v + 1)`` with ``v = floor(n q) + 1``.
    """
    above = math.floor(shots * probability) + 1
    if above > shots:
        return 0.0
    ways = math.lgamma(shots + 1) - math.lgamma(above + 1) - math.lgamma(shots - above + 1)
    powers = above * math.log(probability) + (shots - above + 1) * math.log1p(-probability)
    return 2.0 * above * math.exp(ways + powers)


def _over(variance: float, shots: int | None) -> float:
    return 0.0 if shots is None else variance / shots


def _shots_of(counts: Mapping[str, int]) -> int:
    shots = sum(counts.values())
    if shots < 1:
        raise InvalidValueError("There are no counts to compare.")
    return shots
