"""Homes that are broken, each in a way of its own: what is said, and that there is advice."""

import json
import os
import stat
import struct
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from qrsession.cache import Cache, content_key
from qrsession.checkups.doctor import examine
from qrsession.checkups.findings import Finding, Report, Status, look
from qrsession.checkups.surroundings import PythonRun, Screen, Surroundings
from qrsession.clock import utc_now
from qrsession.entries import JobEntry, SessionEntry
from qrsession.local.process.daemon import write_address
from qrsession.local.process.home import RuntimeFiles
from qrsession.pending import Closing, Intent, IntentState, Opening, Pending
from qrsession.records import Records
from qrsession.settings import Settings
from qrsession.state import Ledger
from tests.conftest import settings_of

pytestmark = pytest.mark.fast

GIB = 2**30
NOBODY = 2**22 + 17


class Home:
    """A home, examined without the network, and what is around it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = settings_of(folder)
        self.user = Path(os.environ["HOME"])
        self.environ: dict[str, str] = {"HOME": str(self.user)}
        self.around: dict[str, Any] = {}

    def use(self) -> None:
        """Leave behind what a command leaves: a session, a job, an entry of the cache."""
        when = datetime(2026, 1, 31, 12, tzinfo=UTC)
        Ledger(self.settings).add(
            SessionEntry("mine", "id-mine", "aer_simulator", "batch", "local", when)
        )
        job = JobEntry("job-1", "id-mine", "aer_simulator", "sampler", "local", when)
        Records(self.settings.state_dir).add_job(job)
        Cache.of(self.settings).put(content_key("x"), b"x")

    def examine(self) -> Report:
        settings = Settings.from_environ({"QRSESSION_HOME": str(self.folder), **self.environ})
        values: dict[str, Any] = {
            "environ": self.environ,
            "is_offline": True,
            "run_python": ran(),
            "free_bytes": lambda _folder: 50 * GIB,
            "file_systems": dict,
            **self.around,
        }
        return examine(Surroundings(settings, **values))


def ran(bare_s: float = 0.01, typer_s: float = 0.05, said: str = "", code: int = 0) -> Any:
    """Return what runs Python and takes so long over it; Qiskit ends it as told."""

    def run(line: str, _limit_s: float) -> PythonRun:
        if "qiskit" in line:
            return PythonRun(code, said, 0.5)
        return PythonRun(0, "", typer_s if "typer" in line else bare_s)

    return run


def never(_line: str, _limit_s: float) -> PythonRun:
    raise TimeoutError


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


def open_state(home: Home) -> None:
    home.settings.state_dir.chmod(0o755)


def open_cache_content(home: Home) -> None:
    (home.settings.cache_dir / "content").chmod(0o777)


def link_state(home: Home) -> None:
    home.settings.state_dir.rename(home.folder / "elsewhere")
    home.settings.state_dir.symlink_to(home.folder / "elsewhere")


def file_for_data(home: Home) -> None:
    home.settings.data_dir.write_text("")


def file_above_the_state(home: Home) -> None:
    home.folder = home.folder / "file" / "deeper"
    home.folder.parent.write_text("")


def damage_ledger(home: Home) -> None:
    home.settings.state_file.write_text("= nonsense")


def newer_ledger(home: Home) -> None:
    home.settings.state_file.write_text("schema_version = 99\n")


def set_aside(home: Home) -> None:
    damage_ledger(home)
    Ledger(home.settings, warn=lambda _text: None).add(
        SessionEntry("other", "id-other", "b", "batch", "local", utc_now())
    )


def damage_jobs(home: Home) -> None:
    path = home.settings.state_dir / "jobs" / "id-mine.ndjson"
    path.write_bytes(path.read_bytes() + b'{"half a li')


def leave_intent(home: Home) -> None:
    sent = Intent(
        "qrs-lost", "work", None, "b", "sampler", utc_now(), NOBODY, state=IntentState.IN_DOUBT
    )
    Pending(home.settings.state_dir).intents.put(sent)


def leave_dead_intent(home: Home) -> None:
    long_ago = utc_now() - timedelta(hours=2)
    sent = Intent("qrs-dead", "work", None, "b", "sampler", long_ago, NOBODY)
    Pending(home.settings.state_dir).intents.put(sent)


def leave_opening(home: Home) -> None:
    opening = Opening("key", "work", "ibm_b", "batch", utc_now(), NOBODY, is_in_doubt=True)
    Pending(home.settings.state_dir).openings.put(opening)


def leave_closing(home: Home) -> None:
    Pending(home.settings.state_dir).closings.put(Closing("id-9", "work", utc_now()))


def damage_pending(home: Home) -> None:
    leave_closing(home)
    path = home.settings.state_dir / "pending" / "qrs-bad.json"
    path.write_text("half")


def fill_disk(home: Home) -> None:
    home.around["free_bytes"] = lambda _folder: 1000


def nearly_fill_disk(home: Home) -> None:
    home.around["free_bytes"] = lambda _folder: 100 * 2**20


def mount_from_afar(home: Home) -> None:
    home.settings.data_dir.mkdir(mode=0o700)
    home.around["file_systems"] = lambda: {"/": "ext4", str(home.folder.resolve()): "nfs4"}


def damage_accounts(home: Home) -> None:
    (home.user / ".qiskit").mkdir()
    (home.user / ".qiskit" / "qiskit-ibm.json").write_text("{")


def open_accounts(home: Home) -> None:
    save_accounts(home, {"work": {"token": "x" * 20, "is_default_account": True}}, mode=0o644)


def two_accounts(home: Home) -> None:
    save_accounts(home, {"one": {"token": "x" * 20}, "two": {"token": "y" * 20}})


def shadowed_account(home: Home) -> None:
    save_accounts(home, {"local": {"token": "x" * 20}, "one": {"token": "y" * 20}})


def save_accounts(home: Home, accounts: Mapping[str, Any], mode: int = 0o600) -> None:
    path = home.user / ".qiskit" / "qiskit-ibm.json"
    path.parent.mkdir()
    path.write_text(json.dumps(accounts))
    path.chmod(mode)


def unverified(home: Home) -> None:
    record = {"token": "x" * 20, "verify": False, "is_default_account": True}
    save_accounts(home, {"work": record})


def missing_bundle(home: Home) -> None:
    save_accounts(home, {"work": {"token": "x" * 20}})
    home.environ["REQUESTS_CA_BUNDLE"] = "/nowhere/certificates.pem"


def logged_keys(home: Home) -> None:
    save_accounts(home, {"work": {"token": "x" * 20}})
    home.environ["SSLKEYLOGFILE"] = "/tmp/keys"  # noqa: S108 - nothing is written there


def ntlm(home: Home) -> None:
    proxies = {"username_ntlm": "me", "password_ntlm": "hunter22"}
    save_accounts(home, {"work": {"token": "x" * 20, "proxies": proxies}})


def socks(home: Home) -> None:
    proxies = {"urls": {"https": "socks5://me:hunter22@127.0.0.1:1080"}}
    save_accounts(home, {"work": {"token": "x" * 20, "proxies": proxies}})
    home.around["release_of"] = lambda name: None if name == "PySocks" else "9.9"


def no_account_in_ci(home: Home) -> None:
    home.environ["CI"] = "true"


def retired_channel(home: Home) -> None:
    home.environ |= {"QISKIT_IBM_TOKEN": "x" * 20, "QISKIT_IBM_CHANNEL": "ibm_quantum"}


def no_qiskit(home: Home) -> None:
    said = "Traceback:\n  ...\nModuleNotFoundError: No module named 'qiskit'\n"
    home.around["run_python"] = ran(said=said, code=1)


def killed_qiskit(home: Home) -> None:
    home.around["run_python"] = ran(code=-4)


def slow_start(home: Home) -> None:
    home.around["run_python"] = ran(bare_s=0.05, typer_s=1.2)


def endless_programs(home: Home) -> None:
    home.around["run_python"] = never


def releases(**versions: str | None) -> Callable[[Home], None]:
    """Return what installs other versions than these."""

    def install(home: Home) -> None:
        from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - here alone

        def release_of(name: str) -> str | None:
            if name.replace("-", "_") in versions:
                return versions[name.replace("-", "_")]
            try:
                return version(name)
            except PackageNotFoundError:
                return None

        home.around["release_of"] = release_of

    return install


def foreign_database(home: Home) -> None:
    database(home).write_bytes(b"not a database at all" * 10)


def newer_database(home: Home) -> None:
    head = bytearray(b"SQLite format 3\0" + bytes(84))
    struct.pack_into(">I", head, 60, 99)
    database(home).write_bytes(head)


def emptied_database(home: Home) -> None:
    path = database(home)
    path.write_bytes(b"")
    path.with_name(f"{path.name}-wal").write_bytes(b"log")


def database(home: Home) -> Path:
    files = RuntimeFiles.of(home.settings)
    files.create_folders()
    return files.data_dir / "runtime.sqlite3"


def open_runtime_folder(home: Home) -> None:
    database(home).parent.chmod(0o755)


def silent_runtime(home: Home) -> None:
    # This process lives, and answers nothing at that port.
    files = RuntimeFiles.of(home.settings)
    files.create_folders()
    write_address(files, 1, "0.0.1")


def faulty_runtime(home: Home) -> None:
    files = RuntimeFiles.of(home.settings)
    files.create_folders()
    files.log.write_text("Traceback (most recent call last):\n  ...\nKeyError\n")


def misspelt_variable(home: Home) -> None:
    home.environ["QRSESSION_ACOUNT"] = "work"


def plain_terminal(home: Home) -> None:
    home.around["screen"] = Screen(is_terminal=True, encoding="ANSI_X3.4-1968")


def narrow_terminal(home: Home) -> None:
    home.around["screen"] = Screen(is_terminal=True, width=40)


FAILED, WARNING = Status.FAILED, Status.WARNING
BROKEN: list[tuple[Callable[[Home], None], str, Status, int, str]] = [
    (open_state, "state folder", FAILED, 1, "open to other users"),
    (link_state, "state folder", FAILED, 1, "symbolic link"),
    (file_for_data, "data folder", FAILED, 1, "cannot be written"),
    (file_above_the_state, "state folder", FAILED, 1, "cannot be made in"),
    (fill_disk, "room", FAILED, 1, "0 MiB are free"),
    (nearly_fill_disk, "room", WARNING, 0, "100 MiB are free"),
    (mount_from_afar, "data folder", WARNING, 0, "network file system (nfs4)"),
    (open_cache_content, "cache", WARNING, 0, "Nothing can be kept"),
    (damage_ledger, "ledger", FAILED, 1, "is damaged"),
    (newer_ledger, "ledger", FAILED, 1, "newer qrsession"),
    (set_aside, "ledger", WARNING, 0, "set aside: state.toml.damaged-"),
    (damage_jobs, "jobs", WARNING, 0, "1 of 2 lines"),
    (leave_intent, "submissions", WARNING, 0, "qrs-lost"),
    (leave_dead_intent, "submissions", WARNING, 0, "qrs-dead"),
    (leave_opening, "openings", WARNING, 0, "ibm_b"),
    (leave_closing, "closings", WARNING, 0, "id-9"),
    (damage_pending, "left undone", WARNING, 0, "1 files"),
    (damage_accounts, "account", FAILED, 1, "cannot be read"),
    (open_accounts, "account file", WARNING, 0, "readable by others"),
    (two_accounts, "account file", WARNING, 0, "none is marked as the default"),
    (shadowed_account, "account file", WARNING, 0, "'local' is saved there"),
    (no_account_in_ci, "account", FAILED, 3, "No account is set up"),
    (retired_channel, "account", FAILED, 2, "ibm_quantum"),
    (unverified, "tls", WARNING, 0, "Certificates are not checked"),
    (missing_bundle, "tls", FAILED, 10, "/nowhere/certificates.pem"),
    (logged_keys, "tls", WARNING, 0, "SSLKEYLOGFILE"),
    (ntlm, "proxy", FAILED, 2, "NTLM"),
    (socks, "proxy", FAILED, 10, "socks5://***@127.0.0.1:1080"),
    (no_qiskit, "qiskit loads", FAILED, 1, "No module named 'qiskit'"),
    (killed_qiskit, "qiskit loads", FAILED, 1, "exit code -4"),
    (slow_start, "start", WARNING, 0, "1200 ms with Typer"),
    (endless_programs, "start", FAILED, 1, "12 s"),
    (releases(typer="0.29.1"), "typer", WARNING, 0, "pydantic"),
    (releases(qiskit="1.4.2"), "qiskit", WARNING, 0, ">=2.3"),
    (releases(rich=None), "rich", FAILED, 1, "not installed"),
    (releases(qiskit_ibm_runtime="0.30.0"), "qiskit-ibm-runtime", WARNING, 0, "0.30.0"),
    (releases(qiskit_terra="0.46.0"), "qiskit-terra", FAILED, 1, "overwrite each other"),
    (foreign_database, "database", FAILED, 1, "damaged, or no database"),
    (newer_database, "database", FAILED, 1, "newer qrsession (schema 99)"),
    (emptied_database, "database", FAILED, 1, "is empty"),
    (open_runtime_folder, "runtime", FAILED, 1, "open to other users"),
    (silent_runtime, "runtime", FAILED, 10, f"Process {os.getpid()}"),
    (faulty_runtime, "runtime log", WARNING, 0, "tells once of a fault"),
    (misspelt_variable, "variables", WARNING, 0, "Is QRSESSION_ACCOUNT meant?"),
    (plain_terminal, "terminal", WARNING, 0, "ANSI_X3.4-1968"),
    (narrow_terminal, "terminal", WARNING, 0, "40 columns"),
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
    damage_jobs(home)
    leave_intent(home)
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
