"""``qrsession use``: another session becomes the current one."""

from qrsession.cli import options
from qrsession.cli.context import Context
from qrsession.errors import UsageError
from qrsession.settings import SESSION_VARIABLE
from qrsession.verbs.choosing import use


def command(
    context: Context,
    session: options.SessionArgument = None,
    *,
    named: options.Session = None,
) -> None:
    """Make a session the current one: what commands work on that name none. Prints its id.

    QRSESSION_SESSION and -s come first. Off a terminal the current session counts only if no
    other is open.

    Examples:
        qrsession use "$(qrsession open --local)"
        qrsession open --local --name tuning && qrsession use tuning
    """
    key = options.one_of(session, named)
    if key is None:
        raise UsageError(
            "No session is named.", advice="`qrsession status --all --cached` shows which are open."
        )
    workspace = context.workspace
    entry = use(workspace, key)
    context.output.say(f"{entry.name} on {entry.backend or 'its backend'} is current now.")
    other = context.settings.session
    if other and other not in {entry.name, entry.session_id}:
        context.output.warn(f"{SESSION_VARIABLE} names {other}, and comes first.")
    data = {"session": workspace.recall(entry).document()}
    context.show(data, lambda _terminal: entry.session_id)
