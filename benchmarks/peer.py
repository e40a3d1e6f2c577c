"""The peer's side of a first run: ``peer.py PORT DEVICE new``, or ``... SESSION_ID FILE``.

It runs in the peer's environment and knows nothing of this project. ``new`` opens a session on the
emulator and prints its id; else it runs a circuit file in that session and prints the counts.
"""

# ruff: noqa: TID253 - The peer needs Qiskit, and its imports are part of what is measured.

import importlib
import sys

from qiskit import QuantumCircuit, qasm3
from qiskit.transpiler import generate_preset_pass_manager
from qiskit_ibm_runtime import SamplerV2, Session

OPTIMIZATION_LEVEL = 2
SHOTS = 1024


def main(port: str, device: str, session_id: str, file: str = "") -> None:
    """Do what the arguments say."""
    service = importlib.import_module("localqpu").connect(port=int(port))
    if session_id == "new":
        print(Session(backend=service.backend(device)).session_id)
        return
    session = Session.from_id(session_id, service=service)
    load = qasm3.load if file.endswith("3.qasm") else QuantumCircuit.from_qasm_file
    circuit = load(file)
    backend = service.backend(device)
    manager = generate_preset_pass_manager(OPTIMIZATION_LEVEL, backend=backend)
    job = SamplerV2(mode=session).run([manager.run(circuit)], shots=SHOTS)
    print(job.result()[0].data.c.get_counts())


if __name__ == "__main__":
    main(*sys.argv[1:])
