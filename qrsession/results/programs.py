"""Results of the program ``executor`` as plain numbers. Standard library only.

IBM's client-side primitives have their circuits run by it. What a sampler makes of the outcomes is
made here, too: the flips of measurement twirling are undone, and all randomizations counted
together. What an estimator makes of them takes the client that sent the job.
Source: schemas "executor" v1.0 to v2.0 of ibm-quantum-schemas.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice, repeat
from typing import Any

from qrsession.errors import UsageError, WireFormatError
from qrsession.protocol.fields import as_object, objects, optional, required
from qrsession.protocol.quantum_programs import SAMPLER_ROLE, UNCOMPRESSED_SCHEMAS
from qrsession.protocol.tensors import Tensor

_FLIPS = "measurement_flips."
# What a samplex gives beside them, and no register is called.
_SIGNS = "pauli_signs"
_TO_DIGITS = bytes.maketrans(b"\x00\x01", b"01")

_Rows = tuple[str, ...]


@dataclass(frozen=True)
class ItemCounts:
    """The samples of an item of a quantum program, over all points of its shape.

    Attributes:
        counts: Samples by bitstring, most frequent first. Bit 0 is on the right; several registers
            are joined by a space, the last declared first.
        registers: The same for each register by itself.
    """

    counts: Mapping[str, int]
    registers: Mapping[str, Mapping[str, int]]


def read_items(document: Mapping[str, Any], job_id: str = "JOB") -> list[ItemCounts]:
    """Count the samples of each item.

    Args:
        document: The result.
        job_id: The job that it is of, for the advice where it cannot be counted.

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
    return [
        _count(as_object(item.get("results"), "An item's results"), is_compressed=is_compressed)
        for item in objects(document, "data")
    ]


def _count(results: Mapping[str, Any], *, is_compressed: bool) -> ItemCounts:
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
    joint: Counter[_Rows] = Counter()
    num_samples = _num_samples(registers)
    if not num_samples:
        return ItemCounts({}, {name: {} for name in registers})
    if any(tensor.shape[-1] for tensor in registers.values()):
        for flips, rows in _points(registers, tensors):
            for row, count in Counter(rows).items():
                joint[tuple(map(_flipped, row, flips))] += count
    else:
        # They take no space, so there may be more than anybody could look at.
        joint[("",) * len(registers)] = num_samples
    names = list(registers)
    alone = {name: _summed(joint, (index,)) for index, name in enumerate(names)}
    joined = alone[names[0]] if len(names) == 1 else _summed(joint, range(len(names))[::-1])
    return ItemCounts(joined, alone)


def _num_samples(registers: Mapping[str, Tensor]) -> int:
    shapes = {tensor.shape[:-1] for tensor in registers.values()}
    if len(shapes) > 1 or () in shapes:
        raise WireFormatError("The registers of an item hold different numbers of samples.")
    return math.prod(shapes.pop())


def _points(
    registers: Mapping[str, Tensor], tensors: Mapping[str, Tensor]
) -> Iterator[tuple[_Rows, Iterator[_Rows]]]:
    """Yield, for each point, the flips of each register and the rows of each shot."""
    shape = next(iter(registers.values())).shape[:-1]
    shots, points = shape[-1], math.prod(shape[:-1])
    columns = [_rows(tensor) for tensor in registers.values()]
    flips: list[Iterator[str]] = []
    for name, tensor in registers.items():
        own = tensors.get(_FLIPS + name)
        if own is None:
            flips.append(repeat("0" * tensor.shape[-1], points))
        elif own.dtype == "bool" and own.shape == (*shape[:-1], 1, tensor.shape[-1]):
            flips.append(_rows(own))
        else:
            raise WireFormatError("The flips of a register do not have its shape.")
    for flips_of_point in zip(*flips, strict=True):
        rows = zip(*(islice(column, shots) for column in columns), strict=True)
        yield flips_of_point, rows


def _rows(tensor: Tensor) -> Iterator[str]:
    """Yield the rows along the last axis as bitstrings, bit 0 on the right."""
    width, number = tensor.shape[-1], math.prod(tensor.shape[:-1])
    if not width:
        return repeat("", number)
    text = tensor.bits().translate(_TO_DIGITS)
    return (text[at : at + width][::-1].decode() for at in range(0, number * width, width))


def _flipped(row: str, flips: str) -> str:
    if "1" not in flips:
        return row
    return f"{int(row, 2) ^ int(flips, 2):0{len(row)}b}"


def _summed(joint: Counter[_Rows], order: Any) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for rows, count in joint.items():
        counts[" ".join(rows[index] for index in order)] += count
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
