"""``qrsession open``: a new session."""

from typing import Annotated

import typer

from qrsession.accounts.instances import Place
from qrsession.cli import options
from qrsession.cli.context import Context
from qrsession.closing.guarding import open_guarded
from qrsession.duration import format_duration
from qrsession.money.modes import parse_mode
from qrsession.processes.mark import ProcessMark
from qrsession.verbs.admission import OpenRequest
from qrsession.verbs.reports import SessionReport


def command(
    context: Context,
    *,
    backend: options.Backend = None,
    max_time: options.MaxTime = None,
    mode: options.Mode = "dedicated",
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="Its name; by default a short word pair."),
    ] = None,
    once: Annotated[
        str | None,
        typer.Option(
            "--once",
            metavar="KEY",
            help="Return the open session of the same key, if there is one.",
            callback=options.not_empty,
        ),
    ] = None,
    close_with: Annotated[
        int | None,
        typer.Option("--close-with", metavar="PID", min=1, help="Close it when this process ends."),
    ] = None,
    min_qubits: options.MinQubits = None,
    budget: options.Budget = None,
    account: options.Account = None,
    instance: options.Instance = None,
    local: options.Local = False,
) -> None:
    """Open a session, and print its id. It becomes the current one.

    Its time begins when its first job starts. Close it with `qrsession close`, or let
    `qrsession exec` do both. With --budget, no job is sent in it that could exceed the budget.

    With --close-with, a process in the background closes it when PID ends, however it ends; queued
    jobs run. $$ is the shell itself, $PPID what started the script. That process does not outlive
    the machine, nor whoever ends all processes of a job at once: systemd, Slurm, many CI runners.
    Then the session ends when --max-time is up.

    Examples:
        qrsession open --local --max-time "1h" --close-with $$
        session=$(qrsession open --local --mode batch --once nightly --close-with $PPID)
    """
    longest = options.max_time_of(max_time, context.output.say)
    mark = None if close_with is None else ProcessMark.of(close_with)
    request = OpenRequest(
        backend=backend,
        max_time=longest.max_time,
        mode=parse_mode(mode),
        name=name,
        account=options.account_of(account, local=local),
        instance=instance,
        min_num_qubits=options.min_qubits_of(min_qubits, backend),
        once=once,
        budget_s=options.budget_of(budget),
        is_at_most=longest.is_at_most,
    )
    workspace = context.workspace
    session = open_guarded(workspace, request, mark)
    place = workspace.service(request.account, request.instance).choose_instance()
    begun = "This key opened it before:" if session.was_open else "Opened"
    context.output.say(
        f"{begun} {session.name} on {session.backend}{_words_of(place)}{_time_of(session)}"
        f"{_end_of(session)}."
    )
    context.show({"session": session.document()}, lambda _terminal: session.session_id)


def _words_of(place: Place) -> str:
    # Of the local runtime's one instance there is nothing to tell.
    return f" ({str(place).removeprefix('the ')})" if place.instance is not None else ""


def _time_of(session: SessionReport) -> str:
    longest_s = session.max_time_s
    return "" if longest_s is None else f", for {format_duration(longest_s)} at most"


def _end_of(session: SessionReport) -> str:
    mark = session.closes_with
    return "" if mark is None else f"; it closes with {mark}"
