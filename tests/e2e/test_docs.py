"""What the pages of the docs show is what a terminal shows, command by command.

With ``REWRITE_DOCS`` in the environment the pages are given what is really shown, to be looked at.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest

from docs import generate
from tests.e2e.conftest import SCRIPTS, Cli
from tests.e2e.consoles import Terminal, blocks_of, form_of, replay, rewritten
from tests.e2e.programs import default_account

DOCS = Path(__file__).parents[2] / "docs"
pytestmark = pytest.mark.timeout(240)
PAGES = ["tutorial.md", "howto/budgets.md", "howto/sweeps.md", "reference/json.md"]
REWRITES = bool(os.environ.get("REWRITE_DOCS"))


def environ_of(cli: Cli) -> Mapping[str, str]:
    """Return the environment of a person at a terminal, who has the commands in the path."""
    ours = {
        name: value for name, value in os.environ.items() if not name.startswith(("COLUMNS", "CI"))
    }
    path = f"{SCRIPTS}{os.pathsep}{ours['PATH']}"
    return {**ours, **cli.environ, "PATH": path, "NO_COLOR": "1", "LC_ALL": "C.UTF-8"}


@contextmanager
def account_of_the_page(page: Path, folder: Path) -> Iterator[None]:
    """Have an account saved where a page has the reader save one."""
    saves = "qrsession account save" in page.read_text()
    with default_account(folder) if saves else nullcontext():
        yield


@pytest.mark.parametrize("name", PAGES)
def test_page(name: str, cli: Cli, tmp_path: Path) -> None:
    """In one shell, in the order of the page."""
    page = DOCS / name
    text = page.read_text()
    assert blocks_of(text)
    with (
        account_of_the_page(page, tmp_path),
        Terminal(cli.folder, environ_of(cli)) as terminal,
    ):
        if REWRITES:
            page.write_text(rewritten(text, terminal))
            return
        for step, really in replay(text, terminal):
            assert form_of(really) == form_of(step.shown), f"$ {step.command}"


def test_python_of_the_sweep(shared_home: Path, tmp_path: Path) -> None:
    """The program prints what it says: half of the points' shots are ones in the middle."""
    (program,) = re.findall(
        r"^```python\n(.*?)^```", (DOCS / "howto/sweeps.md").read_text(), re.DOTALL | re.MULTILINE
    )
    assert shared_home.is_dir()
    done = subprocess.run(
        [sys.executable, "-W", "error", "-"],
        input=program,
        text=True,
        capture_output=True,
        cwd=tmp_path,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    points = [line.split() for line in done.stdout.splitlines()]
    assert [angle for angle, _ in points] == ["0.00", "0.79", "1.57", "2.36", "3.14"]
    assert (points[0][1], points[-1][1]) == ("0.0", "1.0")


@pytest.mark.fast
def test_the_reference_says_what_the_code_says() -> None:
    """`python -m docs.generate` writes it."""
    stale = [page.name for page in generate.pages() if page.read_text() != regenerated_of(page)]
    assert stale == []


def regenerated_of(page: Path) -> str:
    """Return a page as it would be written now."""
    return generate.regenerated(page.read_text())


@pytest.mark.fast
def test_every_page_with_a_terminal_is_run() -> None:
    """By the test above."""
    shown = {
        page.relative_to(DOCS).as_posix()
        for page in DOCS.rglob("*.md")
        if "```console" in page.read_text()
    }
    assert shown == set(PAGES)


@pytest.mark.fast
def test_every_link_of_the_docs_leads_somewhere() -> None:
    """To a file that is there, and to a heading of it where one is named."""
    pages = [*DOCS.rglob("*.md"), *DOCS.parent.glob("*.md")]
    dead = []
    for page in pages:
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
            file, _, heading = target.partition("#")
            if file.startswith(("http:", "https:", "mailto:")):
                continue
            other = (page.parent / file).resolve() if file else page
            if not other.exists() or (heading and heading not in headings_of(other)):
                dead.append(f"{page.relative_to(DOCS.parent)}: {target}")
    assert dead == []


def headings_of(page: Path) -> set[str]:
    """Return the anchors of a page, as they are made on the web."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
