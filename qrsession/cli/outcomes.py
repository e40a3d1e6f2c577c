"""How results are shown: in the form that the user, the terminal or the pipe asks for."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qrsession.cli.context import Context
from qrsession.cli.files import check_target, write_target
from qrsession.errors import InvalidValueError
from qrsession.render.counts import counts_text
from qrsession.render.envelope import to_json
from qrsession.render.estimates import estimates_table, estimates_text
from qrsession.render.histogram import histogram_text
from qrsession.render.terminal import Terminal
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


@dataclass(frozen=True)
class ResultForm:
    """In what form a result goes to stdout, and in what form to which file."""

    on_stdout: Form
    in_file: Form = Form.JSON
    file: Path | None = None

    @classmethod
    def of(cls, name: str | None, file: Path | None, context: Context) -> "ResultForm":
        """Choose the forms.

        Raises:
            InvalidValueError: There is no such form, or the file cannot be written, which is found
                out before a job is paid for.
        """
        if file is not None:
            check_target(file)
        if name is None:
            on_terminal = context.output.terminal.is_terminal
            return cls(Form.HISTOGRAM if on_terminal else Form.COUNTS, Form.JSON, file)
        try:
            form = Form(name)
        except ValueError:
            known = ", ".join(Form)
            raise InvalidValueError(f"--format is {name!r}; it must be one of {known}.") from None
        return cls(form, form, file)


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
    data = _data(outcomes, is_many=is_many)
    if circuit_cache is not None:
        data["circuit_cache"] = circuit_cache
    verdicts = judge.verdicts_of(outcomes) if judge is not None else []
    if verdicts:
        data["expectations"] = [verdict.document() for verdict in verdicts]
    pubs = [pub for outcome in outcomes for pub in outcome.pubs]
    if form.file is not None:
        # Whole or not at all, and before anything is printed.
        text = _text(pubs, form.in_file, Terminal(), data)
        write_target(form.file, text)
        context.output.say(f"Wrote {form.file}.")
    if judge is not None:
        judge.keep(outcomes, verdicts)
        judge.report(outcomes, verdicts)
    is_json = context.output.mode.json
    failure = None if judge is None else judge.failure_of(verdicts, data if is_json else {})
    if failure is None or not is_json:
        # There is one envelope, and of a failure that is the error's.
        context.show(data, lambda terminal: _text(pubs, form.on_stdout, terminal, data))
    if judge is not None:
        context.output.flush()
        judge.tell(verdicts)
    if failure is not None:
        raise failure


def _data(outcomes: Sequence[Outcome], *, is_many: bool) -> dict[str, Any]:
    documents = [
        (outcome.job.document(), [pub.document() for pub in outcome.pubs]) for outcome in outcomes
    ]
    if is_many:
        return {"jobs": [{**job, "pubs": pubs} for job, pubs in documents]}
    job, pubs = documents[0]
    return {"job": job, "pubs": pubs}


def _text(pubs: Sequence[Pub], form: Form, terminal: Terminal, data: dict[str, Any]) -> str:
    if form is Form.JSON:
        return to_json(data)
    estimated = [pub for pub in pubs if isinstance(pub, EstimatedPub)]
    if estimated:
        values = [(pub.evs, pub.stds) for pub in estimated]
        is_table = form is Form.HISTOGRAM
        return estimates_table(values, terminal) if is_table else estimates_text(values)
    counts = [pub.counts for pub in pubs if isinstance(pub, SampledPub)]
    return histogram_text(counts, terminal) if form is Form.HISTOGRAM else counts_text(counts)
