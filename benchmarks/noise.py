"""Noise on a device of 156 qubits: a job of ours against Aer's own way. A row, and its script.

::

    noise.py DEVICE

The script has a session open on the local account's twin of a device, and in turn runs the same
circuit, which fits the device, as a job there, and by `AerSimulator.from_backend` of the device's
documents, built anew: its noise is that of the whole device. Prints ``{"ours_ms": ...,
"reference_ms": ...}``, of one run.
"""

# ruff: noqa: PLC0415 - The row needs no Qiskit; the script loads it before anything is measured.

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAME = "noise"
DEVICE = "ibm_fez"
SHOTS = 1024
_SNAPSHOTS = "lib/*/site-packages/qiskit_ibm_runtime/fake_provider/backends"


@contextmanager
def noise_row(home: Any, peer: Any) -> Iterator[list[Any]]:
    """Have a runtime up that offers the device with its noise, and give the row.

    Args:
        home: Where this package is installed.
        peer: Where qiskit-ibm-runtime is, which carries the snapshot.
    """
    from benchmarks import ends
    from benchmarks.timing import Limit, Pair, Row

    (snapshots,) = peer.scripts.parent.glob(_SNAPSHOTS)
    with ends.serving(home, "--twins", snapshots):
        script = ("python", "-P", Path(__file__).resolve(), DEVICE)
        yield [
            Row(
                NAME,
                f"noisy bell on {DEVICE} as a job / AerSimulator.from_backend",
                Limit(0.01),
                lambda: Pair(**json.loads(home.output(*script))),
                share=0.2,
            )
        ]


def main(device: str) -> None:
    """Run both in turn, and print how long they took."""
    from qiskit import QuantumCircuit
    from qiskit_aer import AerSimulator

    from qrsession import RuntimeService, Sampler, Session
    from qrsession.circuits.transpilation import pass_manager

    bell = QuantumCircuit(2)
    bell.h(0)
    bell.cx(0, 1)
    bell.measure_all()
    service = RuntimeService("local")
    backend = service.backend(device)
    circuit = pass_manager(backend.target, 1, 7).run(bell)
    with Session(service, backend=backend) as session:
        sampler = Sampler(session)
        # What comes first makes connections, and reads the documents in the lane.
        sampler.run([circuit], shots=SHOTS).result()
        ours_ms = _took_ms(lambda: sampler.run([circuit], shots=SHOTS).result())
    reference_ms = _took_ms(
        lambda: (
            AerSimulator.from_backend(backend, max_parallel_threads=1)
            .run(circuit, shots=SHOTS)
            .result()
            .get_counts()
        )
    )
    print(json.dumps({"ours_ms": ours_ms, "reference_ms": reference_ms}))


def _took_ms(run: Callable[[], Any]) -> float:
    started_s = time.perf_counter()
    run()
    return 1000 * (time.perf_counter() - started_s)


if __name__ == "__main__":
    main(sys.argv[1])
