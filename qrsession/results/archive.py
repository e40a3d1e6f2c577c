"""Results as NPZ, which ``numpy.load`` reads without pickle; written without numpy.

The schema is in docs/reference/results.md. Equal results make equal files. Source: numpy, "NPY
format"; PKWARE's "APPNOTE" for ZIP.
"""

import sys
import zipfile
from array import array
from collections.abc import Iterator, Sequence
from typing import BinaryIO, cast
from urllib.parse import quote

from qrsession.protocol.typed import Array
from qrsession.results.pubs import EstimatedPub, Pub, SampledPub

SCHEMA_VERSION = 1
# Samples hardly shrink, and the first level gains most of what there is to gain.
_LEVEL = 1
_PIECE_BYTES = 2**20
# From here on what an entry comes to might need the longer fields of ZIP.
_LARGE_BYTES = 2**30


class _Parts:
    """Takes what is written and gives it away. It cannot seek, so a pipe gets what a file gets."""

    def __init__(self) -> None:
        self._taken: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._taken.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Do nothing: what was written is here."""

    def give(self) -> Iterator[bytes]:
        """Yield what was written since the last time."""
        yield from self._taken
        self._taken.clear()


def npz_parts(pubs: Sequence[tuple[str, Pub]]) -> Iterator[bytes]:
    """Yield a file in NPZ form, part by part.

    Args:
        pubs: Each with the id of its job.
    """
    parts = _Parts()
    with zipfile.ZipFile(
        cast("BinaryIO", parts), "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL
    ) as archive:
        for key, value in _entries(pubs):
            # By its name alone an entry bears the first date that there is, not the time of today.
            is_large = len(value.data) >= _LARGE_BYTES
            with archive.open(f"{key}.npy", "w", force_zip64=is_large) as stream:
                stream.write(value.npy_header())
                data = memoryview(value.data)
                for at in range(0, len(data), _PIECE_BYTES):
                    stream.write(data[at : at + _PIECE_BYTES])
                    yield from parts.give()
    yield from parts.give()


def _entries(pubs: Sequence[tuple[str, Pub]]) -> Iterator[tuple[str, Array]]:
    yield "schema_version", _number(SCHEMA_VERSION)
    job_ids = list(dict.fromkeys(job_id for job_id, _ in pubs))
    if len(job_ids) == 1:
        yield "job_id", _texts(job_ids, ())
    for index, (job_id, pub) in enumerate(pubs):
        yield f"{index}/job_id", _texts([job_id], ())
        for key, value in _entries_of(pub):
            yield f"{index}/{key}", value


def _entries_of(pub: Pub) -> Iterator[tuple[str, Array]]:
    if isinstance(pub, EstimatedPub):
        yield "evs", _floats(pub.evs, pub.shape)
        yield "stds", _floats(pub.stds, pub.shape)
    else:
        yield from _samples(pub)
    for name, body in pub.fields.items():
        yield f"fields/{key_of(name)}", body
    if pub.caption is None:
        return
    values = pub.caption.values
    yield "circuit", _texts([pub.caption.file], ())
    for name, column in values.columns.items():
        yield f"parameters/{key_of(name)}", _floats(column, values.shape)
    observables = pub.caption.observables
    if observables:
        yield "observables", _texts(observables, (len(observables),))


def _samples(pub: SampledPub) -> Iterator[tuple[str, Array]]:
    yield "registers", _texts(list(pub.samples), (len(pub.samples),))
    for name, samples in pub.samples.items():
        key = key_of(name)
        shape = (*samples.shape, samples.shots, -(-samples.num_bits // 8))
        yield f"bits/{key}", Array(samples.packed, shape, "|u1")
        yield f"num_bits/{key}", _number(samples.num_bits)


def key_of(name: str) -> str:
    """Return a name as a part of a key: what is no ASCII letter, digit, ``_`` or ``-`` as in URLs.

    ``urllib.parse.unquote`` gives it back. A dot is written ``%2E``, since keys lose an ending.
    """
    return quote(name, safe="", errors="surrogatepass").replace(".", "%2E").replace("~", "%7E")


def _number(number: int) -> Array:
    return Array(number.to_bytes(8, "little", signed=True), (), "<i8")


def _floats(values: Sequence[float], shape: tuple[int, ...]) -> Array:
    flat = array("d", values)
    if sys.byteorder == "big":
        flat.byteswap()
    return Array(flat.tobytes(), shape, "<f8")


def _texts(texts: Sequence[str], shape: tuple[int, ...]) -> Array:
    width = max([1, *map(len, texts)])
    written = (text.encode("utf-32-le", "surrogatepass") for text in texts)
    return Array(b"".join(one.ljust(4 * width, b"\0") for one in written), shape, f"<U{width}")
