"""What the README shows works as it stands."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import SCRIPTS
from tests.e2e.programs import default_account

README = Path(__file__).parents[2] / "README.md"
pytestmark = pytest.mark.timeout(180)


def blocks(language: str) -> list[str]:
    """Return the README's blocks of code in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README.read_text(), re.DOTALL | re.MULTILINE)


def run(command: list[str], folder: Path, text: str) -> "subprocess.CompletedProcess[str]":
    """Run a program from its standard input, with this environment's commands in the PATH."""
    environ = {**os.environ, "PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(
        command,
        input=text,
        text=True,
        capture_output=True,
        cwd=folder,
        env=environ,
        timeout=150,
        check=False,
    )


def test_first_screen_has_the_two_commands() -> None:
    """One runs the main job, one passes the tests; both make their own environment."""
    first_screen = "".join(README.read_text().splitlines(keepends=True)[:28])
    main_job, tests = re.findall(r"^```sh\n(.*?)^```", first_screen, re.DOTALL | re.MULTILINE)
    assert main_job.strip() == (
        "python3 -m venv .venv && .venv/bin/pip install . && "
        ".venv/bin/qrsession exec --local -- qrsession run @bell"
    )
    assert tests.startswith("python3 -m venv .venv && .venv/bin/pip install")
    assert "pytest" in tests


def test_commands_of_the_tour(fresh_home: Path, tmp_path: Path) -> None:
    """Every command of the tour succeeds, one after the other, in one home."""
    tour = [block for block in blocks("sh") if "venv" not in block][:3]
    done = run(["bash", "-euo", "pipefail"], tmp_path, "\n".join(tour))
    assert done.returncode == 0, done.stderr
    assert fresh_home.is_dir()
    assert "aer_simulator" in done.stdout


def test_commands_for_a_quantum_computer(fresh_home: Path, tmp_path: Path) -> None:
    """With an account, whose key is typed where a person sits, and whose service is a server here.

    The place of the key and of the service is all that is put in for the test.
    """
    save = "qrsession account save --default\n"
    setting_up, working = [block for block in blocks("sh") if "venv" not in block][3:5]
    assert setting_up.startswith(save)
    with default_account(tmp_path) as server:
        (tmp_path / "key").write_text(server.key)
        Path.home().joinpath(".qiskit", "qiskit-ibm.json").unlink()
        given = f"{save.strip()} --token-file key --url {server.url}\n"
        script = setting_up.replace(save, given) + working
        done = run(["bash", "-euo", "pipefail"], tmp_path, script)
    assert done.returncode == 0, done.stderr
    assert "The key is good" in done.stdout
    assert "0000\t" in done.stdout
    assert "of it idle" in done.stderr
    assert not (fresh_home / "data").exists()


def test_commands_for_a_twin(fresh_home: Path, tmp_path: Path) -> None:
    """A session on a noisy device, and a script of IBM's client that knows nothing of this one."""
    by_hand, unmodified = [block for block in blocks("sh") if "venv" not in block][5:]
    (tmp_path / "script.py").write_text(
        "from qiskit_ibm_runtime import QiskitRuntimeService\n"
        "print(QiskitRuntimeService().backend('ibm_fez').num_qubits)\n"
    )
    done = run(["bash", "-euo", "pipefail"], tmp_path, by_hand + unmodified)
    assert done.returncode == 0, done.stderr
    assert fresh_home.is_dir()
    counts = dict(re.findall(r"^([01]{2})\t(\d+)$", done.stdout, re.MULTILINE))
    assert sum(map(int, counts.values())) == 4000
    assert len(counts) == 4, "noise shows"
    assert done.stdout.endswith("\n156\n")


def test_python_program(fresh_home: Path, tmp_path: Path) -> None:
    """The program runs as it stands, with no account set up."""
    (program,) = blocks("python")
    done = run([sys.executable, "-W", "error", "-"], tmp_path, program)
    assert done.returncode == 0, done.stderr
    assert fresh_home.is_dir()
    counts = re.search(r"Counts are \{(.*)\}", done.stdout)
    assert counts is not None
    assert set(re.findall(r"'(\d\d)'", counts[1])) == {"00", "11"}
