"""Results of the program ``executor`` as plain numbers. Standard library only.

IBM's client-side primitives have their circuits run by it. What a sampler makes of the outcomes is
made here, too: the flips of measurement twirling are undone. What an estimator makes of them takes
the client that sent the job.
Source: schemas "executor" v1.0 to v2.0 of ibm-quantum-schemas.
"""

import math
from collections.abc import Iterator, Mapping
from itertools import islice, repeat
from typing import Any

from qrsession.errors import UsageError, WireFormatError
from qrsession.protocol.fields import as_object, objects, optional, required
from qrsession.protocol.quantum_programs import SAMPLER_ROLE, UNCOMPRESSED_SCHEMAS
from qrsession.protocol.tensors import Tensor
from qrsession.protocol.typed import LARGEST_ARRAY_BYTES, BitSamples

_FLIPS = "measurement_flips."
# What a samplex gives beside them, and no register is called.
_SIGNS = "pauli_signs"
_BITS_OF_BYTE = 8
_TO_DIGITS = bytes.maketrans(b"\x00\x01", b"01")


def read_items(document: Mapping[str, Any], job_id: str = "JOB") -> list[dict[str, BitSamples]]:
    """Read the samples of each item, by register.

    Args:
        document: The result.
        job_id: The job that it is of, for the advice where it cannot be read.

    Raises:
        UsageError: They are no samples, or are not meant to be read as such.
        WireFormatError: The result is damaged.
    """
    role = optional(document, "semantic_role", str)
    if role not in {None, SAMPLER_ROLE}:
        raise UsageError(
            f"The job holds the raw data of {role}: values are made of it in the client that sent "
            "the job.",
            advice=f'With qiskit-ibm-runtime: QiskitRuntimeService().job("{job_id}").result()',
            details={"semantic_role": role},
        )
    is_compressed = required(document, "schema_version", str) not in UNCOMPRESSED_SCHEMAS
    items = [
        _read_item(as_object(item.get("results"), "An item's results"), is_compressed=is_compressed)
        for item in objects(document, "data")
    ]
    if role is None or not _is_twirled(document):
        return items
    return [{name: _one_set(register) for name, register in item.items()} for item in items]


def _is_twirled(document: Mapping[str, Any]) -> bool:
    """Whether the client that sent the job had the first axis run over randomizations."""
    data = document.get("passthrough_data")
    processing = data.get("post_processor") if isinstance(data, dict) else None
    return isinstance(processing, dict) and processing.get("twirling") is True


def _one_set(samples: BitSamples) -> BitSamples:
    """Put the shots of all randomizations, the first axis, together at each point."""
    if not samples.shape:
        raise WireFormatError("The registers of an item have no axis of randomizations.")
    randomizations, *points = samples.shape
    size_bytes = samples.shots * -(-samples.num_bits // _BITS_OF_BYTE)
    num_points = math.prod(points)
    packed = b"".join(
        samples.packed[at * size_bytes : (at + 1) * size_bytes]
        for point in range(num_points)
        for at in range(point, randomizations * num_points, max(num_points, 1))
    )
    return BitSamples(packed, samples.num_bits, randomizations * samples.shots, tuple(points))


def _read_item(results: Mapping[str, Any], *, is_compressed: bool) -> dict[str, BitSamples]:
    tensors = {
        name: Tensor.from_wire(body, is_compressed=is_compressed) for name, body in results.items()
    }
    registers = {
        name: tensor
        for name, tensor in tensors.items()
        if tensor.dtype == "bool" and not name.startswith(_FLIPS) and name != _SIGNS
    }
    if not registers:
        raise UsageError(
            "The job's result holds no samples.",
            advice="Read its data in Python: RuntimeService().job(JOB).result()",
        )
    (shape, *others) = {tensor.shape[:-1] for tensor in registers.values()}
    if others or not shape:
        raise WireFormatError("The registers of an item hold different numbers of samples.")
    return {
        name: _samples(tensor, tensors.get(_FLIPS + name)) for name, tensor in registers.items()
    }


def _samples(register: Tensor, flips: Tensor | None) -> BitSamples:
    """Pack the samples of a register as Qiskit does, with its flips undone."""
    *points, shots, width = register.shape
    if flips is not None and (flips.dtype != "bool" or flips.shape != (*points, 1, width)):
        raise WireFormatError("The flips of a register do not have its shape.")
    if math.prod(register.shape[:-1]) > LARGEST_ARRAY_BYTES:
        raise WireFormatError(f"A register holds more than {LARGEST_ARRAY_BYTES} samples.")
    if not width:
        # They take no space, so there may be more than anybody could look at.
        return BitSamples(b"", 0, shots, tuple(points))
    num_bytes = -(-width // _BITS_OF_BYTE)
    rows = _rows(register)
    if flips is None or 1 not in flips.bits():
        packed = b"".join(row.to_bytes(num_bytes) for row in rows)
    else:
        packed = b"".join(
            (row ^ flip).to_bytes(num_bytes) for flip in _rows(flips) for row in islice(rows, shots)
        )
    return BitSamples(packed, width, shots, tuple(points))


def _rows(tensor: Tensor) -> Iterator[int]:
    """Yield the rows along the last axis as integers; bit 0 is the least significant."""
    width = tensor.shape[-1]
    if not width:
        return repeat(0, math.prod(tensor.shape[:-1]))
    # Backwards all rows are, and so is each of them: bit 0 comes to stand on the right.
    text = tensor.bits().translate(_TO_DIGITS)[::-1]
    return (int(text[at - width : at], 2) for at in range(len(text), 0, -width))
