"""What must be up while something is measured: a home with its local runtime, and an emulator."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.timing import wall_ms

# Of the smallest that the emulator has and that can run a Bell circuit: it has no ideal simulator,
# and the noise of a large device would be held against the wrong one.
DEVICE = "ibm_quito"
# Accounts and settings of whoever measures, and what changes how Python starts.
_UNWANTED = ("QRSESSION_", "QISKIT_", "IAM_URL", "PYTHON", "CI")
_STOP_LIMIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Home:
    """A home of its own for one measurement.

    Attributes:
        folder: An empty folder to run in.
        environ: The environment of everything that is run.
        scripts: Where the commands are that were installed.
    """

    folder: Path
    environ: dict[str, str]
    scripts: Path

    def having(self, variables: Mapping[str, str]) -> "Home":
        """Return this home with more variables."""
        return replace(self, environ={**self.environ, **variables})

    def wall_ms(self, *command: str | Path) -> float:
        """Run an installed command, named first, and return its wall time in milliseconds."""
        return wall_ms([self.scripts / command[0], *command[1:]], self.environ, self.folder)

    def output(self, *command: str | Path) -> str:
        """Run an installed command and return what it prints."""
        done = subprocess.run(
            [self.scripts / command[0], *command[1:]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            env=self.environ,
            cwd=self.folder,
            check=True,
            text=True,
        )
        return done.stdout


@contextmanager
def new_home(venv: Path) -> Iterator[Home]:
    """Make a home for the time of a measurement."""
    root = Path(tempfile.mkdtemp(prefix="qrsession-benchmark-"))
    environ = {n: value for n, value in os.environ.items() if not n.startswith(_UNWANTED)}
    folders = [root / name for name in ("user", "run")]
    for folder in folders:
        folder.mkdir()
    environ |= {"HOME": str(folders[0]), "QRSESSION_HOME": str(root / "home")}
    try:
        yield Home(folders[1], environ, venv / "bin")
    finally:
        shutil.rmtree(root)


@contextmanager
def local_runtime(home: Home) -> Iterator[None]:
    """Have the local runtime up and warm, with one session open that has run one job."""
    home.output("qrsession", "open", "--local", "--backend", "aer_simulator", "--quiet")
    try:
        home.output("qrsession", "run", "@bell", "--quiet")
        yield
    finally:
        home.output("qrsession", "local", "stop", "--quiet")


@contextmanager
def serving(home: Home, *options: str | Path) -> Iterator[str]:
    """Have a home's local runtime up in the foreground, started with options, and give its URL."""
    command = [home.scripts / "qrsession", "serve", *options]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, env=home.environ, cwd=home.folder, text=True
    ) as process:
        try:
            url = process.stdout.readline().strip() if process.stdout else ""
            if not url:
                raise RuntimeError("The local runtime did not start.")
            yield url
        finally:
            process.terminate()
            process.wait(_STOP_LIMIT_S)


@contextmanager
def emulator(home: Home, *, is_noisy: bool = False) -> Iterator[int]:
    """Have the emulator up, with the noise of its device where asked for, and give its port."""
    command: list[str | Path] = [
        home.scripts / "localqpu",
        "start",
        "--port",
        "0",
        "--backends",
        DEVICE,
    ]
    if is_noisy:
        scenario = home.folder / "noise.json"
        scenario.write_text('{"noise": true}')
        command += ["--scenario", scenario]
    with (home.folder / "emulator.log").open("w+") as log:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=log,
            # What it says is Korean, whatever the language here.
            env=home.environ | {"PYTHONUTF8": "1"},
            encoding="utf-8",
        )
        try:
            # It prints its address once it listens.
            line = process.stdout.readline() if process.stdout else ""
            match = re.search(r"http://127\.0\.0\.1:(\d+)", line)
            if match is None:
                log.seek(0)
                raise RuntimeError(f"The emulator did not start:\n{log.read()}")
            yield int(match[1])
        finally:
            process.terminate()
            process.wait(_STOP_LIMIT_S)
