"""Samples of a sweep for people: the shares of the most frequent outcomes from point to point."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from qrsession.render.histogram import MOST_BARS, folded, share_text
from qrsession.render.scales import number_of, short, span
from qrsession.render.terminal import Style, Terminal, clean, cut
from qrsession.results.pubs import SampledPub

_LEVELS = " ▁▂▃▄▅▆▇█"
_LEVELS_IN_ASCII = " .:-=+*#%@"
_GAP = "  "
_WIDEST = 100
_NARROWEST = 20
# A share: "100.0%".
_SHARE_WIDTH = 6
_POINT = "point"
# The share of an outcome over all points, at the end of its line, and what parts it from the rest.
_OTHER_WIDTH = len(_GAP) * 2 + _SHARE_WIDTH


def sweep_text(pub: SampledPub, terminal: Terminal, *, most_outcomes: int = MOST_BARS) -> str:
    """Return the most frequent outcomes, a line each, with their share at each point.

    Where there is room, shares are numbers, else heights; where there are more points than columns,
    neighbours are counted together. What has no line of its own is summed up.

    Args:
        pub: The samples; a sweep.
        terminal: Where it is to be shown.
        most_outcomes: How many outcomes get a line.
    """
    if not pub.shots:
        return f"{number_of(pub.num_points, 'point')}, 0 shots\n"
    # Whether bits were seen or not, labels are as wide.
    label_width = sum(one.num_bits + 1 for one in pub.samples.values()) - 1
    titles = _titles(pub, terminal, label_width)
    has_room_beside = terminal.width - label_width - _OTHER_WIDTH >= _NARROWEST
    strip = terminal.width - _OTHER_WIDTH - label_width * has_room_beside
    shown = pub.first_outcomes(most_outcomes)
    columns = min(pub.num_points, strip, _WIDEST) if titles is None else pub.num_points
    bins = _Bins.of(pub, columns, {bits for bits, _ in shown})
    if titles is not None:
        lines = list(_table(pub, shown, titles, bins, terminal))
    else:
        each = max(min(strip, _WIDEST) // len(bins.counts), 1)
        lines = list(
            _strips(pub, shown, bins, _Room(label_width * has_room_beside, each), terminal)
        )
    notes = _notes(pub, shown, terminal)
    lines += [terminal.paint(note, Style.FAINT) for note in notes]
    return "".join(f"{line}\n" for line in lines)


@dataclass(frozen=True)
class _Bins:
    """Neighbouring points counted together, as many as there are columns.

    Attributes:
        counts: The counts of each bin, of the outcomes that are shown.
        shots: The samples in each.
    """

    counts: Sequence[Mapping[str, int]]
    shots: Sequence[int]

    @classmethod
    def of(cls, pub: SampledPub, number: int, shown: Collection[str]) -> "_Bins":
        ends = [at * pub.num_points // number for at in range(number + 1)]
        return cls(
            [_counts_of(pub.between(*bounds), shown) for bounds in pairwise(ends)],
            [(last - first) * pub.shots_at_point for first, last in pairwise(ends)],
        )

    def shares(self, bits: str) -> list[float]:
        """Return the share of an outcome in each bin."""
        return [
            counts.get(bits, 0) / shots
            for counts, shots in zip(self.counts, self.shots, strict=True)
        ]


def _counts_of(pub: SampledPub, shown: Collection[str]) -> Mapping[str, int]:
    return {bits: count for bits, count in pub.outcomes() if bits in shown}


@dataclass(frozen=True)
class _Room:
    """How wide labels are, 0 where they have lines of their own, and a bin is."""

    label_width: int
    bin_width: int


def _titles(pub: SampledPub, terminal: Terminal, label_width: int) -> list[str] | None:
    """Return a title for each point, where a table of numbers fits; else None."""
    if pub.num_points * (_SHARE_WIDTH + len(_GAP)) > terminal.width:
        return None
    name, values = _axis(pub)
    titles = [short(value) for value in values]
    width = max(_SHARE_WIDTH, *map(len, titles)) + len(_GAP)
    fits = max(label_width, len(name)) + len(titles) * width <= terminal.width
    return titles if fits else None


def _axis(pub: SampledPub) -> tuple[str, Sequence[float]]:
    """Return what the points are told apart by."""
    if len(pub.shape) == 1:
        for name, values in pub.parameters.items():
            if len(set(values)) > 1:
                return clean(name), values
    return _POINT, range(pub.num_points)


def _table(
    pub: SampledPub,
    shown: Sequence[tuple[str, int]],
    titles: Sequence[str],
    bins: _Bins,
    terminal: Terminal,
) -> Iterator[str]:
    name, _ = _axis(pub)
    width = max(_SHARE_WIDTH, *map(len, titles))
    label_width = max(len(name), *(len(bits) for bits, _ in shown))
    head = "".join(f"{_GAP}{title:>{width}}" for title in titles)
    yield terminal.paint(f"{name:>{label_width}}{head}", Style.FAINT)
    for bits, _ in shown:
        cells = (
            share_text(counts.get(bits, 0), shots)
            for counts, shots in zip(bins.counts, bins.shots, strict=True)
        )
        yield f"{clean(bits):>{label_width}}" + "".join(f"{_GAP}{cell:>{width}}" for cell in cells)


def _strips(
    pub: SampledPub,
    shown: Sequence[tuple[str, int]],
    bins: _Bins,
    room: _Room,
    terminal: Terminal,
) -> Iterator[str]:
    shares = [bins.shares(bits) for bits, _ in shown]
    most = max(map(max, shares))
    levels = _LEVELS if terminal.has_unicode else _LEVELS_IN_ASCII
    for (bits, count), of_bins in zip(shown, shares, strict=True):
        strip = "".join(_level(share / most, levels) * room.bin_width for share in of_bins)
        if room.label_width:
            label = f"{clean(bits):>{room.label_width}}"
        else:
            label = ""
            yield from folded(clean(bits), terminal.width)
        total = terminal.paint(f"{share_text(count, pub.shots):>{_SHARE_WIDTH}}", Style.FAINT)
        yield f"{label}{_GAP}{terminal.paint(strip, Style.BUSY)}{_GAP}{total}"
    width = len(bins.counts) * room.bin_width
    yield terminal.paint(_axis_line(pub, width, room.label_width), Style.FAINT)
    key = f"{levels[-1]} is {share_text(round(most * 1e6), 10**6)} of the shots"
    if len(bins.counts) < pub.num_points:
        about = "about " if pub.num_points % len(bins.counts) else ""
        key += f"; a column is {about}{round(pub.num_points / len(bins.counts))} points"
    yield terminal.paint(key, Style.FAINT)


def _level(share: float, levels: str) -> str:
    # What was seen at all shows: at least the lowest level.
    return levels[max(round(share * (len(levels) - 1)), 1) if share > 0 else 0]


def _axis_line(pub: SampledPub, width: int, label_width: int) -> str:
    name, values = _axis(pub)
    first, last = short(values[0]), short(values[-1])
    room = width - len(first) - len(last)
    if room < len(name) + len(_GAP) * 2:
        return f"{'':{label_width}}{_GAP}{name} {first} to {last}"
    return f"{'':{label_width}}{_GAP}{first}{name:^{room}}{last}"


def _notes(pub: SampledPub, shown: Sequence[tuple[str, int]], terminal: Terminal) -> Iterator[str]:
    num_left = pub.num_outcomes - len(shown)
    if num_left:
        rest = pub.shots - sum(count for _, count in shown)
        more = f"{number_of(num_left, 'more outcome')}, {number_of(rest, 'shot')}"
        yield f"{terminal.dots} {more} ({share_text(rest, pub.shots)})"
    name, _ = _axis(pub)
    others = [
        f"{clean(other)} {span(values)}"
        for other, values in pub.parameters.items()
        if clean(other) != name
    ]
    if others:
        yield cut(
            f"{'' if name == _POINT else 'along with it '}{', '.join(others)}",
            terminal.width,
            terminal,
        )
    points = f"{number_of(pub.num_points, 'point')}"
    if len(pub.shape) > 1:
        axes = " x ".join(f"{size:,}" for size in pub.shape)
        points += f" ({axes}, the last axis fastest)"
    of_each = number_of(pub.shots_at_point, "shot")
    yield f"{points} of {of_each}, {number_of(pub.num_outcomes, 'outcome')}"
