"""How a device measures in another basis than its own: with gates of its own, which have noise."""

import math
from collections.abc import Sequence

from qiskit.circuit import Gate
from qiskit.circuit.library import (
    HGate,
    RZGate,
    SdgGate,
    SXGate,
    U2Gate,
    U3Gate,
    UGate,
)

from qrsession.local.devices.device_rules import DeviceRules

_QUARTER = math.pi / 2
# For each set of gates that devices have: those before a measurement in the basis of X, and of Y.
# What follows the last one that moves anything off the axis of Z is left out.
_WAYS: tuple[tuple[frozenset[str], Sequence[Gate], Sequence[Gate]], ...] = (
    (frozenset({"sx", "rz"}), (RZGate(_QUARTER), SXGate()), (SXGate(),)),
    (frozenset({"u2"}), (U2Gate(0, math.pi),), (U2Gate(0, _QUARTER),)),
    (frozenset({"u3"}), (U3Gate(_QUARTER, 0, math.pi),), (U3Gate(_QUARTER, 0, _QUARTER),)),
    (frozenset({"u"}), (UGate(_QUARTER, 0, math.pi),), (UGate(_QUARTER, 0, _QUARTER),)),
)
_PLAIN: tuple[Sequence[Gate], Sequence[Gate]] = ((HGate(),), (SdgGate(), HGate()))


def gates_before_measuring(pauli: str, rules: DeviceRules | None) -> Sequence[Gate]:
    """Return the gates after which measuring a qubit measures a Pauli: ``X``, ``Y`` or ``Z``.

    Args:
        pauli: The Pauli.
        rules: What the device runs; None for a simulator. Gates that it lacks, and therefore runs
            without noise, are only used on one that has none of the usual sets.
    """
    if pauli == "Z":
        return ()
    has = frozenset() if rules is None else rules.places.keys()
    for names, for_x, for_y in _WAYS:
        if names <= has:
            return for_x if pauli == "X" else for_y
    return _PLAIN[0] if pauli == "X" else _PLAIN[1]
