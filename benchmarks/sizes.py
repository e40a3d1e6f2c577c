"""Encoding, decoding and counting of large jobs: rows, and the script that measures one side.

::

    sizes.py ours|peer CASE WAY QUANTITY

It runs in the environment of each side by itself, and knows only that side's package. WAY is
``encode``, ``decode`` or ``count``; QUANTITY is ``time``, printed in milliseconds, or ``memory``,
which is the most that Python and numpy asked for meanwhile, in megabytes. What is decoded begins
as the text of a reply, which numpy's own format and zlib's usual level make here, for both sides.
"""

# ruff: noqa: PLC0415 - The rows need no Qiskit; the script loads it before anything is measured.

import base64
import gc
import io
import json
import sys
import time
import tracemalloc
import zlib
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any

# In both directions: a request is encoded and its result decoded, save for the samples of a million
# shots, which are a result both times.
CASES = {
    "shots": "a result of 1,000,000 shots on 20 bits",
    "sweep": "a sweep of 10,000 points, 100 shots each",
    "estimates": "an estimator pub of 200 observables on 10 qubits, 200 terms each, by 500 points",
    "wide-estimates": "the same on 127 qubits",
    "circuits": "100 circuits of five qubits",
}
COUNTED = {"uniform": "evenly spread", "few": "of 16 outcomes"}
WAYS = ("encode", "decode")
_RUNS = 5
_SHOTS = 1_000_000
_SEED = 17

NAMES = (
    *(f"sizes-{case}-{way}{end}" for case in CASES for way in WAYS for end in ("", "-memory")),
    *(f"sizes-count-{case}" for case in COUNTED),
)


def size_rows(home: Any, peer: Any) -> list[Any]:
    """Return the rows.

    Args:
        home: Where this package is installed.
        peer: Where qiskit-ibm-runtime is.
    """
    from benchmarks.timing import Limit, Row, in_turn

    def measured(at: Any, *words: str) -> Callable[[], float]:
        return lambda: float(at.output("python", "-P", Path(__file__).resolve(), *words))

    rows = []
    for case, what in CASES.items():
        for way in WAYS:
            for quantity, end, unit in (("time", "", "ms"), ("memory", "-memory", "MB")):
                words = (case, way, quantity)
                rows.append(
                    Row(
                        f"sizes-{case}-{way}{end}",
                        f"{way}: {what}, {quantity} / qiskit-ibm-runtime",
                        Limit(1.0 if quantity == "time" else None),
                        in_turn(measured(home, "ours", *words), measured(peer, "peer", *words)),
                        share=0.2 if quantity == "time" else 0.1,
                        unit=unit,
                    )
                )
    for case, what in COUNTED.items():
        words = (case, "count", "time")
        rows.append(
            Row(
                f"sizes-count-{case}",
                f"counts of 1,000,000 shots on 20 bits, {what} / BitArray.get_counts",
                Limit(1.0),
                in_turn(measured(home, "ours", *words), measured(home, "peer", *words)),
                share=0.2,
            )
        )
    return rows


def samples_of(case: str) -> Any:
    """Return an array of samples: uint8, shape ``(shots, 3)``, 20 bits of each row used."""
    import numpy as np

    rng = np.random.default_rng(_SEED)
    array = rng.integers(0, 256, size=(16 if case == "few" else _SHOTS, 3), dtype=np.uint8)
    array[:, 0] &= 15
    return array[rng.integers(0, 16, size=_SHOTS)] if case == "few" else array


def request(case: str) -> Any:
    """Return what is encoded."""
    import numpy as np
    from qiskit import QuantumCircuit
    from qiskit.circuit import Parameter
    from qiskit.circuit.random import random_circuit
    from qiskit.primitives import BitArray, DataBin, PrimitiveResult, SamplerPubResult
    from qiskit.primitives.containers.estimator_pub import EstimatorPub
    from qiskit.primitives.containers.sampler_pub import SamplerPub
    from qiskit.quantum_info import SparsePauliOp

    if case == "shots":
        data = DataBin(c=BitArray(samples_of(case), 20))
        return PrimitiveResult([SamplerPubResult(data, {"shots": _SHOTS})], {})
    if case == "circuits":
        circuits = [random_circuit(5, 10, seed=seed, measure=True) for seed in range(100)]
        return [SamplerPub.coerce(circuit) for circuit in circuits]
    rng = np.random.default_rng(_SEED)
    num_qubits = 127 if case == "wide-estimates" else 10
    circuit = QuantumCircuit(num_qubits)
    circuit.rx(Parameter("theta"), 0)
    if case == "sweep":
        circuit.measure_all()
        return [SamplerPub.coerce((circuit, rng.random((10_000, 1)), 100))]
    observables = [
        SparsePauliOp(
            ["".join(letters) for letters in rng.choice(list("IXYZ"), size=(200, num_qubits))],
            rng.random(200),
        )
        for _ in range(200)
    ]
    return [EstimatorPub.coerce((circuit, [[one] for one in observables], rng.random((500, 1))))]


def reply(case: str) -> str:
    """Return what is decoded: the result of a job, and of circuits these themselves."""
    import numpy as np

    if case == "circuits":
        return json.dumps([_typed("QuantumCircuit", _qpy(pub.circuit)) for pub in request(case)])
    rng = np.random.default_rng(_SEED)
    kind = "PubResult"
    shape: tuple[int, ...] = (200, 500)
    if case in {"shots", "sweep"}:
        kind, shape = "SamplerPubResult", () if case == "shots" else (10_000,)
        array = samples_of(case).reshape((*shape, -1, 3))
        fields = {"c": _typed("BitArray", {"array": _array(array), "num_bits": 20})}
    else:
        fields = {name: _array(rng.normal(size=shape)) for name in ("evs", "stds")}
    data = {"field_names": list(fields), "shape": list(shape), "fields": fields}
    pub = _typed(kind, {"data": _typed("DataBin", data), "metadata": {}})
    return json.dumps(_typed("PrimitiveResult", {"pub_results": [pub], "metadata": {}}))


def _typed(name: str, value: Any) -> dict[str, Any]:
    return {"__type__": name, "__value__": value}


def _array(array: Any) -> dict[str, Any]:
    import numpy as np

    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return _typed("ndarray", _packed(file.getvalue()))


def _qpy(circuit: Any) -> str:
    from qiskit import qpy

    file = io.BytesIO()
    qpy.dump(circuit, file, version=14)
    return _packed(file.getvalue())


def _packed(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data)).decode()


def coders(side: str) -> tuple[Callable[[Any], str], Callable[[str], Any]]:
    """Return what encodes to text, and what decodes from it."""
    if side == "ours":
        codec = import_module("qrsession.codec")
        return (
            lambda value: json.dumps(codec.encode(value)),
            lambda text: codec.decode(json.loads(text)),
        )
    peer = import_module("qiskit_ibm_runtime.json")
    return (
        lambda value: json.dumps(value, cls=peer.RuntimeEncoder),
        lambda text: json.loads(text, cls=peer.RuntimeDecoder),
    )


def work_of(side: str, case: str, way: str) -> Callable[[], Any]:
    """Return what is measured."""
    if way == "count":
        from qiskit.primitives import BitArray

        bits = BitArray(samples_of(case), 20)
        if side == "peer":
            peers: Callable[[], Any] = bits.get_counts
            return peers
        samples = import_module("qrsession.protocol.typed").BitSamples
        ours: Callable[[], Any] = samples(bits.array.tobytes(), 20, _SHOTS).counts
        return ours
    encode, decode = coders(side)
    if way == "encode":
        value = request(case)
        return lambda: encode(value)
    text = reply(case)
    return lambda: decode(text)


def main(side: str, case: str, way: str, quantity: str) -> None:
    """Measure, and print the figure."""
    work = work_of(side, case, way)
    # The first loads what is needed first.
    work()
    gc.collect()
    if quantity == "memory":
        tracemalloc.start()
        work()
        print(tracemalloc.get_traced_memory()[1] / 1e6)
        return
    taken_ms = []
    for _ in range(_RUNS):
        started_s = time.perf_counter()
        work()
        taken_ms.append(1000 * (time.perf_counter() - started_s))
    print(median(taken_ms))


if __name__ == "__main__":
    main(*sys.argv[1:])
