"""Durations as people write them."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from qrsession.duration import format_duration, format_short, parse_duration
from qrsession.errors import InvalidValueError

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    ("text", "duration_s"),
    [
        ("2h 30m 40s", 9_040),
        ("2h30m40s", 9_040),
        ("  25M ", 1_500),
        ("1500", 1_500),
        ("0", 0),
        ("0s", 0),
        ("1d", 86_400),
        ("1 h", 3_600),
        ("90m", 5_400),
        ("1D 1S", 86_401),
        ("0h 5m", 300),
    ],
)
def test_duration_is_read(text: str, duration_s: int) -> None:
    assert parse_duration(text) == duration_s


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "5 bananas",
        "-1h",
        "1.5h",
        "1h 1h",
        "30m 2h",
        "h",
        "1e3",
        "²",
        "٣",
        "1h,2m",
        "1" * 13,
        "9" * 5000 + "h",
        "1h\x00",
        "inf",
        "nan",
        "+5",
    ],
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        parse_duration(text)
    assert "2h 30m 40s" in caught.value.advice


@pytest.mark.parametrize(
    ("duration_s", "text"),
    [
        (9_040, "2h 30m 40s"),
        (0, "0s"),
        (-5, "0s"),
        (0.4, "0s"),
        (59.6, "1m"),
        (90_061, "1d 1h 1m 1s"),
    ],
)
def test_duration_is_written(duration_s: float, text: str) -> None:
    assert format_duration(duration_s) == text


@given(st.integers(0, 10**11))
def test_what_is_written_is_read(duration_s: int) -> None:
    assert parse_duration(format_duration(duration_s)) == duration_s


@given(st.text(max_size=20))
@example("0\x1f")
def test_any_text_is_a_duration_or_refused(text: str) -> None:
    try:
        assert parse_duration(text) >= 0
    except InvalidValueError:
        # Separators of files and records are no blanks, though Python strips them as such.
        digits = text.strip(" \t\n\r\f\v")
        assert not digits.isdecimal() or not text.isascii() or len(digits) > 12


@pytest.mark.parametrize(
    ("time_s", "text"),
    [
        (0, "0 s"),
        (68e-9, "68 ns"),
        (2.314e-4, "231 µs"),
        (0.0025, "2.5 ms"),
        (2.0, "2 s"),
        (5e-11, "5e-11 s"),
    ],
)
def test_a_device_s_time_is_written_in_the_unit_that_suits_it(time_s: float, text: str) -> None:
    assert format_short(time_s) == text


def test_as_many_digits_as_asked_for() -> None:
    assert format_short(2.3141e-4, digits=4) == "231.4 µs"
