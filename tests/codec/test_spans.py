"""Execution spans, as IBM's client encodes them: read, asked, and written again."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from qiskit_ibm_runtime.execution_span import (
    DoubleSliceSpan,
    ExecutionSpans,
    SliceSpan,
    TwirledSliceSpan,
    TwirledSliceSpanV2,
)
from qiskit_ibm_runtime.json import RuntimeDecoder, RuntimeEncoder

from qrsession.codec import decode, encode
from qrsession.errors import WireFormatError

pytestmark = pytest.mark.fast

BEGAN = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
LATER = BEGAN + timedelta(seconds=1.5)
TWIRLED = ((2, 3, 4, 5), False, slice(3, 9), slice(1, 4))
AT_FRONT = ((4, 2, 3, 5), True, slice(3, 9), slice(1, 4))
SPANS = [
    SliceSpan(BEGAN, LATER, {0: ((2, 10), slice(5, 13)), 2: ((7,), slice(0, 7))}),
    DoubleSliceSpan(LATER, LATER + timedelta(1), {1: ((2, 3, 10), slice(1, 4), slice(2, 9))}),
    DoubleSliceSpan(BEGAN, LATER, {0: ((10,), slice(0, 1), slice(0, 10))}),
    TwirledSliceSpan(BEGAN, LATER, {0: TWIRLED, 3: AT_FRONT}),
    TwirledSliceSpanV2(BEGAN, LATER, {0: (*TWIRLED, 18), 3: (*AT_FRONT, 20)}),
]


def read(theirs: Any) -> Any:
    return decode(json.loads(json.dumps(theirs, cls=RuntimeEncoder)))


@pytest.mark.parametrize("theirs", SPANS)
def test_a_span_answers_as_theirs(theirs: Any) -> None:
    ours = read(theirs)
    assert (ours.start, ours.stop, ours.duration) == (theirs.start, theirs.stop, theirs.duration)
    assert (ours.pub_idxs, ours.size) == (theirs.pub_idxs, theirs.size)
    for index in theirs.pub_idxs:
        np.testing.assert_array_equal(ours.mask(index), theirs.mask(index))
        assert ours.contains_pub(index)
        assert ours.filter_by_pub(index).pub_idxs == [index]
    parts = [ours.filter_by_pub([index]) for index in ours.pub_idxs]
    assert sum(part.size for part in parts) == ours.size
    assert not ours.contains_pub([5, 6])
    with pytest.raises(KeyError):
        ours.mask(5)
    assert json.loads(json.dumps(encode(ours)), cls=RuntimeDecoder) == theirs


def test_the_spans_of_a_result() -> None:
    theirs = ExecutionSpans(SPANS)
    ours = read(theirs)
    assert len(ours) == len(theirs)
    assert (ours.start, ours.stop, ours.duration) == (theirs.start, theirs.stop, theirs.duration)
    assert ours.pub_idxs == theirs.pub_idxs
    assert ours[1:] == read(theirs[1:])
    assert ours[[0, 2]] == read(theirs[[0, 2]])
    assert ours[0] == read(SPANS[0])
    assert ours.filter_by_pub(3).pub_idxs == [3]
    in_order = ours.sort(inplace=False)
    assert in_order[-1] == ours[1] != ours[-1]
    assert ours.sort() is ours
    assert ours == in_order
    assert json.loads(json.dumps(encode(ours)), cls=RuntimeDecoder) == theirs.sort()


def test_a_kind_of_a_newer_service_loses_no_result() -> None:
    newer = {"__type__": "NewSpan", "__value__": {"start": 1}}
    found = decode({"__type__": "ExecutionSpans", "__value__": {"spans": [newer]}})
    assert found == {"spans": [newer]}


@pytest.mark.parametrize(
    "slices",
    [
        {"0": [[-1, 2], 0, 1, 0, 2]},
        {"0": [[2**20, 2**20], 0, 1, 0, 2]},
        {"x": [[2], 0, 1]},
        [],
        None,
    ],
)
def test_a_damaged_span_is_told(slices: Any) -> None:
    times = {
        key: {"__type__": "datetime", "__value__": BEGAN.isoformat()} for key in ("start", "stop")
    }
    span = {"__type__": "DoubleSliceSpan", "__value__": {**times, "data_slices": slices}}
    with pytest.raises(WireFormatError):
        decode(span)
