"""The peer's side of a run on a device: ``device_peer.py DEVICE FILE [SESSION_ID]``.

It is the script that the client's own documentation shows, and knows the service by its environment
alone. With a session it runs the circuit there, else in one that it opens and closes.
"""

# ruff: noqa: TID253 - The peer needs Qiskit, and its imports are part of what is measured.

import sys

from qiskit import QuantumCircuit
from qiskit.transpiler import generate_preset_pass_manager
from qiskit_ibm_runtime import QiskitRuntimeService, SamplerV2, Session

OPTIMIZATION_LEVEL = 2
SHOTS = 1024


def main(device: str, file: str, session_id: str = "") -> None:
    """Do what the arguments say, and print the counts."""
    service = QiskitRuntimeService()
    backend = service.backend(device)
    if session_id:
        session = Session.from_id(session_id, service=service)
    else:
        session = Session(backend=backend)
    circuit = QuantumCircuit.from_qasm_file(file)
    manager = generate_preset_pass_manager(OPTIMIZATION_LEVEL, target=backend.target)
    job = SamplerV2(mode=session).run([manager.run(circuit)], shots=SHOTS)
    print(job.result()[0].data.c.get_counts())
    if not session_id:
        session.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
