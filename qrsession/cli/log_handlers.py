"""Where the lines of the log go. Loads `logging`, so commands load it only where one is wanted."""

import logging
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from qrsession.diagnostics import ROOT, SAID
from qrsession.redaction import redacted
from qrsession.storage import open_log

_LEVELS = {1: logging.INFO}
_SAID_NAME = f"{ROOT}.{SAID}"


class ShownHandler(logging.Handler):
    """Shows the log to who sits there; what is told there anyway is left out.

    Args:
        tell: Takes the topic and the text of a line.
        verbosity: How many ``-v`` were given.
    """

    def __init__(self, tell: Callable[[str, str], None], verbosity: int) -> None:
        super().__init__(_LEVELS.get(verbosity, logging.DEBUG))
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        """Show a record."""
        if record.name != _SAID_NAME:
            self._tell(_topic_of(record), redacted(record.getMessage()))


class FileHandler(logging.Handler):
    """Appends the log to a file, one write for a record, so that many processes may share it.

    Args:
        path: The file; see `qrsession.storage.open_log`.
        warn: Is told, once, that it cannot be written any more.

    Raises:
        StorageError: It cannot be opened.
    """

    def __init__(self, path: Path, warn: Callable[[str], None]) -> None:
        super().__init__(logging.DEBUG)
        self._path = path
        self._warn = warn
        self._descriptor: int | None = open_log(path)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record: the time in UTC, the process, the topic, the text."""
        if self._descriptor is None:
            return
        try:
            os.write(self._descriptor, _line_of(record))
        except OSError as error:
            self.close()
            self._warn(f"The log {self._path} is written no more: {error.strerror}.")

    def close(self) -> None:
        """Close the file."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)
        super().close()


def _line_of(record: logging.LogRecord) -> bytes:
    when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    head = f"{when.removesuffix('+00:00')}Z {os.getpid()} {record.levelname} {_topic_of(record)}:"
    # A server's words must not pass for lines of ours: those that go on are indented.
    text = "\n    ".join(_shown(line) for line in redacted(record.getMessage()).split("\n"))
    return f"{head} {text}\n".encode("utf-8", "backslashreplace")


def _shown(line: str) -> str:
    return "".join(char for char in line.expandtabs(4) if char.isprintable())


def _topic_of(record: logging.LogRecord) -> str:
    return record.name.removeprefix(f"{ROOT}.")
