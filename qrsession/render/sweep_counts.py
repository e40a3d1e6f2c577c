"""Samples of a sweep for people: the shares of the most frequent outcomes from point to point."""

from collections.abc import Iterator, Sequence

from qrsession.render.counts import most_frequent_first
from qrsession.render.histogram import MOST_BARS, folded, share_text
from qrsession.render.scales import number_of, short
from qrsession.render.terminal import Style, Terminal, clean
from qrsession.results.pubs import SampledPub

_LEVELS = " ▁▂▃▄▅▆▇█"
_LEVELS_IN_ASCII = " .:-=+*#%@"
_GAP = "  "
_WIDEST = 100
_NARROWEST = 20
# A share: "100.0%".
_SHARE_WIDTH = 6
# The share of an outcome over all points, at the end of its line.
_END_WIDTH = len(_GAP) + _SHARE_WIDTH


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
    outcomes = most_frequent_first(pub.counts)
    shown = [bits for bits, _ in outcomes[:most_outcomes]]
    label_width = max(len(bits) for bits in shown)
    cells = _cells(pub, terminal, label_width)
    if cells is not None:
        lines = list(_table(pub, shown, cells, terminal))
    else:
        lines = list(_strips(pub, shown, label_width, terminal))
    lines += [terminal.paint(note, Style.FAINT) for note in _notes(pub, outcomes, shown, terminal)]
    return "".join(f"{line}\n" for line in lines)


def _cells(pub: SampledPub, terminal: Terminal, label_width: int) -> list[str] | None:
    """Return a title for each point, where a table of numbers fits; else None."""
    if pub.num_points * (_SHARE_WIDTH + len(_GAP)) > terminal.width:
        return None
    _, values = _axis(pub)
    titles = [short(value) for value in values]
    width = max(_SHARE_WIDTH, *map(len, titles)) + len(_GAP)
    label_width = max(label_width, len(_axis(pub)[0]))
    return titles if label_width + len(titles) * width <= terminal.width else None


def _axis(pub: SampledPub) -> tuple[str, Sequence[float]]:
    """Return what the points are told apart by."""
    if len(pub.shape) == 1:
        for name, values in pub.parameters.items():
            if len(set(values)) > 1:
                return clean(name), values
    return "point", range(pub.num_points)


def _table(
    pub: SampledPub, shown: Sequence[str], titles: Sequence[str], terminal: Terminal
) -> Iterator[str]:
    name, _ = _axis(pub)
    width = max(_SHARE_WIDTH, *map(len, titles))
    label_width = max(len(name), *map(len, shown))
    head = "".join(f"{_GAP}{title:>{width}}" for title in titles)
    yield terminal.paint(f"{name:>{label_width}}{head}", Style.FAINT)
    points = [point.counts for point in pub.points()]
    for bits in shown:
        shares = (share_text(counts.get(bits, 0), pub.shots_at_point) for counts in points)
        yield f"{clean(bits):>{label_width}}" + "".join(f"{_GAP}{one:>{width}}" for one in shares)


def _strips(
    pub: SampledPub, shown: Sequence[str], label_width: int, terminal: Terminal
) -> Iterator[str]:
    room = terminal.width - label_width - len(_GAP) - _END_WIDTH
    has_room_beside = room >= _NARROWEST
    if not has_room_beside:
        label_width, room = 0, terminal.width - len(_GAP) - _END_WIDTH
    room = min(room, _WIDEST)
    num_bins = min(pub.num_points, room)
    each = max(room // num_bins, 1)
    bins = [
        (at * pub.num_points // num_bins, (at + 1) * pub.num_points // num_bins)
        for at in range(num_bins)
    ]
    counts = [pub.between(first, last).counts for first, last in bins]
    sizes = [(last - first) * pub.shots_at_point for first, last in bins]
    most = max(
        of_bin.get(bits, 0) / size
        for bits in shown
        for of_bin, size in zip(counts, sizes, strict=True)
    )
    levels = _LEVELS if terminal.has_unicode else _LEVELS_IN_ASCII
    for bits in shown:
        strip = "".join(
            _level(of_bin.get(bits, 0) / size / most, levels) * each
            for of_bin, size in zip(counts, sizes, strict=True)
        )
        if not has_room_beside:
            yield from folded(clean(bits), terminal.width)
        total = share_text(pub.counts.get(bits, 0), pub.shots)
        label = f"{clean(bits):>{label_width}}" if has_room_beside else ""
        painted = terminal.paint(strip, Style.BUSY)
        yield f"{label}{_GAP}{painted}{terminal.paint(f'{_GAP}{total:>6}', Style.FAINT)}"
    yield terminal.paint(_axis_line(pub, num_bins * each, label_width), Style.FAINT)
    top = share_text(round(most * 1e6), 10**6)
    key = f"{levels[-1]} is {top} of the shots"
    if num_bins < pub.num_points:
        about = "about " if pub.num_points % num_bins else ""
        key += f"; a column is {about}{round(pub.num_points / num_bins)} points"
    yield terminal.paint(key, Style.FAINT)


def _level(share: float, levels: str) -> str:
    # What was seen at all shows: at least the lowest level.
    return levels[max(round(share * (len(levels) - 1)), 1) if share > 0 else 0]


def _axis_line(pub: SampledPub, width: int, label_width: int) -> str:
    name, values = _axis(pub)
    first, last = short(values[0]), short(values[-1])
    title = name
    room = width - len(first) - len(last)
    if room < len(title) + len(_GAP) * 2:
        return f"{'':{label_width}}{_GAP}{name} {first} to {last}"
    return f"{'':{label_width}}{_GAP}{first}{title:^{room}}{last}"


def _notes(
    pub: SampledPub,
    outcomes: Sequence[tuple[str, int]],
    shown: Sequence[str],
    terminal: Terminal,
) -> Iterator[str]:
    left = outcomes[len(shown) :]
    if left:
        dots = "…" if terminal.has_unicode else "..."
        rest = sum(count for _, count in left)
        more = f"{number_of(len(left), 'more outcome')}, {number_of(rest, 'shot')}"
        yield f"{dots} {more} ({share_text(rest, pub.shots)})"
    points = f"{number_of(pub.num_points, 'point')}"
    if len(pub.shape) > 1:
        axes = " x ".join(f"{size:,}" for size in pub.shape)
        points += f" ({axes}, the last axis fastest)"
    of_each = number_of(pub.shots_at_point, "shot")
    yield f"{points} of {of_each}, {number_of(len(outcomes), 'outcome')}"
