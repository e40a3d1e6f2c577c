"""Options that the service takes and that change nothing in a simulation."""

from collections.abc import Mapping
from typing import Any

from qrsession.protocol.treatment import Amplifier, treatment_of

# An option that says nothing has the first of these values, or none.
_ORDINARY: dict[str, Any] = {
    "execution.rep_delay": None,
    "execution.init_qubits": True,
    "execution.meas_type": "classified",
    "execution.scheduler_timing": False,
    "execution.stretch_values": False,
    "resilience.layer_noise_learning": {},
    "resilience.layer_noise_model": None,
    "simulator.coupling_map": None,
    "simulator.basis_gates": None,
    "experimental": {},
}


def not_simulated(program_id: str, params: Mapping[str, Any]) -> list[str]:
    """Return the options of a job that are accepted and change nothing here, by their paths.

    Args:
        program_id: ``sampler`` or ``estimator``.
        params: The params, held against the tables of options before.
    """
    options = params.get("options") or {}
    treatment = treatment_of(program_id, params)
    found = [
        path
        for path, ordinary in _ORDINARY.items()
        if (value := _at(options, path)) is not None and value != ordinary
    ]
    if treatment.pec:
        found.append("resilience.pec_mitigation")
    if treatment.zne is not None and treatment.zne.amplifier is Amplifier.PEA:
        found.append("resilience.zne.amplifier")
    return sorted(found)


def _at(options: Mapping[str, Any], path: str) -> Any:
    table, _, name = path.partition(".")
    value = options.get(table)
    return (value or {}).get(name) if name else value
