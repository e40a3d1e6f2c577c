"""Circuit files before a parser sees them: what they are, and what is refused."""

import io
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import qiskit
from qiskit import QuantumCircuit, qpy

from qrsession.circuits import sources
from qrsession.circuits.sources import (
    LARGEST_FILE_BYTES,
    LARGEST_QASM3_BYTES,
    SourceFormat,
    Transpilation,
    circuit_key,
    list_examples,
    qiskit_version,
    read_source,
    read_sources,
)
from qrsession.errors import CircuitError

pytestmark = pytest.mark.fast

QASM2 = 'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[2];\ncreg c[2];\nmeasure q -> c;\n'
QASM3 = 'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[2] q;\nbit[2] c;\nc = measure q;\n'


def qpy_bytes() -> bytes:
    circuit = QuantumCircuit(2)
    circuit.measure_all()
    buffer = io.BytesIO()
    qpy.dump(circuit, buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (QASM2, SourceFormat.QASM2),
        (QASM3, SourceFormat.QASM3),
        (qpy_bytes(), SourceFormat.QPY),
        ("OPENQASM 3;\nqubit q;", SourceFormat.QASM3),
        ("OPENQASM   3.1  ;\nqubit q;", SourceFormat.QASM3),
        ("// a comment\n/* OPENQASM 3.0; */\nOPENQASM 2.0;\nqreg q[1];", SourceFormat.QASM2),
        ("\n\n  OPENQASM 2.0;qreg q[1];", SourceFormat.QASM2),
        ("\ufeffOPENQASM 2.0;\r\nqreg q[1];\r\n", SourceFormat.QASM2),
    ],
)
@pytest.mark.parametrize("name", ["circuit.qasm", "circuit.qpy", "circuit"])
def test_the_content_tells_the_format_and_not_the_name(
    tmp_path: Path, data: str | bytes, expected: SourceFormat, name: str
) -> None:
    file = tmp_path / name
    file.write_bytes(data.encode() if isinstance(data, str) else data)
    source = read_source(str(file))
    assert source.format is expected
    assert source.name == str(file)
    assert source.is_self_contained
    if expected is not SourceFormat.QPY:
        assert "OPENQASM" in source.text()
        assert "\ufeff" not in source.text()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b" \n\t ", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b"\x00\xff\xfe\x80junk", "neither OpenQASM text nor QPY"),
        (bytes(range(256)) * 40, "neither OpenQASM text nor QPY"),
        (b"PK\x03\x04", "starts with neither"),
        (b"hello", "starts with neither"),
        (b"qreg q[2];", "starts with neither"),
        (b"OPENQASM 4.0;", "starts with neither"),
        (b"OPENQASM", "starts with neither"),
        (b"// OPENQASM 3.0;", "starts with neither"),
    ],
)
def test_what_is_no_circuit(tmp_path: Path, data: bytes, words: str) -> None:
    file = tmp_path / "circuit.qasm"
    file.write_bytes(data)
    with pytest.raises(CircuitError, match=words) as caught:
        read_source(str(file))
    assert caught.value.details["path"] == str(file)
    assert str(file) in caught.value.message
    assert caught.value.exit_code == 2


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    named = {
        str(tmp_path / "none.qasm"): "No such file",
        str(tmp_path): "Is a directory",
        str(tmp_path / ("x" * 5000)): "name too long",
        "@" + "x" * 5000: "no example",
        "a\0b": "null",
    }
    for name, words in named.items():
        with pytest.raises(CircuitError, match=words) as caught:
            read_source(name)
        assert caught.value.details["path"] == name


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is unreadable to root")
def test_a_file_without_permission(tmp_path: Path) -> None:
    file = tmp_path / "circuit.qasm"
    file.write_text(QASM2)
    file.chmod(0)
    with pytest.raises(CircuitError, match="Permission denied"):
        read_source(str(file))


def test_a_file_of_50_megabytes(tmp_path: Path) -> None:
    file = tmp_path / "circuit.qasm"
    with file.open("wb") as opened:
        opened.write(QASM2.encode())
        opened.truncate(50 * 10**6)
    assert file.stat().st_size > LARGEST_FILE_BYTES
    with pytest.raises(CircuitError, match="more than 32 MiB"):
        read_source(str(file))


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there is no /dev/zero")
def test_a_device_without_end() -> None:
    with pytest.raises(CircuitError, match="more than 32 MiB"):
        read_source("/dev/zero")


def test_of_openqasm_3_less_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "circuit.qasm"
    file.write_text(QASM3 + "// " + "x" * LARGEST_QASM3_BYTES)
    with pytest.raises(CircuitError, match="more than 4 MiB"):
        read_source(str(file))
    file.write_text(QASM2 + "// " + "x" * LARGEST_QASM3_BYTES)
    assert read_source(str(file)).format is SourceFormat.QASM2


TOO_MANY = [
    "OPENQASM 2.0;\nqreg q[20000000];",
    "OPENQASM 2.0;\ncreg q[20000000];",
    "OPENQASM 2.0;\nqreg\tq [ 20000000 ] ;",
    "OPENQASM 2.0; qreg /* of\n*/ q[20000000];",
    "OPENQASM 2.0;\nqreg q[020000000];",
    "OPENQASM 2.0;\nqreg q[99999999999999999999];",
    "OPENQASM 3.0;\nqubit[20000000] q;",
    "OPENQASM 3.0;\nqubit[20_000_000] q;",
    "OPENQASM 3.0;\nqubit[0x1312D00] q;",
    "OPENQASM 3.0;\nqubit[020000000] q;",
    "OPENQASM 3.0;\nbit[20000000] c;",
    "OPENQASM 3.0;\ninput bit[20000000] c;",
    "OPENQASM 3.0;\nqreg q[20000000];",
    "OPENQASM 3.0;\nqubit q; bit\n[20000000]\nc;",
    "OPENQASM 3.0;\nqubit[9999] a; qubit[2] b;",
]
NO_NUMBER = [
    "OPENQASM 3.0;\nqubit[2 * 10000000] q;",
    "OPENQASM 3.0;\nqubit[2**25] q;",
    "OPENQASM 3.0;\nqubit[n] q;",
    "OPENQASM 3.0;\nqubit[a[0]] q;",
    "OPENQASM 3.0;\nqubit[-1] q;",
    "OPENQASM 3.0;\nqubit[1" + "0" * 100 + "] q;",
    "OPENQASM 2.0;\nqreg q[];",
]


@pytest.mark.parametrize("text", [*TOO_MANY, *NO_NUMBER])
def test_what_would_abort_the_parser_is_refused_before_it(tmp_path: Path, text: str) -> None:
    file = tmp_path / "circuit.qasm"
    file.write_text(text)
    words = "are declared; at most" if text in TOO_MANY else "must be a whole number"
    with pytest.raises(CircuitError, match=words) as caught:
        read_source(str(file))
    assert caught.value.details["line"] in {1, 2}
    assert f"line {caught.value.details['line']}" in caught.value.message


@pytest.mark.parametrize(
    "text",
    [
        "OPENQASM 2.0; qreg q[5000]; creg c[5000];",
        # In OpenQASM 2 these are names like others.
        "OPENQASM 2.0; qreg qubit[9]; creg bit[9];" + "measure qubit[8] -> bit[8];" * 2000,
        "OPENQASM 2.0; qreg q[1]; // qreg q[20000000];",
        "OPENQASM 3.0; qubit[1] q; /* qubit[20000000] q; */",
        "OPENQASM 3.0; qubit[0] q; int[64] i = 20000000;",
    ],
)
def test_what_only_looks_like_many_is_taken(tmp_path: Path, text: str) -> None:
    file = tmp_path / "circuit.qasm"
    file.write_text(text)
    assert read_source(str(file)).data == text.encode()


@pytest.mark.parametrize(
    "text",
    [
        "/*a" * 300_000,
        "//" * 300_000,
        "qreg q[" * 100_000,
        "qreg q[" + " " * 900_000,
        "qreg" + " " * 900_000,
        "qreg q" * 150_000,
        "qreg " + "q" * 900_000,
        " " * 900_000 + "q",
        'include "' * 100_000,
    ],
    ids=range(9),
)
def test_looking_at_a_file_takes_time_in_proportion_to_it(tmp_path: Path, text: str) -> None:
    file = tmp_path / "circuit.qasm"
    file.write_text("OPENQASM 2.0;" + text)
    started = time.process_time()
    try:
        read_source(str(file))
    except CircuitError as error:
        assert "whole number" in error.message  # noqa: PT017 - either will do, in time
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('OPENQASM 2.0;\ninclude "qelib1.inc";', True),
        ('OPENQASM 3.0;\ninclude "stdgates.inc";', True),
        ('OPENQASM 2.0;\ninclude "mine.inc";', False),
        ('OPENQASM 2.0;\ninclude "qelib1.inc"; include"mine.inc";', False),
        ('OPENQASM 2.0;\n// include "mine.inc";', True),
        ('OPENQASM 2.0;\ninclude/**/"mine.inc";', False),
    ],
)
def test_a_file_that_includes_another_is_not_all_there_is(
    tmp_path: Path, text: str, expected: bool
) -> None:
    file = tmp_path / "circuit.qasm"
    file.write_text(text)
    source = read_source(str(file))
    assert source.is_self_contained is expected
    assert source.folder == tmp_path


# What a command names


def test_patterns_and_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("b.qasm", "a.qasm", "c[1].qasm", "d.txt"):
        (tmp_path / name).write_text(QASM2)
    monkeypatch.chdir(tmp_path)
    assert [s.name for s in read_sources(["d.txt", "*.qasm"])] == [
        "d.txt",
        "a.qasm",
        "b.qasm",
        "c[1].qasm",
    ]
    # A file of that name goes before the pattern that it is.
    assert [s.name for s in read_sources(["c[1].qasm", "./[ab].qasm"])] == [
        "c[1].qasm",
        "./a.qasm",
        "./b.qasm",
    ]
    with pytest.raises(CircuitError, match=r"No file matches '\*\.qpy'"):
        read_sources(["a.qasm", "*.qpy"])
    with pytest.raises(CircuitError, match="No file matches"):
        read_sources(["*" + "x" * 5000])


def test_examples() -> None:
    assert list_examples() == sorted(
        ["ansatz", "bell", "bell-qasm2", "dynamic", "ghz", "grover", "rotation", "teleportation"]
    )
    assert read_source("@bell").name == "@bell"
    for name in ("@none", "@", "@../sources", "@bell.qasm", "@/etc/passwd"):
        with pytest.raises(CircuitError, match="no example") as caught:
            read_source(name)
        assert "@bell" in caught.value.advice


def test_a_file_goes_before_an_example_of_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "@bell").write_text(QASM2)
    assert read_source("@bell").data == QASM2.encode()


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    for text, expected in ((QASM2.encode(), SourceFormat.QASM2), (qpy_bytes(), SourceFormat.QPY)):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
        source = read_source("-")
        assert (source.name, source.format, source.data) == ("-", expected, text)


# The content key


def test_the_key_changes_with_each_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "circuit.qasm"
    file.write_text(QASM2)
    source = read_source(str(file))
    plain = Transpilation()

    def key_of_another_qiskit() -> str:
        with monkeypatch.context() as patch:
            patch.setattr(sources, "qiskit_version", lambda: "9.9.9")
            return circuit_key(source, "target", plain)

    def key_of_another_codec() -> str:
        with monkeypatch.context() as patch:
            patch.setattr(sources, "TYPED_JSON_VERSION", 99)
            return circuit_key(source, "target", plain)

    keys = [
        circuit_key(source, "target", plain),
        circuit_key(replace(source, data=source.data + b" "), "target", plain),
        circuit_key(replace(source, format=SourceFormat.QASM3), "target", plain),
        circuit_key(source, "another target", plain),
        *(circuit_key(source, "target", Transpilation(level)) for level in (None, 0, 1, 3)),
        circuit_key(source, "target", Transpilation(seed=0)),
        circuit_key(source, "target", Transpilation(seed=1)),
        key_of_another_qiskit(),
        key_of_another_codec(),
    ]
    assert len(set(keys)) == len(keys)
    # Where it is does not count.
    elsewhere = replace(source, name="@other", folder=Path("/"))
    assert circuit_key(elsewhere, "target", plain) == keys[0]


def test_the_version_of_qiskit() -> None:
    assert qiskit_version() == qiskit.__version__
