"""``qrsession help``: what ``--help`` shows, for those who ask for it this way."""

from typing import Annotated, Any

import typer

from qrsession.cli.context import Context
from qrsession.cli.layout import HelpContext
from qrsession.errors import UsageError


def command(
    context: Context,
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[COMMAND...]", help="A command, by one or two words."),
    ] = None,
) -> None:
    """Show the help of a command, or the list of all.

    Examples:
        qrsession help run
        qrsession help cache info
    """
    # Imported here because the table of verbs names this module.
    from qrsession.cli.app import build_app  # noqa: PLC0415

    found: Any = build_app()
    place = HelpContext(found, info_name="qrsession", **found.context_settings)
    for word in words or ():
        found = found.get_command(place, word) if hasattr(found, "get_command") else None
        if found is None:
            raise UsageError(
                f"There is no command {word!r} in {place.command_path}.",
                advice=f"See `{place.command_path} --help`.",
            )
        place = HelpContext(found, info_name=word, parent=place, **found.context_settings)
    context.output.data(found.get_help(place))
