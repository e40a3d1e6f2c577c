"""Results as plain numbers: what Qiskit's own classes say, without Qiskit."""

import json

import numpy as np
import pytest
from qiskit.primitives import BitArray, DataBin, PrimitiveResult, PubResult, SamplerPubResult

from qrsession.codec import encode
from qrsession.errors import WireFormatError
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
    assert swept.evs == evs.tolist()
    assert single.document() == {"evs": 0.5, "stds": 0.1}


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
