"""The optimisers of the page find what they look for, in a shell and in Python."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import SCRIPTS, Cli

pytestmark = [pytest.mark.deep, pytest.mark.timeout(180)]
PAGE = Path(__file__).parents[2] / "docs/howto/optimisers.md"
# At the default precision, near the lowest state an energy has a standard error of less than 0.01.
LOWEST, AT_MOST = -1.5, -1.45


def blocks_of(language: str) -> list[str]:
    found = re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert found
    return found


def energy_printed_by(cli: Cli, *command: str, program: str) -> float:
    path = f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        input=program,
        text=True,
        capture_output=True,
        cwd=cli.folder,
        env={**os.environ, **cli.environ, "PATH": path},
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return float(done.stdout.splitlines()[-1].split()[0])


def test_the_shell_finds_the_lowest_energy(cli: Cli) -> None:
    setup, descent = blocks_of("sh")
    found = energy_printed_by(cli, "sh", "-e", program=f"{setup}\n{descent}")
    assert LOWEST <= found <= AT_MOST
    jobs = cli.data("jobs", "-s", "descent", "--limit", "100")["jobs"]
    assert len(jobs) == 49
    assert {job["status"] for job in jobs} == {"Completed"}
    assert not (cli.folder / "to").exists()


def test_scipy_finds_the_lowest_energy(cli: Cli) -> None:
    (setup, _), (program,) = blocks_of("sh"), blocks_of("python")
    assert energy_printed_by(cli, "sh", "-e", program=f"{setup}\necho 0") == 0
    # Off a terminal a session counts by itself only where it is the only one.
    chosen = Cli(cli.folder, {**cli.environ, "QRSESSION_SESSION": "descent"})
    found = energy_printed_by(chosen, sys.executable, "-", program=program)
    assert LOWEST <= found <= AT_MOST
