"""Where files live, and what the environment says: the only reader of ``QRSESSION_*``.

``QRSESSION_HOME`` puts state, data, cache and config under one folder; without it the folders are
the user's, as platformdirs names them. See docs/reference/files.md and environment.md.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# The built-in account of the local runtime.
LOCAL_ACCOUNT = "local"
# Variables that `exec` and `env` set for the programs they start.
SESSION_VARIABLE = "QRSESSION_SESSION"
ACCOUNT_VARIABLE = "QRSESSION_ACCOUNT"
STATE_VARIABLE = "QRSESSION_STATE"
HOME_VARIABLE = "QRSESSION_HOME"
# A file that gets the whole log of commands.
LOG_VARIABLE = "QRSESSION_LOG"
VARIABLES = (
    SESSION_VARIABLE,
    ACCOUNT_VARIABLE,
    STATE_VARIABLE,
    HOME_VARIABLE,
    LOG_VARIABLE,
)
# What the variables begin with by which IBM's client takes an account from the environment.
CLIENT_PREFIXES = ("QISKIT_IBM_", "QISKIT_FUNCTIONS_EXPERIMENTAL")
# What Slurm, PBS and LSF tell a job of theirs.
CLUSTER_JOB_VARIABLES = ("SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID")


@dataclass(frozen=True)
class Settings:
    """The settings of one process, read once at its edge and handed down.

    Attributes:
        state_file: The ledger of open sessions (TOML).
        state_dir: Intents, job records, history; the ledger too, unless it was put elsewhere.
        data_dir: What the local runtime must not lose.
        cache_dir: What may be deleted at any moment.
        runtime_dir: Port, pid and log of the local runtime that is up now.
        session: The session named by the environment, if any.
        account: The account named by the environment, if any.
        in_ci: Whether this is a CI machine, where a fall-back must not hide a missing secret.
        accounts_file: The accounts shared with qiskit-ibm-runtime (JSON).
        in_cluster_job: Whether a scheduler runs this, so that nobody watches what it costs.
    """

    state_file: Path
    state_dir: Path
    data_dir: Path
    cache_dir: Path
    runtime_dir: Path
    session: str | None
    account: str | None
    in_ci: bool
    accounts_file: Path
    in_cluster_job: bool = False

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Read the settings from environment variables. An empty variable counts as unset."""
        home = environ.get(HOME_VARIABLE)
        state_dir, data_dir, cache_dir = _folders_in(Path(home)) if home else _user_folders()
        state_file = environ.get(STATE_VARIABLE)
        return cls(
            state_file=Path(state_file).absolute() if state_file else state_dir / "state.toml",
            state_dir=state_dir,
            data_dir=data_dir,
            cache_dir=cache_dir,
            runtime_dir=state_dir / "local",
            session=environ.get(SESSION_VARIABLE) or None,
            account=environ.get(ACCOUNT_VARIABLE) or None,
            in_ci=environ.get("CI", "").lower() not in {"", "0", "false", "no"},
            accounts_file=Path.home() / ".qiskit" / "qiskit-ibm.json",
            in_cluster_job=any(environ.get(name) for name in CLUSTER_JOB_VARIABLES),
        )


def log_file_of(environ: Mapping[str, str]) -> Path | None:
    """Return the file that gets the log of commands, None where none is named."""
    named = environ.get(LOG_VARIABLE)
    return Path(named).absolute() if named else None


def unattended_place(settings: Settings) -> str | None:
    """Say where this runs with nobody looking on, None where somebody may be."""
    if settings.in_ci:
        return "on a CI machine"
    return "in a cluster job" if settings.in_cluster_job else None


def _folders_in(home: Path) -> tuple[Path, Path, Path]:
    home = home.absolute()
    return home / "state", home / "data", home / "cache"


def _user_folders() -> tuple[Path, Path, Path]:
    # Imported here because a home of one's own needs none of it, and start-up time counts.
    from platformdirs import PlatformDirs  # noqa: PLC0415

    dirs = PlatformDirs("qrsession", appauthor=False)
    return dirs.user_state_path, dirs.user_data_path, dirs.user_cache_path
