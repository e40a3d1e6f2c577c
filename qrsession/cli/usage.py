"""``qrsession usage``: what the instance has used and has left."""

from typing import Annotated

import typer

from qrsession.cli import options
from qrsession.cli.context import Context


def command(
    context: Context,
    *,
    all_instances: Annotated[
        bool, typer.Option("--all-instances", help="All instances that the key sees.")
    ] = False,
    account: options.Account = None,
    instance: options.Instance = None,
    local: options.Local = False,
) -> None:
    """Show what the instance has used and has left, in QPU seconds, and the part of open sessions.

    A dedicated session uses the time for which it holds its backend, a batch that of its jobs.

    Examples:
        qrsession usage --local
        qrsession usage --local --json
    """
    # Imported here: its help needs none of it.
    from qrsession.money.accounting import instance_warnings, survey_usage  # noqa: PLC0415
    from qrsession.render.usage import usage_text  # noqa: PLC0415

    found = survey_usage(
        context.workspace,
        options.account_of(account, local=local),
        instance,
        all_instances=all_instances,
    )
    usages = [usage.document() for usage in found.usages]
    context.show(
        {
            **({"usages": usages} if all_instances else {"usage": usages[0]}),
            "sessions": [report.document() for report in found.sessions],
            "warnings": [text for usage in found.usages for text in instance_warnings(usage)],
        },
        lambda terminal: usage_text(found.usages, found.sessions, terminal),
    )
