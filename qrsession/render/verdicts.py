"""Verdicts for people: a line each, what was seen and what was expected of it."""

from collections import Counter
from collections.abc import Iterator, Sequence

from qrsession.expecting.verdicts import Verdict
from qrsession.render.terminal import Style, Terminal


def plus_minus_of(terminal: Terminal) -> str:
    """Return the sign before an error, in letters that the terminal has."""
    return "±" if terminal.has_unicode else "+-"


def verdict_lines(
    verdicts: Sequence[Verdict], terminal: Terminal
) -> Iterator[tuple[str, Style, str]]:
    """Yield for each verdict its label, the label's style, and the sentence.

    The circuit is named where there are several; and numbered, where several have its name.
    """
    names = {verdict.pub: verdict.circuit for verdict in verdicts}
    namesakes = Counter(names.values())
    for verdict in verdicts:
        style = Style.GOOD if verdict.holds else Style.BAD
        number = f" (pub {verdict.pub})" if namesakes[verdict.circuit] > 1 else ""
        circuit = "" if len(names) == 1 else f"{verdict.circuit}{number}: "
        yield f"{verdict.verb}:", style, f"{circuit}{verdict.sentence(plus_minus_of(terminal))}"
