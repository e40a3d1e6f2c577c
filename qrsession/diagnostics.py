"""What goes on, for who wants to know: a line for each thing of note, and one for each request.

Each room speaks through a `Log` to a logger of the standard library, named ``qrsession.<topic>``.
Nobody hears it unless a command was given ``-v`` or ``QRSESSION_LOG``, or a program that uses the
library has set up logging. No body of a request or reply is ever logged, and what may be a secret
is taken out before any logger sees it.

There is no handler here that swallows what nobody listens to: the standard library leaves that out
by itself, save for warnings, which tell of money and must be seen.
"""

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from logging import Logger

ROOT = "qrsession"
# What people are told anyway. It is not told a second time where the log is on stderr too.
SAID = "said"

# The numbers of the standard library's levels, which is not loaded for their sake.
_NOTE = 20
_DETAIL = 10
# From a logger's own function to who speaks through a `Log`.
_DEPTH = 3


class Log:
    """Where one room tells what it does. It costs next to nothing where nobody listens.

    Args:
        topic: The last part of the logger's name, and what a line on stderr begins with.
    """

    __slots__ = ("_name",)

    def __init__(self, topic: str) -> None:
        self._name = f"{ROOT}.{topic}"

    def note(self, template: str, *values: object) -> None:
        """Tell something of note; ``values`` go into the template by ``%``."""
        self._tell(_NOTE, template, values)

    def detail(self, template: str, *values: object) -> None:
        """Tell a detail: a request, a look at the cache."""
        self._tell(_DETAIL, template, values)

    def hears_details(self) -> bool:
        """Whether anybody listens to details, for who would have to gather them."""
        return self._logger_for(_DETAIL) is not None

    def _tell(self, level: int, template: str, values: tuple[object, ...]) -> None:
        logger = self._logger_for(level)
        if logger is not None:
            from qrsession.redaction import redacted  # noqa: PLC0415 - where somebody listens

            text = redacted(template % values if values else template)
            logger.log(level, "%s", text, stacklevel=_DEPTH)

    def _logger_for(self, level: int) -> "Logger | None":
        # Who listens has loaded it; where nobody has, commands start without it.
        logging = sys.modules.get("logging")
        if logging is None:
            return None
        logger: Logger = logging.getLogger(self._name)
        return logger if logger.isEnabledFor(level) else None
