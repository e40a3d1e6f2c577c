"""Where everything that is printed goes: data to stdout, talk to stderr."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qrsession.diagnostics import SAID, Log
from qrsession.errors import QrsessionError, StorageError
from qrsession.render.terminal import Style, Terminal, filled

if TYPE_CHECKING:
    from qrsession.render.progress import Inquiry, Progress
    from qrsession.waiting.events import Event

log = Log(SAID)

_INDENT_ON_TERMINAL = 2
_LETTERS_OF_BATCH = 2**16


@dataclass(frozen=True)
class Mode:
    """How a command was asked to talk: ``--json``, ``--quiet``, and how many ``--verbose``.

    ``events`` is ``--events``, with which ``json`` is on.
    """

    json: bool = False
    quiet: bool = False
    verbosity: int = 0
    events: bool = False


class Output:
    """The two streams of one command. They are looked up anew at each write."""

    def __init__(self, mode: Mode | None = None) -> None:
        self.mode = mode or Mode()
        self.terminal = Terminal.of(sys.stdout)
        self.error_terminal = Terminal.of(sys.stderr)

    def result(
        self,
        command: str,
        data: Mapping[str, Any],
        text: Callable[[Terminal], str | Iterable[str]],
    ) -> None:
        """Print what a command came to: the envelope of the data, or the text for this stdout.

        A text may come in lines, so that it is never held as a whole.

        Raises:
            StorageError: stdout cannot be written.
        """
        if self.mode.json:
            # Imported here because people seldom ask for it, and start-up time counts.
            from qrsession.render.envelope import envelope_of, json_parts  # noqa: PLC0415

            is_line = self.mode.events or not self.terminal.is_terminal
            indent = None if is_line else _INDENT_ON_TERMINAL
            for part in in_batches(json_parts(envelope_of(command, data), indent=indent)):
                self._write(part)
            self._write("\n")
        else:
            found = text(self.terminal)
            if isinstance(found, str):
                self.data(found)
                return
            for part in in_batches(found):
                self._write(part)

    def binary(self, parts: Iterable[bytes]) -> None:
        """Write bytes to stdout.

        Raises:
            StorageError: stdout is closed, or cannot be written.
            BrokenPipeError: Whoever read it has gone.
        """
        if sys.stdout is None:
            raise StorageError("stdout is closed.", advice="Redirect it to a file or /dev/null.")
        self.flush()
        try:
            sys.stdout.buffer.writelines(parts)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise _not_written(error) from error

    def event(self, event: "Event") -> None:
        """Print what happened just now as a line of its own, at once, where ``--events`` asks.

        Raises:
            StorageError: stdout cannot be written.
            BrokenPipeError: Whoever read it has gone.
        """
        if self.mode.events:
            from qrsession.render.lines import event_line  # noqa: PLC0415 - few commands have events

            self.data(event_line(event))
            self.flush()

    def data(self, text: str) -> None:
        """Print to stdout, with a newline at the end if there is any text.

        Raises:
            StorageError: stdout is closed, or cannot be written.
            BrokenPipeError: Whoever read it has gone.
        """
        if text:
            self._write(text if text.endswith("\n") else f"{text}\n")

    @staticmethod
    def _write(text: str) -> None:
        if sys.stdout is None:
            raise StorageError("stdout is closed.", advice="Redirect it to a file or /dev/null.")
        try:
            sys.stdout.write(text)
        except UnicodeEncodeError:
            encoding = sys.stdout.encoding
            sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
        except BrokenPipeError:
            raise
        except OSError as error:
            raise _not_written(error) from error

    def flush(self) -> None:
        """Hand everything to the reader of stdout.

        Raises:
            StorageError: It cannot be written, for instance since a disk is full.
            BrokenPipeError: Whoever read it has gone.
        """
        if sys.stdout is None:
            return
        try:
            sys.stdout.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise _not_written(error) from error

    def say(self, text: str, *, label: str = "", style: Style = Style.PLAIN) -> None:
        """Tell the user something on stderr, unless ``--quiet``, after a label in a style."""
        log.note("%s", f"{label} {text}".lstrip())
        if not self.mode.quiet:
            self._talk(self._labelled(label, style, text))

    def warn(self, text: str) -> None:
        """Tell the user something that must be known, even with ``--quiet``."""
        log.note("warning: %s", text)
        self._talk(self._labelled("warning:", Style.WARNING, text))

    @staticmethod
    def prompt(text: str) -> None:
        """Show on stderr what a person is to type after, on the same line."""
        with suppress(OSError, AttributeError, ValueError, RuntimeError):
            sys.stderr.write(text)
            sys.stderr.flush()

    def show_before_asking(self, text: Callable[[Terminal], str]) -> None:
        """Show on stderr what a question is about, which must be seen even with ``--quiet``."""
        self._talk(text(self.error_terminal).rstrip("\n"))

    def mask(self, secret: str) -> None:
        """Tell GitHub, on stderr, to show asterisks in place of a secret from now on."""
        escaped = secret.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
        self._talk(f"::add-mask::{escaped}")

    def fail(self, command: str, error: QrsessionError) -> None:
        """Say what happened, in at most three lines on stderr; with ``--json`` on stdout too."""
        log.note("error: %s (%s)", error.message, error.code)
        lines = [self._labelled("error:", Style.BAD, error.message)]
        if error.advice:
            lines.append(self._labelled("help:", Style.BUSY, error.advice))
        if self.mode.verbosity and not all(map(_is_for_programs, error.details.values())):
            facts = ", ".join(
                f"{name}={value}"
                for name, value in error.details.items()
                if not _is_for_programs(value)
            )
            told = filled(f"details: {facts}", self.error_terminal)
            lines.append(self.error_terminal.paint(told, Style.FAINT))
        self._talk("\n".join(lines))
        if self.mode.json:
            from qrsession.render.envelope import failure_of, to_json  # noqa: PLC0415 - as above

            with suppress(StorageError, BrokenPipeError):
                self.data(to_json(failure_of(command, error)))

    def trace(self, text: str) -> None:
        """Print a traceback on stderr, which may quote what is secret."""
        from qrsession.redaction import redacted  # noqa: PLC0415 - seldom wanted

        self._talk("\n".join(_indented(line) for line in redacted(text).split("\n")))

    def tell(self, topic: str, text: str) -> None:
        """Print a line of the log on stderr, for who asked for it."""
        told = filled(f"{topic}: {text}", self.error_terminal)
        self._talk(self.error_terminal.paint(told, Style.FAINT))

    def progress(self, subject: str, inquire: "Inquiry | None" = None) -> "Progress":
        """Return the display of a wait for something, to be used in a ``with`` statement."""
        from qrsession.render.progress import Progress  # noqa: PLC0415 - few commands wait

        return Progress(self, subject, inquire=inquire)

    def _labelled(self, label: str, style: Style, text: str) -> str:
        terminal = self.error_terminal
        if not label:
            return filled(text, terminal)
        return f"{terminal.paint(label, style)} {filled(text, terminal, len(label) + 1)}"

    @staticmethod
    def _talk(text: str) -> None:
        # Nobody can be told that stderr does not work, nor by a handler of signals while it writes.
        with suppress(OSError, AttributeError, ValueError, RuntimeError):
            sys.stderr.write(f"{text}\n")
            sys.stderr.flush()


def in_batches(parts: Iterable[str]) -> Iterator[str]:
    """Yield texts many at a time: a stream takes a few long ones faster than many short ones."""
    batch: list[str] = []
    size = 0
    for part in parts:
        batch.append(part)
        size += len(part)
        if size >= _LETTERS_OF_BATCH:
            yield "".join(batch)
            batch.clear()
            size = 0
    yield "".join(batch)


def _is_for_programs(value: Any) -> bool:
    """Whether a detail is a list of objects, or one: more than a line can show."""
    if isinstance(value, Mapping):
        return True
    return isinstance(value, list | tuple) and any(isinstance(part, Mapping) for part in value)


def _indented(line: str) -> str:
    """Return a line of a traceback, which may quote a server, safe to show and as it was."""
    return "".join(char for char in line.expandtabs() if char.isprintable())


def _not_written(error: OSError) -> StorageError:
    return StorageError(
        f"stdout cannot be written: {error.strerror or type(error).__name__}.",
        advice="Check the disk, or where stdout leads.",
    )
