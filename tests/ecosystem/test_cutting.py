"""qiskit-addon-cutting: a ground state's energy from two halves that never met."""

import numpy as np
import pytest
from qiskit import generate_preset_pass_manager
from qiskit_addon_cutting import (
    generate_cutting_experiments,
    partition_problem,
    reconstruct_expectation_values,
)

from qrsession import Sampler, Session
from qrsession.backend import Backend
from tests.ecosystem.molecules import (
    GROUND_ENERGY,
    HYDROGEN,
    ansatz,
    ground_angle,
    largest_error,
)


@pytest.mark.parametrize("shots", [2**11, pytest.param(2**15, marks=pytest.mark.deep)])
def test_a_circuit_that_is_cut_has_the_same_energy(
    session: Session, backend: Backend, shots: int
) -> None:
    """The gate between the qubits becomes six pairs of circuits, each on one qubit.

    A term is the sum of six products, weighted by half. Each factor is an average of shots, with
    a variance of 1/shots at most, so that a product has 2/shots + 1/shots², and the term
    6 * (1/2)² times that.
    """
    circuit = ansatz().assign_parameters([ground_angle()])
    parts = partition_problem(circuit, partition_labels="AB", observables=HYDROGEN.paulis)
    assert {part.num_qubits for part in parts.subcircuits.values()} == {1}
    experiments, weights = generate_cutting_experiments(
        parts.subcircuits, parts.subobservables, num_samples=np.inf
    )
    assert [abs(weight) for weight, _ in weights] == [0.5] * 6

    sampler = Sampler(mode=session, options={"simulator": {"seed_simulator": 11}})
    manager = generate_preset_pass_manager(1, backend=backend)
    jobs = {
        part: sampler.run(manager.run(circuits), shots=shots)
        for part, circuits in experiments.items()
    }
    results = {part: job.result() for part, job in jobs.items()}
    values = reconstruct_expectation_values(results, weights, parts.subobservables)
    energy = float(np.dot(values, HYDROGEN.coeffs.real))
    of_a_term = np.sqrt(6 / 4 * (2 / shots + 1 / shots**2))
    assert abs(energy - GROUND_ENERGY) < 5 * largest_error(of_a_term)
