"""``run --stdin-params``: lines of values on stdin, and a line of JSON on stdout for each."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

from qrsession.cli.asking import has_person
from qrsession.cli.boundary import of_signal
from qrsession.cli.context import Context
from qrsession.cli.telling import telling
from qrsession.errors import QrsessionError, UsageError
from qrsession.pubs.lines import LARGEST_LINE_BYTES, names_in_short
from qrsession.render.envelope import error_document, to_json
from qrsession.waiting.events import Note

if TYPE_CHECKING:
    from qrsession.job import RuntimeJob
    from qrsession.verbs.loops import Answer, Failed, LineTerms, Loop
    from qrsession.waiting.events import Event, Tell

_PROMPT = "values> "
_PIECE_BYTES = 2**20
_MOST_SHOWN = 4


def line_terms(context: Context, timeout_s: float | None, *, cancels: bool) -> "LineTerms":
    """Return how each line is waited for: in sight of a person, else in silence."""
    from qrsession.verbs.loops import LineTerms  # noqa: PLC0415 - few runs read lines

    @contextmanager
    def watching(jobs: "Sequence[RuntimeJob]") -> "Iterator[Tell]":
        if context.output.error_terminal.is_terminal:
            with telling(context, jobs) as tell:
                yield tell
        else:
            yield lambda event: _tell_notes(context, event)

    return LineTerms(timeout_s, cancels, watching)


def answer_lines(context: Context, loop: "Loop") -> None:
    """Answer the lines of stdin, each at once, until there are no more.

    Raises:
        QrsessionError: A line failed. It was answered by its error, and so were those after it,
            unless none of them could have come to anything.
        BrokenPipeError: Whoever read the answers has gone.
    """
    from qrsession.verbs.loops import Failed  # noqa: PLC0415 - as above

    failed: list[Failed] = []
    num_answers = 0
    for answer in loop.answers(_lines_for(context, loop)):
        num_answers += 1
        context.output.data(to_json(_document(answer)))
        context.output.flush()
        if isinstance(answer, Failed):
            failed.append(answer)
    if failed:
        raise _joint_error(failed, num_answers)


def _document(answer: "Answer") -> dict[str, Any]:
    from qrsession.verbs.loops import Failed  # noqa: PLC0415 - as above

    if isinstance(answer, Failed):
        return {"error": error_document(of_signal(answer.error))}
    return {
        "job_id": answer.outcome.job.job_id,
        "pubs": [pub.document() for pub in answer.outcome.pubs],
        "circuit_cache": answer.circuit_cache,
    }


def _joint_error(failed: "Sequence[Failed]", num_answers: int) -> QrsessionError:
    """Return the error that the lines come to: what ended them, else the first."""
    if failed[-1].is_last or num_answers == 1:
        return failed[-1].error
    first = failed[0].error
    count = f"{len(failed)} of {num_answers} lines failed"
    return type(first)(
        f"{count}, first line {failed[0].line}: {first.message}",
        advice=first.advice,
        details=first.details,
    )


def _lines_for(context: Context, loop: "Loop") -> Iterator[bytes]:
    """Read the lines of stdin, and help a person who types them."""
    if sys.stdin is None:
        raise UsageError("stdin is closed.", advice="Write lines of values to it.")
    stream = sys.stdin.buffer
    is_typed = (
        has_person(in_ci=context.settings.in_ci)
        and context.output.error_terminal.is_terminal
        and not context.output.mode.quiet
    )
    if not is_typed:
        yield from _lines(stream, lambda: None)
        return
    context.output.say(_introduction(loop.order))
    try:
        yield from _lines(stream, lambda: context.output.prompt(_PROMPT))
    except KeyboardInterrupt:
        context.output.prompt("\n")
        raise
    # The cursor stands behind the prompt, and what follows begins a line.
    context.output.prompt("\n")


def _lines(stream: BinaryIO, prompt: Callable[[], None]) -> Iterator[bytes]:
    """Read lines as they come. Of one that is too long comes the beginning, which is so too."""
    while True:
        prompt()
        line = stream.readline(LARGEST_LINE_BYTES + 2)
        if not line:
            return
        rest = line
        while len(line) > LARGEST_LINE_BYTES and rest and not rest.endswith(b"\n"):
            rest = stream.readline(_PIECE_BYTES)
        yield line.removesuffix(b"\n")


def _introduction(order: "Sequence[str] | None") -> str:
    if order is None:
        wanted = 'values by name, such as {"theta": 0.1}'
    elif not order:
        wanted = "[], for the circuit has no parameters that are free"
    else:
        listed = ", ".join(f"0.{at}" for at in range(1, min(len(order), _MOST_SHOWN) + 1))
        dots = ", ..." if len(order) > _MOST_SHOWN else ""
        wanted = f"values of {names_in_short(order)}, such as [{listed}{dots}]"
    return f"Type {wanted}. Ctrl-D ends."


def _tell_notes(context: Context, event: "Event") -> None:
    """Say that a service is out of reach, or back. Nothing else is news, line after line."""
    if isinstance(event, Note):
        context.output.say(event.message)
