"""Expectation values: a table for people, lines for programs."""

from collections.abc import Iterator, Sequence
from typing import Any

from qrsession.render.tables import Column, table_text
from qrsession.render.terminal import Terminal

Estimate = tuple[Any, Any]

_COLUMNS = (
    Column("PUB", is_quantity=True),
    Column("INDEX"),
    Column("EXPECTATION VALUE", is_quantity=True),
    Column("STANDARD ERROR", is_quantity=True),
)


def estimates_text(pubs: Sequence[Estimate]) -> str:
    """Return ``expectation value<TAB>standard error`` lines, in C order of the pub's shape.

    With several pubs, the pub's index is the first column.

    Args:
        pubs: Expectation values and standard errors: numbers, or nested lists of one shape.
    """
    lines = []
    for index, (evs, stds) in enumerate(pubs):
        for (_, ev), (_, std) in zip(_flat(evs), _flat(stds), strict=True):
            columns = [str(index)] if len(pubs) > 1 else []
            lines.append("\t".join([*columns, repr(ev), repr(std)]))
    return "".join(f"{line}\n" for line in lines)


def estimates_table(pubs: Sequence[Estimate], terminal: Terminal) -> str:
    """Return a table of expectation values with their indices in the pub's shape."""
    rows = [
        (str(pub), ",".join(map(str, index)), f"{ev:.6g}", f"{std:.2g}")
        for pub, (evs, stds) in enumerate(pubs)
        for (index, ev), (_, std) in zip(_flat(evs), _flat(stds), strict=True)
    ]
    return table_text(_COLUMNS, rows, terminal)


def flat_estimates(evs: Any, stds: Any) -> list[tuple[tuple[int, ...], float, float]]:
    """Return index, expectation value and standard error of each point, in C order."""
    return [(index, ev, std) for (index, ev), (_, std) in zip(_flat(evs), _flat(stds), strict=True)]


def _flat(values: Any, index: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], float]]:
    if isinstance(values, list):
        for at, value in enumerate(values):
            yield from _flat(value, (*index, at))
    else:
        yield index, values
