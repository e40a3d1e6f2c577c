"""Jobs that fill a queue, the wait for its end, and the same jobs without any runtime.

``queued_jobs.py block`` submits a job that ends by its limit alone, ``submit NUM_JOBS`` jobs one
after another, and both print a line with the id of each; ``wait`` returns once no job is left;
``loop NUM_JOBS`` runs them on Aer in this process, and prints the mean time of one in ms.
"""

# ruff: noqa: TID253 - Qiskit is loaded before anything is measured.

import sys
import time

import numpy as np
from qiskit import QuantumCircuit

from qrsession import RuntimeService, Sampler

BACKEND = "aer_simulator"
NUM_QUBITS = 10
REPETITIONS = 3
SHOTS = 2048
_ENDLESS_SHOTS = 1_000_000
_POLL_S = 0.5


def ansatz() -> QuantumCircuit:
    """Return the circuit of a job: the ansatz of a variational algorithm, with its angles bound."""
    angles = iter(np.linspace(0.0, 3.0, NUM_QUBITS * (REPETITIONS + 1)))
    circuit = QuantumCircuit(NUM_QUBITS)
    for layer in range(REPETITIONS + 1):
        for qubit in range(NUM_QUBITS):
            circuit.ry(next(angles), qubit)
        if layer < REPETITIONS:
            for qubit in range(NUM_QUBITS - 1):
                circuit.cx(qubit, qubit + 1)
    circuit.measure_all()
    return circuit


def block() -> None:
    """Keep a lane busy for as long as the runtime is up."""
    circuit = QuantumCircuit(1, 1)
    circuit.x(0)
    circuit.measure(0, 0)
    # What depends on an outcome is simulated shot by shot.
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.x(0)
    circuit.measure(0, 0)
    sampler = Sampler(RuntimeService("local").backend(BACKEND))
    job = sampler.run([circuit] * 100, shots=_ENDLESS_SHOTS)
    while not job.running():
        time.sleep(_POLL_S)
    print(job.job_id())


def submit(num_jobs: int) -> None:
    """Submit jobs one after another, each in job mode."""
    sampler = Sampler(RuntimeService("local").backend(BACKEND))
    circuit = ansatz()
    for _ in range(num_jobs):
        print(sampler.run([circuit], shots=SHOTS).job_id())


def wait() -> None:
    """Wait until no job is queued or runs: they end in order, but for a few at once."""
    client = RuntimeService("local").client
    while any(job.status in {"Queued", "Running"} for job in client.list_jobs(limit=20)):
        time.sleep(_POLL_S)


def loop(num_jobs: int) -> None:
    """Run the jobs on Aer, without anything around it."""
    from qiskit_aer import AerSimulator

    aer = AerSimulator(max_parallel_threads=1)
    circuit = ansatz()
    aer.run(circuit, shots=SHOTS).result()
    started_s = time.perf_counter()
    for _ in range(num_jobs):
        aer.run(circuit, shots=SHOTS).result().get_counts()
    print(1000 * (time.perf_counter() - started_s) / num_jobs)


def main(what: str, *numbers: str) -> None:
    """Do what the arguments say."""
    if what == "block":
        block()
    elif what == "wait":
        wait()
    else:
        {"submit": submit, "loop": loop}[what](int(numbers[0]))


if __name__ == "__main__":
    main(*sys.argv[1:])
