"""Results of the programs as trees for JSON: typed, as Qiskit reads them, or plain."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qiskit.primitives import BitArray

from qrsession.codec import encode

Shape = tuple[int, ...]
Samples = tuple[Mapping[str, BitArray], Shape, dict[str, Any]]
Estimates = tuple[Mapping[str, NDArray[np.float64]], Shape, dict[str, Any]]


def write_samples(
    results: Iterable[Samples], metadata: dict[str, Any], *, is_typed: bool
) -> dict[str, Any]:
    """Write what a sampler found: for each pub its registers, its shape, its metadata."""
    if is_typed:
        return _typed(results, metadata, "SamplerPubResult", "BitArray")
    return {
        "results": [
            {
                "data": {
                    name: {"samples": _hexadecimal(bits), "num_bits": bits.num_bits}
                    for name, bits in registers.items()
                },
                "metadata": of_pub,
            }
            for registers, _, of_pub in results
        ],
        "metadata": metadata,
    }


def write_estimates(
    results: Iterable[Estimates], metadata: dict[str, Any], *, is_typed: bool
) -> dict[str, Any]:
    """Write what an estimator found: for each pub its fields, its shape, its metadata."""
    if is_typed:
        return _typed(results, metadata, "PubResult", "ndarray")
    return {
        "results": [
            {
                "data": {name: _without_nan(values) for name, values in fields.items()},
                "metadata": of_pub,
            }
            for fields, _, of_pub in results
        ],
        "metadata": metadata,
    }


def _typed(
    results: Iterable[tuple[Mapping[str, Any], Shape, dict[str, Any]]],
    metadata: dict[str, Any],
    kind: str,
    kind_of_field: str,
) -> dict[str, Any]:
    pub_results = []
    for fields, shape, of_pub in results:
        # Written out here, since Qiskit's own DataBin refuses some names that registers may have.
        data = {
            "field_names": list(fields),
            "field_types": [kind_of_field] * len(fields),
            "shape": list(shape),
            "fields": {name: encode(values) for name, values in fields.items()},
        }
        pub_results.append(typed(kind, {"data": typed("DataBin", data), "metadata": of_pub}))
    return typed("PrimitiveResult", {"pub_results": pub_results, "metadata": metadata})


def typed(name: str, value: Any) -> dict[str, Any]:
    """Write a value with its type, as IBM's client reads it."""
    return {"__type__": name, "__value__": value}


def _without_nan(values: NDArray[np.float64]) -> Any:
    """Return an array as nested lists; JSON has null in place of NaN."""
    written = values.astype(object)
    written[np.isnan(values)] = None
    return written.tolist()


def _hexadecimal(bits: BitArray) -> list[Any]:
    """Write samples as hexadecimal numbers, in lists nested as the sweep is."""
    shape = bits.array.shape
    rows = bits.array.reshape(math.prod(shape[:-1]), shape[-1])
    numbers = np.empty(len(rows), dtype=object)
    numbers[:] = [hex(int.from_bytes(row.tobytes(), "big")) for row in rows]
    nested: list[Any] = numbers.reshape(shape[:-1]).tolist()
    return nested
