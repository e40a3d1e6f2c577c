"""Jobs one after another in one session, and Aer's own runs: ``jobs.py NUM_JOBS``.

They take turns by blocks of twenty, since jobs that follow each other are what is measured, and a
machine's speed changes within seconds. Both run the same circuit with as many shots, and give their
results as objects. Prints ``{"ours_ms": ..., "reference_ms": ...}``, the means of one run.
"""

# ruff: noqa: TID253 - Qiskit is loaded before anything is measured.

import json
import sys
import time
from collections.abc import Callable
from statistics import fmean
from typing import Any

from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator

from qrsession import RuntimeService, Sampler, Session

SHOTS = 1024
BLOCK = 20


def mean_ms(run: Callable[[], Any], times: int) -> float:
    """Run something several times, and return how long one run took on average."""
    started_s = time.perf_counter()
    for _ in range(times):
        run()
    return 1000 * (time.perf_counter() - started_s) / times


def main(num_jobs: int) -> None:
    """Run the jobs and print the means."""
    bell = QuantumCircuit(2)
    bell.h(0)
    bell.cx(0, 1)
    bell.measure_all()
    aer = AerSimulator(max_parallel_threads=1)
    ours_ms, reference_ms = [], []
    with Session(RuntimeService("local"), backend="aer_simulator") as session:
        sampler = Sampler(session)

        def ours() -> None:
            sampler.run([bell], shots=SHOTS).result()

        def reference() -> None:
            aer.run(bell, shots=SHOTS).result()

        # The first of both is slower: connections are made, and Aer is set up.
        ours()
        reference()
        for _ in range(max(num_jobs // BLOCK, 1)):
            ours_ms.append(mean_ms(ours, BLOCK))
            reference_ms.append(mean_ms(reference, BLOCK))
    print(json.dumps({"ours_ms": fmean(ours_ms), "reference_ms": fmean(reference_ms)}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
