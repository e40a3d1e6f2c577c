"""Captions: those that fit are put beside results, and no others."""

from array import array
from pathlib import Path

import pytest

from qrsession.protocol.typed import BitSamples
from qrsession.pubs.captions import Caption, write_captions
from qrsession.pubs.values import ParameterValues
from qrsession.results.captioning import with_captions, with_names
from qrsession.results.pubs import EstimatedPub, Pub, SampledPub
from qrsession.state.records import Records

pytestmark = pytest.mark.fast

SWEEP = ParameterValues({"a": array("d", range(3))}, (3,))
SAMPLED = SampledPub({"c": BitSamples(bytes(3), 1, 1, (3,))})
ESTIMATED = EstimatedPub([0.0] * 6, [0.0] * 6, (2, 3))
FITTING = Caption("e.qasm", SWEEP, ("ZZ", "XX"), has_observable_axis=True)


@pytest.fixture
def records(tmp_path: Path) -> Records:
    return Records(tmp_path / "state")


def captions_of(records: Records, pubs: list[Pub], *captions: Caption) -> list[Caption | None]:
    records.write_captions("j", write_captions(captions))
    return [pub.caption for pub in with_captions(pubs, records, "j")]


def test_captions_that_fit(records: Records) -> None:
    sampled = Caption("s.qasm", SWEEP)
    assert captions_of(records, [SAMPLED, ESTIMATED], sampled, FITTING) == [sampled, FITTING]
    single = EstimatedPub([0.5], [0.1])
    one = Caption("e.qasm", ParameterValues.single({"a": 0.5}), ("ZZ",))
    assert captions_of(records, [single], one) == [one]


@pytest.mark.parametrize(
    ("pub", "caption", "left"),
    [
        (SampledPub({"c": BitSamples(bytes(2), 1, 2)}), Caption("s", SWEEP), Caption("s")),
        (SAMPLED, Caption("s", SWEEP, ("ZZ",)), Caption("s", SWEEP)),
        (EstimatedPub([0.0] * 3, [0.0] * 3, (3,)), FITTING, Caption("e.qasm", SWEEP)),
        (EstimatedPub([0.5], [0.1]), FITTING, Caption("e.qasm")),
    ],
)
def test_what_does_not_fit_is_left_out(
    records: Records, pub: Pub, caption: Caption, left: Caption
) -> None:
    assert captions_of(records, [pub], caption) == [left]


def test_results_are_worth_more_than_their_captions(records: Records) -> None:
    assert with_captions([SAMPLED], records, "j")[0].caption is None
    assert captions_of(records, [SAMPLED], FITTING, FITTING) == [None]
    records.write_captions("j", b"{")
    assert with_captions([SAMPLED], records, "j") == [SAMPLED]


def test_names_of_files_where_there_is_one_for_each() -> None:
    (named,) = with_names([SAMPLED], ["a.qasm"])
    assert named.caption == Caption("a.qasm")
    assert with_names([named], ["b.qasm"])[0].caption == Caption("a.qasm")
    assert with_names([SAMPLED], ["a.qasm", "b.qasm"])[0].caption is None
