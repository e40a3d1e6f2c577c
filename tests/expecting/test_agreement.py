"""How counts agree with a distribution: the figures, their errors, and what shot noise does."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from qiskit.quantum_info import hellinger_fidelity

from qrsession.errors import InvalidValueError
from qrsession.expecting.agreement import (
    Distribution,
    Measured,
    average,
    fidelity,
    perfect_fidelity,
    perfect_total_variation,
    total_variation,
)

pytestmark = pytest.mark.fast

REPEATS = 400
# The variance of so many repeats is known up to a factor of 1 +- 5 sqrt(2 / REPEATS), 5 sigma.
FACTOR = 5 * math.sqrt(2 / REPEATS)
TRUE = np.array([0.4, 0.3, 0.2, 0.1])
EXPECTED = np.array([0.1, 0.45, 0.25, 0.2])
Measure = Callable[[dict[str, int], Distribution], Measured]
COUNTS = st.dictionaries(
    st.text("01", min_size=3, max_size=3), st.integers(1, 10_000), min_size=1, max_size=8
)


def as_counts(row: NDArray[np.int64]) -> dict[str, int]:
    return {f"{at:04b}": int(count) for at, count in enumerate(row) if count}


def as_distribution(row: NDArray[np.float64], shots: int | None = None) -> Distribution:
    return Distribution({f"{at:04b}": float(value) for at, value in enumerate(row)}, shots)


@given(COUNTS, COUNTS)
@settings(max_examples=60, deadline=None)
def test_figures_are_as_defined(seen: dict[str, int], wanted: dict[str, int]) -> None:
    expected = Distribution.of_counts(wanted)
    ours, distance = fidelity(seen, expected), total_variation(seen, expected)
    assert ours.value == pytest.approx(hellinger_fidelity(seen, wanted), abs=1e-12)
    shots = sum(seen.values())
    outcomes = {*seen, *wanted}
    differences = [
        abs(seen.get(bits, 0) / shots - expected.probabilities.get(bits, 0.0)) for bits in outcomes
    ]
    assert distance.value == pytest.approx(sum(differences) / 2, abs=1e-12)
    # One bounds the other (C. Fuchs and J. van de Graaf, 1999).
    assert 1 - math.sqrt(ours.value) <= distance.value + 1e-9
    assert distance.value <= math.sqrt(1 - ours.value) + 1e-9
    # No error is larger than that of a fair coin, for either side.
    largest = 0.5 * math.sqrt(1 / shots + 1 / sum(wanted.values()))
    for measured in (ours, distance):
        assert 0 <= measured.error <= largest + 1e-12


@pytest.mark.parametrize("measure", [fidelity, total_variation])
@pytest.mark.parametrize("reference_shots", [None, 3000])
def test_errors_are_the_spread_of_many_repeats(
    measure: Measure, reference_shots: int | None
) -> None:
    """Away from a perfect agreement, where the figures are smooth."""
    rng = np.random.default_rng(1)
    measured = []
    for counts in rng.multinomial(2000, TRUE, size=REPEATS):
        row = EXPECTED
        if reference_shots:
            row = rng.multinomial(reference_shots, EXPECTED) / reference_shots
        measured.append(measure(as_counts(counts), as_distribution(row, reference_shots)))
    spread = np.var([one.value for one in measured], ddof=1)
    told = np.mean([one.error**2 for one in measured])
    assert spread / told == pytest.approx(1.0, abs=FACTOR)


@pytest.mark.parametrize("measure", [fidelity, total_variation])
@pytest.mark.parametrize("row", [[0.5, 0.5, 0.0, 0.0], [0.97, 0.01, 0.01, 0.01], TRUE])
def test_errors_are_no_less_than_the_spread_where_all_agree(
    measure: Measure, row: list[float]
) -> None:
    """At their extremes the figures are not smooth, and errors must not look too small."""
    rng = np.random.default_rng(3)
    expected = as_distribution(np.array(row))
    rows = rng.multinomial(2000, row, size=REPEATS)
    measured = [measure(as_counts(counts), expected) for counts in rows]
    spread = np.var([one.value for one in measured], ddof=1)
    assert spread <= (1 + FACTOR) * np.mean([one.error**2 for one in measured])


def test_the_error_of_an_average_is_the_spread_of_many_repeats() -> None:
    values = {"0000": 1.0, "0001": -1.0, "0010": 0.5, "0011": 3.0}
    rng = np.random.default_rng(2)
    rows = rng.multinomial(500, TRUE, size=REPEATS)
    measured = [average(as_counts(row), values.__getitem__) for row in rows]
    spread = np.var([one.value for one in measured], ddof=1)
    assert spread / np.mean([one.error**2 for one in measured]) == pytest.approx(1.0, abs=FACTOR)
    true = float(TRUE @ list(values.values()))
    limit = 5 * math.sqrt(spread / REPEATS)
    assert np.mean([one.value for one in measured]) == pytest.approx(true, abs=limit)


@given(st.integers(2, 12), st.integers(20, 5000), st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_a_perfect_device_comes_to_what_is_said(size: int, shots: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    row = rng.dirichlet(np.ones(size))
    expected = as_distribution(row)
    frequencies = rng.multinomial(shots, row, size=4000) / shots
    distances = np.abs(frequencies - row).sum(axis=1) / 2
    fidelities = np.sqrt(frequencies * row).sum(axis=1) ** 2
    # 6 sigma of the mean of 4000; and, for the fidelity alone, the terms of second order.
    rest = (size / shots) ** 2 / 4
    pairs = (
        (perfect_total_variation(expected, shots), distances, 0.0),
        (perfect_fidelity(expected, shots), fidelities, rest),
    )
    for told, seen, slack in pairs:
        limit = 6 * float(np.std(seen)) / math.sqrt(4000) + slack + 1e-9
        assert told == pytest.approx(float(np.mean(seen)), abs=limit)


@pytest.mark.parametrize("shots", [1, 50, 100, 101])
@pytest.mark.parametrize("rare", [1e-15, 1e-4])
def test_what_all_but_never_happens_changes_all_but_nothing(shots: int, rare: float) -> None:
    expected = Distribution({"0": 1 - rare, "1": rare})
    assert perfect_fidelity(expected, shots) == pytest.approx(1.0, abs=4 * rare + 1e-9)
    assert perfect_total_variation(expected, shots) == pytest.approx(0.0, abs=4 * rare + 1e-9)


def test_what_noise_does_is_known_in_closed_form() -> None:
    fair = Distribution({"0": 0.5, "1": 0.5})
    # Of one shot, one outcome has all: |1 - 1/2|; and of two, half of the time.
    assert perfect_total_variation(fair, 1) == pytest.approx(0.5)
    assert perfect_total_variation(fair, 2) == pytest.approx(0.25)
    # 1 - (K - 1) / 4n, and as many shots on the other side double what is missing.
    assert perfect_fidelity(fair, 1000) == pytest.approx(1 - 1 / 4000, abs=1e-6)
    counted = Distribution({"0": 0.5, "1": 0.5}, 1000)
    assert perfect_fidelity(counted, 1000) == pytest.approx(1 - 1 / 2000, abs=1e-6)
    certain = Distribution({"0": 1.0})
    assert perfect_fidelity(certain, 10) == 1.0
    assert perfect_total_variation(certain, 10) == 0.0


def test_a_million_outcomes_take_seconds_at_most() -> None:
    """Rare outcomes in plenty: as many as are ever worked out, and a million shots of them."""
    size = 2**17
    expected = Distribution({f"{at:017b}": 1 / size for at in range(size)})
    counts = {f"{at:017b}": 8 for at in range(size)}
    assert fidelity(counts, expected).value == pytest.approx(1.0)
    assert total_variation(counts, expected).value == pytest.approx(0.0, abs=1e-9)
    assert 0.9 < perfect_fidelity(expected, 2**20) < 1.0


def test_nothing_is_not_compared() -> None:
    for counts in ({}, {"0": 0}):
        with pytest.raises(InvalidValueError, match="no counts"):
            fidelity(counts, Distribution({"0": 1.0}))
