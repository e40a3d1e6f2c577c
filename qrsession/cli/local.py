"""``qrsession local``: the local runtime in the background, by hand."""

from typing import Annotated

import typer

from qrsession.cli.conditions import (
    ClockRate,
    Engine,
    PlanName,
    ScenarioFile,
    SubmissionsPerMinute,
    UsageLimit,
)
from qrsession.cli.context import Context
from qrsession.local.process import daemon
from qrsession.render.runtimes import runtime_data, runtime_text


def start(
    context: Context,
    *,
    plan: PlanName = "local",
    usage_limit: UsageLimit = None,
    submissions_per_minute: SubmissionsPerMinute = None,
    clock_rate: ClockRate = 1.0,
    scenario: ScenarioFile = None,
    engine: Engine = None,
    ideal: Annotated[
        bool, typer.Option("--ideal", help="Simulate twins of devices without noise.")
    ] = False,
) -> None:
    """Start the local runtime, if it is not up, and print its URL.

    Commands start it by themselves when they need it. It ends when it has been idle for ten
    minutes, with no session open and no job left. How it serves holds until it ends.

    Examples:
        qrsession local start
        qrsession local start --ideal --clock-rate 60
    """
    # Imported here because stop and status need none of it.
    from qrsession.local.conditions import Conditions  # noqa: PLC0415

    conditions = Conditions(clock_rate, submissions_per_minute, scenario, plan, usage_limit, engine)
    address = daemon.ensure(
        context.settings, arguments=conditions.checked_arguments(), is_ideal=ideal
    )
    kept_s = daemon.time_kept_s(context.settings)
    context.show({"runtime": runtime_data(address, kept_s)}, lambda _terminal: address.url)


def stop(context: Context) -> None:
    """Stop the local runtime. Jobs that were running are run again when it starts next.

    Examples:
        qrsession local stop
        qrsession local stop --json
    """
    was_up = daemon.stop(context.settings)
    context.output.say("Stopped." if was_up else "It was not up.")
    context.show({"runtime": runtime_data(None), "was_up": was_up}, lambda _terminal: "")


def status(context: Context) -> None:
    """Show whether the local runtime is up, where, and how it serves.

    Examples:
        qrsession local status
        qrsession local status --json
    """
    address = daemon.find(context.settings)
    kept_s = daemon.time_kept_s(context.settings)
    context.show(
        {"runtime": runtime_data(address, kept_s)},
        lambda terminal: runtime_text(address, kept_s, terminal),
    )


COMMANDS = {"start": start, "stop": stop, "status": status}
