"""Folders and files of the local runtime in one home: what they are called and who may own them.

The database and the secret stay with the home. What belongs to a running runtime stands under the
host's name and boot, since a home may be shared by many hosts and outlives their reboots.
"""

from dataclasses import dataclass
from pathlib import Path

from qrsession.processes.machine import boot_id, host_name
from qrsession.settings import Settings
from qrsession.storage import check_folder_of_ours, ensure_private_folder


@dataclass(frozen=True)
class RuntimeFiles:
    """Where the local runtime of one home keeps what it needs.

    Attributes:
        data_dir: The folder of the database.
        run_dir: The folder of this host and boot.
        last_port: The port that this host's runtime had last.
    """

    data_dir: Path
    run_dir: Path
    last_port: Path

    @classmethod
    def of(cls, settings: Settings) -> "RuntimeFiles":
        """Name the files of a home; nothing is created."""
        host = host_name()
        return cls(
            data_dir=settings.data_dir / "local",
            run_dir=settings.runtime_dir / f"{host}-{boot_id()}",
            last_port=settings.runtime_dir / f"{host}.port",
        )

    @property
    def secret(self) -> Path:
        """The API key of the runtime."""
        return self.data_dir / "secret"

    @property
    def life(self) -> Path:
        """What is locked by the runtime as long as it lives: at most one serves a home."""
        return self.data_dir / "runtime"

    @property
    def address(self) -> Path:
        """Port, pid and version of the runtime that is up."""
        return self.run_dir / "runtime.json"

    @property
    def keep(self) -> Path:
        """Until when the runtime stays up though nobody uses it."""
        return self.run_dir / "keep.json"

    @property
    def start(self) -> Path:
        """What is locked by whoever starts a runtime."""
        return self.run_dir / "start"

    @property
    def log(self) -> Path:
        """What the runtime writes in the background."""
        return self.run_dir / "runtime.log"

    def create_folders(self) -> None:
        """Make the folders, closed to others.

        Raises:
            StorageError: One of them cannot be made, or is not ours alone.
        """
        for folder in (self.data_dir, self.run_dir.parent, self.run_dir):
            ensure_private_folder(folder)
        self.check_parent()

    def check_parent(self) -> None:
        """Check that nobody else can put another folder in the place of that of the secret.

        Raises:
            StorageError: The folder above it is another user's, or others may write to it.
        """
        check_folder_of_ours(self.data_dir.parent)
