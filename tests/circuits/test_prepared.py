"""Circuits on the wire, kept under their content key."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from qiskit import QuantumCircuit

from qrsession.accounts.account import local_account
from qrsession.circuits.prepared import Place, Preparation
from qrsession.circuits.sources import (
    PreparedCircuit,
    Source,
    Transpilation,
    circuit_key,
    read_source,
)
from qrsession.codec import decode
from qrsession.errors import CircuitError
from qrsession.service import BackendDocuments, RuntimeService
from qrsession.settings import Settings

pytestmark = pytest.mark.fast

CONFIGURATION = json.dumps(
    {
        "backend_name": "small",
        "n_qubits": 3,
        "basis_gates": ["rz", "sx", "cz"],
        "gates": [],
        "coupling_map": None,
        "supported_instructions": ["measure", "reset", "delay"],
    }
)
PLAIN = Transpilation(1, seed=3)
BELL = read_source("@bell")


class Backends:
    """Gives the documents of one backend, and counts how often."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self) -> BackendDocuments:
        self.asked += 1
        return BackendDocuments.of(CONFIGURATION, "{}")


@pytest.fixture
def backends() -> Backends:
    return Backends()


@pytest.fixture
def place(tmp_path: Path, backends: Backends) -> Place:
    settings = Settings.from_environ({"QRSESSION_HOME": str(tmp_path)})
    return Place(RuntimeService(local_account(), settings=settings), "fingerprint", backends)


def test_the_second_time_it_is_found(place: Place, backends: Backends) -> None:
    first, second = Preparation(place, PLAIN), Preparation(place, PLAIN)
    made = first.prepare_all([BELL])
    assert (first.outcome, first.misses, backends.asked) == ("miss", 1, 1)
    assert second.prepare_all([BELL]) == made
    assert (second.outcome, second.misses, backends.asked) == ("hit", 0, 1)
    (circuit,) = made
    assert set(decode(circuit.wire).count_ops()) == {"rz", "sx", "cz", "measure"}
    assert circuit.parameters == circuit.source_parameters == ()


def test_of_several_sources_one_that_is_new_makes_it_a_miss(place: Place) -> None:
    Preparation(place, PLAIN).prepare_all([BELL])
    known = Preparation(place, PLAIN)
    assert len(known.prepare_all([BELL, BELL])) == 2
    assert known.outcome == "hit"
    mixed = Preparation(place, PLAIN)
    assert len(mixed.prepare_all([BELL, read_source("@bell-qasm2")])) == 2
    assert (mixed.outcome, mixed.misses) == ("miss", 1)


@pytest.mark.parametrize(
    "transpilation", [Transpilation(2, seed=3), Transpilation(1, seed=4), Transpilation(None)]
)
def test_another_way_to_transpile_is_another_circuit(
    place: Place, transpilation: Transpilation
) -> None:
    Preparation(place, PLAIN).prepare(BELL)
    other = Preparation(place, transpilation)
    other.prepare(BELL)
    assert other.outcome == "miss"


def test_another_target_is_another_circuit(place: Place) -> None:
    Preparation(place, PLAIN).prepare(BELL)
    elsewhere = Preparation(replace(place, fingerprint="another"), PLAIN)
    elsewhere.prepare(BELL)
    assert elsewhere.outcome == "miss"


def test_without_a_level_text_stays_text(place: Place, backends: Backends) -> None:
    (circuit,) = Preparation(place, Transpilation(None)).prepare_all([BELL])
    assert circuit.wire == BELL.text()
    assert Preparation(place, Transpilation(None)).prepare_all([BELL]) == [circuit]
    assert backends.asked == 1


def test_a_file_that_includes_another_is_read_anew(place: Place, tmp_path: Path) -> None:
    text = 'OPENQASM 2.0;\ninclude "mine.inc";\nqreg q[1]; creg c[1];\nmeasure q -> c;\n'
    (tmp_path / "circuit.qasm").write_text(text)
    (tmp_path / "mine.inc").write_text("")
    source = read_source(str(tmp_path / "circuit.qasm"))
    for _ in range(2):
        preparation = Preparation(place, PLAIN)
        assert len(preparation.prepare_all([source])[0].wire) == 2
        assert preparation.outcome == "miss"


@pytest.mark.parametrize(
    "kept",
    [
        b"",
        b"{",
        b"5",
        b"null",
        b"{}",
        b"[]",
        b"[5]",
        b"[{}]",
        b'[{"wire": {}}]',
        b'[{"wire": {}, "parameters": 5, "source_parameters": [], "has_measurement": 1}]',
        b'[{"brand_new": 1, "parameters": []}]',
        b"\xff",
    ],
)
def test_what_was_kept_by_another_version_is_a_miss(place: Place, kept: bytes) -> None:
    place.service.keep(circuit_key(BELL, place.fingerprint, PLAIN), kept)
    preparation = Preparation(place, PLAIN)
    (circuit,) = preparation.prepare_all([BELL])
    assert isinstance(circuit, PreparedCircuit)
    assert preparation.outcome == "miss"
    again = Preparation(place, PLAIN)
    assert again.prepare_all([BELL]) == [circuit]
    assert again.outcome == "hit"


def source_of(tmp_path: Path, text: str) -> Source:
    (tmp_path / "circuit.qasm").write_text(text)
    return read_source(str(tmp_path / "circuit.qasm"))


def test_a_circuit_that_measures_nothing_is_refused_from_the_cache_too(
    place: Place, tmp_path: Path
) -> None:
    source = source_of(tmp_path, "OPENQASM 3.0;\nqubit q;\nreset q;\n")
    for outcome in ("miss", "hit"):
        preparation = Preparation(place, PLAIN)
        with pytest.raises(CircuitError, match="measures nothing") as caught:
            preparation.prepare_all([source])
        assert caught.value.details["path"] == source.name
        assert preparation.outcome == outcome
        # The estimator takes it.
        assert len(Preparation(place, PLAIN).prepare(source)) == 1


def test_what_does_not_fit_is_not_kept(place: Place, tmp_path: Path) -> None:
    source = source_of(tmp_path, "OPENQASM 3.0;\nqubit[4] q;\nbit[4] c;\nc = measure q;\n")
    for _ in range(2):
        preparation = Preparation(place, PLAIN)
        with pytest.raises(CircuitError, match="4 qubits, the backend 3"):
            preparation.prepare_all([source])
        assert preparation.outcome == "miss"


def test_parameters_are_in_the_order_in_which_values_are_given(place: Place) -> None:
    (circuit,) = Preparation(place, PLAIN).prepare_all([read_source("@ansatz")])
    decoded = decode(circuit.wire)
    assert isinstance(decoded, QuantumCircuit)
    assert circuit.parameters == ("alpha", "beta")
    assert circuit.parameters == tuple(parameter.name for parameter in decoded.parameters)
