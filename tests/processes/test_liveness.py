"""Whether a process is there, told by each of the ways that systems have."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from qrsession.processes import liveness
from qrsession.processes.liveness import Vigil, has_ended, start_of
from tests.e2e.programs import wait_for

pytestmark = [
    pytest.mark.fast,
    pytest.mark.skipif(sys.platform == "win32", reason="numbers of processes are those of POSIX"),
]

LIMIT_S = 20.0


@pytest.fixture
def child() -> Iterator["subprocess.Popen[bytes]"]:
    """Return a process that ends when its stdin is closed, or when it is killed."""
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        yield process


def test_a_process_has_one_beginning(child: "subprocess.Popen[bytes]") -> None:
    ours = start_of(os.getpid())
    assert ours
    assert start_of(os.getpid()) == ours
    assert not has_ended(os.getpid(), ours)
    assert start_of(child.pid) not in {None, ours}
    # Where a beginning is not known, the number is all there is to go by.
    assert not has_ended(child.pid, "")


def test_a_number_that_was_used_again_is_another_process() -> None:
    assert has_ended(os.getpid(), "1")
    assert Vigil(os.getpid(), "1").wait(0)


def test_what_has_ended_is_not_there(child: "subprocess.Popen[bytes]") -> None:
    """Nor is one whose parent has not asked how it ended."""
    start = start_of(child.pid)
    assert start
    child.kill()
    wait_for(lambda: start_of(child.pid) is None, LIMIT_S, "the end")
    assert has_ended(child.pid, start)
    child.wait()
    assert start_of(child.pid) is None
    assert start_of(2**40) is None


def test_a_system_without_proc_asks_ps(child: "subprocess.Popen[bytes]") -> None:
    start = liveness._start_by_ps(child.pid)
    if not start:
        pytest.skip("there is no ps")
    assert ":" in start
    assert liveness._start_by_ps(child.pid) == start
    child.kill()
    wait_for(lambda: liveness._start_by_ps(child.pid) is None, LIMIT_S, "the end")


@pytest.mark.parametrize("is_told", [True, False])
def test_waiting_for_the_end_of_a_process(
    child: "subprocess.Popen[bytes]", monkeypatch: pytest.MonkeyPatch, *, is_told: bool
) -> None:
    """By the kernel's word, and where it gives none by looking."""
    if not is_told:
        monkeypatch.setattr(liveness, "_pidfd_of", lambda _pid: None)
        monkeypatch.setattr(liveness, "_queue_of", lambda _pid: None)
        monkeypatch.setattr(liveness, "_LOOK_S", 0.01)
    start = start_of(child.pid)
    assert start
    vigil = Vigil(child.pid, start)
    assert not vigil.wait(0)
    child.kill()
    assert vigil.wait(LIMIT_S)
    assert vigil.wait(0)
    vigil.close()
