"""Circuits to run: Bell states as files, each of them unlike all others."""

import secrets
from pathlib import Path

_HEADER = {
    2: 'OPENQASM 2.0;\ninclude "qelib1.inc";\nqreg q[2];\ncreg c[2];\n',
    3: 'OPENQASM 3.0;\ninclude "stdgates.inc";\nqubit[2] q;\nbit[2] c;\n',
}
_GATES = "h q[0];\ncx q[0], q[1];\n"
_MEASURE = {2: "measure q -> c;\n", 3: "c = measure q;\n"}


def new_circuit(folder: Path, version: int) -> Path:
    """Write a Bell circuit as a file that nobody has seen before."""
    file = folder / f"{secrets.token_hex(8)}-{version}.qasm"
    file.write_text(f"{_HEADER[version]}// {file.stem}\n{_GATES}{_MEASURE[version]}")
    return file
