"""What is known of circuits before they run is worked out once."""

import io
from pathlib import Path

import pytest
from qiskit import QuantumCircuit, qpy

from qrsession.cache import Cache
from qrsession.circuits.sources import Source, SourceFormat, circuit_names, read_source
from qrsession.errors import CircuitError
from qrsession.expecting.foreseeing import Foresight

pytestmark = pytest.mark.fast


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache" / "content")


def two_circuits() -> Source:
    first, second = QuantumCircuit(1, 1), QuantumCircuit(2, 1)
    first.measure(0, 0)
    second.x(1)
    second.measure(1, 0)
    buffer = io.BytesIO()
    qpy.dump([first, second], buffer)
    return Source("two.qpy", buffer.getvalue(), SourceFormat.QPY)


def test_a_second_look_needs_no_qiskit(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    bell, two = read_source("@bell"), two_circuits()
    look = Foresight(cache, {}, wants_ideal=True)
    found = look.grounds_of([bell, two])
    assert [ground.circuit for ground in found] == ["@bell", "two.qpy[0]", "two.qpy[1]"]
    assert [ground.num_qubits for ground in found] == [2, 1, 2]
    assert [list(ground.positions) for ground in found] == [[0, 1], [0], [None, 0]]
    distributions = [ground.distribution and ground.distribution.probabilities for ground in found]
    assert distributions == [pytest.approx({"00": 0.5, "11": 0.5}), {"0": 1.0}, {"1": 1.0}]
    assert circuit_names([bell, two]) == [ground.circuit for ground in found]

    def fail(*_arguments: object) -> None:
        raise AssertionError

    monkeypatch.setattr("qrsession.circuits.isolation.read_circuits", fail)
    again = look.grounds_of([bell, two])
    assert [vars_of(ground) for ground in again] == [vars_of(ground) for ground in found]
    # The same content under another name is known, and has that name.
    renamed = Source("mine.qasm", bell.data, bell.format, bell.folder)
    assert look.grounds_of([renamed])[0].circuit == "mine.qasm"
    with pytest.raises(AssertionError):
        Foresight(cache, {"theta": 1.0}, wants_ideal=True).grounds_of([bell])


def vars_of(ground: object) -> list[object]:
    names = ("circuit", "num_qubits", "distribution")
    return [getattr(ground, name) for name in names]


def test_private_circuits_are_not_kept(cache: Cache) -> None:
    Foresight(cache, {}, wants_ideal=True, keeps=False).grounds_of([read_source("@bell")])
    assert cache.info().entries == 0


def test_values_are_bound_and_asked_for(cache: Cache) -> None:
    ansatz = read_source("@ansatz")
    with pytest.raises(CircuitError, match="alpha, beta") as caught:
        Foresight(cache, {}, wants_ideal=True).grounds_of([ansatz])
    assert "--param alpha=0.5" in caught.value.advice
    # Who asks for no distribution needs no values here.
    assert Foresight(cache, {}, wants_ideal=False).grounds_of([ansatz])[0].distribution is None
    values = {"alpha": 0.0, "beta": 0.0, "unused": 1.0}
    (ground,) = Foresight(cache, values, wants_ideal=True).grounds_of([ansatz])
    assert ground.distribution is not None
    assert ground.distribution.probabilities == pytest.approx({"00": 1.0})


def test_what_is_not_known_names_the_circuit(cache: Cache, tmp_path: Path) -> None:
    file = tmp_path / "wide.qasm"
    lines = ["OPENQASM 2.0;", 'include "qelib1.inc";', "qreg q[30];", "creg c[30];"]
    file.write_text("\n".join([*lines, "h q;", "measure q -> c;"]))
    with pytest.raises(CircuitError, match="has 2\\^30 outcomes") as caught:
        Foresight(cache, {}, wants_ideal=True).grounds_of([read_source(str(file))])
    assert caught.value.message.startswith(f"{file}: ")
    assert caught.value.details["path"] == str(file)
