"""Numbers as people write them, and numbers evenly apart."""

import math

import numpy as np
import pytest

from qrsession.pubs.numbers import evenly_spaced, parse_number

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0.3", 0.3),
        (" -1e3 ", -1000.0),
        ("+.5", 0.5),
        ("\u22122", -2.0),
        ("7.", 7.0),
        ("pi", math.pi),
        ("π/2", math.pi / 2),
        ("-pi/4", -math.pi / 4),
        ("2*pi", 2 * math.pi),
        ("2 * pi / 3", 2 * math.pi / 3),
        ("-3*pi/4", -3 * math.pi / 4),
        ("1/3", 1 / 3),
    ],
)
def test_numbers_are_read_as_python_works_them_out(text: str, number: float) -> None:
    assert parse_number(text) == number


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "a number is missing"),
        ("-", "'-' is no number"),
        ("x", "'x' is no number"),
        ("nan", "no number"),
        ("inf", "no number"),
        ("1_0", "no number"),
        ("2pi", "no number"),
        ("pi pi", "no number"),
        ("2*", "no number"),
        ("2+3", "no number"),
        ("2**3", "no number"),
        ("--1", "no number"),
        ("__import__('os')", "no number"),
        ("1/0", "divides by zero"),
        ("1e999", "not finite"),
        ("1e308*10", "not finite"),
    ],
)
def test_what_is_no_number_is_told(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        parse_number(text)
    assert words in str(caught.value)


def test_numbers_evenly_apart_are_those_of_numpy_to_the_last_bit() -> None:
    draw = np.random.default_rng(7)
    cases = [(0.0, math.pi, 50), (0.0, 3.14, 50), (1.0, 1.0, 5), (2.0, -1.0, 1), (-0.0, 0.0, 3)]
    cases += [(0.0, 5e-324, 4), (3.0, 3.0 + 2**-51, 9)]
    cases += [(*draw.uniform(-10, 10, 2).tolist(), int(draw.integers(1, 300))) for _ in range(200)]
    for start, stop, number in cases:
        wanted = np.linspace(start, stop, number)
        assert evenly_spaced(start, stop, number).tobytes() == wanted.tobytes(), (start, stop)


def test_ends_that_are_too_far_apart_are_told() -> None:
    with pytest.raises(ValueError, match="too far apart"):
        evenly_spaced(-1.7e308, 1.7e308, 3)
