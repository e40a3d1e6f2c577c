"""Samples for people: a histogram of each pub, and of a sweep the shares from point to point."""

from collections.abc import Sequence

from qrsession.render.histogram import MOST_BARS, Ranking, histogram_text
from qrsession.render.terminal import Style, Terminal, cut
from qrsession.render.titles import pub_title
from qrsession.results.pubs import SampledPub


def samples_view(pubs: Sequence[SampledPub], terminal: Terminal) -> str:
    """Return the samples of each pub, most frequent outcome first; bit 0 is on the right."""
    parts = [_one(pub, terminal) for pub in pubs]
    if len(parts) > 1:
        parts = [
            f"{pub_title(index, pub, terminal)}\n{part}"
            for index, (pub, part) in enumerate(zip(pubs, parts, strict=True))
        ]
    return "\n".join(parts)


def _one(pub: SampledPub, terminal: Terminal) -> str:
    if not pub.shape:
        first = pub.first_outcomes(MOST_BARS + 1)
        picture = histogram_text([Ranking(first, pub.num_outcomes, pub.shots)], terminal)
    else:
        # Imported here because most results are of single points.
        from qrsession.render.sweep_counts import sweep_text  # noqa: PLC0415

        picture = sweep_text(pub, terminal)
    if len(pub.samples) == 1:
        return picture
    names = cut(f"registers: {' '.join(reversed(list(pub.samples)))}", terminal.width, terminal)
    return f"{picture}{terminal.paint(names, Style.FAINT)}\n"
