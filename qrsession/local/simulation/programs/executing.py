"""The program ``executor``: circuits as they are, and the bits that they give, shot by shot.

What IBM's client-side primitives make of circuits and observables arrives here, and what they make
of the outcomes happens there. Source: schemas "executor" of ibm-quantum-schemas; "Directed
execution model" in IBM's guides.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from qrsession.codec.tensors import array_to_tensor
from qrsession.local.simulation.inputs.isa import check_isa
from qrsession.local.simulation.inputs.program_items import (
    Item,
    QuantumProgram,
    read_quantum_program,
)
from qrsession.local.simulation.outcomes import derive_seed
from qrsession.local.simulation.programs.item_runs import DECIMALS_OF_SINGLE, Bits, ItemRun
from qrsession.local.simulation.simulator import Simulator
from qrsession.local.simulation.twin import Twin
from qrsession.protocol.quantum_programs import CLASSIFIED

# Where a measurement at a level that is not classified goes, beside or in place of its bits.
_SUFFIX = {"kerneled": "_iq", "avg_kerneled": "_avg_iq", "both": "_iq"}


def execute(
    params: Mapping[str, Any], simulator: Simulator, job_seed: int, twin: Twin | None = None
) -> dict[str, Any]:
    """Run the program, and return its result as a tree for JSON.

    Bit i of a register is the element i of the last axis of its tensor.

    Args:
        params: The parameters of the job.
        simulator: What runs it.
        job_seed: What its randomness comes from, unless its experimental options have a
            ``seed_simulator``.
        twin: The device, if it is one; simulators run everything, without noise.

    Raises:
        JobFailedError: An item is not valid, does not fit the device, or cannot be simulated.
    """
    seed = _seed_of(params, job_seed)
    program = read_quantum_program(params, seed)
    if twin is not None:
        for index, item in enumerate(program.items):
            values = item.values
            if item.is_drawn:
                # In single precision pi/2 may come out as a little more than it is.
                values = np.round(values, DECIMALS_OF_SINGLE)
            check_isa(item.circuit, values, twin.rules, index, "Item")
    timing: list[dict[str, Any]] = []
    data = []
    for index, item in enumerate(program.items):
        run = ItemRun(item, program.shots, simulator, derive_seed(seed, index, "run"), twin)
        registers, spans = run.registers()
        timing.extend(span.to_wire(index) for span in spans)
        data.append(_item_result(item, registers, program))
    record = params["quantum_program"]
    return {
        "schema_version": params["schema_version"],
        "data": data,
        "metadata": {"chunk_timing": timing, **_declared(params, program)},
        "passthrough_data": record.get("passthrough_data"),
        "semantic_role": record.get("semantic_role"),
    }


def _seed_of(params: Mapping[str, Any], job_seed: int) -> int:
    experimental = params["options"].get("experimental") or {}
    seed = experimental.get("seed_simulator")
    return seed if isinstance(seed, int) and not isinstance(seed, bool) else job_seed


def _declared(params: Mapping[str, Any], program: QuantumProgram) -> dict[str, Any]:
    """Name what was asked for and makes no difference here."""
    options = params["options"]
    names = {
        "init_qubits": options.get("init_qubits", True) is False,
        "meas_level": program.meas_level != CLASSIFIED,
        "rep_delay": options.get("rep_delay") is not None,
        "scheduler_timing": options.get("scheduler_timing", False),
        "stretch_values": options.get("stretch_values", False),
    }
    asked_for = [name for name, is_set in names.items() if is_set]
    return {"simulation": {"not_simulated": asked_for}} if asked_for else {}


def _item_result(item: Item, registers: Mapping[str, Bits], program: QuantumProgram) -> Any:
    arrays = dict(item.extras)
    for name, bits in registers.items():
        if program.meas_level in {CLASSIFIED, "both"}:
            arrays[name] = bits
        if program.meas_level != CLASSIFIED:
            # There is no signal that a state would be told from: each point is the bit itself.
            points = bits.mean(axis=-2) if program.meas_level == "avg_kerneled" else bits
            arrays[name + _SUFFIX[program.meas_level]] = points.astype(np.complex128)
    if not program.is_compressed:
        # The older schemas know no other floating-point numbers than these.
        arrays = {
            name: array.astype(np.float64) if array.dtype.kind == "f" else array
            for name, array in arrays.items()
        }
    return {
        "results": {
            name: array_to_tensor(array).to_wire(is_compressed=program.is_compressed)
            for name, array in arrays.items()
        },
        "metadata": {"scheduler_timing": None, "stretch_values": None},
    }
