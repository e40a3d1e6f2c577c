"""Qiskit's ``Result`` out of what the sampler returns.

Source: ``qiskit.result.Result``; the fields of a header are those that Aer writes.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from qiskit import QuantumCircuit
from qiskit.primitives import DataBin, PrimitiveResult
from qiskit.result import Result
from qiskit.result.models import ExperimentResult, ExperimentResultData

if TYPE_CHECKING:
    from qrsession.circuit_runs.jobs import CircuitJob


def to_result(
    job: "CircuitJob",
    circuits: Sequence[QuantumCircuit],
    pubs: PrimitiveResult[Any],
    *,
    has_memory: bool,
) -> Result:
    """Return the result of a job: one experiment a circuit, in the order they were given."""
    backend = job.backend()
    return Result(
        backend_name=backend.name,
        backend_version=backend.backend_version,
        job_id=job.job_id(),
        success=True,
        status="COMPLETED",
        results=[
            _experiment(circuit, pub.data, has_memory=has_memory)
            for circuit, pub in zip(circuits, pubs, strict=True)
        ],
    )


def _experiment(circuit: QuantumCircuit, data: DataBin, *, has_memory: bool) -> ExperimentResult:
    rows = _packed(circuit, data)
    # Rows as one string of bytes each: compared byte by byte they take four times as long.
    strings = rows.view(f"V{rows.shape[1]}").ravel()
    outcomes, places, numbers = np.unique(strings, return_inverse=True, return_counts=True)
    words = [hex(int.from_bytes(outcome.tobytes(), "big")) for outcome in outcomes]
    return ExperimentResult(
        shots=len(rows),
        success=True,
        status="DONE",
        data=ExperimentResultData(
            counts=dict(zip(words, numbers.tolist(), strict=True)),
            memory=[words[place] for place in places.tolist()] if has_memory else None,
        ),
        header={
            "name": circuit.name,
            "n_qubits": circuit.num_qubits,
            "memory_slots": circuit.num_clbits,
            "creg_sizes": [[register.name, register.size] for register in circuit.cregs],
            "qreg_sizes": [[register.name, register.size] for register in circuit.qregs],
            "global_phase": float(circuit.global_phase),
            "metadata": circuit.metadata,
        },
    )


def _packed(circuit: QuantumCircuit, data: DataBin) -> "np.ndarray[Any, np.dtype[np.uint8]]":
    """Return the bits of all shots, uint8 of shape ``(shots, bytes)``, bit 0 the last of a row."""
    places = {
        register.name: [circuit.find_bit(bit).index for bit in register]
        for register in circuit.cregs
    }
    loose = [
        circuit.find_bit(bit).index for bit in circuit.clbits if not circuit.find_bit(bit).registers
    ]
    shots = next(iter(data.values())).num_shots
    bits = np.zeros((shots, -(-circuit.num_clbits // 8) * 8), dtype=np.uint8)
    for name, register in data.items():
        by_bit = register.to_bool_array(order="little")
        bits[:, places.get(name, loose)] = by_bit
    return np.packbits(bits[:, ::-1], axis=1)
