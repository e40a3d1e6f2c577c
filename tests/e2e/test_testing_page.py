"""The how-to on testing works as it stands: its files make a project, whose tests pass."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "testing.md"
LIMIT_S = 110
_NAMED = re.compile(r"^<!-- file: (\S+) -->\n```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def files_of_the_page() -> dict[str, str]:
    """Return the page's files by their names."""
    return {name: text for name, _, text in _NAMED.findall(PAGE.read_text())}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Make the project of the page."""
    folder = tmp_path / "project"
    folder.mkdir()
    for name, text in files_of_the_page().items():
        (folder / name).write_text(text)
    return folder


def run(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run Python as a project of somebody else would."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "QISKIT_IBM_TOKEN": "a key that leads nowhere"},
        text=True,
        capture_output=True,
        timeout=LIMIT_S,
        check=False,
    )


@pytest.mark.fast
def test_every_program_of_the_page_is_run() -> None:
    """None stands beside the files, which the other test runs."""
    text = PAGE.read_text()
    programs = re.findall(r"^```(?:python|toml)$", text, re.MULTILINE)
    assert len(programs) == len(files_of_the_page()) == 7


# The second runtime that the last file needs takes as long as all of the others.
@pytest.mark.parametrize(
    "names",
    [["test_bell.py", "test_outage.py"], pytest.param(["test_plans.py"], marks=pytest.mark.deep)],
)
def test_the_tests_of_the_page_pass(project: Path, names: list[str]) -> None:
    """With the plug-in as it is installed, and IBM's client unmodified."""
    done = run(project, "-m", "pytest", "-p", "no:cacheprovider", "-q", *names)
    assert done.returncode == 0, done.stdout + done.stderr
    text = "".join(files_of_the_page()[name] for name in names)
    assert f"{len(re.findall(r'^def test_', text, re.MULTILINE))} passed" in done.stdout


def test_every_test_of_the_page_is_run() -> None:
    """By the test above."""
    assert [name for name in files_of_the_page() if name.startswith("test_")] == [
        "test_bell.py",
        "test_outage.py",
        "test_plans.py",
    ]


@pytest.mark.deep
def test_the_script_of_the_page_runs(project: Path) -> None:
    """A context manager, and a child process that knows the environment alone."""
    done = run(project, "smoke.py")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "['aer_simulator', 'ibmq_qasm_simulator']\n"
