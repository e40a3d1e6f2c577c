"""What is measured, what it is compared with, and the table of both.

A row takes pairs: ours and the reference, one right after the other, so that a machine that is busy
for a while slows both. The figure of a row is the median over its pairs, not a ratio of medians.
"""

import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

# Ratios below this have two digits that say something, wherever these are.
_SMALL = 0.05
_HEADINGS = ("", "what", "ours", "reference", "figure", "middle half", "limit")


@dataclass(frozen=True, slots=True)
class Pair:
    """Milliseconds of ours and of the reference, measured in turn; else what a row says."""

    ours_ms: float
    reference_ms: float


@dataclass(frozen=True, slots=True)
class Limit:
    """How far ours may be from the reference: a multiple of it, or milliseconds above it.

    None is for what is measured to be known, and was not promised.
    """

    value: float | None
    is_multiple: bool = True

    def figure(self, pair: Pair) -> float:
        """Return what is held against the limit: the ratio of a pair, or its difference in ms."""
        if self.is_multiple:
            return pair.ours_ms / pair.reference_ms
        return pair.ours_ms - pair.reference_ms

    def text(self, figure: float) -> str:
        """Write a figure with its unit."""
        if not self.is_multiple:
            return f"{figure:+.1f} ms"
        return f"{figure:.2f} x" if figure >= _SMALL else f"{figure:.2g} x"


@dataclass(frozen=True, slots=True)
class Row:
    """One promise.

    Attributes:
        name: What ``--only`` calls it.
        what: What is measured, and against what.
        limit: What was promised.
        measure: Takes one pair.
        share: The part of the runs that it takes: less than 1 where each pair is itself a mean.
        unit: What is measured in.
    """

    name: str
    what: str
    limit: Limit
    measure: Callable[[], Pair]
    share: float = 1.0
    unit: str = "ms"


@dataclass(frozen=True, slots=True)
class Measured:
    """A row and its pairs, two at least."""

    row: Row
    pairs: Sequence[Pair]

    @property
    def figures(self) -> list[float]:
        """What each pair gives to be held against the limit."""
        return [self.row.limit.figure(pair) for pair in self.pairs]

    @property
    def is_met(self) -> bool:
        """Whether the median keeps within the limit."""
        return self.row.limit.value is None or median(self.figures) <= self.row.limit.value

    def cells(self) -> tuple[str, ...]:
        """Return its cells of the table."""
        limit = self.row.limit
        low, _, high = quantiles(self.figures, n=4)
        return (
            "met" if self.is_met else "MISSED",
            self.row.what,
            f"{median(pair.ours_ms for pair in self.pairs):.1f} {self.row.unit}",
            f"{median(pair.reference_ms for pair in self.pairs):.1f} {self.row.unit}",
            limit.text(median(self.figures)),
            f"{limit.text(low)} to {limit.text(high)}",
            "none" if limit.value is None else limit.text(limit.value),
        )


def measure(row: Row, runs: int) -> Measured:
    """Take the pairs of a row, after one that does not count: it fills the caches of the system."""
    row.measure()
    return Measured(row, [row.measure() for _ in range(max(2, round(runs * row.share)))])


def table(measured: Iterable[Measured]) -> str:
    """Write the table, what is missed first."""
    rows = sorted(measured, key=lambda one: one.is_met)
    lines = [_HEADINGS, *(one.cells() for one in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def wall_ms(command: Sequence[str | Path], environ: Mapping[str, str], folder: Path) -> float:
    """Run a command to its end, which must be a good one, and return how long it took.

    Raises:
        RuntimeError: It failed; the message has what it printed.
    """
    arguments = [str(argument) for argument in command]
    started_s = time.perf_counter()
    done = subprocess.run(
        arguments,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environ,
        cwd=folder,
        check=False,
    )
    elapsed_ms = 1000 * (time.perf_counter() - started_s)
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)} failed:\n{done.stdout.decode(errors='replace')}")
    return elapsed_ms


def in_turn(ours: Callable[[], float], reference: Callable[[], float]) -> Callable[[], Pair]:
    """Return what takes a pair by two functions that return milliseconds."""

    def take() -> Pair:
        return Pair(ours(), reference())

    return take
