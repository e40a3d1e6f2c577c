"""Waiting as the user sees it: lines in a log, one live line on a terminal."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

import qrsession
from qrsession.render.output import Mode, Output

ROOT = Path(qrsession.__file__).parents[1]


@pytest.mark.fast
def test_log_gets_a_line_for_each_change(capsys: pytest.CaptureFixture[str]) -> None:
    with Output().progress("job d6") as progress:
        for state in ("Queued", "Queued", "Running", "Comp\x1b[2Jleted"):
            progress.show(state)
    expected = "job d6: Queued\njob d6: Running\njob d6: Comp[2Jleted\n"
    assert capsys.readouterr() == ("", expected)


@pytest.mark.fast
def test_log_gets_a_line_for_each_job_that_changes(capsys: pytest.CaptureFixture[str]) -> None:
    with Output().progress("2 jobs:") as progress:
        progress.show("2 queued", "job a: Queued")
        progress.show("2 queued", "job b: Queu\x1b[2Jed")
    assert capsys.readouterr() == ("", "job a: Queued\njob b: Queu[2Jed\n")


@pytest.mark.fast
def test_quiet_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with Output(Mode(quiet=True)).progress("job d6") as progress:
        progress.show("Queued")
    assert capsys.readouterr() == ("", "")


SCRIPT = """
import sys
from qrsession.render.output import Output
output = Output()
with output.progress("job d6[bold]", lambda: ("Running", "queue 3")) as progress:
    progress.show("Queued")
    {wait}
print("rich" in sys.modules, "the result")
"""


@pytest.fixture
def spawned() -> Iterator[list[pexpect.spawn]]:
    children: list[pexpect.spawn] = []
    yield children
    for child in children:
        child.close(force=True)


def spawn(wait: str, width: int) -> pexpect.spawn:
    # Readline sets a width for all programs that are started after it was loaded.
    kept = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES"}}
    return pexpect.spawn(
        sys.executable,
        ["-c", SCRIPT.format(wait=wait)],
        cwd=ROOT,
        env=kept,
        encoding="utf-8",
        dimensions=(24, width),
        timeout=30,
    )


@pytest.mark.parametrize("width", [80, 200])
def test_terminal_gets_one_live_line(spawned: list[pexpect.spawn], width: int) -> None:
    child = spawn("input()", width)
    spawned.append(child)
    child.expect(r"job d6\[bold\] .*Queued.* \ds")
    # After two seconds it has asked.
    child.expect(r"Running.* \ds.*  queue 3")
    child.sendline("")
    # The live line is erased, and the result stands alone.
    child.expect(r"\x1b\[2K.*True the result")


def test_short_wait_shows_nothing_and_loads_no_rich(spawned: list[pexpect.spawn]) -> None:
    child = spawn("pass", 80)
    spawned.append(child)
    child.expect(pexpect.EOF)
    assert child.before == "False the result\r\n"


def test_live_line_leaves_nothing_behind_where_the_terminal_narrows(
    spawned: list[pexpect.spawn],
) -> None:
    child = spawn("input()", 80)
    spawned.append(child)
    child.expect(r"job d6\[bold\] .*Queued.* \ds")
    # A line of 25 to 27 columns, which the terminal has broken into three.
    child.setwinsize(24, 10)
    child.expect_exact("\x1b[2A\r\x1b[J")
