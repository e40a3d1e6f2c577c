"""``qrsession account check``: what a key may do."""

from typing import TYPE_CHECKING, Annotated

import typer

from qrsession.cli import options
from qrsession.cli.context import Context
from qrsession.render.checks import checks_text
from qrsession.render.terminal import Terminal

if TYPE_CHECKING:
    from qrsession.accounts.probe import Probe


def check(
    context: Context,
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="The account; by default the one that commands use."),
    ] = None,
    *,
    instance: options.Instance = None,
) -> None:
    """Check what a key may do, and which instances and plans it sees.

    It asks for a token, and reads instances, backends, usage and limits; it opens nothing. Exit
    codes: 0 the account can be used, 3 the key is refused or may not, 4 there is no such account
    or instance, 10 the service is out of reach.

    Examples:
        qrsession account check local
        qrsession account check local --json
    """
    # Imported here because the other commands of the group ask no service.
    from qrsession.accounts.probe import probe_account  # noqa: PLC0415

    probe = probe_account(context.workspace.service(name, instance))
    if probe.error is None or not context.output.mode.json:
        context.show(probe.document(), lambda terminal: _text(probe, terminal))
    if probe.error is not None:
        raise probe.error


def _text(probe: "Probe", terminal: Terminal) -> str:
    title = f"account {probe.account}" + (f" at {probe.url}" if probe.url else "")
    return checks_text(title, probe.checks, terminal)
