"""``qrsession run``: circuit files into jobs, and jobs into results."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from qrsession.cli import expecting, options
from qrsession.cli.context import Context
from qrsession.errors import UsageError

if TYPE_CHECKING:
    from qrsession.entries import SessionEntry
    from qrsession.runs import RunRequest, Submitted
    from qrsession.service import RuntimeService
    from qrsession.sources import Transpilation

DEFAULT_OPTIMIZATION_LEVEL = 2


class Primitive(StrEnum):
    """The primitives that circuits can be run with from the shell."""

    SAMPLER = "sampler"


def command(
    context: Context,
    circuits: Annotated[
        list[str],
        typer.Argument(
            metavar="CIRCUIT...", help="OpenQASM 2 or 3 or QPY: files, globs, -, or @bell."
        ),
    ],
    *,
    primitive: Annotated[
        Primitive, typer.Option("--primitive", help="What to run the circuits with.")
    ] = Primitive.SAMPLER,
    shots: Annotated[
        int | None,
        typer.Option("--shots", metavar="N", help="Shots of each circuit; 4096 by default."),
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option("--param", metavar="NAME=VALUE", help="A parameter's value; repeatable."),
    ] = None,
    session: options.Session = None,
    backend: Annotated[
        str | None,
        typer.Option("--backend", "-b", metavar="NAME", help="Run on it without a session."),
    ] = None,
    account: options.Account = None,
    instance: options.Instance = None,
    local: options.Local = False,
    optimization_level: Annotated[
        int | None,
        typer.Option(
            "--optimization-level",
            metavar="0-3",
            help="How hard the transpiler tries; 2 by default.",
        ),
    ] = None,
    seed_transpiler: Annotated[
        int | None,
        typer.Option("--seed-transpiler", metavar="N", help="Makes its choices repeatable."),
    ] = None,
    fractional_gates: Annotated[
        bool,
        typer.Option("--fractional-gates", help="Transpile to rzz and rx of any angle, too."),
    ] = False,
    no_transpile: Annotated[
        bool, typer.Option("--no-transpile", help="Send circuits as they are.")
    ] = False,
    tag: Annotated[
        list[str] | None, typer.Option("--tag", metavar="TAG", help="To find it by; repeatable.")
    ] = None,
    private: Annotated[
        bool, typer.Option("--private", help="Keep nothing here; the result can be read once.")
    ] = False,
    max_execution_time: Annotated[
        int | None,
        typer.Option(
            "--max-execution-time", metavar="S", help="The longest a job may run, in seconds."
        ),
    ] = None,
    estimate: Annotated[
        bool,
        typer.Option("--estimate", help="Print what it would use, and submit nothing."),
    ] = False,
    separate: Annotated[
        bool, typer.Option("--separate", help="A job for each file, not one for all.")
    ] = False,
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Print the job's id, and do not wait.")
    ] = False,
    once: Annotated[
        str | None,
        typer.Option(
            "--once",
            metavar="KEY",
            help="Find the job of the same key and content; never submit it twice.",
            callback=options.not_empty,
        ),
    ] = None,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Too many requests: give up, do not wait.")
    ] = False,
    timeout: options.Timeout = None,
    on_timeout: options.OnTimeoutOption = None,
    fail_fast: options.FailFast = False,
    events: options.Events = False,
    min_fidelity: expecting.MinFidelity = None,
    max_tvd: expecting.MaxTvd = None,
    reference: expecting.Reference = None,
    expect_value: expecting.ExpectValue = None,
    junit: expecting.JunitFile = None,
    form: options.Format = None,
    output: options.OutputFile = None,
) -> None:
    """Run circuits in the session, wait for the result and print it.

    Bitstrings have classical bit 0 on the right; several registers are joined by a space, the last
    declared first. Ctrl-C leaves the job running. With --estimate nothing is run: it prints the
    QPU seconds that IBM's formula gives, and where each number of it is from.

    With --min-fidelity, --max-tvd and --expect-value each circuit passes or fails: what was seen is
    shown with its statistical error, and the exit code is 11 where one did not hold.

    Examples:
        qrsession exec --local -- qrsession run @bell --shots 1000
        qrsession run --local --backend aer_simulator @bell @ghz --format counts
    """
    # Imported here: its help needs none of it.
    from qrsession.awaiting import await_jobs  # noqa: PLC0415
    from qrsession.cli.outcomes import ResultForm, show_outcomes, show_submitted  # noqa: PLC0415
    from qrsession.cli.telling import say_and_tell, tell_submitted, telling  # noqa: PLC0415
    from qrsession.options import Options  # noqa: PLC0415
    from qrsession.runs import RunRequest, check_shots, parse_values  # noqa: PLC0415
    from qrsession.sources import read_sources  # noqa: PLC0415
    from qrsession.terms import Terms  # noqa: PLC0415
    from qrsession.waiting import Deadline  # noqa: PLC0415

    given: dict[str, object] = {"--format": form, "--output": output, "--on-timeout": on_timeout}
    if estimate:
        given |= {"--detach": detach, "--once": once, "--timeout": timeout, "--events": events}
        given |= {"--fail-fast": fail_fast, "--no-wait": no_wait}
        _refuse(given, "--estimate submits nothing, so there is nothing for", "Leave it out.")
    if detach:
        given |= {"--fail-fast": fail_fast}
        _refuse(
            given,
            "--detach does not wait for the result, and so not for",
            "Give it to `qrsession result` or `qrsession wait` later.",
        )
    expected = expecting.expected_of(
        min_fidelity=min_fidelity,
        max_tvd=max_tvd,
        reference=reference,
        expect_value=expect_value,
        junit=junit,
        unseen="--estimate" if estimate else "--detach" if detach else None,
    )
    cancels = options.cancels_on_timeout(on_timeout, timeout)
    result_form = ResultForm.of(form, output, context)
    timeout_s = options.seconds_of(timeout)
    deadline = Deadline(timeout_s)
    request = RunRequest(
        sources=read_sources(circuits),
        primitive=primitive,
        shots=check_shots(shots),
        values=parse_values(param or []),
        transpilation=_transpilation(
            optimization_level,
            seed_transpiler,
            fractional_gates=fractional_gates,
            as_is=no_transpile,
        ),
        options=Options(
            max_execution_time=max_execution_time,
            environment={"job_tags": tag or [], "private": private},
        ),
        separate=separate,
        detached=detach,
        once=once,
        patience=replace(
            context.workspace.patience(0 if no_wait else timeout_s),
            left_s=lambda: deadline.left_s,
            say=say_and_tell(context.output),
        ),
        tell=tell_submitted(context.output),
    )
    named_account = options.account_of(account, local=local)
    place = _find_place(context, session, backend, (named_account, instance))
    if estimate:
        _show_estimate(context, place, request)
        return
    judge = None if expected is None else expected.for_run(context, request)
    with expecting.reporting(judge):
        submitted = place.submit(request)
    if detach:
        show_submitted(context, submitted)
        return
    terms = Terms(deadline, fail_fast=fail_fast, cancel_on_timeout=cancels)
    looking = telling(context, submitted.jobs)
    with expecting.reporting(judge, submitted.jobs), looking as tell:
        outcomes = await_jobs(submitted.jobs, terms, tell).checked()
    show_outcomes(
        context,
        outcomes,
        result_form,
        circuit_cache=submitted.circuit_cache,
        is_many=separate,
        judge=judge,
    )


def _refuse(given: Mapping[str, object], why: str, advice: str) -> None:
    """Refuse options that would be ignored."""
    names = [name for name, value in given.items() if value]
    if names:
        raise UsageError(f"{why} {', '.join(names)}.", advice=advice)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where circuits are run: in a session, or on a backend without one."""

    service: "RuntimeService"
    backend: str
    session: "SessionEntry | None"

    def submit(self, request: "RunRequest") -> "Submitted":
        from qrsession.runs import run_in_session, run_on_backend  # noqa: PLC0415 - as above

        if self.session is not None:
            return run_in_session(self.service, self.session, request)
        return run_on_backend(self.service, self.backend, request)


def _find_place(
    context: Context,
    session: str | None,
    backend: str | None,
    where: tuple[str | None, str | None],
) -> _Place:
    workspace = context.workspace
    account, instance = where
    if backend is not None:
        if session is not None:
            raise UsageError(
                "--backend runs without a session, and --session names one.",
                advice="Leave one of them out.",
            )
        service = workspace.service_for_job(account, instance, backend)
        return _Place(service, backend, None)
    if instance is not None:
        raise UsageError(
            "--instance is for a job without a session; a session's own is always used.",
            advice="Leave it out, or add --backend NAME.",
        )
    entry = workspace.choose(session, interactive=context.is_interactive)
    return _Place(workspace.service_of(entry, account), entry.backend or "", entry)


def _show_estimate(context: Context, place: _Place, request: "RunRequest") -> None:
    # Imported here because the run itself needs none of it.
    from qrsession.estimating import estimate_in_session, estimate_on_backend  # noqa: PLC0415
    from qrsession.render.estimating import estimate_text  # noqa: PLC0415

    found = (
        estimate_on_backend(place.service, place.backend, request)
        if place.session is None
        else estimate_in_session(place.service, place.session, request)
    )
    context.show({"estimate": found.document()}, lambda terminal: estimate_text(found, terminal))


def _transpilation(
    level: int | None, seed: int | None, *, fractional_gates: bool, as_is: bool
) -> "Transpilation":
    from qrsession.options import Options  # noqa: PLC0415 - as above
    from qrsession.sources import Transpilation  # noqa: PLC0415

    if as_is:
        if level is not None or seed is not None or fractional_gates:
            raise UsageError("--no-transpile leaves no level, seed or gates to choose.")
        return Transpilation(None)
    options_of_level = Options(optimization_level=level, seed_transpiler=seed)
    chosen = options_of_level.optimization_level
    return Transpilation(
        DEFAULT_OPTIMIZATION_LEVEL if chosen is None else chosen,
        seed,
        use_fractional_gates=fractional_gates,
    )
