"""Counts of a noisy twin against those of Aer's own model of the same device.

The reference is `NoiseModel.from_backend` of the whole device, with `RelaxationNoisePass` on
delays, which it ignores otherwise. It takes errors of readout as symmetric, so both ends have a
copy of the snapshot without the pair that is not.
"""

import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit
from qiskit.circuit import Delay
from qiskit.transpiler import Target, generate_preset_pass_manager
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, RelaxationNoisePass
from qiskit_aer.noise.device import basic_device_gate_errors, basic_device_readout_errors
from scipy.stats import chi2

from qrsession.circuits.target import build_target
from qrsession.local.devices.snapshots import carried_folder, find_snapshots, read_document
from qrsession.local.simulation.simulator import Simulator
from qrsession.local.simulation.twin import Twin
from tests.sample_circuits import bell

_FEWEST = 20
_SIGNIFICANCE = 0.001


@dataclass(frozen=True)
class Ends:
    """Both ends of one device."""

    twin: Twin
    target: Target
    model: NoiseModel


@cache
def ends_of(folder: str) -> Ends:
    """Return both ends of a device whose snapshot IBM's client carries in this folder."""
    carried = carried_folder()
    assert carried is not None
    (snapshot,) = (
        one for one in find_snapshots(carried) if one.configuration.parent.name == folder
    )
    configuration = read_document(snapshot.configuration)
    properties = read_document(snapshot.properties)
    properties["qubits"] = [
        [entry for entry in qubit if not entry["name"].startswith("prob_meas")]
        for qubit in properties["qubits"]
    ]
    target = build_target(configuration, properties)
    model = NoiseModel()
    for name, qubits, error in basic_device_gate_errors(target=target):
        model.add_quantum_error(error, name, qubits, warnings=False)
    for qubits, error in basic_device_readout_errors(target=target):
        model.add_readout_error(error, qubits)
    known = target.qubit_properties
    relaxing = RelaxationNoisePass(
        [one.t1 for one in known],
        [min(one.t2, 2 * one.t1) for one in known],
        dt=target.dt,
        op_types=Delay,
    )
    model._custom_noise_passes = [relaxing]
    twin = Twin.of(folder, configuration, properties, is_noisy=True)
    return Ends(twin, target, model)


def p_value(left: Counter[int], right: Counter[int]) -> float:
    """Say how likely two samples of one distribution differ so much, rare outcomes pooled."""
    pooled: list[tuple[int, int]] = []
    first = second = 0
    # Ties in an order of their own: else all that only one side has seen would be pooled together.
    for outcome in sorted(left | right, key=lambda one: (left[one] + right[one], one)):
        first, second = first + left[outcome], second + right[outcome]
        if first + second >= _FEWEST:
            pooled.append((first, second))
            first = second = 0
    ours, theirs = np.array([*pooled, (first, second)], dtype=float).T
    both = ours + theirs
    seen = both > 0
    statistic = float(((ours - theirs)[seen] ** 2 / both[seen]).sum())
    return float(chi2.sf(statistic, int(seen.sum()) - 1))


def ours(circuit: QuantumCircuit, twin: Twin, shots: int) -> Counter[int]:
    """Count what the twin gives."""
    (outcomes,) = Simulator(2000).run(circuit, np.zeros((1, 0)), shots, 1234, twin)
    weights = [1 << i for i in range(circuit.num_clbits)]
    values = (int(np.dot(bits, weights)) for bits in outcomes.bits)
    return Counter(dict(zip(values, outcomes.counts.tolist(), strict=True)))


def theirs(circuit: QuantumCircuit, model: NoiseModel, shots: int) -> Counter[int]:
    """Count what the reference gives."""
    simulator = AerSimulator(noise_model=model, max_parallel_threads=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        result: Any = simulator.run(circuit, shots=shots, seed_simulator=99).result()
    assert result.success
    counts = result.data(0)["counts"]
    return Counter({int(key, 16): count for key, count in counts.items()})


def delayed() -> QuantumCircuit:
    """Return a pair and an excited qubit, all of which wait in all units."""
    circuit = QuantumCircuit(3, 3)
    circuit.x(0)
    circuit.h(1)
    circuit.cx(1, 2)
    circuit.delay(20, 0, unit="us")
    circuit.delay(3000, 1, unit="dt")
    circuit.delay(30_000, 2, unit="ns")
    circuit.h(1)
    circuit.measure(range(3), range(3))
    return circuit


def midway() -> QuantumCircuit:
    """Return a circuit that measures and resets on its way."""
    circuit = QuantumCircuit(3, 5)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure(0, 0)
    circuit.h(0)
    circuit.cx(0, 2)
    circuit.reset(1)
    circuit.h(1)
    circuit.measure(1, 1)
    circuit.x(1)
    circuit.measure([0, 1, 2], [2, 3, 4])
    return circuit


def branching() -> QuantumCircuit:
    """Return a circuit that does one or the other."""
    circuit = QuantumCircuit(3, 4)
    circuit.h(0)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)) as otherwise:
        circuit.x(1)
        circuit.h(2)
    with otherwise:
        circuit.h(1)
    circuit.cx(1, 2)
    circuit.measure(range(3), [1, 2, 3])
    return circuit


def rotated(num_qubits: int) -> QuantumCircuit:
    """Return a chain whose qubits are turned by angles of their own."""
    circuit = QuantumCircuit(num_qubits)
    circuit.h(0)
    for qubit in range(num_qubits - 1):
        circuit.cx(qubit, qubit + 1)
    for qubit in range(num_qubits):
        circuit.ry(0.2 * qubit, qubit)
    circuit.measure_all()
    return circuit


def fitted(circuit: QuantumCircuit, target: Target) -> QuantumCircuit:
    """Return the circuit as the device runs it."""
    manager = generate_preset_pass_manager(1, target=target, seed_transpiler=3)
    return manager.run(circuit)


def test_a_pair_is_told_from_no_noise_and_not_from_the_reference() -> None:
    """On a device of five qubits; the test has the power to see what noise does."""
    ends = ends_of("quito")
    circuit = fitted(bell(), ends.target)
    shots = 100_000
    seen = ours(circuit, ends.twin, shots)
    reference = theirs(circuit, ends.model, shots)
    assert p_value(seen, reference) > _SIGNIFICANCE
    without = Twin(ends.twin.rules, ends.twin.calibration, is_noisy=False)
    assert p_value(ours(circuit, without, shots), reference) < 1e-9


@pytest.mark.deep
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    "make",
    [bell, delayed, midway, branching, lambda: rotated(6), lambda: rotated(12)],
    ids=["bell", "delayed", "midway", "branching", "six", "twelve"],
)
def test_no_circuit_is_told_from_the_reference(make: Callable[[], QuantumCircuit]) -> None:
    """On a device of 156 qubits, 100,000 shots."""
    ends = ends_of("fez")
    circuit = fitted(make(), ends.target)
    assert (
        p_value(ours(circuit, ends.twin, 100_000), theirs(circuit, ends.model, 100_000))
        > _SIGNIFICANCE
    )
