"""One job after another: the boundary at which whatever a job leads to becomes its outcome."""

import contextlib
import io
import json
import traceback
from collections.abc import Set as AbstractSet
from typing import Any

import qiskit

from qrsession.local.clock import ClockFace
from qrsession.local.devices.snapshots import Snapshot, read_document
from qrsession.local.lanes.frames import Frame
from qrsession.local.simulation.failures import as_failure, not_valid
from qrsession.local.simulation.noise.runs import Noise, Way
from qrsession.local.simulation.programs.estimating import estimate
from qrsession.local.simulation.programs.executing import execute
from qrsession.local.simulation.programs.sampling import sample
from qrsession.local.simulation.simulator import Simulator
from qrsession.local.simulation.twin import Twin

_PROGRAMS = {"sampler": sample, "estimator": estimate, "executor": execute}
_LONGEST_LOG = 100_000

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
        self._twin: tuple[Snapshot, Twin] | None = None
        for program_id, params in _WARM_UP_JOBS.items():
            _PROGRAMS[program_id](params, self._simulator, 1)

    @property
    def qiskit_version(self) -> str:
        """The version of Qiskit that runs the jobs."""
        return str(qiskit.__version__)

    def run(self, head: dict[str, Any], params_json: bytes) -> Frame:
        """Run one job and return the reply; nothing that a job does makes this raise."""
        account = self._simulator.open_account()
        self._simulator.clock = ClockFace(*head["clock"])
        log = io.StringIO()
        result, failure = b"", None
        with contextlib.redirect_stderr(log), contextlib.redirect_stdout(log):
            try:
                params = json.loads(params_json)
                twin = self._twin_of(head)
                program = _PROGRAMS[head["program_id"]]
                tree = program(params, self._simulator, head["seed"], twin)
                if twin is not None:
                    _declare(tree, twin, account.ways)
                result = _as_json(tree)
            except Exception as error:  # noqa: BLE001 - every fault ends with its job
                code, reason, solution = as_failure(error)
                failure = {"code": code, "reason": reason, "solution": solution}
                traceback.print_exc(file=log)
        reply = {
            "failure": failure,
            "execution_ns": account.execution_ns,
            "logs": log.getvalue()[-_LONGEST_LOG:],
            "qiskit_version": self.qiskit_version,
        }
        return reply, result

    def _twin_of(self, head: dict[str, Any]) -> Twin | None:
        """Return the twin that a job runs on; None for a simulator."""
        if head["snapshot"] is None:
            return None
        snapshot, is_noisy = Snapshot.from_json(head["snapshot"]), bool(head["is_noisy"])
        known = self._twin
        # The jobs of a session are on one device, so the last one is all that is remembered.
        if known is None or known[0] != snapshot or known[1].is_noisy != is_noisy:
            documents = read_document(snapshot.configuration), read_document(snapshot.properties)
            known = self._twin = (snapshot, Twin.of(head["backend"], *documents, is_noisy=is_noisy))
        return known[1]


def _as_json(tree: dict[str, Any]) -> bytes:
    try:
        return json.dumps(tree, allow_nan=False).encode()
    except ValueError as error:
        # Results are arrays of bytes; what is given back with them is not.
        raise not_valid(
            "It holds a number that is too large, which its result cannot give back."
        ) from error


def _declare(tree: dict[str, Any], twin: Twin, ways: AbstractSet[Way]) -> None:
    """Say in a result that no device gave it, and what it has of the device's noise.

    Where its circuits differ in that, the least that holds for all of them is said.
    """
    noise = Noise.EXACT if twin.is_noisy else Noise.NONE
    if any(way.noise is Noise.PAULI_TWIRLED for way in ways):
        noise = Noise.PAULI_TWIRLED
    methods = sorted({way.method.value for way in ways if way.method is not None})
    said: dict[str, Any] = {"twin_of": twin.rules.name, "noise": noise.value}
    if twin.is_noisy:
        said["methods"] = methods
    metadata = tree.get("__value__", tree)["metadata"]
    metadata["simulation"] = said | metadata.get("simulation", {})
