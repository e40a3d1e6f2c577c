"""``qrsession local``: the local runtime in the background, by hand."""

from typing import Annotated, Any

import typer

from qrsession.cli.conditions import (
    ClockRate,
    PlanName,
    ScenarioFile,
    SubmissionsPerMinute,
    UsageLimit,
)
from qrsession.cli.context import Context
from qrsession.local import daemon
from qrsession.render.tables import Cell, Column, table_text
from qrsession.render.terminal import Style, Terminal
from qrsession.render.views import card_text

_COLUMNS = (
    Column("STATE"),
    Column("URL"),
    Column("PID", is_quantity=True),
    Column("VERSION"),
    Column("LOG"),
)


def start(
    context: Context,
    *,
    plan: PlanName = "local",
    usage_limit: UsageLimit = None,
    submissions_per_minute: SubmissionsPerMinute = None,
    clock_rate: ClockRate = 1.0,
    scenario: ScenarioFile = None,
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

    conditions = Conditions(clock_rate, submissions_per_minute, scenario, plan, usage_limit)
    address = daemon.ensure(
        context.settings, arguments=conditions.checked_arguments(), is_ideal=ideal
    )
    context.show({"runtime": _document(address)}, lambda _terminal: address.url)


def stop(context: Context) -> None:
    """Stop the local runtime. Jobs that were running are run again when it starts next.

    Examples:
        qrsession local stop
        qrsession local stop --json
    """
    was_up = daemon.stop(context.settings)
    context.output.say("Stopped." if was_up else "It was not up.")
    context.show({"runtime": _document(None), "was_up": was_up}, lambda _terminal: "")


def status(context: Context) -> None:
    """Show whether the local runtime is up, and where.

    Examples:
        qrsession local status
        qrsession local status --json
    """
    address = daemon.find(context.settings)
    context.show({"runtime": _document(address)}, lambda terminal: _text(address, terminal))


COMMANDS = {"start": start, "stop": stop, "status": status}


def _document(address: daemon.RuntimeAddress | None) -> dict[str, Any]:
    if address is None:
        nothing = dict.fromkeys(("url", "pid", "version", "log", "ideal"))
        return {"state": "down", **nothing}
    return {
        "state": "up",
        "url": address.url,
        "pid": address.pid,
        "version": address.version,
        "log": str(address.log_file),
        "ideal": address.is_ideal,
    }


def _text(address: daemon.RuntimeAddress | None, terminal: Terminal) -> str:
    document = _document(address)
    if not terminal.is_terminal:
        row = [str(document[column.title.lower()] or "") for column in _COLUMNS]
        return table_text(_COLUMNS, [row], terminal)
    style = Style.FAINT if address is None else Style.GOOD
    facts = [
        (name, "yes" if value is True else str(value))
        for name, value in document.items()
        if value and name != "state"
    ]
    return card_text("local runtime", Cell(str(document["state"]), style), facts, terminal)
