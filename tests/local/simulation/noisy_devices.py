"""Devices whose calibration a test chooses, so that what their noise does can be worked out."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from qiskit import QuantumCircuit

from qrsession.local.simulation.simulator import Simulator
from qrsession.local.simulation.twin import Twin

DT_NS = 4.0
_LINE = ("cz",)
_BASIS = ("cz", "id", "rz", "sx", "x")


def device(
    num_qubits: int,
    qubits: Mapping[str, tuple[float, str]] | None = None,
    gates: Sequence[tuple[str, tuple[int, ...], float, float]] = (),
    signatures: Sequence[str] = (),
) -> Twin:
    """Return a chain of qubits that are all alike.

    Args:
        num_qubits: How many.
        qubits: The properties of each, by name: value and unit.
        gates: Name, qubits, error and length in nanoseconds of those that are not perfect.
        signatures: Further measurements and resets that it has.
    """
    pairs = [[i, i + 1] for i in range(num_qubits - 1)]
    coupling = pairs + [pair[::-1] for pair in pairs]
    configuration: dict[str, Any] = {
        "n_qubits": num_qubits,
        "basis_gates": list(_BASIS),
        "supported_instructions": [
            *_BASIS,
            *("delay", "measure", "reset", "if_else", "while_loop", "for_loop"),
        ],
        "coupling_map": coupling,
        "gates": [
            {
                "name": name,
                "parameters": [],
                "coupling_map": coupling if name in _LINE else [[q] for q in range(num_qubits)],
            }
            for name in _BASIS
        ],
        "dt": DT_NS,
        "instruction_signatures": [
            {
                "name": name,
                "num_qubits": 1,
                "num_clbits": int(name.startswith("measure")),
                "parameters": [],
            }
            for name in signatures
        ],
    }
    entries = [
        {"name": name, "value": value, "unit": unit}
        for name, (value, unit) in (qubits or {}).items()
    ]
    properties = {
        "qubits": [entries] * num_qubits,
        "gates": [
            {
                "gate": name,
                "qubits": list(places),
                "parameters": [
                    {"name": "gate_error", "value": error, "unit": ""},
                    {"name": "gate_length", "value": length_ns, "unit": "ns"},
                ],
            }
            for name, places, error, length_ns in gates
        ],
    }
    return Twin.of("test_twin", configuration, properties, is_noisy=True)


def frequencies(
    simulator: Simulator, circuit: QuantumCircuit, twin: Twin, shots: int, seed: int = 1
) -> dict[str, float]:
    """Run a circuit, and return how often each outcome was seen, clbit 0 on the right."""
    (outcomes,) = simulator.run(circuit, np.zeros((1, 0)), shots, seed, twin)
    return {
        "".join("01"[int(bit)] for bit in bits[::-1]): count / shots
        for bits, count in zip(outcomes.bits, outcomes.counts.tolist(), strict=True)
    }
