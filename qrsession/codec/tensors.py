"""Tensors of the program ``executor`` as numpy's arrays."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qrsession.errors import WireFormatError
from qrsession.protocol.quantum_programs import UNCOMPRESSED_SCHEMAS
from qrsession.protocol.tensors import Tensor, is_tensor

_DEEPEST = 64
_BITS_OF_BYTE = 8


def tensor_to_array(tensor: Tensor) -> NDArray[Any]:
    """Return a tensor as an array of its shape, in native types; it can be written to."""
    raw = np.frombuffer(tensor.data, dtype=np.uint8)
    if tensor.dtype == "bool":
        bits = np.unpackbits(raw, count=math.prod(tensor.shape), bitorder="little")
        return bits.astype(bool).reshape(tensor.shape)
    kind, width = tensor.dtype[0], int(tensor.dtype[1:]) // _BITS_OF_BYTE
    little = raw.view(f"<{kind}{width}")
    return little.astype(little.dtype.newbyteorder("=")).reshape(tensor.shape)


def array_to_tensor(array: NDArray[Any]) -> Tensor:
    """Return an array of booleans, integers or floating-point numbers as a tensor."""
    if array.dtype == bool:
        data = np.packbits(array, axis=None, bitorder="little").tobytes()
        return Tensor(data, array.shape, "bool")
    kind, width = array.dtype.kind, array.dtype.itemsize
    data = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).tobytes()
    return Tensor(data, array.shape, f"{kind}{width * _BITS_OF_BYTE}")


def decode_program_result(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the result of a quantum program with an array in place of each tensor.

    Raises:
        WireFormatError: A tensor is damaged or too large, or the document is nested too deeply.
    """
    is_compressed = document.get("schema_version") not in UNCOMPRESSED_SCHEMAS
    return {
        name: _with_arrays(part, 1, is_compressed=is_compressed) for name, part in document.items()
    }


def _with_arrays(tree: Any, depth: int, *, is_compressed: bool) -> Any:
    if depth > _DEEPEST:
        raise WireFormatError(f"The data is nested more than {_DEEPEST} levels deep.")
    if is_tensor(tree):
        return tensor_to_array(Tensor.from_wire(tree, is_compressed=is_compressed))
    if isinstance(tree, dict):
        return {
            name: _with_arrays(part, depth + 1, is_compressed=is_compressed)
            for name, part in tree.items()
        }
    if isinstance(tree, list):
        return [_with_arrays(part, depth + 1, is_compressed=is_compressed) for part in tree]
    return tree
