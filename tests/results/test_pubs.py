"""Results as plain numbers: what Qiskit's own classes say, without Qiskit."""

import json
import math

import numpy as np
import pytest
from qiskit.primitives import BitArray, DataBin, PrimitiveResult, PubResult, SamplerPubResult

from qrsession.codec import encode
from qrsession.errors import UsageError, WireFormatError
from qrsession.results.pubs import EstimatedPub, SampledPub, read_pubs

pytestmark = pytest.mark.fast


def text_of(*pubs: PubResult) -> str:
    return json.dumps(encode(PrimitiveResult(list(pubs), {"version": 2})))


def test_counts_are_those_of_qiskit() -> None:
    samples = BitArray.from_samples([0b001, 0b001, 0b110], num_bits=3)
    (pub,) = read_pubs(text_of(SamplerPubResult(DataBin(c=samples))))
    assert isinstance(pub, SampledPub)
    assert pub.shots == 3
    assert pub.counts == samples.get_counts() == {"001": 2, "110": 1}
    assert pub.registers == {"c": pub.counts}


def test_registers_are_joined_last_declared_first() -> None:
    data = DataBin(
        a=BitArray.from_samples([1, 0], num_bits=1), b=BitArray.from_samples([2, 2], num_bits=2)
    )
    (pub,) = read_pubs(text_of(SamplerPubResult(data)))
    assert isinstance(pub, SampledPub)
    assert pub.counts == {"10 0": 1, "10 1": 1}
    assert pub.registers == {"a": {"0": 1, "1": 1}, "b": {"10": 2}}


def test_estimates_keep_their_shape() -> None:
    evs = np.array([[0.5, -1.0], [0.25, 0.0]])
    data = DataBin(evs=evs, stds=np.zeros((2, 2)), shape=(2, 2))
    scalar = DataBin(evs=np.float64(0.5), stds=np.float64(0.1))
    swept, single = read_pubs(text_of(PubResult(data), PubResult(scalar)))
    assert isinstance(swept, EstimatedPub)
    assert (list(swept.evs), swept.shape) == (evs.ravel().tolist(), (2, 2))
    assert swept.document()["evs"] == evs.tolist()
    assert single.document() == {"evs": 0.5, "stds": 0.1, "shape": []}


def test_points_are_those_of_qiskit() -> None:
    rng = np.random.default_rng(7)
    a = BitArray(rng.integers(0, 8, (2, 3, 50, 1), dtype=np.uint8), 3)
    b = BitArray(rng.integers(0, 256, (2, 3, 50, 2), dtype=np.uint8), 16)
    (pub,) = read_pubs(text_of(SamplerPubResult(DataBin(a=a, b=b, shape=(2, 3)))))
    assert isinstance(pub, SampledPub)
    assert (pub.shape, pub.num_points, pub.shots_at_point, pub.shots) == ((2, 3), 6, 50, 300)
    for index, point in zip(np.ndindex(2, 3), pub.points(), strict=True):
        assert point.shots == 50
        assert point.registers == {"a": a[index].get_counts(), "b": b[index].get_counts()}
    assert pub.between(0, 6).counts == pub.counts
    document = pub.document()
    assert document["shape"] == [2, 3]
    assert [one["shots"] for one in document["points"]] == [50] * 6
    assert document["points"][4]["registers"]["a"] == a[1, 1].get_counts()


def test_what_is_not_shown_is_not_counted() -> None:
    samples = BitArray(np.zeros((4, 5, 1), dtype=np.uint8), 1)
    (pub,) = read_pubs(text_of(SamplerPubResult(DataBin(c=samples, shape=(4,)))))
    assert isinstance(pub, SampledPub)
    assert "counts" not in vars(pub)
    assert next(pub.points()).counts == {"0": 5}
    assert "counts" not in vars(pub)


def test_strange_registers_do_no_harm() -> None:
    """No bits, no shots, no points, and names that are no identifiers."""
    fields = {
        "a b\n": encode(BitArray(np.zeros((3, 0), dtype=np.uint8), 0)),
        "\u2014": encode(BitArray(np.array([[1], [0], [1]], dtype=np.uint8), 1)),
    }
    data = {"__type__": "DataBin", "__value__": {"fields": fields}}
    (pub,) = read_pubs(
        json.dumps(
            {
                "__type__": "PrimitiveResult",
                "__value__": {"pub_results": [{"__value__": {"data": data}}]},
            }
        )
    )
    assert pub.document()["counts"] == {"1 ": 2, "0 ": 1}
    assert list(pub.document()["registers"]) == ["a b\n", "\u2014"]
    for shape in ((0, 7, 1), (2, 0, 1)):
        empty = BitArray(np.zeros(shape, dtype=np.uint8), 1)
        (none,) = read_pubs(text_of(SamplerPubResult(DataBin(c=empty, shape=shape[:1]))))
        assert none.document()["counts"] == {}
        assert len(none.document()["points"]) == shape[0]


def test_results_in_plain_json_are_read() -> None:
    samples = {"samples": [["0x3", "0x0"], ["0x1ff", "0x3"]], "num_bits": 9}
    estimates = {"evs": [[0.5, None]], "stds": [[0.1, 0.2]], "ensemble_standard_error": 0.3}
    sampled, estimated = read_pubs(
        json.dumps({"results": [{"data": {"c": samples}}, {"data": estimates}], "metadata": {}})
    )
    assert isinstance(sampled, SampledPub)
    assert (sampled.shape, sampled.shots_at_point) == ((2,), 2)
    assert [point.counts for point in sampled.points()] == [
        {"000000000": 1, "000000011": 1},
        {"000000011": 1, "111111111": 1},
    ]
    assert isinstance(estimated, EstimatedPub)
    assert estimated.shape == (1, 2)
    assert estimated.evs[0] == 0.5
    assert math.isnan(estimated.evs[1])
    assert estimated.fields["ensemble_standard_error"].shape == ()


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"c": {"samples": ["0x2"], "num_bits": 1}},
        {"c": {"samples": ["-0x1"], "num_bits": 1}},
        {"c": {"samples": ["two"], "num_bits": 1}},
        {"c": {"samples": [7], "num_bits": 9}},
        {"c": {"samples": "0x1", "num_bits": 9}},
        {"c": {"samples": [["0x1"], []], "num_bits": 9}},
        {"c": {"samples": [["0x1"], "0x1"], "num_bits": 9}},
        {"c": {"samples": ["0x1"], "num_bits": -1}},
        {"c": {"samples": ["0x1"], "num_bits": 1e30}},
        {"c": {"samples": ["0x1"], "num_bits": 1}, "d": {"samples": [], "num_bits": 1}},
        {"evs": "much"},
        {"evs": [0.5, [0.5]]},
        {"evs": [0.5], "stds": 0.5},
        {"evs": 10**400},
        7,
    ],
)
def test_damaged_results_in_plain_json_are_refused(data: object) -> None:
    with pytest.raises(WireFormatError):
        read_pubs(json.dumps({"results": [{"data": data}]}))


def test_raw_measurement_data_is_named() -> None:
    text = text_of(PubResult(DataBin(c=np.zeros((5, 2), dtype=complex))))
    with pytest.raises(UsageError, match="job J is raw measurement data") as caught:
        read_pubs(text, "J")
    assert 'job("J").result()' in caught.value.advice


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"__type__": "PrimitiveResult", "__value__": {"pub_results": [7]}}',
        '{"__type__": "PrimitiveResult", "__value__": {"pub_results": [{"__value__": {}}]}}',
        '{"__type__": "PrimitiveResult", "__value__": null}',
    ],
)
def test_what_is_no_result_is_refused(text: str) -> None:
    with pytest.raises(WireFormatError):
        read_pubs(text)
