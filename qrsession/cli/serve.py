"""``qrsession serve``: the local runtime in the foreground."""

from pathlib import Path
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


def command(
    context: Context,
    *,
    port: Annotated[
        int | None,
        typer.Option("--port", metavar="N", help="By default the last one, or any that is free."),
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", metavar="DIR", help="A folder for its database.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", metavar="N", help="How many jobs run at once.")
    ] = None,
    plan: PlanName = "local",
    usage_limit: UsageLimit = None,
    submissions_per_minute: SubmissionsPerMinute = None,
    clock_rate: ClockRate = 1.0,
    scenario: ScenarioFile = None,
    engine: Engine = None,
    ideal: Annotated[
        bool, typer.Option("--ideal", help="Simulate twins of devices without noise.")
    ] = False,
    twins: Annotated[
        Path | None,
        typer.Option("--twins", metavar="DIR", help="A folder of snapshots of devices."),
    ] = None,
) -> None:
    """Run the local runtime in the foreground; it prints its URL when it is ready.

    With --data it has a home of its own, beside the one that commands start by themselves. Beside
    the simulators there are twins of devices, with the noise of each: those of `backends snapshot`
    or --twins, and those that qiskit-ibm-runtime carries where it is installed.

    With --engine jobs run on the workers of a Dask cluster, as many at once as it has threads
    or --workers says.

    Examples:
        qrsession serve --port 0
        qrsession serve --data ./runtime --plan open --clock-rate 60
    """
    # Imported here because the help of this command needs no server.
    from qrsession.local.conditions import Conditions  # noqa: PLC0415
    from qrsession.local.process import serving  # noqa: PLC0415

    settings = context.settings
    if data is not None:
        settings = serving.settings_under(settings, data)
    conditions = Conditions(clock_rate, submissions_per_minute, scenario, plan, usage_limit, engine)
    serving.serve(
        serving.ServeOptions(
            settings,
            port,
            workers,
            conditions=conditions,
            is_ideal=ideal,
            twins_dir=twins,
            on_ready=serving.print_url,
        )
    )
