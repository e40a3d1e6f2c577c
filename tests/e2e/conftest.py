"""Command lines, run as a user runs them.

`COMMAND` is the installed command. `Cli` forks most of what it runs, for the sake of time; with
``START_EACH_COMMAND`` in the environment it starts the installed command each time.
"""

import atexit
import functools
import json
import os
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import CompletedProcess, run
from typing import Any

import pytest

from tests.e2e.forking import Forge

SCRIPTS = Path(sysconfig.get_path("scripts"))
COMMAND = SCRIPTS / "qrsession"
LIMIT_S = 60.0
# Elsewhere libraries of the system do not outlive a fork.
FORKS = sys.platform == "linux" and not os.environ.get("START_EACH_COMMAND")


@functools.cache
def _forge(*, has_qiskit: bool) -> Forge:
    forge = Forge(COMMAND, has_qiskit=has_qiskit)
    atexit.register(forge.stop)
    return forge


@dataclass(frozen=True)
class Cli:
    """Runs the command in one folder, with one environment."""

    folder: Path
    environ: Mapping[str, str] = field(default_factory=dict)

    def run(
        self, *arguments: str, stdin: bytes = b"", environ: Mapping[str, str] | None = None
    ) -> CompletedProcess[str]:
        """Run a command line to its end, off a terminal."""
        whole = {**os.environ, **self.environ, **(environ or {})}
        if FORKS:
            # That circuits which ran before need no Qiskit is tested where commands are started.
            forge = _forge(has_qiskit=arguments[:1] == ("run",))
            return forge.run(arguments, stdin, self.folder, whole, LIMIT_S)
        done = run(
            [str(COMMAND), *arguments],
            input=stdin,
            capture_output=True,
            cwd=self.folder,
            env=whole,
            timeout=LIMIT_S,
            check=False,
        )
        said = (done.stdout.decode(), done.stderr.decode())
        return CompletedProcess(done.args, done.returncode, *said)

    def ok(self, *arguments: str, stdin: bytes = b"") -> str:
        """Run a command line that must succeed, and return its stdout."""
        done = self.run(*arguments, stdin=stdin)
        assert done.returncode == 0, f"{arguments}: {done.stderr}"
        return done.stdout

    def data(self, *arguments: str, stdin: str = "") -> dict[str, Any]:
        """Run a command line with ``--json`` that must succeed, and return its data."""
        envelope = json.loads(self.ok(*arguments, "--json", stdin=stdin.encode()))
        assert envelope["status"] == "ok"
        found: dict[str, Any] = envelope["data"]
        return found

    def error(self, code: int, *arguments: str, stdin: bytes = b"") -> dict[str, Any]:
        """Run a command line that must fail with an exit code, and return the envelope's error."""
        done = self.run(*arguments, "--json", stdin=stdin)
        assert done.returncode == code, f"{arguments}: {done.returncode}, {done.stderr}"
        assert 0 < len(done.stderr.splitlines()) <= 3, done.stderr
        envelope = json.loads(done.stdout)
        assert envelope["status"] == "error"
        assert envelope["data"] is None
        found: dict[str, Any] = envelope["error"]
        return found


@pytest.fixture
def cli(shared_home: Path, tmp_path: Path) -> Cli:
    """Return the command in the shared home, with a ledger of this test's own."""
    assert shared_home.is_dir()
    folder = tmp_path / "work"
    folder.mkdir()
    return Cli(folder, {"QRSESSION_STATE": str(tmp_path / "ledger" / "state.toml")})


@pytest.fixture
def own_cli(fresh_home: Path, tmp_path: Path) -> Cli:
    """Return the command in a home of this test's own."""
    assert not fresh_home.exists()
    folder = tmp_path / "work"
    folder.mkdir()
    return Cli(folder)


@pytest.fixture
def session(cli: Cli) -> str:
    """Open a session on the simulator, and return its id."""
    return cli.ok("open", "--local", "--backend", "aer_simulator", "--quiet").strip()
