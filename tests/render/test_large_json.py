"""Large results as JSON: byte for byte what ``json.dumps`` writes, made a little at a time."""

import json
import math
from typing import Any

import numpy as np
import pytest

from qrsession.protocol.typed import BitSamples
from qrsession.render.envelope import json_parts, to_json
from qrsession.results.lazily import LazyCounts, LazyList
from qrsession.results.pubs import EstimatedPub, SampledPub

SHOTS = 2**17


def plainly(value: Any) -> Any:
    """Return a document with all its parts made."""
    if isinstance(value, LazyCounts | dict):
        return {key: plainly(part) for key, part in value.items()}
    if isinstance(value, LazyList | list):
        return [plainly(part) for part in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def pubs() -> list[SampledPub | EstimatedPub]:
    rng = np.random.default_rng(3)
    wide = BitSamples(rng.integers(0, 16, 2 * SHOTS, dtype=np.uint8).tobytes(), 12, SHOTS)
    swept = BitSamples(rng.integers(0, 4, 6000, dtype=np.uint8).tobytes(), 2, 3, (1000, 2))
    values = [*rng.normal(size=5999).tolist(), math.nan]
    return [
        SampledPub({"c": wide}),
        SampledPub({"a": wide, "b": wide}),
        SampledPub({"c": swept}),
        EstimatedPub(values, values, (3, 2000)),
        EstimatedPub(values, values, (6000,)),
        SampledPub({"c": BitSamples(b"\x01\x00", 1, 2)}),
    ]


@pytest.mark.parametrize("indent", [None, 2])
def test_large_json_is_what_dumps_writes(indent: int | None) -> None:
    document = {"job": {"at": "a\nb"}, "pubs": [pub.document() for pub in pubs()], "none": []}
    parts = list(json_parts(document, indent=indent))
    assert "".join(parts) == json.dumps(plainly(document), indent=indent)
    assert len(parts) > 10
    assert max(map(len, parts)) < 200_000


def test_lazy_parts_are_read_as_what_they_stand_for() -> None:
    sampled, _, swept, estimated, *_ = (pub.document() for pub in pubs())
    assert isinstance(sampled["counts"], LazyCounts)
    assert sum(sampled["counts"].values()) == SHOTS
    bits = next(iter(sampled["counts"]))
    assert sampled["counts"][bits] == max(sampled["counts"].values())
    assert isinstance(swept["points"], LazyList)
    assert swept["points"][-1]["shots"] == 3
    assert len(swept["points"][:5]) == 5
    assert estimated["evs"][1] == list(estimated["evs"])[1]
    assert to_json({"pubs": []}) == '{"pubs": []}'
