"""Counts for other programs: a line for each outcome."""

from collections.abc import Mapping, Sequence


def counts_text(pubs: Sequence[Mapping[str, int]]) -> str:
    """Return ``bitstring<TAB>count`` lines, most frequent first.

    Bit 0 is on the right. With several pubs, the pub's index is the first column.

    Args:
        pubs: The counts by bitstring of each pub.
    """
    return "".join(
        f"{index}\t{bits}\t{count}\n" if len(pubs) > 1 else f"{bits}\t{count}\n"
        for index, counts in enumerate(pubs)
        for bits, count in most_frequent_first(counts)
    )


def most_frequent_first(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Return the outcomes with their counts; equally frequent ones by their bitstrings."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))
