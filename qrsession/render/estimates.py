"""Expectation values: pictures and tables for people, lines for programs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice

from qrsession.render.scales import aligned, measured, number_of, short, span
from qrsession.render.tables import Column, table_text
from qrsession.render.terminal import Style, Terminal, clean
from qrsession.render.titles import pub_title
from qrsession.results.pubs import EstimatedPub

MOST_ROWS = 40
# More pictures than this scroll by unseen.
_MOST_PICTURES = 6


def estimates_lines(pubs: Sequence[EstimatedPub]) -> Iterator[str]:
    """Yield ``expectation value<TAB>standard error`` lines, in C order of the pub's shape.

    Before them stand the numbers, from 0, of the pub, where there are several, of the point of a
    sweep, and of the observable, where an axis runs over observables.
    """
    has_points = any(pub.sweep_shape for pub in pubs)
    has_observables = any(pub.has_observable_axis for pub in pubs)
    for index, pub in enumerate(pubs):
        of_pub = f"{index}\t" if len(pubs) > 1 else ""
        for observable, point, ev, std in pub.estimates():
            of_point = f"{point}\t" if has_points else ""
            of_observable = f"{observable}\t" if has_observables else ""
            yield f"{of_pub}{of_point}{of_observable}{ev!r}\t{std!r}\n"


def estimates_view(pubs: Sequence[EstimatedPub], terminal: Terminal) -> str:
    """Return expectation values for a person.

    A sweep of one axis is a plot, one of two axes a map of each observable, and all the rest is a
    table. What is left out is summed up in a line.
    """
    drawn: dict[int, str] = {}
    for index, pub in enumerate(pubs):
        if pub.num_points > 1 and len(drawn) < _MOST_PICTURES:
            # Imported here because most results are of single points.
            from qrsession.render.sweep_estimates import picture_of  # noqa: PLC0415

            picture = picture_of(pub, terminal)
            if picture is not None:
                drawn[index] = picture
    parts = [
        picture if len(pubs) == 1 else f"{pub_title(index, pubs[index], terminal)}\n{picture}"
        for index, picture in drawn.items()
    ]
    rest = {index: pub for index, pub in enumerate(pubs) if index not in drawn}
    if rest:
        parts.append(_table(rest, terminal, has_several=len(pubs) > 1))
    return "\n".join(parts)


def _table(pubs: Mapping[int, EstimatedPub], terminal: Terminal, *, has_several: bool) -> str:
    """Return a table of the first values, and of the rest the span."""
    names = list(dict.fromkeys(name for pub in pubs.values() for name in pub.parameters))
    known = [pub.caption for pub in pubs.values() if pub.caption is not None]
    columns = [
        (Column("PUB", is_quantity=True), has_several),
        (Column("CIRCUIT", can_fold=True, yields=2), has_several and any(c.file for c in known)),
        (Column("POINT"), any(pub.sweep_shape for pub in pubs.values())),
        *((Column(clean(name), is_quantity=True, yields=3), True) for name in names),
        (Column("OBSERVABLE", can_fold=True), any(c.observables for c in known)),
        (Column("EXPECTATION VALUE", is_quantity=True), True),
        (Column("STANDARD ERROR", is_quantity=True), True),
    ]
    shown = [at for at, (_, is_shown) in enumerate(columns) if is_shown]
    rows = chain.from_iterable(_rows(index, pub, names) for index, pub in pubs.items())
    # A line for a single rest would take the room of its row.
    first = list(islice(rows, MOST_ROWS + 1))
    total = sum(len(pub.evs) for pub in pubs.values())
    if total > len(first):
        first.pop()
    parts: list[tuple[Column, Sequence[str]]] = [
        (columns[at][0], [row[at] for row in first]) for at in shown
    ]
    if terminal.is_terminal:
        parts = [_with_points_aligned(*part) for part in parts]
    cells = zip(*(column for _, column in parts), strict=True)
    text = table_text([column for column, _ in parts], [list(row) for row in cells], terminal)
    if total == len(first):
        return text
    rest = list(islice(chain.from_iterable(pub.evs for pub in pubs.values()), len(first), None))
    line = (
        f"{terminal.dots} {number_of(len(rest), 'more value')}, {span(rest)}: --format csv has all"
    )
    return f"{text}{terminal.paint(line, Style.FAINT)}\n"


def _rows(index: int, pub: EstimatedPub, names: Sequence[str]) -> Iterator[list[str]]:
    file = "" if pub.caption is None else pub.caption.file
    columns = [pub.parameters.get(name) for name in names]
    for observable, point, ev, std in pub.estimates():
        values = ["" if column is None else short(column[point]) for column in columns]
        where = _index_of(point, pub.sweep_shape)
        written = pub.observable(observable)
        yield [str(index), file, where, *values, written, *measured(ev, std)]


def _with_points_aligned(column: Column, cells: Sequence[str]) -> tuple[Column, Sequence[str]]:
    if not column.is_quantity:
        return column, cells
    numbers = aligned(cells)
    width = max(len(column.title), *map(len, numbers))
    # A table that moves cells to the right takes the blanks behind them away.
    title = column.title.rjust(width)
    return replace(column, title=title, is_quantity=False), [one.rjust(width) for one in numbers]


def _index_of(point: int, shape: Sequence[int]) -> str:
    """Return the indices of a point in a shape: ``1,0``."""
    indices = []
    for size in reversed(shape):
        point, index = divmod(point, size)
        indices.append(str(index))
    return ",".join(reversed(indices))
