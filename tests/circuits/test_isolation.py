"""Circuit files that would end the process which parses them end a child, and are told."""

import faulthandler
import io
import os
import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from qiskit import QuantumCircuit, qpy
from qiskit.circuit import Parameter

from qrsession.circuits import isolation
from qrsession.circuits.isolation import read_circuits
from qrsession.circuits.parser_process import OUT_OF_MEMORY, Bounds
from qrsession.circuits.parsing import parse_circuits
from qrsession.circuits.sources import Source, SourceFormat, list_examples, read_source
from qrsession.errors import CircuitError
from tests import sample_circuits
from tests.sample_circuits import with_a_gate_that_claims

ON_LINUX = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux forks, and bounds a process's memory"
)


def bell() -> Source:
    return read_source("@bell-qasm2")


def as_qpy(circuit: QuantumCircuit) -> Source:
    buffer = io.BytesIO()
    qpy.dump(circuit, buffer, version=17)
    return Source("circuit.qpy", buffer.getvalue(), SourceFormat.QPY)


def evil(num_qubits: int) -> Source:
    return Source("evil.qpy", with_a_gate_that_claims(num_qubits), SourceFormat.QPY)


def open_descriptors() -> int:
    return len(os.listdir("/dev/fd"))  # noqa: PTH208 - not a folder of files


def children() -> set[int]:
    """Return the processes that this one has started; earlier tests may have left some."""
    return {one.pid for one in psutil.Process().children()}


def test_what_this_process_has_written_takes_no_child(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError

    pair = sample_circuits.bell()
    monkeypatch.setattr(isolation, "_fork", fail)
    monkeypatch.setattr(isolation, "_start", fail)
    (circuit,) = read_circuits(replace(as_qpy(pair), is_ours=True))
    assert circuit == pair


@ON_LINUX
def test_what_would_take_all_memory_is_told() -> None:
    before = open_descriptors()
    with pytest.raises(CircuitError, match=r"evil.qpy: its parser ran out of memory") as caught:
        read_circuits(evil(2**32 - 1))
    assert caught.value.details == {"path": "evil.qpy", "line": None}
    assert "512 MiB" in caught.value.advice
    assert open_descriptors() == before


@pytest.mark.deep
@ON_LINUX
def test_what_aborts_its_parser_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "_LEAST_MEMORY_BYTES", 32 * 2**20)
    with pytest.raises(CircuitError, match=r"its parser (crashed \(SIGABRT\)|ran out of memory)"):
        read_circuits(evil(20_000_000))


@ON_LINUX
@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL])
def test_a_crash_is_told_by_its_signal(
    monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    def crash(*_: object) -> None:
        faulthandler.disable()
        os.kill(os.getpid(), number)

    monkeypatch.setattr(isolation, "parse_and_leave", crash)
    with pytest.raises(CircuitError, match=rf"its parser crashed \({number.name}\)"):
        read_circuits(bell())


@ON_LINUX
def test_what_lasts_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "parse_and_leave", lambda *_: signal.pause())
    monkeypatch.setattr(isolation, "_WALL_PER_CPU_TIME", 0.001)
    before = children()
    with pytest.raises(CircuitError, match="reading it took more than 60 s"):
        read_circuits(bell())
    assert children() == before


@ON_LINUX
def test_no_child_outlives_an_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(isolation, "parse_and_leave", lambda *_: signal.pause())
    monkeypatch.setattr(isolation, "_read", interrupt)
    before, files_before = children(), open_descriptors()
    with pytest.raises(KeyboardInterrupt):
        read_circuits(bell())
    assert children() == before
    assert open_descriptors() == files_before


@pytest.mark.skipif(not hasattr(signal, "SIGXCPU"), reason="Windows has no such signal")
@pytest.mark.parametrize(
    ("code", "words"),
    [
        (-24, "took more than 60 s"),
        (OUT_OF_MEMORY, "ran out of memory"),
        (0xC0000005, "its parser crashed"),
        (0, "its parser crashed"),
    ],
)
def test_ends_without_an_answer(code: int, words: str) -> None:
    number = -signal.SIGXCPU if code == -24 else code
    ending = isolation._Ending(b"", number)
    with pytest.raises(CircuitError, match=words):
        isolation._without_answer(bell(), Bounds(2**29, 60), ending)


def test_a_python_that_does_not_start_leaves_it_to_this_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(isolation, "_can_fork", lambda: False)
    for name in ("/bin/false", "/nowhere/python"):
        monkeypatch.setattr(sys, "executable", name)
        assert read_circuits(bell()) == parse_circuits(bell())


def test_beside_other_threads_the_child_is_started_anew() -> None:
    """What another thread holds at a fork would be held there for ever."""
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        assert not isolation._can_fork()
        assert read_circuits(read_source("@bell")) == parse_circuits(read_source("@bell"))
    finally:
        done.set()
        thread.join()


def everything() -> QuantumCircuit:
    theta = Parameter("θ")
    inner = QuantumCircuit(1, name="own gate")
    inner.rx(theta / 2, 0)
    circuit = QuantumCircuit(2, 2, name="named", metadata={"by": "somebody"}, global_phase=0.5)
    circuit.append(inner.to_gate(), [0])
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.delay(100, 1, unit="dt")
    with circuit.for_loop(range(3)):
        circuit.h(0)
    circuit.measure([0, 1], [0, 1])
    return circuit


OWN_GATES = b"""OPENQASM 3.0;
include "stdgates.inc";
input float theta;
gate own(x) a, b { rx(x / 2) a; ctrl @ s a, b; }
qubit[2] q;
bit one;
bit[2] c;
own(2 * theta) q[0], q[1];
delay[10ns] q[0];
one = measure q[0];
if (one) { x q[1]; }
c = measure q;
"""
SOURCES = {
    **{name: read_source(f"@{name}") for name in list_examples()},
    "qpy": as_qpy(everything()),
    "own gates": Source("own.qasm", OWN_GATES, SourceFormat.QASM3),
}


def outline(circuit: QuantumCircuit) -> list[object]:
    """Return what tells circuits apart whose bits are not the same objects."""
    return [
        [(register.name, register.size) for register in (*circuit.qregs, *circuit.cregs)],
        circuit.global_phase,
        *(
            (
                item.operation.name,
                # Parameters of two texts have the same names, and are not the same.
                list(map(outline, item.operation.blocks))
                if item.is_control_flow()
                else list(map(str, item.params)),
                [circuit.find_bit(bit).index for bit in (*item.qubits, *item.clbits)],
                None if item.operation.definition is None else outline(item.operation.definition),
            )
            for item in circuit.data
        ),
    ]


@pytest.mark.parametrize("name", SOURCES)
def test_nothing_is_lost_on_the_way(name: str) -> None:
    (read,), (parsed,) = read_circuits(SOURCES[name]), parse_circuits(SOURCES[name])
    assert outline(read) == outline(parsed)
    assert read.metadata == parsed.metadata
    assert [one.name for one in read.parameters] == [one.name for one in parsed.parameters]
    if SOURCES[name].format is SourceFormat.QPY:
        assert list(read.parameters) == list(parsed.parameters)
        assert read.name == parsed.name


# Include files


def including(folder: Path, include: str) -> str:
    file = folder / "program.qasm"
    file.write_text(f'OPENQASM 2.0;\n\ninclude "{include}";\nqreg q[1];\n')
    return str(file)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such pipes")
def test_what_is_no_file_is_not_included(tmp_path: Path) -> None:
    """A pipe would be waited for, and a device read for ever."""
    os.mkfifo(tmp_path / "pipe")
    for include in ("pipe", "/dev/zero", "."):
        with pytest.raises(CircuitError, match="which is no file") as caught:
            read_source(including(tmp_path, include))
        assert caught.value.details["line"] == 3


def test_a_circle_of_includes_is_told(tmp_path: Path) -> None:
    (tmp_path / "a").write_text('include "b";')
    (tmp_path / "b").write_text('include "a";')
    with pytest.raises(CircuitError, match=r"includes itself: (a > b > a|b > a > b)\."):
        read_source(including(tmp_path, "a"))


def test_includes_are_bounded_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qrsession.circuits.sources.LARGEST_FILE_BYTES", 2**20)
    (tmp_path / "a").write_text('include "b";\n' + "// words\n" * 60_000)
    (tmp_path / "b").write_text("// words\n" * 60_000)
    with pytest.raises(CircuitError, match="more than 1 MiB"):
        read_source(including(tmp_path, "a"))


@pytest.mark.parametrize("version", [2, 3])
def test_gates_that_are_defined_too_deeply_are_told(tmp_path: Path, version: int) -> None:
    gates = "".join(f"gate g{i} a {{ g{i - 1} a; }}\n" for i in range(1, 120))
    file = tmp_path / "deep.qasm"
    file.write_text(f"OPENQASM {version}.0;\ngate g0 a {{ U(0, 0, 0) a; }}\n{gates}")
    with pytest.raises(CircuitError, match="defined by gates, 101 deep") as caught:
        read_source(str(file))
    assert caught.value.details["line"] == 102
