"""What a command is given: settings, streams, and the rooms of the library, made when used."""

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from qrsession.clock import utc_now
from qrsession.render.output import Output
from qrsession.render.terminal import Terminal
from qrsession.settings import Settings

if TYPE_CHECKING:
    from qrsession.accounts.saved import SavedAccounts
    from qrsession.cache import Cache
    from qrsession.state.entries import SessionEntry
    from qrsession.verbs.workspace import Workspace


@dataclass(frozen=True)
class Context:
    """One call of one command.

    Attributes:
        command: Its name, as the envelope has it: ``status``, ``cache info``.
        settings: Where files live, and what the environment names.
        output: Where everything that it prints goes.
    """

    command: str
    settings: Settings
    output: Output

    @property
    def workspace(self) -> "Workspace":
        """The user's sessions; what is wrong with the ledger is said on stderr."""
        from qrsession.verbs.workspace import Workspace  # noqa: PLC0415 - commands load what they use

        return Workspace(self.settings, warn=self.output.warn, say=self.output.say)

    @property
    def accounts(self) -> "SavedAccounts":
        """The user's accounts; what is wrong with their file is said on stderr."""
        from qrsession.accounts.saved import (  # noqa: PLC0415 - commands load what they use
            SavedAccounts,
        )

        return SavedAccounts(self.settings, warn=self.output.warn)

    @property
    def cache(self) -> "Cache":
        """The cache that all commands share."""
        from qrsession.cache import Cache  # noqa: PLC0415 - commands load what they use

        return Cache.of(self.settings)

    @property
    def now(self) -> datetime:
        """The time, in UTC."""
        return utc_now()

    @property
    def is_interactive(self) -> bool:
        """Whether a person sits at a terminal. Some CI machines lend their jobs one."""
        streams = (sys.stdin, sys.stdout, sys.stderr)
        return not self.settings.in_ci and any(stream and stream.isatty() for stream in streams)

    def choose_session(self, explicit: str | None) -> "SessionEntry":
        """Return the open session that is meant: the one named, the environment's, the current one.

        Raises:
            SessionNotFoundError: There is none.
            UsageError: Which one is meant cannot be told.
        """
        # The ledger alone: who only wants a name need not load what asks services.
        from qrsession.state.ledger import Ledger  # noqa: PLC0415 - commands load what they use

        ledger = Ledger(self.settings, warn=self.output.warn)
        return ledger.choose(explicit, self.settings.session, interactive=self.is_interactive)

    def show(
        self, data: Mapping[str, Any], text: Callable[[Terminal], str | Iterable[str]]
    ) -> None:
        """Print what the command came to: ``data`` for ``--json``, else the text."""
        self.output.result(self.command, data, text)
