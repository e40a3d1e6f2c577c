"""From means of terms to expectation values of observables, and their errors.

Terms are weighted by what they count in each observable and by what reading took from them. Errors
come from the spread over randomizations, where there are several, and else from that of the shots;
to both adds what is not known of the errors of reading.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qrsession.local.simulation.estimation.extrapolating import FALLBACK, fit, is_plausible
from qrsession.local.simulation.estimation.measuring import Measured, Terms
from qrsession.protocol.treatment import Extrapolation

_Floats = NDArray[np.float64]
_PAULIS = frozenset("XYZ")


@dataclass(frozen=True, slots=True)
class Values:
    """Expectation values with some noise.

    Attributes:
        evs: The values: float64, shape ``(points, observables)``.
        stds: Their standard errors, from the spread over randomizations.
        ensemble_stds: Their standard errors, from the spread of all shots.
    """

    evs: _Floats
    stds: _Floats
    ensemble_stds: _Floats


@dataclass(frozen=True, slots=True)
class Extrapolated:
    """Expectation values, extrapolated to no noise.

    Attributes:
        evs: The values, each term by the first model that is plausible for it: float64, shape
            ``(points, observables)``.
        stds: Their standard errors.
        evs_at: The values by each model alone where it was evaluated: float64, shape ``(points,
            observables, models, places)``; NaN where a model could not be fitted.
        stds_at: Their standard errors.
        chosen: For each value the model of the term that counts most, by its position: shape
            ``(points, observables)``; beyond the last one where no model could be fitted.
    """

    evs: _Floats
    stds: _Floats
    evs_at: _Floats
    stds_at: _Floats
    chosen: NDArray[np.intp]


def combine(terms: Terms, measured: Measured) -> Values:
    """Return the values of observables.

    Args:
        terms: The terms.
        measured: Their means.
    """
    each = measured.means @ terms.scaled
    evs = each.mean(axis=0)
    of_reading = _of_reading(terms, measured.means.mean(axis=0)[..., None])[..., 0]
    ensemble = np.sqrt(measured.variances + of_reading)
    stds = ensemble
    if len(each) > 1:
        stds = np.sqrt(each.var(axis=0, ddof=1) / len(each) + of_reading)
    return Values(evs, stds, ensemble)


def _of_reading(terms: Terms, means: _Floats) -> _Floats:
    """Return the variance that comes with the factors of reading.

    Args:
        terms: The terms.
        means: The terms' means: shape ``(points, terms, places)``.

    Returns:
        Float64, shape ``(points, observables, places)``.
    """
    shape = (len(means), terms.weights.shape[1], means.shape[2])
    learned = terms.learned
    if learned is None or len(learned) <= 1:
        return np.zeros(shape)
    slopes = terms.weights / terms.factors[:, None] ** 2
    each = np.einsum("rt,pte,to->rpoe", learned, means, slopes, optimize=True)
    variances: _Floats = each.var(axis=0, ddof=1) / len(learned)
    return variances


def extrapolate(terms: Terms, measured: Sequence[Measured], zne: Extrapolation) -> Extrapolated:
    """Return the values of observables without noise.

    Args:
        terms: The terms.
        measured: Their means at each noise factor; the means of several randomizations or batches.
        zne: The noise factors, and the models.
    """
    factors, at = np.array(zne.noise_factors), np.array([0.0, *zne.evaluated_at])
    raw = np.stack([one.means for one in measured], axis=-1)
    means = raw.mean(axis=0)
    spread = raw.var(axis=0, ddof=1) / len(raw) if len(raw) > 1 else np.ones_like(means)
    series = (-1, len(factors))
    points, number = means.shape[:2]
    fits = []
    # Where no model can be fitted, what was measured with the least noise has to do.
    for model in (*zne.extrapolators, FALLBACK):
        fitted = fit(model, factors, means.reshape(series), np.sqrt(spread).reshape(series), at)
        leverage = fitted.leverage.reshape(points, number, len(at), len(factors))
        fits.append((fitted.values.reshape(points, number, len(at)), leverage))
    chosen = _chosen(terms, fits, spread)
    models = fits[:-1]
    values = np.stack([values for values, _ in fits])
    leverages = np.stack([leverage for _, leverage in fits])
    pick = (chosen, *np.indices(chosen.shape))
    best = _weighed(terms, raw, values[pick][..., :1], leverages[pick][..., :1, :])
    by_model = [
        _weighed(terms, raw, one[..., 1:], leverage[..., 1:, :]) for one, leverage in models
    ]
    return Extrapolated(
        evs=best[0][..., 0],
        stds=best[1][..., 0],
        evs_at=np.stack([evs for evs, _ in by_model], axis=2),
        stds_at=np.stack([stds for _, stds in by_model], axis=2),
        chosen=_of_largest_term(terms, chosen),
    )


def _chosen(
    terms: Terms, fits: Sequence[tuple[_Floats, _Floats]], spread: _Floats
) -> NDArray[np.intp]:
    """Return for each point and term the first model that is plausible, else the surest.

    The last of the fits is for where no other says anything.
    """
    low = np.array([-1.0 if _PAULIS & set(term) else 0.0 for term in terms.labels])
    with np.errstate(invalid="ignore"):
        zeros = np.stack([values[..., 0] for values, _ in fits]) / terms.factors
        stds = np.stack(
            [np.sqrt((leverage[..., 0, :] ** 2 * spread).sum(-1)) for _, leverage in fits]
        )
        stds = stds / np.abs(terms.factors)
    plausible = is_plausible(zeros, stds, np.broadcast_to(low, zeros.shape))
    last = len(fits) - 1
    plausible[last] = False
    # What is not known better than its whole range is not known.
    stds = np.where(stds <= 1, stds, np.inf)[:last]
    surest = np.where(np.isfinite(stds).any(axis=0), stds.argmin(axis=0), last)
    chosen: NDArray[np.intp] = np.where(plausible.any(axis=0), plausible.argmax(axis=0), surest)
    return chosen


def _weighed(
    terms: Terms, raw: _Floats, values: _Floats, leverage: _Floats
) -> tuple[_Floats, _Floats]:
    """Return values and errors of observables from those of terms.

    Args:
        terms: The terms.
        raw: Means of each randomization: shape ``(randomizations, points, terms, factors)``.
        values: Extrapolated values of the terms: shape ``(points, terms, places)``.
        leverage: How these come from the means: shape ``(points, terms, places, factors)``.

    Returns:
        Both float64, of shape ``(points, observables, places)``; NaN where a term has none.
    """
    scaled = terms.scaled
    is_missing = np.einsum("pte,to->poe", np.isnan(values), terms.weights != 0) > 0
    values, leverage = np.nan_to_num(values), np.nan_to_num(leverage)
    evs = np.einsum("pte,to->poe", values, scaled)
    # Noise factors are measured apart, so their variances add.
    variances = sum(
        np.einsum("rpt,pte,to->rpoe", raw[..., k], leverage[..., k], scaled, optimize=True).var(
            axis=0, ddof=min(1, len(raw) - 1)
        )
        / len(raw)
        for k in range(raw.shape[-1])
    )
    stds = np.sqrt(variances + _of_reading(terms, values))
    return np.where(is_missing, np.nan, evs), np.where(is_missing, np.nan, stds)


def _of_largest_term(terms: Terms, chosen: NDArray[np.intp]) -> NDArray[np.intp]:
    if not terms.labels:
        return np.zeros((len(chosen), terms.weights.shape[1]), dtype=np.intp)
    return chosen[:, np.abs(terms.weights).argmax(axis=0)]
