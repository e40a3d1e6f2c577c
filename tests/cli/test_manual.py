"""The manual, and the files that are made of the commands."""

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pexpect
import pytest

import qrsession
from qrsession.cli import generate
from qrsession.cli.boundary import run
from qrsession.cli.grammar import read_grammar
from qrsession.cli.pages import page_names, page_of
from qrsession.cli.topics import EXIT_CODES, OTHER_VARIABLES, OWN_VARIABLES, errors_by_exit_code
from qrsession.render.manual import to_text
from tests.e2e.conftest import COMMAND

ROOT = Path(qrsession.__file__).parents[1]
PAGES = sorted((ROOT / "man").rglob("*.[17]"))
# Written by this program for others, or by none but its own scripts.
NOT_READ = {"QRSESSION_", "_QRSESSION_COMPLETE", "QISKIT_IBM_", "QISKIT_IBM_RUNTIME"}


@pytest.mark.fast
def test_what_is_made_of_the_commands_is_up_to_date() -> None:
    """Where this fails: python -m qrsession.cli.generate."""
    assert generate.out_of_date(ROOT) == []


@pytest.mark.fast
def test_what_is_out_of_date_is_seen_and_mended(tmp_path: Path) -> None:
    (tmp_path / "man" / "man1").mkdir(parents=True)
    (tmp_path / "man" / "man1" / "qrsession-gone.1").write_text(".TH\n")
    (tmp_path / "qrsession" / "cli").mkdir(parents=True)
    wanted = set(generate.files())
    stale = "man/man1/qrsession-gone.1"
    assert set(generate.out_of_date(tmp_path)) == {*wanted, stale}
    assert set(generate.write(tmp_path)) == {*wanted, stale}
    assert generate.out_of_date(tmp_path) == []
    (tmp_path / "man" / "man1" / "qrsession-run.1").write_text("changed")
    assert generate.out_of_date(tmp_path) == ["man/man1/qrsession-run.1"]


@pytest.mark.fast
@pytest.mark.parametrize("name", page_names(read_grammar()))
def test_each_page_tells_all_of_its_command(name: str) -> None:
    page = page_of(name)
    text = to_text(page)
    lines = text.splitlines()
    assert lines[0].split("(")[0] == page.name.upper()
    command = read_grammar().parts.get(name, read_grammar())
    for part in (command, *command.parts.values()) if page.number == 1 and name else ():
        if part.is_group:
            continue
        for parameter in part.parameters:
            assert all(word in text for word in parameter.names or [parameter.metavar])
        assert all(f"    {example}" in lines for example in part.examples)
    examples = {f"    {example}" for part in command.parts.values() for example in part.examples}
    shown = {*examples, *(f"    {example}" for example in command.examples)}
    assert all(len(line) <= 80 for line in lines if line not in shown)
    assert page_of(page.name) == page


@pytest.mark.fast
def test_text_is_filled_to_the_width_that_there_is() -> None:
    page = page_of("exit-codes")
    assert max(map(len, to_text(page, 40).splitlines())) <= 40
    assert 80 < max(map(len, to_text(page, 200).splitlines())) <= 100


@pytest.mark.fast
def test_every_exit_code_of_an_error_has_its_meaning() -> None:
    assert set(errors_by_exit_code()) <= set(EXIT_CODES)
    told = to_text(page_of("exit-codes"))
    assert all(
        f"    {kind}\n" in told for kinds in errors_by_exit_code().values() for kind in kinds
    )


@pytest.mark.fast
def test_every_variable_that_the_package_names_is_in_the_manual() -> None:
    text = "".join(path.read_text() for path in (ROOT / "qrsession").rglob("*.py"))
    named = set(re.findall(r"\b_?(?:QRSESSION|QISKIT_IBM)_[A-Z_]*", text)) - NOT_READ
    assert named == {
        name
        for name in {**OWN_VARIABLES, **OTHER_VARIABLES}
        if name.startswith(("QRSESSION", "QISKIT_IBM"))
    }


@pytest.mark.skipif(shutil.which("mandoc") is None, reason="mandoc is not installed.")
def test_mandoc_finds_nothing_wrong() -> None:
    done = subprocess.run(
        ["mandoc", "-T", "lint", "-W", "warning", *PAGES],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.skipif(shutil.which("man") is None, reason="man is not installed.")
def test_man_shows_a_page_as_it_is() -> None:
    done = subprocess.run(
        ["man", "--warnings", ROOT / "man" / "man1" / "qrsession-exec.1"]
        if sys.platform == "linux"
        else ["man", ROOT / "man" / "man1" / "qrsession-exec.1"],
        env={"MANWIDTH": "80", "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    shown = re.sub(r".\x08", "", done.stdout)
    assert done.stderr == ""
    assert "\n       qrsession exec [OPTIONS] CMD [ARGS...]\n" in shown
    (example, _) = read_grammar().parts["exec"].examples
    assert f"       {example}\n" in shown


@pytest.mark.fast
def test_off_a_terminal_a_page_is_plain_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["man", "exit-codes"]) == 0
    out, err = capsys.readouterr()
    assert (out, err) == (to_text(page_of("exit-codes")), "")
    assert run(["man"]) == 0
    assert capsys.readouterr().out == to_text(page_of(""))
    assert run(["man", "nope"]) == 2
    assert "exit-codes" in capsys.readouterr().err


@pytest.mark.skipif(shutil.which("man") is None, reason="man is not installed.")
def test_on_a_terminal_man_shows_it_in_the_pager_of_choice(tmp_path: Path) -> None:
    child = pexpect.spawn(
        str(COMMAND),
        ["man", "run"],
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": str(tmp_path),
            "TERM": "xterm",
            "LC_ALL": "C.UTF-8",
            "MANPAGER": "sed -e 's/^/paged: /'",
        },
        encoding="utf-8",
        timeout=60,
        dimensions=(24, 80),
    )
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    # Letters in bold are struck twice.
    assert "paged: NAME" in re.sub(r".\x08", "", child.before)
    # Without man, it is there as text.
    child = pexpect.spawn(
        str(COMMAND),
        ["man", "run"],
        env={"PATH": str(tmp_path), "HOME": str(tmp_path)},
        encoding="utf-8",
        timeout=60,
        dimensions=(24, 80),
    )
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert child.before.replace("\r", "") == to_text(page_of("run"))


@pytest.mark.fast
@pytest.mark.parametrize("words", [[], ["usage"], ["cache"], ["cache", "info"]], ids=" ".join)
def test_help_shows_what_the_option_shows(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*words, "--help"]) == 0
    wanted = capsys.readouterr().out
    assert run(["help", *words]) == 0
    assert capsys.readouterr().out == wanted


@pytest.mark.fast
@pytest.mark.parametrize("words", [["nope"], ["cache", "nope"], ["usage", "nope"]], ids=" ".join)
def test_help_of_nothing_is_an_error_of_usage(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["help", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "'nope'" in err
    assert len(err.splitlines()) == 2


@pytest.mark.fast
@pytest.mark.parametrize(
    ("shell", "file"),
    [("bash", "qrsession.bash"), ("zsh", "_qrsession"), ("fish", "qrsession.fish")],
)
def test_completion_prints_the_script_that_is_installed(
    shell: str, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["completion", shell]) == 0
    assert capsys.readouterr().out == (ROOT / "completions" / file).read_text()


def test_a_wheel_has_them_where_shells_and_man_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hatchling.build import build_wheel  # noqa: PLC0415 - for this test alone

    monkeypatch.chdir(ROOT)
    with zipfile.ZipFile(tmp_path / str(build_wheel(str(tmp_path)))) as wheel:
        names = wheel.namelist()
    shared = {name.partition(".data/data/share/")[2] for name in names if "/share/" in name}
    assert shared == {
        *(f"man/{page.parent.name}/{page.name}" for page in PAGES),
        "bash-completion/completions/qrsession",
        "zsh/site-functions/_qrsession",
        "fish/vendor_completions.d/qrsession.fish",
    }
    assert "qrsession/cli/grammar.json" in names
