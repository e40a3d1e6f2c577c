"""The envelope: always one JSON object, always ASCII."""

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrsession.errors import JobFailedError
from qrsession.render.envelope import envelope_of, failure_of, to_json

pytestmark = pytest.mark.fast


def test_success() -> None:
    assert json.loads(to_json(envelope_of("forget", {"forgotten": []}))) == {
        "schema_version": 1,
        "command": "forget",
        "status": "ok",
        "data": {"forgotten": []},
        "error": None,
    }


def test_failure() -> None:
    error = JobFailedError("It failed.", advice="Mend it.", details={"reason_code": 5203})
    assert json.loads(to_json(failure_of("run", error))) == {
        "schema_version": 1,
        "command": "run",
        "status": "error",
        "data": None,
        "error": {
            "code": "job_failed",
            "message": "It failed.",
            "advice": "Mend it.",
            "details": {"reason_code": 5203},
        },
    }


def test_times_paths_and_sets_are_written() -> None:
    when = datetime(2026, 1, 31, 14, 0, 0, 250_000, tzinfo=timezone(timedelta(hours=2)))
    document = {"when": when, "path": Path("/a"), "set": {"b", "a"}, "frozen": frozenset({1})}
    assert json.loads(to_json(document)) == {
        "when": "2026-01-31T12:00:00.250Z",
        "path": "/a",
        "set": ["a", "b"],
        "frozen": [1],
    }
    assert when.astimezone(UTC).hour == 12


def test_what_has_no_place_is_a_fault() -> None:
    with pytest.raises(TypeError, match="object has no place"):
        to_json({"x": object()})


def test_numbers_that_are_not_finite_become_null() -> None:
    document = {"evs": [1.0, float("nan"), (float("inf"),)], "n": -float("inf")}
    assert json.loads(to_json(document)) == {"evs": [1.0, None, [None]], "n": None}


@given(st.text())
def test_any_text_survives_in_ascii(text: str) -> None:
    written = to_json({"text": text})
    assert written.isascii()
    assert "\n" not in written
    assert json.loads(written) == {"text": text}
