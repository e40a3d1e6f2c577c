"""The program ``sampler``: the bits that circuits give, shot by shot."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.primitives import BitArray

from qrsession.codec import encode
from qrsession.local.simulation.failures import failed, not_valid
from qrsession.local.simulation.fitting import check_limits
from qrsession.local.simulation.isa import check_isa
from qrsession.local.simulation.preparing import columns_for, prepared
from qrsession.local.simulation.pubs import SamplerPub, read_sampler_pub
from qrsession.local.simulation.simulator import Outcomes, Simulator, derive_seed
from qrsession.local.simulation.twin import Twin
from qrsession.protocol import faults
from qrsession.protocol.typed import LARGEST_ARRAY_BYTES

_BITS_OF_BYTE = 8


def sample(
    params: Mapping[str, Any],
    simulator: Simulator,
    job_seed: int,
    twin: Twin | None = None,
) -> dict[str, Any]:
    """Run the program, and return its result as a tree for JSON.

    Typed where ``support_qiskit`` is true, else plain. Bit 0 of a register is the least
    significant of a sample.

    Args:
        params: The parameters of the job.
        simulator: What runs it.
        job_seed: What its randomness comes from, unless its options have a seed.
        twin: The device, if it is one; simulators run everything, without noise.

    Raises:
        JobFailedError: A pub is not valid, does not fit the device, or cannot be simulated.
    """
    check_options(params)
    seed = seed_of(params, job_seed)
    pubs = [read_sampler_pub(pub, index, params) for index, pub in enumerate(params["pubs"])]
    if twin is not None:
        for index, pub in enumerate(pubs):
            check_isa(pub.circuit, pub.values, twin.rules, index)
    _check_size(pubs)
    if twin is not None:
        check_limits(twin.rules, params, [(pub.shots, math.prod(pub.shape)) for pub in pubs])
    results = []
    for index, pub in enumerate(pubs):
        registers = _run(pub, simulator, derive_seed(seed, index), twin)
        metadata = {"shots": pub.shots, "circuit_metadata": encode(pub.circuit.metadata or {})}
        results.append((registers, pub.shape, metadata))
    write = _typed if params.get("support_qiskit") else _plain
    return write(results)


def check_options(params: Mapping[str, Any]) -> None:
    """Refuse what would change the result on a device and is not simulated.

    Raises:
        JobFailedError: Such an option is set.
    """
    options = params.get("options") or {}
    if (options.get("simulator") or {}).get("noise_model") is not None:
        raise not_valid(
            "options.simulator.noise_model is set, and this backend is ideal.",
            "Leave the noise model out.",
        )
    if (options.get("execution") or {}).get("meas_type", "classified") != "classified":
        raise not_valid(
            "options.execution.meas_type asks for raw measurement data, which a simulator has not.",
            "Use classified.",
        )


def seed_of(params: Mapping[str, Any], job_seed: int) -> int:
    """Return the seed that the options ask for, or else the job's own."""
    options = params.get("options") or {}
    seeds = ((options.get("simulator") or {}).get("seed_simulator"), options.get("seed_estimator"))
    return next((int(seed) for seed in seeds if seed is not None), job_seed)


def _check_size(pubs: list[SamplerPub]) -> None:
    size_bytes = sum(
        math.prod(pub.shape) * pub.shots * -(-register.size // _BITS_OF_BYTE)
        for pub in pubs
        for register in pub.circuit.cregs
    )
    if size_bytes > LARGEST_ARRAY_BYTES:
        raise failed(
            faults.TOO_MANY_SHOTS,
            f"The samples of this job would take {size_bytes} bytes; at most "
            f"{LARGEST_ARRAY_BYTES} are kept.",
            "Use fewer shots, parameter values or pubs in a job.",
        )


def _run(
    pub: SamplerPub, simulator: Simulator, seed: int, twin: Twin | None
) -> dict[str, BitArray]:
    plain = prepared(pub.circuit)
    values = columns_for(plain, pub.circuit, pub.values)
    positions = _positions(pub.circuit)
    arrays = {
        name: np.empty((len(values), pub.shots, -(-len(bits) // _BITS_OF_BYTE)), dtype=np.uint8)
        for name, bits in positions.items()
    }
    rng = np.random.default_rng(derive_seed(seed, "order"))
    for point, outcomes in enumerate(simulator.run(plain, values, pub.shots, seed, twin)):
        # Aer counts outcomes. Shots are independent of each other, so any order of them is as
        # likely as any other, and one drawn at random makes them shots again.
        order = rng.permutation(np.repeat(np.arange(len(outcomes.counts)), outcomes.counts))
        for name, bits in positions.items():
            arrays[name][point] = _pack(outcomes, bits)[order]
    return {
        name: BitArray(array.reshape(*pub.shape, *array.shape[1:]), len(positions[name]))
        for name, array in arrays.items()
    }


def _positions(circuit: QuantumCircuit) -> dict[str, list[int]]:
    """Return, for each register, which of the circuit's clbits its bits are. They may be shared."""
    index_of = {clbit: index for index, clbit in enumerate(circuit.clbits)}
    return {register.name: [index_of[clbit] for clbit in register] for register in circuit.cregs}


def _pack(outcomes: Outcomes, bits: list[int]) -> NDArray[np.uint8]:
    """Pack a register's bits as Qiskit does: bytes from the most significant, bit 0 at the end."""
    num_bytes = -(-len(bits) // _BITS_OF_BYTE)
    table = np.zeros((len(outcomes.counts), num_bytes * _BITS_OF_BYTE), dtype=bool)
    if bits:
        table[:, -len(bits) :] = outcomes.bits[:, bits[::-1]]
    return np.packbits(table, axis=1)


def _typed(results: list[tuple[dict[str, BitArray], tuple[int, ...], Any]]) -> dict[str, Any]:
    pub_results = []
    for registers, shape, metadata in results:
        # Written out here, since Qiskit's own DataBin refuses some names that registers may have.
        data = {
            "field_names": list(registers),
            "field_types": ["BitArray"] * len(registers),
            "shape": list(shape),
            "fields": {name: encode(bits) for name, bits in registers.items()},
        }
        pub_results.append(
            {
                "__type__": "SamplerPubResult",
                "__value__": {
                    "data": {"__type__": "DataBin", "__value__": data},
                    "metadata": metadata,
                },
            }
        )
    return {
        "__type__": "PrimitiveResult",
        "__value__": {"pub_results": pub_results, "metadata": {"version": 2}},
    }


def _plain(results: list[tuple[dict[str, BitArray], tuple[int, ...], Any]]) -> dict[str, Any]:
    return {
        "results": [
            {
                "data": {
                    name: {"samples": _hexadecimal(bits), "num_bits": bits.num_bits}
                    for name, bits in registers.items()
                },
                "metadata": metadata,
            }
            for registers, _, metadata in results
        ],
        "metadata": {"version": 2},
    }


def _hexadecimal(bits: BitArray) -> list[Any]:
    """Write samples as hexadecimal numbers, in lists nested as the sweep is."""
    shape = bits.array.shape
    rows = bits.array.reshape(math.prod(shape[:-1]), shape[-1])
    numbers = np.empty(len(rows), dtype=object)
    numbers[:] = [hex(int.from_bytes(row.tobytes(), "big")) for row in rows]
    nested: list[Any] = numbers.reshape(shape[:-1]).tolist()
    return nested
