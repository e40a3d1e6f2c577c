"""Counts for people: bars in a terminal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from qrsession.render.counts import most_frequent_first
from qrsession.render.scales import number_of
from qrsession.render.terminal import Style, Terminal, clean

MOST_BARS = 16
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_LONGEST_BAR = 80
# A bar shorter than this shows nothing; the bitstring then gets a line of its own.
_SHORTEST_BAR = 10
_GAP = "  "


@dataclass(frozen=True)
class Ranking:
    """The most frequent outcomes of a pub with their counts, and how much there is in all."""

    first: Sequence[tuple[str, int]]
    num_outcomes: int
    shots: int


def histogram_text(
    pubs: Sequence[Mapping[str, int] | Ranking],
    terminal: Terminal,
    *,
    most_bars: int = MOST_BARS,
) -> str:
    """Return a histogram of each pub, most frequent outcome first, bit 0 on the right.

    What has no bar of its own is summed up in a line: how many outcomes, and how many shots.

    Args:
        pubs: The counts by bitstring of each pub, or the most frequent with at least one more
            than ``most_bars``, where there are more.
        terminal: Where it is to be shown.
        most_bars: How many outcomes of a pub get a bar.
    """
    parts = [
        _one(one if isinstance(one, Ranking) else _ranking(one), terminal, most_bars)
        for one in pubs
    ]
    if len(parts) > 1:
        parts = [
            f"{terminal.paint(f'pub {index}', Style.STRONG)}\n{part}"
            for index, part in enumerate(parts)
        ]
    return "\n".join(parts)


def _ranking(counts: Mapping[str, int]) -> Ranking:
    return Ranking(most_frequent_first(counts), len(counts), sum(counts.values()))


def _one(found: Ranking, terminal: Terminal, most_bars: int) -> str:
    shots = found.shots
    # A line for a single rest would take the room of its bar.
    is_one_over = found.num_outcomes == most_bars + 1
    shown = found.first if is_one_over else found.first[:most_bars]
    lines = _bars(shown, shots, terminal) if shown else []
    rest = shots - sum(count for _, count in shown)
    if len(shown) < found.num_outcomes:
        more = found.num_outcomes - len(shown)
        left_out = f"{number_of(more, 'more outcome')}, {number_of(rest, 'shot')}"
        tail = f"{terminal.dots} {left_out} ({share_text(rest, shots)})"
        lines.append(terminal.paint(tail, Style.FAINT))
    total = f"{number_of(shots, 'shot')}, {number_of(found.num_outcomes, 'outcome')}"
    lines.append(terminal.paint(total, Style.FAINT))
    return "".join(f"{line}\n" for line in lines)


def _bars(shown: Sequence[tuple[str, int]], shots: int, terminal: Terminal) -> list[str]:
    labels = [clean(bits) for bits, _ in shown]
    numbers = [f"{count:,}" for _, count in shown]
    shares = [share_text(count, shots) for _, count in shown]
    label_width = max(map(len, labels))
    number_width, share_width = max(map(len, numbers)), max(map(len, shares))
    figures_width = len(_GAP) * 2 + number_width + share_width
    beside_width = terminal.width - label_width - len(_GAP) - figures_width
    fits_beside = beside_width >= _SHORTEST_BAR
    bar_width = beside_width if fits_beside else terminal.width - figures_width - len(_GAP)
    bar_width = max(min(bar_width, _LONGEST_BAR), 1)
    lines = []
    for label, number, share, (_, count) in zip(labels, numbers, shares, shown, strict=True):
        bar = _bar(count, shown[0][1], bar_width, has_unicode=terminal.has_unicode)
        figures = f"{_GAP}{number:>{number_width}}{_GAP}"
        line = (
            terminal.paint(bar, Style.BUSY)
            + figures
            + terminal.paint(f"{share:>{share_width}}", Style.FAINT)
        )
        if fits_beside:
            lines.append(f"{label:>{label_width}}{_GAP}{line}")
        else:
            lines += [*folded(label, terminal.width), f"{_GAP}{line}"]
    return lines


def _bar(count: int, largest: int, width: int, *, has_unicode: bool) -> str:
    # What was seen at all shows: at least the thinnest bar.
    eighths = max(round(count / largest * width * 8), 1) if count else 0
    if not has_unicode:
        return ("#" * max(round(eighths / 8), min(count, 1))).ljust(width)
    full, rest = divmod(eighths, 8)
    return (_EIGHTHS[8] * full + (_EIGHTHS[rest] if rest else "")).ljust(width)


def folded(text: str, width: int) -> list[str]:
    """Return a text as lines of a width."""
    letters = iter(text)
    return ["".join(line) for line in iter(lambda: list(islice(letters, width)), [])]


def share_text(part: int, whole: int) -> str:
    """Return a share as a percentage; what is rare or nearly sure is told from never and always."""
    percent = 100 * part / whole if whole else 0.0
    if 0 < percent < 0.1:  # noqa: PLR2004 - the last digit shown
        return "<0.1%"
    if 99.9 < percent < 100:  # noqa: PLR2004
        return ">99.9%"
    return f"{percent:.1f}%"
