"""IBM's client, unmodified, drives the twin of a device of 156 qubits by its environment alone.

It runs in a process of its own, with a home of its own: this file is its script, too.
"""

import json
import sys
import warnings
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.ibms_client import run_client

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.local.conftest import RunningRuntime


def test_ibms_client_works_on_a_twin(
    start_runtime: "Callable[..., RunningRuntime]", tmp_path: Path
) -> None:
    """Its target is that of the snapshot; sessions and both primitives run what fits it."""
    twins = tmp_path / "twins"
    twins.mkdir()
    seen = run_client(__file__, start_runtime(is_real=True, twins=twins).url, tmp_path / "home")

    assert seen["backends"][:2] == ["aer_simulator", "ibmq_qasm_simulator"]
    assert {"ibm_fez", "ibm_torino", "ibmq_quito", "nighthawk"} <= set(seen["backends"])
    assert seen["least_busy"] not in seen["backends"][:2]
    assert seen["simulator"] is False
    assert seen["num_qubits"] == 156
    assert seen["is_same_target"] is True
    assert "without noise" in seen["description"]

    assert set(seen["counts"]) == {"00", "11"}
    assert sum(seen["counts"].values()) == 1000
    # 1000 fair coins: 200 off the mean is twelve standard deviations.
    assert 300 < seen["counts"]["11"] < 700
    kind, *times, masked = seen["span"]
    assert (kind, masked) == ("DoubleSliceSpan", [[1000], 1000])
    running, began, ended, finished = map(datetime.fromisoformat, times)
    # The API's own times are cut to milliseconds.
    assert running <= began < ended < finished + timedelta(milliseconds=1)
    assert seen["metadata"]["simulation"] == {"twin_of": "ibm_fez", "noise": "none"}
    assert seen["evs"] == pytest.approx([1.0, 0.0, 1.0], abs=0.2)
    assert seen["estimator_metadata"]["simulation"]["noise"] == "none"
    assert seen["mid_circuit"] == {"11": 50}
    assert seen["session"] == ["Closed", "dedicated", "ibm_fez"]

    code, reason = seen["refused"]
    assert code == "1517"
    assert "the instruction cz on qubits 0, 155" in reason
    assert "does not couple" in reason


def drive() -> dict[str, Any]:
    """Use IBM's client as its documentation shows, and say what it saw."""
    # Imported here because this is the other process's part of the file.
    from qiskit import QuantumCircuit  # noqa: PLC0415
    from qiskit.quantum_info import SparsePauliOp  # noqa: PLC0415
    from qiskit.transpiler import generate_preset_pass_manager  # noqa: PLC0415
    from qiskit_ibm_runtime import (  # noqa: PLC0415
        EstimatorV2,
        QiskitRuntimeService,
        SamplerV2,
        Session,
    )
    from qiskit_ibm_runtime.fake_provider import FakeFez  # noqa: PLC0415

    warnings.simplefilter("ignore", DeprecationWarning)
    service = QiskitRuntimeService()
    backend = service.backend("ibm_fez")
    seen = {
        "backends": [one.name for one in service.backends()],
        "least_busy": service.least_busy(simulator=False, min_num_qubits=100).name,
        "simulator": backend.configuration().simulator,
        "num_qubits": backend.num_qubits,
        "is_same_target": _table(backend.target) == _table(FakeFez().target),
        "description": backend.configuration().description,
    }
    manager = generate_preset_pass_manager(2, target=backend.target, seed_transpiler=3)
    bell = QuantumCircuit(2)
    bell.h(0)
    bell.cx(0, 1)
    measured = bell.copy()
    measured.measure_all()
    # A bit that was measured decides what is done to another qubit.
    dynamic = QuantumCircuit(2, 2)
    dynamic.x(0)
    dynamic.measure(0, 0)
    with dynamic.if_test((dynamic.clbits[0], 1)):
        dynamic.x(1)
    dynamic.measure(1, 1)
    with Session(backend=backend) as session:
        job = SamplerV2(mode=session).run([manager.run(measured)], shots=1000)
        sampled = job.result()
        seen["counts"] = sampled[0].data.meas.get_counts()
        seen["metadata"] = sampled.metadata
        seen["span"] = _span(job)
        circuit = manager.run(bell)
        wanted = [SparsePauliOp(pauli).apply_layout(circuit.layout) for pauli in ("ZZ", "ZI", "XX")]
        estimated = EstimatorV2(mode=session).run([(circuit, wanted)]).result()
        seen["evs"] = list(estimated[0].data.evs)
        seen["estimator_metadata"] = estimated.metadata
        run = SamplerV2(mode=session).run([manager.run(dynamic)], shots=50).result()
        seen["mid_circuit"] = run[0].data.c.get_counts()
    seen["session"] = [session.status(), session.details()["mode"], session.backend()]
    seen["refused"] = _refused(service, backend)
    return seen


def _span(job: Any) -> list[Any]:
    """Return what the client makes of when a job with one pub ran, and of when it says so."""
    (span,) = job.result().metadata["execution"]["execution_spans"]
    times = job.metrics()["timestamps"]
    mask = span.mask(0)
    return [
        type(span).__name__,
        times["running"],
        span.start.isoformat(),
        span.stop.isoformat(),
        times["finished"],
        [mask.shape, int(mask.sum())],
    ]


def _table(target: Any) -> dict[str, Any]:
    """Return what is in a target: durations and errors by name and qubits."""
    return {
        name: {qubits: found and (found.duration, found.error) for qubits, found in places.items()}
        for name, places in target.items()
        if places is not None
    }


def _refused(service: Any, backend: Any) -> list[str]:
    """Submit what does not fit, past the checks that the client makes itself."""
    from qiskit import QuantumCircuit  # noqa: PLC0415

    circuit = QuantumCircuit(156, 1)
    circuit.cz(0, 155)
    circuit.measure(0, 0)
    inputs = {"pubs": [(circuit,)], "version": 2, "support_qiskit": True}
    job = service._run("sampler", inputs, options={"backend": backend})
    job.wait_for_final_state(timeout=60)
    state = service._active_api_client.job_get(job.job_id())["state"]
    return [str(state["reason_code"]), state["reason"]]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(drive(), default=str) + "\n")
