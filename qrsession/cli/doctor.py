"""``qrsession doctor``: what is wrong here, and what to do about it."""

import sys
from typing import Annotated

import typer

from qrsession.cli import options
from qrsession.cli.context import Context


def command(
    context: Context,
    *,
    account: options.Account = None,
    local: options.Local = False,
    offline: Annotated[bool, typer.Option("--offline", help="Ask no service.")] = False,
) -> None:
    """Look for what is wrong, and say what to do about each thing.

    It looks at the account, the service, the network, what is installed, and the files; it opens
    and changes nothing, and starts the local runtime only for --local. It ends within 15 seconds.
    Where a check fails, the exit code is that of what commands would fail with: 3 the key, 10 the
    service, 1 a file; of several, the first one's. Warnings end with 0.

    Examples:
        qrsession doctor --local
        qrsession doctor --offline --json
    """
    # Imported here: its help needs none of it.
    from qrsession.checkups.doctor import examine  # noqa: PLC0415
    from qrsession.checkups.surroundings import Screen, Surroundings  # noqa: PLC0415
    from qrsession.render.checks import groups_text  # noqa: PLC0415

    terminal = context.output.terminal
    screen = Screen(
        is_terminal=terminal.is_terminal,
        width=terminal.width,
        has_colour=terminal.has_colour,
        encoding=getattr(sys.stdout, "encoding", None) or "ascii",
    )
    around = Surroundings(
        context.settings,
        account=options.account_of(account, local=local),
        is_offline=offline,
        may_start=local,
        screen=screen,
    )
    with context.output.progress("looking at everything"):
        report = examine(around)
    if report.error is None or not context.output.mode.json:
        context.show(report.document(), lambda shown: groups_text(report.groups, shown))
    if report.error is not None:
        raise report.error
