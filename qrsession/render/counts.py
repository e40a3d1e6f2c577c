"""Counts for other programs: a line for each outcome."""

from collections.abc import Iterator, Mapping, Sequence

from qrsession.results.pubs import SampledPub


def counts_lines(pubs: Sequence[SampledPub]) -> Iterator[str]:
    """Yield ``bitstring<TAB>count`` lines, most frequent first; bit 0 is on the right.

    With several pubs the pub's number is the first column, and with a sweep the point's number, in
    C order, stands before the bitstring. Both count from 0.
    """
    has_points = any(pub.shape for pub in pubs)
    for index, pub in enumerate(pubs):
        of_pub = f"{index}\t" if len(pubs) > 1 else ""
        for number, point in enumerate(pub.points()):
            before = f"{of_pub}{number}\t" if has_points else of_pub
            for bits, count in point.outcomes():
                yield f"{before}{bits}\t{count}\n"


def most_frequent_first(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Return the outcomes with their counts; equally frequent ones by their bitstrings."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))
