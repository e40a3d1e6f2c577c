"""Curves in a terminal: of dots where it has Unicode, of letters where it has not.

Written here, since a library for it (plotext) lays its legend over the curves, tells them apart by
colour alone, draws its frame in Unicode whatever the terminal has, and keeps a global figure.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from qrsession.render.scales import Scale, scale_of
from qrsession.render.terminal import Style, Terminal, clean

MOST_CURVES = 6
_FEWEST_ROWS, _MOST_ROWS = 8, 20
_WIDEST = 110
# Lines of a terminal that the plot leaves to its title, axis, legend and the next prompt.
_OTHER_LINES = 8
_STYLES = (Style.BUSY, Style.WARNING, Style.GOOD, Style.BAD, Style.STRONG, Style.PLAIN)
_LETTERS = "abcdef"
# The dots of a character of Braille by column and row; their sum counts from its blank.
_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
_BLANK = 0x2800
# On average a letter stands at so many columns of a curve.
_LETTER_EVERY = 24


@dataclass(frozen=True)
class Curve:
    """Values with their standard errors, one for each x; NaN is a gap."""

    name: str
    values: Sequence[float]
    errors: Sequence[float]


@dataclass(frozen=True)
class _Frame:
    """The two axes and the room between them, in characters."""

    x: Scale
    y: Scale
    width: int
    height: int
    has_unicode: bool

    @property
    def dots(self) -> tuple[int, int]:
        """Dots of a character across and down."""
        return (2, 4) if self.has_unicode else (1, 1)

    def dot(self, x: float, y: float) -> tuple[int, int]:
        """Return the dot of a point, from the left and from the top."""
        across, down = self.dots
        return (
            round(self.x.place(x) * (self.width * across - 1)),
            round((1 - self.y.place(y)) * (self.height * down - 1)),
        )


@dataclass
class _Canvas:
    """What is drawn: dots and whose they are, and letters above them."""

    frame: _Frame
    dots: dict[tuple[int, int], int] = field(default_factory=dict)
    owners: dict[tuple[int, int], int] = field(default_factory=dict)
    letters: dict[tuple[int, int], str] = field(default_factory=dict)

    def dot(self, across: int, down: int, owner: int) -> None:
        per_column, per_row = self.frame.dots
        column, row = across // per_column, down // per_row
        if 0 <= column < self.frame.width and 0 <= row < self.frame.height:
            bit = _DOTS[across % per_column][down % per_row]
            self.dots[column, row] = self.dots.get((column, row), 0) | bit
            self.owners[column, row] = owner

    def text(self, column: int, row: int, terminal: Terminal, markers: str) -> str:
        cell = (column, row)
        owner = self.owners.get(cell)
        if owner is None:
            return " "
        if cell in self.letters:
            return terminal.paint(self.letters[cell], _STYLES[owner])
        char = chr(_BLANK + self.dots[cell]) if self.frame.has_unicode else markers[owner]
        return terminal.paint(char, _STYLES[owner])


def plot_lines(
    x: Sequence[float], x_name: str, curves: Sequence[Curve], terminal: Terminal
) -> list[str] | None:
    """Return curves over a common x, with axes, and a legend below where there are several.

    Args:
        x: Where the values are; they rise.
        x_name: What x is.
        curves: At most ``MOST_CURVES``.
        terminal: Where they are to be shown.

    Returns:
        The lines; None where nothing can be drawn, since no two values are finite or their span is
        no number.
    """
    frame = _frame_of(x, curves, terminal)
    if frame is None:
        return None
    canvas = _Canvas(frame)
    for owner, curve in enumerate(curves):
        if _has_room_for_errors(curve, frame):
            _draw_errors(canvas, x, curve, owner)
    for owner, curve in enumerate(curves):
        _draw(canvas, x, curve, owner)
        if len(curves) > 1 and terminal.has_unicode:
            _put_letters(canvas, owner)
    markers = _LETTERS if len(curves) > 1 else "*"
    lines = list(_framed(canvas, x_name, terminal, markers))
    if len(curves) > 1:
        lines += _legend(curves, terminal)
    return lines


def _frame_of(x: Sequence[float], curves: Sequence[Curve], terminal: Terminal) -> _Frame | None:
    values = [value for curve in curves for value in curve.values if math.isfinite(value)]
    if len(values) < 2 or not math.isfinite(x[-1] - x[0]) or not x[-1] > x[0]:  # noqa: PLR2004
        return None
    low, high = min(values), max(values)
    if high - low <= abs(high) * 1e-9:
        margin = max(abs(high) * 0.1, 0.1)
        low, high = low - margin, high + margin
    if all(_are_few(curve, terminal.width) for curve in curves):
        ends = [end for curve in curves for end in _ends(curve) if math.isfinite(end)]
        low, high = min([low, *ends]), max([high, *ends])
    if not math.isfinite(high - low):
        return None
    height = min(max(terminal.height - _OTHER_LINES, _FEWEST_ROWS), _MOST_ROWS)
    y = scale_of(low, high, max(height // 3, 3), is_widened=True)
    width = min(terminal.width - max(map(len, y.labels)) - 3, _WIDEST)
    return _Frame(
        scale_of(x[0], x[-1], max(width // 12, 3)), y, width, height, terminal.has_unicode
    )


def _draw(canvas: _Canvas, x: Sequence[float], curve: Curve, owner: int) -> None:
    before: tuple[int, int] | None = None
    for at, value in zip(x, curve.values, strict=True):
        if not math.isfinite(value):
            before = None
            continue
        dot = canvas.frame.dot(at, value)
        for across, down in _between(before or dot, dot):
            canvas.dot(across, down, owner)
        before = dot


def _between(first: tuple[int, int], last: tuple[int, int]) -> Iterator[tuple[int, int]]:
    across, down = last[0] - first[0], last[1] - first[1]
    steps = max(abs(across), abs(down), 1)
    for step in range(steps + 1):
        yield first[0] + round(across * step / steps), first[1] + round(down * step / steps)


def _are_few(curve: Curve, width: int) -> bool:
    """Whether bars can be told apart."""
    return len(curve.values) <= width


def _ends(curve: Curve) -> Iterator[float]:
    """Yield where the bars of a curve end."""
    for value, error in zip(curve.values, curve.errors, strict=True):
        yield value - error
        yield value + error


def _has_room_for_errors(curve: Curve, frame: _Frame) -> bool:
    """Whether bars can be told apart, and from the points that they belong to."""
    finite = [error for error in curve.errors if math.isfinite(error)]
    if not finite or not _are_few(curve, frame.width):
        return False
    return sum(finite) / len(finite) > (frame.y.high - frame.y.low) / (frame.height * 4)


def _draw_errors(canvas: _Canvas, x: Sequence[float], curve: Curve, owner: int) -> None:
    for at, value, error in zip(x, curve.values, curve.errors, strict=True):
        if math.isfinite(value) and math.isfinite(error):
            across, top = canvas.frame.dot(at, value + error)
            _, bottom = canvas.frame.dot(at, value - error)
            for down in range(top, bottom + 1):
                canvas.dot(across, down, owner)


def _put_letters(canvas: _Canvas, owner: int) -> None:
    """Put a curve's letter on it here and there: without colour it is told by that."""
    start = 2 + owner * _LETTER_EVERY // MOST_CURVES
    for column in range(start, canvas.frame.width, _LETTER_EVERY):
        cells = ((column, row) for row in range(canvas.frame.height))
        own = [cell for cell in cells if canvas.owners.get(cell) == owner]
        free = [cell for cell in own if cell not in canvas.letters]
        if free:
            canvas.letters[free[len(free) // 2]] = _LETTERS[owner]


def _framed(canvas: _Canvas, x_name: str, terminal: Terminal, markers: str) -> Iterator[str]:
    frame = canvas.frame
    tick, side, corner, floor, below = "┤│└─┬" if frame.has_unicode else "+|+-+"
    label_width = max(map(len, frame.y.labels))
    numbered = {
        round((1 - frame.y.place(value)) * (frame.height - 1)): label
        for value, label in zip(frame.y.ticks, frame.y.labels, strict=True)
    }
    for row in range(frame.height):
        label = numbered.get(row)
        start = f"{label or '':>{label_width}} {side if label is None else tick}"
        cells = [canvas.text(column, row, terminal, markers) for column in range(frame.width)]
        yield terminal.paint(start, Style.FAINT) + "".join(cells).rstrip()
    places = [round(frame.x.place(value) * (frame.width - 1)) for value in frame.x.ticks]
    axis = "".join(below if column in places else floor for column in range(frame.width))
    yield terminal.paint(f"{'':{label_width}} {corner}{axis}", Style.FAINT)
    margin = label_width + 2
    numbers = [" "] * (margin + frame.width)
    for place, label in zip(places, frame.x.labels, strict=True):
        start_at = min(max(margin + place - len(label) // 2, 0), len(numbers) - len(label))
        before = "".join(numbers[max(start_at - 1, 0) : start_at + len(label) + 1])
        if not before.strip():
            numbers[start_at : start_at + len(label)] = label
    yield terminal.paint("".join(numbers).rstrip(), Style.FAINT)
    name = clean(x_name)[: frame.width]
    yield f"{'':{margin + (frame.width - len(name)) // 2}}{name}"


def _legend(curves: Sequence[Curve], terminal: Terminal) -> Iterator[str]:
    """Yield the letters with the names, as many to a line as fit."""
    line, width = "", 0
    for owner, curve in enumerate(curves):
        name = clean(curve.name)
        if width and width + len(name) + 5 > terminal.width:
            yield line
            line, width = "", 0
        gap = "   " if width else ""
        line += f"{gap}{terminal.paint(_LETTERS[owner], _STYLES[owner])} {name}"
        width += len(gap) + 2 + len(name)
    yield line
