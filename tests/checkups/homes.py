"""Homes to be examined, and ways to break one."""

import json
import os
import struct
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from qrsession.cache import Cache, content_key
from qrsession.checkups.doctor import examine
from qrsession.checkups.findings import Report
from qrsession.checkups.surroundings import PythonRun, Screen, Surroundings
from qrsession.clock import utc_now
from qrsession.local.process.daemon import write_address
from qrsession.local.process.home import RuntimeFiles
from qrsession.settings import Settings
from qrsession.state.entries import JobEntry, SessionEntry
from qrsession.state.ledger import Ledger
from qrsession.state.pending import Closing, Intent, IntentState, Opening, Pending
from qrsession.state.records import Records
from tests.conftest import settings_of

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
