"""Models fitted to what was measured at some noise: exact, honest, and none where none fits."""

import numpy as np
import pytest
from numpy.typing import NDArray

from qrsession.local.simulation.estimation.combining import extrapolate
from qrsession.local.simulation.estimation.extrapolating import fit
from qrsession.local.simulation.estimation.grouping import Group
from qrsession.local.simulation.estimation.measuring import Measured, Terms
from qrsession.protocol.treatment import Amplifier, Extrapolation

pytestmark = pytest.mark.fast

FACTORS = np.array([1.0, 1.5, 2.0, 3.0, 5.0, 7.0, 8.0, 9.0])
AT = np.array([0.0, 4.0])
MODELS = [
    "linear",
    "exponential",
    "double_exponential",
    *(f"polynomial_degree_{degree}" for degree in range(1, 8)),
]


def series(model: str, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values of a kind, far from 0."""
    if model == "linear":
        return 0.9 - 0.07 * x
    if model == "exponential":
        return -0.8 * np.exp(-0.3 * x)
    if model == "double_exponential":
        return 0.6 * np.exp(-0.1 * x) + 0.3 * np.exp(-0.9 * x)
    return 0.5 - (x / 10) ** int(model[-1]) + 0.1 * (x / 10)


@pytest.mark.parametrize("model", MODELS)
def test_a_series_of_its_own_kind_is_continued(model: str) -> None:
    """To zero, and between; values that are known differently well."""
    values = series(model, FACTORS)[None]
    stds = np.linspace(0.01, 0.03, len(FACTORS))[None]
    found = fit(model, FACTORS, values, stds, AT)
    assert found.values[0] == pytest.approx(series(model, AT), abs=2e-4)
    assert found.leverage.shape == (1, len(AT), len(FACTORS))


def test_the_fallback_is_what_was_measured_with_the_least_noise() -> None:
    found = fit("fallback", FACTORS[::-1], np.array([np.arange(8.0)]), np.ones((1, 8)), AT)
    assert found.values.tolist() == [[7.0, 7.0]]


@pytest.mark.parametrize("values", [[0.1, 0.2, 0.3], [0.0, 0.01, -0.02], [0.01, -0.01, 0.01]])
def test_what_does_not_decay_is_not_exponential(values: list[float]) -> None:
    found = fit("exponential", FACTORS[:3], np.array([values]), np.full((1, 3), 0.01), AT)
    assert np.isnan(found.values).all()


@pytest.mark.parametrize(
    ("model", "factors"),
    [("linear", [1.0, 1.0]), ("exponential", [2.0]), ("polynomial_degree_2", [1.0, 1.0, 3.0])],
)
def test_equal_factors_are_one_factor(model: str, factors: list[float]) -> None:
    """What would fit them is not one line, so there is none."""
    values = np.full((1, len(factors)), 0.5)
    fitted = fit(model, np.array(factors), values, np.full_like(values, 0.1), np.array([0.0]))
    assert np.isnan(fitted.values).all()


@pytest.mark.parametrize("model", ["linear", "exponential", "polynomial_degree_2"])
def test_errors_are_the_spread_of_repeated_fits(model: str) -> None:
    """By the leverage; 4000 fits tell their spread to 1.2%, and 5% is four times that."""
    rng = np.random.default_rng(11)
    stds = np.array([[0.004, 0.006, 0.008, 0.01]])
    factors, truth = np.array([1.0, 2.0, 3.0, 5.0]), np.exp(-0.2 * np.array([1.0, 2.0, 3.0, 5.0]))
    values = truth + stds * rng.standard_normal((4000, 4))
    found = fit(model, factors, values, np.broadcast_to(stds, values.shape), AT)
    claimed = np.sqrt((found.leverage**2 * stds[:, None, :] ** 2).sum(axis=-1))
    assert np.isfinite(found.values).all()
    assert found.values.std(axis=0) == pytest.approx(claimed.mean(axis=0), rel=0.05)


def terms(*labels: str) -> Terms:
    """Return terms of which each is an observable by itself, and all together are one more."""
    weights = np.concatenate([np.eye(len(labels)), np.ones((len(labels), 1))], axis=1)
    groups = [Group({place: "Z"}, [label]) for place, label in enumerate(labels)]
    return Terms(groups, weights, None)


def measured(values: NDArray[np.float64], spread: float, number: int) -> list[Measured]:
    """Return 40 randomizations around ``(terms, factors)`` values, at one point."""
    rng = np.random.default_rng(2)
    noise = rng.standard_normal((len(values.T), 40, 1, len(values))) * spread
    empty = np.zeros((1, number))
    return [Measured(noise[k] + values.T[k], empty) for k in range(len(values.T))]


def test_each_term_has_the_first_model_that_is_plausible() -> None:
    """One decays, one grows, and their sum is made of both; each model alone is there beside."""
    factors = (1.0, 3.0, 5.0)
    grid = np.array(factors)
    values = np.stack([0.8 * np.exp(-0.2 * grid), 0.1 + 0.1 * grid])
    zne = Extrapolation(Amplifier.RANDOM, factors, ("exponential", "linear"), (0.0, *factors))
    found = extrapolate(terms("IZ", "ZI"), measured(values, 0.01, 3), zne)
    assert found.evs[0] == pytest.approx([0.8, 0.1, 0.9], abs=0.03)
    assert found.chosen[0].tolist()[:2] == [0, 1]
    assert found.evs_at.shape == found.stds_at.shape == (1, 3, 2, 4)
    by_exponential, by_line = found.evs_at[0, :, 0], found.evs_at[0, :, 1]
    assert np.isnan(by_exponential[1]).all()
    assert np.isnan(by_exponential[2]).all()
    assert by_exponential[0, 0] == pytest.approx(0.8, abs=0.03)
    assert np.isfinite(by_line).all()
    assert by_line[1] == pytest.approx([0.1, 0.2, 0.4, 0.6], abs=0.03)


def test_where_nothing_fits_the_least_noise_is_taken() -> None:
    """And says so."""
    values = np.array([[0.1, 0.2, 0.3]])
    zne = Extrapolation(Amplifier.RANDOM, (1.0, 2.0, 3.0), ("exponential",), (0.0,))
    found = extrapolate(terms("Z"), measured(values, 0.005, 2), zne)
    assert found.evs[0, 0] == pytest.approx(0.1, abs=0.01)
    assert found.chosen[0, 0] == len(zne.extrapolators)


def test_an_impossible_value_is_not_taken() -> None:
    """A line through 0.9 and 0.1 leads to 2.5 and more, where no Pauli can be."""
    values = np.array([[0.95, 0.1, 0.05]])
    zne = Extrapolation(
        Amplifier.RANDOM, (1.0, 1.2, 3.0), ("polynomial_degree_2", "linear"), (0.0,)
    )
    found = extrapolate(terms("Z"), measured(values, 0.002, 2), zne)
    assert found.evs_at[0, 0, 0, 0] > 3
    assert found.chosen[0, 0] == 1
