"""Expectation values over a sweep as a picture: curves over one axis, maps over two."""

from collections.abc import Sequence
from itertools import islice

from qrsession.render.plot import MOST_CURVES, Curve, plot_lines
from qrsession.render.scales import number_of, span
from qrsession.render.terminal import Style, Terminal, clean, cut
from qrsession.results.pubs import EstimatedPub

_MOST_MAPS = 3
# Fewer points make no curve.
_FEWEST_POINTS = 4
_LONGEST_NAME = 30


def picture_of(pub: EstimatedPub, terminal: Terminal) -> str | None:
    """Return a picture of a sweep; None where a table shows it better."""
    if not pub.evs or pub.num_points < _FEWEST_POINTS:
        return None
    match pub.sweep_shape:
        case (_,):
            return _plot(pub, terminal)
        case (rows, columns) if rows > 1 and columns > 1:
            return _maps(pub, terminal)
    return None


def _plot(pub: EstimatedPub, terminal: Terminal) -> str | None:
    num_shown = min(pub.num_observables, MOST_CURVES)
    curves = [
        Curve(
            _name(pub, number, terminal), _part(pub, pub.evs, number), _part(pub, pub.stds, number)
        )
        for number in range(num_shown)
    ]
    x, x_name, beside = _axis(pub)
    lines = plot_lines(x, x_name, curves, terminal)
    if lines is None:
        return None
    alone = cut(pub.observable(0), terminal.width, terminal) or _name(pub, 0, terminal)
    title = alone if num_shown == 1 else "expectation values"
    lines.insert(0, terminal.paint(title, Style.STRONG))
    return _with_notes(lines, [*beside, *_notes(pub, num_shown, terminal)], terminal)


def _axis(pub: EstimatedPub) -> tuple[Sequence[float], str, list[str]]:
    """Return what a sweep of one axis runs over, its name, and what changes along with it."""
    rising = [
        name
        for name, values in pub.parameters.items()
        if all(first < last for first, last in zip(values, islice(values, 1, None), strict=False))
    ]
    others = [
        f"{clean(name)} {span(values)}"
        for name, values in pub.parameters.items()
        if name not in rising[:1]
    ]
    beside = [f"along with it {', '.join(others)}"] if others else []
    if rising:
        return pub.parameters[rising[0]], rising[0], beside
    return range(pub.num_points), "point", beside


def _maps(pub: EstimatedPub, terminal: Terminal) -> str:
    # Imported here because few sweeps have two axes.
    from qrsession.render.maps import Side, map_lines  # noqa: PLC0415

    rows, columns = pub.sweep_shape
    across = {name: column[:columns] for name, column in pub.parameters.items()}
    down = {name: column[::columns] for name, column in pub.parameters.items()}
    down = {name: values for name, values in down.items() if len(set(values)) > 1}
    across = {name: values for name, values in across.items() if len(set(values)) > 1}
    sides = (Side.of(down, rows, "row"), Side.of(across, columns, "column"))
    num_shown = min(pub.num_observables, _MOST_MAPS)
    lines: list[str] = []
    for number in range(num_shown):
        lines += [terminal.paint(_name(pub, number, terminal), Style.STRONG)]
        lines += [*map_lines(_part(pub, pub.evs, number), *sides, terminal), ""]
    return _with_notes(lines[:-1], _notes(pub, num_shown, terminal), terminal)


def _part(pub: EstimatedPub, values: Sequence[float], number: int) -> Sequence[float]:
    return values[number * pub.num_points : (number + 1) * pub.num_points]


def _name(pub: EstimatedPub, number: int, terminal: Terminal) -> str:
    name = cut(pub.observable(number), _LONGEST_NAME, terminal)
    return name or (f"observable {number}" if pub.has_observable_axis else "expectation value")


def _notes(pub: EstimatedPub, num_shown: int, terminal: Terminal) -> list[str]:
    notes = []
    if pub.num_observables > num_shown:
        more = number_of(pub.num_observables - num_shown, "more observable")
        notes.append(f"{terminal.dots} {more}: --format csv has all")
    errors = span(pub.stds, "{:.2g}")
    notes.append(f"{number_of(pub.num_points, 'point')}, standard error {errors}")
    return notes


def _with_notes(lines: Sequence[str], notes: Sequence[str], terminal: Terminal) -> str:
    faint = [terminal.paint(note, Style.FAINT) for note in notes]
    return "".join(f"{line}\n" for line in [*lines, *faint])
