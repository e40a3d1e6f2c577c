"""What is expected, as it is written and as it is told."""

import math

import pytest

from qrsession.errors import CircuitError, InvalidValueError
from qrsession.expecting.agreement import Distribution, Measured
from qrsession.expecting.verdicts import (
    Ground,
    Verdict,
    check_observables,
    failure_of,
    judge,
    judge_values,
)
from qrsession.expecting.wanted import Expectation, Kind, bound_of, parse_value_expectation
from qrsession.render.terminal import Terminal
from qrsession.render.verdicts import verdict_lines

pytestmark = pytest.mark.fast

BELL = Ground("@bell", [2], 2, [0, 1], Distribution({"00": 0.5, "11": 0.5}))


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("ZZ=1±0.05", 0.95, 1.05),
        ("ZZ = 1 +- 0.05", 0.95, 1.05),
        ("ZZ==-0.5+/-.25", -0.75, -0.25),
        ("ZZ>=0.9", 0.9, float("inf")),
        ("0.5*ZZ + 0.5*IZ ≤ -1e-1", float("-inf"), -0.1),
    ],
)
def test_expectations_are_read(text: str, low: float, high: float) -> None:
    expectation = parse_value_expectation(text)
    assert expectation.range == pytest.approx((low, high))
    inside = [bound for bound in (low, high) if math.isfinite(bound)]
    assert all(map(expectation.holds_for, inside))
    outside = [low - 0.01] * math.isfinite(low) + [high + 0.01] * math.isfinite(high)
    assert not any(map(expectation.holds_for, outside))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ZZ", "compares nothing"),
        ("ZZ>1", "compares nothing"),
        ("=1±1", "is no observable"),
        ("ZZ=1", "no tolerance"),
        ("ZZ=1±", "a number is missing"),
        ("ZZ=1±-0.1", "negative"),
        ("ZZ=1±0.1±0.1", "no tolerance"),
        ("ZZ>=0.9±0.1", "a bound has no tolerance"),
        ("ZZ>=nan", "no number"),
        ("ZZ>=1.01", "can never hold, for values are -1 to 1"),
        ("ZZ<=-1.01", "can never hold"),
        ("00=-1±0.5", "can never hold, for values are 0 to 1"),
        ("ZX=1±0.1", "has an X or a Y"),
    ],
)
def test_what_cannot_hold_or_be_read_is_refused(text: str, words: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        parse_value_expectation(text)
    assert words in caught.value.message


@pytest.mark.parametrize("bound", [-0.1, 1.1, float("nan")])
def test_bounds_are_0_to_1(bound: float) -> None:
    with pytest.raises(InvalidValueError, match="must be 0 to 1"):
        bound_of(Kind.FIDELITY, bound)


def test_counts_are_judged() -> None:
    wishes = [
        bound_of(Kind.FIDELITY, 0.9),
        bound_of(Kind.TOTAL_VARIATION, 0.02),
        parse_value_expectation("ZZ=1±0.05"),
    ]
    verdicts = judge(wishes, BELL, {"00": 480, "11": 470, "01": 50}, pub=3, job_id="d1")
    assert [verdict.holds for verdict in verdicts] == [True, False, False]
    assert verdicts[0].seen.value == pytest.approx(0.95, abs=1e-3)
    assert verdicts[1].seen.value == pytest.approx(0.05)
    assert verdicts[2].seen.value == pytest.approx(0.9)
    assert verdicts[2].document() == {
        "circuit": "@bell",
        "pub": 3,
        "job_id": "d1",
        "kind": "value",
        "name": "ZZ",
        "expected": 1.0,
        "tolerance": 0.05,
        "value": pytest.approx(0.9),
        "error": pytest.approx(0.01378, abs=1e-5),
        "perfect_value": None,
        "within_error": False,
        "holds": False,
    }
    error = failure_of(verdicts, {"pubs": []})
    assert error is not None
    assert error.exit_code == 11
    assert error.message == (
        "2 of 3 expectations do not hold: @bell: TVD 0.050 ± 0.016, at most 0.02; and 1 more."
    )
    assert error.details["pubs"] == []
    assert [one["holds"] for one in error.details["expectations"]] == [True, False, False]
    assert failure_of(verdicts[:1], {}) is None


def test_rounding_decides_nothing() -> None:
    assert Expectation(Kind.VALUE, expected=1.0, tolerance=0.05).holds_for(0.95)
    assert Expectation(Kind.FIDELITY, at_least=1.0).holds_for(1.0 - 1e-15)


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0.98312, 0.00431, "fidelity 0.9831 ± 0.0043, at least 0.9"),
        (0.5, 0.0, "fidelity 0.500 ± 0.000, at least 0.9"),
        # What fails must not look as if it held.
        (0.89998, 0.012, "fidelity 0.89998 ± 0.01200, at least 0.9 (within error)"),
    ],
)
def test_figures_have_the_digits_that_say_something(value: float, error: float, text: str) -> None:
    verdict = Verdict(bound_of(Kind.FIDELITY, 0.9), "c", 0, Measured(value, error))
    assert verdict.sentence() == text
    assert verdict.sentence("+-") == text.replace("±", "+-")


def test_observables_must_fit_the_circuit() -> None:
    check_observables([parse_value_expectation("ZZ=1±0.1")], BELL)
    with pytest.raises(CircuitError, match="'Z' has 1 letter, and @bell has 2 qubits"):
        check_observables([parse_value_expectation("Z=1±0.1")], BELL)
    half = Ground("half", [1], 2, [None, 0])
    check_observables([parse_value_expectation("ZI=1±0.1")], half)
    with pytest.raises(CircuitError, match="asks for qubit 0") as caught:
        check_observables([parse_value_expectation("ZI + ZZ=1±0.1")], half)
    assert caught.value.details["qubit"] == 0


def test_lines_name_circuits_where_there_are_several() -> None:
    """And number them where several have one name."""

    def told(*circuits: str) -> list[str]:
        bound = bound_of(Kind.FIDELITY, 0.5)
        verdicts = [
            Verdict(bound, circuit, pub, Measured(0.75, 0.01))
            for pub, circuit in enumerate(circuits)
        ]
        lines = verdict_lines(verdicts, Terminal(has_unicode=False))
        return [f"{label} {text.partition('fidelity')[0]}" for label, _, text in lines]

    assert told("a") == ["holds: "]
    assert told("a", "b", "a") == ["holds: a (pub 0): ", "holds: b: ", "holds: a (pub 2): "]


def test_an_estimate_is_judged_where_it_holds_least() -> None:
    expectation = parse_value_expectation("XX=0.5±0.2", is_estimated=True)
    values = [Measured(value, 0.01) for value in (0.5, 0.69, 0.25, 0.8, 0.1)]
    (one,) = (judge_values(expectation, "@bell", values[:1]),)
    assert (one.holds, one.point) == (True, None)
    assert judge_values(expectation, "@bell", values[:2]).point == 1
    worst = judge_values(expectation, "@bell", values, pub=2, job_id="j")
    assert (worst.holds, worst.point, worst.seen.value) == (False, 4, 0.1)
    assert worst.claim() == "XX at point 4: 0.100 ± 0.010, expected 0.5 ± 0.2"
    assert (worst.document()["point"], "point" in one.document()) == (4, False)
    broken = judge_values(expectation, "@bell", [Measured(math.nan, 0.1), values[4]])
    assert (broken.holds, broken.point) == (False, 0)
