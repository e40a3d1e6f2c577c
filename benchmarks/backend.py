"""Targets of 156 qubits out of their two documents: ``backend.py ours|peer FOLDER``.

It runs in the environment of each side by itself, and knows only that side's package. FOLDER has
the snapshots of devices that qiskit-ibm-runtime carries. What is timed begins with the documents as
the text that a service sends, and ends with the target that circuits are transpiled to. Prints
milliseconds, the mean over two devices and several builds of each.
"""

import json
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from statistics import fmean
from typing import Any

DEVICES = ("fez", "boston")
BUILDS = 5


def ours() -> Callable[[str, str], Any]:
    """Return what builds a target with this project."""
    backend = import_module("qrsession.backend").Backend
    return lambda configuration, properties: (
        backend(json.loads(configuration), json.loads(properties)).target
    )


def peer() -> Callable[[str, str], Any]:
    """Return what builds a target as a backend of qiskit-ibm-runtime does."""
    decoder = import_module("qiskit_ibm_runtime.utils.backend_decoder")
    convert = import_module("qiskit_ibm_runtime.utils.backend_converter").convert_to_target
    return lambda configuration, properties: convert(
        decoder.configuration_from_server_data(json.loads(configuration)),
        decoder.properties_from_server_data(json.loads(properties)),
    )


def main(side: str, folder: str) -> None:
    """Build the targets and print how long one took."""
    build = {"ours": ours, "peer": peer}[side]()
    taken_ms = []
    for device in DEVICES:
        texts = [
            (Path(folder) / device / f"{kind}_{device}.json").read_text(encoding="utf-8")
            for kind in ("conf", "props")
        ]
        # The first loads what Qiskit loads when it is needed.
        build(*texts)
        for _ in range(BUILDS):
            started_s = time.perf_counter()
            build(*texts)
            taken_ms.append(1000 * (time.perf_counter() - started_s))
    print(fmean(taken_ms))


if __name__ == "__main__":
    main(*sys.argv[1:])
