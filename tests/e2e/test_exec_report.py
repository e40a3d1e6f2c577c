"""`exec --report`: a page of Markdown at the end of a file, whatever becomes of the command."""

import re
from pathlib import Path

import pytest

from qrsession.render.markdown import MOST_BYTES
from tests.e2e.conftest import Cli
from tests.e2e.programs import default_account

pytestmark = pytest.mark.timeout(120)

EXEC = ("exec", "--local", "--backend", "aer_simulator")


def test_a_page_is_added(cli: Cli) -> None:
    """Jobs with their results; of one that was private none, and of a detached one why not."""
    page = cli.folder / "page.md"
    page.write_text("before\n")
    script = (
        "wish='ZZ=1±0.05'; qrsession run @bell --shots 20 --expect-value \"$wish\" >&2; "
        'qrsession run @bell --private --shots 20 --expect-value "$wish" >&2; '
        "qrsession run @bell --detach --shots 20 >&2; exit 3"
    )
    done = cli.run(*EXEC, "--report", "page.md", "--", "sh", "-c", script)
    assert done.returncode == 3
    assert done.stdout == ""
    text = page.read_text()
    assert text.startswith("before\n\n### qrsession: exit code 3 on `aer_simulator`\n")
    rows = [line for line in text.splitlines() if "`sampler`" in line]
    assert len(rows) == 3
    assert all("`@bell`" in row for row in rows)
    assert "no result: it ran privately" in rows[1]
    assert text.count("```text") == 1
    assert "20 shots, " in text
    assert re.findall("^- .*", text, re.MULTILINE) == [
        "- holds: @bell: ZZ 1.000 ± 0.000, expected 1 ± 0.05"
    ]


def test_pages_that_cannot_be_written(cli: Cli) -> None:
    """Before the command that is an error, after it nothing that changes its code."""
    for file in ("-", "no/such/folder/page.md", "."):
        done = cli.run(*EXEC, "--report", file, "--", "touch", "started")
        assert done.returncode == 2
    assert not (cli.folder / "started").exists()
    done = cli.run(*EXEC, "--report", "page.md", "--", "mkdir", "page.md")
    assert done.returncode == 0
    assert done.stderr.startswith("warning: page.md cannot be written: ")
    (cli.folder / "full.md").write_bytes(bytes(MOST_BYTES))
    done = cli.run(*EXEC, "--report", "full.md", "--", "true")
    assert done.returncode == 0
    assert "full.md is full" in done.stderr
    assert (cli.folder / "full.md").stat().st_size == MOST_BYTES


def test_a_session_that_was_not_opened_is_reported(cli: Cli) -> None:
    done = cli.run(
        *("exec", "--local", "--backend", "ibm_nowhere", "--report", "page.md"),
        *("--summary", "end.json", "--", "true"),
    )
    assert done.returncode == 125
    page = (cli.folder / "page.md").read_text()
    assert page.startswith("### qrsession: no session was opened\n")
    assert "ibm\\_nowhere" in page
    assert '"backend_not_found"' in (cli.folder / "end.json").read_text()


@pytest.mark.deep
def test_a_session_that_could_not_be_closed_is_reported(own_cli: Cli, tmp_path: Path) -> None:
    with default_account(tmp_path) as server:
        script = f"qrsession run @bell --shots 20 >&2; kill -9 {server.pid}; exit 9"
        done = own_cli.run(
            *("exec", "--max-time", "10m", "--close-timeout", "0", "--report", "page.md"),
            *("--", "sh", "-c", script),
        )
    assert done.returncode == 9
    page = (own_cli.folder / "page.md").read_text()
    assert "**The session is still open**" in page
    assert "The service did not tell of the jobs" in page
    assert "20 shots, " in page
