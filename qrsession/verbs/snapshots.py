"""Saving a backend's two documents, so that the local runtime can serve its twin."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from qrsession import storage
from qrsession.errors import InvalidValueError, StorageError
from qrsession.service import RuntimeService
from qrsession.settings import Settings

CONFIGURATION_FILE = "configuration.json"
PROPERTIES_FILE = "properties.json"
# It becomes the name of a folder.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,126}")


@dataclass(frozen=True)
class Snapshot:
    """A backend's documents on disk.

    Attributes:
        name: The backend's name.
        folder: Where its two files are.
        size_bytes: How large both are.
    """

    name: str
    folder: Path
    size_bytes: int


def twins_folder(settings: Settings) -> Path:
    """Return where the local runtime looks for twins."""
    return settings.data_dir / "twins"


def save_snapshot(service: RuntimeService, name: str, folder: Path | None = None) -> Snapshot:
    """Save a backend's configuration and properties as they are now.

    Args:
        service: The service that has it.
        name: Its name.
        folder: Where a folder of its name goes; None: where the local runtime looks for twins.

    Raises:
        BackendNotFoundError: There is none of that name.
        InvalidValueError: It is a simulator, of which nothing was measured; or its name cannot be
            the name of a folder.
        StorageError: It cannot be written.
    """
    if not _NAME.fullmatch(name):
        raise InvalidValueError(f"{name[:80]!r} cannot be the name of a twin.")
    documents = service.fetch_documents(name)
    properties = json.loads(documents.properties)
    if json.loads(documents.configuration).get("simulator") or not properties:
        raise InvalidValueError(
            f"{name!r} is a simulator: nothing was measured that a twin could imitate.",
            advice="`qrsession backends` says which backends are devices.",
        )
    target = (folder or twins_folder(service.settings)) / name
    _ensure_folder(target, is_private=folder is None)
    files = {
        CONFIGURATION_FILE: documents.configuration.encode(),
        PROPERTIES_FILE: documents.properties.encode(),
    }
    for file_name, data in files.items():
        storage.write_atomically(target / file_name, data)
    return Snapshot(name, target, sum(map(len, files.values())))


def _ensure_folder(folder: Path, *, is_private: bool) -> None:
    if is_private:
        storage.ensure_private_folder(folder)
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"{folder} cannot be made: {error.strerror}.", advice="Give another folder: --to DIR"
        ) from error
