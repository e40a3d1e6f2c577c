"""Files with the distributions that results are held against: ``--reference FILE``.

A file is JSON or lines. JSON is probabilities or counts by bitstring; or what ``run -o FILE`` or
``run --json`` wrote; or a list of these, one for each circuit. Lines are what ``run`` prints:
``bitstring<TAB>count``, with the circuit's index before it where there are several.
"""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from qrsession.errors import InvalidValueError
from qrsession.expecting.agreement import Distribution

LARGEST_FILE_BYTES = 256 * 2**20
# How far probabilities that somebody has rounded may be from a sum of 1.
SUM_TOLERANCE = 1e-3
# Beyond it, numbers with a fraction do not count one by one.
_LARGEST_COUNT = 2**53
_ADVICE = 'Write {"00": 0.5, "11": 0.5}, or counts; or name a file that `qrsession run -o` wrote.'
# Of a line: the circuit's index, the bitstring, its count.
_COLUMNS = 3


def read_reference(file: Path) -> list[Distribution]:
    """Read the distributions of a file, one for each circuit or one for all.

    Raises:
        InvalidValueError: It cannot be read, or holds something else.
    """
    try:
        with file.open("rb") as stream:
            data = stream.read(LARGEST_FILE_BYTES + 1)
    except OSError as error:
        raise _wrong(file, f"it cannot be read: {error.strerror or error}") from error
    if len(data) > LARGEST_FILE_BYTES:
        raise _wrong(file, f"it has more than {LARGEST_FILE_BYTES // 2**20} MiB")
    try:
        text = data.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise _wrong(file, "it is no text") from None
    if text.startswith(("{", "[")):
        try:
            found = _entries(file, json.loads(text))
        except (json.JSONDecodeError, RecursionError):
            raise _wrong(file, "it is no JSON") from None
    else:
        found = _lines(file, text)
    if not found:
        raise _wrong(file, "it is empty")
    return [_distribution(file, entry) for entry in found]


def _entries(file: Path, document: Any) -> list[Mapping[str, Any]]:
    """Return the bitstrings and numbers of each circuit in a JSON document."""
    if isinstance(document, list):
        return [entry for part in document for entry in _entries(file, part)]
    if not isinstance(document, dict):
        raise _wrong(file, f"{json.dumps(document)[:40]} is no distribution")
    for key in ("data", "jobs", "pubs"):
        if isinstance(document.get(key), dict | list):
            return _entries(file, document[key])
    if "evs" in document:
        raise _wrong(file, "it has expectation values, and no counts")
    if isinstance(document.get("counts"), dict):
        return [document["counts"]]
    return [document]


def _lines(file: Path, text: str) -> list[Mapping[str, Any]]:
    """Return the bitstrings and numbers of each circuit in lines, as `run` prints them."""
    entries: dict[int, dict[str, float]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        columns = line.rstrip().split("\t")
        if not line.strip():
            continue
        try:
            index = int(columns.pop(0)) if len(columns) == _COLUMNS else 0
            bits, count = columns
            value = int(count) if count.isdecimal() else float(count)
        except ValueError:
            raise _wrong(file, f"line {number} is not a bitstring, a tab and a number") from None
        entry = entries.setdefault(index, {})
        if bits in entry:
            raise _wrong(file, f"line {number} has {bits!r} a second time")
        entry[bits] = value
    if sorted(entries) != list(range(len(entries))):
        raise _wrong(file, "its first column does not number the circuits from 0")
    return [entries[index] for index in range(len(entries))]


def _distribution(file: Path, entry: Mapping[str, Any]) -> Distribution:
    for bits, value in entry.items():
        if not bits or set(bits) - set("01 "):
            raise _wrong(file, f"{bits!r} is no bitstring")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise _wrong(file, f"{bits!r} has no number")
        if not 0 <= value <= _LARGEST_COUNT:
            raise _wrong(file, f"{bits!r} has {value}")
    total = math.fsum(entry.values())
    if total <= 0:
        raise _wrong(file, "it has no count and no probability")
    # Of a single shot nobody keeps the counts: {"00": 1} is a certainty.
    if total > 1 and all(float(value).is_integer() for value in entry.values()):
        return Distribution.of_counts({bits: int(value) for bits, value in entry.items()})
    if abs(total - 1) > SUM_TOLERANCE:
        raise _wrong(file, f"its probabilities sum up to {total:.6g}, not to 1")
    return Distribution({bits: value / total for bits, value in entry.items()})


def references_for(
    references: Sequence[Distribution], shapes: Sequence[tuple[str, Sequence[int]]], file: Path
) -> list[Distribution]:
    """Return the reference of each circuit; a single one is for all.

    Args:
        references: What a file holds.
        shapes: The name of each circuit, and the widths of the registers in its bitstrings, from
            left to right.
        file: The file, for messages.

    Raises:
        InvalidValueError: There are more or fewer than circuits, or bitstrings do not fit.
    """
    if len(references) not in {1, len(shapes)}:
        count = f"{len(references)} distributions for {len(shapes)} circuits"
        raise _wrong(file, f"it has {count}", "Give one for each circuit in order, or one for all.")
    chosen = list(references) * (len(shapes) if len(references) == 1 else 1)
    for reference, (name, widths) in zip(chosen, shapes, strict=True):
        for bits in reference.probabilities:
            if [len(part) for part in bits.split(" ")] != list(widths):
                example = " ".join("0" * width for width in widths)
                raise _wrong(
                    file,
                    f"{bits!r} is no outcome of {name}, whose bitstrings are like {example!r}",
                    "Bit 0 is on the right; registers have a space between, the last comes first.",
                )
    return chosen


def _wrong(file: Path, problem: str, advice: str = _ADVICE) -> InvalidValueError:
    details = {"path": str(file)}
    return InvalidValueError(f"{file} is no reference: {problem}.", advice=advice, details=details)
