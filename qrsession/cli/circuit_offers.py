"""What may stand in the places of ``run`` that its circuits and the files beside them decide.

Nothing here parses a circuit: a person has pressed a key.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from qrsession.circuits.sources import EXAMPLE_PREFIX, EXAMPLES_FOLDER
from qrsession.cli.offers import Offer, Offers

# Where the inputs of a circuit stand, long before this in any file that a person wrote.
_MOST_READ = 2**16
_MOST_FILES = 1000
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_INPUT = re.compile(r"\binput\s+(?:float|angle)\s*(?:\[\s*\w+\s*\])?\s+(\w+)\s*;")


def parameters(circuits: Sequence[str], given: Sequence[str]) -> Offers:
    """Offer the parameters of circuits in OpenQASM 3 that have no value yet, each with its ``=``.

    Args:
        circuits: The circuits on the line, as they were typed.
        given: The ``NAME=VALUE`` on the line.
    """
    taken = {one.partition("=")[0] for one in given}
    names = dict.fromkeys(name for circuit in circuits for name in _inputs_of(circuit))
    return Offers(tuple(Offer(f"{name}=", "a parameter") for name in names if name not in taken))


def files_after_at(incomplete: str) -> Offers:
    """Offer files behind an ``@``, which no shell would find there."""
    if not incomplete.startswith("@"):
        return Offers()
    folder, slash, start = incomplete.removeprefix("@").rpartition("/")
    names = _names_in(folder or slash or ".", start)
    return Offers(tuple(Offer(f"@{folder}{slash}{name}") for name in names))


def _names_in(folder: str, start: str) -> Iterator[str]:
    with suppress(OSError, ValueError):
        found = sorted(Path(folder).iterdir())[:_MOST_FILES]
        for path in found:
            if path.name.startswith(start) and (start or not path.name.startswith(".")):
                yield f"{path.name}/" if path.is_dir() else path.name


def _inputs_of(circuit: str) -> list[str]:
    path = Path(circuit)
    if circuit.startswith(EXAMPLE_PREFIX):
        path = EXAMPLES_FOLDER / f"{circuit.removeprefix(EXAMPLE_PREFIX)}.qasm"
    with suppress(OSError, ValueError):
        # A pipe would keep the person waiting.
        if path.is_file():
            with path.open("rb") as file:
                text = file.read(_MOST_READ).decode(errors="replace")
            return _INPUT.findall(_COMMENT.sub(" ", text))
    return []
