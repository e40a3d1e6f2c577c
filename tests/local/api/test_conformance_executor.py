"""IBM's client-side primitives, unmodified, run their programs here.

They run in a process of their own, with a home of its own: this file is its script, too.
"""

import json
import math
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.ibms_client import run_client

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.local.conftest import RunningRuntime

SHOTS = 640
# Of an angle whose sine and cosine differ from each other and from 0 and 1.
ANGLE = 1.1
TOLERANCE_STDS = 6.0


def test_client_side_primitives_run_on_a_simulator_and_on_a_twin(
    start_runtime: "Callable[..., RunningRuntime]", tmp_path: Path
) -> None:
    """Sampler and estimator, with the options that need only the executor, in each mode."""
    twins = tmp_path / "twins"
    twins.mkdir()
    runtime = start_runtime(is_real=True, twins=twins)
    seen = run_client(__file__, runtime.url, tmp_path / "home")

    chance = math.sin(ANGLE / 2) ** 2
    for name in ("plain", "twirled", "decoupled", "on_simulator"):
        sampled = seen[name]
        # Bit 0 is 1 for certain, bit 1 by the angle, bit 2 as bit 1: nothing is symmetric.
        assert set(sampled["counts"]) == {"001", "111"}, name
        assert sampled["shots"] == SHOTS
        std = math.sqrt(SHOTS * chance * (1 - chance))
        assert abs(sampled["counts"]["111"] - SHOTS * chance) < TOLERANCE_STDS * std, name
    assert seen["twirled"]["num_randomizations"] == 10
    assert seen["sweep"] == [{"0": SHOTS}, {"1": SHOTS}]

    expected = [math.cos(ANGLE), -math.cos(ANGLE), 0.0]
    for name in ("level 0", "level 1", "level 2", "on_simulator_estimated"):
        for ev, std, exact in zip(*seen[name], expected, strict=True):
            # The spread that is reported is itself an estimate, of few randomizations.
            assert abs(ev - exact) < TOLERANCE_STDS * max(std, 1 / math.sqrt(SHOTS)), name
    assert seen["pec"][0] == pytest.approx(math.cos(ANGLE), abs=0.3)

    assert seen["modes"] == ["dedicated", "batch"]
    assert seen["listed"] == 12
    assert seen["program"] == "executor"
    assert seen["inputs"] == [64, [[10]]]
    assert seen["chunks"] == [2, 1]
    code, reason = seen["refused"]
    assert code == "1517"
    assert "Item 0 is not an ISA circuit" in reason


def drive() -> dict[str, Any]:
    """Use the client-side primitives as their documentation shows, and say what they returned."""
    # Imported here because this is the other process's part of the file.
    from qiskit import QuantumCircuit  # noqa: PLC0415
    from qiskit.transpiler import generate_preset_pass_manager  # noqa: PLC0415
    from qiskit_ibm_runtime import QiskitRuntimeService  # noqa: PLC0415
    from qiskit_ibm_runtime.executor_sampler import Sampler  # noqa: PLC0415

    warnings.simplefilter("ignore", DeprecationWarning)
    service = QiskitRuntimeService()
    backend = service.backend("ibm_fez")
    manager = generate_preset_pass_manager(1, target=backend.target, seed_transpiler=3)
    body = QuantumCircuit(3)
    body.x(0)
    body.ry(ANGLE, 1)
    body.cx(1, 2)
    measured = body.copy()
    measured.measure_all()
    isa = manager.run(measured)
    seen: dict[str, Any] = {"modes": []}
    simulator = service.backend("aer_simulator")
    jobs = {"on_simulator": Sampler(mode=simulator).run([measured], shots=SHOTS)}
    jobs |= _sample_in_session(seen, backend, isa)
    estimates = _estimate(seen, simulator, backend, body, manager.run(body))
    seen["sweep"] = _sweep(Sampler(mode=backend), manager)
    seen["chunks"] = _chunks(backend, isa)
    for name, job in jobs.items():
        seen[name] = _sampled(job.result())
    for name, job in estimates.items():
        data = job.result()[0].data
        seen[name] = [data.evs.ravel().tolist(), data.stds.ravel().tolist()]
    seen["pec"] = seen["pec"][0]
    retrieved = service.job(jobs["twirled"].job_id())
    seen["program"] = retrieved.primitive_id
    # Read back from the job as the program that was sent.
    program = retrieved.inputs["quantum_program"]
    seen["inputs"] = [program.shots, [item.shape for item in program.items]]
    wrong = QuantumCircuit(156, 1)
    wrong.cz(0, 155)
    wrong.measure(0, 0)
    failed = Sampler(mode=backend).run([wrong])
    failed.wait_for_final_state(timeout=60)
    state = service._get_api_client().job_get(failed.job_id())["state"]
    seen["refused"] = [str(state["reason_code"]), state["reason"]]
    seen["listed"] = len(service.jobs(program_id="executor", limit=None))
    return seen


def _sample_in_session(seen: dict[str, Any], backend: Any, circuit: Any) -> dict[str, Any]:
    from qiskit_ibm_runtime import Session  # noqa: PLC0415
    from qiskit_ibm_runtime.executor_sampler import Sampler  # noqa: PLC0415

    with Session(backend=backend) as session:
        seen["modes"].append(session.details()["mode"])
        jobs = {"plain": Sampler(mode=session).run([circuit], shots=SHOTS)}
        sampler = Sampler(mode=session)
        sampler.options.twirling.enable_gates = True
        sampler.options.twirling.enable_measure = True
        jobs["twirled"] = sampler.run([circuit], shots=SHOTS)
        sampler = Sampler(mode=session)
        sampler.options.dynamical_decoupling.enable = True
        jobs["decoupled"] = sampler.run([circuit], shots=SHOTS)
    return jobs


def _estimate(
    seen: dict[str, Any], simulator: Any, backend: Any, body: Any, isa: Any
) -> dict[str, Any]:
    from qiskit.quantum_info import SparsePauliOp  # noqa: PLC0415
    from qiskit_ibm_runtime import Batch  # noqa: PLC0415
    from qiskit_ibm_runtime.executor_estimator import Estimator  # noqa: PLC0415

    observables = [SparsePauliOp(label) for label in ("IZI", "IZZ", "XII")]
    laid_out = [one.apply_layout(isa.layout) for one in observables]
    estimator = Estimator(mode=simulator, options={"default_shots": SHOTS})
    jobs = {"on_simulator_estimated": estimator.run([(body, observables)])}
    with Batch(backend=backend) as batch:
        seen["modes"].append(batch.details()["mode"])
        for level in (0, 1, 2):
            options = {"resilience_level": level, "default_shots": SHOTS}
            estimator = Estimator(mode=batch, options=options)
            jobs[f"level {level}"] = estimator.run([(isa, laid_out)])
        estimator = Estimator(mode=batch, options={"default_shots": SHOTS})
        jobs["pec"] = _cancelled_noise(estimator, isa, laid_out[0])
    return jobs


def _sampled(result: Any) -> dict[str, Any]:
    return {
        "counts": result[0].data.meas.get_counts(),
        "shots": result[0].data.meas.num_shots,
        "num_randomizations": result[0].metadata.get("num_randomizations"),
    }


def _sweep(sampler: Any, manager: Any) -> list[dict[str, int]]:
    from qiskit import QuantumCircuit  # noqa: PLC0415
    from qiskit.circuit import Parameter  # noqa: PLC0415

    circuit = QuantumCircuit(1)
    circuit.ry(Parameter("t"), 0)
    circuit.measure_all()
    sampler.options.twirling.enable_measure = True
    job = sampler.run([(manager.run(circuit), [[0.0], [math.pi]])], shots=SHOTS)
    samples = job.result()[0].data.meas
    return [samples[index].get_counts() for index in range(2)]


def _cancelled_noise(estimator: Any, circuit: Any, observable: Any) -> Any:
    """Run with probabilistic error cancellation of a noise that the user says there is."""
    from qiskit.quantum_info import PauliLindbladMap  # noqa: PLC0415

    estimator.options.resilience.pec_mitigation = True
    estimator.options.resilience.measure_mitigation = False
    layers = estimator.find_unique_layers([(circuit, observable)])
    maps = [PauliLindbladMap.identity(len(layer.qubits)) for layer in layers]
    estimator.options.resilience.layer_noise_model = list(zip(layers, maps, strict=True))
    return estimator.run([(circuit, observable)])


def _chunks(backend: Any, circuit: Any) -> list[int]:
    """Return how many points each chunk had of three copies of a circuit, two at once."""
    from qiskit_ibm_runtime import Executor, QuantumProgram  # noqa: PLC0415
    from samplomatic.quantum_program import CircuitItem  # noqa: PLC0415

    program = QuantumProgram(shots=4)
    arguments: list[list[float]] = [[]] * 3
    program.items.append(CircuitItem(circuit, circuit_arguments=arguments, chunk_size=2))
    result = Executor(mode=backend).run(program).result()
    spans = result.timing
    assert all(span.start <= span.stop for span in spans)
    return [part.size for span in spans for part in span.parts]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(drive(), default=str) + "\n")
