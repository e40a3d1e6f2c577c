"""``qrsession run``: circuit files into jobs, and jobs into results."""

from typing import TYPE_CHECKING

from qrsession.cli import expecting, options, run_inputs, run_options
from qrsession.cli.context import Context

if TYPE_CHECKING:
    from qrsession.verbs.runs import RunRequest
    from qrsession.verbs.venues import Venue


def command(
    context: Context,
    circuits: run_options.Circuits,
    *,
    primitive: run_options.PrimitiveOption = run_options.Primitive.SAMPLER,
    shots: run_options.Shots = None,
    precision: run_options.Precision = None,
    observable: run_options.ObservableOption = None,
    param: run_options.Param = None,
    zipped: run_options.Zip = False,
    params: run_options.ParamsFile = None,
    options_file: run_options.OptionsFile = None,
    setting: run_options.Setting = None,
    stdin_params: run_options.StdinParams = False,
    session: options.Session = None,
    backend: run_options.Backend = None,
    account: options.Account = None,
    instance: options.Instance = None,
    local: options.Local = False,
    optimization_level: run_options.OptimizationLevel = None,
    seed_transpiler: run_options.SeedTranspiler = None,
    fractional_gates: run_options.FractionalGates = False,
    no_transpile: run_options.NoTranspile = False,
    tag: run_options.Tag = None,
    private: run_options.Private = False,
    max_execution_time: run_options.MaxExecutionTime = None,
    estimate: run_options.EstimateOnly = False,
    separate: run_options.Separate = False,
    detach: run_options.Detach = False,
    once: run_options.Once = None,
    no_wait: run_options.NoWait = False,
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

    Several values of parameters make a sweep: one job with all points, the last --param fastest.
    An estimate has an axis of its observables first, if there are several, then those of the sweep.

    With --min-fidelity, --max-tvd and --expect-value each circuit passes or fails: what was seen is
    shown with its statistical error, and the exit code is 11 where one did not hold.

    With --stdin-params it reads values of the circuit's parameters from stdin, a line of JSON for
    each job, and answers each line when its result is there: a program writes the next one then.

    Examples:
        qrsession exec --local -- qrsession run @rotation --param theta=0:pi:5
        qrsession run --local -b aer_simulator @bell --primitive estimator -O ZZ
    """
    # Imported here: its help needs none of it.
    from qrsession.circuits.sources import read_sources  # noqa: PLC0415
    from qrsession.cli.outcomes import ResultForm, show_outcomes, show_submitted  # noqa: PLC0415
    from qrsession.cli.telling import tell_submitted, telling  # noqa: PLC0415
    from qrsession.verbs.runs import RunRequest, check_shots  # noqa: PLC0415
    from qrsession.verbs.venues import find_venue  # noqa: PLC0415
    from qrsession.waiting.awaiting import await_jobs  # noqa: PLC0415
    from qrsession.waiting.single import Deadline  # noqa: PLC0415
    from qrsession.waiting.terms import Terms  # noqa: PLC0415

    unseen = run_options.unseen_of(estimate=estimate, detach=detach, stdin_params=stdin_params)
    if unseen is not None:
        given: dict[str, object] = {"--format": form, "--output": output}
        given |= {"--on-timeout": on_timeout, "--detach": detach, "--once": once}
        given |= {"--timeout": timeout, "--events": events, "--estimate": estimate}
        given |= {"--separate": separate, "--json": context.output.mode.json and not events}
        given |= {"--min-fidelity": min_fidelity is not None, "--max-tvd": max_tvd is not None}
        given |= {"--reference": reference, "--expect-value": expect_value, "--junit": junit}
        unseen.refuse(given | {"--fail-fast": fail_fast, "--no-wait": no_wait})
    asked = expecting.Asked(min_fidelity, max_tvd, reference, expect_value or (), junit)
    measuring = run_inputs.Measuring(primitive, shots, precision, observable or ())
    measuring.check()
    run_inputs.check_stdin(circuits, params, stdin_params=stdin_params)
    expected = expecting.expected_of(
        asked,
        unseen=None if unseen is None else unseen.option,
        is_estimated=measuring.is_estimated,
    )
    tree = run_inputs.tree_of(primitive, options_file, setting or (), as_is=no_transpile)
    cancels = options.cancels_on_timeout(on_timeout, timeout)
    result_form = ResultForm.of(form, output, context)
    deadline = Deadline(options.seconds_of(timeout))
    terms = Terms(deadline, fail_fast=fail_fast, cancel_on_timeout=cancels)
    request = RunRequest(
        sources=read_sources(circuits),
        primitive=primitive,
        shots=None if measuring.is_estimated else check_shots(shots),
        values=run_inputs.values_of(param or (), params, zipped=zipped),
        observables=measuring.wanted(expected),
        precision=precision,
        transpilation=run_options.transpilation_of(
            tree.chosen("optimization_level", optimization_level),
            tree.chosen("seed_transpiler", seed_transpiler),
            fractional_gates=fractional_gates,
            as_is=no_transpile,
        ),
        options=measuring.options(
            tree,
            max_execution_time=max_execution_time,
            environment=run_options.environment_of(tag, private=private),
        ),
        separate=separate,
        detached=detach,
        once=once,
        patience=run_options.patience_of(context, deadline, no_wait=no_wait),
        tell=tell_submitted(context.output),
    )
    where = (options.account_of(account, local=local), instance)
    venue = find_venue(
        context.workspace, session, backend, where, interactive=context.is_interactive
    )
    if estimate:
        _show_estimate(context, venue, request)
        return
    if stdin_params:
        _answer_lines(context, venue, request, deadline.timeout_s, cancels=cancels)
        return
    judge = None if expected is None else expected.for_run(context, request)
    with expecting.reporting(judge):
        submitted = venue.submit(request)
    if detach:
        show_submitted(context, submitted)
        return
    looking = telling(context, submitted.jobs)
    with expecting.reporting(judge, submitted.jobs), looking as tell:
        outcomes = submitted.captioned(await_jobs(submitted.jobs, terms, tell).checked())
    show_outcomes(
        context,
        outcomes,
        result_form,
        circuit_cache=submitted.circuit_cache,
        is_many=separate,
        judge=judge,
    )


def _show_estimate(context: Context, venue: "Venue", request: "RunRequest") -> None:
    from qrsession.render.estimating import estimate_text  # noqa: PLC0415 - as above

    found = venue.estimate(request)
    context.show({"estimate": found.document()}, lambda terminal: estimate_text(found, terminal))


def _answer_lines(
    context: Context,
    venue: "Venue",
    request: "RunRequest",
    timeout_s: float | None,
    *,
    cancels: bool,
) -> None:
    from qrsession.cli.streaming import answer_lines, line_terms  # noqa: PLC0415 - as above
    from qrsession.verbs.loops import Loop  # noqa: PLC0415 - as above

    terms = line_terms(context, timeout_s, cancels=cancels)
    answer_lines(context, Loop(venue, request, terms))
