"""What is known of a circuit file without Qiskit, in a fresh process."""

import subprocess
import sys

import qiskit


def test_key_and_version_are_found_without_qiskit() -> None:
    script = (
        "import sys; from qrsession.circuits.sources import *; "
        "circuit_key(read_source('@bell'), 'target', Transpilation()); "
        "print(qiskit_version(), {'qiskit', 'numpy', 'qiskit_aer'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == f"{qiskit.__version__} set()"
