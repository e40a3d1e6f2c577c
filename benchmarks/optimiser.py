"""Steps that each depend on the last value: ``optimiser.py stdin|library FILE NUM_STEPS``.

Both sides take the same circuit through the same steps in the session that is open, from the second
step on: the first makes connections. Prints the time of all steps in milliseconds.
"""

# ruff: noqa: PLC0415 - Neither side loads what only the other needs.

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

SHOTS = 1024
NUM_ANGLES = 8

Ask = Callable[[Sequence[float]], Mapping[str, int]]


@contextmanager
def by_stdin(file: Path) -> Iterator[Ask]:
    """Ask a process of the command line."""
    command = Path(sys.executable).with_name("qrsession")
    with subprocess.Popen(
        [command, "run", file, "--stdin-params", "--shots", str(SHOTS)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:

        def ask(angles: Sequence[float]) -> Mapping[str, int]:
            if process.stdin is None or process.stdout is None:
                raise RuntimeError("It has no pipes.")
            process.stdin.write(f"{json.dumps(list(angles))}\n")
            process.stdin.flush()
            counts: Mapping[str, int] = json.loads(process.stdout.readline())["pubs"][0]["counts"]
            return counts

        yield ask
        if process.stdin is not None:
            process.stdin.close()
        if process.wait():
            raise RuntimeError("A line failed.")


@contextmanager
def by_library(file: Path) -> Iterator[Ask]:
    """Ask the library in this process, with a circuit that is transpiled before, once."""
    from qiskit import qasm3
    from qiskit.transpiler import generate_preset_pass_manager

    from qrsession import RuntimeService, Sampler, Session

    service = RuntimeService("local")
    status = subprocess.run(
        [Path(sys.executable).with_name("qrsession"), "status", "--cached", "--json"],
        stdout=subprocess.PIPE,
        check=True,
    )
    session_id = json.loads(status.stdout)["data"]["session"]["session_id"]
    session = Session.from_id(session_id, service)
    passes = generate_preset_pass_manager(2, target=session.device().target)
    circuit = passes.run(qasm3.loads(file.read_text()))
    sampler = Sampler(session)

    def ask(angles: Sequence[float]) -> Mapping[str, int]:
        (pub,) = sampler.run([(circuit, list(angles))], shots=SHOTS).result()
        counts: Mapping[str, int] = pub.data.c.get_counts()
        return counts

    yield ask


def steps_ms(ask: Ask, num_steps: int) -> float:
    """Take steps, and return how long they took together."""
    angles = [0.3 + 0.1 * at for at in range(NUM_ANGLES)]

    def step(number: int) -> None:
        counts = ask(angles)
        # Between -1 and 1: the parity of all bits.
        value = sum(count * (-1) ** bits.count("1") for bits, count in counts.items()) / SHOTS
        angles[number % NUM_ANGLES] -= 0.2 * (value + 1)

    step(0)
    began_s = time.perf_counter()
    for number in range(1, num_steps + 1):
        step(number)
    return 1000 * (time.perf_counter() - began_s)


def main(side: str, file: str, num_steps: str) -> None:
    """Take the steps by one side."""
    sides = {"stdin": by_stdin, "library": by_library}
    with sides[side](Path(file)) as ask:
        print(steps_ms(ask, int(num_steps)))


if __name__ == "__main__":
    main(*sys.argv[1:])
