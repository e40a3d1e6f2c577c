"""Homes that are broken, each in a way of its own: what is said, and that there is advice."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from qrsession.checkups.findings import Finding, Status, look
from tests.checkups import homes
from tests.checkups.homes import Home

pytestmark = pytest.mark.fast


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.use()
    return home


def test_a_home_that_is_well(home: Home) -> None:
    report = home.examine()
    assert report.error is None
    assert {one.status for one in report.findings} <= {Status.OK, Status.SKIPPED}
    assert {one.name for one in report.findings if one.status is Status.SKIPPED} == {
        "service",
        "completion",
    }
    titles = ["account", "service", "network", "programs", "files", "state and cache"]
    assert [group.title for group in report.groups] == [*titles, "local runtime", "shell"]
    assert sum(report.counts().values()) == len(report.findings)


def test_a_home_that_is_not_there_yet(tmp_path: Path) -> None:
    report = Home(tmp_path / "new" / "home").examine()
    assert report.error is None
    assert {one.status for one in report.findings} <= {Status.OK, Status.SKIPPED}
    assert not (tmp_path / "new").exists()


FAILED, WARNING = Status.FAILED, Status.WARNING
BROKEN: list[tuple[Callable[[Home], None], str, Status, int, str]] = [
    (homes.open_state, "state folder", FAILED, 1, "open to other users"),
    (homes.link_state, "state folder", FAILED, 1, "symbolic link"),
    (homes.file_for_data, "data folder", FAILED, 1, "cannot be written"),
    (homes.file_above_the_state, "state folder", FAILED, 1, "cannot be made in"),
    (homes.fill_disk, "room", FAILED, 1, "0 MiB are free"),
    (homes.nearly_fill_disk, "room", WARNING, 0, "100 MiB are free"),
    (homes.mount_from_afar, "data folder", WARNING, 0, "network file system (nfs4)"),
    (homes.open_cache_content, "cache", WARNING, 0, "Nothing can be kept"),
    (homes.damage_ledger, "ledger", FAILED, 1, "is damaged"),
    (homes.newer_ledger, "ledger", FAILED, 1, "newer qrsession"),
    (homes.set_aside, "ledger", WARNING, 0, "set aside: state.toml.damaged-"),
    (homes.damage_jobs, "jobs", WARNING, 0, "1 of 2 lines"),
    (homes.leave_intent, "submissions", WARNING, 0, "qrs-lost"),
    (homes.leave_dead_intent, "submissions", WARNING, 0, "qrs-dead"),
    (homes.leave_opening, "openings", WARNING, 0, "ibm_b"),
    (homes.leave_closing, "closings", WARNING, 0, "id-9"),
    (homes.damage_pending, "left undone", WARNING, 0, "1 files"),
    (homes.damage_accounts, "account", FAILED, 1, "cannot be read"),
    (homes.open_accounts, "account file", WARNING, 0, "readable by others"),
    (homes.two_accounts, "account file", WARNING, 0, "none is marked as the default"),
    (homes.shadowed_account, "account file", WARNING, 0, "'local' is saved there"),
    (homes.no_account_in_ci, "account", FAILED, 3, "No account is set up"),
    (homes.retired_channel, "account", FAILED, 2, "ibm_quantum"),
    (homes.unverified, "tls", WARNING, 0, "Certificates are not checked"),
    (homes.missing_bundle, "tls", FAILED, 10, "/nowhere/certificates.pem"),
    (homes.logged_keys, "tls", WARNING, 0, "SSLKEYLOGFILE"),
    (homes.ntlm, "proxy", FAILED, 2, "NTLM"),
    (homes.socks, "proxy", FAILED, 10, "socks5://***@127.0.0.1:1080"),
    (homes.no_qiskit, "qiskit loads", FAILED, 1, "No module named 'qiskit'"),
    (homes.killed_qiskit, "qiskit loads", FAILED, 1, "exit code -4"),
    (homes.slow_start, "start", WARNING, 0, "1200 ms with Typer"),
    (homes.endless_programs, "start", FAILED, 1, "12 s"),
    (homes.releases(typer="0.29.1"), "typer", WARNING, 0, "pydantic"),
    (homes.releases(qiskit="1.4.2"), "qiskit", WARNING, 0, ">=2.3"),
    (homes.releases(rich=None), "rich", FAILED, 1, "not installed"),
    (homes.releases(qiskit_ibm_runtime="0.30.0"), "qiskit-ibm-runtime", WARNING, 0, "0.30.0"),
    (homes.releases(qiskit_terra="0.46.0"), "qiskit-terra", FAILED, 1, "overwrite each other"),
    (homes.foreign_database, "database", FAILED, 1, "damaged, or no database"),
    (homes.newer_database, "database", FAILED, 1, "newer qrsession (schema 99)"),
    (homes.emptied_database, "database", FAILED, 1, "is empty"),
    (homes.open_runtime_folder, "runtime", FAILED, 1, "open to other users"),
    (homes.silent_runtime, "runtime", FAILED, 10, f"Process {os.getpid()}"),
    (homes.faulty_runtime, "runtime log", WARNING, 0, "tells once of a fault"),
    (homes.misspelt_variable, "variables", WARNING, 0, "Is QRSESSION_ACCOUNT meant?"),
    (homes.plain_terminal, "terminal", WARNING, 0, "ANSI_X3.4-1968"),
    (homes.narrow_terminal, "terminal", WARNING, 0, "40 columns"),
]


@pytest.mark.parametrize(
    ("break_it", "name", "status", "exit_code", "words"),
    BROKEN,
    ids=[f"{row[0].__name__}-{row[1]}".replace(" ", "-") for row in BROKEN],
)
def test_what_is_broken_is_found(
    home: Home,
    break_it: Callable[[Home], None],
    name: str,
    status: Status,
    exit_code: int,
    words: str,
) -> None:
    break_it(home)
    report = home.examine()
    matches = [one for one in report.findings if (one.name, one.status) == (name, status)]
    assert len(matches) == 1, [(one.name, one.status, one.message) for one in report.findings]
    assert words in matches[0].message
    for finding in report.findings:
        # Each line that fails or warns says what to do.
        if finding.status in {FAILED, WARNING}:
            assert finding.advice, finding
        assert "hunter22" not in finding.message + finding.advice
    assert (report.error.exit_code if report.error else 0) == exit_code


def test_what_is_found_is_changed_by_nothing(home: Home) -> None:
    homes.damage_jobs(home)
    homes.leave_intent(home)
    before = {path: path.read_bytes() for path in home.folder.rglob("*") if path.is_file()}
    home.examine()
    assert {p: p.read_bytes() for p in home.folder.rglob("*") if p.is_file()} == before


def test_a_folder_that_cannot_be_written(home: Home) -> None:
    if os.getuid() == 0:
        pytest.skip("root may write anywhere")
    home.settings.state_dir.chmod(stat.S_IRUSR | stat.S_IXUSR)
    report = home.examine()
    home.settings.state_dir.chmod(0o700)
    assert report.error is not None
    assert "state folder" in report.error.message


def test_a_ledger_elsewhere_is_looked_at_there(home: Home, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    home.environ["QRSESSION_STATE"] = str(folder / "state.toml")
    report = home.examine()
    assert [one.name for one in report.findings if one.status is FAILED] == [
        "ledger folder",
        "ledger",
    ]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_found_where_the_shell_looks(home: Home, shell: str) -> None:
    places = {
        "bash": ".local/share/bash-completion/completions/qrsession",
        "zsh": ".zfunc/_qrsession",
        "fish": ".config/fish/completions/qrsession.fish",
    }
    rc_files = {"bash": ".bashrc", "zsh": ".zshrc", "fish": ".config/fish/config.fish"}
    home.environ["SHELL"] = f"/bin/{shell}"

    def look_up() -> Finding:
        return next(one for one in home.examine().findings if one.name == "completion")

    missing = look_up()
    assert missing.status is Status.SKIPPED
    assert f"qrsession completion {shell}" in missing.advice
    for place, text in ((places[shell], ""), (rc_files[shell], "x\neval $(qrsession completion)")):
        path = home.user / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        assert look_up().status is Status.OK
        assert str(path) in look_up().message
        path.unlink()


def test_variables_are_named_and_not_shown(home: Home) -> None:
    home.environ |= {"QISKIT_IBM_TOKEN": "hunter22-hunter22", "HTTPS_PROXY": "http://a:hunter22@p"}
    report = home.examine()
    assert "hunter22" not in str(report.document())
    message = next(one.message for one in report.findings if one.name == "variables")
    assert message == "Set: QISKIT_IBM_TOKEN, HTTPS_PROXY."


def test_a_check_that_breaks_hides_no_other() -> None:
    def broken() -> Finding:
        raise ZeroDivisionError("of ours")

    (finding,) = look("something", broken)
    assert (finding.name, finding.status) == ("something", FAILED)
    assert "ZeroDivisionError: of ours" in finding.message
    assert finding.advice
