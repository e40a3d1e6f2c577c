"""Asking the person at the terminal: for a secret, and whether something shall be done."""

import sys
import warnings

import typer

from qrsession.errors import UsageError


def has_person(*, in_ci: bool) -> bool:
    """Whether somebody can answer. Some CI machines lend their jobs a terminal."""
    return not in_ci and sys.stdin is not None and sys.stdin.isatty()


def ask_secret(prompt: str) -> str:
    """Ask for a secret on the terminal. Nothing of what is typed is shown.

    Raises:
        UsageError: Nothing was typed, or the terminal would show it.
    """
    # Imported here because few commands ask for one.
    from getpass import GetPassWarning, getpass  # noqa: PLC0415

    with warnings.catch_warnings():
        # Where it cannot hide what is typed, it would warn and go on.
        warnings.simplefilter("error", GetPassWarning)
        try:
            return getpass(prompt)
        except GetPassWarning:
            raise UsageError(
                "This terminal would show what is typed.",
                advice="Give it by --token-stdin or --token-file.",
            ) from None
        except (EOFError, KeyboardInterrupt) as end:
            # The cursor stands behind the question, and what follows begins a line.
            sys.stderr.write("\n")
            if isinstance(end, KeyboardInterrupt):
                raise
            raise UsageError("Nothing was typed.") from None


def confirm(question: str) -> bool:
    """Ask a question on stderr that yes or no answers; no is assumed."""
    return typer.confirm(question, err=True)
