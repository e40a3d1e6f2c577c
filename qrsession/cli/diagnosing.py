"""What is told of how a command works: on stderr for ``-v``, and in the file of ``QRSESSION_LOG``.

Nothing is loaded for it where neither is asked for.
"""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from qrsession import __version__
from qrsession.diagnostics import ROOT, SAID, Log
from qrsession.errors import StorageError
from qrsession.render.output import Output

if TYPE_CHECKING:
    from logging import Handler

said = Log(SAID)
log = Log("command")


class Diagnosis:
    """The log of one command line, from its first word to its exit code.

    Args:
        output: Where its lines go, and where it is said that a file cannot be written.
    """

    def __init__(self, output: Output) -> None:
        self._output = output
        self._handlers: list[Handler] = []
        self._level_before = 0
        self._began_s = time.monotonic()

    def write_to(self, path: Path) -> None:
        """Append the whole log to a file. Where that cannot be, it is said, and nothing else."""
        from qrsession.cli.log_handlers import FileHandler  # noqa: PLC0415 - seldom asked for

        try:
            self._add(FileHandler(path, self._output.warn))
        except StorageError as error:
            self._output.warn(f"No log is written: {error.message}")

    def show(self, verbosity: int) -> None:
        """Show the log on stderr: what is of note for 1, the requests too for 2."""
        if verbosity <= 0:
            return
        from qrsession.cli.log_handlers import ShownHandler  # noqa: PLC0415 - seldom asked for

        self._add(ShownHandler(self._output.tell, verbosity))

    def begin(self, command: str) -> None:
        """Tell which command this is; its arguments may be anybody's, and are not told."""
        python = ".".join(map(str, sys.version_info[:3]))
        log.detail("%s (qrsession %s, Python %s, %s)", command, __version__, python, sys.platform)

    def tell_error(self, error: BaseException) -> None:
        """Tell what ended the command, with its traceback, in the file alone."""
        if self._handlers:
            import traceback  # noqa: PLC0415 - logging has loaded it

            said.detail("%s", "".join(traceback.format_exception(error)).rstrip())

    def end(self, exit_code: int) -> None:
        """Tell how the command ended, and tell no more."""
        if not self._handlers:
            return
        took_ms = 1000 * (time.monotonic() - self._began_s)
        log.detail("exit code %d after %.0f ms", exit_code, took_ms)
        import logging  # noqa: PLC0415 - it is loaded by now

        root = logging.getLogger(ROOT)
        for handler in self._handlers:
            root.removeHandler(handler)
            handler.close()
        self._handlers.clear()
        root.setLevel(self._level_before)

    def _add(self, handler: "Handler") -> None:
        import logging  # noqa: PLC0415 - the handler has loaded it

        root = logging.getLogger(ROOT)
        if not self._handlers:
            self._level_before = root.level
            root.setLevel(logging.DEBUG)
        self._handlers.append(handler)
        root.addHandler(handler)
