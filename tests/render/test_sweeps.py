"""Sweeps in a terminal and in a pipe: whole pictures, with Unicode and without, of any size."""

import math
import re
from array import array
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrsession.protocol.typed import BitSamples
from qrsession.pubs.captions import Caption
from qrsession.pubs.values import ParameterValues
from qrsession.render.counts import counts_lines
from qrsession.render.estimates import MOST_ROWS, estimates_lines, estimates_view
from qrsession.render.plot import Curve, plot_lines
from qrsession.render.samples import samples_view
from qrsession.render.scales import aligned, alike, measured, scale_of
from qrsession.render.terminal import Terminal
from qrsession.results.pubs import EstimatedPub, SampledPub

pytestmark = pytest.mark.fast

AT_80 = Terminal(is_terminal=True, width=80)
AT_40 = Terminal(is_terminal=True, width=40, height=16)
ASCII_AT_40 = Terminal(is_terminal=True, width=40, height=16, has_unicode=False)
IN_COLOUR = Terminal(is_terminal=True, width=40, height=16, has_colour=True)


def counted(*ones: int, shots: int = 8, caption: Caption | None = None) -> SampledPub:
    """Return a sweep of one bit, which is 1 so many times at each point."""
    packed = b"".join(bytes(shots - one) + b"\1" * one for one in ones)
    return SampledPub({"c": BitSamples(packed, 1, shots, (len(ones),))}, caption=caption)


def estimated(
    evs: Sequence[float], *shape: int, std: float = 0.0, caption: Caption | None = None
) -> EstimatedPub:
    return EstimatedPub(evs, [std] * len(evs), shape, {}, caption)


def along(name: str, *values: float) -> ParameterValues:
    return ParameterValues({name: array("d", values)}, (len(values),))


LINE = along("theta", *(at / 4 for at in range(9)))


def test_counts_have_a_column_where_there_is_something_to_tell() -> None:
    single = SampledPub({"c": BitSamples(b"\0\1\1", 1, 3)})
    assert "".join(counts_lines([single])) == "1\t2\n0\t1\n"
    assert "".join(counts_lines([single, single])) == "0\t1\t2\n0\t0\t1\n1\t1\t2\n1\t0\t1\n"
    assert "".join(counts_lines([counted(8, 3)])) == "0\t1\t8\n1\t0\t5\n1\t1\t3\n"
    assert "".join(counts_lines([single, counted(8)])) == "0\t0\t1\t2\n0\t0\t0\t1\n1\t0\t1\t8\n"
    assert "".join(counts_lines([])) == ""


def test_values_have_a_column_where_there_is_something_to_tell() -> None:
    axis = Caption("a", observables=("ZZ", "XX"), has_observable_axis=True)
    assert "".join(estimates_lines([estimated([0.5])])) == "0.5\t0.0\n"
    assert "".join(estimates_lines([estimated([0.5, 1], 2)])) == "0\t0.5\t0.0\n1\t1\t0.0\n"
    both = estimated([0.1, 0.2], 2, caption=axis)
    assert "".join(estimates_lines([both])) == "0\t0.1\t0.0\n1\t0.2\t0.0\n"
    swept = estimated([0.1, 0.2, 0.3, 0.4], 2, 2, caption=axis)
    assert "".join(estimates_lines([swept, both])) == (
        "0\t0\t0\t0.1\t0.0\n0\t1\t0\t0.2\t0.0\n0\t0\t1\t0.3\t0.0\n0\t1\t1\t0.4\t0.0\n"
        "1\t0\t0\t0.1\t0.0\n1\t0\t1\t0.2\t0.0\n"
    )


def test_few_points_are_a_table_of_shares() -> None:
    caption = Caption("a.qasm", along("theta", 0, 0.125, 3.14159))
    assert samples_view([counted(8, 4, 0, caption=caption)], AT_80) == (
        "theta       0   0.125   3.142\n"
        "    0    0.0%   50.0%  100.0%\n"
        "    1  100.0%   50.0%    0.0%\n"
        "3 points of 8 shots, 2 outcomes\n"
    )


def test_many_points_are_strips() -> None:
    pub = counted(*range(9))
    assert samples_view([pub], AT_40) == (
        "0  ███▇▇▇▆▆▆▅▅▅▄▄▄▃▃▃▂▂▂▁▁▁      50.0%\n"
        "1     ▁▁▁▂▂▂▃▃▃▄▄▄▅▅▅▆▆▆▇▇▇███   50.0%\n"
        "   0          point          8\n"
        "█ is 100.0% of the shots\n"
        "9 points of 8 shots, 2 outcomes\n"
    )


def test_neighbours_are_counted_together_where_there_is_no_room() -> None:
    caption = Caption("a.qasm", along("theta", *(float(at) for at in range(2000))))
    lines = samples_view([counted(*[8] * 1000, *[0] * 1000, caption=caption)], AT_40).splitlines()
    assert [len(line) for line in lines[:2]] == [40, 40]
    assert re.fullmatch(r"0   {14,15}▄?█{14,15}   50\.0%", lines[0])
    assert re.fullmatch(r"1  █{14,15}▄? {14,15}   50\.0%", lines[1])
    assert re.fullmatch(r" {3}0 +theta +1999", lines[2])
    assert lines[3] == "█ is 100.0% of the shots; a column is about 69 points"
    assert lines[4] == "2,000 points of 8 shots, 2 outcomes"


def test_tail_and_titles_of_sweeps() -> None:
    packed = bytes(range(200)) * 3
    pub = SampledPub({"c": BitSamples(packed, 8, 200, (3,))}, caption=Caption("a.qasm"))
    lines = samples_view([pub, pub], AT_80).splitlines()
    assert lines[0] == "pub 0  a.qasm"
    assert len(lines) == 2 * 20 + 1
    assert lines[18] == "… 184 more outcomes, 552 shots (92.0%)"
    assert samples_view([counted(0, 0, shots=0)], AT_80) == "2 points, 0 shots\n"


def test_line_plot_of_one_observable() -> None:
    caption = Caption("a.qasm", LINE, ("ZZ",))
    pub = estimated([1 - at / 4 for at in range(9)], 9, caption=caption)
    assert estimates_view([pub], ASCII_AT_40) == (
        "ZZ\n"
        " 1 +***\n"
        "   |   ****\n"
        "   |       ****\n"
        "   |           *****\n"
        " 0 +                ********\n"
        "   |                        *****\n"
        "   |                             ****\n"
        "-1 +                                 **\n"
        "   ++----------------+----------------+\n"
        "    0                1                2\n"
        "                   theta\n"
        "9 points, standard error 0\n"
    )


def test_curves_are_told_apart_without_colour() -> None:
    names = ("ZZ", "XX", "0.5*YY")
    caption = Caption("a.qasm", LINE, names, has_observable_axis=True)
    evs = [value for level in (1.0, 0.0, -1.0) for value in [level] * 9]
    pub = estimated(evs, 3, 9, caption=caption)
    for terminal in (AT_80, ASCII_AT_40):
        text = estimates_view([pub], terminal)
        assert "a ZZ   b XX   c 0.5*YY" in text
        rows = [line for line in text.splitlines() if re.match(r" *-?[\d.]+ [┤+]", line)]
        for row, letter in ((rows[0], "a"), (rows[-1], "c")):
            assert letter in row
            assert not set("abc") - {letter} & set(row)
    coloured = estimates_view([pub], IN_COLOUR)
    assert "\x1b[36m" in coloured
    assert re.sub(r"\x1b\[\d*m", "", coloured) == estimates_view([pub], AT_40)


def test_observables_beyond_reason_are_counted() -> None:
    names = tuple(f"O{at}" for at in range(30))
    caption = Caption("a.qasm", LINE, names, has_observable_axis=True)
    text = estimates_view([estimated([0.5] * 270, 30, 9, caption=caption)], AT_80)
    assert "f O5" in text
    assert "g O6" not in text
    assert "… 24 more observables: --format csv has all" in text


def test_errors_are_bars_where_they_can_be_seen() -> None:
    def rows(std: float) -> int:
        """Count the rows that the third of five points reaches."""
        lines = plot_lines([0, 1, 2, 3, 4], "x", [Curve("", [0.0] * 5, [0, 0, std, 0, 0])], AT_80)
        assert lines is not None
        return sum(bool(re.split("[┤│]", line)[1]) for line in lines[:-3])

    assert rows(0.0) == 1
    assert rows(0.5) > 8


def test_two_axes_are_a_map() -> None:
    values = ParameterValues(
        {"a": array("d", [0, 0, 0, 1, 1, 1]), "b": array("d", [0, 1, 2] * 2)}, (2, 3)
    )
    pub = estimated([1, 0.5, 0, -1, -0.5, 0.25], 2, 3, caption=Caption("f", values, ("ZZ",)))
    assert estimates_view([pub], AT_80) == (
        "ZZ\n   b\na      0      1      2\n0   1.00   0.50   0.00\n1  -1.00  -0.50   0.25\n"
        "6 points, standard error 0\n"
    )


def test_large_maps_are_shaded_and_say_what_they_leave_out() -> None:
    pub = estimated([column / 99 for _ in range(45) for column in range(100)], 45, 100)
    lines = estimates_view([pub], AT_40).splitlines()
    assert lines[1].strip() == "row"
    assert lines[2] == "  0         ░░░░░░░▒▒▒▒▒▒▓▓▓▓▓▓▓███████"
    assert len(lines) == 1 + 1 + 15 + 5
    assert "from 0 [  ░░▒▒▓▓██] to 1" in lines
    assert "1 of 3 rows and 1 of 3 columns shown; --format csv has all" in lines
    assert lines[-1] == "4,500 points, standard error 0"


def test_table_of_values_with_what_they_are_of() -> None:
    caption = Caption("a.qasm", ParameterValues.single({"theta": 0.5}), ("ZZ",))
    text = estimates_view([estimated([0.25], std=0.125, caption=caption)], Terminal())
    assert text == ("theta\tOBSERVABLE\tEXPECTATION VALUE\tSTANDARD ERROR\n0.5\tZZ\t0.25\t0.12\n")
    pubs = [estimated([0.25], caption=caption), estimated([1.0, 2.0], 2)]
    assert estimates_view(pubs, Terminal()).splitlines() == [
        "PUB\tCIRCUIT\tPOINT\ttheta\tOBSERVABLE\tEXPECTATION VALUE\tSTANDARD ERROR",
        "0\ta.qasm\t\t0.5\tZZ\t0.25\t0",
        "1\t\t0\t\t\t1\t0",
        "1\t\t1\t\t\t2\t0",
    ]


@pytest.mark.parametrize(
    ("value", "error", "shown"),
    [
        (-0.0180664, 0.0156, ("-0.018", "0.016")),
        (0.5, 0.0996, ("0.50", "0.10")),
        (-0.0004, 0.016, ("0.000", "0.016")),
        (12345.6, 130.0, ("12346", "130")),
        (1.0, 0.0, ("1", "0")),
        (0.25, 1e-12, ("0.25", "1e-12")),
        (1e308, 0.1, ("1e+308", "0.1")),
        (math.nan, 0.1, ("nan", "0.10")),
        (1.0, math.nan, ("1", "nan")),
    ],
)
def test_values_have_the_digits_that_their_errors_leave(
    value: float, error: float, shown: tuple[str, str]
) -> None:
    assert measured(value, error) == shown


def test_points_of_numbers_stand_below_each_other() -> None:
    assert aligned(["1", "-0.018", "0.5093"]) == ["1     ", "-0.018 ", "0.5093"]
    assert aligned(["1", "1e-12"]) == ["1", "1e-12"]
    assert alike([1.0, 0.25, -0.5]) == ["1.00", "0.25", "-0.50"]
    assert alike([0.91234, -0.00001]) == ["0.912", "0.000"]
    assert alike([3.0, math.nan]) == ["3", "nan"]
    assert alike([1e-9]) == ["1e-09"]
    caption = Caption("a", observables=("Z", "X"), has_observable_axis=True)
    pub = EstimatedPub([1.0, -0.0180664], [0.0, 0.0156], (2,), {}, caption)
    assert estimates_view([pub], AT_80).splitlines()[2:] == [
        "Z                       1               0",
        "X                      -0.018           0.016",
    ]


def test_pictures_of_samples_say_what_changes_along_and_which_registers_there_are() -> None:
    values = ParameterValues({"a": array("d", [0, 1]), "b": array("d", [2, 3])}, (2,))
    pub = counted(8, 0, caption=Caption("f", values))
    two = SampledPub({"first": pub.samples["c"], "last": pub.samples["c"]}, caption=pub.caption)
    assert samples_view([two], AT_80).splitlines()[-3:] == [
        "along with it b 2 to 3",
        "2 points of 8 shots, 2 outcomes",
        "registers: last first",
    ]
    product = ParameterValues({"a": array("d", [0, 0]), "b": array("d", [2, 3])}, (1, 2))
    square = SampledPub({"c": BitSamples(bytes(16), 1, 8, (1, 2))}, caption=Caption("f", product))
    assert "a 0, b 2 to 3" in samples_view([square], AT_80).splitlines()


def test_long_tables_end_in_a_span() -> None:
    values = [at / 64 for at in range(64)]
    lines = estimates_view([estimated(values, 2, 2, 16)], Terminal()).splitlines()
    assert len(lines) == 1 + MOST_ROWS + 1
    assert lines[1].split("\t")[0] == "0,0,0"
    assert lines[-1] == "… 24 more values, 0.625 to 0.9844: --format csv has all"


@pytest.mark.parametrize(
    "values",
    [
        [math.nan] * 5,
        [0.0, math.nan, math.inf, -math.inf, 1.0],
        [1e308, -1e308, 0, 0, 0],
        [7.0] * 5,
        [1e-300, 2e-300, 3e-300, 4e-300, 5e-300],
        [1.0, 1.0 + 2**-52, 1.0, 1.0, 1.0],
    ],
)
def test_any_values_are_shown(values: list[float]) -> None:
    text = estimates_view([estimated(values, 5)], AT_80)
    assert text.endswith("5 points, standard error 0\n") or "POINT" in text


@given(
    st.lists(st.floats(-1e9, 1e9) | st.just(math.nan), min_size=4, max_size=60),
    st.integers(30, 200),
    st.booleans(),
)
def test_plots_keep_to_their_terminal(values: list[float], width: int, has_unicode: bool) -> None:
    terminal = Terminal(is_terminal=True, width=width, has_unicode=has_unicode)
    curve = Curve("v", values, [0.5] * len(values))
    lines = plot_lines(range(len(values)), "x", [curve], terminal)
    if lines is None:
        assert sum(map(math.isfinite, values)) < 2
    else:
        assert max(map(len, lines)) <= width
        assert has_unicode or "".join(lines).isascii()


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6), st.integers(2, 8))
def test_scales_have_round_numbers_within(low: float, span: float, most: int) -> None:
    scale = scale_of(low, low + span, most, is_widened=True)
    # Ends are products of whole numbers and the step, so the last bit of a float may be another.
    slack = span * 1e-6 + 2 * math.ulp(max(abs(low), abs(low + span)))
    assert scale.low <= low + slack
    assert scale.high >= low + span - slack
    assert 2 <= len(scale.ticks) <= most + 2
    assert len(set(scale.labels)) == len(scale.labels)
