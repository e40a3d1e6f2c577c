"""Options as older programs write them: what they are called today, or what to write instead.

Source: ``Options`` of the primitives V1 of qiskit-ibm-runtime; its migration guide to the V2
primitives; ``RuntimeOptions``, which ``Session.run`` took.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

from qrsession.errors import InvalidValueError, UnknownOptionError

Path: TypeAlias = tuple[str, ...]

# What has another place today, and the same meaning.
RENAMED: Mapping[Path, Path] = {
    ("shots",): ("default_shots",),
    ("execution", "shots"): ("default_shots",),
    ("transpilation", "optimization_level"): ("optimization_level",),
    ("resilience", "noise_factors"): ("resilience", "zne", "noise_factors"),
    ("resilience", "extrapolator"): ("resilience", "zne", "extrapolator"),
    ("job_tags",): ("environment", "job_tags"),
    ("log_level",): ("environment", "log_level"),
    ("private",): ("environment", "private"),
    ("image",): ("experimental", "image"),
}
# The table that is gone as a whole, with the option in it that says whether there is any level.
TRANSPILATION: Path = ("transpilation",)
SKIP_TRANSPILATION: Path = (*TRANSPILATION, "skip_transpilation")
_LEVEL: Path = ("optimization_level",)
_RESILIENCE_LEVEL: Path = ("resilience_level",)
_PEC_LEVEL = 3

_EXTRAPOLATORS = {
    "LinearExtrapolator": "linear",
    "QuadraticExtrapolator": "polynomial_degree_2",
    "CubicExtrapolator": "polynomial_degree_3",
    "QuarticExtrapolator": "polynomial_degree_4",
}
_OWN_PASSES = (
    "Transpile the circuit before: generate_preset_pass_manager(backend=..., {name}=...).run(...), "
    "and leave optimization_level out."
)
_OF_THE_SESSION = "Leave it out: the session, or the mode of the primitive, says it."
# What has no equal, and what to do today.
GONE: Mapping[Path, str] = {
    **{
        (*TRANSPILATION, name): _OWN_PASSES.format(name=name)
        for name in ("initial_layout", "layout_method", "routing_method", "approximation_degree")
    },
    ("resilience", "noise_amplifier"): "Write resilience.zne.amplifier: gate_folding, or pea.",
    ("environment", "callback"): (
        "Write session.run(..., callback=...), or wait for job.result() in a thread."
    ),
    ("simulator", "set_backend"): (
        'Run on a twin: Session(service=RuntimeService("local"), backend="ibm_fez").'
    ),
    ("backend",): _OF_THE_SESSION,
    ("backend_name",): _OF_THE_SESSION,
    ("instance",): "Name it where the service is made: RuntimeService(instance=...).",
    ("session_time",): "Write Session(max_time=...).",
}


def as_today(path: Path, value: Any) -> tuple[Path, Any] | None:
    """Return where an option stands today, and its value there; None where nothing is to be set.

    Args:
        path: The option's path as it was written, such as ``("execution", "shots")``.
        value: Its value. None where older programs left a default that is gone.

    Raises:
        InvalidValueError: It has no equal today (an `UnknownOptionError`), or its value has none;
            the message says what to write.
    """
    if path in GONE:
        if value is None:
            return None
        raise no_longer(path)
    if path == _RESILIENCE_LEVEL and value == _PEC_LEVEL:
        raise InvalidValueError(
            "options.resilience_level is 3; it must be a whole number from 0 to 2.",
            advice="What 3 once did is resilience.pec_mitigation=True.",
            details={"path": "options.resilience_level"},
        )
    if path == SKIP_TRANSPILATION:
        return (_LEVEL, None) if value else None
    if path not in RENAMED:
        return path, value
    if value is None:
        return None
    if path == ("resilience", "extrapolator") and isinstance(value, str):
        value = _EXTRAPOLATORS.get(value, value)
    return RENAMED[path], value


def no_longer(path: Path) -> UnknownOptionError:
    """Return the error for an option that has no equal today."""
    name = ".".join(("options", *path))
    return UnknownOptionError(
        f"The option {name!r} is not there any more.", advice=GONE[path], details={"path": name}
    )
