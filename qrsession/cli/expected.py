"""What a user expects of results: read, and looked at before anything is paid for."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from qrsession.cli.context import Context
from qrsession.cli.expecting import Asked
from qrsession.cli.files import check_target
from qrsession.cli.judging import Circuit, Judge
from qrsession.errors import (
    InvalidValueError,
    QrsessionError,
    UsageError,
)
from qrsession.expecting.agreement import Distribution
from qrsession.expecting.references import read_reference, references_for
from qrsession.expecting.verdicts import (
    Ground,
    check_observables,
    ground_of_counts,
)
from qrsession.expecting.wanted import Expectation, Kind, bound_of, parse_value_expectation
from qrsession.protocol.options import DEFAULT_SHOTS
from qrsession.pubs.observables import Observable
from qrsession.results.outcomes import Outcome
from qrsession.results.pubs import SampledPub

if TYPE_CHECKING:
    from qrsession.verbs.runs import RunRequest


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
