"""The plug-in of pytest: what its fixtures are, what they share, and that nothing stays."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

LIMIT_S = 60
NO_QISKIT = """
import os
import pytest

def note(line):
    with open(os.environ["NOTES"], "a") as notes:
        print(line, file=notes)
"""


def run_pytest(
    folder: Path, text: str, *arguments: str
) -> tuple["subprocess.CompletedProcess[str]", list[str]]:
    """Run a module of tests, and return how that went, and what the tests noted."""
    (folder / "test_it.py").write_text(NO_QISKIT + text)
    notes = folder / "notes"
    done = subprocess.run(
        [sys.executable, *("-m", "pytest", "-q", "-p", "no:cacheprovider"), *arguments],
        cwd=folder,
        env={**os.environ, "NOTES": str(notes)},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    return done, notes.read_text().splitlines() if notes.exists() else []


def test_a_run_that_uses_none_of_it_pays_nothing() -> None:
    """The plug-in imports nothing that takes time."""
    script = (
        "import json, pytest, sys; before = set(sys.modules); import qrsession.testing.plugin;"
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == [
        "qrsession",
        "qrsession.lazy_names",
        "qrsession.testing",
        "qrsession.testing.plugin",
    ]


def test_tests_share_a_process_and_see_nothing_of_each_other(tmp_path: Path) -> None:
    """Jobs, sessions and what goes wrong; a test that ends the runtime harms none; markers."""
    text = """
@pytest.fixture(scope="session")
def qrsession_conditions():
    from qrsession.testing import RuntimeConditions
    return RuntimeConditions(submissions_per_minute=7)

def test_one(qrsession_service, qrsession_control, qrsession_runtime):
    note(qrsession_runtime._process.pid)
    assert qrsession_runtime.conditions.submissions_per_minute == 7
    from qrsession import Batch
    Batch(service=qrsession_service, backend="aer_simulator")
    qrsession_control.fail_next_request(404, times="always")

def test_two(qrsession_service, qrsession_control, qrsession_runtime):
    note(qrsession_runtime._process.pid)
    assert qrsession_control.counts() == ()
    from qrsession.protocol.status import SessionMode
    assert list(qrsession_service.client.list_workloads(SessionMode.BATCH)) == []
    qrsession_runtime.kill()

def test_three(qrsession_service, qrsession_runtime):
    note(qrsession_runtime._process.pid)
    assert qrsession_service.usage().allocation_s is None

@pytest.mark.qrsession(plan="gold")
def test_four(qrsession_runtime):
    assert False

@pytest.mark.qrsession("open", colour="red")
def test_five(qrsession_runtime):
    assert False

def test_six(qrsession_environ):
    assert os.environ["QISKIT_IBM_TOKEN"] == qrsession_environ["QISKIT_IBM_TOKEN"]
    from qrsession import RuntimeService
    assert RuntimeService().usage().consumed_s == 0

def test_seven():
    assert "QISKIT_IBM_TOKEN" not in os.environ
"""
    done, pids = run_pytest(tmp_path, text, "--strict-markers", "-W", "error")
    assert "5 passed, 2 errors" in done.stdout, done.stdout
    assert "There is no plan 'gold'" in done.stdout
    assert "takes plan, clock_rate" in done.stdout
    assert "not colour" in done.stdout
    assert pids[0] == pids[1] != pids[2]
    assert not [pid for pid in pids if psutil.pid_exists(int(pid))]


@pytest.mark.deep
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_process_outlives_the_run(tmp_path: Path, number: int) -> None:
    """Whether it is interrupted or killed, while the runtime is busy."""
    (tmp_path / "test_it.py").write_text(
        NO_QISKIT
        + """
def test_one(qrsession_runtime):
    note(qrsession_runtime._process.pid)
    import time
    time.sleep(600)
"""
    )
    notes = tmp_path / "notes"
    with subprocess.Popen(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env={**os.environ, "NOTES": str(notes)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as parent:
        deadline_s = time.monotonic() + LIMIT_S
        while not (notes.exists() and notes.read_text().endswith("\n")):
            assert time.monotonic() < deadline_s
        runtime = psutil.Process(int(notes.read_text()))
        family = [runtime, *runtime.children(recursive=True)]
        parent.send_signal(number)
    gone, alive = psutil.wait_procs(family, timeout=10)
    # One whose parent was init's child may wait there for somebody to ask for its status.
    left = [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]
    assert left == []
    assert gone or alive


@pytest.mark.deep
def test_each_worker_has_a_runtime_of_its_own(tmp_path: Path) -> None:
    """With pytest-xdist; and ``-x`` ends them as the end does."""
    text = """
@pytest.mark.parametrize("number", range(6))
def test_one(qrsession_runtime, qrsession_control, number):
    note(f"{os.environ['PYTEST_XDIST_WORKER']} {qrsession_runtime._process.pid}")
    assert qrsession_control.counts() == ()
    qrsession_control.take_offline()
    assert number < 5
"""
    done, notes = run_pytest(tmp_path, text, "-n", "2", "-x")
    assert done.returncode != 0
    pairs = {tuple(line.split()) for line in notes}
    assert len({worker for worker, _ in pairs}) == len({pid for _, pid in pairs}) == len(pairs) == 2
    assert not [pid for _, pid in pairs if psutil.pid_exists(int(pid))]
