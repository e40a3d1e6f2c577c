"""What a user expects of results: read, looked at beforehand, held against them, reported."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qrsession.cli.context import Context
from qrsession.cli.expecting import Asked
from qrsession.cli.files import check_target, write_target
from qrsession.clock import utc_now
from qrsession.errors import (
    ExpectationError,
    InvalidValueError,
    QrsessionError,
    StorageError,
    UsageError,
    WaitInterruptedError,
)
from qrsession.expecting.agreement import Distribution, Measured
from qrsession.expecting.references import read_reference, references_for
from qrsession.expecting.verdicts import (
    Ground,
    Verdict,
    check_observables,
    failure_of,
    ground_of_counts,
    judge,
    judge_values,
    perfect_of,
)
from qrsession.expecting.wanted import Expectation, Kind, bound_of, parse_value_expectation
from qrsession.protocol.options import DEFAULT_SHOTS
from qrsession.pubs.observables import Observable
from qrsession.pubs.wanted import WantedObservables
from qrsession.render.verdicts import verdict_lines
from qrsession.results.outcomes import Outcome, recall_outcome
from qrsession.results.pubs import EstimatedPub, SampledPub
from qrsession.verbs.reports import JobReport

if TYPE_CHECKING:
    from qrsession.job import RuntimeJob
    from qrsession.render.junit import Suite
    from qrsession.verbs.runs import RunRequest

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
class Expected:
    """What the options ask for.

    Attributes:
        expectations: What each circuit is held against.
        reference_file: Where the distributions are, None: the ideal ones.
        references: What that file holds.
        junit: Where the report goes, if anywhere.
    """

    expectations: Sequence[Expectation] = ()
    reference_file: Path | None = None
    references: Sequence[Distribution] = ()
    junit: Path | None = None

    @classmethod
    def of(
        cls, asked: Asked, *, unseen: str | None = None, is_estimated: bool = False
    ) -> "Expected":
        """Read the options; arguments and errors are those of `expecting.expected_of`."""
        if is_estimated and any(
            one is not None for one in (asked.min_fidelity, asked.max_tvd, asked.reference)
        ):
            raise UsageError(
                "--min-fidelity, --max-tvd and --reference compare counts, and an estimator has "
                "none.",
                advice='Expect a value: --expect-value "ZZ>=0.9"',
            )
        bounds = ((Kind.FIDELITY, asked.min_fidelity), (Kind.TOTAL_VARIATION, asked.max_tvd))
        expectations = [bound_of(kind, bound) for kind, bound in bounds if bound is not None]
        if asked.reference is not None and not expectations:
            raise UsageError(
                "--reference is for a comparison, and none is asked for.",
                advice="Add --min-fidelity 0.9 or --max-tvd 0.1.",
            )
        expectations += [
            parse_value_expectation(text, is_estimated=is_estimated) for text in asked.expect_value
        ]
        if unseen is not None and (expectations or asked.junit is not None):
            what = "what is expected of it" if expectations else "--junit"
            raise UsageError(f"{unseen} waits for no result, so {what} would never be looked at.")
        if asked.junit is not None:
            check_target(asked.junit)
        references = [] if asked.reference is None else read_reference(asked.reference)
        return cls(tuple(expectations), asked.reference, references, asked.junit)

    @property
    def observables(self) -> list[Observable]:
        """The observables of which something is expected."""
        found = (one.observable for one in self.expectations)
        return [observable for observable in found if observable is not None]

    def for_run(self, context: Context, request: "RunRequest") -> "Judge":
        """Look at the circuits of a run, before anything is paid for.

        Raises:
            UsageError: Counts are taken at several points.
            CircuitError: What is expected of one cannot be told from its result, or what should
                come out of it is not known.
            InvalidValueError: The reference does not fit them.
        """
        from qrsession.circuits.sources import circuit_names  # noqa: PLC0415 - a kept result needs none

        is_sweep = request.values.num_points > 1
        if self.expectations and is_sweep and not request.is_estimated:
            raise UsageError(
                f"The sweep has {request.values.num_points} points, and counts are held against "
                "what is expected at one.",
                advice="Give one point; or add --primitive estimator, for values at each point.",
            )
        is_kept = not request.options.environment["private"]
        circuits = [
            Circuit(ground.circuit, ground)
            for ground in self._grounds_of(context, request, is_kept=is_kept)
        ] or [Circuit(name) for name in circuit_names(request.sources)]
        found = Judge(
            context,
            self,
            _by_job(circuits, request),
            is_kept=is_kept,
            estimated=request.observables,
        )
        own_shots = request.options.fields.get("default_shots")
        found.warn_of_noise(request.shots or own_shots or DEFAULT_SHOTS)
        return found

    def for_job(self, context: Context, job_id: str) -> "Judge":
        """Look at a job that was submitted before: by its record, what it was made of."""
        names = _recorded_names(context, job_id) or [job_id]
        return Judge(context, self, [[Circuit(name) for name in names]])

    def for_outcome(self, context: Context, outcome: Outcome) -> "Judge":
        """Look at a result whose circuits are not here: only what came out is known of them.

        So letters of observables stand for the bits of its bitstrings, bit 0 on the right.

        Raises:
            CircuitError: An observable does not fit it.
            InvalidValueError: The reference does not fit it, or it has no counts.
        """
        names = _recorded_names(context, outcome.job.job_id)
        if len(names) != len(outcome.pubs):
            names = [f"circuit {at}" for at in range(len(outcome.pubs))]
        if not self.expectations:
            return Judge(context, self, [[Circuit(name) for name in names]])
        grounds = []
        for name, pub in zip(names, outcome.pubs, strict=True):
            if not isinstance(pub, SampledPub):
                raise InvalidValueError(
                    f"Job {outcome.job.job_id} has no counts to compare.",
                    advice="Expect nothing of it: its values have their errors beside them.",
                )
            ground = ground_of_counts(name, pub.counts)
            check_observables(self.expectations, ground)
            grounds.append(ground)
        compared = self._compared(grounds)
        return Judge(context, self, [[Circuit(ground.circuit, ground) for ground in compared]])

    def _grounds_of(
        self, context: Context, request: "RunRequest", *, is_kept: bool
    ) -> list[Ground]:
        if not self.expectations or request.is_estimated:
            return []
        from qrsession.expecting.foreseeing import Foresight  # noqa: PLC0415 - as above

        needs_distribution = any(one.needs_distribution for one in self.expectations)
        foresight = Foresight(
            context.cache,
            request.values.at(0),
            wants_ideal=needs_distribution and self.reference_file is None,
            keeps=is_kept,
        )
        with context.output.progress("working out the ideal distribution"):
            grounds = foresight.grounds_of(request.sources)
        for ground in grounds:
            check_observables(self.expectations, ground)
        return self._compared(grounds)

    def _compared(self, grounds: list[Ground]) -> list[Ground]:
        if self.reference_file is None:
            return grounds
        shapes = [(ground.circuit, ground.widths) for ground in grounds]
        chosen = references_for(self.references, shapes, self.reference_file)
        return [
            replace(ground, distribution=one) for ground, one in zip(grounds, chosen, strict=True)
        ]


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
    expected: Expected
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


def _by_job(circuits: Sequence[Circuit], request: "RunRequest") -> list[list[Circuit]]:
    from qrsession.circuits.sources import circuit_names  # noqa: PLC0415 - as above

    if not request.separate:
        return [list(circuits)]
    rest = iter(circuits)
    return [list(islice(rest, len(circuit_names([source])))) for source in request.sources]


def _recorded_names(context: Context, job_id: str) -> list[str]:
    """Return the circuit files that a job was made of, none where nobody knows."""
    with suppress(QrsessionError):
        return list(context.workspace.records.find_job(job_id).files)
    return []


def _names(circuits: Iterable[Circuit]) -> list[str]:
    return [circuit.name for circuit in circuits]


def _kept_outcome(job: "RuntimeJob") -> Outcome | None:
    records = job.service.records
    with suppress(QrsessionError):
        return recall_outcome(records, records.find_job(job.job_id()))
    return None
