"""Workers that answer nonsense, engines that are none, files that are damaged."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from qrsession.errors import InvalidValueError, WireFormatError
from qrsession.local.cluster.address import scheduler_address
from qrsession.local.cluster.parcel import Parcel, pack_outcome, unpack_outcome
from qrsession.local.lanes.frames import pack
from qrsession.local.lanes.lane import Failure, LaneOutcome
from qrsession.local.process.keeping import kept_for_s

pytestmark = pytest.mark.fast

GOOD = LaneOutcome(b"{}", None, 0.5, 10, "ran", "2.6.2")
FAILED = dataclasses.replace(GOOD, result_json=None, failure=Failure(1517, "no", "none"))


@pytest.mark.parametrize("outcome", [GOOD, FAILED, dataclasses.replace(GOOD, qiskit_version=None)])
def test_an_outcome_arrives_as_it_was_sent(outcome: LaneOutcome) -> None:
    assert unpack_outcome(pack_outcome(outcome)) == outcome


@pytest.mark.parametrize(
    "changed",
    [
        {"qpu_s": "1"},
        {"qpu_s": float("inf")},
        {"qpu_s": float("nan")},
        {"qpu_s": -1.0},
        {"circuits_execution_time_ns": 10**30},
        {"circuits_execution_time_ns": None},
        {"logs": ["x"]},
        {"qiskit_version": 7},
        {"failure": {"code": 1, "reason": ["x"], "solution": ""}},
        {"failure": {"code": "1", "reason": "x", "solution": ""}},
        {"failure": {"what": 1}},
        {"failure": "x"},
        {"more": 1},
    ],
)
def test_an_outcome_that_is_none_is_refused(changed: dict[str, Any]) -> None:
    head = dataclasses.asdict(GOOD)
    del head["result_json"]
    parcel = Parcel(pack({**head, "has_result": True, **changed}, b"{}"))
    with pytest.raises(WireFormatError, match="A Dask worker gave an answer"):
        unpack_outcome(parcel)


@pytest.mark.parametrize("data", [b"", b"\0" * 3, b"garbage" * 9, pack({}, b"")])
def test_garbage_is_refused(data: bytes) -> None:
    with pytest.raises(WireFormatError, match="A Dask worker gave an answer"):
        unpack_outcome(Parcel(data))


@pytest.mark.parametrize(
    "engine",
    ["dask://", "dask://h", "dask://h:0", "dask://h h:1", "dask://h\n:1", "dask://\ud800:1"],
)
def test_an_engine_that_is_none_is_refused(engine: str) -> None:
    with pytest.raises(InvalidValueError, match="is not the address"):
        scheduler_address(engine)


@pytest.mark.parametrize("engine", ["dask://me:opensesame@h:8786", "dask://:opensesame@h:8786"])
def test_a_password_in_an_engine_is_not_shown(engine: str) -> None:
    with pytest.raises(InvalidValueError, match="'h:8786' is not the address") as refused:
        scheduler_address(engine)
    assert "opensesame" not in json.dumps([refused.value.message, refused.value.details])


def test_an_address_of_ipv6_keeps_its_brackets() -> None:
    assert scheduler_address("dask://[::1]:8786") == "tcp://[::1]:8786"


@pytest.mark.parametrize("until", [str(10**400), "1e400", "NaN", "-1", '"x"', "true", "[]"])
def test_a_damaged_wish_to_be_kept_asks_for_nothing(tmp_path: Path, until: str) -> None:
    file = tmp_path / "keep.json"
    file.write_text(f'{{"schema_version": 1, "until": {until}}}')
    file.chmod(0o600)
    assert kept_for_s(file, lambda: 1_000.0) == 0.0
