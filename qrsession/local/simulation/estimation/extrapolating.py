"""Extrapolation of expectation values to no noise.

A model is fitted to the values at some noise factors, weighted by their errors, and evaluated at
others. Beside its values it tells how much each measured value counts in them (`Fits.leverage`), so
that the error of what is extrapolated follows from the errors of what was measured.

Source of the models: ``extrapolator`` of "ZneOptions" in the API reference; of the sum of two
exponentials: Z. Cai, npj Quantum Information 7, 80 (2021).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_Floats = NDArray[np.float64]
FALLBACK = "fallback"
_DEGREES = {"linear": 1, **{f"polynomial_degree_{degree}": degree for degree in range(1, 8)}}
_NUM_RATES = {"exponential": 1, "double_exponential": 2}
# No Pauli and no projector has a larger value.
_MOST = 1.0
_FASTEST = 10.0
_MOST_STEPS = 100
_FIRST_DAMPING = 1e-3
_SMALLEST = 1e-12
# Beyond it two parameters of a model say the same, and their errors say nothing.
_WORST_CONDITION = 1e10


@dataclass(frozen=True, slots=True)
class Fits:
    """One model, fitted to many series.

    Attributes:
        values: The model where it was evaluated: float64, shape ``(series, points)``; NaN where it
            could not be fitted.
        leverage: How a value there changes with each measured one: float64, shape ``(series,
            points, factors)``.
    """

    values: _Floats
    leverage: _Floats


def fit(model: str, factors: _Floats, values: _Floats, stds: _Floats, at: _Floats) -> Fits:
    """Fit a model to series of expectation values.

    Args:
        model: Its name, as in the option.
        factors: Noise factors: float64, shape ``(factors,)``.
        values: Expectation values: float64, shape ``(series, factors)``.
        stds: Their standard errors, of the same shape; where all of a series are 0, its values
            count alike.
        at: The noise factors to evaluate it at: float64, shape ``(points,)``.
    """
    weights = _weights(stds)
    if model == FALLBACK:
        return _lowest(factors, values, at)
    number = _DEGREES[model] + 1 if model in _DEGREES else 2 * _NUM_RATES[model]
    if not len(values) or len(np.unique(factors)) < number:
        # So few different ones tell nothing of so many parameters.
        unknown = np.full((len(values), len(at), len(factors)), np.nan)
        return Fits(unknown.sum(axis=2), unknown)
    if model in _DEGREES:
        powers = np.arange(_DEGREES[model] + 1)
        design = np.broadcast_to(factors[:, None] ** powers, (*values.shape, len(powers)))
        leverage = _leverage(at[:, None] ** powers, design, weights)
        return Fits(np.einsum("sek,sk->se", leverage, values), leverage)
    return _exponential(_NUM_RATES[model], factors, values, weights, at)


def is_plausible(values: _Floats, stds: _Floats, low: _Floats) -> NDArray[np.bool_]:
    """Tell which extrapolated values can be taken for what they stand for.

    They are numbers, known better than their whole range, and not further beyond it than its
    larger bound.

    Args:
        values: The values: float64.
        stds: Their standard errors, of the same shape.
        low: The least that each can be without noise, -1 or 0; the most is 1.
    """
    with np.errstate(invalid="ignore"):
        is_within = (values - stds >= low - _MOST) & (values + stds <= _MOST + _MOST)
        return np.isfinite(values) & np.isfinite(stds) & (stds <= _MOST) & is_within


def _weights(stds: _Floats) -> _Floats:
    """Return the inverse of each error; the least positive one stands for those that are 0."""
    least = np.where(stds > 0, stds, np.inf).min(axis=1, keepdims=True)
    floor = np.where(np.isfinite(least), least, 1.0)
    return 1.0 / np.maximum(stds, floor)


def _lowest(factors: _Floats, values: _Floats, at: _Floats) -> Fits:
    leverage = np.zeros((len(values), len(at), len(factors)))
    leverage[:, :, np.argmin(factors)] = 1.0
    return Fits(np.einsum("sek,sk->se", leverage, values), leverage)


def _leverage(evaluated: _Floats, design: _Floats, weights: _Floats) -> _Floats:
    """Return the leverage of measured values in those of a model near its best parameters.

    Args:
        evaluated: The derivatives where it is evaluated: ``(points, parameters)``, with series
            before them or without.
        design: The same where it was measured: ``(series, factors, parameters)``.
        weights: Shape ``(series, factors)``.
    """
    weighted = design * weights[..., None]
    # Columns of very different size would pass for ones that say the same.
    scales = np.maximum(np.linalg.norm(weighted, axis=1, keepdims=True), _SMALLEST)
    inverse = np.linalg.pinv(weighted / scales, rcond=1 / _WORST_CONDITION) / scales.transpose(
        0, 2, 1
    )
    leverage: _Floats = (evaluated @ inverse) * weights[:, None, :]
    return leverage


def _exponential(
    num_rates: int, factors: _Floats, values: _Floats, weights: _Floats, at: _Floats
) -> Fits:
    """Fit ``a exp(-b x)``, or the sum of two.

    What does not decay is not of this kind, and of what decays within one noise factor to nothing
    no measurement tells how it began.
    """
    parameters = _minimized(num_rates, factors, values, weights)
    with np.errstate(all="ignore"):
        design, evaluated = _derivatives(factors, parameters), _derivatives(at, parameters)
        fitted = _sum_of_exponentials(at, parameters)
    rates = parameters[:, 1::2]
    is_good = np.all((rates > 0) & (rates < _FASTEST), axis=1) & np.isfinite(fitted).all(axis=1)
    is_good &= np.isfinite(design).all(axis=(1, 2)) & np.isfinite(evaluated).all(axis=(1, 2))
    leverage = np.full((len(values), len(at), len(factors)), np.nan)
    leverage[is_good] = _leverage(evaluated[is_good], design[is_good], weights[is_good])
    return Fits(np.where(is_good[:, None], fitted, np.nan), leverage)


def _sum_of_exponentials(x: _Floats, parameters: _Floats) -> _Floats:
    """Return the model at ``x``: shape ``(series, len(x))``."""
    sizes, rates = parameters[:, ::2, None], parameters[:, 1::2, None]
    total: _Floats = (sizes * np.exp(-rates * x)).sum(axis=1)
    return total


def _derivatives(x: _Floats, parameters: _Floats) -> _Floats:
    """Return the derivatives by each parameter: shape ``(series, len(x), parameters)``."""
    sizes, rates = parameters[:, ::2, None], parameters[:, 1::2, None]
    decays = np.exp(-rates * x)
    pairs = np.stack([decays, -x * sizes * decays], axis=2)
    return pairs.reshape(len(parameters), -1, len(x)).transpose(0, 2, 1)


def _minimized(num_rates: int, factors: _Floats, values: _Floats, weights: _Floats) -> _Floats:
    """Return the parameters of least squares, by Levenberg and Marquardt for all series at once."""
    parameters = _guessed(num_rates, factors, values)
    damping = np.full(len(values), _FIRST_DAMPING)
    residuals = _residuals(factors, values, weights)
    with np.errstate(all="ignore"):
        off = residuals(parameters)
        for _ in range(_MOST_STEPS):
            slopes = _derivatives(factors, parameters) * weights[..., None]
            curvature = slopes.transpose(0, 2, 1) @ slopes
            diagonal = np.einsum("sii->si", curvature)
            damped = curvature + (damping[:, None] * diagonal + _SMALLEST)[..., None] * np.eye(
                parameters.shape[1]
            )
            steps = np.linalg.solve(damped, slopes.transpose(0, 2, 1) @ off[..., None])[..., 0]
            tried = parameters + steps
            off_then = residuals(tried)
            is_better = (off_then**2).sum(axis=1) < (off**2).sum(axis=1)
            parameters = np.where(is_better[:, None], tried, parameters)
            off = np.where(is_better[:, None], off_then, off)
            damping = np.clip(np.where(is_better, damping / 5, damping * 4), 1e-12, 1e12)
    return parameters


def _residuals(factors: _Floats, values: _Floats, weights: _Floats) -> Callable[[_Floats], _Floats]:
    return lambda parameters: (values - _sum_of_exponentials(factors, parameters)) * weights


def _guessed(num_rates: int, factors: _Floats, values: _Floats) -> _Floats:
    """Return where to start: the line through the logarithms, shared out among the rates."""
    sizes = np.maximum(np.abs(values), _SMALLEST)
    slopes, heights = np.polyfit(factors, np.log(sizes).T, 1)
    rates = np.clip(-slopes, 1e-3, _FASTEST / 2)
    signs = np.sign(values[:, np.argmin(factors)])
    amplitudes = signs * np.exp(np.clip(heights, -20.0, 3.0)) / num_rates
    pairs = [column for index in range(num_rates) for column in (amplitudes, rates * (1 + index))]
    return np.stack(pairs, axis=1)
