"""One job after another of the same circuits: values come in lines, and each line has its answer.

What `run --stdin-params` stands on. The circuits are prepared once; a line costs one request that
submits and, of a service that holds questions, one that waits for the result.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeAlias

from qrsession.circuits.sources import circuit_names
from qrsession.errors import (
    CircuitError,
    InterruptedCommandError,
    InvalidValueError,
    LimitReachedError,
    NotAuthorizedError,
    QrsessionError,
    SessionClosedError,
    SessionNotFoundError,
)
from qrsession.pubs.building import check_names, check_observables
from qrsession.pubs.lines import read_values
from qrsession.submission.submit import Sending
from qrsession.verbs.runs import (
    RunRequest,
    Submitted,
    captions_of,
    params_of,
    prepare,
    send,
)
from qrsession.waiting.events import ignore
from qrsession.waiting.promptly import Watching, await_promptly
from qrsession.waiting.single import Deadline
from qrsession.waiting.terms import Terms

if TYPE_CHECKING:
    from qrsession.job import RuntimeJob
    from qrsession.results.outcomes import Outcome
    from qrsession.verbs.venues import Venue
    from qrsession.waiting.events import Tell

_KNOWN = "hit"


@contextmanager
def unwatched(_jobs: "Sequence[RuntimeJob]") -> "Iterator[Tell]":
    """Show nothing of a wait."""
    yield ignore


@dataclass(frozen=True)
class LineTerms:
    """How long each line is waited for, and what is shown meanwhile.

    Attributes:
        timeout_s: The longest that a line may take, in seconds; None: as long as it takes.
        cancels: Whether a job is cancelled then; else it goes on.
        watching: Shows a wait that takes longer.
    """

    timeout_s: float | None = None
    cancels: bool = False
    watching: Watching = unwatched


@dataclass(frozen=True)
class Answered:
    """What a line came to.

    Attributes:
        outcome: Its job and the results.
        circuit_cache: Whether the circuits were known: ``hit`` or ``miss``.
    """

    outcome: "Outcome"
    circuit_cache: str


@dataclass(frozen=True)
class Failed:
    """What a line failed by; ``details`` of the error has the line's number, from 1."""

    line: int
    error: QrsessionError

    @property
    def is_last(self) -> bool:
        """Whether no further line could come to anything."""
        if isinstance(self.error, LimitReachedError):
            # Too many requests pass; what is used up does not come back.
            return self.error.details.get("http_status") != HTTPStatus.TOO_MANY_REQUESTS
        return isinstance(
            self.error,
            SessionClosedError
            | SessionNotFoundError
            | NotAuthorizedError
            | InterruptedCommandError,
        )


Answer: TypeAlias = Answered | Failed


class Loop:
    """Circuits that are run again and again, with values that come in lines of JSON.

    Args:
        venue: Where they are run.
        request: What is run, with the values that hold for every line.
        terms: How long each line is waited for.

    Raises:
        CircuitError: A circuit cannot be read, or measures nothing; an observable has another
            width or is zero; or no circuit has a parameter whose value holds for every line.
        InvalidValueError: The values that hold for every line are a sweep.
        BackendNotFoundError: There is no such backend.
    """

    def __init__(self, venue: "Venue", request: RunRequest, terms: LineTerms | None = None) -> None:
        if request.values.shape:
            raise InvalidValueError(
                "A sweep cannot be held fixed for every line of values.",
                advice="Give one value, or the points in the lines: [[0.1], [0.2]].",
            )
        self._request = request
        self._terms = terms or LineTerms()
        self._site = venue.site()
        (self._circuits,), self._circuit_cache = prepare(self._site, request, [request.sources])
        # What is wrong with every line is said before the first one is read.
        check_names(self._circuits, request.values)
        check_observables(self._circuits, circuit_names(request.sources), request.observables)
        self._num_sent = 0

    @property
    def order(self) -> tuple[str, ...] | None:
        """The parameters that a list gives the values of, as Qiskit sorts them.

        None where they have no order: the circuits have other parameters each, or nobody parsed
        them.
        """
        orders = {circuit.source_parameters for circuit in self._circuits}
        if len(orders) != 1 or any(circuit.parameters is None for circuit in self._circuits):
            return None
        fixed = self._request.values.columns
        return tuple(name for name in orders.pop() if name not in fixed)

    def answers(self, lines: Iterable[bytes]) -> Iterator[Answer]:
        """Answer lines, each when its result is there and before the next is taken.

        A line that is blank has no answer, and a line that is wrong is answered by what is wrong
        with it. It ends after the last line, or after one that leaves no hope for others.
        """
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            answer = self._answer(number, line)
            yield answer
            if isinstance(answer, Failed) and answer.is_last:
                return

    def _answer(self, number: int, line: bytes) -> Answer:
        try:
            outcome = self._run(line)
        except QrsessionError as error:
            error.details.setdefault("line", number)
            return Failed(number, error)
        cache, self._circuit_cache = self._circuit_cache, _KNOWN
        return Answered(outcome, cache)

    def _run(self, line: bytes) -> "Outcome":
        deadline = Deadline(self._terms.timeout_s)
        values = read_values(line, self.order, self._request.values)
        patience = replace(self._request.patience, left_s=lambda: deadline.left_s)
        request = replace(self._request, values=values, patience=patience)
        sending = Sending(
            files=tuple(source.name for source in request.sources),
            patience=patience,
            is_repeated=self._num_sent > 0,
        )
        params = self._params_of(request)
        try:
            job = send(self._site, request, self._circuits, params, sending)
        except KeyboardInterrupt:
            raise InterruptedCommandError("Interrupted.") from None
        self._num_sent += 1
        terms = Terms(deadline, cancel_on_timeout=self._terms.cancels)
        submitted = Submitted([job], self._circuit_cache, [captions_of(self._circuits, request)])
        (outcome,) = submitted.captioned([await_promptly(job, terms, self._terms.watching)])
        return outcome

    def _params_of(self, request: RunRequest) -> dict[str, Any]:
        try:
            return params_of(self._circuits, request, circuit_names(request.sources))
        except CircuitError as error:
            missing = error.details.get("parameters")
            if not missing:
                raise
            example = json.dumps({missing[0]: 0.5}, ensure_ascii=False)
            raise CircuitError(
                error.message,
                advice=f"Name each one in the line, such as {example}",
                details=error.details,
            ) from None
