"""What a result says about how it came to be: what was done, and what was not.

Source of the fields: the result models v0.1 of ibm-quantum-schemas. ``simulation`` is this
runtime's own.
"""

from collections.abc import Mapping
from typing import Any

from qrsession.local.simulation.twin import Twin
from qrsession.protocol.treatment import UNTREATED, Treatment, treatment_of
from qrsession.protocol.unsimulated import not_simulated


def done_to(treatment: Treatment) -> dict[str, Any]:
    """Return the metadata of an estimator's result: what was done beyond measuring.

    Args:
        treatment: What was done, which is nothing where there is no noise.
    """
    twirling, decoupling, zne = treatment.twirling, treatment.decoupling, treatment.zne
    done: dict[str, Any] = {
        "dynamical_decoupling": {"enable": decoupling is not None},
        "twirling": {"enable_gates": twirling.gates, "enable_measure": twirling.measure},
        "resilience": {
            "measure_mitigation": treatment.learning is not None,
            "zne_mitigation": zne is not None,
            # It is not simulated, so it was never done.
            "pec_mitigation": False,
        },
        "version": 2,
    }
    if decoupling is not None:
        done["dynamical_decoupling"] |= {
            "sequence_type": decoupling.sequence,
            "extra_slack_distribution": decoupling.slack,
            "scheduling_method": decoupling.scheduling,
        }
    if twirling.is_on:
        done["twirling"] |= {
            "num_randomizations": twirling.num_randomizations or "auto",
            "shots_per_randomization": twirling.shots_per_randomization or "auto",
            "strategy": twirling.strategy.value,
        }
    if zne is not None:
        done["resilience"]["zne"] = {
            "noise_factors": list(zne.noise_factors),
            "extrapolator": list(zne.extrapolators),
            "extrapolated_noise_factors": list(zne.evaluated_at),
        }
    return done


def declared(program_id: str, params: Mapping[str, Any], twin: Twin | None) -> dict[str, Any]:
    """Return what a result says of options that changed nothing; empty where there are none.

    Args:
        program_id: ``sampler`` or ``estimator``.
        params: The params of the job.
        twin: The device, None where there is none.
    """
    said: dict[str, Any] = {}
    if paths := not_simulated(program_id, params):
        said["not_simulated"] = paths
    is_noisy = twin is not None and twin.is_noisy
    if not is_noisy and (paths := _asked_for(program_id, params)):
        said["no_noise_to_treat"] = paths
    return {"simulation": said} if said else {}


def _asked_for(program_id: str, params: Mapping[str, Any]) -> list[str]:
    """Return the treatments that the options turn on, those of the default level left out."""
    asked = treatment_of(program_id, params)
    usual = UNTREATED
    if "resilience_level" not in params:
        usual = treatment_of(program_id, {})
    found = {
        "twirling.enable_gates": asked.twirling.gates and not usual.twirling.gates,
        "twirling.enable_measure": asked.twirling.measure and not usual.twirling.measure,
        "dynamical_decoupling.enable": asked.decoupling is not None,
        "resilience.measure_mitigation": asked.learning is not None and usual.learning is None,
        "resilience.zne_mitigation": asked.zne is not None,
    }
    return [path for path, is_asked in found.items() if is_asked]
