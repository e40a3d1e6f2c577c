"""Patterns of paths: what is taken is matched quickly, and what would not be is refused."""

import re
import time

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from qrsession.errors import InvalidValueError
from qrsession.local.scenario import parse_scenario
from qrsession.local.scenario.patterns import LONGEST_PATH, path_pattern, safe_pattern

pytestmark = pytest.mark.fast

# A pattern that is taken has 8 million ways at most, a sixth of which are different; one takes
# some ten nanoseconds. What is refused takes longer than there is time.
LIMIT_S = 5.0


@pytest.mark.parametrize(
    ("text", "matching", "other"),
    [
        ("/(jobs|sessions).*", "/jobs/a/results", "/usage"),
        ("/jobs/[^/]+(/results)?", "/jobs/a/results", "/jobs/a/logs"),
        ("/(?P<noun>jobs|tags)/?", "/jobs", "/sessions"),
        (r"/backends/\w+/(?!status).*", "/backends/a/properties", "/backends/a/status"),
        (r"/jobs/[a-v0-9]{20}", "/jobs/" + "a" * 20, "/jobs/a"),
        (r"/jobs/[]a{}]{2,3}\{x{", "/jobs/]a{x{", "/jobs/]"),
        ("/jobs(/.*)?", "/jobs", "/job"),
    ],
)
def test_patterns_of_use_are_taken(text: str, matching: str, other: str) -> None:
    pattern = safe_pattern(text, "here")
    assert pattern.fullmatch(matching)
    assert not pattern.fullmatch(other)


@pytest.mark.parametrize(
    "text",
    [
        "(a+)+$",
        "(a|a)*b",
        "(a|aa)+b",
        "(?:a?){50}b",
        "a?" * 40 + "a" * 40,
        ".*.*.*.*b",
        "((a{1,9}){1,9}){1,9}",
        "([a-z]+)*/",
        "(?#[)(a+)+b",
        "(?x)#[\n(a+)+b",
        "a{99999999999999999999}",
        "x" * 1001,
        "(",
    ],
)
def test_a_pattern_that_could_take_for_ever_is_refused_with_its_path(text: str) -> None:
    with pytest.raises(InvalidValueError) as refused:
        safe_pattern(text, "rules[0].path_regex")
    assert refused.value.details["path"] == "rules[0].path_regex"


@given(st.text(alphabet="ab(|)*+?{},12.[]^\\", max_size=24), st.sampled_from(["a", "ab", "b"]))
def test_what_is_taken_is_matched_in_time(text: str, unit: str) -> None:
    try:
        pattern = safe_pattern(text, "here")
    except InvalidValueError:
        assume(condition=False)
    path = (unit * LONGEST_PATH)[: LONGEST_PATH - 1] + "!"
    began_s = time.perf_counter()
    pattern.fullmatch(path)
    assert time.perf_counter() - began_s < LIMIT_S


def test_the_worst_pattern_that_is_taken_is_matched_in_time() -> None:
    began_s = time.perf_counter()
    assert safe_pattern(".*.*.*!x", "here").fullmatch("a" * LONGEST_PATH) is None
    assert time.perf_counter() - began_s < LIMIT_S


def test_names_stand_for_whole_segments() -> None:
    assert path_pattern("/jobs/{job_id}/logs", "path").fullmatch("/jobs/x/logs")
    with pytest.raises(InvalidValueError, match="several names"):
        path_pattern("/jobs/{a}{b}{c}{d}", "path")


@pytest.mark.parametrize(
    "document",
    [
        rb'{"jobs": [{"outcome": "failed", "reason": "\ud800"}]}',
        b'{"usage": {"limit_s": 1e400}}',
        b'{"usage": {"limit_s": 1e300}}',
        b'{"usage": {"left_s": %d}}' % 10**400,
        b'{"rules": [{"effect": "drop", "skip": %d}]}' % 10**400,
        b'{"seed": NaN}',
    ],
)
def test_a_scenario_with_what_no_runtime_holds_is_refused(document: bytes) -> None:
    with pytest.raises(InvalidValueError):
        parse_scenario(document, is_toml=False)


def test_the_tests_have_power() -> None:
    # A small relative of the patterns above, which doubles its time with each character.
    def seconds(length: int) -> float:
        began_s = time.perf_counter()
        re.fullmatch("(a+)+b", "a" * length)
        return time.perf_counter() - began_s

    assert seconds(21) > 8 * seconds(14)
