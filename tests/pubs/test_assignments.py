"""Values of parameters as people write them."""

import math

import pytest

from qrsession.errors import InvalidValueError
from qrsession.pubs.assignments import parse_values

pytestmark = pytest.mark.fast


def test_values_are_read() -> None:
    assert parse_values(["a=0.5", " b =-1e3"]).at(0) == {"a": 0.5, "b": -1000.0}
    assert math.isclose(parse_values(["π=3.14"]).at(0)["π"], 3.14)


@pytest.mark.parametrize("text", ["a", "=1", "a=", "a=x", "a=nan", "a=inf", "", "a=1=2"])
def test_what_gives_no_value_is_refused(text: str) -> None:
    with pytest.raises(InvalidValueError, match="no parameter a value"):
        parse_values([text])
