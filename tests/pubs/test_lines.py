"""Values of parameters in lines of JSON: forms, shapes, and what is no such line."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qrsession.errors import InvalidValueError, QrsessionError
from qrsession.pubs.lines import LARGEST_LINE_BYTES, names_in_short, read_values
from qrsession.pubs.values import ParameterValues

pytestmark = pytest.mark.fast

NONE = ParameterValues()
ORDER = ("phi", "theta[0]", "theta[1]")


def read(line: str, order: tuple[str, ...] | None = ORDER) -> ParameterValues:
    return read_values(line.encode(), order, NONE)


def columns_of(values: ParameterValues) -> dict[str, list[float]]:
    return {name: list(column) for name, column in values.columns.items()}


@pytest.mark.parametrize(
    ("line", "shape", "columns"),
    [
        ("[1, 2, 3]", (), {"phi": [1], "theta[0]": [2], "theta[1]": [3]}),
        ("[[1, 2, 3]]", (1,), {"phi": [1], "theta[0]": [2], "theta[1]": [3]}),
        (
            "[[1, 2, 3], [4, 5, 6]]",
            (2,),
            {"phi": [1, 4], "theta[0]": [2, 5], "theta[1]": [3, 6]},
        ),
        (
            "[[[1, 2, 3]], [[4, 5, 6]]]",
            (2, 1),
            {"phi": [1, 4], "theta[0]": [2, 5], "theta[1]": [3, 6]},
        ),
        ('{"phi": 1e-3}', (), {"phi": [0.001]}),
        ('{"phi": [1, 2], "theta[0]": 3}', (2,), {"phi": [1, 2], "theta[0]": [3, 3]}),
        ('{"phi": [[1, 2]]}', (1, 2), {"phi": [1, 2]}),
        ('{"theta": [1, 2]}', (), {"theta[0]": [1], "theta[1]": [2]}),
        (
            '{"theta": [[1, 2], [3, 4]], "phi": [5, 6]}',
            (2,),
            {"theta[0]": [1, 3], "theta[1]": [2, 4], "phi": [5, 6]},
        ),
        ('\ufeff {"phi": -0}\r', (), {"phi": [0]}),
        # Whether there is such a parameter, the circuits say.
        ('{"gamma": 1}', (), {"gamma": [1]}),
        ("{}", (), {}),
    ],
)
def test_forms_of_a_line(
    line: str, shape: tuple[int, ...], columns: dict[str, list[float]]
) -> None:
    values = read(line)
    assert values.shape == shape
    assert columns_of(values) == columns


def test_an_empty_list_is_the_point_of_a_circuit_without_parameters() -> None:
    assert read("[]", ()) == NONE


def test_fixed_values_hold_at_each_point() -> None:
    fixed = ParameterValues.single({"phi": 0.5})
    values = read_values(b"[[1, 2], [3, 4], [5, 6]]", ORDER[1:], fixed)
    assert values.shape == (3,)
    assert columns_of(values)["phi"] == [0.5, 0.5, 0.5]
    with pytest.raises(InvalidValueError, match="'phi' has a value for all lines"):
        read_values(b'{"phi": 1}', ORDER[1:], fixed)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"", "no JSON"),
        (b"[1, 2", "no JSON: .* at character 6"),
        (b"\xff\xfe[", "not UTF-8"),
        (b"0.5", "It is a number"),
        (b"null", "It is null"),
        (b'"0.5"', "It is text"),
        (b"[1, 2, NaN]", "NaN"),
        (b"[1, 2, -Infinity]", "too large"),
        (b"[1, 2, 1e999]", "too large"),
        (b"[1, 2, 1" + b"0" * 400 + b"]", "too large"),
        (b"[1, 2, " + b"1" * 5000 + b"]", "too long"),
        (b"[1, 2, true]", "true or false"),
        (b"[1, 2, null]", "null"),
        (b'[1, 2, "3"]', "text"),
        (b'[1, 2, {"a": 3}]', "an object"),
        (b"[1, 2]", r"A point takes 3 values, of phi, theta\[0\], theta\[1\]; .* lists of 2"),
        (b"[]", "lists of 0"),
        (b"[[1, 2, 3], [4, 5]]", "unequal"),
        (b"[[1, 2, 3], 4]", "unequal"),
        (b"[[], []]", "empty list"),
        (b'{"phi": []}', "empty list"),
        (b'{"phi": 1, "phi": 2}', "'phi' twice"),
        (b'{"theta": [1, 2], "theta[1]": 2}', "given twice"),
        (b'{"theta": [1, 2, 3]}', "a vector of 2"),
        (b'{"theta": 1}', "a vector of 2"),
        (b'{"phi": [1, 2], "theta[0]": [1, 2, 3]}', r"shapes: \[2\] and \[3\]"),
        (b"[" * 40 + b"]" * 40, "too many lists"),
        (b"[" * 100_000, "too many lists"),
        (b" " * (LARGEST_LINE_BYTES + 1), "more than 8 MiB"),
    ],
)
def test_what_is_no_line_of_values(line: bytes, message: str) -> None:
    with pytest.raises(InvalidValueError, match=message) as caught:
        read_values(line, ORDER, NONE)
    assert caught.value.advice


def test_without_an_order_values_are_named() -> None:
    assert columns_of(read('{"x": 1}', None)) == {"x": [1]}
    with pytest.raises(InvalidValueError, match="no order"):
        read("[1]", None)


@given(st.lists(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=3, max_size=3)))
def test_points_come_as_they_were_written(points: list[list[float]]) -> None:
    if not points:
        return
    values = read(json.dumps(points))
    assert values.shape == (len(points),)
    found = [[values.at(at)[name] for name in ORDER] for at in range(values.num_points)]
    assert found == points


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda parts: st.lists(parts, max_size=4) | st.dictionaries(st.sampled_from(ORDER), parts),
    max_leaves=12,
)


@settings(max_examples=40)
@given(JSON.map(json.dumps).map(str.encode) | st.binary(max_size=30))
def test_any_line_gives_values_or_an_error_of_ours(line: bytes) -> None:
    try:
        values = read_values(line, ORDER, NONE)
    except QrsessionError:
        return
    for column in values.columns.values():
        assert len(column) == values.num_points
        assert all(map(math.isfinite, column))


def test_many_names_are_told_by_the_first_and_the_last() -> None:
    assert names_in_short(["a", "b"]) == "a, b"
    assert names_in_short([f"t[{at}]" for at in range(9)]) == "t[0] to t[8] (9 parameters)"
