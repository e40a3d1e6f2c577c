"""Where a command takes an API key from: a prompt, stdin or a file, and never an argument."""

import sys
from pathlib import Path
from stat import S_IRWXG, S_IRWXO, S_ISREG

from qrsession.accounts.api_key import LONGEST_BYTES, parse_key
from qrsession.cli import asking
from qrsession.cli.context import Context
from qrsession.errors import InvalidValueError, UsageError
from qrsession.storage import quoted

_STDIN_NAME = "-"


def refuse_token(value: str | None) -> None:
    """Refuse a key that stands in the command line, without repeating it.

    Raises:
        UsageError: There is one.
    """
    if value is not None:
        raise UsageError(
            "A key is not taken from the command line: "
            "other users see it there, and the shell's history keeps it.",
            advice="Leave it out to be asked for it, or give --token-stdin or --token-file FILE. "
            "Consider replacing the key.",
        )


def read_key(context: Context, *, stdin: bool, file: Path | None) -> str:
    """Return the key from where the options say, by default from a hidden prompt.

    Raises:
        UsageError: The options contradict each other, or there is nobody to ask.
        InvalidValueError: The file cannot be read, or what is given cannot be a key.
    """
    if stdin and file is not None:
        raise UsageError("Give --token-stdin or --token-file, not both.")
    if stdin or str(file) == _STDIN_NAME:
        return parse_key(_from_stdin(), "stdin")
    if file is not None:
        return parse_key(_from_file(context, file), f"The file {file}")
    if not asking.has_person(in_ci=context.settings.in_ci):
        raise UsageError(
            "There is no terminal to ask for the key.",
            advice="Give it by --token-stdin (a pipe) or --token-file FILE.",
        )
    return parse_key(asking.ask_secret("API key (hidden): "), "What was typed")


def _from_stdin() -> bytes:
    if sys.stdin is None:
        raise UsageError("stdin is closed.")
    if sys.stdin.isatty():
        raise UsageError(
            "stdin is a terminal, which would show the key.",
            advice="Leave --token-stdin out to be asked for it, or pipe it in.",
        )
    return sys.stdin.buffer.read(LONGEST_BYTES + 2)


def _from_file(context: Context, file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            status = file.stat()
            data = opened.read(LONGEST_BYTES + 2)
    except OSError as error:
        raise InvalidValueError(
            f"The file {file} cannot be read: {error.strerror or type(error).__name__}.",
            advice="Check the path, the owner and the mode of the file.",
        ) from error
    if sys.platform != "win32" and S_ISREG(status.st_mode) and status.st_mode & (S_IRWXG | S_IRWXO):
        context.output.warn(f"{file} is readable by others; try: chmod 600 {quoted(file)}")
    return data
