"""Results of quantum programs as counts: flips undone, points together, nothing made up."""

from typing import Any

import numpy as np
import pytest
from qiskit.primitives import BitArray

from qrsession.codec.tensors import array_to_tensor
from qrsession.errors import UsageError, WireFormatError
from qrsession.results.programs import read_items
from qrsession.results.pubs import SampledPub

pytestmark = pytest.mark.fast


def result(*items: dict[str, Any], **more: Any) -> dict[str, Any]:
    data = [
        {"results": {name: array_to_tensor(np.array(a)).to_wire() for name, a in one.items()}}
        for one in items
    ]
    return {"schema_version": "v2.0", "data": data, "metadata": {}, **more}


def pub_of(document: dict[str, Any]) -> SampledPub:
    (item,) = read_items(document)
    return SampledPub(item)


def test_bit_0_is_on_the_right_and_the_last_register_first() -> None:
    low = [[True, False], [True, False], [False, False]]
    up = [[False, True, True], [True, False, False], [False, False, False]]
    item = pub_of(result({"low": low, "up": up}))
    assert item.counts == {"000 00": 1, "001 01": 1, "110 01": 1}
    assert item.registers["low"] == {"01": 2, "00": 1}
    assert list(item.registers["low"]) == ["01", "00"]
    assert item.registers["up"] == {"000": 1, "001": 1, "110": 1}


def test_flips_of_each_point_are_undone() -> None:
    """Two points of three shots each; the second has its bit 1 flipped."""
    bits = [[[0, 1], [0, 1], [1, 1]], [[0, 0], [1, 0], [0, 1]]]
    flips = [[[0, 0]], [[0, 1]]]
    item = pub_of(
        result(
            {
                "measurement_flips.c": np.array(flips, dtype=bool),
                "c": np.array(bits, dtype=bool),
                "pauli_signs": np.zeros((2, 3), dtype=bool),
            },
            semantic_role="sampler_v2",
        )
    )
    assert item.counts == {"10": 3, "11": 2, "00": 1}
    assert [point.counts for point in item.points()] == [
        {"10": 2, "11": 1},
        {"10": 1, "11": 1, "00": 1},
    ]


def test_randomizations_of_a_sampler_are_shots() -> None:
    """The first axis, where the client that sent the job says so; points stay what they are."""
    rng = np.random.default_rng(5)
    bits = rng.integers(0, 2, (4, 3, 2, 9)).astype(bool)
    flips = rng.integers(0, 2, (4, 3, 1, 9)).astype(bool)
    arrays = {"c": bits, "measurement_flips.c": flips}
    said = {"post_processor": {"twirling": True}}
    whole = pub_of(result(arrays, semantic_role="sampler_v2", passthrough_data=said))
    raw = pub_of(result(arrays, passthrough_data=said))
    assert (whole.shape, whole.shots_at_point) == ((3,), 8)
    assert (raw.shape, raw.shots_at_point) == ((4, 3), 2)
    undone = BitArray.from_bool_array(
        (bits ^ flips).transpose(1, 0, 2, 3).reshape(3, 8, 9)[..., ::-1]
    )
    assert whole.samples["c"].packed == undone.array.tobytes()
    assert whole.counts == raw.counts == undone.get_counts()


def test_registers_without_bits_count_shots() -> None:
    empty = np.zeros((2, 5, 0), dtype=bool)
    item = pub_of(result({"c": empty}))
    assert item.counts == {"": 10}


def test_what_is_not_to_be_counted_is_named() -> None:
    bits = np.zeros((5, 1), dtype=bool)
    with pytest.raises(UsageError, match="raw data of estimator_v2") as caught:
        read_items(result({"c": bits}, semantic_role="estimator_v2"))
    assert caught.value.exit_code == 2
    with pytest.raises(UsageError, match="no samples"):
        read_items(result({"c_iq": bits.astype(complex)}))


@pytest.mark.parametrize(
    "arrays",
    [
        {"c": np.zeros((5, 1), dtype=bool), "d": np.zeros((4, 1), dtype=bool)},
        {"c": np.zeros(3, dtype=bool)},
        {"c": np.zeros((5, 2), dtype=bool), "measurement_flips.c": np.zeros((1, 1), dtype=bool)},
        {"c": np.zeros((5, 2), dtype=bool), "measurement_flips.c": np.zeros((1, 2))},
    ],
)
def test_damaged_results_are_refused(arrays: Any) -> None:
    with pytest.raises(WireFormatError):
        read_items(result(arrays))
