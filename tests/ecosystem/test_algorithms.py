"""qiskit-algorithms runs on our primitives, in one of our sessions, and finds ground states.

Seeds are fixed. Bounds are five standard errors, which are derived from precision and shots.
"""

import re
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qiskit import generate_preset_pass_manager
from qiskit.circuit import QuantumCircuit
from qiskit.circuit.library import efficient_su2, grover_operator
from qiskit.primitives import BackendEstimatorV2
from qiskit.quantum_info import SparsePauliOp, Statevector
from qiskit_algorithms import (
    QAOA,
    VQD,
    VQE,
    AmplificationProblem,
    Grover,
    NumPyMinimumEigensolver,
    SamplingVQE,
)
from qiskit_algorithms.gradients import ParamShiftEstimatorGradient
from qiskit_algorithms.optimizers import ADAM, COBYLA, NFT, SPSA
from qiskit_algorithms.state_fidelities import ComputeUncompute
from qiskit_algorithms.utils import algorithm_globals

from qrsession import Estimator, Sampler, Session
from qrsession.backend import Backend
from tests.ecosystem.molecules import (
    GROUND_ENERGY,
    HIGHEST_REACHED,
    HYDROGEN,
    ansatz,
    ground_angle,
    largest_error,
)

pytestmark = pytest.mark.timeout(240)
PAGE = Path(__file__).parents[2] / "docs" / "howto" / "algorithms.md"
PRECISION = 0.01
SHOTS = 1024
CUT = SparsePauliOp.from_sparse_list([("ZZ", (i, (i + 1) % 4), 1.0) for i in range(4)], 4)
MOST_EDGES_CUT = -4.0
# The average over shots of a value that is between -4 and 4.
CUT_ERROR = 4 / SHOTS**0.5


def estimator(session: Session, precision: float = PRECISION) -> Estimator:
    options = {"seed_estimator": 11, "default_precision": precision}
    return Estimator(mode=session, options=options)


def sampler(session: Session, **options: Any) -> Sampler:
    seeded = {"simulator": {"seed_simulator": 11}, "default_shots": SHOTS, **options}
    return Sampler(mode=session, options=seeded)


def energy_above_ground(circuit: QuantumCircuit, point: Any) -> float:
    """Return the exact energy of a circuit's state, less that of the ground state."""
    state = Statevector(circuit.assign_parameters(np.asarray(point)))
    return float(np.real(state.expectation_value(HYDROGEN))) - GROUND_ENERGY


def largest_excess(precision: float) -> float:
    """Return how far above the ground NFT may end with three values that are wrong by five errors.

    The energy is a sine of the angle. Its two parts are wrong by at most 10 and 20 errors, and the
    angle by their length over twice the amplitude.
    """
    amplitude = (HIGHEST_REACHED - GROUND_ENERGY) / 2
    turned = np.hypot(10, 20) * largest_error(precision) / (2 * amplitude)
    return float(amplitude * (1 - np.cos(turned)))


def test_vqe_finds_the_ground_state_of_hydrogen(session: Session) -> None:
    seen: list[float] = []
    vqe = VQE(
        estimator(session),
        ansatz(),
        NFT(maxfev=3),
        initial_point=np.zeros(1),
        callback=lambda _count, _point, energy, _metadata: seen.append(energy),
    )
    result = vqe.compute_minimum_eigenvalue(HYDROGEN, aux_operators={"parity": SparsePauliOp("ZZ")})

    excess = largest_excess(PRECISION)
    assert energy_above_ground(ansatz(), result.optimal_point) <= excess
    assert abs(result.eigenvalue - GROUND_ENERGY) < 5 * largest_error(PRECISION) + excess
    assert len(seen) >= 3
    # The ansatz stays among states of odd parity.
    assert result.aux_operators_evaluated["parity"][0] == -1


def test_the_program_of_the_page(
    shared_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It prints energies to two digits."""
    assert shared_home.is_dir()
    (program,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    file = tmp_path / "program.py"
    file.write_text(program)
    runpy.run_path(str(file))
    energy, _, exact = capsys.readouterr().out.split()
    assert exact == f"{GROUND_ENERGY:.2f}"
    error = 5 * largest_error(PRECISION) + largest_excess(PRECISION) + 2 * 0.005
    assert abs(float(energy) - float(exact)) <= error


def test_qaoa_cuts_all_edges_of_a_ring(session: Session, backend: Backend) -> None:
    """Two layers reach the ground state, where one layer ends halfway, at -2."""
    qaoa = QAOA(
        sampler(session),
        COBYLA(maxiter=26, rhobeg=0.3),
        reps=2,
        initial_point=np.full(4, 0.6),
        transpiler=generate_preset_pass_manager(1, backend=backend),
    )
    result = qaoa.compute_minimum_eigenvalue(CUT)
    exact = NumPyMinimumEigensolver().compute_minimum_eigenvalue(CUT).eigenvalue
    assert exact == pytest.approx(MOST_EDGES_CUT)
    assert result.best_measurement["value"] == MOST_EDGES_CUT
    assert result.best_measurement["bitstring"] in {"0101", "1010"}
    assert abs(result.eigenvalue - MOST_EDGES_CUT) < 5 * CUT_ERROR


@pytest.mark.deep
@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("cobyla", lambda _: {"optimizer": COBYLA(maxiter=200)}),
        ("spsa", lambda _: {"optimizer": SPSA(maxiter=150, blocking=True)}),
        (
            "adam",
            lambda used: {
                "optimizer": ADAM(maxiter=60, lr=0.1),
                "gradient": ParamShiftEstimatorGradient(used),
            },
        ),
    ],
)
def test_vqe_with_a_general_ansatz(
    session: Session, name: str, make: Callable[[Estimator], dict[str, Any]]
) -> None:
    """An optimizer that sees noise can end where it hides what is left: within five errors."""
    algorithm_globals.random_seed = 5
    used = estimator(session)
    general = efficient_su2(2, ["ry"], reps=1)
    vqe = VQE(used, general, initial_point=np.full(4, 0.3), **make(used))
    result = vqe.compute_minimum_eigenvalue(HYDROGEN)
    assert energy_above_ground(general, result.optimal_point) < 5 * largest_error(PRECISION), name


@pytest.mark.deep
def test_vqe_transpiled_for_a_device(session: Session) -> None:
    """Layouts go through: 156 qubits, two of which are the molecule's."""
    with Session(service=session.service, backend="ibm_fez") as on_device:
        manager = generate_preset_pass_manager(
            1, backend=on_device.device(), seed_transpiler=3, initial_layout=[5, 4]
        )
        vqe = VQE(
            estimator(on_device),
            ansatz(),
            NFT(maxfev=3),
            initial_point=np.zeros(1),
            transpiler=manager,
        )
        result = vqe.compute_minimum_eigenvalue(HYDROGEN)
    # Noise moves all energies; the angle stays where it was, as far as noise is depolarizing.
    assert energy_above_ground(ansatz(), result.optimal_point) < 5 * largest_error(PRECISION)


@pytest.mark.deep
def test_excited_states_and_overlaps(session: Session) -> None:
    """VQD takes both primitives: the overlap with the ground state is sampled."""
    algorithm_globals.random_seed = 5
    fidelity = ComputeUncompute(sampler(session, optimization_level=1))
    found = fidelity.run([ansatz()], [ansatz()], [[ground_angle()]], [[ground_angle()]]).result()
    assert found.fidelities == [1.0]
    vqd = VQD(
        estimator(session),
        fidelity,
        ansatz(),
        COBYLA(maxiter=60),
        k=2,
        betas=[3.0],
        initial_point=np.array([0.4]),
    )
    energies = vqd.compute_eigenvalues(HYDROGEN).eigenvalues
    # One such error in the value, and one for what the optimizer leaves.
    error = 2 * 5 * largest_error(PRECISION)
    np.testing.assert_allclose(energies, [GROUND_ENERGY, HIGHEST_REACHED], atol=error)


@pytest.mark.deep
def test_the_session_transpiles_what_algorithms_hand_over(session: Session) -> None:
    """With a level among the options neither QAOA nor Grover needs a pass manager of its own."""
    used = sampler(session, optimization_level=1)
    qaoa = QAOA(used, COBYLA(maxiter=26, rhobeg=0.3), reps=2, initial_point=np.full(4, 0.6))
    assert qaoa.compute_minimum_eigenvalue(CUT).best_measurement["value"] == MOST_EDGES_CUT
    diagonal = efficient_su2(4, ["ry"], reps=1)
    sampled = SamplingVQE(used, diagonal, COBYLA(maxiter=60), initial_point=np.full(8, 0.3))
    assert sampled.compute_minimum_eigenvalue(CUT).best_measurement["value"] == MOST_EDGES_CUT

    oracle = QuantumCircuit(2)
    oracle.cz(0, 1)
    problem = AmplificationProblem(
        oracle, is_good_state=["11"], grover_operator=grover_operator(oracle)
    )
    result = Grover(iterations=1, sampler=used).amplify(problem)
    assert result.oracle_evaluation
    assert result.top_measurement == "11"


@pytest.mark.deep
def test_vqe_on_qiskits_own_primitive_over_our_backend(backend: Backend) -> None:
    vqe = VQE(
        BackendEstimatorV2(backend=backend, options={"default_precision": PRECISION}),
        ansatz(),
        NFT(maxfev=3),
        initial_point=np.zeros(1),
    )
    result = vqe.compute_minimum_eigenvalue(HYDROGEN)
    assert energy_above_ground(ansatz(), result.optimal_point) < 5 * largest_error(PRECISION)
