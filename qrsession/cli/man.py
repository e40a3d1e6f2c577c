"""``qrsession man``: the manual, read as a person reads one."""

import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from qrsession.cli.context import Context
from qrsession.cli.pages import page_of
from qrsession.render.manual import Page, to_roff, to_text


def command(
    context: Context,
    page: Annotated[
        str | None,
        typer.Argument(metavar="[COMMAND]", help="A command, exit-codes, or environment."),
    ] = None,
) -> None:
    """Show the manual page of a command; without one, of qrsession as a whole.

    On a terminal man(1) shows it, in the pager of your choice (MANPAGER or PAGER). Elsewhere, or
    where man is missing, it is plain text on stdout. `exit-codes` and `environment` are pages too.

    Examples:
        qrsession man run
        qrsession man exit-codes
    """
    found = page_of(page or "")
    if not (context.output.terminal.is_terminal and _is_shown_by_man(found)):
        context.output.data(to_text(found, context.output.terminal.width))


def _is_shown_by_man(page: Page) -> bool:
    """Have man(1) show a page; return whether it is there and did."""
    program = shutil.which("man")
    if program is None:
        return False
    with tempfile.TemporaryDirectory(prefix="qrsession-") as folder:
        file = Path(folder, page.file_name)
        file.write_text(to_roff(page), encoding="utf-8")
        # Ctrl-C is for the pager, which goes on.
        before = signal.signal(signal.SIGINT, _leave_to_pager)
        try:
            # A path with a slash in it is a file to every man(1); only some of them know -l.
            done = subprocess.run([program, str(file)], check=False)  # noqa: S603
        finally:
            signal.signal(signal.SIGINT, before)
        return done.returncode == 0


def _leave_to_pager(_signal: int, _frame: FrameType | None) -> None:
    """Do nothing; unlike a signal that is ignored, this is not inherited."""
