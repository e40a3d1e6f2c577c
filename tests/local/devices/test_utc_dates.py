"""Dates of properties: the same moments, in UTC."""

from typing import Any

import pytest

from qrsession.local.devices.utc_dates import in_utc

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2025-02-26T15:16:25-05:00", "2025-02-26T20:16:25Z"),
        ("2025-02-26T23:30:00.250000+09:30", "2025-02-26T14:00:00.250000Z"),
        ("2025-02-26T15:16:25Z", "2025-02-26T15:16:25Z"),
        ("2025-02-26T15:16:25", "2025-02-26T15:16:25Z"),
        ("yesterday", "yesterday"),
        ("0001-01-01T00:00:00+05:00", "0001-01-01T00:00:00+05:00"),
        (None, None),
        (5, 5),
    ],
)
def test_a_date_is_moved_to_utc(given: Any, expected: Any) -> None:
    assert in_utc({"last_update_date": given}) == {"last_update_date": expected}


def test_dates_at_any_depth_and_nothing_else() -> None:
    moment = "2025-02-26T15:16:25-05:00"
    document = {"qubits": [[{"date": moment, "name": moment, "value": 1.5}]], "backend_name": "x"}
    moved = {"date": "2025-02-26T20:16:25Z", "name": moment, "value": 1.5}
    assert in_utc(document) == {"qubits": [[moved]], "backend_name": "x"}
