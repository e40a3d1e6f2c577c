"""The program ``estimator``: expectation values from shots, with the errors that they have.

As on a device, an expectation value is measured and not computed: the terms of the observables are
put into groups that one basis serves, each group is measured with ``ceil(1 / precision**2)`` shots
at each point of the sweep, and the standard error comes from the spread of what was measured. So
it counts the correlation of terms that were measured together, and shrinks where a state is nearly
an eigenstate. A group has shots and randomness of its own.

On a noisy twin all that the options ask for is done beside: see `treatment` and `estimation`.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from qrsession.codec import encode
from qrsession.local.simulation.estimation.estimates import Estimate
from qrsession.local.simulation.estimation.grouping import letters_of
from qrsession.local.simulation.estimation.mitigating import Readout, in_paulis, learn
from qrsession.local.simulation.inputs.compatibility import check_compatible
from qrsession.local.simulation.inputs.fitting import check_limits
from qrsession.local.simulation.inputs.isa import check_isa
from qrsession.local.simulation.inputs.pubs import EstimatorPub, read_estimator_pub
from qrsession.local.simulation.outcomes import derive_seed
from qrsession.local.simulation.programs.reporting import declared, done_to
from qrsession.local.simulation.programs.sampling import check_options, seed_of
from qrsession.local.simulation.programs.writing import write_estimates
from qrsession.local.simulation.simulator import Simulator
from qrsession.local.simulation.treatment.bench import Bench
from qrsession.local.simulation.twin import Twin
from qrsession.protocol.treatment import treatment_of


def estimate(
    params: Mapping[str, Any],
    simulator: Simulator,
    job_seed: int,
    twin: Twin | None = None,
) -> dict[str, Any]:
    """Run the program, and return its result as a tree for JSON.

    Typed where ``support_qiskit`` is true, else plain. Arguments are those of `sample`.

    Raises:
        JobFailedError: A pub is not valid, does not fit the device, or cannot be simulated.
    """
    check_options(params)
    asked = treatment_of("estimator", params)
    seed = seed_of(params, job_seed)
    pubs = [read_estimator_pub(pub, index, params) for index, pub in enumerate(params["pubs"])]
    for index, pub in enumerate(pubs):
        if twin is not None:
            check_isa(pub.circuit, pub.values, twin.rules, index)
        check_compatible(pub.circuit, asked, twin, index)
    if twin is not None:
        check_limits(twin.rules, params)
    bench = Bench(simulator, twin, asked)
    if bench.treatment.learning is not None:
        pubs = [replace(pub, observables=[*map(in_paulis, pub.observables)]) for pub in pubs]
    readout = _learn(bench, pubs, seed)
    results = []
    for index, pub in enumerate(pubs):
        estimated = Estimate(pub, bench, readout, derive_seed(seed, index))
        estimated.run(asked.zne)
        results.append((estimated.fields, pub.shape, _metadata(pub, bench, estimated)))
    metadata = done_to(bench.treatment) | declared("estimator", params, twin)
    return write_estimates(results, metadata, is_typed=bool(params.get("support_qiskit")))


def _metadata(pub: EstimatorPub, bench: Bench, estimated: Estimate) -> dict[str, Any]:
    number, each = bench.treatment.split(pub.shots)
    resilience = {"zne": {"extrapolator": estimated.extrapolators}} if bench.treatment.zne else {}
    return {
        "shots": number * each,
        "target_precision": pub.precision,
        "circuit_metadata": encode(pub.circuit.metadata or {}),
        "resilience": resilience,
        "num_randomizations": number,
    }


def _learn(bench: Bench, pubs: list[EstimatorPub], seed: int) -> Readout | None:
    """Learn the errors of reading, once for all qubits that the job measures."""
    learning = bench.treatment.learning
    terms = [term for pub in pubs for observable in pub.observables for term in observable]
    qubits = {qubit for term in set(terms) for qubit in letters_of(term)}
    if learning is None or not qubits:
        return None
    shots = max(bench.treatment.split(pub.shots)[1] for pub in pubs)
    return learn(bench, learning, qubits, shots, seed)
