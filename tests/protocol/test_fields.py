"""Typed fields out of untyped JSON."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrsession.errors import WireFormatError
from qrsession.protocol.fields import (
    as_object,
    moment,
    objects,
    optional,
    required,
    strings,
    without_nulls,
    write_moment,
)

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (str, ""),
        (str, "a"),
        (int, 0),
        (int, 7),
        (float, 1.5),
        (bool, False),
        (list, []),
        (dict, {}),
    ],
)
def test_values_of_their_type(kind: type, value: Any) -> None:
    assert required({"a": value}, "a", kind) == value
    assert optional({"a": value}, "a", kind) == value
    assert optional({}, "a", kind) is optional({"a": None}, "a", kind) is None


def test_a_whole_number_passes_for_a_float() -> None:
    value = required({"a": 3}, "a", float)
    assert (value, type(value)) == (3.0, float)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (str, 5),
        (int, "5"),
        (int, 5.0),
        (int, True),
        (float, False),
        (float, "1.5"),
        (float, 10**400),
        (bool, 1),
        (list, {}),
        (dict, []),
    ],
)
def test_values_of_another_type_are_named(kind: type, value: Any) -> None:
    with pytest.raises(WireFormatError, match="'a'") as caught:
        optional({"a": value}, "a", kind)
    assert caught.value.details == {"field": "a"}


@pytest.mark.parametrize("record", [{}, {"a": None}])
def test_what_is_required_and_missing(record: dict[str, Any]) -> None:
    with pytest.raises(WireFormatError, match="'a' is missing"):
        required(record, "a", str)


def test_lists() -> None:
    record = {"words": ["a", "b"], "records": [{}, {"x": 1}], "mixed": ["a", 1]}
    assert strings(record, "words") == ("a", "b")
    assert objects(record, "records") == [{}, {"x": 1}]
    assert strings(record, "none") == ()
    assert objects(record, "none") == []
    for reader in (strings, objects):
        with pytest.raises(WireFormatError):
            reader(record, "mixed")
    with pytest.raises(WireFormatError):
        as_object([], "It")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-22T16:00:00.123Z", datetime(2026, 11, 22, 16, 0, 0, 123_000, UTC)),
        ("2026-11-22T16:00:00.123456789Z", datetime(2026, 11, 22, 16, 0, 0, 123_456, UTC)),
        ("2026-11-22T17:00:00+01:00", datetime(2026, 11, 22, 16, tzinfo=UTC)),
        ("2026-11-22T16:00:00", datetime(2026, 11, 22, 16, tzinfo=UTC)),
        ("", None),
        (None, None),
    ],
)
def test_times_are_in_utc(text: str | None, expected: datetime | None) -> None:
    found = moment({"at": text}, "at")
    assert found == expected
    assert found is None or found.tzinfo is UTC


@pytest.mark.parametrize(
    "text", ["yesterday", "2026-13-01", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", 5]
)
def test_what_is_no_time(text: Any) -> None:
    with pytest.raises(WireFormatError, match="'at'"):
        moment({"at": text}, "at")


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_time_comes_back_to_the_millisecond(when: datetime) -> None:
    text = write_moment(when)
    assert text is not None
    assert text.endswith("Z")
    assert len(text) == len("2026-11-22T16:00:00.123Z")
    kept = when.replace(microsecond=when.microsecond // 1000 * 1000)
    assert moment({"at": text}, "at") == kept


def test_nulls_are_left_out() -> None:
    assert without_nulls({"a": None, "b": 0, "c": "", "d": False}) == {"b": 0, "c": "", "d": False}
    assert write_moment(None) is None
