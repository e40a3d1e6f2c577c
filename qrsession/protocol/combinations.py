"""Which options go together: what no table of single fields can say.

Source: ``ResilienceOptionsModel`` and ``ZneOptionsModel`` v0.1 of ibm-quantum-schemas; "feature
compatibility" in the guide "Introduction to options".
"""

from collections.abc import Mapping
from typing import Any

from qrsession.errors import InvalidValueError
from qrsession.protocol.treatment import treatment_of

FEWEST_NOISE_FACTORS = {
    "linear": 2,
    "exponential": 2,
    "double_exponential": 4,
    "fallback": 2,
    **{f"polynomial_degree_{degree}": degree + 1 for degree in range(1, 8)},
}


def check_combination(program_id: str, params: Mapping[str, Any], path: str) -> None:
    """Hold options against each other. Each by itself was held against its table before.

    Args:
        program_id: ``sampler`` or ``estimator``.
        params: The params of a job; of them ``options`` and ``resilience_level`` count.
        path: Where the options stand, for the message.

    Raises:
        InvalidValueError: Two of them exclude each other, or one needs more of another.
    """
    if program_id != "estimator":
        return
    resilience = (params.get("options") or {}).get("resilience") or {}
    _check_zne(resilience.get("zne") or {}, f"{path}.resilience.zne")
    treatment = treatment_of(program_id, params)
    if treatment.pec and treatment.zne is not None:
        by_level = resilience.get("zne_mitigation") is None
        how = " by resilience_level 2" if by_level else ""
        raise InvalidValueError(
            f"{path}.resilience.pec_mitigation and {path}.resilience.zne_mitigation are both "
            f"on{how}, and exclude each other.",
            advice="Set one of them to false.",
            details={"path": f"{path}.resilience.pec_mitigation"},
        )


def _check_zne(zne: Mapping[str, Any], path: str) -> None:
    models, factors = zne.get("extrapolator", "linear"), zne.get("noise_factors")
    if not isinstance(models, str) and len(models) == 0:
        raise InvalidValueError(
            f"{path}.extrapolator is an empty list; name one at least.",
            details={"path": f"{path}.extrapolator"},
        )
    # Three are the default.
    number = 3 if factors is None else len(factors)
    for model in (models,) if isinstance(models, str) else models:
        if number < FEWEST_NOISE_FACTORS[model]:
            raise InvalidValueError(
                f"{path}.noise_factors has {number} noise factors; the extrapolator {model} needs "
                f"at least {FEWEST_NOISE_FACTORS[model]}.",
                advice="Give more noise factors, or a simpler extrapolator.",
                details={"path": f"{path}.noise_factors"},
            )
