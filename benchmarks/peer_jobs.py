"""A script of qiskit-ibm-runtime: ``peer_jobs.py DEVICE NUM_JOBS [PORT]``.

It runs jobs one after another in one session, and prints the mean time of one, in ms. With a port
the service is the emulator that listens there; else it is what the environment says.
"""

# ruff: noqa: TID253 - Both sides have loaded Qiskit before anything is measured.

import importlib
import sys
import time

from qiskit import QuantumCircuit
from qiskit.transpiler import generate_preset_pass_manager
from qiskit_ibm_runtime import QiskitRuntimeService, SamplerV2, Session

SHOTS = 1024


def main(device: str, num_jobs: int, port: str = "") -> None:
    """Run the jobs and print the mean."""
    if port:
        service = importlib.import_module("localqpu").connect(port=int(port))
    else:
        service = QiskitRuntimeService()
    backend = service.backend(device)
    bell = QuantumCircuit(2)
    bell.h(0)
    bell.cx(0, 1)
    bell.measure_all()
    circuit = generate_preset_pass_manager(1, backend=backend).run(bell)
    with Session(backend=backend) as session:
        sampler = SamplerV2(mode=session)
        # The first job opens what the others use.
        sampler.run([circuit], shots=SHOTS).result()
        started_s = time.perf_counter()
        for _ in range(num_jobs):
            counts = sampler.run([circuit], shots=SHOTS).result()[0].data.meas.get_counts()
            if sum(counts.values()) != SHOTS:
                raise RuntimeError(f"A job gave {counts}.")
        print(1000 * (time.perf_counter() - started_s) / num_jobs)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
