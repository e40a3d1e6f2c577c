"""How much, how long and how fast a device runs, read from its configuration."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class DeviceLimits:
    """The limits of one device.

    Attributes:
        max_shots: The most shots of a circuit; None where the device does not say.
        delay_step_dt: What the length of a delay must be a multiple of, in the device's time step.
        rep_delay_range_us: The shortest and the longest delay between two shots, in microseconds;
            None where the device does not say.
    """

    max_shots: int | None = None
    delay_step_dt: int = 1
    rep_delay_range_us: tuple[float, float] | None = None

    @classmethod
    def of(cls, configuration: Mapping[str, Any]) -> "DeviceLimits":
        """Read a configuration. What makes no sense is taken as not said."""
        timing = configuration.get("timing_constraints")
        step_dt = timing.get("pulse_alignment") if isinstance(timing, dict) else None
        max_shots = configuration.get("max_shots")
        return cls(
            max_shots=_count(max_shots),
            delay_step_dt=_count(step_dt) or 1,
            rep_delay_range_us=_range(configuration.get("rep_delay_range")),
        )


def _count(value: Any) -> int | None:
    is_count = isinstance(value, int) and not isinstance(value, bool) and value >= 1
    return value if is_count else None


def _range(value: Any) -> tuple[float, float] | None:
    match value:
        case [int() | float() as low, int() | float() as high] if 0 <= low <= high:
            return float(low), float(high)
    return None
