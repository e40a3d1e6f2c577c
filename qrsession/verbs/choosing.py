"""Making a session the current one: what the verb `use` does, without what it prints."""

from qrsession.protocol.status import SessionState
from qrsession.state.entries import SessionEntry
from qrsession.verbs.workspace import Workspace


def use(workspace: Workspace, key: str) -> SessionEntry:
    """Make a session of the ledger the current one, and return it.

    No service is asked, unless the session's time must be up: then it is asked whether it is.

    Args:
        workspace: The user's sessions.
        key: Its name, its id, or the beginning of either.

    Raises:
        SessionNotFoundError: It is not known.
        SessionClosedError: It is closed.
        InvalidValueError: It may be any of several.
    """
    entry = workspace.choose(key, interactive=False)
    state = entry.state
    if entry.expires_at is not None and entry.expires_at <= workspace.now():
        state = workspace.look_or_recall(entry).state
    if state == SessionState.CLOSED:
        from qrsession.money.going_on import closed_error  # noqa: PLC0415 - seldom needed

        raise closed_error(entry)
    return workspace.ledger.set_current(entry.session_id)
