"""What a device runs, read from its two documents: which instruction on which qubits.

The rules are those by which clients build the target that circuits are transpiled to. Source:
"Get backend information" in IBM's guides; "backends" in the API reference.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from qrsession.errors import WireFormatError
from qrsession.local.devices.device_limits import DeviceLimits
from qrsession.protocol.fields import objects, optional, required, strings

# Wider than any device; what claims to be would cost memory wherever it is listed.
MOST_QUBITS = 1000

_CONTROL_FLOW = frozenset(
    ("if_else", "while_loop", "for_loop", "switch_case", "break_loop", "continue_loop")
)
_ON_EACH_QUBIT = frozenset(("measure", "reset", "delay"))
# What is in no target, and refused by none: it asks nothing of the hardware.
_EVERYWHERE = frozenset(("barrier", "store"))
_BARE = ("delay", "reset")

Places = frozenset[tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class DeviceRules:
    """What one device runs.

    Attributes:
        name: The name of the device.
        num_qubits: Its width.
        places: For each instruction, the qubits that it can be on, in their order; None for any.
        control_flow: The names of control flow that it has.
        broken_qubits: Qubits that are out of order.
        broken_gates: Gates that are out of order, by name and qubits.
        limits: How much and how fast it runs.
    """

    name: str
    num_qubits: int
    places: Mapping[str, Places | None]
    control_flow: frozenset[str]
    broken_qubits: frozenset[int]
    broken_gates: frozenset[tuple[str, tuple[int, ...]]]
    limits: DeviceLimits = field(default_factory=DeviceLimits)

    @classmethod
    def of(
        cls, name: str, configuration: Mapping[str, Any], properties: Mapping[str, Any]
    ) -> "DeviceRules":
        """Read the documents of a device.

        Raises:
            WireFormatError: A document lacks what a target needs, or contradicts itself.
        """
        num_qubits = required(configuration, "n_qubits", int)
        if not 1 <= num_qubits <= MOST_QUBITS:
            raise WireFormatError(f"The device claims to have {num_qubits} qubits.")
        is_all_to_all = configuration.get("coupling_map") is None
        each = None if is_all_to_all else frozenset((qubit,) for qubit in range(num_qubits))
        supported = _supported(configuration)
        places = dict(_gates(configuration, num_qubits))
        places["measure"] = each
        for instruction in {*_BARE, *_signed(configuration)} & supported:
            places[instruction] = each
        return cls(
            name=name,
            num_qubits=num_qubits,
            places=places,
            control_flow=_CONTROL_FLOW & supported,
            broken_qubits=frozenset(
                qubit for qubit, values in enumerate(_qubits(properties)) if _is_broken(values)
            ),
            broken_gates=frozenset(
                (required(gate, "gate", str), _qubits_of(required(gate, "qubits", list)))
                for gate in objects(properties, "gates")
                if _is_broken(objects(gate, "parameters"))
            ),
            limits=DeviceLimits.of(configuration),
        )

    def why_not(self, instruction: str, qubits: tuple[int, ...]) -> str | None:
        """Say why an instruction cannot be on these qubits; None where it can."""
        if instruction in _EVERYWHERE or instruction in self.control_flow:
            return None
        if instruction not in self.places:
            known = ", ".join(sorted({*self.places, *self.control_flow}))
            return f"{self.name} has no such instruction; it has {known}"
        broken = [str(qubit) for qubit in qubits if qubit in self.broken_qubits]
        if broken:
            qubits_are, are = ("qubits", "are") if len(broken) > 1 else ("qubit", "is")
            return f"{qubits_are} {', '.join(broken)} of {self.name} {are} out of order"
        places = self.places[instruction]
        if places is not None and qubits not in places:
            return self._why_not_there(qubits, places)
        if (instruction, qubits) in self.broken_gates:
            return f"it is out of order there on {self.name}"
        return None

    def _why_not_there(self, qubits: tuple[int, ...], places: Places) -> str:
        if qubits[::-1] in places:
            return f"{self.name} has it there in the other direction alone"
        if len(qubits) > 1:
            return f"{self.name} does not couple these qubits"
        return f"{self.name} does not have it there"


def _supported(configuration: Mapping[str, Any]) -> set[str]:
    if configuration.get("supported_instructions") is None:
        # Older documents do not say, and all devices have these.
        return set(_BARE)
    return set(strings(configuration, "supported_instructions"))


def _signed(configuration: Mapping[str, Any]) -> set[str]:
    """Name further instructions of one qubit: variants of measuring and of resetting."""
    return {
        required(signature, "name", str)
        for signature in objects(configuration, "instruction_signatures")
        if signature.get("num_qubits") == 1
    }


def _gates(
    configuration: Mapping[str, Any], num_qubits: int
) -> Iterator[tuple[str, Places | None]]:
    couplings = {
        required(gate, "name", str): optional(gate, "coupling_map", list)
        for gate in objects(configuration, "gates")
    }
    for name in strings(configuration, "basis_gates"):
        if name in _CONTROL_FLOW or name in _ON_EACH_QUBIT:
            continue
        coupling = couplings.get(name)
        places = None if coupling is None else frozenset(map(_qubits_of, coupling))
        if places and max(max(qubits, default=0) for qubits in places) >= num_qubits:
            raise WireFormatError(f"The gate {name[:100]!r} is on qubits that the device lacks.")
        yield name, places


def _qubits_of(value: Any) -> tuple[int, ...]:
    if not isinstance(value, list) or not all(
        isinstance(qubit, int) and not isinstance(qubit, bool) and qubit >= 0 for qubit in value
    ):
        raise WireFormatError("Qubits must be a list of their numbers.")
    return tuple(value)


def _qubits(properties: Mapping[str, Any]) -> list[list[dict[str, Any]]]:
    return [
        objects({"qubit": values}, "qubit") for values in optional(properties, "qubits", list) or []
    ]


def _is_broken(values: list[dict[str, Any]]) -> bool:
    return any(entry.get("name") == "operational" and entry.get("value") == 0 for entry in values)
