"""Versions, programs that are tried, and kinds of file systems."""

import sys
import threading
from pathlib import Path

import pytest

from qrsession.checkups import mounts
from qrsession.checkups.findings import Status
from qrsession.checkups.mounts import file_systems, is_networked, kind_at
from qrsession.checkups.programs import judge_load, judge_start, meets, release_of
from qrsession.checkups.surroundings import Task, run_python

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    ("version", "bounds", "expected"),
    [
        ("2.3.0", ">=2.3,<3", True),
        ("2.3", "<3,>=2.3.0", True),
        ("2.2.9", ">=2.3,<3", False),
        ("3.0.0rc1", ">=2.3,<3", False),
        ("2.10", ">=2.9", True),
        ("1.0", "", True),
        ("1.0.1", "==1.0.1", True),
        ("1.0.2", "==1.0.1", False),
        ("1.0", ">1.0", False),
        ("1.0", "<=1", True),
        ("3.11.7", "<3.15,>=3.11", True),
        ("3.15.0", "<3.15,>=3.11", False),
    ],
)
def test_versions_are_held_against_bounds(version: str, bounds: str, expected: bool) -> None:
    assert meets(version, bounds) is expected


def test_a_version_begins_with_numbers() -> None:
    assert release_of("0.13.20261016.dev1+local") == (0, 13, 20261016)
    assert release_of("unknown") == ()


@pytest.mark.parametrize(
    ("bare_s", "typer_s", "status"),
    [
        (0.02, 0.1, Status.OK),
        (0.02, 1.2, Status.WARNING),
        # The machine is busy: all takes long.
        (0.4, 1.5, Status.OK),
        # Many times as long as nothing is nothing.
        (0.01, 0.3, Status.OK),
    ],
)
def test_a_slow_start_is_told_from_a_busy_machine(
    bare_s: float, typer_s: float, status: Status
) -> None:
    assert judge_start(bare_s, typer_s).status is status


def test_a_reason_is_one_line_of_some_length() -> None:
    finding = judge_load(1, "Traceback\n" + "x" * 5000 + "\n\n")
    assert finding.status is Status.FAILED
    assert len(finding.message) < 300


def test_python_is_run_and_its_end_told() -> None:
    done = run_python("import sys; sys.exit('went wrong')", 30)
    assert (done.exit_code, done.said) == (1, "went wrong\n")
    assert done.took_s > 0
    with pytest.raises(TimeoutError):
        run_python("import sys; sys.stdin.read(); import threading; threading.Event().wait()", 0.2)


def test_what_is_not_done_in_time_is_left_to_itself() -> None:
    end = threading.Event()
    slow = Task(lambda: end.wait(20), 0.01)
    with pytest.raises(TimeoutError):
        slow.outcome()
    end.set()
    assert Task(lambda: "done", 20).outcome() == "done"
    with pytest.raises(ZeroDivisionError):
        Task(lambda: 1 / 0, 20).outcome()


LIST = """\
/dev/sda1 / ext4 rw 0 0
server:/home /home nfs4 rw 0 0
tmpfs /home/me/with\\040blank tmpfs rw 0 0
broken
"""


def test_the_list_of_linux_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "mounts"
    file.write_text(LIST)
    monkeypatch.setattr(mounts, "_LIST", file)
    found = file_systems()
    assert found is not None
    assert kind_at(Path("/home/you/not/there"), found) == "nfs4"
    assert kind_at(Path("/home/me/with blank/x"), found) == "tmpfs"
    assert kind_at(Path("/var"), found) == "ext4"


MOUNT = """\
#!/bin/sh
echo '/dev/disk1s1 on / (apfs, local, journaled)'
echo 'server:/x on /Volumes/a (b) (nfs, nodev)'
echo 'map auto_home on /home (autofs, automounted)'
echo 'nonsense'
"""


def test_elsewhere_the_command_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mounts, "_LIST", tmp_path / "nowhere")
    program = tmp_path / "mount"
    program.write_text(MOUNT)
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    found = file_systems()
    assert found == {"/": "apfs", "/Volumes/a (b)": "nfs", "/home": "autofs"}
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    assert file_systems() is None


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("nfs", True),
        ("NFS4", True),
        ("fuse.sshfs", True),
        ("smbfs", True),
        ("lustre", True),
        ("ext4", False),
        ("apfs", False),
        ("tmpfs", False),
        ("fuse.portal", False),
    ],
)
def test_kinds_of_other_machines(kind: str, expected: bool) -> None:
    assert is_networked(kind) is expected


def test_this_machine_tells() -> None:
    if sys.platform == "linux":
        assert kind_at(Path("/"), file_systems() or {}) is not None
