"""Where circuits are run: in a session, or on a backend without one."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qrsession.errors import UsageError
from qrsession.service import RuntimeService
from qrsession.state.entries import SessionEntry
from qrsession.verbs.runs import RunRequest, Site, Submitted, run_in_session, run_on_backend
from qrsession.verbs.workspace import Workspace

if TYPE_CHECKING:
    from qrsession.money.estimating import Estimate


@dataclass(frozen=True)
class Venue:
    """Where circuits are run.

    Attributes:
        service: Who runs them.
        backend: The device; empty where only the session knows it.
        session: The session; None: each job is on its own.
    """

    service: RuntimeService
    backend: str
    session: SessionEntry | None

    def site(self) -> Site:
        """Return where its jobs go.

        Raises:
            BackendNotFoundError: There is no such backend.
        """
        if self.session is not None:
            return Site.of_session(self.service, self.session)
        return Site.of_backend(self.service, self.backend)

    def submit(self, request: RunRequest) -> Submitted:
        """Submit circuit files.

        Raises:
            CircuitError: A circuit cannot be read, measures nothing, or lacks a parameter's value.
            BackendNotFoundError: There is no such backend.
            SessionClosedError: The session takes no more jobs.
        """
        if self.session is not None:
            return run_in_session(self.service, self.session, request)
        return run_on_backend(self.service, self.backend, request)

    def estimate(self, request: RunRequest) -> "Estimate":
        """Return what the same would use; nothing is submitted.

        Raises:
            CircuitError: A circuit cannot be read, measures nothing, or lacks a parameter's value.
            BackendNotFoundError: There is no such backend.
        """
        # Imported here because a run itself needs none of it.
        from qrsession.money.estimating import estimate_in_session, estimate_on_backend  # noqa: PLC0415

        if self.session is not None:
            return estimate_in_session(self.service, self.session, request)
        return estimate_on_backend(self.service, self.backend, request)


def find_venue(
    workspace: Workspace,
    session: str | None,
    backend: str | None,
    where: tuple[str | None, str | None],
    *,
    interactive: bool,
) -> Venue:
    """Find the place that a user means.

    Args:
        workspace: The user's sessions.
        session: The session's name, id or the beginning of either; None: by precedence.
        backend: The backend to run on without a session; None: in a session.
        where: The account and the instance that are named, if any.
        interactive: Whether a person sits at a terminal.

    Raises:
        UsageError: A session is named together with a backend or an instance, or with another
            account than its own; or none is named, and which is meant is not clear.
        SessionNotFoundError: There is no such session.
        AuthenticationError: No account can be used.
    """
    account, instance = where
    if backend is not None:
        if session is not None:
            raise UsageError(
                "--backend runs without a session, and --session names one.",
                advice="Leave one of them out.",
            )
        return Venue(workspace.service_for_job(account, instance, backend), backend, None)
    if instance is not None:
        raise UsageError(
            "--instance is for a job without a session; a session's own is always used.",
            advice="Leave it out, or add --backend NAME.",
        )
    entry = workspace.choose(session, interactive=interactive)
    return Venue(workspace.service_of(entry, account), entry.backend or "", entry)
