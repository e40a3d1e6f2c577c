"""Whether a job keeps to the limits of a device, beside what its circuits are made of.

Sources: the configuration of a device; error codes 6000, 6050 and 8043 of IBM's registry.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from qiskit.circuit import Delay

from qrsession.local.devices.device_rules import DeviceRules
from qrsession.local.simulation.failures import failed
from qrsession.protocol import faults
from qrsession.protocol.typed import LARGEST_ARRAY_BYTES

# Of one sampler job, on any device. Source: guide "Job limits".
MOST_EXECUTIONS = 10_000_000
_US = 1e-6
# Rounding of seconds into microseconds must not refuse a bound itself.
_SLACK = 1e-9


def check_limits(
    rules: DeviceRules, params: Mapping[str, Any], wanted: Sequence[tuple[int, int]] = ()
) -> None:
    """Hold a job against the limits of its device.

    Args:
        rules: What the device runs.
        params: The parameters of the job.
        wanted: For each pub of a sampler its shots, and the number of points of its sweep. An
            estimator says how exact it wants to be, and its shots are spread over many circuits.

    Raises:
        JobFailedError: It asks for more shots than the device takes of one circuit (6000), or than
            any takes of one job; or for a delay between shots that the device does not have (6050).
    """
    most = rules.limits.max_shots
    for index, (shots, _) in enumerate(wanted):
        if most is not None and shots > most:
            raise failed(
                faults.TOO_MANY_SHOTS,
                f"Pub {index}: {shots} shots are too many for {rules.name}, which takes {most}.",
                f"Use at most {most} shots, or several jobs.",
            )
    executions = sum(shots * points for shots, points in wanted)
    if executions > MOST_EXECUTIONS:
        raise failed(
            faults.TOO_MANY_SHOTS,
            f"The job asks for {executions} executions; a device takes {MOST_EXECUTIONS} in one.",
            "Use fewer shots, parameter values or pubs in a job.",
        )
    _check_rep_delay(rules, params)


def check_size(size_bytes: int, what: str, parts: str) -> None:
    """Hold what a job would give against what is kept of one.

    Args:
        size_bytes: How much that is.
        what: What it is called.
        parts: What there should be less of, beside shots.

    Raises:
        JobFailedError: It is too much; the code is that of too many shots.
    """
    if size_bytes > LARGEST_ARRAY_BYTES:
        raise failed(
            faults.TOO_MANY_SHOTS,
            f"The {what} of this job would take {size_bytes} bytes; at most "
            f"{LARGEST_ARRAY_BYTES} are kept.",
            f"Use fewer shots, {parts} in a job.",
        )


def check_delay(delay: Delay, rules: DeviceRules, where: str) -> None:
    """Hold a delay in time steps against the steps of a device.

    One in seconds is rounded to them, and one that is an expression is not known here. ``where``
    begins the reason.

    Raises:
        JobFailedError: It ends between two steps; the code is 8043.
    """
    step_dt = rules.limits.delay_step_dt
    if delay.unit != "dt" or not isinstance(delay.duration, int | float):
        return
    if delay.duration % step_dt:
        raise failed(
            faults.DELAY_NOT_ALIGNED,
            f"{where}: a delay of {delay.duration} dt is no multiple of {step_dt} dt, which "
            f"{rules.name} counts in.",
            "Delays must be a multiple of that; a scheduling pass of the transpiler sees to it.",
        )


def _check_rep_delay(rules: DeviceRules, params: Mapping[str, Any]) -> None:
    execution = (params.get("options") or {}).get("execution") or {}
    rep_delay_s, bounds_us = execution.get("rep_delay"), rules.limits.rep_delay_range_us
    if rep_delay_s is None or bounds_us is None:
        return
    low_s, high_s = (bound_us * _US for bound_us in bounds_us)
    if not low_s - _SLACK <= rep_delay_s <= high_s + _SLACK:
        raise failed(
            faults.REP_DELAY_OUT_OF_RANGE,
            f"options.execution.rep_delay is {rep_delay_s:g} s; {rules.name} takes {low_s:g} to "
            f"{high_s:g} s.",
            "Choose one between these, or leave it out.",
        )
