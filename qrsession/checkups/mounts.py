"""Which kind of file system a folder is on. Linux has a list; elsewhere `mount` prints one."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

_LIST = Path("/proc/self/mounts")
_LIMIT_S = 2.0
# What `mount` prints on macOS and the BSDs: "host:/home on /home (nfs, nodev)".
_LINE = re.compile(r".* on (?P<where>/.*) \((?P<kind>\w+)[,)].*")
_NETWORKED = re.compile(
    r"(fuse\.)?(nfs\d?|cifs|smb\w*|afpfs|afs|lustre|gpfs|beegfs|ceph\w*|glusterfs|sshfs|9p|webdav"
    r"|davfs\d?|ncpfs|pvfs2|orangefs|panfs|wekafs)"
)


def file_systems() -> Mapping[str, str] | None:
    """Return the kinds of file systems by where they are mounted; None where nobody tells."""
    try:
        lines = _LIST.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return _from_command()
    parts = (line.split(" ") for line in lines if line.count(" ") > 1)
    return {_unescaped(part[1]): part[2] for part in parts}


def kind_at(folder: Path, mounts: Mapping[str, str]) -> str | None:
    """Return the kind of file system that a folder, which need not exist, is on."""
    for part in (folder, *folder.parents):
        if str(part) in mounts:
            return mounts[str(part)]
    return None


def is_networked(kind: str) -> bool:
    """Whether a kind of file system is on another machine."""
    return bool(_NETWORKED.fullmatch(kind.lower()))


def _unescaped(path: str) -> str:
    # A blank is written as \\040.
    return re.sub(r"\\(\d{3})", lambda code: chr(int(code[1], 8)), path)


def _from_command() -> Mapping[str, str] | None:
    try:
        done = subprocess.run(
            ["mount"],  # noqa: S607 - in another place on each system
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_LIMIT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    lines = done.stdout.decode("utf-8", "surrogateescape").splitlines()
    found = [match for line in lines if (match := _LINE.fullmatch(line))]
    return {match["where"]: match["kind"] for match in found}
