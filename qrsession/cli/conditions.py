"""Options of the local runtime's conditions: those of `serve` and of `local start`."""

from pathlib import Path
from typing import Annotated

import typer

ClockRate = Annotated[
    float,
    typer.Option("--clock-rate", metavar="X", help="With 60, an hour of a session takes a minute."),
]
SubmissionsPerMinute = Annotated[
    int | None,
    typer.Option(
        "--submissions-per-minute", metavar="N", help="Refuse more with 429; IBM takes 5."
    ),
]
PlanName = Annotated[
    str, typer.Option("--plan", metavar="NAME", help="local, open, payg or premium.")
]
UsageLimit = Annotated[
    float | None,
    typer.Option("--usage-limit", metavar="S", help="Seconds of usage in 28 days; open has 600."),
]
Engine = Annotated[
    str | None,
    typer.Option("--engine", metavar="URL", help="Run jobs on a Dask cluster: dask://HOST:PORT."),
]
ScenarioFile = Annotated[
    Path | None,
    typer.Option("--scenario", metavar="FILE", help="What goes wrong, and when: TOML or JSON."),
]
