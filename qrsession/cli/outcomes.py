"""How results are shown: in the form that the user, the terminal or the pipe asks for."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qrsession.cli.context import Context
from qrsession.cli.files import check_target, write_target
from qrsession.errors import InvalidValueError, QrsessionError, StorageError, UsageError
from qrsession.render.counts import counts_lines
from qrsession.render.envelope import json_parts
from qrsession.render.output import in_batches
from qrsession.render.terminal import Terminal
from qrsession.results.captioning import with_names
from qrsession.results.outcomes import Outcome, result_command
from qrsession.results.pubs import EstimatedPub, Pub, SampledPub
from qrsession.verbs.reports import JobReport

if TYPE_CHECKING:
    from qrsession.cli.judging import Judge
    from qrsession.verbs.runs import Submitted


class Form(StrEnum):
    """The forms of a result."""

    COUNTS = "counts"
    HISTOGRAM = "histogram"
    JSON = "json"
    CSV = "csv"
    NPZ = "npz"


_FORM_OF_SUFFIX = {".csv": Form.CSV, ".npz": Form.NPZ, ".txt": Form.COUNTS}
# They have the names of circuits in them.
_NAMING_FORMS = {Form.CSV, Form.NPZ}


@dataclass(frozen=True)
class ResultForm:
    """In what form a result goes to stdout, and in what form to which file."""

    on_stdout: Form
    in_file: Form = Form.JSON
    file: Path | None = None

    @classmethod
    def of(cls, name: str | None, file: Path | None, context: Context) -> "ResultForm":
        """Choose the forms: what is asked for, else what suits the file's ending and stdout.

        Raises:
            InvalidValueError: There is no such form, or the file cannot be written, which is found
                out before a job is paid for.
            UsageError: What is binary would go to a terminal, or into an envelope.
        """
        if file is not None:
            check_target(file)
        is_seen = context.output.terminal.is_terminal
        usual = Form.HISTOGRAM if is_seen else Form.COUNTS
        if name is None:
            suffix = "" if file is None else file.suffix.lower()
            return cls(usual, _FORM_OF_SUFFIX.get(suffix, Form.JSON), file)
        try:
            form = Form(name)
        except ValueError:
            known = ", ".join(Form)
            raise InvalidValueError(f"--format is {name!r}; it must be one of {known}.") from None
        if form is not Form.NPZ:
            return cls(form, form, file)
        if file is None and (is_seen or context.output.mode.json):
            why = "--json prints text" if context.output.mode.json else "stdout is a terminal"
            raise UsageError(
                f"--format npz is binary, and {why}.",
                advice="Write it to a file: --output result.npz",
            )
        return cls(form if file is None else usual, form, file)

    @property
    def names_circuits(self) -> bool:
        """Whether the names of circuits are shown."""
        return not _NAMING_FORMS.isdisjoint({self.on_stdout, self.in_file})


def show_submitted(context: Context, submitted: "Submitted") -> None:
    """Show jobs that nobody waits for: their ids, and how to come back to them."""
    jobs = [JobReport.of_record(job.record()).document() for job in submitted.jobs]
    ids = [str(job["job_id"]) for job in jobs]
    context.output.say(f"Take it up again: {result_command(ids)}")
    data = {"job": jobs[0]} if len(jobs) == 1 else {"jobs": jobs}
    context.show(data, lambda _terminal: "\n".join(ids))


def show_outcomes(
    context: Context,
    outcomes: Sequence[Outcome],
    form: ResultForm,
    *,
    circuit_cache: str | None = None,
    is_many: bool = False,
    judge: "Judge | None" = None,
) -> None:
    """Write results to their file, if any, and then to stdout; then what was expected of them.

    Raises:
        ExpectationError: They were not as expected. With ``--json`` it has all that is known.
    """
    num_pubs = sum(len(outcome.pubs) for outcome in outcomes)
    if form.names_circuits or (form.on_stdout is Form.HISTOGRAM and num_pubs > 1):
        outcomes = [_named(context, outcome) for outcome in outcomes]
    verdicts = judge.verdicts_of(outcomes) if judge is not None else []
    is_json = context.output.mode.json
    extra: dict[str, Any] = {} if circuit_cache is None else {"circuit_cache": circuit_cache}
    if verdicts:
        extra["expectations"] = [verdict.document() for verdict in verdicts]
    shown = _Shown(outcomes, is_many, extra)
    if form.file is not None:
        _write(context, form, shown)
    if judge is not None:
        judge.keep(outcomes, verdicts)
        judge.report(outcomes, verdicts)
    # What nobody reads is not made: counting, and writing it out, takes time.
    data = shown.data if is_json else {}
    failure = None if judge is None else judge.failure_of(verdicts, data)
    if failure is None or not is_json:
        # There is one envelope, and of a failure that is the error's.
        if form.on_stdout is Form.NPZ and not is_json:
            context.output.binary(shown.parts(Form.NPZ))
        else:
            context.show(data, lambda terminal: shown.text(form.on_stdout, terminal))
    if judge is not None:
        context.output.flush()
        judge.tell(verdicts)
    if failure is not None:
        raise failure


def _write(context: Context, form: ResultForm, shown: "_Shown") -> None:
    """Write results to their file: whole or not at all, and before anything is printed.

    Raises:
        StorageError: They cannot be written. What is kept nowhere else has been printed, or is in
            the error's details where stdout has an envelope.
    """
    if form.file is None:
        return
    try:
        write_target(form.file, shown.parts(form.in_file))
    except StorageError as error:
        ids = [outcome.job.job_id for outcome in shown.outcomes]
        if all(context.workspace.records.result_path(one).exists() for one in ids):
            raise StorageError(
                error.message,
                advice=f"The result is kept: {'; '.join(f'qrsession result {one}' for one in ids)}",
                details=error.details,
            ) from error
        # A service gives a private result once.
        if context.output.mode.json:
            raise StorageError(
                error.message,
                advice="The result is in `error.details.result`, and nowhere else.",
                details={**error.details, "result": shown.data},
            ) from error
        context.show({}, lambda terminal: shown.text(form.on_stdout, terminal))
        context.output.flush()
        raise StorageError(
            error.message,
            advice="The result is kept nowhere: it was printed in place of that.",
            details=error.details,
        ) from error
    context.output.say(f"Wrote {form.file}.")


def _named(context: Context, outcome: Outcome) -> Outcome:
    """Return the result of a job with the names of its circuits, where this machine knows them."""
    files: Sequence[str] = ()
    if all(pub.caption is None for pub in outcome.pubs):
        with suppress(QrsessionError):
            files = context.workspace.records.find_job(outcome.job.job_id).files
    return replace(outcome, pubs=with_names(outcome.pubs, files))


@dataclass(frozen=True)
class _Shown:
    """Results in whatever form is asked for; made then, and not before.

    Attributes:
        outcomes: The results.
        is_many: Whether they are shown as several jobs, even if it is one.
        extra: What else is said of them in JSON.
    """

    outcomes: Sequence[Outcome]
    is_many: bool
    extra: Mapping[str, Any]

    @cached_property
    def data(self) -> dict[str, Any]:
        """The results as an envelope has them."""
        documents = [
            (outcome.job.document(), [pub.document() for pub in outcome.pubs])
            for outcome in self.outcomes
        ]
        if self.is_many:
            jobs = [{**job, "pubs": pubs} for job, pubs in documents]
            return {"jobs": jobs, **self.extra}
        job, pubs = documents[0]
        return {"job": job, "pubs": pubs, **self.extra}

    @property
    def pubs(self) -> list[Pub]:
        """The pubs of all jobs."""
        return [pub for outcome in self.outcomes for pub in outcome.pubs]

    def parts(self, form: Form) -> Iterable[bytes]:
        """Yield the results as a file has them."""
        if form is Form.NPZ:
            from qrsession.results.archive import npz_parts  # noqa: PLC0415 - seldom wanted

            jobs = [(one.job.job_id, pub) for one in self.outcomes for pub in one.pubs]
            yield from npz_parts(jobs)
            return
        text = self.text(form, Terminal())
        for part in (f"{text}\n",) if isinstance(text, str) else in_batches(text):
            yield part.encode("utf-8", "backslashreplace")

    def text(self, form: Form, terminal: Terminal) -> str | Iterable[str]:
        """Return the results as text, or its lines."""
        if form is Form.JSON:
            return chain(json_parts(self.data), "\n")
        if form is Form.CSV:
            from qrsession.render.comma_separated import csv_lines  # noqa: PLC0415 - seldom wanted

            return csv_lines(self.pubs)
        sampled = [pub for pub in self.pubs if isinstance(pub, SampledPub)]
        if sampled:
            if form is Form.HISTOGRAM:
                from qrsession.render.samples import samples_view  # noqa: PLC0415 - for people

                return samples_view(sampled, terminal).rstrip("\n")
            return counts_lines(sampled)
        # Imported here because most results are counts.
        from qrsession.render import estimates  # noqa: PLC0415

        estimated = [pub for pub in self.pubs if isinstance(pub, EstimatedPub)]
        if form is Form.HISTOGRAM:
            return estimates.estimates_view(estimated, terminal).rstrip("\n")
        return estimates.estimates_lines(estimated)
