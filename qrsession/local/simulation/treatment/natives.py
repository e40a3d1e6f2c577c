"""Paulis, in the gates that a device has."""

import math
from dataclasses import dataclass

from qiskit.circuit import Gate
from qiskit.circuit.library import RZGate, U1Gate, U3Gate, XGate

from qrsession.local.devices.device_rules import DeviceRules


@dataclass(frozen=True, slots=True)
class Natives:
    """Gates of one qubit, each as a device runs it, up to a phase.

    Attributes:
        x: A turn by pi about X.
        has_rz: Whether turns about Z are called ``rz``; on the oldest devices they are ``u1``.
    """

    x: Gate
    has_rz: bool

    @classmethod
    def of(cls, rules: DeviceRules) -> "Natives":
        """Return those of a device."""
        if "x" in rules.places or "u3" not in rules.places:
            return cls(XGate(), has_rz=True)
        return cls(U3Gate(math.pi, 0, math.pi), has_rz=False)

    def rz(self, angle: float) -> Gate:
        """Return a turn about Z, which takes no time and has no noise."""
        return RZGate(angle) if self.has_rz else U1Gate(angle)

    def pauli(self, *, x: bool, z: bool) -> list[Gate]:
        """Return the gates of a Pauli: none for the identity, two for Y."""
        return [self.rz(math.pi)] * z + [self.x] * x
