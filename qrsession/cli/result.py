"""``qrsession result``: the result of a job, at any time later."""

from typing import TYPE_CHECKING, Annotated

import typer

from qrsession.cli import expecting, options
from qrsession.cli.context import Context
from qrsession.names import LAST_JOB

if TYPE_CHECKING:
    from qrsession.cli.expected import Expected
    from qrsession.job import RuntimeJob
    from qrsession.results.outcomes import Outcome


def command(
    context: Context,
    job: options.Job = LAST_JOB,
    *,
    session: options.Session = None,
    account: options.Account = None,
    instance: options.Instance = None,
    local: options.Local = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it is finished.")] = False,
    timeout: options.Timeout = None,
    min_fidelity: expecting.MinFidelity = None,
    max_tvd: expecting.MaxTvd = None,
    reference: expecting.Reference = None,
    expect_value: expecting.ExpectBits = None,
    junit: expecting.JunitFile = None,
    form: options.Format = None,
    output: options.OutputFile = None,
) -> None:
    """Print a job's result, from our own copy or from the service.

    A job that is not finished yet is exit code 8, unless --wait is given. It can be held against
    what is expected of it, as `qrsession run` does; since its circuits are not known here, against
    the distribution of --reference, and by values of the bits that it measured.

    Examples:
        qrsession result
        qrsession result @last --wait --format json
    """
    # Imported here: its help needs none of it.
    from qrsession.cli.outcomes import ResultForm, show_outcomes  # noqa: PLC0415
    from qrsession.verbs.finding import find_result  # noqa: PLC0415

    asked = expecting.Asked(min_fidelity, max_tvd, reference, expect_value or (), junit)
    expected = expecting.expected_of_result(asked)
    result_form = ResultForm.of(form, output, context)
    options.check_wait(timeout, wait=wait)
    timeout_s = options.seconds_of(timeout)
    named_account = options.account_of(account, local=local)
    found = find_result(
        context.workspace,
        job,
        session,
        (named_account, instance),
        interactive=context.is_interactive,
    )
    outcome = _outcome(context, found, expected, wait=wait, timeout_s=timeout_s)
    judge = None if expected is None else expected.for_outcome(context, outcome)
    show_outcomes(context, [outcome], result_form, judge=judge)


def _outcome(
    context: Context,
    found: "Outcome | RuntimeJob",
    expected: "Expected | None",
    *,
    wait: bool,
    timeout_s: float | None,
) -> "Outcome":
    from qrsession.results.outcomes import Outcome, read_outcome  # noqa: PLC0415 - as above

    if isinstance(found, Outcome):
        return found
    judge = None if expected is None else expected.for_job(context, found.job_id())
    with expecting.reporting(judge, [found]):
        if not wait:
            return read_outcome(found)
        # Imported here: a result that was kept needs nobody to wait.
        from qrsession.cli.telling import telling  # noqa: PLC0415
        from qrsession.waiting.awaiting import await_jobs  # noqa: PLC0415
        from qrsession.waiting.single import Deadline  # noqa: PLC0415
        from qrsession.waiting.terms import Terms  # noqa: PLC0415

        with telling(context, [found]) as tell:
            (outcome,) = await_jobs([found], Terms(Deadline(timeout_s)), tell).checked()
    return outcome
