"""A sweep of one angle: ``sweep.py library|peer FILE NUM_POINTS``.

The library makes one pub of it in the session that is open. The peer, a script of
qiskit-ibm-runtime, makes a job of each point in a session of its own, as where each point waits for
the last. The service of the peer is what the environment says.
"""

# ruff: noqa: PLC0415 - Neither side has what the other needs.

import sys
from collections.abc import Mapping
from pathlib import Path

BACKEND = "aer_simulator"
SHOTS = 1024


def by_library(file: Path, points: list[list[float]]) -> list[Mapping[str, int]]:
    """Run the points as one pub."""
    from qiskit import qasm3

    from qrsession import RuntimeService, Sampler, Session

    with Session(RuntimeService("local"), backend=BACKEND) as session:
        sampler = Sampler(session, options={"optimization_level": 2})
        (pub,) = sampler.run([(qasm3.loads(file.read_text()), points)], shots=SHOTS).result()
    return [pub.data.c.get_counts(at) for at in range(len(points))]


def by_peer(file: Path, points: list[list[float]]) -> list[Mapping[str, int]]:
    """Run each point as a job."""
    from qiskit import qasm3
    from qiskit.transpiler import generate_preset_pass_manager
    from qiskit_ibm_runtime import QiskitRuntimeService, SamplerV2, Session

    backend = QiskitRuntimeService().backend(BACKEND)
    passes = generate_preset_pass_manager(2, backend=backend)
    circuit = passes.run(qasm3.loads(file.read_text()))
    with Session(backend=backend) as session:
        sampler = SamplerV2(mode=session)
        return [
            sampler.run([(circuit, point)], shots=SHOTS).result()[0].data.c.get_counts()
            for point in points
        ]


def main(side: str, file: str, num_points: str) -> None:
    """Run the sweep by one side."""
    number = int(num_points)
    points = [[3.14 * at / (number - 1)] for at in range(number)]
    sides = {"library": by_library, "peer": by_peer}
    counts = sides[side](Path(file), points)
    if [sum(one.values()) for one in counts] != [SHOTS] * number:
        raise RuntimeError("A point is missing.")


if __name__ == "__main__":
    main(*sys.argv[1:])
