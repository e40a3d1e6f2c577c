"""One job after another: the boundary at which whatever a job leads to becomes its outcome."""

import contextlib
import io
import json
import traceback
from typing import Any

import qiskit

from qrsession.local.device_rules import DeviceRules
from qrsession.local.frames import Frame
from qrsession.local.simulation.estimating import estimate
from qrsession.local.simulation.failures import as_failure
from qrsession.local.simulation.sampling import sample
from qrsession.local.simulation.simulator import Simulator
from qrsession.local.snapshots import Snapshot, read_document

_PROGRAMS = {"sampler": sample, "estimator": estimate}
_LONGEST_LOG = 100_000
# What the metadata of a twin's result says of its noise.
NO_NOISE = "none"

# A circuit from text, a parameter, both programs: all the parts that load when first used.
_WARM_UP_QASM = """OPENQASM 3.0; include "stdgates.inc";
input float[64] theta; qubit[2] q; bit[2] c; ry(theta) q[0]; cx q[0], q[1]; c = measure q;"""
_WARM_UP_JOBS: dict[str, dict[str, Any]] = {
    "sampler": {"pubs": [[_WARM_UP_QASM, [0.5], 16]], "support_qiskit": True},
    "estimator": {"pubs": [[_WARM_UP_QASM, {"XX": 1.0}, [0.5], 0.25]], "support_qiskit": True},
}


class Runner:
    """Runs the jobs of one lane."""

    def __init__(self, memory_mb: int) -> None:
        self._simulator = Simulator(memory_mb)
        self._rules: tuple[Snapshot, DeviceRules] | None = None
        for program_id, params in _WARM_UP_JOBS.items():
            _PROGRAMS[program_id](params, self._simulator, 1)

    @property
    def qiskit_version(self) -> str:
        """The version of Qiskit that runs the jobs."""
        return str(qiskit.__version__)

    def run(self, head: dict[str, Any], params_json: bytes) -> Frame:
        """Run one job and return the reply; nothing that a job does makes this raise."""
        self._simulator.execution_ns = 0
        log = io.StringIO()
        result, failure = b"", None
        with contextlib.redirect_stderr(log), contextlib.redirect_stdout(log):
            try:
                params = json.loads(params_json)
                rules = self._rules_of(head["snapshot"], head["backend"])
                program = _PROGRAMS[head["program_id"]]
                tree = program(params, self._simulator, head["seed"], rules)
                if rules is not None:
                    _declare(tree, rules)
                result = json.dumps(tree, allow_nan=False).encode()
            except Exception as error:  # noqa: BLE001 - every fault ends with its job
                code, reason, solution = as_failure(error)
                failure = {"code": code, "reason": reason, "solution": solution}
                traceback.print_exc(file=log)
        reply = {
            "failure": failure,
            "execution_ns": self._simulator.execution_ns,
            "logs": log.getvalue()[-_LONGEST_LOG:],
            "qiskit_version": self.qiskit_version,
        }
        return reply, result

    def _rules_of(self, record: dict[str, Any] | None, backend: str) -> DeviceRules | None:
        """Return what the twin of a snapshot runs; None for a simulator, which runs everything."""
        if record is None:
            return None
        snapshot = Snapshot.from_json(record)
        if self._rules is None or self._rules[0] != snapshot:
            # The jobs of a session are on one device, so the last one is all that is remembered.
            configuration = read_document(snapshot.configuration)
            properties = read_document(snapshot.properties)
            rules = DeviceRules.of(backend, configuration, properties)
            self._rules = (snapshot, rules)
        return self._rules[1]


def _declare(tree: dict[str, Any], rules: DeviceRules) -> None:
    """Say in a result that no device gave it, and that there was no noise."""
    tree.get("__value__", tree)["metadata"]["simulation"] = {
        "twin_of": rules.name,
        "noise": NO_NOISE,
    }
