"""``qrsession wait``: until jobs have ended."""

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qrsession.cli import options
from qrsession.cli.context import Context
from qrsession.errors import UsageError

if TYPE_CHECKING:
    from qrsession.results.outcomes import Outcome
    from qrsession.waiting.awaiting import Awaited


def command(
    context: Context,
    jobs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[JOB...]",
            help="Ids, their beginnings, or @last of the session, which is the default.",
            callback=options.not_empty,
        ),
    ] = None,
    *,
    wait_any: Annotated[bool, typer.Option("--any", help="The first that ends decides.")] = False,
    wait_all: Annotated[bool, typer.Option("--all", help="Wait for all: the default.")] = False,
    fail_fast: options.FailFast = False,
    timeout: options.Timeout = None,
    on_timeout: options.OnTimeoutOption = None,
    session: options.Session = None,
    account: options.Account = None,
    instance: options.Instance = None,
    local: options.Local = False,
    events: options.Events = False,  # noqa: ARG001 - it is in the mode of the output
) -> None:
    """Wait for jobs, of any sessions and accounts, and print how each ended.

    With --session and no JOB it waits for all jobs of the session that have not ended. Their
    results are kept for `qrsession result`. Exit code 0: all completed; 6: one failed; 7: one was
    cancelled, and none failed; 124: the time ran out. --timeout 0 looks once. Ctrl-C ends the wait,
    not the jobs.

    Examples:
        qrsession wait --timeout 10m
        qrsession wait @last --fail-fast --json
    """
    # Imported here: its help needs none of it.
    from qrsession.cli.telling import telling  # noqa: PLC0415
    from qrsession.verbs.finding import find_wanted  # noqa: PLC0415
    from qrsession.waiting.awaiting import await_jobs  # noqa: PLC0415
    from qrsession.waiting.single import Deadline  # noqa: PLC0415
    from qrsession.waiting.terms import Terms  # noqa: PLC0415

    if wait_any and (wait_all or fail_fast):
        other = "--all" if wait_all else "--fail-fast"
        raise UsageError(f"--any ends with the first job, and {other} says something else.")
    cancels = options.cancels_on_timeout(on_timeout, timeout)
    deadline = Deadline(options.seconds_of(timeout))
    named_account = options.account_of(account, local=local)
    found = find_wanted(
        context.workspace,
        jobs or [],
        session,
        (named_account, instance),
        interactive=context.is_interactive,
    )
    if not found:
        context.output.say(f"No job of {session} is left to wait for.")
    flags = {"--any": wait_any, "--fail-fast": fail_fast, "--local": local}
    named = {"--account": account, "--instance": instance}
    terms = Terms(
        deadline,
        any_end=wait_any,
        fail_fast=fail_fast,
        cancel_on_timeout=cancels,
        takes_private=context.output.mode.json,
        needs_pubs=False,
        resume=lambda job_ids: _command(job_ids, flags, named),
    )
    with telling(context, found) as tell:
        awaited = await_jobs(found, terms, tell)
    _show(context, awaited, is_many=len(found) != 1)


def _command(job_ids: Sequence[str], flags: dict[str, bool], named: dict[str, str | None]) -> str:
    """Return the command that takes the wait up again, ready for a shell."""
    words = ["qrsession", "wait", *job_ids]
    words += [flag for flag, is_given in flags.items() if is_given]
    words += [word for name, value in named.items() if value for word in (name, value)]
    return shlex.join(words)


def _show(context: Context, awaited: "Awaited", *, is_many: bool) -> None:
    """Print what the jobs came to, then raise what they failed by."""
    from qrsession.render.waited import waited_text  # noqa: PLC0415 - as above

    shown = [one for one in awaited.outcomes if awaited.decided_by in {None, one.job.job_id}]
    reports = [outcome.job for outcome in shown]
    output = context.output
    if awaited.error is not None:
        if not output.mode.json:
            # A script wants to know which of them failed, whatever the exit code.
            output.data(waited_text(reports, output.terminal))
        raise awaited.error
    context.show(_data(awaited, is_many=is_many), lambda terminal: waited_text(reports, terminal))


def _data(awaited: "Awaited", *, is_many: bool) -> dict[str, Any]:
    if not is_many:
        (outcome,) = awaited.outcomes
        return {"job": outcome.job.document(), **_pubs(outcome)}
    jobs = [{**outcome.job.document(), **_pubs(outcome)} for outcome in awaited.outcomes]
    decided = {} if awaited.decided_by is None else {"decided_by": awaited.decided_by}
    return {"jobs": jobs, **decided}


def _pubs(outcome: "Outcome") -> dict[str, Any]:
    return {"pubs": [pub.document() for pub in outcome.pubs]} if outcome.pubs else {}
