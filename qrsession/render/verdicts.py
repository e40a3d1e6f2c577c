"""Verdicts for people: a line each, what was seen and what was expected of it."""

from collections.abc import Iterator, Sequence

from qrsession.render.terminal import Style, Terminal
from qrsession.verdicts import Verdict


def plus_minus_of(terminal: Terminal) -> str:
    """Return the sign before an error, in letters that the terminal has."""
    return "±" if terminal.has_unicode else "+-"


def verdict_lines(
    verdicts: Sequence[Verdict], terminal: Terminal
) -> Iterator[tuple[str, Style, str]]:
    """Yield for each verdict its label, the label's style, and the sentence.

    The circuit is named where there are several.
    """
    is_one = len({verdict.pub for verdict in verdicts}) == 1
    for verdict in verdicts:
        style = Style.GOOD if verdict.holds else Style.BAD
        circuit = "" if is_one else f"{verdict.circuit}: "
        yield f"{verdict.verb}:", style, f"{circuit}{verdict.sentence(plus_minus_of(terminal))}"
