"""Values over two axes: numbers where they fit, else shades."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from qrsession.render.scales import alike, short
from qrsession.render.terminal import Style, Terminal, clean

_SHADES = " ░▒▓█"
_SHADES_IN_ASCII = " .:+*#@"
_MOST_ROWS = 20
_GAP = "  "


@dataclass(frozen=True)
class Side:
    """What one axis runs over: a name, and a value for each place."""

    name: str
    values: Sequence[float]

    @classmethod
    def of(cls, parameters: Mapping[str, Sequence[float]], size: int, otherwise: str) -> "Side":
        """Return the first of the parameters along an axis, else the numbers of its places."""
        for name, values in parameters.items():
            return cls(clean(name), values)
        return cls(otherwise, range(size))

    def label(self, place: int) -> str:
        """Return a value as it is shown."""
        return short(self.values[place])


def map_lines(
    values: Sequence[float], down: Side, across: Side, terminal: Terminal
) -> Iterator[str]:
    """Yield the lines of a map.

    Args:
        values: One for each place, the axis across running fastest.
        down: The axis from the top to the bottom.
        across: The axis from the left to the right.
        terminal: Where it is to be shown. Where it has no room for all places, some are left out,
            and a line says which are shown.
    """
    rows, columns = len(down.values), len(across.values)
    texts = alike(values)
    labels = [across.label(column) for column in range(columns)]
    cell_width = max(map(len, [*texts, *labels]))
    label_width = max(len(down.name), *(len(down.label(row)) for row in range(rows)))
    width = label_width + columns * (cell_width + len(_GAP))
    if width <= terminal.width and rows <= _MOST_ROWS:
        yield from _numbers(texts, down, across, (label_width, cell_width), terminal)
    else:
        yield from _shaded(values, down, across, label_width, terminal)


def _numbers(
    texts: Sequence[str], down: Side, across: Side, widths: tuple[int, int], terminal: Terminal
) -> Iterator[str]:
    label_width, cell_width = widths
    columns = len(across.values)
    yield f"{'':{label_width}}{_GAP}{across.name}"
    head = "".join(f"{_GAP}{across.label(at):>{cell_width}}" for at in range(columns))
    yield terminal.paint(f"{down.name:>{label_width}}{head}", Style.FAINT)
    for row in range(len(down.values)):
        cells = (f"{_GAP}{text:>{cell_width}}" for text in texts[row * columns :][:columns])
        label = terminal.paint(f"{down.label(row):>{label_width}}", Style.FAINT)
        yield label + "".join(cells)


def _shaded(
    values: Sequence[float], down: Side, across: Side, label_width: int, terminal: Terminal
) -> Iterator[str]:
    rows, columns = len(down.values), len(across.values)
    room = max(terminal.width - label_width - 2, 1)
    each_row, each_column = -(-rows // _MOST_ROWS), -(-columns // room)
    shown_columns = range(0, columns, each_column)
    cell = max(min(room // len(shown_columns), 4), 1)
    finite = [value for value in values if math.isfinite(value)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 0.0)
    shades = _SHADES if terminal.has_unicode else _SHADES_IN_ASCII
    yield f"{down.name:>{label_width}}"
    for row in range(0, rows, each_row):
        label = terminal.paint(f"{down.label(row):>{label_width}}", Style.FAINT)
        line = "".join(
            _shade(values[row * columns + column], low, high, shades) * cell
            for column in shown_columns
        )
        yield f"{label}{_GAP}{terminal.paint(line.rstrip(), Style.BUSY)}"
    first, last = across.label(0), across.label(shown_columns[-1])
    width = len(shown_columns) * cell
    between = max(width - len(first) - len(last), 2)
    yield terminal.paint(f"{'':{label_width}}{_GAP}{first}{'':{between}}{last}", Style.FAINT)
    yield f"{'':{label_width}}{_GAP}{across.name:^{width}}".rstrip()
    yield terminal.paint(_key(low, high, shades), Style.FAINT)
    if each_row * each_column > 1:
        yield terminal.paint(_left_out(each_row, each_column), Style.FAINT)


def _shade(value: float, low: float, high: float, shades: str) -> str:
    if not math.isfinite(value):
        return "?"
    share = (value - low) / (high - low) if high > low else 1.0
    return shades[min(int(share * len(shades)), len(shades) - 1)]


def _key(low: float, high: float, shades: str) -> str:
    steps = "".join(shade * 2 for shade in shades)
    return f"from {short(low)} [{steps}] to {short(high)}"


def _left_out(each_row: int, each_column: int) -> str:
    parts = [
        f"1 of {each} {noun}"
        for each, noun in ((each_row, "rows"), (each_column, "columns"))
        if each > 1
    ]
    return f"{' and '.join(parts)} shown; --format csv has all"
