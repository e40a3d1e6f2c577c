"""Noise of a twin against `AerSimulator.from_backend`: ``noise.py SNAPSHOTS [DEVICE]``.

Both ends have the same documents of a device, which say that errors of readout are symmetric, and
the same ISA circuit and shots. A bell pair goes to a warm lane as a job; the reference is built and
runs it, in turn. Prints ``{"ours_ms": ..., "reference_ms": ...}``. Needs qiskit-ibm-runtime, whose
backends of snapshots make the reference; a local account must offer the device with noise.
"""

# ruff: noqa: TID253 - Qiskit is loaded before anything is measured.

import json
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator

from qrsession import RuntimeService, Sampler, Session

SHOTS = 1024
JOBS = 20
DEVICE = "ibm_fez"


def took_ms(run: Callable[[], Any]) -> float:
    """Run something, and return how long it took."""
    started_s = time.perf_counter()
    run()
    return 1000 * (time.perf_counter() - started_s)


def main(device: str) -> None:
    """Run both in turn and print how long they took."""
    bell = QuantumCircuit(2)
    bell.h(0)
    bell.cx(0, 1)
    bell.measure_all()
    service = RuntimeService("local")
    backend = service.backend(device)
    circuit = backend.run_ready(bell) if hasattr(backend, "run_ready") else None
