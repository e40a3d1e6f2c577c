"""Results held against what is expected of them, and reported."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qrsession.cli.context import Context
from qrsession.cli.files import write_target
from qrsession.clock import utc_now
from qrsession.errors import (
    ExpectationError,
    QrsessionError,
    StorageError,
    WaitInterruptedError,
)
from qrsession.expecting.agreement import Measured
from qrsession.expecting.verdicts import (
    Ground,
    Verdict,
    failure_of,
    judge,
    judge_values,
    perfect_of,
)
from qrsession.expecting.wanted import Expectation
from qrsession.pubs.wanted import WantedObservables
from qrsession.render.verdicts import verdict_lines
from qrsession.results.outcomes import Outcome, recall_outcome
from qrsession.results.pubs import EstimatedPub, SampledPub
from qrsession.verbs.reports import JobReport

if TYPE_CHECKING:
    from qrsession.cli.expected import Expected
    from qrsession.job import RuntimeJob
    from qrsession.render.junit import Suite

_INTERRUPTED = WaitInterruptedError("Interrupted.")


@dataclass(frozen=True)
class Stopwatch:
    """When a command began, by the calendar and by a clock that only goes on."""

    began: datetime = field(default_factory=utc_now)
    began_s: float = field(default_factory=time.monotonic)

    def time_s(self) -> float:
        """Return the seconds since."""
        return time.monotonic() - self.began_s


@dataclass(frozen=True)
class Circuit:
    """A circuit of a command: its name, and what it is held against, if it is."""

    name: str
    ground: Ground | None = None


@dataclass(frozen=True)
class Judge:
    """Holds the results of one command against what is expected of them, and reports.

    Attributes:
        context: The call of the command.
        expected: What is expected.
        circuits: The circuits of each job, in order.
        is_kept: Whether results can be looked at again.
        estimated: What an estimator measures of each circuit.
    """

    context: Context
    expected: "Expected"
    circuits: Sequence[Sequence[Circuit]]
    is_kept: bool = True
    estimated: WantedObservables = field(default_factory=WantedObservables)
    _watch: Stopwatch = field(default_factory=Stopwatch)

    def warn_of_noise(self, shots: int) -> None:
        """Say of a bound that shot noise alone would break that it would."""
        for circuit in chain.from_iterable(self.circuits):
            distribution = circuit.ground and circuit.ground.distribution
            for one in self.expected.expectations:
                if not distribution or not one.needs_distribution:
                    continue
                perfect = perfect_of(one.kind, distribution, shots)
                if not one.holds_for(perfect):
                    self.context.output.warn(
                        f"{circuit.name}: with {shots} shots a perfect device comes to "
                        f"{one.title} {perfect:.4g} or so, and {one.wish()} is asked for; "
                        "more --shots bring it closer."
                    )

    def verdicts_of(self, outcomes: Sequence[Outcome]) -> list[Verdict]:
        """Return what was seen of each expectation, circuit by circuit."""
        pubs = [(outcome.job.job_id, pub) for outcome in outcomes for pub in outcome.pubs]
        circuits = chain.from_iterable(self.circuits)
        verdicts: list[Verdict] = []
        expectations = self.expected.expectations
        for at, ((job_id, pub), circuit) in enumerate(zip(pubs, circuits, strict=False)):
            if circuit.ground is not None and isinstance(pub, SampledPub):
                verdicts += judge(expectations, circuit.ground, pub.counts, pub=at, job_id=job_id)
            elif isinstance(pub, EstimatedPub):
                verdicts += [
                    judge_values(one, circuit.name, values, pub=at, job_id=job_id)
                    for one, values in self._estimates_of(pub)
                ]
        return verdicts

    def _estimates_of(self, pub: EstimatedPub) -> Iterator[tuple[Expectation, list[Measured]]]:
        """Yield the values of each observable of which something is expected, at all points."""
        values = [Measured(*one) for one in zip(pub.evs, pub.stds, strict=True)]
        num_points = len(values) // max(len(self.estimated.items), 1)
        for one in self.expected.expectations:
            if one.observable is not None and self.estimated:
                # The axis of the observables is the first one.
                first = self.estimated.index_of(one.observable) * num_points
                yield one, values[first : first + num_points]

    def failure_of(
        self, verdicts: Sequence[Verdict], details: Mapping[str, Any]
    ) -> ExpectationError | None:
        """Return the error for what does not hold, None where all does."""
        return failure_of(verdicts, details, is_kept=self.is_kept)

    def tell(self, verdicts: Sequence[Verdict]) -> None:
        """Say on stderr what was seen, a line each."""
        output = self.context.output
        for label, style, text in verdict_lines(verdicts, output.error_terminal):
            output.say(text, label=label, style=style)

    def report(self, outcomes: Sequence[Outcome], verdicts: Sequence[Verdict]) -> None:
        """Write the JUnit report of results that came, if one is asked for.

        Raises:
            StorageError: It cannot be written.
        """
        if self.expected.junit is None:
            return
        from qrsession.render.junit import judged_suite  # noqa: PLC0415 - few ask for a report

        pairs = zip(outcomes, self.circuits, strict=False)
        self._write(
            self.expected.junit,
            [judged_suite(outcome.job, _names(own), verdicts) for outcome, own in pairs],
        )

    def keep(self, outcomes: Sequence[Outcome], verdicts: Sequence[Verdict]) -> None:
        """Keep what was seen beside the jobs, for the page that `exec` makes of its session."""
        told: dict[str, list[str]] = {}
        for one in verdicts:
            sentence = f"{one.verb}: {one.circuit}: {one.sentence()}"
            told.setdefault(one.job_id or "", []).append(sentence)
        records = self.context.workspace.records
        for outcome in outcomes:
            job = outcome.job
            # Of a private job nothing is kept. Of another the result is, to be judged again.
            with suppress(StorageError):
                if job.job_id in told and records.result_path(job.job_id).exists():
                    records.keep_verdicts(job.session_id, job.job_id, told[job.job_id])

    @contextmanager
    def reporting(self, jobs: "Sequence[RuntimeJob]" = ()) -> Iterator[None]:
        """Write the JUnit report where the block fails: what was not seen is an error there.

        Args:
            jobs: The jobs that are waited for. Those whose results were kept are judged.
        """
        try:
            yield
        except (QrsessionError, KeyboardInterrupt) as error:
            if self.expected.junit is not None:
                told = error if isinstance(error, QrsessionError) else _INTERRUPTED
                try:
                    self._write(self.expected.junit, self._suites_of(told, jobs))
                except StorageError as unwritten:
                    self.context.output.warn(unwritten.message)
            raise

    def _suites_of(self, error: QrsessionError, jobs: "Sequence[RuntimeJob]") -> "list[Suite]":
        from qrsession.render.junit import broken_suite, judged_suite  # noqa: PLC0415 - as above

        if not jobs:
            return [broken_suite(None, _names(chain.from_iterable(self.circuits)), error)]
        suites = []
        for job, circuits in zip(jobs, self.circuits, strict=False):
            outcome = _kept_outcome(job)
            if outcome is None:
                report = JobReport.of_record(job.record())
                suites.append(broken_suite(report, _names(circuits), error))
            else:
                verdicts = replace(self, circuits=[circuits]).verdicts_of([outcome])
                suites.append(judged_suite(outcome.job, _names(circuits), verdicts))
        return suites

    def _write(self, file: Path, suites: "Sequence[Suite]") -> None:
        from qrsession.render.junit import junit_text  # noqa: PLC0415 - as above

        text = junit_text(suites, began=self._watch.began, time_s=self._watch.time_s())
        write_target(file, text)
        self.context.output.say(f"Wrote {file}.")


def _names(circuits: Iterable[Circuit]) -> list[str]:
    return [circuit.name for circuit in circuits]


def _kept_outcome(job: "RuntimeJob") -> Outcome | None:
    records = job.service.records
    with suppress(QrsessionError):
        return recall_outcome(records, records.find_job(job.job_id()))
    return None
