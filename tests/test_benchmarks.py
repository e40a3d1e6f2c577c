"""The arithmetic and the table of the benchmarks, on commands that do next to nothing."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import capacity, run, shell_rows
from benchmarks.circuit_files import new_circuit
from benchmarks.ends import Home
from benchmarks.timing import Limit, Measured, Pair, Row, in_turn, measure, table, wall_ms
from qrsession.cli.app import VERBS

RATIO = Limit(1.5)
EXCESS = Limit(10.0, is_multiple=False)


def measured(name: str, limit: Limit, *pairs: tuple[float, float]) -> Measured:
    taken = [Pair(*pair) for pair in pairs]
    return Measured(Row(name, f"what {name} is", limit, lambda: taken[0]), taken)


@pytest.mark.fast
def test_a_figure_is_the_median_over_pairs_and_not_a_ratio_of_medians() -> None:
    # The medians are 200 and 100; the ratios 4, 1.25 and 1.
    taken = measured("one", RATIO, (400.0, 100.0), (125.0, 100.0), (200.0, 200.0))

    assert taken.figures == [4.0, 1.25, 1.0]
    assert taken.is_met
    assert taken.cells()[2:5] == ("200.0 ms", "100.0 ms", "1.25 x")


@pytest.mark.fast
def test_a_limit_above_the_reference_is_held_against_differences() -> None:
    taken = measured("two", EXCESS, (15.0, 2.0), (9.0, 3.0), (14.0, 2.5))

    assert taken.figures == [13.0, 6.0, 11.5]
    assert not taken.is_met
    assert taken.cells()[4] == "+11.5 ms"


@pytest.mark.fast
def test_what_is_exactly_at_its_limit_is_met() -> None:
    assert measured("edge", RATIO, (150.0, 100.0), (150.0, 100.0)).is_met
    assert not measured("edge", RATIO, (150.1, 100.0), (150.1, 100.0)).is_met


@pytest.mark.fast
def test_the_table_shows_what_is_missed_first() -> None:
    good = measured("good", RATIO, (120.0, 100.0), (120.0, 100.0))
    bad = measured("bad", EXCESS, (30.0, 10.0), (30.0, 10.0))

    assert table([good, bad]).splitlines() == [
        "        what          ours      reference  figure    middle half           limit",
        "MISSED  what bad is   30.0 ms   10.0 ms    +20.0 ms  +20.0 ms to +20.0 ms  +10.0 ms",
        "met     what good is  120.0 ms  100.0 ms   1.20 x    1.20 x to 1.20 x      1.50 x",
    ]


def test_commands_are_run_in_turn_and_the_first_pair_does_not_count(tmp_path: Path) -> None:
    log = tmp_path / "log"

    def command(word: str) -> float:
        script = f"open({str(log)!r}, 'a').write({word!r})"
        return wall_ms([sys.executable, "-c", script], os.environ, tmp_path)

    row = Row("turn", "a / b", RATIO, in_turn(lambda: command("a"), lambda: command("b")))
    taken = measure(row, runs=2)

    assert log.read_text() == "ababab"
    assert len(taken.pairs) == 2
    assert all(pair.ours_ms > 0 and pair.reference_ms > 0 for pair in taken.pairs)


def test_a_command_that_fails_is_not_measured(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="no such thing"):
        wall_ms([sys.executable, "-c", "exit('no such thing')"], os.environ, tmp_path)


@pytest.mark.fast
def test_each_row_has_a_name_that_can_be_asked_for(tmp_path: Path) -> None:
    home = Home(tmp_path, {}, tmp_path)

    assert tuple(row.name for row in run.rows(home)) == run.OWN_NAMES
    with capacity.own_rows(home) as rows:
        assert tuple(row.name for row in rows) == capacity.OWN_NAMES
    assert len(set(run.NAMES)) == len(run.NAMES)


@pytest.mark.fast
def test_the_slowest_is_found_once_and_measured_from_then_on() -> None:
    calls: list[str] = []

    def taking(name: str, ms: float) -> Callable[[], float]:
        def take() -> float:
            calls.append(name)
            return ms

        return take

    slowest = shell_rows.Slowest({"a": taking("a", 1.0), "b": taking("b", 3.0)})
    assert slowest() == 3.0
    calls.clear()
    assert slowest() == 3.0
    assert calls == ["b"]


@pytest.mark.fast
def test_rows_of_prompts_ask_for_commands_that_there_are() -> None:
    known = {"--version", "--help", *VERBS}
    assert {words[0] for words in shell_rows.COMMANDS} <= known
    # Help needs no network, so all of it counts.
    assert {words[0] for words in shell_rows.COMMANDS if words[1:] == ("--help",)} == {*VERBS}
    assert {line[0] for line in shell_rows.LINES} <= {"", *VERBS}


@pytest.mark.fast
def test_what_was_not_promised_is_never_missed() -> None:
    taken = measured("known", Limit(None), (500.0, 100.0), (500.0, 100.0))

    assert taken.is_met
    assert taken.cells()[4:] == ("5.00 x", "5.00 x to 5.00 x", "none")


@pytest.mark.fast
def test_no_circuit_is_like_another(tmp_path: Path) -> None:
    files = [new_circuit(tmp_path, version) for version in (2, 3, 2, 3)]

    assert len({file.read_text() for file in files}) == 4
