"""Twins: the devices of snapshots, offered by the local runtime under their real names.

What the list of backends says of them is worked out once for each snapshot and kept in an index on
disk, for their documents are 15 MB together; the documents themselves are read when one is asked
for. A snapshot that cannot be used is skipped with one line in the log.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from qrsession import __version__
from qrsession.errors import QrsessionError, StorageError, WireFormatError
from qrsession.local.devices.device import Device
from qrsession.local.devices.device_rules import DeviceRules
from qrsession.local.devices.measured import check_measured
from qrsession.local.devices.snapshots import Snapshot, is_name, read_document
from qrsession.local.devices.utc_dates import in_utc
from qrsession.protocol.fields import objects, optional, required, without_nulls
from qrsession.storage import read_bytes, write_atomically

_LOGGER = logging.getLogger(__name__)
_FAKE_PREFIX = "fake_"
_PAIR = 2
# Those of IBM's client name two hundred characters at most, and nobody reads more.
_LONGEST_REASON = 200


@dataclass
class TwinIndex:
    """What is known of snapshots, by the file of their configuration.

    Args:
        file: Where it is kept from one runtime to the next.
        is_noisy: Whether the devices are simulated with their noise.
    """

    file: Path
    is_noisy: bool = True
    _entries: dict[str, dict[str, Any]] = field(default_factory=dict)
    _damaged: dict[str, tuple[int, ...]] = field(default_factory=dict)
    _devices: dict[tuple[str, tuple[int, ...]], Device] = field(default_factory=dict)
    _is_loaded: bool = False

    def devices(self, snapshots: Sequence[Snapshot]) -> dict[str, Device]:
        """Return the devices of snapshots by name; the first of a name counts."""
        self._load()
        is_changed = False
        found: dict[str, Device] = {}
        for snapshot in snapshots:
            key = str(snapshot.configuration)
            if self._damaged.get(key) == snapshot.stamp:
                continue
            entry = self._entries.get(key)
            if entry is None or entry["stamp"] != list(snapshot.stamp):
                entry = self._read(snapshot)
                is_changed = is_changed or entry is not None
            if entry is not None:
                device = self._device(snapshot, entry)
                found.setdefault(device.name, device)
        if is_changed:
            wanted = {str(snapshot.configuration) for snapshot in snapshots}
            self._entries = {key: self._entries[key] for key in wanted & set(self._entries)}
            self._save()
        return found

    def _read(self, snapshot: Snapshot) -> dict[str, Any] | None:
        key = str(snapshot.configuration)
        try:
            facts = facts_of(snapshot)
        except QrsessionError as error:
            reason = error.message[:_LONGEST_REASON]
            _LOGGER.warning("The snapshot %r is not offered: %s", key, reason)
            self._damaged[key] = snapshot.stamp
            return None
        except Exception:
            # The others must be offered, whatever one is made of.
            _LOGGER.exception("The snapshot %r is not offered: it cannot be read", key)
            self._damaged[key] = snapshot.stamp
            return None
        self._entries[key] = {"stamp": list(snapshot.stamp), "facts": facts}
        return self._entries[key]

    def _device(self, snapshot: Snapshot, entry: Mapping[str, Any]) -> Device:
        key = (str(snapshot.configuration), snapshot.stamp)
        device = self._devices.get(key)
        if device is None:
            device = self._devices[key] = twin_of(snapshot, entry["facts"], is_noisy=self.is_noisy)
        return device

    def _load(self) -> None:
        if self._is_loaded:
            return
        self._is_loaded = True
        try:
            record = json.loads(read_bytes(self.file) or b"{}")
            if record.get("version") == __version__:
                self._entries = {
                    key: entry for key, entry in record["entries"].items() if _is_whole(entry)
                }
        except (StorageError, ValueError, AttributeError, KeyError, RecursionError):
            # It saves time and holds nothing else: without it everything is read anew.
            self._entries = {}

    def _save(self) -> None:
        record = {"schema_version": 1, "version": __version__, "entries": self._entries}
        try:
            write_atomically(self.file, json.dumps(record).encode(), durable=False)
        except StorageError as error:
            _LOGGER.warning("The index of snapshots was not kept: %s", error.message)


def facts_of(snapshot: Snapshot) -> dict[str, Any]:
    """Read a snapshot, and return what a list of backends says of it.

    Raises:
        StorageError: A file cannot be read.
        WireFormatError: A document is not that of a device.
    """
    configuration = read_document(snapshot.configuration)
    properties = read_document(snapshot.properties)
    name = snapshot.name or required(configuration, "backend_name", str).removeprefix(_FAKE_PREFIX)
    if not is_name(name):
        raise WireFormatError(f"{name[:_LONGEST_REASON]!r} is not the name of a backend.")
    if optional(configuration, "simulator", bool):
        raise WireFormatError("It is of a simulator, and not of a device.")
    rules = DeviceRules.of(name, configuration, properties)
    check_measured(configuration, properties)
    processor = optional(configuration, "processor_type", dict)
    return {
        "name": name,
        "qubits": rules.num_qubits,
        "backend_version": optional(configuration, "backend_version", str) or "",
        "processor_type": processor and {key: str(value) for key, value in processor.items()},
        "clops": _number(configuration.get("clops_h")),
        "default_rep_delay": _number(configuration.get("default_rep_delay")),
        "performance_metrics": _metrics(properties, rules),
        "taken": optional(properties, "last_update_date", str) or "",
    }


def twin_of(snapshot: Snapshot, facts: Mapping[str, Any], *, is_noisy: bool = True) -> Device:
    """Return the device of a snapshot, given its facts, simulated with or without its noise."""
    name: str = facts["name"]
    clops = facts["clops"]
    day = facts["taken"][: len("2026-01-01")]
    simulated = f"simulated {'with' if is_noisy else 'without'} noise"
    description = f"Twin of {name}, {simulated}" + (f", from a snapshot of {day}" if day else "")

    def configuration() -> dict[str, Any]:
        document = read_document(snapshot.configuration)
        return {**document, "backend_name": name, "description": description}

    def properties() -> dict[str, Any]:
        return {**in_utc(read_document(snapshot.properties)), "backend_name": name}

    return Device(
        name=name,
        num_qubits=facts["qubits"],
        summary=without_nulls(
            {
                "name": name,
                "status": {"name": "online", "reason": f"available, {simulated}"},
                "is_simulator": False,
                "qubits": facts["qubits"],
                "clops": None if clops is None else {"type": "hardware", "value": clops},
                "processor_type": facts["processor_type"],
                "performance_metrics": facts["performance_metrics"] or None,
            }
        ),
        configuration=configuration,
        properties=properties,
        is_simulator=False,
        backend_version=facts["backend_version"],
        default_rep_delay_us=facts["default_rep_delay"],
        snapshot=snapshot,
        is_noisy=is_noisy,
    )


def _metrics(properties: Mapping[str, Any], rules: DeviceRules) -> dict[str, Any]:
    """Return the medians of what goes wrong, and the best pair, as the API names them."""
    readout = [
        value
        for qubit in optional(properties, "qubits", list) or []
        if (value := _named(qubit, "readout_error")) is not None
    ]
    pairs = [
        (error, required(gate, "gate", str), gate["qubits"])
        for gate in objects(properties, "gates")
        # An error of 1 stands for a pair that was not calibrated; some gates are measured though
        # the device does not offer them.
        if len(required(gate, "qubits", list)) == _PAIR
        and gate["gate"] in rules.places
        and (error := _named(gate.get("parameters") or [], "gate_error")) is not None
        and error < 1
    ]
    metrics: dict[str, Any] = {}
    if pairs:
        error, gate, qubits = min(pairs)
        # Devices with gates of several kinds between two qubits are judged by their best one.
        same = [pair[0] for pair in pairs if pair[1] == gate]
        best = {"value": error, "gate": gate, "qubits": qubits, "unit": ""}
        metrics["two_q_error_best"] = best
        metrics["two_q_error_median"] = {"value": median(same), "unit": ""}
    if readout:
        metrics["readout_error_median"] = {"value": median(readout), "unit": ""}
    return metrics


def _named(values: list[dict[str, Any]], name: str) -> float | None:
    return next(
        (_number(entry.get("value")) for entry in values if entry.get("name") == name), None
    )


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number else None


def _is_whole(entry: Any) -> bool:
    if not isinstance(entry, dict) or not isinstance(entry.get("stamp"), list):
        return False
    known = {"name", "qubits", "backend_version", "processor_type", "clops", "taken"}
    facts = entry.get("facts")
    return isinstance(facts, dict) and known | {"performance_metrics"} <= set(facts)
