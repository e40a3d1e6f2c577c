"""A small device whose noise is known by heart."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from qrsession.local.devices.device_rules import DeviceRules
from qrsession.local.simulation.noise.calibration import Calibration, Placed
from qrsession.local.simulation.twin import Twin

NUM_QUBITS = 4
DT_S = 1e-9
X_LENGTH_S = 40e-9


def twin(
    *,
    pair_error: float = 0.0,
    pair_length_s: float = 0.0,
    readout: tuple[float, float] = (0.0, 0.0),
    t1_s: float = float("inf"),
    is_noisy: bool = True,
    alignment_dt: int = 1,
) -> Twin:
    """Return a device of four qubits, each coupled to each.

    Args:
        pair_error: One minus the average fidelity of ``cz``.
        pair_length_s: How long that takes, in seconds.
        readout: The probabilities to read a 1 of state 0, and a 0 of state 1.
        t1_s: T1 in seconds; T2 is twice that, so that there is nothing but decay.
        is_noisy: Whether it has any of this.
        alignment_dt: Pulses start at multiples of so many nanoseconds.
    """
    each = [(qubit,) for qubit in range(NUM_QUBITS)]
    pairs = [(a, b) for a in range(NUM_QUBITS) for b in range(NUM_QUBITS) if a != b]
    singles = ("x", "sx", "rz", "id", "rx", "measure", "reset", "delay")
    rules = DeviceRules(
        name="known",
        num_qubits=NUM_QUBITS,
        places={**dict.fromkeys(singles, frozenset(each)), "cz": frozenset(pairs)},
        control_flow=frozenset({"if_else"}),
        broken_qubits=frozenset(),
        broken_gates=frozenset(),
    )
    lengths: dict[Placed, float] = {("x", qubit): X_LENGTH_S for qubit in each}
    lengths |= {("cz", qubits): pair_length_s for qubits in pairs if pair_length_s}
    calibration = Calibration(
        dt_s=DT_S,
        t1_s=(t1_s,) * NUM_QUBITS,
        t2_s=(2 * t1_s,) * NUM_QUBITS,
        readout=(readout,) * NUM_QUBITS,
        readout_length_s=(1e-6,) * NUM_QUBITS,
        gate_error={("cz", qubits): pair_error for qubits in pairs if pair_error},
        gate_length_s=lengths,
        alignment_dt=alignment_dt,
    )
    return Twin(rules=rules, calibration=calibration, is_noisy=is_noisy)


def ones(result: dict[str, Any], register: str = "c") -> NDArray[np.float64]:
    """Return how often each bit of a plain result was 1, bit 0 first: float64."""
    data = result["results"][0]["data"][register]
    samples = [int(sample, 16) for sample in data["samples"]]
    return np.array([np.mean([s >> bit & 1 for s in samples]) for bit in range(data["num_bits"])])
