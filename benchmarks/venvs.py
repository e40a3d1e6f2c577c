"""Virtual environments: one with this project alone, one with the client that it is compared with.

They are made once and used again. Ours is brought up to date when a file of the package changed, so
that what is measured is always the checkout.
"""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
PEER_REQUIREMENTS = ("localqpu==0.3.0", "qiskit-ibm-runtime>=0.51,<0.52")
# What would keep bytecode from being written, or other packages from staying outside.
_UNWANTED = ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "PYTHONHOME", "PYTHONPYCACHEPREFIX")


def own_venv(work: Path) -> Path:
    """Return the folder of an environment with this project, installed as a user installs it."""
    sources = [CHECKOUT / "pyproject.toml", *sorted((CHECKOUT / "qrsession").rglob("*"))]
    return _prepared(work / "own", [str(CHECKOUT)], _digest(sources))


def peer_venv(work: Path) -> Path:
    """Return the folder of an environment with qiskit-ibm-runtime and an emulator."""
    return _prepared(work / "peer", PEER_REQUIREMENTS, " ".join(PEER_REQUIREMENTS))


def versions(venv: Path, packages: Iterable[str]) -> str:
    """Return what is installed of some packages, as ``name version, name version``."""
    script = "import importlib.metadata as m, sys; print(*map(m.version, sys.argv[1:]))"
    names = list(packages)
    found = subprocess.run(
        [venv / "bin" / "python", "-c", script, *names], capture_output=True, text=True, check=True
    ).stdout.split()
    return ", ".join(f"{name} {version}" for name, version in zip(names, found, strict=True))


def _prepared(folder: Path, requirements: Sequence[str], digest: str) -> Path:
    python = folder / "bin" / "python"
    stamp = folder / "prepared"
    wanted = f"{sys.version}\n{digest}"
    if stamp.exists() and stamp.read_text() == wanted:
        return folder
    sys.stderr.write(f"Preparing {folder}\n")
    if not stamp.exists() or not stamp.read_text().startswith(sys.version):
        _run([sys.executable, "-m", "venv", "--clear", folder])
    stamp.unlink(missing_ok=True)
    _run([python, "-m", "pip", "install", "--quiet", *requirements])
    # Some packages ship templates that are no Python; what can be imported compiles.
    _run([python, "-m", "compileall", "-qq", *folder.glob("lib/*/site-packages")], check=False)
    stamp.write_text(wanted)
    return folder


def _run(command: Sequence[str | Path], *, check: bool = True) -> None:
    environ = {name: value for name, value in os.environ.items() if name not in _UNWANTED}
    subprocess.run(command, env=environ, check=check, stdout=sys.stderr)


def _digest(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        if file.is_file() and "__pycache__" not in file.parts:
            digest.update(f"{file.relative_to(CHECKOUT)}\n".encode() + file.read_bytes())
    return digest.hexdigest()
