"""Histograms and counts: whole outputs, at 80 and 200 columns."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrsession.render.histogram import histogram_text
from qrsession.render.terminal import Terminal

pytestmark = pytest.mark.fast

AT_80 = Terminal(is_terminal=True, width=80)
AT_200 = Terminal(is_terminal=True, width=200)
ASCII_AT_40 = Terminal(is_terminal=True, width=40, has_unicode=False)
BELL = {"11": 498, "00": 511, "10": 3, "01": 12}


def test_bell_at_80_columns() -> None:
    assert histogram_text([BELL], AT_80) == (
        f"00  {'█' * 64}  511  49.9%\n"
        f"11  {'█' * 62}▍   498  48.6%\n"
        f"01  █▌{' ' * 62}   12   1.2%\n"
        f"10  ▍{' ' * 63}    3   0.3%\n"
        "1,024 shots, 4 outcomes\n"
    )


def test_bell_in_ascii() -> None:
    assert histogram_text([BELL], ASCII_AT_40) == (
        f"00  {'#' * 24}  511  49.9%\n"
        f"11  {'#' * 23}   498  48.6%\n"
        f"01  #{' ' * 23}   12   1.2%\n"
        f"10  #{' ' * 23}    3   0.3%\n"
        "1,024 shots, 4 outcomes\n"
    )


def test_bars_do_not_grow_beyond_reason() -> None:
    lines = histogram_text([BELL], AT_200).splitlines()
    assert lines[0] == f"00  {'█' * 80}  511  49.9%"


def test_tail_is_summed_up() -> None:
    counts = {f"{number:05b}": 32 - number for number in range(32)}
    lines = histogram_text([counts], AT_80, most_bars=4).splitlines()
    assert len(lines) == 6
    assert [line.split()[0] for line in lines[:4]] == ["00000", "00001", "00010", "00011"]
    assert lines[4] == "… 28 more outcomes, 406 shots (76.9%)"
    assert lines[5] == "528 shots, 32 outcomes"


def test_tail_of_one_gets_its_bar() -> None:
    counts = {"00": 3, "01": 2, "10": 1}
    text = histogram_text([counts], AT_80, most_bars=2)
    assert "more" not in text
    assert text.splitlines()[2].startswith("10  ")


def test_rare_and_nearly_sure_outcomes_are_told_from_never_and_always() -> None:
    first, second, total = histogram_text([{"0": 100_000, "1": 1}], AT_80).splitlines()
    assert first.endswith("  100,000  >99.9%")
    assert second.startswith("1  ▏ ")
    assert second.endswith("        1   <0.1%")
    assert total == "100,001 shots, 2 outcomes"


def test_single_outcome_and_single_shot() -> None:
    assert histogram_text([{"1": 1}], AT_80).endswith("  1  100.0%\n1 shot, 1 outcome\n")


def test_nothing_was_measured() -> None:
    assert histogram_text([{}], AT_80) == "0 shots, 0 outcomes\n"
    assert histogram_text([], AT_80) == ""


def test_several_pubs_are_numbered() -> None:
    text = histogram_text([{"0": 1}, {"1": 1}], AT_80)
    assert re.findall(r"^pub \d", text, re.MULTILINE) == ["pub 0", "pub 1"]


def test_long_bitstrings_are_shown_in_full() -> None:
    bits = "01" * 78
    lines = histogram_text([{bits: 7, bits[::-1]: 3}], AT_80).splitlines()
    assert "".join(lines[:2]) == bits
    assert lines[2] == f"  {'█' * 68}  7  70.0%"
    assert len(histogram_text([{bits: 7}], AT_200).splitlines()) == 2


def test_colour_only_where_it_may_be() -> None:
    coloured = Terminal(is_terminal=True, width=80, has_colour=True)
    text = histogram_text([BELL], coloured)
    assert "\x1b[36m" in text
    assert re.sub(r"\x1b\[\d*m", "", text) == histogram_text([BELL], AT_80)


counts_of_any = st.dictionaries(
    st.text("01", min_size=1, max_size=200), st.integers(0, 10**6), max_size=40
)


@given(counts_of_any, st.integers(20, 220), st.booleans())
def test_every_line_fits_and_every_shot_is_accounted_for(
    counts: dict[str, int], width: int, has_unicode: bool
) -> None:
    terminal = Terminal(is_terminal=True, width=width, has_unicode=has_unicode)
    lines = histogram_text([counts], terminal).splitlines()
    # The sums may be longer than the narrowest terminals.
    assert all(len(line) <= max(width, 60) for line in lines)
    figures = [re.search(r"  ([\d,]+)  +[<>]?[\d.]+%$", line) for line in lines]
    shown = sum(int(match[1].replace(",", "")) for match in figures if match)
    tail = next((re.search(r"outcomes?, ([\d,]+) shot", line) for line in lines[-2:-1]), None)
    rest = int(tail[1].replace(",", "")) if tail else 0
    assert shown + rest == sum(counts.values())
