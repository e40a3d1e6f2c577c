"""NPZ: what numpy reads, without pickle, is what Qiskit's own classes hold."""

import io
import zipfile
from array import array
from urllib.parse import unquote

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from qiskit.primitives import BitArray

from qrsession.protocol.typed import Array, BitSamples
from qrsession.pubs.captions import Caption
from qrsession.pubs.values import ParameterValues
from qrsession.results.archive import key_of, npz_parts
from qrsession.results.pubs import EstimatedPub, Pub, SampledPub

pytestmark = pytest.mark.fast

SWEEP = ParameterValues({"theta": array("d", [0.0, 0.1, 0.2]), "θ[0]": array("d", range(3))}, (3,))


def load(*pubs: tuple[str, Pub]) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(b"".join(npz_parts(pubs))), allow_pickle=False) as archive:
        return dict(archive)


def samples_of(bits: BitArray) -> BitSamples:
    *shape, shots, _ = bits.array.shape
    return BitSamples(bits.array.tobytes(), bits.num_bits, shots, tuple(shape))


def test_bits_are_those_of_qiskit() -> None:
    rng = np.random.default_rng(3)
    low = BitArray(rng.integers(0, 2, (3, 40, 1), dtype=np.uint8), 1)
    wide = BitArray(rng.integers(0, 256, (3, 40, 16), dtype=np.uint8), 128)
    pub = SampledPub(
        {"low": samples_of(low), "wide": samples_of(wide)}, caption=Caption("a.qasm", SWEEP)
    )
    found = load(("j1", pub))
    assert found["schema_version"] == 1
    assert found["job_id"] == found["0/job_id"] == "j1"
    assert found["0/registers"].tolist() == ["low", "wide"]
    for name, bits in (("low", low), ("wide", wide)):
        read = BitArray(found[f"0/bits/{name}"], int(found[f"0/num_bits/{name}"]))
        assert read == bits
        assert read.get_counts() == bits.get_counts()
    assert found["0/circuit"] == "a.qasm"
    assert found["0/parameters/theta"].tolist() == [0.0, 0.1, 0.2]
    assert found[f"0/parameters/{key_of('θ[0]')}"].tolist() == [0.0, 1.0, 2.0]


def test_estimates_keep_every_field() -> None:
    caption = Caption("a.qasm", SWEEP, ("ZZ", "0.5*XX"), has_observable_axis=True)
    evs = [0.1, -0.2, float("nan"), 0.4, 1 / 3, 1.0]
    more = {"ensemble_standard_error": Array(np.arange(6.0).tobytes(), (2, 3), "<f8")}
    pub = EstimatedPub(array("d", evs), array("d", [0.01] * 6), (2, 3), more, caption)
    found = load(("j1", EstimatedPub([0.5], [0.1])), ("j2", pub))
    assert "job_id" not in found
    assert [found[f"{at}/job_id"].item() for at in range(2)] == ["j1", "j2"]
    assert found["0/evs"].shape == ()
    assert found["0/evs"] == 0.5
    np.testing.assert_array_equal(found["1/evs"], np.array(evs).reshape(2, 3))
    assert found["1/stds"].tolist() == [[0.01] * 3] * 2
    assert found["1/fields/ensemble_standard_error"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert found["1/observables"].tolist() == ["ZZ", "0.5*XX"]


def test_equal_results_make_equal_files() -> None:
    pub = SampledPub({"c": BitSamples(bytes(range(200)), 8, 200)})
    data = b"".join(npz_parts([("j", pub)]))
    assert data == b"".join(npz_parts([("j", pub)]))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert archive.testzip() is None


@given(
    st.lists(st.text(st.characters(exclude_characters="\0"), max_size=8), unique=True, max_size=6)
)
def test_any_names_make_keys_that_give_them_back(names: list[str]) -> None:
    samples = {
        name: BitSamples(bytes([at]), 8, 1) for at, name in enumerate(dict.fromkeys(["c", *names]))
    }
    found = load(("j", SampledPub(samples)))
    assert found["0/registers"].tolist() == list(samples)
    for at, name in enumerate(samples):
        key = key_of(name)
        assert set(key) <= set("%_-abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
        assert unquote(key, errors="surrogatepass") == name
        assert found[f"0/bits/{key}"].tolist() == [[at]]


def test_nothing_is_something() -> None:
    assert load() == {"schema_version": 1}
    none = load(("j", SampledPub({"c": BitSamples(b"", 0, 5), "d": BitSamples(b"", 9, 0)})))
    assert none["0/bits/c"].shape == (5, 0)
    assert none["0/bits/d"].shape == (0, 2)
