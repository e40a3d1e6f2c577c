"""The program ``sampler``: the bits that circuits give, shot by shot."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit import QuantumCircuit
from qiskit.primitives import BitArray

from qrsession.codec import encode
from qrsession.local.simulation.circuits.bits import positions_of
from qrsession.local.simulation.circuits.preparing import columns_for, prepared
from qrsession.local.simulation.failures import not_valid
from qrsession.local.simulation.inputs.compatibility import check_compatible
from qrsession.local.simulation.inputs.fitting import check_limits, check_size
from qrsession.local.simulation.inputs.isa import check_isa
from qrsession.local.simulation.inputs.pubs import SamplerPub, read_sampler_pub
from qrsession.local.simulation.outcomes import Outcomes, derive_seed
from qrsession.local.simulation.portions import portions
from qrsession.local.simulation.programs.reporting import declared
from qrsession.local.simulation.programs.spans import Span
from qrsession.local.simulation.programs.writing import Samples, typed, write_samples
from qrsession.local.simulation.simulator import Simulator
from qrsession.local.simulation.treatment.bench import Bench
from qrsession.local.simulation.twin import Twin
from qrsession.protocol.treatment import treatment_of

_BITS_OF_BYTE = 8
# Outcomes packed at once: before, each bit of theirs takes a byte.
_OUTCOMES_AT_ONCE = 2**16


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
    asked = treatment_of("sampler", params)
    seed = seed_of(params, job_seed)
    pubs = [read_sampler_pub(pub, index, params) for index, pub in enumerate(params["pubs"])]
    for index, pub in enumerate(pubs):
        if twin is not None:
            check_isa(pub.circuit, pub.values, twin.rules, index)
        check_compatible(pub.circuit, asked, twin, index)
    _check_size(pubs)
    if twin is not None:
        check_limits(twin.rules, params, [(pub.shots, math.prod(pub.shape)) for pub in pubs])
    bench = Bench(simulator, twin, asked)
    spans: list[dict[str, Any]] = []
    is_typed = bool(params.get("support_qiskit"))
    said = {"version": 2} | declared("sampler", params, twin)
    if is_typed:
        said["execution"] = {"execution_spans": typed("ExecutionSpans", {"spans": spans})}
    # Each pub is written as soon as it has run: the samples of one at a time are in memory.
    results = _results(pubs, bench, seed, spans)
    return write_samples(results, said, is_typed=is_typed)


def _results(
    pubs: Sequence[SamplerPub], bench: Bench, seed: int, spans: list[dict[str, Any]]
) -> Iterator[Samples]:
    """Run pubs, one after the other, and add to ``spans`` when that was."""
    for index, pub in enumerate(pubs):
        began = bench.simulator.now()
        registers = _run(pub, bench, derive_seed(seed, index))
        metadata = {"shots": pub.shots, "circuit_metadata": encode(pub.circuit.metadata or {})}
        span = Span(began, bench.simulator.now(), pub.shape, pub.shots)
        if bench.treatment.twirling.is_on:
            split = bench.treatment.split(pub.shots)
            metadata["num_randomizations"] = split[0]
            span = replace(span, split=split)
        spans.append(span.to_wire(index))
        yield registers, pub.shape, metadata


def check_options(params: Mapping[str, Any]) -> None:
    """Refuse a noise model of the user's own.

    A service has no such thing: it is for clients that simulate by themselves. To leave it out
    without a word would turn noise off.

    Raises:
        JobFailedError: There is one.
    """
    options = params.get("options") or {}
    if (options.get("simulator") or {}).get("noise_model") is not None:
        raise not_valid(
            "options.simulator.noise_model is set; here a twin of a device has that device's "
            "noise, and a simulator none.",
            "Leave the noise model out, and choose a twin for noise.",
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
    check_size(size_bytes, "samples", "parameter values or pubs")


def _run(pub: SamplerPub, bench: Bench, seed: int) -> dict[str, BitArray]:
    plain = prepared(pub.circuit)
    values = columns_for(plain, pub.circuit, pub.values)
    positions = positions_of(pub.circuit)
    arrays = {
        name: np.empty((len(values), pub.shots, -(-len(bits) // _BITS_OF_BYTE)), dtype=np.uint8)
        for name, bits in positions.items()
    }
    rng = np.random.default_rng(derive_seed(seed, "order"))
    first = 0
    for portion, shots in enumerate(_portions(plain, pub.shots, bench)):
        portion_seed = derive_seed(seed, "portion", portion) if portion else seed
        for point, randomizations in enumerate(bench.run(plain, values, shots, portion_seed)):
            end = first
            for outcomes in randomizations:
                # Aer counts outcomes; an order drawn at random makes them shots again.
                order = outcomes.of_shots()
                rng.shuffle(order)
                start, end = end, min(end + len(order), first + shots)
                for name, bits in positions.items():
                    # The last randomization may have more shots than are wanted.
                    arrays[name][point, start:end] = _pack(outcomes, bits)[order[: end - start]]
        first += shots
    return {
        name: BitArray(array.reshape(*pub.shape, *array.shape[1:]), len(positions[name]))
        for name, array in arrays.items()
    }


def _portions(circuit: QuantumCircuit, shots: int, bench: Bench) -> Iterable[int]:
    """Return how many shots are run at once; with noise, which is drawn for all together, all."""
    is_noisy = bench.twin is not None and bench.twin.is_noisy
    return (shots,) if is_noisy else portions(circuit, shots)


def _pack(outcomes: Outcomes, bits: list[int]) -> NDArray[np.uint8]:
    """Pack a register's bits as Qiskit does: bytes from the most significant, bit 0 at the end."""
    num_bytes = -(-len(bits) // _BITS_OF_BYTE)
    packed = np.empty((len(outcomes.counts), num_bytes), dtype=np.uint8)
    for start in range(0, len(packed), _OUTCOMES_AT_ONCE):
        some = outcomes.bits[start : start + _OUTCOMES_AT_ONCE]
        table = np.zeros((len(some), num_bytes * _BITS_OF_BYTE), dtype=bool)
        if bits:
            table[:, -len(bits) :] = some[:, bits[::-1]]
        packed[start : start + len(some)] = np.packbits(table, axis=1)
    return packed
