"""Results as CSV: a header always, a row for each outcome or value. Source: RFC 4180."""

import csv
from collections.abc import Iterator, Sequence
from typing import Any

from qrsession.render.terminal import clean
from qrsession.results.pubs import EstimatedPub, Pub, SampledPub

_BEFORE = ("pub", "circuit", "point")
_OF_SAMPLES = ("registers", "bitstring", "count", "shots")
_OF_ESTIMATES = ("observable", "ev", "std")


class _Line:
    """Takes what the writer writes, a line at a time."""

    text = ""

    def write(self, text: str) -> None:
        self.text = text


def csv_lines(pubs: Sequence[Pub]) -> Iterator[str]:
    """Yield a header and a line for each outcome, or value, of each point of each pub.

    Numbers have all their digits; what is not known is empty. Bitstrings are as in counts: bit 0 on
    the right, several registers joined by a space; ``registers`` has their names in that order.
    """
    line = _Line()
    writer = csv.writer(line, lineterminator="\n")
    names = list(dict.fromkeys(name for pub in pubs for name in pub.parameters))
    is_estimated = any(isinstance(pub, EstimatedPub) for pub in pubs)
    after = _OF_ESTIMATES if is_estimated else _OF_SAMPLES
    writer.writerow([*_BEFORE, *_titles(names, (*_BEFORE, *after)), *after])
    yield line.text
    for index, pub in enumerate(pubs):
        start = [index, "" if pub.caption is None else clean(pub.caption.file)]
        columns = [pub.parameters.get(name) for name in names]
        for point, row in _rows(pub):
            values = ["" if column is None else repr(column[point]) for column in columns]
            writer.writerow([*start, point, *values, *row])
            yield line.text


def _titles(names: Sequence[str], taken: Sequence[str]) -> list[str]:
    """Return the titles of parameters; one that is called like another column says so."""
    return [f"parameter {name}" if name in taken else clean(name) for name in names]


def _rows(pub: Pub) -> Iterator[tuple[int, list[Any]]]:
    if isinstance(pub, EstimatedPub):
        names = [clean(pub.observable(number)) for number in range(pub.num_observables)]
        if pub.has_observable_axis:
            names = [name or str(number) for number, name in enumerate(names)]
        for observable, point, ev, std in pub.estimates():
            yield point, [names[observable], repr(ev), repr(std)]
    else:
        yield from _outcomes(pub)


def _outcomes(pub: SampledPub) -> Iterator[tuple[int, list[Any]]]:
    registers = " ".join(clean(name) for name in reversed(list(pub.samples)))
    for number, point in enumerate(pub.points()):
        for bits, count in point.outcomes():
            yield number, [registers, bits, count, point.shots]
