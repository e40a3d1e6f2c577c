"""A lane's process without Qiskit: all of a lane but the simulation, so that it starts at once.

A job ``{"pubs": [["light", null, N]]}`` takes N milliseconds, and its result says whose it is.
"""

import json
import sys
import threading
from types import ModuleType
from typing import Any

from qrsession.local import worker
from qrsession.local.lanes.frames import Frame


class Runner:
    """Stands in for the runner of simulations."""

    qiskit_version = "2.0.0"

    def __init__(self, memory_mb: int) -> None:
        self.memory_mb = memory_mb

    def run(self, head: dict[str, Any], params_json: bytes) -> Frame:
        """Take as long as the job says, and say whose result it is."""
        ((_, _, duration_ms),) = json.loads(params_json)["pubs"]
        threading.Event().wait(duration_ms / 1000)
        reply = {
            "failure": None,
            "execution_ns": duration_ms * 1_000_000,
            "logs": "",
            "qiskit_version": self.qiskit_version,
        }
        return reply, json.dumps({"results": [], "metadata": {"job": head["job_id"]}}).encode()


def main() -> None:
    """Serve as a lane's process does."""
    running = ModuleType("qrsession.local.simulation.running")
    setattr(running, "Runner", Runner)  # noqa: B010 - a module made here has no such attribute yet
    sys.modules[running.__name__] = running
    worker.main()


if __name__ == "__main__":
    main()
