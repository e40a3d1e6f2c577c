"""What backends there are, as the documents that the service gives of them.

The simulators are fixed data: the runtime's main process imports no Qiskit. A test holds the gates
against Aer's and Qiskit's own lists. Source of the fields: API reference, "backends".
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from qrsession import __version__
from qrsession.local.devices.snapshots import Snapshot

# Aer's stabilizer method takes 8 s for 100 shots of a GHZ state this wide, and minutes for three
# times as many qubits; other methods are bounded by memory far below.
MOST_QUBITS = 1000
MAX_SHOTS = 1_000_000
_MOST_CIRCUITS = 10_000
_ONLINE_DATE = "2026-01-01T00:00:00.000Z"

# Each gate's parameters and number of qubits: those of Aer's automatic method that Qiskit has under
# the same name.
_GATES: dict[str, tuple[tuple[str, ...], int]] = {
    "ccx": ((), 3),
    "ccz": ((), 3),
    "cp": (("theta",), 2),
    "crx": (("theta",), 2),
    "cry": (("theta",), 2),
    "crz": (("theta",), 2),
    "cswap": ((), 3),
    "csx": ((), 2),
    "cu": (("theta", "phi", "lam", "gamma"), 2),
    "cu1": (("theta",), 2),
    "cu3": (("theta", "phi", "lam"), 2),
    "cx": ((), 2),
    "cy": ((), 2),
    "cz": ((), 2),
    "ecr": ((), 2),
    "h": ((), 1),
    "id": ((), 1),
    "p": (("theta",), 1),
    "r": (("theta", "phi"), 1),
    "rx": (("theta",), 1),
    "rxx": (("theta",), 2),
    "ry": (("theta",), 1),
    "ryy": (("theta",), 2),
    "rz": (("phi",), 1),
    "rzx": (("theta",), 2),
    "rzz": (("theta",), 2),
    "s": ((), 1),
    "sdg": ((), 1),
    "swap": ((), 2),
    "sx": ((), 1),
    "sxdg": ((), 1),
    "t": ((), 1),
    "tdg": ((), 1),
    "u": (("theta", "phi", "lam"), 1),
    "u1": (("theta",), 1),
    "u2": (("phi", "lam"), 1),
    "u3": (("theta", "phi", "lam"), 1),
    "x": ((), 1),
    "y": ((), 1),
    "z": ((), 1),
}
_OTHER_INSTRUCTIONS = (
    "measure",
    "reset",
    "delay",
    "barrier",
    "initialize",
    "unitary",
    "if_else",
    "while_loop",
    "for_loop",
    "switch_case",
    "break_loop",
    "continue_loop",
    "store",
)
_DESCRIPTIONS = {
    "aer_simulator": "Qiskit Aer without noise; any qubit with any other",
    "ibmq_qasm_simulator": "Qiskit Aer without noise, under the name that old programs use",
}


@dataclass(frozen=True, slots=True)
class Device:
    """A backend.

    Attributes:
        name: Its name.
        num_qubits: How many qubits a circuit may use.
        summary: Its entry in ``GET /backends``, without ``queue_length``.
        configuration: Gives ``GET /backends/{name}/configuration``; of a twin it reads a file.
        properties: Gives ``GET /backends/{name}/properties``; empty where there is nothing to say.
        is_simulator: Whether it is ideal and no device's twin.
        backend_version: The version of the device.
        default_rep_delay_us: The delay between two shots, in microseconds; None where it has none.
        snapshot: Where the documents of a twin are.
        is_noisy: Whether circuits on it have the noise of the device.
    """

    name: str
    num_qubits: int
    summary: dict[str, Any]
    configuration: Callable[[], dict[str, Any]]
    properties: Callable[[], dict[str, Any]]
    is_simulator: bool
    backend_version: str = ""
    default_rep_delay_us: float | None = None
    snapshot: Snapshot | None = None
    is_noisy: bool = False


def load_simulators() -> dict[str, Device]:
    """Return the ideal simulators by name."""
    return {name: _simulator(name, words) for name, words in _DESCRIPTIONS.items()}


def _simulator(name: str, description: str) -> Device:
    summary = {
        "name": name,
        "status": {"name": "online", "reason": "available"},
        "is_simulator": True,
        "qubits": MOST_QUBITS,
        "processor_type": {"family": "Simulator", "revision": "1"},
    }
    return Device(
        name=name,
        num_qubits=MOST_QUBITS,
        summary=summary,
        configuration=lambda: _configuration(name, description),
        properties=dict,
        is_simulator=True,
        backend_version=__version__,
    )


def _configuration(name: str, description: str) -> dict[str, Any]:
    return {
        "backend_name": name,
        "backend_version": __version__,
        "description": description,
        "n_qubits": MOST_QUBITS,
        "basis_gates": list(_GATES),
        "gates": [
            {"name": gate, "parameters": list(parameters), "qasm_def": _opaque(gate)}
            for gate, (parameters, _) in _GATES.items()
        ],
        "coupling_map": None,
        "supported_instructions": [*_GATES, *_OTHER_INSTRUCTIONS],
        "supported_features": ["qasm3", "dynamic_circuits", "parameters"],
        "simulator": True,
        "local": False,
        "conditional": True,
        "open_pulse": False,
        "memory": True,
        "max_shots": MAX_SHOTS,
        "max_experiments": _MOST_CIRCUITS,
        "dynamic_reprate_enabled": False,
        "meas_levels": [2],
        "credits_required": False,
        "online_date": _ONLINE_DATE,
        "processor_type": {"family": "Simulator", "revision": "1"},
        "timing_constraints": {
            "granularity": 1,
            "min_length": 1,
            "pulse_alignment": 1,
            "acquire_alignment": 1,
        },
    }


def _opaque(gate: str) -> str:
    """Declare a gate of the standard library in OpenQASM 2, by name alone."""
    parameters, num_qubits = _GATES[gate]
    qubits = ", ".join(f"q{i}" for i in range(num_qubits))
    listed = f"({', '.join(parameters)})" if parameters else ""
    return f"opaque {gate}{listed} {qubits};"
