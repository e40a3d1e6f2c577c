"""The twin of a device, as the programs in a lane know it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qrsession.local.devices.device_rules import DeviceRules
from qrsession.local.simulation.noise.calibration import Calibration


@dataclass(frozen=True, slots=True, eq=False)
class Twin:
    """A device that circuits are simulated for. Two twins are equal only if they are the same.

    Attributes:
        rules: What it runs.
        calibration: How well it runs that.
        is_noisy: Whether circuits on it have the noise of the device.
    """

    rules: DeviceRules
    calibration: Calibration
    is_noisy: bool

    @classmethod
    def of(
        cls,
        name: str,
        configuration: Mapping[str, Any],
        properties: Mapping[str, Any],
        *,
        is_noisy: bool,
    ) -> "Twin":
        """Read the documents of a device.

        Raises:
            WireFormatError: A document lacks what a target needs, or contradicts itself.
        """
        return cls(
            rules=DeviceRules.of(name, configuration, properties),
            calibration=Calibration.of(configuration, properties),
            is_noisy=is_noisy,
        )
