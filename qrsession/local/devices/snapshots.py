"""Snapshots of devices on disk: a folder for each, with its configuration and its properties.

Those that IBM's client carries are found where it is installed and read as data; nothing of it is
imported. What lies in a folder is not trusted: names, kinds and sizes of files are checked before
anything is parsed.
"""

import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from qrsession.errors import StorageError, WireFormatError
from qrsession.protocol.fields import as_object

CONFIGURATION_FILE = "configuration.json"
PROPERTIES_FILE = "properties.json"

# The documents of the widest devices are 0.7 MB; a snapshot beyond this is none.
_LARGEST_DOCUMENT_BYTES = 16 * 2**20
_MOST_SNAPSHOTS = 1000
_CARRIER = "qiskit_ibm_runtime"
_FOLDER_OF_CARRIER = ("fake_provider", "backends")
# IBM's client lays them out as conf_fez.json beside props_fez.json.
_CARRIED_CONFIGURATION = re.compile(r"conf_(\w{1,63})\.json", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Where the two documents of a device are.

    Attributes:
        configuration: The file of its configuration.
        properties: The file of its properties.
        name: What its folder calls it; None where the configuration says so itself.
        stamp: Changes when one of the files does.
    """

    configuration: Path
    properties: Path
    name: str | None
    stamp: tuple[int, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as the lanes are told of it."""
        files = {"configuration": str(self.configuration), "properties": str(self.properties)}
        return {**files, "name": self.name, "stamp": list(self.stamp)}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> "Snapshot":
        """Read what `to_json` returned."""
        return cls(
            configuration=Path(record["configuration"]),
            properties=Path(record["properties"]),
            name=record["name"],
            stamp=tuple(record["stamp"]),
        )


def is_name(name: str) -> bool:
    """Tell whether something can be the name of a backend."""
    return _NAME.fullmatch(name) is not None


def carried_folder() -> Path | None:
    """Return the folder of the snapshots that IBM's client carries, None where it has none."""
    try:
        # Of a package at the top this looks for files and runs nothing.
        spec = find_spec(_CARRIER)
    except (ImportError, ValueError):
        return None
    for place in (spec and spec.submodule_search_locations) or ():
        folder = Path(place, *_FOLDER_OF_CARRIER)
        if folder.is_dir():
            return folder
    return None


def find_snapshots(folder: Path) -> Iterator[Snapshot]:
    """Find the snapshots below a folder, by name, without reading them; none if it is missing."""
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if is_name(entry.name))
    except OSError:
        return
    for name in names[:_MOST_SNAPSHOTS]:
        snapshot = _snapshot_in(folder / name)
        if snapshot is not None:
            yield snapshot


def _snapshot_in(folder: Path) -> Snapshot | None:
    try:
        files = {file.name for file in folder.iterdir()}
        if {CONFIGURATION_FILE, PROPERTIES_FILE} <= files:
            pair = (folder / CONFIGURATION_FILE, folder / PROPERTIES_FILE)
            return Snapshot(*pair, name=folder.name, stamp=_stamp(*pair))
        for match in filter(None, map(_CARRIED_CONFIGURATION.fullmatch, sorted(files))):
            if f"props_{match[1]}.json" in files:
                pair = (folder / match[0], folder / f"props_{match[1]}.json")
                return Snapshot(*pair, name=None, stamp=_stamp(*pair))
    except OSError:
        # No folder, not ours to read, or gone since it was listed.
        return None
    return None


def _stamp(*files: Path) -> tuple[int, ...]:
    states = [file.stat() for file in files]
    return tuple(number for state in states for number in (state.st_size, state.st_mtime_ns))


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def read_document(file: Path) -> dict[str, Any]:
    """Read a document.

    Raises:
        StorageError: The file cannot be read, is no file, or too large.
        WireFormatError: It is no JSON object.
    """
    data = read_bytes_of(file)
    try:
        document = json.loads(data, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise WireFormatError(f"{file} is not JSON.") from error
    return as_object(document, str(file))


def read_bytes_of(file: Path) -> bytes:
    """Read a document as it is, without parsing it.

    Raises:
        StorageError: The file cannot be read, is no file, or too large.
    """
    try:
        # Without a writer, a named pipe would keep whoever opens it waiting.
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as stream:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise StorageError(f"{file} is not a file.")
            data = stream.read(_LARGEST_DOCUMENT_BYTES + 1)
    except OSError as error:
        raise StorageError(f"{file} cannot be read: {error.strerror}.") from error
    if len(data) > _LARGEST_DOCUMENT_BYTES:
        raise StorageError(f"{file} is larger than {_LARGEST_DOCUMENT_BYTES} bytes.")
    return data
