"""Values of parameters as people write them, and how several make a sweep."""

import math
from array import array

import numpy as np
import pytest

from qrsession.errors import InvalidValueError
from qrsession.pubs.assignments import parse_values
from qrsession.pubs.values import MOST_VALUES, ParameterValues

pytestmark = pytest.mark.fast

POINTS = ParameterValues({"a": array("d", [1, 2]), "b": array("d", [3, 4])}, (2,))


def test_values_are_read() -> None:
    assert parse_values(["a=0.5", " b =-1e3"]).at(0) == {"a": 0.5, "b": -1000.0}
    assert math.isclose(parse_values(["π=3.14"]).at(0)["π"], 3.14)
    assert parse_values(["theta[0]=pi/2"]).at(0) == {"theta[0]": math.pi / 2}
    # Qiskit takes any name.
    assert parse_values(["k=v=1", "x,y:z=2"]).at(0) == {"k=v": 1.0, "x,y:z": 2.0}
    assert not parse_values([])


@pytest.mark.parametrize(
    "text",
    [
        *("a", "=1", "a=", "a=x", "a=nan", "a=inf", "", "a==", "a=1,", "a=,", "a=1,x"),
        *("a=0:1", "a=0:1:2:3", "a=0:1:0", "a=0:1:-1", "a=0:1:1.5", "a=0:1:", "a=:1:3"),
        *("a=0:nan:3", "a=0:1:99999999999", "a=0:1:9999999999999999999999", "a=-1e308:1e308:3"),
    ],
)
def test_what_gives_no_value_is_refused(text: str) -> None:
    with pytest.raises(InvalidValueError, match="no parameter a value"):
        parse_values([text])


def test_a_long_list_is_no_part_of_a_message() -> None:
    with pytest.raises(InvalidValueError, match="'x' is no number") as caught:
        parse_values([f"a={'0.5,' * 5000}x"])
    assert len(caught.value.message) < 160


def test_sweeps_are_a_product_with_the_last_one_fastest() -> None:
    found = parse_values(["a=0:1:3", "c=7", "b=5,6"])
    a, b = np.meshgrid(np.linspace(0, 1, 3), [5.0, 6.0], indexing="ij")
    assert found.shape == (3, 2)
    assert found.nested("a") == a.tolist()
    assert found.nested("b") == b.tolist()
    assert found.nested("c") == np.full((3, 2), 7.0).tolist()
    assert list(found.columns) == ["a", "c", "b"]
    assert parse_values(["a=3:4:1"]).shape == (1,)


def test_zipped_sweeps_are_one_axis() -> None:
    found = parse_values(["a=0:1:2", "b=5,6", "c=7"], zipped=True)
    assert found.shape == (2,)
    assert [found.at(point) for point in range(2)] == [
        {"a": 0.0, "b": 5.0, "c": 7.0},
        {"a": 1.0, "b": 6.0, "c": 7.0},
    ]


def test_a_single_value_goes_over_a_file_and_a_sweep_is_a_further_axis() -> None:
    assert parse_values([], POINTS).nested("b") == [3.0, 4.0]
    assert parse_values(["b=9"], POINTS).nested("b") == [9.0, 9.0]
    found = parse_values(["c=0:2:3", "b=1,2"], POINTS)
    assert found.shape == (2, 3, 2)
    assert found.nested("a") == np.full((2, 3, 2), [[[1.0]], [[2.0]]]).tolist()
    assert found.nested("c") == np.full((2, 3, 2), [[0.0], [1.0], [2.0]]).tolist()
    assert found.nested("b") == np.full((2, 3, 2), [1.0, 2.0]).tolist()
    zipped = parse_values(["c=5,6"], POINTS, zipped=True)
    assert [zipped.at(point)["c"] for point in range(2)] == [5.0, 6.0]
    # Nothing of the file is left, and with it go its points.
    assert parse_values(["a=1", "b=1"], POINTS).shape == ()


@pytest.mark.parametrize(
    ("assignments", "points", "words"),
    [
        (["a=0:1:2", "b=0:1:3"], None, "a has 2 points, b 3 points"),
        (["c=0:1:3"], POINTS, "the file has 2 points, c 3 points"),
        (["a=1"], None, "takes sweeps, and there is none"),
        (["c=0,1"], ParameterValues({"a": array("d", range(4))}, (2, 2)), "the shape (2, 2)"),
    ],
)
def test_what_cannot_be_zipped_is_told(
    assignments: list[str], points: ParameterValues | None, words: str
) -> None:
    with pytest.raises(InvalidValueError) as caught:
        parse_values(assignments, points, zipped=True)
    assert words in caught.value.message


def test_a_name_given_twice_is_told() -> None:
    with pytest.raises(InvalidValueError, match="'a' twice") as caught:
        parse_values(["a=1", "a=2"])
    assert "a=0,0.5,1" in caught.value.advice


def test_sweeps_are_bounded_before_there_is_room_for_them() -> None:
    number = MOST_VALUES // 1000 + 1
    with pytest.raises(InvalidValueError, match="at most 10000000 values"):
        parse_values(["a=0:1:1000", f"b=0:1:{number}"])
    with pytest.raises(InvalidValueError, match="with 3 values each"):
        parse_values(["a=0:1:1000", "b=0:1:4000", "c=1"])
